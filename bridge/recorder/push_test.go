package recorder_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/recorder"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/homeassistant"
)

// Every form of the metadata is taken by the versions that know it, and a second run
// writes nothing.
func TestWrite(t *testing.T) {
	t.Parallel()
	for version, class := range map[string]string{
		"2024.12.5": "mass", "2025.10.4": "mass", "2025.11.0": "mass", "2026.11.0b3": "mass", "2026.12.0.dev202611250200": "mass", "2027.1.0": "mass",
	} {
		h := newHouse(t, version)
		h.Break(homeassistant.Trouble{Lag: 2, Chatty: true})
		var told []int
		p, err := push(t.Context(), h.dial(), mornings(1200), func(done int) { told = append(told, done) })
		if err != nil || p.New != 1200 || p.Changed+p.Same+p.Withdrawn != 0 {
			t.Fatalf("%s: %+v, %v", version, p, err)
		}
		want := homeassistant.Metadata{Unit: "kg", Class: class, MeanType: 1}
		if m, _ := h.Metadata(weight); m != want {
			t.Errorf("%s: %+v", version, m)
		}
		rows := h.Rows(weight)
		if len(rows) != 1200 || rows[3] != (homeassistant.Row{Start: day.AddDate(0, 0, 3), Mean: 79.7, Min: 79.7, Max: 79.7}) {
			t.Errorf("%s: %d rows, %+v", version, len(rows), rows[3])
		}
		if len(told) != 3 || told[2] != 1200 || h.Tally().Largest > 100<<10 {
			t.Errorf("%s: told %v, the largest message has %d bytes", version, told, h.Tally().Largest)
		}
		p, err = h.push(mornings(1200))
		if err != nil || p.Same != 1200 || p.Rows() != 0 || h.Tally().Written != 1200 || h.Tally().Imports != 3 {
			t.Errorf("%s: again %+v, %v; %+v", version, p, err, h.Tally())
		}
	}
}

// Hours of Home Assistant's own stay, unless something was measured in them.
func TestHoursOfItsOwn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "2026.11.0")
	var own []homeassistant.Row
	for i := range 48 {
		own = append(own, homeassistant.Row{Start: day.Add(time.Duration(i) * time.Hour), Mean: 80.5, Min: 80, Max: 81})
	}
	h.Record(weight, homeassistant.Metadata{Unit: "kg", Class: "mass", MeanType: 1, Name: "Anna"}, own...)
	p, err := h.push(mornings(5))
	if err != nil || p.New != 3 || p.Changed != 2 {
		t.Fatalf("%+v, %v", p, err)
	}
	rows := h.Rows(weight)
	if len(rows) != 51 || rows[0].Max != 80 || rows[1] != own[1] || rows[24].Mean != 79.9 {
		t.Errorf("%d rows: %+v", len(rows), rows[:2])
	}
	if m, _ := h.Metadata(weight); m.Name != "Anna" {
		t.Errorf("%+v", m)
	}
}

// Values come in the unit that is kept, whatever unit the entity shows.
func TestUnits(t *testing.T) {
	t.Parallel()
	for unit, want := range map[string]float64{
		"kg": 80, "g": 80_000, "lb": 176.36980974790206, "st": 12.597843553421575, "oz": 2821.916955966433, "mg": 8e7, "µg": 8e10,
	} {
		h := newHouse(t, "2026.11.0")
		h.Put(homeassistant.Entity{ID: weight, UniqueID: "fitbit2mqtt_1_weight", Shown: "st"})
		h.Record(weight, homeassistant.Metadata{Unit: unit, Class: "mass", MeanType: 1})
		if _, err := h.push(mornings(1)); err != nil {
			t.Fatalf("%s: %v", unit, err)
		}
		m, _ := h.Metadata(weight)
		if got := h.Rows(weight)[0].Mean; m.Unit != unit || math.Abs(got-want) > want*1e-9 {
			t.Errorf("%v %s, want %v %s", got, m.Unit, want, unit)
		}
		if p, err := h.push(mornings(1)); err != nil || p.Same != 1 {
			t.Errorf("%s: again %+v, %v", unit, p, err)
		}
	}
}

// What others have made of a statistic is not spoilt.
func TestStatisticsThatDoNotFit(t *testing.T) {
	t.Parallel()
	for says, m := range map[string]homeassistant.Metadata{
		`in "stones"`:                          {Unit: "stones", MeanType: 1},
		"without a unit, and kg cannot be":     {MeanType: 1},
		`in "%", and kg cannot be converted`:   {Unit: "%", Class: "unitless", MeanType: 1},
		"keeps no means of sensor.anna_weight": {Unit: "kg", Class: "mass", HasSum: true},
		"keeps no means of":                    {Unit: "kg", Class: "mass", MeanType: 2},
	} {
		h := newHouse(t, "2026.11.0")
		h.Record(weight, m)
		_, err := h.push(mornings(1))
		wantTrouble(t, err, recorder.ErrRefused, says, "Developer tools, Statistics")
		if got, _ := h.Metadata(weight); got != m || len(h.Rows(weight)) != 0 {
			t.Errorf("%s: it is %+v now", says, got)
		}
	}
}

// The other quantities carry the classes that Home Assistant itself gives their units.
func TestClasses(t *testing.T) {
	t.Parallel()
	for unit, class := range map[string]string{recorder.Percent: "unitless", recorder.BPM: ""} {
		h := newHouse(t, "2026.11.0")
		s := mornings(2)
		s.Unit = unit
		if _, err := h.push(s); err != nil {
			t.Fatal(err)
		}
		if m, _ := h.Metadata(weight); m != (homeassistant.Metadata{Unit: unit, Class: class, MeanType: 1}) {
			t.Errorf("%+v", m)
		}
	}
}

// A correction replaces its hour. A deletion is given what was known before, once, and only
// where the deleted reading is what is there.
func TestCorrectionAndDeletion(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "2026.11.0")
	s := mornings(6)
	if _, err := h.push(s); err != nil {
		t.Fatal(err)
	}
	gone := s.Hours[4]
	s.Hours[2].Mean, s.Hours[2].Min = 79, 78
	s.Hours = append(s.Hours[:4], s.Hours[5])
	never := recorder.Hour{Start: day.Add(5 * time.Hour), Mean: 70, Min: 70, Max: 70}
	other := s.Hours[0]
	other.Mean, other.Min, other.Max = 60, 60, 60
	s.Gone = []recorder.Gone{{Hour: gone, Before: 79.7}, {Hour: never, Before: 70}, {Hour: other, Before: 1}}
	p, err := h.push(s)
	if err != nil || p.Changed != 1 || p.Withdrawn != 1 || p.Same != 4 || p.Rows() != 2 {
		t.Fatalf("%+v, %v", p, err)
	}
	rows := h.Rows(weight)
	if len(rows) != 6 || rows[2].Min != 78 || rows[4].Mean != 79.7 || rows[0].Mean != 80 {
		t.Errorf("%+v", rows)
	}
	if p, err := h.push(s); err != nil || p.Rows() != 0 {
		t.Errorf("again %+v, %v", p, err)
	}
}

// Whoever is cut off in the middle keeps what was sent, and the next run sends the rest.
func TestCutOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "2026.11.0")
	h.Break(homeassistant.Trouble{HangUpAfter: 1})
	_, err := h.push(mornings(1200))
	wantTrouble(t, err, recorder.ErrAway, "it hung up", "goes on from there")
	h.Break(homeassistant.Trouble{})

	ctx, cancel := context.WithCancel(t.Context())
	hub := h.dial()
	if _, err := push(ctx, hub, mornings(1700), func(int) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if p, err := h.push(mornings(1700)); err != nil || p.Same != 1500 || p.New != 200 || len(h.Rows(weight)) != 1700 {
		t.Errorf("%+v, %v: %d hours", p, err, len(h.Rows(weight)))
	}
}

// A slow recorder is given its time for as long as it gets on.
func TestSlowRecorder(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "2026.11.0")
	h.Break(homeassistant.Trouble{Lag: 8}) // the third of three messages is done when twice the patience is over
	o := h.options()
	o.Patience = 2 * time.Second
	hub, err := recorder.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	s := recorder.Series{Entity: weight, Unit: recorder.Kilograms}
	for i := range 1300 {
		s.Hours = append(s.Hours, recorder.Hour{Start: day.Add(time.Duration(i) * time.Hour), Mean: 70, Min: 70, Max: 70})
	}
	if _, err := push(t.Context(), hub, s, nil); err != nil || len(h.Rows(weight)) != 1300 {
		t.Errorf("%v: %d hours", err, len(h.Rows(weight)))
	}
}

// What Home Assistant has taken and never recorded does not count as written.
func TestLost(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "2026.11.0")
	h.Break(homeassistant.Trouble{Lossy: true})
	o := h.options()
	o.Patience = 300 * time.Millisecond
	hub, err := recorder.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = push(t.Context(), hub, mornings(3), nil)
	wantTrouble(t, err, recorder.ErrAway, "it has taken 3 hours of sensor.anna_weight and not recorded them", "look into its log")
}

// Ten years are read and written in parts.
func TestDecade(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "2026.11.0")
	s := mornings(3650)
	if p, err := h.push(s); err != nil || p.New != 3650 || h.Tally().Imports != 8 {
		t.Errorf("%+v, %v, %+v", p, err, h.Tally())
	}
	if p, err := h.push(s); err != nil || p.Same != 3650 {
		t.Errorf("%+v, %v", p, err)
	}
}
