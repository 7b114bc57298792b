package web

import (
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
)

// TestWindowOfTheHeart asks people at both ends of the world for their seven days.
func TestWindowOfTheHeart(t *testing.T) {
	t.Parallel()
	now := time.Date(2031, time.March, 14, 11, 0, 0, 0, time.UTC)
	s := &site{Options: Options{Now: func() time.Time { return now }}}
	for zone, today := range map[string]int{"UTC": 14, "Pacific/Kiritimati": 15, "Pacific/Pago_Pago": 14, "Pacific/Auckland": 15} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		p := bridge.PersonReport{Location: loc}
		from, to := s.window(p, chartMetric{heart: true}, 7)
		noon := func(day int) time.Time { return time.Date(2031, time.March, day, 12, 0, 0, 0, time.UTC) }
		if from.After(noon(today-6)) || from.Before(noon(today-7)) || to.Before(noon(today)) || to.After(noon(today+1)) {
			t.Errorf("%s: from %v to %v", zone, from, to)
		}
		if _, to := s.window(p, chartMetric{}, 7); !to.Equal(now) {
			t.Errorf("%s: weigh-ins are shown to %v", zone, to)
		}
	}
}
