package bridge_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// A cloud that takes a question and never answers is given up after a minute for each
// person, who does not wait for the others; what was not reached is named.
func TestARoundWithASilentCloud(t *testing.T) {
	t.Parallel()
	silent := func(about ...fitbit.Metric) func(context.Context, fitbit.Metric) error {
		return func(ctx context.Context, m fitbit.Metric) error {
			if len(about) > 0 && !slices.Contains(about, m) {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}
	}
	const rest = "minutes in heart-rate zones, resting heart rate, heart rate variability, latest heart rate"
	for name, c := range map[string]struct {
		about  []fitbit.Metric // what is never answered; empty: nothing is
		missed string
		round  string
	}{
		"all":          {nil, "time zone, height, weight, body fat, daily heart rate, " + rest + ", batteries of scale and tracker", "anna cloud_unavailable"},
		"the profile":  {[]fitbit.Metric{fitbit.SettingsMetric}, "time zone, height", "anna cloud_unavailable weigh_in b"},
		"the body fat": {[]fitbit.Metric{fitbit.BodyFatMetric}, "body fat", "anna cloud_unavailable weigh_in b"},
		"the heart":    {[]fitbit.Metric{fitbit.HeartZones}, rest, "anna cloud_unavailable weigh_in b"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inHouse(t, func(h *house) {
				h.people.clouds["u2"] = newCloud()
				h.people.set(anna(), ben())
				h.brokerUp()
				h.wantRound()
				h.weigh("b", 0, 78, hand)
				h.anna.days[fitbit.HeartRange] = []fitbit.HeartDay{{Date: fitbit.DateOf(time.Now()), MinBPM: new(50)}}
				h.anna.refuse, h.people.clouds["u2"].refuse = silent(c.about...), silent(c.about...)
				began := time.Now()
				rounds, err := h.once()
				if took := time.Since(began); err != nil || took > 70*time.Second {
					h.Errorf("%v after %s", err, took)
				}
				h.expect("found", inShort(rounds)[:1], c.round)
				for _, r := range rounds {
					if !errors.Is(r.Err, fitbit.ErrUnavailable) || r.Err.Error() != "cloud unavailable: it did not answer in time about "+c.missed {
						h.Errorf("%s: %v", r.Account.Name, r.Err)
					}
				}
				if heart := h.holds("fitbit2mqtt/anna/heart"); strings.Contains(heart, `"min_bpm":50`) != (c.about != nil) {
					h.Errorf("heart: %s", heart)
				}
				h.anna.refuse, h.people.clouds["u2"].refuse = nil, nil
				h.pass(time.Minute)
				h.wantRound()
				h.wantState(bridge.StateOK, "online")
			})
		})
	}
}
