package sqlite

// At has f called after each step of the replacement.
func (r *Replacement) At(f func(point string)) { r.at = f }

// FinishAt is FinishReplacement with f called after each step.
func FinishAt(folder string, f func(point string)) (bool, error) { return finish(folder, f) }
