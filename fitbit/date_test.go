package fitbit_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"
	_ "time/tzdata" // the zones below, whatever the machine knows

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

func TestParseDate(t *testing.T) {
	for _, s := range []string{"2026-11-20", "2024-02-29", "0001-01-01", "9999-12-31"} {
		d, err := fitbit.ParseDate(s)
		if err != nil || d.String() != s || !d.Valid() {
			t.Errorf("%s is %v (%v)", s, d, err)
		}
	}
	for _, s := range []string{"", "2026-02-29", "2026-13-01", "2026-11-31", "0000-01-01", "10000-01-01", "2026-1-1", "20.11.2026", "2026-11-20T00:00:00Z", "today"} {
		if d, err := fitbit.ParseDate(s); err == nil || !d.IsZero() {
			t.Errorf("%q is taken for %v", s, d)
		}
	}
}

func TestDateArithmetic(t *testing.T) {
	d := fitbit.Date{Year: 2024, Month: time.February, Day: 28}
	for n, want := range map[int]string{0: "2024-02-28", 1: "2024-02-29", 2: "2024-03-01", -59: "2023-12-31", 366: "2025-02-28", 146097: "2424-02-28"} {
		got := d.AddDays(n)
		if got.String() != want || got.Sub(d) != n || d.Sub(got) != -n {
			t.Errorf("%v and %d days is %v after %d days, want %s", d, n, got, got.Sub(d), want)
		}
		if got.Before(d) != (n < 0) || d.Compare(got) != -got.Compare(d) || (got == d) != (n == 0) {
			t.Errorf("%v and %v are out of order", got, d)
		}
	}
	for _, invalid := range []fitbit.Date{{}, {Year: 2026, Month: 2, Day: 29}, {Year: 2026, Month: 13, Day: 1}, {Year: 2026, Day: 1}, {Year: -1, Month: 1, Day: 1}, {Year: 10000, Month: 1, Day: 1}} {
		if invalid.Valid() {
			t.Errorf("%v is taken for a day", invalid)
		}
	}
	if longest := (fitbit.Date{Year: 9999, Month: 12, Day: 31}).Sub(fitbit.Date{Year: 1, Month: 1, Day: 1}); longest != 3652058 {
		t.Errorf("the calendar has %d days more than one, want 3652058", longest)
	}
}

// TestStart: days without midnight, with two of them, and one that never was.
// (Each from the tz database's rules of that place and year.)
func TestStart(t *testing.T) {
	for _, c := range []struct{ zone, date, start, why string }{
		{"UTC", "2026-11-20", "2026-11-20T00:00:00Z", "as ever"},
		{"Europe/Berlin", "2026-10-25", "2026-10-25T00:00:00+02:00", "put back at 3"},
		{"Europe/Berlin", "2026-10-26", "2026-10-26T00:00:00+01:00", "the day after"},
		{"Europe/Berlin", "2026-03-29", "2026-03-29T00:00:00+01:00", "put forward at 2"},
		{"America/Sao_Paulo", "2018-11-04", "2018-11-04T01:00:00-02:00", "put forward at midnight"},
		{"America/Sao_Paulo", "2018-02-18", "2018-02-18T00:00:00-03:00", "put back at midnight"},
		{"Asia/Beirut", "2026-03-29", "2026-03-29T01:00:00+03:00", "put forward at midnight, east"},
		{"Africa/Cairo", "2026-10-30", "2026-10-30T00:00:00+02:00", "put back at midnight, east"},
		{"America/Havana", "2026-11-01", "2026-11-01T00:00:00-04:00", "midnight strikes twice"},
		{"Asia/Amman", "2021-10-29", "2021-10-29T00:00:00+03:00", "midnight strikes twice, east"},
		{"America/Toronto", "1919-03-31", "1919-03-31T00:30:00-04:00", "put forward half an hour before midnight"},
		{"Pacific/Apia", "2011-12-30", "2011-12-31T00:00:00+14:00", "the day that Samoa left out"},
		{"Pacific/Apia", "2011-12-31", "2011-12-31T00:00:00+14:00", "and the one after"},
		{"Pacific/Auckland", "2026-11-20", "2026-11-20T00:00:00+13:00", "far east"},
	} {
		loc, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		d, err := fitbit.ParseDate(c.date)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Start(loc).Format(time.RFC3339); got != c.start {
			t.Errorf("%s: %s starts at %s in %s, want %s", c.why, c.date, got, c.zone, c.start)
		}
	}
}

// TestDaysFollowEachOther: in every zone a day ends where the next one starts.
func TestDaysFollowEachOther(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/Havana", "Asia/Beirut", "Africa/Cairo", "America/New_York", "Australia/Lord_Howe", "Pacific/Auckland", "America/Santiago"} {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for d := (fitbit.Date{Year: 2026, Month: 1, Day: 1}); d.Year == 2026; d = d.AddDays(1) {
			start, end := d.Start(loc), d.AddDays(1).Start(loc)
			if fitbit.DateOf(start) != d || fitbit.DateOf(start.Add(-1)) != d.AddDays(-1) || fitbit.DateOf(end.Add(-1)) != d {
				t.Errorf("%s: %v reaches from %v to %v", name, d, start, end)
			}
		}
	}
}

func TestDateAsText(t *testing.T) {
	type row struct {
		Day fitbit.Date `json:"day"`
	}
	var r row
	if err := json.Unmarshal([]byte(`{"day": "2026-11-20"}`), &r); err != nil || r.Day != (fitbit.Date{Year: 2026, Month: 11, Day: 20}) {
		t.Errorf("day is %v (%v)", r.Day, err)
	}
	if b, err := json.Marshal(r); err != nil || string(b) != `{"day":"2026-11-20"}` {
		t.Errorf("JSON is %s (%v)", b, err)
	}
	if err := json.Unmarshal([]byte(`{"day": "2026-11-31"}`), &r); err == nil || r.Day.Day != 20 {
		t.Errorf("a wrong day makes %v (%v), want an error and the day as it was", r.Day, err)
	}
}

func TestBMI(t *testing.T) {
	if v, ok := fitbit.BMI(78.42, 1.78); !ok || math.Abs(v-24.75) > 0.005 {
		t.Errorf("BMI is %v, %v, want 24.75", v, ok)
	}
	for _, metres := range []float64{0, -1.78, math.NaN()} {
		if v, ok := fitbit.BMI(78.42, metres); ok || v != 0 {
			t.Errorf("with a height of %v m the BMI is %v", metres, v)
		}
	}
}

func TestWindow(t *testing.T) {
	from := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	closed, open := fitbit.Window{From: from, To: from.Add(time.Hour)}, fitbit.Window{From: from}
	for _, c := range []struct {
		at             time.Time
		inClosed, inOp bool
	}{
		{from.Add(-1), false, false},
		{from, true, true},
		{from.Add(time.Hour - 1), true, true},
		{from.Add(time.Hour), false, true},
		{from.AddDate(100, 0, 0), false, true},
	} {
		if closed.Contains(c.at) != c.inClosed || open.Contains(c.at) != c.inOp {
			t.Errorf("%v: in the closed window %v, in the open one %v", c.at, closed.Contains(c.at), open.Contains(c.at))
		}
	}
}

func TestMerge(t *testing.T) {
	old := fitbit.HeartDay{
		Date: fitbit.Date{Year: 2026, Month: 11, Day: 20}, MinBPM: new(50), AvgBPM: new(70.0), MaxBPM: new(140),
		RestingBPM: new(58), HRVMillis: new(41.2), Zones: &fitbit.ZoneMinutes{Light: new(3)},
	}
	if got := old.Merge(fitbit.HeartDay{}); got != old {
		t.Errorf("nothing new makes %+v", got)
	}
	news := fitbit.HeartDay{MaxBPM: new(150), RestingBPM: new(57), HRVMillis: new(40.0), Zones: &fitbit.ZoneMinutes{}}
	got := old.Merge(news)
	if got.Date != old.Date || got.RestingBPM != news.RestingBPM || got.HRVMillis != news.HRVMillis || got.Zones != news.Zones {
		t.Errorf("the day is %+v, want what is new", got)
	}
	if got.MinBPM != nil || got.AvgBPM != nil || got.MaxBPM != news.MaxBPM { // a range is one value
		t.Errorf("the range is %v, %v, %v, want the new one alone", got.MinBPM, got.AvgBPM, got.MaxBPM)
	}
}
