package recorder_test

import (
	"slices"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/recorder"
)

func TestHours(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 9, 9, 59, 0, time.UTC)
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	got := recorder.Hours([]recorder.Reading{
		{at("2026-11-20T07:59:59+01:00"), 70},
		{at("2026-11-20T07:00:00+01:00"), 72},
		{at("2026-11-20T07:14:09+01:00"), 74},
		{at("2026-11-19T07:29:00+05:30"), 60}, // their clocks strike the half hour
		{at("2026-11-19T07:31:00+05:30"), 61},
		{at("2026-11-20T07:59:59Z"), 80}, // over for more than ten minutes
		{at("2026-11-20T08:00:00Z"), 81}, // over for less
		{at("2026-11-20T09:05:00Z"), 82},
		{at("2026-11-21T09:05:00Z"), 83},
		{at("2026-10-25T02:30:00+02:00"), 50}, // an hour that comes twice
		{at("2026-10-25T02:30:00+01:00"), 51},
	}, now)
	want := []recorder.Hour{
		{at("2026-10-25T00:00:00Z"), 50, 50, 50},
		{at("2026-10-25T01:00:00Z"), 51, 51, 51},
		{at("2026-11-19T01:00:00Z"), 60, 60, 60},
		{at("2026-11-19T02:00:00Z"), 61, 61, 61},
		{at("2026-11-20T06:00:00Z"), 72, 70, 74},
		{at("2026-11-20T07:00:00Z"), 80, 80, 80},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if got := recorder.Hours([]recorder.Reading{{at("2026-11-20T08:00:00Z"), 81}}, now.Add(time.Second)); len(got) != 1 {
		t.Errorf("%v", got)
	}
	third := at("2026-11-20T06:00:00Z")
	if h := recorder.Hours([]recorder.Reading{{third, 70.1}, {third, 70.1}, {third, 70.1}}, now)[0]; h.Mean < h.Min || h.Mean > h.Max {
		t.Errorf("the mean lies outside: %v", h)
	}
}
