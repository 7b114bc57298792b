package history_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/history"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// open opens a history that lasts as long as the test.
func open(tb testing.TB, path string) *history.Store {
	tb.Helper()
	s, err := history.Open(tb.Context(), history.Options{Path: path})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

func newStore(tb testing.TB) (*history.Store, string) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "history.db")
	return open(tb, path), path
}

// raw opens the file as anybody could.
func raw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func record(tb testing.TB, s *history.Store, uid string, e bridge.Entry) {
	tb.Helper()
	if err := s.Record(tb.Context(), uid, e); err != nil {
		tb.Fatal(err)
	}
}

// moment is a time with all that may get lost on the way.
func moment() time.Time {
	return time.Date(2026, 11, 20, 7, 14, 9, 123456789, time.FixedZone("", -34200)) // -09:30
}

func weight(id string, t time.Time) bridge.KnownWeight {
	return bridge.KnownWeight{
		Weight: fitbit.Weight{
			ID: id, Time: t, Kilograms: 78.42, Origin: fitbit.Origin{Device: "Aria Air", Recorded: fitbit.RecordedByScale},
		},
		Cloud: "google", WeighIn: id,
	}
}

func fat(id string, t time.Time) bridge.KnownFat {
	return bridge.KnownFat{
		BodyFat: fitbit.BodyFat{ID: id, Time: t, Percent: 24.4, Origin: fitbit.Origin{Device: "Aria Air", Recorded: fitbit.RecordedByScale}},
		Cloud:   "google",
	}
}

func event(id string) bridge.Event {
	return bridge.Event{
		EventType: bridge.NewWeighIn, ID: id, MeasuredAt: "2026-11-20T07:14:09-09:30", WeightKg: 78.42, BodyFatPct: new(24.4),
		Source: new("Aria Air"), Recorded: fitbit.RecordedByScale, Account: "anna",
	}
}

// full is an entry in which everything is known.
func full() bridge.Entry {
	other := weight("w2", moment().Add(time.Hour))
	other.WeighIn, other.Device, other.Recorded = "w1", "", fitbit.RecordedOther
	day := fitbit.DateOf(moment())
	return bridge.Entry{
		Weights: []bridge.KnownWeight{weight("w1", moment()), other},
		Fats:    []bridge.KnownFat{fat("f1", moment().Add(time.Nanosecond))},
		Days: []fitbit.HeartDay{
			{Date: day.AddDays(-2)},
			{Date: day.AddDays(-1), Zones: &fitbit.ZoneMinutes{Light: new(0)}},
			{
				Date: day, MinBPM: new(51), AvgBPM: new(69.8), MaxBPM: new(143), RestingBPM: new(58), HRVMillis: new(41.25),
				Zones: &fitbit.ZoneMinutes{OutOfRange: new(0), Light: new(31), Moderate: 12, Vigorous: 3, Peak: 1},
			},
		},
		Devices: &[]bridge.KnownDevice{
			{
				Device: fitbit.Device{ID: "s1", Name: "Aria Air", Type: fitbit.Scale, BatteryPercent: new(0), Battery: "empty", LastSync: moment()},
				Cloud:  "google", CloudID: "s1",
			},
			{Device: fitbit.Device{ID: "t1", Type: fitbit.Tracker}, Cloud: "google", CloudID: "t1"},
		},
		Profile: &bridge.Profile{
			BaselineAt: moment(), HeightMetres: 1.785, TimeZone: "Pacific/Marquesas", HeartDate: day,
			Latest: fitbit.HeartSample{Time: moment(), BPM: 64}, LastSuccess: moment(),
			SweptAt: moment(), Identity: "google:0123", Cloud: "google", HeartCloud: "google",
		},
		Events: []bridge.Event{event("w1")},
	}
}
