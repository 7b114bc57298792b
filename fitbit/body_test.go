package fitbit_test

import (
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

func TestMeasured(t *testing.T) {
	for _, c := range []struct {
		at   string
		by   fitbit.Recording
		want string
	}{
		{"2026-11-20T23:59:59+01:00", fitbit.RecordedByHand, "2026-11-20T00:00:00+01:00"},
		{"2026-11-20T23:59:59.5-05:00", fitbit.RecordedOther, "2026-11-20T00:00:00-05:00"},
		{"2026-11-20T23:59:59+01:00", fitbit.RecordedByScale, "2026-11-20T23:59:59+01:00"}, // somebody is up late
		{"2026-11-20T23:59:58+01:00", fitbit.RecordedByHand, "2026-11-20T23:59:58+01:00"},
		{"2026-11-20T07:14:09+01:00", fitbit.RecordedByHand, "2026-11-20T07:14:09+01:00"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := fitbit.Measured(at, c.by).Format(time.RFC3339); got != c.want {
			t.Errorf("recorded %s at %s, measured at %s, want %s", c.by, c.at, got, c.want)
		}
	}
}
