package bridge

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// The same scale, as the cloud before calls it.
var oldAria = fitbit.Origin{Device: "Aria", Recorded: fitbit.RecordedByScale}

// elsewhere is a time with the digits of t on a clock in another place.
func elsewhere(t time.Time, hours int) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.FixedZone("", hours*3600))
}

// What two clouds tell of one person, the weigh-ins known before and after, and what is
// told of the move.
func TestMoving(t *testing.T) {
	t.Parallel()
	type told struct {
		weights []fitbit.Weight
		fats    []fitbit.BodyFat
	}
	weights := func(w ...fitbit.Weight) told { return told{weights: w} }
	for _, c := range []struct {
		name          string
		before, after told
		found         []string
		known         string
	}{
		{
			"finer digits, another name of the scale, and half a second",
			told{[]fitbit.Weight{kg("1", at(0), 78.4, oldAria)}, []fitbit.BodyFat{pct("1", at(0), 24.4, oldAria)}},
			told{[]fitbit.Weight{kg("a", at(0.5), 78.42, aria)}, []fitbit.BodyFat{pct("f", at(0.5), 24.37, aria)}},
			nil, "1 78.42 24.37",
		},
		{
			"rounded to tenths of a pound", weights(kg("1", at(0), 78.38, oldAria)), // 172.8 lb
			weights(kg("a", at(0), 78.42, aria)), nil, "1 78.42 -",
		},
		{"a minute apart", weights(kg("1", at(0), 78.4, oldAria)), weights(kg("a", at(60), 78.4, aria)), nil, "1 78.4 -"},
		{
			"more than a minute apart", weights(kg("1", at(0), 78.4, oldAria)), weights(kg("a", at(-61), 78.4, aria)),
			[]string{"weigh_in a 78.4 -"},
			"a 78.4 -; 1 78.4 -",
		},
		{"the same id", weights(kg("1", at(0), 78.4, oldAria)), weights(kg("1", at(0), 78.42, aria)), nil, "1 78.42 -"},
		{
			"somebody else's id",
			weights(kg("1", at(0), 78.4, oldAria), kg("2", at(600), 79, oldAria)), weights(kg("2", at(0), 78.42, aria), kg("1", at(600), 79.03, aria)),
			nil, "1 78.42 -; 2 79.03 -",
		},
		{
			"an id that is taken", weights(kg("1", daysAgo(3), 78.4, oldAria)), weights(kg("1", at(0), 80, aria)),
			[]string{"weigh_in 1_ 80 -"},
			"1 78.4 -; 1_ 80 -",
		},
		{
			"after a journey the old cloud's digits are right, and its instants are not",
			told{[]fitbit.Weight{kg("1", at(0), 78.4, oldAria)}, []fitbit.BodyFat{pct("1", at(0), 24.4, oldAria)}},
			told{[]fitbit.Weight{kg("a", elsewhere(at(0), -5), 78.42, aria)}, []fitbit.BodyFat{pct("f", elsewhere(at(0), -5), 24.4, aria)}},
			nil, "1 78.42 24.4",
		},
		{"the clocks were put back in between", weights(kg("1", at(0), 78.4, oldAria)), weights(kg("a", elsewhere(at(0), 2), 78.42, aria)), nil, "1 78.42 -"},
		{
			"the hour that strikes twice",
			weights(kg("1", elsewhere(at(0), 2), 78.4, oldAria), kg("2", elsewhere(at(20), 2), 78.4, oldAria)),
			weights(kg("a", elsewhere(at(0), 2), 78.42, aria), kg("b", elsewhere(at(20), 1), 78.38, aria)),
			nil, "1 78.42 -; 2 78.38 -",
		},
		{
			"the new cloud keeps no offset", weights(kg("1", at(0), 78.4, oldAria)), weights(kg("a", at(0).UTC(), 78.42, aria)),
			nil, "1 78.42 -",
		},
		{
			"the same digits go before the same instant",
			weights(kg("1", at(0), 78.4, oldAria), kg("2", at(6*3600), 78.4, oldAria)),
			weights(kg("a", elsewhere(at(0), -5), 78.42, aria), kg("b", elsewhere(at(6*3600), -5), 78.44, aria)),
			nil, "1 78.42 -; 2 78.44 -",
		},
		{
			"twice in a minute",
			weights(kg("1", at(0), 78.4, oldAria), kg("2", at(20), 78.4, oldAria)), weights(kg("b", at(20), 78.38, aria), kg("a", at(0), 78.42, aria)),
			nil, "1 78.42 -; 2 78.38 -",
		},
		{
			"twice in a minute, once there", // it stays for ever
			weights(kg("1", at(0), 78.4, oldAria), kg("2", at(20), 78.4, oldAria)), weights(kg("b", at(20), 78.42, aria)),
			nil, "1 78.4 -; 2 78.42 -",
		},
		{
			"told by two sources there", weights(kg("1", at(0), 78.4, oldAria)), weights(kg("c", at(-3), 78.4, app), kg("a", at(0), 78.42, aria)),
			nil, "1 78.42 -",
		},
		{
			"told by two sources before, and by one there",
			weights(kg("1", at(0), 78.4, oldAria), kg("2", at(9), 78.4, app)), weights(kg("a", at(0), 78.42, aria)),
			nil, "1 78.42 -",
		},
		{
			"told by two sources in both",
			weights(kg("1", at(0), 78.4, oldAria), kg("2", at(9), 78.4, app)), weights(kg("c", at(9), 78.35, app), kg("a", at(0), 78.42, aria)),
			nil, "1 78.42 -",
		},
		{
			"two weighings before, which there are one with its copy",
			weights(kg("1", at(0), 78.4, oldAria), kg("2", at(9), 78.3, app)), weights(kg("a", at(0), 78.36, aria), kg("c", at(9), 78.34, app)),
			nil, "1 78.36 -",
		},
		{
			"one with its copy before, which there are two weighings",
			weights(kg("1", at(0), 78.4, oldAria), kg("2", at(9), 78.35, app)), weights(kg("a", at(0), 78.44, aria), kg("c", at(9), 78.3, app)),
			nil, "1 78.44 -; c 78.3 -",
		},
		{
			"edited in between", weights(kg("1", at(0), 78.4, oldAria)), weights(kg("a", at(0.5), 77.1, aria)),
			[]string{"correction 1 77.1 -"},
			"1 77.1 -",
		},
		{
			"the body fat edited in between",
			told{[]fitbit.Weight{kg("1", at(0), 78.4, oldAria)}, []fitbit.BodyFat{pct("1", at(0), 24.4, oldAria)}},
			told{[]fitbit.Weight{kg("a", at(0.5), 78.42, aria)}, []fitbit.BodyFat{pct("f", at(0.5), 26, aria)}},
			[]string{"correction 1 78.42 26"},
			"1 78.42 26",
		},
		{
			"the body fat only there",
			weights(kg("1", at(0), 78.4, oldAria)),
			told{[]fitbit.Weight{kg("a", at(0), 78.42, aria)}, []fitbit.BodyFat{pct("f", at(1), 24.4, aria)}},
			nil, "1 78.42 24.4",
		},
		{
			"the body fat only before",
			told{[]fitbit.Weight{kg("1", at(0), 78.4, oldAria)}, []fitbit.BodyFat{pct("1", at(0), 24.4, oldAria)}},
			weights(kg("a", at(0.5), 78.42, aria)),
			nil, "1 78.42 24.4",
		},
		{
			"the body fat only before a journey",
			told{[]fitbit.Weight{kg("1", at(0), 78.4, oldAria)}, []fitbit.BodyFat{pct("1", at(0), 24.4, oldAria)}},
			weights(kg("a", elsewhere(at(0), -5), 78.42, aria)),
			nil, "1 78.42 24.4",
		},
		{
			"only the body fat there",
			told{[]fitbit.Weight{kg("1", at(0), 78.4, oldAria)}, []fitbit.BodyFat{pct("1", at(0), 24.4, oldAria)}},
			told{nil, []fitbit.BodyFat{pct("f", at(0.5), 24.34, aria)}},
			nil, "1 78.4 24.34",
		},
		{
			"typed in without a time of day", weights(kg("1", elsewhere(daysAgo(1).Truncate(24*time.Hour), 1), 78.4, hand)),
			weights(kg("a", elsewhere(daysAgo(1).Truncate(24*time.Hour), 1), 78.4, hand)), nil, "1 78.4 -",
		},
		{"weighed in since", weights(kg("1", daysAgo(2), 78.4, oldAria)), weights(kg("a", daysAgo(2), 78.42, aria), kg("b", at(0), 78, aria)), []string{"weigh_in b 78 -"}, "1 78.42 -; b 78 -"},
		{"nothing there", weights(kg("1", at(0), 78.4, oldAria)), told{}, nil, "1 78.4 -"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBook(t)
			b.cloud = "fitbit"
			b.list(c.before.weights, c.before.fats)
			b.cloud = "google"
			expect(t, "found", b.list(c.after.weights, c.after.fats), c.found...)
			if got := strings.Join(showAll(b.l.weighIns), "; "); got != c.known {
				t.Errorf("known: %s, want %s", got, c.known)
			}
			sound(t, b.l)
			for range 3 {
				expect(t, "then", b.list(c.after.weights, c.after.fats))
				if !b.last.empty() || b.last.doubt {
					t.Errorf("not at rest: %+v, doubt %t", b.last.entry, b.last.doubt)
				}
			}
			for _, w := range c.after.weights {
				if !slices.ContainsFunc(b.l.weights, func(k KnownWeight) bool { return k.Weight == w && k.Cloud == "google" }) {
					t.Errorf("%+v is not known", w)
				}
			}
		})
	}
}

// What is measured there from then on, edited and deleted is told as usual, and what the
// cloud before has told of the same weighing does not come in between.
func TestAfterTheMove(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	b.cloud = "fitbit"
	only := kg("0", daysAgo(5), 80, oldAria)
	b.list([]fitbit.Weight{only, kg("1", daysAgo(1), 79, oldAria), kg("2", daysAgo(1).Add(9*time.Second), 79, app)}, []fitbit.BodyFat{pct("1", daysAgo(1), 24, oldAria)})
	b.cloud = "google"
	a, fat := kg("a", daysAgo(1), 79.03, aria), pct("f", daysAgo(1), 24.04, aria)
	expect(t, "move", b.list([]fitbit.Weight{a}, []fitbit.BodyFat{fat}))
	news := kg("b", at(0), 78, aria)
	newsFat := pct("g", at(0), 23, aria)
	expect(t, "news", b.list([]fitbit.Weight{a, news}, []fitbit.BodyFat{fat, newsFat}), "weigh_in b 78 23")
	a.Kilograms = 76
	expect(t, "an edit", b.list([]fitbit.Weight{a, news}, []fitbit.BodyFat{fat, newsFat}), "correction 1 76 24.04")
	b.list([]fitbit.Weight{news}, []fitbit.BodyFat{newsFat})
	expect(t, "a deletion", b.list([]fitbit.Weight{news}, []fitbit.BodyFat{newsFat}), "deletion 1 76 24.04")
	late := kg("c", daysAgo(5), 80.04, aria)
	expect(t, "what is there late is known all the same", b.list([]fitbit.Weight{late, news}, []fitbit.BodyFat{newsFat}))
	expect(t, "known", showAll(b.l.weighIns), "0 80.04 -", "b 78 23")

	b.cloud = "fitbit" // and back
	back := []fitbit.Weight{only, kg("3", at(0), 78, oldAria)}
	expect(t, "back", b.list(back, []fitbit.BodyFat{pct("3", at(0), 23, oldAria)}))
	expect(t, "known", showAll(b.l.weighIns), "0 80 -", "b 78 23")
	b.list(back[1:], nil)
	expect(t, "deleted there", b.list(back[1:], nil), "deletion 0 80 -", "correction b 78 -")
}

// What was not known, though the cloud before was looked at in that time, is no news.
func TestHistoryIsNoNews(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	b.cloud = "fitbit"
	b.list([]fitbit.Weight{kg("1", daysAgo(20), 80, oldAria)}, nil)
	b.cloud = "google"
	weights := []fitbit.Weight{
		kg("x", daysAgo(25), 81, aria), kg("a", daysAgo(20), 80.04, aria), kg("y", daysAgo(9), 79.5, aria), kg("z", daysAgo(8), 79, aria), kg("n", at(0), 78, aria),
	}
	got := b.see(listing{window: fitbit.Window{From: daysAgo(365)}, weights: &weights, fats: &[]fitbit.BodyFat{}, news: daysAgo(8)})
	expect(t, "found", got, "backfill z 79 -", "weigh_in n 78 -")
	if f := b.last.found[0]; f.before == nil || f.before.ID != "y" {
		t.Errorf("weighed before: %v", f.before)
	}
	if len(b.last.entry.Weights) != 5 || len(b.last.entry.GoneWeights) != 1 {
		t.Errorf("remembered: %+v", b.last.entry)
	}
}

// A cloud without offsets places its readings anew when somebody travels. None of them
// has moved.
func TestFloatingTime(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	before, fat := kg("1", daysAgo(1), 79, oldAria), pct("1", daysAgo(1), 24, oldAria)
	b.list([]fitbit.Weight{before}, []fitbit.BodyFat{fat})
	there, fatThere := before, fat
	there.Time, fatThere.Time = elsewhere(before.Time, -11), elsewhere(fat.Time, -11)
	expect(t, "on a journey", b.list([]fitbit.Weight{there}, []fitbit.BodyFat{fatThere}))
	if !b.last.empty() {
		t.Errorf("to be remembered: %+v", b.last.entry)
	}
	if got := b.l.weighIns[0].Time; !got.Equal(before.Time) {
		t.Errorf("it has moved to %s", got)
	}
	there.Kilograms = 78
	expect(t, "edited on a journey", b.list([]fitbit.Weight{there}, []fitbit.BodyFat{fatThere}), "correction 1 78 24")
	if got := b.l.weighIns[0].Time; !got.Equal(before.Time) {
		t.Errorf("it has moved to %s", got)
	}
	there.Time = there.Time.Add(time.Minute)
	expect(t, "the time edited", b.list([]fitbit.Weight{there}, []fitbit.BodyFat{fatThere}), "correction 1 78 -") // the fat stays where it was
}

// Near the beginning of a window a cloud without offsets may list what lies outside,
// and leave out what lies within.
func TestTheEdgeOfAWindow(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	edge := b.now.Add(-minuteWindow)
	in := kg("1", edge.Add(25*time.Hour), 80, oldAria)
	out := kg("2", edge.Add(-time.Hour), 81, oldAria)
	safe := kg("3", edge.Add(27*time.Hour), 79, oldAria)
	b.list([]fitbit.Weight{out, in, safe}, nil)
	for range 3 {
		expect(t, "left out", b.glance(out, safe))
		if b.last.doubt {
			t.Error("what may be on the other side is doubted")
		}
	}
	b.glance()
	expect(t, "missing", b.glance(), "deletion 3 79 -")
}
