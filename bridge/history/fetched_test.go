package history_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/export"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/history"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// shelf are three days that were fetched, the one in the middle without anything.
func shelf() []export.Day {
	day := fitbit.DateOf(moment())
	return []export.Day{
		{Date: day, Cloud: "fitbit", FetchedAt: moment(), Payload: []byte("{}")},
		{Date: day.AddDays(1), Cloud: "google", FetchedAt: moment(), Payload: []byte{}},
		{Date: day.AddDays(2), Cloud: "google", FetchedAt: moment().Add(time.Hour), Payload: []byte{0, 255, 0}},
	}
}

func owner(uid string) export.Owner { return export.Owner{UID: uid, Identity: "google:0123"} }

func shelve(t *testing.T, s *history.Store, uids ...string) {
	t.Helper()
	for _, uid := range uids {
		if err := s.Keep(t.Context(), owner(uid), fitbit.HRV, shelf()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFetchedDaysComeBack(t *testing.T) {
	t.Parallel()
	s, path := newStore(t)
	shelve(t, s, "u1", "u2")
	_ = s.Close()
	s = open(t, path)
	day := fitbit.DateOf(moment())
	for _, c := range []struct {
		owner  export.Owner
		metric fitbit.Metric
		from   int
		want   []export.Day
	}{
		{owner("u1"), fitbit.HRV, -9, shelf()},
		{owner("u1"), fitbit.HRV, 1, shelf()[1:]},
		{owner("u1"), fitbit.WeightMetric, -9, nil},
		{owner("u3"), fitbit.HRV, -9, nil},
		{export.Owner{UID: "u1", Identity: "google:4567"}, fitbit.HRV, -9, nil}, // the name was handed over
	} {
		got, err := s.Fetched(t.Context(), c.owner, c.metric, day.AddDays(c.from), day.AddDays(2))
		for i := range got {
			if !got[i].FetchedAt.Equal(c.want[i].FetchedAt) {
				t.Errorf("fetched at %v", got[i].FetchedAt)
			}
			got[i].FetchedAt = c.want[i].FetchedAt
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v: %v, %v; want %v", c.owner, got, err, c.want)
		}
		at, err := s.FetchedAt(t.Context(), c.owner, c.metric, day.AddDays(c.from), day.AddDays(2))
		if err != nil || len(at) != len(c.want) {
			t.Errorf("%v: %v, %v", c.owner, at, err)
		}
		for _, d := range c.want {
			if !at[d.Date].Equal(d.FetchedAt) {
				t.Errorf("%s fetched at %v", d.Date, at[d.Date])
			}
		}
	}
	other := export.Owner{UID: "u1", Identity: "google:4567"}
	if err := s.Keep(t.Context(), other, fitbit.HRV, shelf()[:1]); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Fetched(t.Context(), owner("u1"), fitbit.HRV, day, day); err != nil || len(got) != 0 {
		t.Errorf("another one's day is still there: %v, %v", got, err)
	}
}

func TestDeletedReadingsAreNamed(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	record(t, s, "u1", full())
	record(t, s, "u1", bridge.Entry{GoneWeights: []bridge.Ref{{Cloud: "google", ID: "w2"}}, GoneFats: []bridge.Ref{{Cloud: "google", ID: "f1"}}})
	weights, fats, err := s.Deleted(t.Context(), "u1")
	if err != nil || len(weights) != 1 || weights[0].ID != "w2" || len(fats) != 1 || fats[0].Ref() != (bridge.Ref{Cloud: "google", ID: "f1"}) ||
		weights[0].Kilograms == 0 || fats[0].Percent == 0 || weights[0].Time.IsZero() || fats[0].Time.IsZero() {
		t.Errorf("%v, %v, %v", weights, fats, err)
	}
	if weights, fats, err := s.Deleted(t.Context(), "u2"); err != nil || len(weights)+len(fats) != 0 {
		t.Errorf("%v, %v, %v", weights, fats, err)
	}
}
