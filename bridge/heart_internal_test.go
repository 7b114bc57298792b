package bridge

import (
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

func TestHeartDaysAdd(t *testing.T) {
	t.Parallel()
	d := fitbit.Date{Year: 2026, Month: 11, Day: 20}
	h := newHeartDays(nil)
	first := []fitbit.HeartDay{{Date: d, MinBPM: new(51), MaxBPM: new(90)}, {Date: d.AddDays(-1), RestingBPM: new(58)}, {Date: d, HRVMillis: new(41.0)}}
	if got := h.add(first); len(got) != 2 || got[0].Date != d.AddDays(-1) || *got[1].MinBPM != 51 || *got[1].HRVMillis != 41 {
		t.Errorf("first: %+v", got)
	}
	if got := h.add(first); len(got) != 0 {
		t.Errorf("the same again: %+v", got)
	}
	if got := h.add([]fitbit.HeartDay{{Date: d}}); len(got) != 0 || *h[d].MinBPM != 51 {
		t.Errorf("nothing known of the day blanks it: %+v", got)
	}
	zones := func(light int, out *int) []fitbit.HeartDay {
		return []fitbit.HeartDay{{Date: d, Zones: &fitbit.ZoneMinutes{OutOfRange: out, Light: new(light)}}}
	}
	unlit := []fitbit.HeartDay{{Date: d, Zones: &fitbit.ZoneMinutes{OutOfRange: new(5)}}}
	for i, z := range [][]fitbit.HeartDay{zones(0, nil), zones(1, nil), zones(1, new(0)), zones(1, new(5)), unlit, zones(0, new(5))} {
		if got := h.add(z); len(got) != 1 {
			t.Errorf("zones %d: %+v", i, got)
		}
		if got := h.add(z); len(got) != 0 {
			t.Errorf("zones %d again: %+v", i, got)
		}
	}
}

func TestHeartState(t *testing.T) {
	t.Parallel()
	d := fitbit.Date{Year: 2026, Month: 11, Day: 20}
	h := newHeartDays([]fitbit.HeartDay{
		{Date: d.AddDays(-7), RestingBPM: new(50), HRVMillis: new(30.0)},
		{Date: d.AddDays(-6), RestingBPM: new(55)},
		{Date: d.AddDays(-1), MinBPM: new(51), Zones: &fitbit.ZoneMinutes{Light: new(3)}},
	})
	s := h.state(d, fitbit.HeartSample{}, "anna")
	if *s.RestingBPM != 55 || *s.RestingDate != "2026-11-14" || s.HRVMillis != nil || s.HRVDate != nil {
		t.Errorf("the newest of a week: %s", encode(s))
	}
	if *s.Date != "2026-11-20" || s.MinBPM != nil || s.LightMin != nil {
		t.Errorf("a new day starts empty: %s", encode(s))
	}
	h.forgetBefore(d.AddDays(-6))
	if len(h) != 2 {
		t.Errorf("left: %v", h)
	}
}

func TestZones(t *testing.T) {
	t.Parallel()
	load := func(name string) *time.Location {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		return loc
	}
	winter, summer := morning(), morning().AddDate(0, -5, 0)
	for _, c := range []struct {
		loc  *time.Location
		want string
	}{
		{load("Europe/Berlin"), "Europe/Berlin"},
		{load("UTC"), "UTC"},
		{time.FixedZone("", -3600*5-1800), "-05:30"},
		{time.FixedZone("my own", 3600), "+01:00"}, // no such name to find again
	} {
		name := ZoneName(c.loc, winter)
		if name != c.want {
			t.Errorf("%s is stored as %q, want %q", c.loc, name, c.want)
		}
		for _, now := range []time.Time{winter, summer} {
			if got := zone(name); offset(now.In(got)) != offset(now.In(c.loc)) {
				t.Errorf("%s comes back as %s", c.loc, got)
			}
		}
	}
	for _, name := range []string{"", "Local", "Atlantis/Capital"} {
		if got := zone(name); got != time.UTC {
			t.Errorf("zone %q is %v", name, got)
		}
	}
}
