package history_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/history"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
)

// entry is one that says all there is to know.
type entry bridge.Entry

func (e entry) past() bridge.Past {
	p := bridge.Past{Weights: e.Weights, Fats: e.Fats, Days: e.Days}
	if e.Devices != nil {
		p.Devices = *e.Devices
	}
	if e.Profile != nil {
		p.Profile = *e.Profile
	}
	return p
}

// wantPast compares all digits and offsets of times, too.
func wantPast(t *testing.T, s *history.Store, uid string, want bridge.Past) {
	t.Helper()
	got, err := s.Recall(t.Context(), uid)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(got.Weights, func(a, b bridge.KnownWeight) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.Cloud, b.Cloud))
	})
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestEverythingComesBack(t *testing.T) {
	t.Parallel()
	s, path := newStore(t)
	wantPast(t, s, "u1", bridge.Past{})
	record(t, s, "u1", full())
	record(t, s, "u2", bridge.Entry{Profile: &bridge.Profile{}})
	wantPast(t, s, "u1", entry(full()).past())
	wantPast(t, s, "u2", bridge.Past{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	wantPast(t, s, "u1", entry(full()).past())
	owed, err := s.Owed(t.Context(), "u1", 9)
	if err != nil || len(owed) != 1 {
		t.Fatalf("owed: %v, %v", owed, err)
	}
	got, _ := json.Marshal(owed[0].Event)
	want, _ := json.Marshal(event("w1"))
	if string(got) != string(want) {
		t.Errorf("event:\ngot  %s\nwant %s", got, want)
	}
}

func TestRecordReplacesAndDeletes(t *testing.T) {
	t.Parallel()
	s, path := newStore(t)
	record(t, s, "u1", full())
	record(t, s, "u2", full())
	e := entry(full())
	e.Weights[0].Kilograms, e.Weights[0].WeighIn, e.Weights[0].Time = 80, "w2", moment().Add(time.Minute)
	e.Fats, e.GoneFats, e.Events = nil, []bridge.Ref{{Cloud: "google", ID: "f1"}}, nil
	e.GoneWeights = []bridge.Ref{{Cloud: "google", ID: "w2"}, {Cloud: "google", ID: "never seen"}, {Cloud: "fitbit", ID: "w1"}}
	e.Days = e.Days[2:]
	e.Days[0] = fitbit.HeartDay{Date: e.Days[0].Date, MinBPM: new(50)}
	e.Devices, e.Profile = &[]bridge.KnownDevice{}, nil
	record(t, s, "u1", bridge.Entry(e))
	want := entry(full()).past()
	want.Weights, want.Fats, want.Devices = e.Weights[:1], nil, nil
	want.Days[2] = e.Days[0]
	wantPast(t, s, "u1", want)
	wantPast(t, s, "u2", entry(full()).past())

	var marked int
	if err := raw(t, path).QueryRow(`SELECT count(*) FROM weight WHERE uid = 'u1' AND deleted_at IS NOT NULL`).Scan(&marked); err != nil || marked != 1 {
		t.Errorf("deleted readings kept: %d, %v", marked, err)
	}
	record(t, s, "u1", bridge.Entry{Weights: full().Weights[1:], Fats: full().Fats}) // restored in the cloud
	want.Weights, want.Fats = append(want.Weights, full().Weights[1]), full().Fats
	wantPast(t, s, "u1", want)
}

// An id means something in its own cloud only, and what a person knows of themselves
// may come from two of them.
func TestTwoClouds(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	e := full()
	record(t, s, "u1", e)
	e.Weights[0].Cloud, e.Weights[0].Kilograms, e.Weights[0].WeighIn = "fitbit", 78.4, "w2"
	e.Fats[0].Cloud, e.Fats[0].Percent = "fitbit", 24
	day := fitbit.HeartDay{Date: e.Days[2].Date.AddDays(1), Zones: &fitbit.ZoneMinutes{OutOfRange: new(1300), Moderate: 3}}
	e = bridge.Entry{
		Weights: e.Weights[:1], Fats: e.Fats, Days: []fitbit.HeartDay{day},
		Devices: &[]bridge.KnownDevice{{Device: fitbit.Device{ID: "s1", Type: fitbit.Scale}, Cloud: "fitbit", CloudID: "other"}},
		Profile: &bridge.Profile{Identity: "google:0123", Cloud: "fitbit", HeartCloud: "google"},
	}
	record(t, s, "u1", e)
	want := entry(full()).past()
	want.Weights = slices.Insert(want.Weights, 0, e.Weights[0]) // by id, then by cloud
	want.Fats, want.Days = append(e.Fats, want.Fats...), append(want.Days, day)
	want.Devices, want.Profile = *e.Devices, *e.Profile
	wantPast(t, s, "u1", want)

	record(t, s, "u1", bridge.Entry{GoneWeights: []bridge.Ref{{Cloud: "google", ID: "w1"}}, GoneFats: []bridge.Ref{{Cloud: "fitbit", ID: "f1"}}})
	want.Weights, want.Fats = slices.Delete(want.Weights, 1, 2), want.Fats[1:]
	wantPast(t, s, "u1", want)
}

func TestRecallReturnsTheNewestMonthOfHeartDays(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	day := fitbit.Date{Year: 2026, Month: 11, Day: 20}
	var days []fitbit.HeartDay
	for i := range 40 {
		days = append(days, fitbit.HeartDay{Date: day.AddDays(-i), RestingBPM: new(50 + i)})
	}
	record(t, s, "u1", bridge.Entry{Days: days})
	p, err := s.Recall(t.Context(), "u1")
	if err != nil || len(p.Days) != 31 || p.Days[0].Date != day.AddDays(-30) || p.Days[30].Date != day {
		t.Errorf("%v, %v", p.Days, err)
	}
}

// Charts go further back than the bridge looks, and a table shows what became of a weigh-in.
func TestTheWholePastCanBeRead(t *testing.T) {
	t.Parallel()
	s, path := newStore(t)
	day := fitbit.Date{Year: 2026, Month: 11, Day: 20}
	var days []fitbit.HeartDay
	for i := range 400 {
		days = append(days, fitbit.HeartDay{Date: day.AddDays(-i), RestingBPM: new(50 + i%9), HRVMillis: new(40.5)})
	}
	corrected := event("w1")
	corrected.EventType, corrected.WeightKg = bridge.Correction, 77.9
	record(t, s, "u1", bridge.Entry{Days: days, Events: []bridge.Event{event("w1")}})
	record(t, s, "u1", bridge.Entry{Events: []bridge.Event{corrected}})
	record(t, s, "u2", full())
	if err := s.Settle(t.Context(), 1); err != nil { // published or not
		t.Fatal(err)
	}
	for since, want := range map[fitbit.Date]int{{}: 400, day.AddDays(-29): 30, day.AddDays(1): 0} {
		list, err := s.HeartDays(t.Context(), "u1", since)
		if err != nil || len(list) != want || want > 0 && (list[want-1].Date != day || *list[want-1].RestingBPM != 50 || *list[0].HRVMillis != 40.5) {
			t.Errorf("since %s: %d days (%v), want %d, oldest first", since, len(list), err, want)
		}
	}
	events, err := s.Events(t.Context(), "u1")
	if err != nil || len(events) != 2 || events[0].EventType != bridge.NewWeighIn || events[1].WeightKg != 77.9 {
		t.Errorf("events %+v, %v", events, err)
	}
	if _, err := raw(t, path).Exec(`UPDATE event SET payload = '{'`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Events(t.Context(), "u1"); err == nil {
		t.Error("a damaged event is no error")
	}
}

func TestAnEntryIsAllOrNothing(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	for name, spoil := range map[string]func(*bridge.Entry){
		"an event that cannot be stored": func(e *bridge.Entry) { e.Events[0].WeightKg = math.NaN() },
		"a device listed twice":          func(e *bridge.Entry) { *e.Devices = append(*e.Devices, (*e.Devices)[0]) },
		"a reading without a time":       func(e *bridge.Entry) { e.Fats[0].Time = time.Time{} },
		"a weight that is no number":     func(e *bridge.Entry) { e.Weights[1].Kilograms = math.NaN() },
	} {
		e := full()
		spoil(&e)
		if err := s.Record(t.Context(), "u1", e); err == nil {
			t.Errorf("%s: no error", name)
		}
		wantPast(t, s, "u1", bridge.Past{})
		if n, err := s.Pending(t.Context()); n != 0 || err != nil {
			t.Errorf("%s: %d events owed, %v", name, n, err)
		}
	}
}

func TestOutbox(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	ids := func(uid string, limit int) (list []string, last int64) {
		owed, err := s.Owed(t.Context(), uid, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range owed {
			list, last = append(list, o.Event.ID), o.Seq
		}
		return list, last
	}
	for i := range 5 {
		record(t, s, "u1", bridge.Entry{Events: []bridge.Event{event(fmt.Sprint("a", i)), event(fmt.Sprint("b", i))}})
		record(t, s, "u2", bridge.Entry{Events: []bridge.Event{event(fmt.Sprint("c", i))}})
	}
	got, last := ids("u1", 3)
	if !slices.Equal(got, []string{"a0", "b0", "a1"}) {
		t.Errorf("the first three: %v", got)
	}
	if err := s.Settle(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	if got, _ := ids("u1", 3); !slices.Equal(got, []string{"a0", "b0", "b1"}) {
		t.Errorf("one is settled: %v", got)
	}
	if n, err := s.Pending(t.Context()); n != 14 || err != nil {
		t.Errorf("%d pending, %v", n, err)
	}
	if err := s.Forget(t.Context(), "u1"); err != nil {
		t.Fatal(err)
	}
	if got, _ := ids("u1", 99); len(got) != 0 {
		t.Errorf("owed to somebody who is gone: %v", got)
	}
	if got, _ := ids("u2", 99); len(got) != 5 {
		t.Errorf("the other's are gone too: %v", got)
	}
}

func TestForget(t *testing.T) {
	t.Parallel()
	s, path := newStore(t)
	record(t, s, "u1", full())
	record(t, s, "u2", full())
	shelve(t, s, "u1", "u2")
	if err := s.Forget(t.Context(), "u1"); err != nil {
		t.Fatal(err)
	}
	wantPast(t, s, "u1", bridge.Past{})
	wantPast(t, s, "u2", entry(full()).past())
	for _, table := range []string{"person", "weight", "body_fat", "heart_day", "device", "event", "fetched"} {
		var mine, others int
		if err := raw(t, path).QueryRow(`SELECT total(uid = 'u1'), count(*) FROM `+table).Scan(&mine, &others); err != nil || mine != 0 || others == 0 {
			t.Errorf("%s: %d rows are left, of %d, %v", table, mine, others, err)
		}
	}
}

func TestTombs(t *testing.T) {
	t.Parallel()
	s, path := newStore(t)
	for _, m := range []bridge.Message{{Topic: "b", Payload: []byte("1")}, {Topic: "a", Payload: []byte("2")}, {Topic: "b", Payload: []byte("3")}} {
		if err := s.Bury(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	_ = s.Close()
	s = open(t, path)
	want := []bridge.Message{{Topic: "a", Payload: []byte("2"), Retained: true}, {Topic: "b", Payload: []byte("3"), Retained: true}}
	if got, err := s.Buried(t.Context()); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("buried: %v, %v", got, err)
	}
	if err := errors.Join(s.Exhume(t.Context(), "a"), s.Exhume(t.Context(), "never buried")); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Buried(t.Context()); err != nil || len(got) != 1 {
		t.Errorf("buried: %v, %v", got, err)
	}
}

func TestACorruptFileIsNamedAndKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "history.db")
	garbage := []byte(strings.Repeat("this is no database ", 500))
	if err := os.WriteFile(path, garbage, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := history.Open(t.Context(), history.Options{Path: path})
	if !errors.Is(err, sqlite.ErrCorrupt) || !strings.Contains(err.Error(), path) {
		t.Errorf("error: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(garbage) {
		t.Errorf("the file was touched: %v", err)
	}
}

func TestErrorsSayThatStorageFailed(t *testing.T) {
	t.Parallel()
	s, path := newStore(t)
	record(t, s, "u1", full())
	damage := func(query string) {
		t.Helper()
		if _, err := raw(t, path).Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	damage(`UPDATE event SET payload = '{'`)
	if _, err := s.Owed(t.Context(), "u1", 1); err == nil || !strings.Contains(err.Error(), "stored event 1") {
		t.Errorf("event: %v", err)
	}
	damage(`UPDATE weight SET measured_at = 'yesterday'`)
	if _, err := s.Recall(t.Context(), "u1"); err == nil || !strings.Contains(err.Error(), "stored time") {
		t.Errorf("time: %v", err)
	}
	_ = s.Close()
	for name, err := range map[string]error{
		"record": s.Record(t.Context(), "u1", full()), "settle": s.Settle(t.Context(), 1), "forget": s.Forget(t.Context(), "u1"),
		"bury": s.Bury(t.Context(), bridge.Message{}), "exhume": s.Exhume(t.Context(), "a"),
	} {
		if err == nil {
			t.Errorf("%s on a closed file: no error", name)
		}
	}
}

// A chart may be drawn while the bridge writes: neither waits for the other.
func TestAReaderBesideTheWriter(t *testing.T) {
	t.Parallel()
	s, path := newStore(t)
	record(t, s, "u1", full())
	reader, err := raw(t, path).Begin()
	if err != nil {
		t.Fatal(err)
	}
	count := func() (n int) {
		if err := reader.QueryRow(`SELECT count(*) FROM weight`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := count()
	record(t, s, "u1", bridge.Entry{Weights: []bridge.KnownWeight{weight("w3", moment())}})
	if after := count(); before != 2 || after != 2 {
		t.Errorf("the reader saw %d, then %d", before, after)
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	second := open(t, path)
	record(t, second, "u1", bridge.Entry{Weights: []bridge.KnownWeight{weight("w4", moment())}})
	if p, err := s.Recall(t.Context(), "u1"); err != nil || len(p.Weights) != 4 {
		t.Errorf("%d weights, %v", len(p.Weights), err)
	}
}
