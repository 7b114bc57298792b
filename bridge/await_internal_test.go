package bridge

import (
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

func TestWaitingForBodyFat(t *testing.T) {
	t.Parallel()
	a, fat := kg("a", at(0), 78, aria), pct("f", at(1), 24, aria)
	waits := func(t *testing.T, b *book, want time.Duration) {
		t.Helper()
		if got := b.last.waitUntil.Sub(at(30)); got != want {
			t.Errorf("looks again after %s, want %s", got, want)
		}
		if !b.last.empty() {
			t.Errorf("stored while held back: %+v", b.last.entry)
		}
	}
	t.Run("it comes at the second look", func(t *testing.T) {
		t.Parallel()
		b := newBook(t).habit()
		expect(t, "first look", b.glance(a))
		waits(t, b, 10*time.Second)
		expect(t, "second look", b.list([]fitbit.Weight{a}, []fitbit.BodyFat{fat}), "weigh_in a 78 24")
	})
	t.Run("it never comes", func(t *testing.T) {
		t.Parallel()
		b := newBook(t).habit()
		expect(t, "first look", b.list([]fitbit.Weight{a}, nil))
		waits(t, b, 10*time.Second)
		expect(t, "second look", b.list([]fitbit.Weight{a}, nil))
		waits(t, b, 30*time.Second)
		expect(t, "a look in between", b.list([]fitbit.Weight{a}, nil))
		waits(t, b, 30*time.Second)
		expect(t, "last look", b.list([]fitbit.Weight{a}, nil), "weigh_in a 78 -")
		expect(t, "and late", b.list([]fitbit.Weight{a}, []fitbit.BodyFat{fat}), "correction a 78 24")
	})
	t.Run("later ones wait behind it", func(t *testing.T) {
		t.Parallel()
		b := newBook(t).habit()
		older, later := kg("m", at(-300), 79, hand), kg("n", at(20), 77, hand)
		expect(t, "first look", b.list([]fitbit.Weight{older, a, later}, nil), "weigh_in m 79 -")
		expect(t, "second look", b.list([]fitbit.Weight{older, a, later}, []fitbit.BodyFat{fat}), "weigh_in a 78 24", "weigh_in n 77 -")
	})
	t.Run("its copy waits with it", func(t *testing.T) {
		t.Parallel()
		b := newBook(t).habit()
		early := kg("c", at(-3), 78, app)
		expect(t, "first look", b.list([]fitbit.Weight{early, a}, nil))
		expect(t, "second look", b.list([]fitbit.Weight{early, a}, []fitbit.BodyFat{fat}), "weigh_in a 78 24")
	})
	t.Run("other news does not wait", func(t *testing.T) {
		t.Parallel()
		b := newBook(t).habit()
		known := kg("k", daysAgo(1), 80, hand)
		b.list([]fitbit.Weight{known}, nil)
		known.Kilograms = 81
		expect(t, "edit", b.list([]fitbit.Weight{known, a}, nil), "correction k 81 -")
		if b.last.waitUntil.IsZero() {
			t.Error("the new one should be held back")
		}
	})
	t.Run("a crash loses nothing", func(t *testing.T) {
		t.Parallel()
		b := newBook(t).habit()
		b.glance(a)
		b.l = newLedger(b.l.weights, b.l.fats)
		expect(t, "after the restart", b.list([]fitbit.Weight{a}, []fitbit.BodyFat{fat}), "weigh_in a 78 24")
	})
	t.Run("it is deleted before it was told", func(t *testing.T) {
		t.Parallel()
		b := newBook(t).habit()
		b.glance(a)
		expect(t, "deleted", b.glance())
		expect(t, "gone", b.list(nil, nil))
	})
	for name, w := range map[string]fitbit.Weight{
		"the scale never sends any": kg("a", at(0), 60, plain),
		"a scale never seen before": kg("a", at(0), 60, fitbit.Origin{Device: "New", Recorded: fitbit.RecordedByScale}),
		"typed in by hand":          kg("a", at(0), 60, hand),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expect(t, "at once", newBook(t).habit().glance(w), "weigh_in a 60 -")
		})
	}
	t.Run("an old one", func(t *testing.T) {
		t.Parallel()
		expect(t, "at once", newBook(t).habit().glance(kg("a", daysAgo(2), 78, aria)), "backfill a 78 -")
	})
}
