package bridge

import (
	"slices"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

func TestAssemble(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		weights []fitbit.Weight
		fats    []fitbit.BodyFat
		want    string
	}{
		{"nothing", nil, nil, ""},
		{"fat alone", nil, []fitbit.BodyFat{pct("f", at(0), 24, aria)}, ""},
		{"weight and fat", []fitbit.Weight{kg("a", at(0), 78.42, aria)}, []fitbit.BodyFat{pct("f", at(0), 24.4, aria)}, "a 78.42 24.4"},
		{"fat 60 s later", []fitbit.Weight{kg("a", at(0), 78.42, aria)}, []fitbit.BodyFat{pct("f", at(60), 24.4, aria)}, "a 78.42 24.4"},
		{"fat 60 s earlier", []fitbit.Weight{kg("a", at(60), 78.42, aria)}, []fitbit.BodyFat{pct("f", at(0), 24.4, aria)}, "a 78.42 24.4"},
		{"fat 61 s later", []fitbit.Weight{kg("a", at(0), 78.42, aria)}, []fitbit.BodyFat{pct("f", at(61), 24.4, aria)}, "a 78.42 -"},
		{"fat of another source", []fitbit.Weight{kg("a", at(0), 78.42, aria)}, []fitbit.BodyFat{pct("f", at(5), 24.4, app)}, "a 78.42 -"},
		{"fat of another source at the same moment", []fitbit.Weight{kg("a", at(0), 78.42, aria)}, []fitbit.BodyFat{pct("f", at(0), 24.4, app)}, "a 78.42 24.4"},
		{
			"the fat that the scale worked out is recorded otherwise",
			[]fitbit.Weight{kg("a", at(0), 78.42, aria)},
			[]fitbit.BodyFat{pct("f", at(2), 24.4, fitbit.Origin{Device: "Aria Air", Recorded: fitbit.RecordedOther})},
			"a 78.42 24.4",
		},
		{"typed in by hand, both", []fitbit.Weight{kg("a", at(0), 78, hand)}, []fitbit.BodyFat{pct("f", at(30), 24, hand)}, "a 78 24"},
		{
			"two sources are one weighing, and the scale's word counts",
			[]fitbit.Weight{kg("copy", at(-3), 78.4, app), kg("a", at(0), 78.42, aria)},
			[]fitbit.BodyFat{pct("g", at(-3), 24.4, app), pct("f", at(1), 24.41, aria)},
			"a 78.42 24.41",
		},
		{
			"even if the copy's fat is nearer",
			[]fitbit.Weight{kg("a", at(0), 78.42, aria), kg("copy", at(0), 78.4, app)},
			[]fitbit.BodyFat{pct("f", at(2), 24.41, aria), pct("g", at(0), 24.4, app)},
			"a 78.42 24.41",
		},
		{"by hand goes before an unknown app", []fitbit.Weight{kg("x", at(0), 78, app), kg("m", at(9), 78, hand)}, nil, "m 78 -"},
		{"twice on one scale is twice", []fitbit.Weight{kg("a", at(0), 78.4, aria), kg("b", at(20), 78.4, aria)}, nil, "a 78.4 -; b 78.4 -"},
		{
			"each with its own fat",
			[]fitbit.Weight{kg("a", at(0), 78.4, aria), kg("b", at(40), 78.4, aria)},
			[]fitbit.BodyFat{pct("f", at(1), 24.1, aria), pct("g", at(41), 24.2, aria)},
			"a 78.4 24.1; b 78.4 24.2",
		},
		{
			"twice on one scale, and both copied",
			[]fitbit.Weight{kg("a", at(0), 78.4, aria), kg("b", at(100), 78.4, aria), kg("c", at(1), 78.4, app), kg("d", at(101), 78.4, app)},
			nil, "a 78.4 -; b 78.4 -",
		},
		{"two people's worth apart in weight", []fitbit.Weight{kg("a", at(0), 78.4, aria), kg("b", at(5), 78.6, app)}, nil, "a 78.4 -; b 78.6 -"},
		{"61 s apart", []fitbit.Weight{kg("a", at(0), 78.4, aria), kg("b", at(61), 78.4, app)}, nil, "a 78.4 -; b 78.4 -"},
		{
			"nobody knows how it was recorded",
			[]fitbit.Weight{kg("x", at(0), 78.4, fitbit.Origin{Device: "?", Recorded: "new word"}), kg("a", at(1), 78.42, aria)},
			nil, "a 78.42 -",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			weights, fats := readingsOf("google", c.weights, c.fats)
			for range 2 { // the order in which a store returns readings means nothing
				got := showAll(newLedger(weights, fats).weighIns)
				if strings.Join(got, "; ") != c.want {
					t.Errorf("got %q, want %q", strings.Join(got, "; "), c.want)
				}
				slices.Reverse(weights)
				slices.Reverse(fats)
			}
		})
	}
}

func TestCopies(t *testing.T) {
	t.Parallel()
	a, c := kg("a", at(0), 78.42, aria), kg("c", at(2), 78.4, app)
	t.Run("a copy that comes later changes nothing", func(t *testing.T) {
		t.Parallel()
		b := newBook(t)
		b.list([]fitbit.Weight{a}, nil)
		expect(t, "copy", b.list([]fitbit.Weight{a, c}, nil))
		if len(b.last.entry.Weights) != 1 || b.last.entry.Weights[0].WeighIn != "a" {
			t.Errorf("the copy must be remembered as one of a: %+v", b.last.entry)
		}
		b.list([]fitbit.Weight{a}, nil)
		expect(t, "copy deleted", b.list([]fitbit.Weight{a}, nil))
	})
	t.Run("the original that comes later keeps the id", func(t *testing.T) {
		t.Parallel()
		b := newBook(t)
		b.list([]fitbit.Weight{c}, nil)
		expect(t, "original", b.list([]fitbit.Weight{a, c}, nil), "correction c 78.42 -")
		b.list([]fitbit.Weight{a}, nil)
		expect(t, "copy deleted", b.list([]fitbit.Weight{a}, nil))
		expect(t, "the id stays", showAll(b.l.weighIns), "c 78.42 -")
	})
	t.Run("deleting the original is a correction", func(t *testing.T) {
		t.Parallel()
		b := newBook(t)
		b.list([]fitbit.Weight{a, c}, nil)
		b.list([]fitbit.Weight{c}, nil)
		expect(t, "original deleted", b.list([]fitbit.Weight{c}, nil), "correction a 78.4 -")
		restored := kg("a", at(300), 78.42, aria)
		expect(t, "and restored elsewhere", b.list([]fitbit.Weight{c, restored}, nil), "weigh_in a_ 78.42 -")
	})
	t.Run("an edit that moves the copy away splits", func(t *testing.T) {
		t.Parallel()
		b := newBook(t)
		b.list([]fitbit.Weight{a, c}, nil)
		moved := kg("c", at(120), 70, app)
		expect(t, "split", b.list([]fitbit.Weight{a, moved}, nil), "weigh_in c 70 -")
		expect(t, "join", b.list([]fitbit.Weight{a, c}, nil), "deletion c 70 -")
		moved = kg("a", at(120), 70, aria)
		expect(t, "split the other way", b.list([]fitbit.Weight{moved, c}, nil), "weigh_in c 78.4 -", "correction a 70 -")
	})
}
