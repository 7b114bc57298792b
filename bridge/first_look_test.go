package bridge_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// What was weighed between the last look at the old cloud and the first at the new one
// is news. What the old one never showed of the time before is not.
func TestWeighInsBetweenTheClouds(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		next := h.family()
		for i := range 30 { // of another scale, which the old cloud does not know
			w := fitbit.Weight{ID: fmt.Sprint("x", i), Time: time.Now().Add(-time.Duration(i+4)*day - time.Hour), Kilograms: 70, Origin: hand}
			next.weights = append(next.weights, w)
		}
		h.open()
		h.pass(time.Hour)
		h.anna.fail(fitbit.ErrUnavailable)
		h.pass(day)
		h.anna = next // where she weighs in from now on
		h.weigh("early", 0, 79, hand)
		h.pass(4 * day)
		h.weigh("late", 2*time.Hour, 78, hand)
		h.news()
		h.moves(next, "google", 2)
		h.pass(2 * time.Hour)
		h.expect("told", h.events(), "backfill early 79", "weigh_in late 78")
		if p, _ := h.memory.Recall(h.Context(), "u1"); len(p.WeighIns()) != 332 {
			h.Errorf("%d weigh-ins", len(p.WeighIns()))
		}
	})
}

// The bridge may die before, between and after what it remembers of the first look at
// another cloud. Its next life ends up the same.
func TestACrashDuringTheMove(t *testing.T) {
	t.Parallel()
	const points = 6
	want := crashAfter(t, points) // not at all
	for n := range points {
		got := crashAfter(t, n)
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Fatalf("killed after %d steps, line %d of %d:\n%s\nwant\n%s", n, i, len(want), got[min(i, len(got)-1)], want[min(i, len(want)-1)])
			}
		}
	}
}

// crashAfter returns how things stand after a move during which the bridge has died
// after it had written n times.
func crashAfter(t *testing.T, n int) (end []string) {
	t.Helper()
	inHouse(t, func(h *house) {
		next := h.family()
		h.open()
		h.pass(time.Hour)
		next.days[fitbit.HeartRange][0].MinBPM = new(40)
		next.days[fitbit.HeartRange][15].MinBPM = new(41) // long before yesterday
		h.stop()
		h.anna = next
		h.weigh("between", time.Minute, 79, hand)
		next.set(func(c *cloud) { c.weights[2].Kilograms = 90 })
		h.people.clouds["u1"] = next
		h.people.set(at("google", 2))
		h.memory.set(func(m *memory) { m.left, m.records = &n, 0 })
		h.start()
		h.connect()
		h.pass(10 * time.Second)
		if n == 6 && h.memory.records != 4 { // body, heart, devices and height
			h.Errorf("%d steps", h.memory.records)
		}
		h.stop()
		h.memory.set(func(m *memory) { m.left = nil })
		h.start()
		h.connect()
		h.pass(3 * time.Hour)
		p, _ := h.memory.Recall(h.Context(), "u1")
		p.Profile = bridge.Profile{Cloud: p.Profile.Cloud, HeartCloud: p.Profile.HeartCloud} // the rest keeps the time
		for _, list := range []any{p.Weights, p.Fats, p.Days, p.Devices, p.Profile} {
			b, err := json.Marshal(list)
			if err != nil {
				h.Fatal(err)
			}
			lines := strings.Split(strings.Trim(string(b), "[]"), "},{") // a reading each
			lines[0], lines[len(lines)-1] = strings.TrimPrefix(lines[0], "{"), strings.TrimSuffix(lines[len(lines)-1], "}")
			slices.Sort(lines)
			end = append(end, lines...)
		}
		end = append(end, h.events()...)
		for _, topic := range []string{"body", "heart", "device/S1"} {
			end = append(end, h.holds("fitbit2mqtt/anna/"+topic))
		}
	})
	return end
}

// A first look without the body fat would tell each of them later; one that is not
// granted never comes.
func TestMovingWithoutBodyFat(t *testing.T) {
	t.Parallel()
	for _, reason := range []error{fitbit.ErrUnavailable, fitbit.ErrPermission} {
		t.Run(reason.Error(), func(t *testing.T) {
			t.Parallel()
			inHouse(t, func(h *house) {
				next := h.family()
				h.open()
				next.fail(reason, fitbit.BodyFatMetric)
				h.moves(next, "google", 2)
				h.pass(time.Hour)
				granted := !errors.Is(reason, fitbit.ErrPermission)
				p, _ := h.memory.Recall(h.Context(), "u1")
				if moved := p.Profile.Cloud == "google"; moved == granted {
					h.Errorf("moved: %t", moved)
				}
				next.fail(nil)
				h.pass(8 * time.Hour)
				if p, _ = h.memory.Recall(h.Context(), "u1"); p.Profile.Cloud != "google" || len(p.Weights) != 300 || len(p.Fats) != 300 || h.memory.seq != 0 {
					h.Errorf("%d weights, %d body fats, %d events", len(p.Weights), len(p.Fats), h.memory.seq)
				}
				if body := retained[bridge.BodyState](h, "body"); *body.WeightKg != 80.04 || *body.FatMassKg != 20 {
					h.Errorf("body: %+v", body)
				}
			})
		})
	}
}

// The month that the old cloud has told of is looked at once more, once, and what the
// new one does not know of it stays.
func TestTheHeartMovesAlong(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		next := h.family()
		today := fitbit.DateOf(time.Now())
		next.days[fitbit.HeartRange][9].MinBPM = new(33)
		next.days[fitbit.RestingHeartRate] = nil
		h.open()
		if first := h.anna.first[fitbit.HeartRange]; first != today.AddDays(-29) {
			h.Errorf("the first look goes back to %s", first)
		}
		h.pass(time.Hour)
		if first := h.anna.first[fitbit.HeartRange]; first != today.AddDays(-1) {
			h.Errorf("the next ones go back to %s", first)
		}
		next.fail(fitbit.ErrUnavailable, fitbit.HRV)
		h.moves(next, "google", 2)
		h.pass(time.Hour)
		if first := next.first[fitbit.HeartRange]; first != today.AddDays(-29) {
			h.Errorf("what has failed in part goes back to %s when tried again", first)
		}
		next.fail(nil)
		h.pass(time.Hour)
		if first := next.first[fitbit.HeartRange]; first != today.AddDays(-1) {
			h.Errorf("at last it goes back to %s", first)
		}
		p, _ := h.memory.Recall(h.Context(), "u1")
		days := make(map[fitbit.Date]fitbit.HeartDay)
		for _, d := range p.Days {
			days[d.Date] = d
		}
		if d := days[today.AddDays(-9)]; *d.MinBPM != 33 || *d.RestingBPM != 69 {
			h.Errorf("nine days ago: %v, %v", *d.MinBPM, *d.RestingBPM)
		}
		if s := retained[bridge.HeartState](h, "heart"); *s.MinBPM != 50 || *s.RestingBPM != 60 || *s.LatestBPM != 64 {
			h.Errorf("heart: %+v", s)
		}
	})
}
