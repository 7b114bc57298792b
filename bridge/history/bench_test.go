package history_test

import (
	"fmt"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// BenchmarkRecall reads what a start needs of somebody who has weighed in every
// morning for five years.
func BenchmarkRecall(b *testing.B) {
	s, _ := newStore(b)
	var e bridge.Entry
	for i := range 5 * 365 {
		t := moment().AddDate(0, 0, -i)
		e.Weights = append(e.Weights, weight(fmt.Sprint("w", i), t))
		e.Fats = append(e.Fats, fat(fmt.Sprint("f", i), t))
		e.Days = append(e.Days, fitbit.HeartDay{Date: fitbit.DateOf(t), RestingBPM: new(58)})
	}
	record(b, s, "u1", e)
	for b.Loop() {
		if p, err := s.Recall(b.Context(), "u1"); err != nil || len(p.Weights) != 5*365 {
			b.Fatal(len(p.Weights), err)
		}
	}
}
