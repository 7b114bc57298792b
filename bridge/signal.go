package bridge

// signal is a flag that one goroutine raises and another waits for. Raising it
// twice before it is seen is the same as raising it once.
type signal chan struct{}

func newSignal() signal { return make(signal, 1) }

func (s signal) raise() {
	select {
	case s <- struct{}{}:
	default:
	}
}
