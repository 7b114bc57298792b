package bridge_test

import (
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// What somebody else has fetched fills in what the bridge does not know, and changes
// nothing of what it does.
func TestPastWithMore(t *testing.T) {
	t.Parallel()
	monday := time.Date(2026, 11, 16, 7, 0, 0, 0, time.FixedZone("", 3600))
	scale := fitbit.Origin{Device: "Aria Air", Recorded: fitbit.RecordedByScale}
	weight := func(cloud, id string, day int, kg float64) bridge.KnownWeight {
		return bridge.KnownWeight{Weight: fitbit.Weight{ID: id, Time: monday.AddDate(0, 0, day), Kilograms: kg, Origin: scale}, Cloud: cloud}
	}
	fat := func(cloud, id string, day int, percent float64) bridge.KnownFat {
		return bridge.KnownFat{BodyFat: fitbit.BodyFat{ID: id, Time: monday.AddDate(0, 0, day), Percent: percent, Origin: scale}, Cloud: cloud}
	}
	known := bridge.Past{Weights: []bridge.KnownWeight{weight("google", "1", 0, 78), weight("google", "2", 1, 78.4)}}
	known.Weights[0].WeighIn = "old" // it has been published under that name
	all := known.With(
		[]bridge.KnownWeight{
			weight("google", "1", 0, 90),     // corrected since
			weight("fitbit", "f2", 1, 78.43), // another cloud's word for what is known
			weight("fitbit", "f3", 2, 79), weight("google", "g3", 2, 79.04), weight("fitbit", "f3", 3, 79),
		},
		[]bridge.KnownFat{fat("google", "1", 0, 24), fat("google", "1", 0, 24)})
	got := all.WeighIns()
	if len(got) != 3 || got[0].ID != "old" || got[0].Kilograms != 78 || got[0].Fat == nil || got[0].Fat.Percent != 24 ||
		got[1].ID != "2" || got[2].ID != "f3" || got[2].Kilograms != 79 {
		t.Errorf("%+v", got)
	}
	if len(known.Weights) != 2 || len(all.Fats) != 1 {
		t.Errorf("known %+v, together %+v", known, all)
	}
}

func TestPastLocation(t *testing.T) {
	t.Parallel()
	at := func(hours int) time.Time { return time.Date(2026, 11, 16, 7, 0, 0, 0, time.FixedZone("", hours*3600)) }
	for want, p := range map[string]bridge.Past{
		"+00:00": {},
		"+02:00": {Weights: []bridge.KnownWeight{{Weight: fitbit.Weight{Time: at(2)}}}},
		"+01:00": {Weights: []bridge.KnownWeight{{Weight: fitbit.Weight{Time: at(2)}}}, Profile: bridge.Profile{Latest: fitbit.HeartSample{Time: at(1)}}},
		"-05:00": {Profile: bridge.Profile{TimeZone: "America/New_York", Latest: fitbit.HeartSample{Time: at(1)}}},
	} {
		if got := at(0).In(p.Location()).Format("-07:00"); got != want {
			t.Errorf("%+v: %s, want %s", p, got, want)
		}
	}
}
