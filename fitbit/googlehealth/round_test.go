package googlehealth_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// TestFirstRound: all that is asked about a new person, with a year of readings.
func TestFirstRound(t *testing.T) {
	l := newLab(t, fakecloud.PersonOptions{})
	today := day(t, "2026-11-20")
	l.anna.Generate(today.AddDays(-365), today)
	l.asked()
	ctx, c := t.Context(), l.client
	must := func(n int, err error) {
		t.Helper()
		if err != nil || n == 0 {
			t.Errorf("%d readings (%v)", n, err)
		}
	}
	_, err := c.Identity(ctx)
	must(1, err)
	_, err = c.Settings(ctx)
	must(1, err)
	_, err = c.Height(ctx)
	must(1, err)
	weights, err := c.Weights(ctx, year())
	must(len(weights), err)
	fats, err := c.BodyFats(ctx, year())
	must(len(fats), err)
	for _, m := range []fitbit.Metric{fitbit.HeartRange, fitbit.HeartZones, fitbit.RestingHeartRate, fitbit.HRV} {
		days, err := c.HeartDays(ctx, m, today.AddDays(-29), today)
		must(len(days), err)
	}
	_, err = c.LatestHeartSample(ctx, noon().AddDate(0, 0, -1))
	must(1, err)
	devices, err := c.Devices(ctx)
	must(len(devices), err)
	if n := l.asked(); n != 13 { // three of them for the range: 14 days at most
		t.Errorf("%d requests, want 13", n)
	}
}

// TestPace: a round passes at once, with some to spare, and many more do not.
func TestPace(t *testing.T) {
	c := cannedClient(func(*http.Request) string { return "{}" })
	passed := 0
	for ; passed < 200; passed++ {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond) // less than a turn takes
		_, err := c.Weights(ctx, year())
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if passed < 20 || passed == 200 {
		t.Errorf("%d requests passed at once, want 20", passed)
	}
}
