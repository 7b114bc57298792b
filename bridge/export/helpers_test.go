package export_test

import (
	"context"
	"flag"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/export"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/history"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s\nwant:\n%s", name, got, want)
	}
}

// source is a cloud that answers as a test says, and counts.
type source struct {
	fitbit.Source // nil: what a test does not expect fails
	asked         []string
	zone          *time.Location
	height        func() (float64, error)
	weights       func(fitbit.Window) ([]fitbit.Weight, error)
	fats          func(fitbit.Window) ([]fitbit.BodyFat, error)
	days          func(m fitbit.Metric, first, last fitbit.Date) ([]fitbit.HeartDay, error)
	samples       func(fitbit.Window) ([]fitbit.HeartSample, error)
	usage         fitbit.Usage
}

var _ fitbit.Metered = (*source)(nil)

func (s *source) Usage() fitbit.Usage { return s.usage }

func (s *source) ask(words ...string) { s.asked = append(s.asked, strings.Join(words, " ")) }

func (s *source) Settings(context.Context) (fitbit.Settings, error) {
	s.ask("settings")
	return fitbit.Settings{Location: s.zone}, nil
}

func (s *source) Height(context.Context) (float64, error) {
	s.ask("height")
	if s.height == nil {
		return 1.7, nil
	}
	return s.height()
}

func (s *source) Weights(_ context.Context, in fitbit.Window) ([]fitbit.Weight, error) {
	s.ask("weights", in.From.UTC().Format(time.DateTime), in.To.UTC().Format(time.DateTime))
	if s.weights == nil {
		return nil, nil
	}
	return s.weights(in)
}

func (s *source) BodyFats(_ context.Context, in fitbit.Window) ([]fitbit.BodyFat, error) {
	s.ask("fats", in.From.UTC().Format(time.DateTime), in.To.UTC().Format(time.DateTime))
	if s.fats == nil {
		return nil, nil
	}
	return s.fats(in)
}

func (s *source) HeartDays(_ context.Context, m fitbit.Metric, first, last fitbit.Date) ([]fitbit.HeartDay, error) {
	s.ask(string(m), first.String(), last.String())
	if s.days == nil {
		return nil, nil
	}
	return s.days(m, first, last)
}

func (s *source) HeartSamples(_ context.Context, in fitbit.Window) ([]fitbit.HeartSample, error) {
	s.ask("samples", in.From.UTC().Format(time.DateTime), in.To.UTC().Format(time.DateTime))
	if s.samples == nil {
		return nil, nil
	}
	return s.samples(in)
}

// lab is a person in Berlin at noon of Friday, 20 November 2026, and their history.
type lab struct {
	*testing.T
	*source
	store   *history.Store
	now     time.Time
	account bridge.Account
	waited  []time.Time
	ahead   []time.Duration // the waits that were foreseen
	wait    func(context.Context, time.Time) error
}

func newLab(t *testing.T) *lab {
	t.Helper()
	store, err := history.Open(t.Context(), history.Options{Path: filepath.Join(t.TempDir(), "history.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	l := &lab{
		T: t, store: store, now: time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC),
		account: bridge.Account{Name: "anna", UID: "u1", Backend: "google", Identity: "google:0123", SignedIn: true},
		source:  &source{zone: zone(t, "Europe/Berlin")},
	}
	return l
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func day(t *testing.T, s string) fitbit.Date {
	t.Helper()
	d, err := fitbit.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func at(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (l *lab) open(ctx context.Context) *export.Person {
	l.Helper()
	p, err := export.Open(ctx, l.account, l.store, l.store, func() time.Time { return l.now })
	if err != nil {
		l.Fatal(err)
	}
	return p
}

// fetch does what an export does, and returns what the cloud was asked for.
func (l *lab) fetch(ctx context.Context, first, last string, metrics ...fitbit.Metric) (p *export.Person, denied []fitbit.Metric, err error) {
	l.Helper()
	l.asked = nil
	p = l.open(ctx)
	if err := p.Introduce(ctx, l.source); err != nil {
		return p, nil, err
	}
	steps, err := p.Missing(ctx, metrics, day(l.T, first), day(l.T, last))
	if err != nil {
		return p, nil, err
	}
	denied, err = p.Fetch(ctx, export.Errand{Source: l.source, Metrics: metrics, Wait: func(ctx context.Context, until time.Time) error {
		l.waited = append(l.waited, until)
		l.now = until
		l.usage = fitbit.Usage{}
		if l.wait != nil {
			return l.wait(ctx, until)
		}
		return nil
	}, Progress: func(_, _ int, waits time.Duration) { l.ahead = append(l.ahead, waits) }}, steps)
	return p, denied, err
}

func (l *lab) wantAsked(want ...string) {
	l.Helper()
	if !slices.Equal(l.asked, want) {
		l.Errorf("asked:\n%s\nwant:\n%s", strings.Join(l.asked, "\n"), strings.Join(want, "\n"))
	}
}

func (l *lab) record(e bridge.Entry) {
	l.Helper()
	if err := l.store.Record(l.Context(), l.account.UID, e); err != nil {
		l.Fatal(err)
	}
}

func written(t *testing.T, f export.Format, rows export.Rows) string {
	t.Helper()
	var b strings.Builder
	if err := export.Write(&b, f, rows); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// all collects what a sequence yields.
func all[T any](t *testing.T, seq iter.Seq2[T, error]) (list []T) {
	t.Helper()
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	return list
}
