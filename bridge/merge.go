package bridge

import (
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// floating is how far a reading may lie from where it was: a cloud that keeps what the
// clocks showed, and no offset, places all readings in the zone of the day, and zones
// are up to 26 hours apart.
const floating = 26 * time.Hour

// reading is one of weight or of body fat.
type reading[T any] interface {
	face() face
	// measuredAt is the reading, but measured then.
	measuredAt(t time.Time) T
}

// face is what can be compared of a reading.
type face struct {
	Ref
	at    time.Time
	value float64
	fitbit.Origin
}

func (w KnownWeight) face() face { return face{w.Ref(), w.Time, w.Kilograms, w.Origin} }
func (f KnownFat) face() face    { return face{f.Ref(), f.Time, f.Percent, f.Origin} }

func (w KnownWeight) measuredAt(t time.Time) KnownWeight {
	w.Time = t
	return w
}

func (f KnownFat) measuredAt(t time.Time) KnownFat {
	f.Time = t
	return f
}

func (f face) differs(other face) bool {
	return !f.at.Equal(other.at) || offset(f.at) != offset(other.at) || f.value != other.value || f.Origin != other.Origin
}

func offset(t time.Time) int {
	_, seconds := t.Zone()
	return seconds
}

// wall is what a clock showed at t, as if it had been one in Greenwich.
func wall(t time.Time) time.Time { return t.UTC().Add(time.Duration(offset(t)) * time.Second) }

// merged is what a listing changes in one list of readings.
type merged[T reading[T]] struct {
	changed []T // new or different
	gone    []Ref
	doubted ids  // missing for the first time, or doubted before and not listed this time
	doubt   bool // there is one of the former
	twins   []twin[T]
}

// same reports whether the list is as it was.
func (m merged[T]) same() bool { return len(m.changed)+len(m.gone) == 0 }

// apply returns a list with the changes made.
func (m merged[T]) apply(known []T) []T {
	settled := make(map[Ref]bool, len(m.changed)+len(m.gone))
	for _, v := range m.changed {
		settled[v.face().Ref] = true
	}
	for _, r := range m.gone {
		settled[r] = true
	}
	all := make([]T, 0, len(known)+len(m.changed))
	for _, v := range known {
		if !settled[v.face().Ref] {
			all = append(all, v)
		}
	}
	return append(all, m.changed...)
}

// merge compares known readings with a complete list of a window in one cloud. What is
// known from other clouds cannot be missing in it, but may be told again.
func merge[T reading[T]](known, listed []T, in listing, doubted ids, rounding float64) merged[T] {
	m := merged[T]{doubted: make(ids)}
	fresh := make(map[string]T, len(listed))
	for _, v := range listed {
		fresh[v.face().ID] = v
	}
	certain := in.window
	certain.From = certain.From.Add(floating)
	for _, old := range known {
		f := old.face()
		if f.Cloud != in.cloud {
			continue
		}
		v, stays := fresh[f.ID]
		switch {
		case stays:
			if wall(v.face().at).Equal(wall(f.at)) { // an offset that is another today moves nothing
				v = v.measuredAt(f.at)
			}
			if delete(fresh, f.ID); v.face().differs(f) {
				m.changed = append(m.changed, v)
			}
		case !certain.Contains(f.at):
			if doubted[f.ID] {
				m.doubted[f.ID] = true
			}
		case doubted[f.ID]:
			m.gone = append(m.gone, f.Ref)
		default:
			m.doubted[f.ID], m.doubt = true, true
		}
	}
	edited := len(m.changed)
	for _, v := range listed { // in the list's order
		if _, isNew := fresh[v.face().ID]; isNew {
			m.changed = append(m.changed, v)
			delete(fresh, v.face().ID)
		}
	}
	m.recognise(known, edited, rounding)
	return m
}
