package bridge

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

var (
	aria  = fitbit.Origin{Device: "Aria Air", Recorded: fitbit.RecordedByScale}
	plain = fitbit.Origin{Device: "Aria 1", Recorded: fitbit.RecordedByScale} // without body fat
	app   = fitbit.Origin{Device: "Some app", Recorded: fitbit.RecordedOther}
	hand  = fitbit.Origin{Recorded: fitbit.RecordedByHand}
)

// morning is when everybody weighs in.
func morning() time.Time {
	return time.Date(2026, 11, 20, 7, 14, 9, 0, time.FixedZone("", 3600))
}

func at(seconds float64) time.Time {
	return morning().Add(time.Duration(seconds * float64(time.Second)))
}

func daysAgo(n int) time.Time { return morning().AddDate(0, 0, -n) }

func kg(id string, t time.Time, v float64, from fitbit.Origin) fitbit.Weight {
	return fitbit.Weight{ID: id, Time: t, Kilograms: v, Origin: from}
}

func pct(id string, t time.Time, v float64, from fitbit.Origin) fitbit.BodyFat {
	return fitbit.BodyFat{ID: id, Time: t, Percent: v, Origin: from}
}

// readingsOf are readings as a cloud's, in which nobody knows of weigh-ins yet.
func readingsOf(cloud string, weights []fitbit.Weight, fats []fitbit.BodyFat) (w []KnownWeight, f []KnownFat) {
	for _, v := range weights {
		w = append(w, KnownWeight{Weight: v, Cloud: cloud})
	}
	for _, v := range fats {
		f = append(f, KnownFat{v, cloud})
	}
	return w, f
}

// book is a ledger with a clock, and the cloud that it is shown listings of.
type book struct {
	t     *testing.T
	now   time.Time
	cloud string
	l     *ledger
	last  revision
}

func newBook(t *testing.T) *book {
	t.Helper()
	return &book{t: t, now: at(30), cloud: "google", l: newLedger(nil, nil)}
}

// habit gives the book a week in which the Aria Air sent body fat and the Aria 1 did not.
func (b *book) habit() *book {
	var weights []fitbit.Weight
	var fats []fitbit.BodyFat
	for i := range 7 {
		day := daysAgo(40 + i)
		weights = append(weights, kg(fmt.Sprint("air", i), day, 79, aria), kg(fmt.Sprint("one", i), day.Add(time.Hour), 60, plain))
		fats = append(fats, pct(fmt.Sprint("f", i), day, 25, aria))
	}
	b.l = newLedger(readingsOf(b.cloud, weights, fats))
	return b
}

// list shows the ledger a complete listing of the last thirty days.
func (b *book) list(weights []fitbit.Weight, fats []fitbit.BodyFat) []string {
	return b.see(listing{window: fitbit.Window{From: b.now.AddDate(0, 0, -30)}, weights: &weights, fats: &fats})
}

// glance shows it the weights of the last three days only.
func (b *book) glance(weights ...fitbit.Weight) []string {
	return b.see(listing{window: fitbit.Window{From: b.now.Add(-minuteWindow)}, weights: &weights})
}

func (b *book) see(in listing) []string {
	b.t.Helper()
	in.cloud = b.cloud
	before := fmt.Sprint(b.l)
	b.last = b.l.compare(in, b.now)
	if after := fmt.Sprint(b.l); after != before {
		b.t.Fatalf("compare changed the ledger:\n%s\n%s", before, after)
	}
	b.l = b.last.next
	b.now = b.now.Add(10 * time.Second)
	found := []string{}
	for _, f := range b.last.found {
		found = append(found, string(f.kind)+" "+show(f.weighIn))
	}
	return found
}

// show writes a weigh-in as "id kg fat", with "-" where there is no fat.
func show(w WeighIn) string {
	fat := "-"
	if w.Fat != nil {
		fat = fmt.Sprint(w.Fat.Percent)
	}
	return fmt.Sprint(w.ID, " ", w.Kilograms, " ", fat)
}

func showAll(list []WeighIn) []string {
	out := []string{}
	for _, w := range list {
		out = append(out, show(w))
	}
	return out
}

func expect(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\ngot  %s\nwant %s", what, strings.Join(got, "; "), strings.Join(want, "; "))
	}
}

func TestFindings(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	a, old := kg("a", at(0), 78.42, aria), kg("o", daysAgo(2), 79, hand)
	expect(t, "nothing", b.list(nil, nil))
	expect(t, "news", b.list([]fitbit.Weight{a}, nil), "weigh_in a 78.42 -")
	expect(t, "the same again", b.list([]fitbit.Weight{a}, nil))
	if !b.last.empty() {
		t.Errorf("a listing that says nothing new is to be stored: %+v", b.last.entry)
	}
	expect(t, "backfill", b.list([]fitbit.Weight{old, a}, nil), "backfill o 79 -")
	if before := b.last.found[0].before; before != nil {
		t.Errorf("before the first there was %v", before)
	}
	fat, oldFat := pct("f", at(1), 24.4, aria), pct("g", daysAgo(2), 25, hand)
	expect(t, "late body fat", b.list([]fitbit.Weight{old, a}, []fitbit.BodyFat{oldFat, fat}), "correction a 78.42 24.4")
	if len(b.last.entry.Fats) != 2 {
		t.Errorf("the silent one must be remembered too: %+v", b.last.entry)
	}
	if got := b.last.found[0].before; got == nil || got.ID != "o" {
		t.Errorf("weighed before: %v", got)
	}
	a.Kilograms, old.Time = 78.5, old.Time.Add(time.Minute)
	oldFat.Percent = 26
	expect(t, "edits", b.list([]fitbit.Weight{old, a}, []fitbit.BodyFat{oldFat, fat}), "correction o 79 26", "correction a 78.5 24.4")
	a.Kilograms = 78.501
	expect(t, "an edit nobody would see", b.list([]fitbit.Weight{old, a}, []fitbit.BodyFat{oldFat, fat}))
	if len(b.last.entry.Weights) != 1 {
		t.Errorf("it must be remembered all the same: %+v", b.last.entry)
	}
	a.Time = a.Time.In(time.FixedZone("", 7200))
	expect(t, "another offset", b.list([]fitbit.Weight{old, a}, []fitbit.BodyFat{oldFat, fat}))
	if len(b.last.entry.Weights) != 1 || offset(b.l.weighIns[1].Time) != 7200 {
		t.Errorf("the offset must be remembered: %+v", b.last.entry)
	}
}

func TestALongRoundOfNewsIsOldestFirst(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	got := b.list([]fitbit.Weight{kg("c", daysAgo(2), 80, aria), kg("b", at(-600), 79, aria), kg("a", at(0), 78, aria)}, nil)
	expect(t, "found", got, "backfill c 80 -", "weigh_in b 79 -", "weigh_in a 78 -")
	for i, f := range b.last.found[1:] {
		if f.before == nil || f.before.ID != b.last.found[i].weighIn.ID {
			t.Errorf("before %s: %v", f.weighIn.ID, f.before)
		}
	}
}

func TestADeletionTakesTwoListings(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	a, old := kg("a", at(0), 78, aria), kg("o", daysAgo(10), 79, aria)
	b.list([]fitbit.Weight{old, a}, []fitbit.BodyFat{pct("f", at(1), 24, aria)})

	expect(t, "a hole", b.list([]fitbit.Weight{a}, []fitbit.BodyFat{pct("f", at(1), 24, aria)}))
	if !b.last.doubt || !b.last.empty() {
		t.Errorf("doubt %t, entry %+v", b.last.doubt, b.last.entry)
	}
	for range 5 {
		expect(t, "minute polls do not look that far back", b.glance(a))
	}
	expect(t, "gone", b.list([]fitbit.Weight{a}, []fitbit.BodyFat{pct("f", at(1), 24, aria)}), "deletion o 79 -")
	expect(t, "still gone", b.list([]fitbit.Weight{a}, []fitbit.BodyFat{pct("f", at(1), 24, aria)}))

	expect(t, "no fat", b.list([]fitbit.Weight{a}, nil))
	expect(t, "not asked for fat", b.glance(a))
	expect(t, "fat deleted", b.list([]fitbit.Weight{a}, nil), "correction a 78 -")
	if got := b.last.entry.GoneFats; len(got) != 1 || got[0] != (Ref{b.cloud, "f"}) {
		t.Errorf("gone fats: %v", got)
	}
}

func TestTwoHolesAreNoDeletion(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	a := kg("a", at(0), 78, aria)
	b.list([]fitbit.Weight{a}, nil)
	expect(t, "a hole", b.glance())
	expect(t, "back", b.glance(a))
	expect(t, "another hole", b.glance())
	if !b.last.doubt {
		t.Error("the second hole must be the first of its kind again")
	}
	expect(t, "back again", b.list([]fitbit.Weight{a}, nil))
}
