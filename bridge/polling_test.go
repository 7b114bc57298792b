package bridge_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

const day = 24 * time.Hour

func TestADayOfPolling(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.weigh("a", 2*day, 78, aria)
		h.open()
		h.anna.count()
		h.memory.written()
		h.pass(day)
		// Each wait may be up to a tenth shorter than asked for.
		h.between("weights", h.anna.count(fitbit.WeightMetric), 1440+24, 1600+27+1)
		h.between("body fat", h.anna.count(fitbit.BodyFatMetric), 24, 27)
		h.between("resting heart rates", h.anna.count(fitbit.RestingHeartRate), 96, 107)
		h.between("devices", h.anna.count(fitbit.DevicesMetric), 24, 27)
		h.between("settings", h.anna.count(fitbit.SettingsMetric), 24, 27)
		h.between("writes", h.memory.written(), 0, 1) // the date of the heart's day changes once
		h.expect("news", h.news(), "anna/heart")
		h.wantState(bridge.StateOK, "online")
		if n := h.log.lines("WARN"); n > 0 {
			h.Errorf("%d warnings", n)
		}
	})
}

func TestTheBaselineIsNoNews(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		for i := range 300 {
			h.weigh("w"+string(rune('A'+i)), time.Duration(i)*day+time.Hour, 80, aria)
		}
		h.open()
		if h.memory.seq != 0 {
			h.Errorf("%d events", h.memory.seq)
		}
		if b := retained[body](h, "body"); b.ID != "wA" || *b.BMI != 25.1 {
			h.Errorf("body: %+v", b)
		}
		if got := len(h.memory.past["u1"].Weights); got != 300 {
			h.Errorf("%d readings remembered", got)
		}
	})
}

// wantSpan checks how far back weights were looked for since the last call, to the day.
func (h *house) wantSpan(want time.Duration) {
	h.Helper()
	var widest time.Duration
	h.anna.set(func(c *cloud) {
		for _, in := range c.spans {
			widest = max(widest, time.Since(in.From))
		}
		c.spans = nil
	})
	if widest.Round(day) != want {
		h.Errorf("looked back %s, want %s", widest, want)
	}
}

func TestABaselineOfOneOldReading(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.anna.ever = &fitbit.Weight{ID: "old", Time: time.Now().Add(-700 * day), Kilograms: 81, Origin: hand}
		h.open()
		if b := retained[body](h, "body"); b.ID != "old" {
			h.Errorf("body: %+v", b)
		}
		h.wantSpan(366 * day)
		h.pass(2 * time.Hour)
		h.wantSpan(30 * day)
		h.weigh("new", time.Minute, 80, hand)
		h.pass(time.Minute)
		h.expect("news", h.news(), "body new 80", "weigh_in new 80")
	})
}

// A first look that fails must not be taken for an empty cloud.
func TestABaselineTakesItsTime(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.weigh("a", day/2, 78, aria)
		h.anna.fail(fitbit.ErrUnavailable, fitbit.BodyFatMetric)
		h.open()
		h.pass(time.Hour)
		h.weigh("b", time.Minute, 77, aria)
		h.anna.fail(nil)
		h.pass(20 * time.Minute)
		if b := retained[body](h, "body"); b.ID != "b" || h.memory.seq != 0 {
			h.Errorf("body: %+v, %d events", b, h.memory.seq)
		}
	})
}

func TestAWeighInArrivesWithinAMinute(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.open()
		h.weigh("a", 10*time.Second, 78.42, hand)
		h.pass(time.Minute)
		h.expect("news", h.news(), "body a 78.42", "weigh_in a 78.42")
		h.pass(2 * time.Hour)
		h.expect("once", h.news(), []string{}...)
		h.weigh("c", 10*time.Second, 77, hand)
		h.weigh("b", 40*time.Second, 77.5, aria)
		h.weigh("z", 3*time.Hour, 79, hand)
		h.weigh("old", 2*day, 80, hand)
		h.pass(time.Minute)
		h.expect("several", h.news(),
			"body a 78.42", "backfill old 80", // the trend has changed
			"weigh_in z 79",
			"body b 77.5", "weigh_in b 77.5", "body c 77", "weigh_in c 77")
	})
}

func TestWaitingForBodyFat(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		for i := range 5 {
			h.weigh(string(rune('a'+i)), time.Duration(i+1)*day, 78, aria)
			w := h.anna.weights[i]
			h.anna.fats = append(h.anna.fats, fitbit.BodyFat{ID: "f" + w.ID, Time: w.Time, Percent: 25, Origin: aria})
		}
		h.open()
		h.anna.count()
		h.weigh("new", 0, 77, aria)
		late := fitbit.BodyFat{ID: "fnew", Time: time.Now(), Percent: 24, Origin: aria}
		for len(h.memory.past["u1"].Weights) == 5 && h.anna.count(fitbit.BodyFatMetric) == 0 {
			h.pass(time.Second)
		}
		h.expect("held back", h.news())
		h.anna.set(func(c *cloud) { c.fats = append(c.fats, late) })
		h.pass(10 * time.Second)
		h.expect("news", h.news(), "body new 77", "weigh_in new 77")
		if b := retained[body](h, "body"); *b.BodyFatPct != 24 {
			h.Errorf("body: %+v", b)
		}
		h.weigh("next", 0, 76, aria)
		h.pass(91 * time.Second)
		h.expect("without", h.news(), "body next 76", "weigh_in next 76")
	})
}

func TestEditsAndDeletions(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.weigh("old", 10*day, 80, hand)
		h.weigh("a", 5*day, 79, hand)
		h.weigh("b", day, 78, hand)
		h.open()
		h.anna.set(func(c *cloud) { c.weights = c.weights[1:] })
		h.pass(time.Hour + 10*time.Second) // the sweep, and a second opinion
		h.expect("a deletion of long ago", h.news(), "body b 78", "deletion old 80")
		h.anna.set(func(c *cloud) { c.weights[0].Kilograms = 79.5 })
		h.pass(time.Hour + time.Second)
		h.expect("an edit of last week", h.news(), "body b 78", "correction a 79.5")
		h.anna.set(func(c *cloud) { c.weights = c.weights[:1] })
		h.pass(time.Minute + 10*time.Second)
		h.expect("a deletion", h.news(), "body a 79.5", "deletion b 78")
	})
}

func TestPollNow(t *testing.T) {
	t.Parallel()
	press := bridge.Message{Topic: "fitbit2mqtt/anna/command/poll", Payload: []byte("PRESS")}
	inHouse(t, func(h *house) {
		h.open()
		h.pass(2 * time.Minute) // hearts and batteries have rested
		h.anna.count()
		h.anna.set(func(c *cloud) {
			c.refuse = func(context.Context, fitbit.Metric) error { time.Sleep(100 * time.Millisecond); return nil }
		})
		for range 5 { // while the first is being answered
			h.bridge.Received(press)
			h.pass(10 * time.Millisecond)
		}
		h.pass(5 * time.Second)
		if got := h.anna.count(fitbit.WeightMetric); got != 2 {
			h.Errorf("five presses made %d polls", got)
		}
		if got := h.anna.count(fitbit.LatestHeartRate, fitbit.DevicesMetric); got != 2 { // the second time they rest
			h.Errorf("%d requests for heart and devices", got)
		}
		h.anna.fail(nil)
		h.anna.count()
		old := press
		old.Retained = true
		h.bridge.Received(old)
		h.bridge.Received(bridge.Message{Topic: "fitbit2mqtt/nobody/command/poll"})
		h.bridge.Received(bridge.Message{Topic: "elsewhere"})
		h.pass(time.Millisecond)
		if got := h.anna.count(); got != 0 {
			h.Errorf("%d requests without a reason", got)
		}
		for range 1000 { // ten seconds of a stuck automation
			h.bridge.Received(press)
			h.pass(10 * time.Millisecond)
		}
		h.between("polls", h.anna.count(fitbit.WeightMetric), 10, 9+10+2)
		h.pass(20 * time.Second)
		h.anna.count()
		h.bridge.Received(press)
		h.pass(time.Millisecond)
		if got := h.anna.count(fitbit.WeightMetric); got != 1 {
			h.Errorf("after a rest: %d polls", got)
		}
		if h.bridge.PollNow("nobody") || !h.bridge.PollNow("anna") {
			h.Error("PollNow does not know who is there")
		}
	})
}

func TestALongAbsenceIsCaughtUpWith(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.open()
		h.stop()
		h.anna.spans = nil
		h.pass(20 * day)
		h.weigh("a", 0, 80, hand)
		h.pass(40 * day)
		h.weigh("b", time.Minute, 79, hand)
		h.broker.set(func(b *broker) { b.up = false })
		h.heard()
		h.start()
		h.connect()
		h.pass(10 * time.Second)
		if got := h.memory.seq; got != 2 {
			h.Errorf("%d events", got)
		}
		h.wantSpan(63 * day)
		h.pass(2 * time.Hour)
		h.wantSpan(30 * day)
		if b := retained[body](h, "body"); b.ID != "b" {
			h.Errorf("body: %+v", b)
		}
	})
}

func TestShutdownDuringAPoll(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.open()
		h.weigh("a", 0, 78, hand)
		asked := make(chan struct{}, 1)
		h.anna.set(func(c *cloud) {
			c.refuse = func(ctx context.Context, _ fitbit.Metric) error {
				asked <- struct{}{}
				<-ctx.Done()
				return errors.Join(fitbit.ErrUnavailable, ctx.Err())
			}
		})
		<-asked
		h.stop()
		h.expect("goodbye", h.news(), "bridge/state offline")
		h.wantState(bridge.StateOK, "online") // a person is not away because the bridge is
		if h.memory.seq != 0 {
			h.Errorf("%d events out of nowhere", h.memory.seq)
		}
	})
}
