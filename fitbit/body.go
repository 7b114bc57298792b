package fitbit

import "time"

// Recording says how a reading came to be.
type Recording string

// The ways a reading can be recorded.
const (
	RecordedByScale Recording = "scale"  // a device weighed
	RecordedByHand  Recording = "manual" // a person typed it in
	RecordedOther   Recording = "other"  // another app, an import, or unknown
)

// Origin says where a reading comes from.
type Origin struct {
	// Device is the name people know the source by, such as "Aria Air"; empty if unknown.
	Device   string
	Recorded Recording
}

// Weight is one reading of a person's weight as a cloud lists it.
type Weight struct {
	// ID names the reading in its cloud and survives edits there: 1 to 128 of [A-Za-z0-9_-].
	ID string
	// Time is when it was measured, with the person's UTC offset then.
	Time      time.Time
	Kilograms float64
	Origin
}

// BodyFat is one reading of a person's body fat as a cloud lists it. A weighing
// on a scale yields a Weight and a BodyFat with (nearly) the same time.
type BodyFat struct {
	ID      string // as in [Weight]
	Time    time.Time
	Percent float64 // of body mass, 0 to 100
	Origin
}

// Measured returns when a reading was measured that a cloud says was recorded so at
// that time. Fitbit files what is typed in without a time of day under 23:59:59: in the
// evening that lies ahead, and it would outrank whatever the scale measured on that
// day. Such a reading is taken to be the first of its day.
func Measured(at time.Time, by Recording) time.Time {
	if h, m, s := at.Clock(); by == RecordedByScale || h != 23 || m != 59 || s != 59 {
		return at
	}
	return DateOf(at).Start(at.Location())
}

// BMI returns the body-mass index in kg/m² of a weight in kilograms and a height
// in metres, and false where the height is unknown.
func BMI(kilograms, metres float64) (float64, bool) {
	if !(metres > 0) { // NaN is not a height either
		return 0, false
	}
	return kilograms / (metres * metres), true
}
