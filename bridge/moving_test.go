package bridge_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// legacy is a cloud that shows what another one does as an older one would: tenths of a
// kilogram, whole seconds of its own zone, its own ids and names.
func legacy(c *cloud) *cloud {
	old := newCloud()
	old.zone = c.zone
	name := func(o fitbit.Origin) fitbit.Origin {
		if o.Device == "Aria Air" {
			o.Device = "AriaAir"
		}
		return o
	}
	for _, w := range c.weights {
		w.ID, w.Time, w.Kilograms, w.Origin = legacyID(w.Time), w.Time.In(c.zone).Truncate(time.Second), math.Round(w.Kilograms*10)/10, name(w.Origin)
		old.weights = append(old.weights, w)
	}
	for _, f := range c.fats {
		f.ID, f.Time, f.Percent, f.Origin = legacyID(f.Time), f.Time.In(c.zone).Truncate(time.Second), math.Round(f.Percent*10)/10, name(f.Origin)
		old.fats = append(old.fats, f)
	}
	for m, days := range c.days {
		old.days[m] = slices.Clone(days)
	}
	for _, d := range c.devices {
		d.ID = strings.ToUpper(d.ID)
		old.devices = append(old.devices, d)
	}
	old.latest = c.latest
	return old
}

func legacyID(t time.Time) string { return fmt.Sprint(t.Unix(), "000") }

// family gives anna a year of mornings on the scale, a month of hearts and a scale, in
// both clouds: h.anna is the one before, and what is returned the one to come.
func (h *house) family() (next *cloud) {
	next = newCloud()
	next.zone = h.anna.zone
	for i := range 300 {
		t := time.Now().Add(-time.Duration(i)*day - 2*time.Hour + 300*time.Millisecond).In(next.zone)
		w := fitbit.Weight{ID: fmt.Sprint("w", i), Time: t, Kilograms: 80 + math.Sin(float64(i)) + 0.037, Origin: aria}
		next.weights = append(next.weights, w)
		next.fats = append(next.fats, fitbit.BodyFat{ID: fmt.Sprint("f", i), Time: t, Percent: 25 + math.Sin(float64(i)), Origin: aria})
	}
	today := fitbit.DateOf(time.Now())
	for i := range 20 {
		next.days[fitbit.HeartRange] = append(next.days[fitbit.HeartRange], fitbit.HeartDay{Date: today.AddDays(-i), MinBPM: new(50 + i)})
		next.days[fitbit.RestingHeartRate] = append(next.days[fitbit.RestingHeartRate], fitbit.HeartDay{Date: today.AddDays(-i), RestingBPM: new(60 + i)})
	}
	withBattery(62)(next)
	next.latest = fitbit.HeartSample{Time: time.Now().Add(-time.Minute), BPM: 64}
	h.anna = legacy(next)
	h.people.clouds["u1"] = h.anna
	h.people.set(at("fitbit", 1))
	return next
}

// at is anna at a cloud. The store keeps whose history it is when she moves.
func at(backend string, generation int64) bridge.Account {
	a := anna()
	a.Backend, a.Identity, a.Generation = backend, "fitbit:one", generation
	return a
}

// moves lets anna move to another cloud.
func (h *house) moves(to *cloud, backend string, generation int64) {
	h.fence()
	h.people.mu.Lock()
	h.people.clouds["u1"] = to
	h.people.mu.Unlock()
	h.anna = to
	h.people.set(at(backend, generation))
	h.pass(2 * time.Second)
}

// retainedNow is what the broker holds but for what changes by itself or names the cloud.
func (h *house) retainedNow() (all map[string]string) {
	h.broker.set(func(b *broker) { all = maps.Clone(b.retained) })
	maps.DeleteFunc(all, func(topic, _ string) bool {
		return strings.HasPrefix(topic, "fitbit2mqtt/bridge/") || strings.HasSuffix(topic, "/connection")
	})
	return all
}

// events is news without the rest.
func (h *house) events() []string {
	h.Helper()
	return slices.DeleteFunc(h.news(), func(line string) bool {
		kind, _, _ := strings.Cut(line, " ")
		return !slices.Contains([]bridge.EventType{bridge.NewWeighIn, bridge.Backfill, bridge.Correction, bridge.Deletion}, bridge.EventType(kind))
	})
}

func TestMovingToAnotherCloud(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		next := h.family()
		h.open()
		before, old := h.retainedNow(), retained[bridge.BodyState](h, "body")
		if h.holds("fitbit2mqtt/anna/device/S1") == "" || *old.ID != legacyID(next.weights[0].Time) || *old.WeightKg != 80 {
			h.Fatalf("before: %v", before)
		}
		h.log.lines("")

		h.moves(next, "google", 2)
		h.pass(3 * time.Hour)
		for topic, payload := range before {
			if now := h.holds(topic); now != payload && topic != "fitbit2mqtt/anna/body" {
				h.Errorf("%s was\n%s, is\n%s", topic, payload, now)
			}
		}
		if after := h.retainedNow(); len(after) != len(before) {
			h.Errorf("topics: %v", slices.Sorted(maps.Keys(after)))
		}
		body := retained[bridge.BodyState](h, "body")
		if *body.ID != *old.ID || *body.WeightKg != 80.04 || math.Abs(*body.TrendKg-*old.TrendKg) > 0.1 || *body.Source != "Aria Air" {
			h.Errorf("body was %+v, is %+v", old, body)
		}
		h.expect("all that is new", h.news(), "body "+*old.ID+" 80.04")
		if n := h.log.lines("WARN"); n > 0 || h.memory.seq > 0 {
			h.Errorf("%d warnings, %d events", n, h.memory.seq)
		}
		p, _ := h.memory.Recall(h.Context(), "u1")
		if got := p.WeighIns(); len(got) != 300 || len(p.Weights) != 300 || len(p.Fats) != 300 || got[0].Fat == nil {
			h.Errorf("%d weigh-ins of %d weights, %d body fats", len(got), len(p.Weights), len(p.Fats))
		}
		if p.Profile.Cloud != "google" || p.Profile.Identity != "fitbit:one" || p.Devices[0].ID != "S1" || p.Devices[0].CloudID != "s1" {
			h.Errorf("remembered: %+v, %+v", p.Profile, p.Devices)
		}
		if c := retained[bridge.ConnectionState](h, "connection"); c.Backend != "google" || c.State != bridge.StateOK {
			h.Errorf("connection: %+v", c)
		}

		// Life goes on.
		h.anna.set(func(c *cloud) { c.weights[1].Kilograms = 90 })
		h.pass(time.Minute)
		h.expect("an edit", h.events(), "correction "+legacyID(next.weights[1].Time)+" 90")
		h.weigh("new", 0, 79, aria)
		h.pass(2 * time.Minute)
		h.expect("a weigh-in", h.events(), "weigh_in new 79")
		gone := legacyID(next.weights[0].Time)
		h.anna.set(func(c *cloud) { c.weights = c.weights[1:] })
		h.pass(2 * time.Minute)
		h.expect("a deletion", h.events(), "deletion "+gone+" 80.04")
		h.memory.written()
		h.pass(4 * time.Hour)
		h.between("writes at rest", h.memory.written(), 0, 2)
	})
}

// Whoever finds the new cloud too little may go back.
func TestMovingBack(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		next := h.family()
		old := h.anna
		h.open()
		before := h.retainedNow()
		h.moves(next, "google", 2)
		h.pass(time.Hour)
		h.weigh("new", 0, 79, aria)
		h.pass(2 * time.Minute)
		h.news()
		seq := h.memory.seq
		scale := legacy(next).weights
		old.set(func(c *cloud) { c.weights = scale }) // it has heard of that weigh-in, too
		h.moves(old, "fitbit", 3)
		h.pass(2 * time.Hour)
		h.expect("nothing is told", h.news(), "body new 79") // the scale has its old name again
		if h.memory.seq != seq {
			h.Errorf("%d events", h.memory.seq-seq)
		}
		for topic, payload := range before {
			if h.holds(topic) != payload && topic != "fitbit2mqtt/anna/body" {
				h.Errorf("%s has changed", topic)
			}
		}
		if p, _ := h.memory.Recall(h.Context(), "u1"); len(p.WeighIns()) != 301 || p.Profile.Cloud != "fitbit" {
			h.Errorf("%d weigh-ins, at %s", len(p.WeighIns()), p.Profile.Cloud)
		}
	})
}
