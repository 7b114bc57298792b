package bridge_test

import (
	"context"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// allowing gives anna's cloud a budget, and counts what it has to refuse.
func (h *house) allowing(limit int, span time.Duration) (refused func() int) {
	h.anna.limit, h.anna.span = limit, span
	return func() int {
		return int(h.report().Errors[bridge.StateRateLimited])
	}
}

// However often the house wants to know, a small budget is never exceeded, and hardly
// any of it is left unused.
func TestASmallBudget(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.o.Poll.Body = 5 * time.Second
		refused := h.allowing(150, time.Hour)
		h.weigh("a", 2*day, 78, hand)
		h.open()
		h.pass(2 * time.Hour) // the first looks are dear
		h.anna.count()
		before := h.anna.total
		most, blind, longest := 0, 0, 0
		for range 24 * 60 {
			looks := h.anna.asked[fitbit.WeightMetric]
			h.pass(time.Minute)
			most = max(most, h.anna.used)
			if blind++; h.anna.asked[fitbit.WeightMetric] > looks {
				blind = 0
			}
			longest = max(longest, blind)
		}
		h.between("minutes without a look", longest, 0, 2)
		h.between("refused", refused(), 0, 0)
		h.between("requests in a window", most, 120, 150)
		h.between("requests", int(h.anna.total-before), 24*125, 24*150)
		h.between("looks at the weight", h.anna.count(fitbit.WeightMetric), 24*100, 24*140)
		h.between("looks at the heart", h.anna.count(fitbit.LatestHeartRate), 18, 48)
		h.between("sweeps", h.anna.count(fitbit.BodyFatMetric), 12, 28)
		h.wantState(bridge.StateOK, "online")
		if n := h.log.lines("polling is slowed down"); n != 1 {
			h.Errorf("said %d times", n)
		}
		h.news()
		h.weigh("b", 0, 77, hand)
		h.pass(time.Minute)
		h.expect("in time", h.events(), "weigh_in b 77")
	})
}

// The usual intervals fit into it.
func TestTheUsualIntervals(t *testing.T) {
	t.Parallel()
	for name, budget := range map[string]struct {
		limit int
		span  time.Duration
	}{"an hour": {150, time.Hour}, "a minute": {300, time.Minute}, "without end": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inHouse(t, func(h *house) {
				refused := h.allowing(budget.limit, budget.span)
				h.weigh("a", 2*day, 78, hand)
				h.open()
				h.pass(2 * time.Hour)
				h.anna.count()
				h.pass(day)
				h.between("refused", refused(), 0, 0)
				h.between("weights", h.anna.count(fitbit.WeightMetric), 1440+24, 1600+27+1)
				h.between("body fat", h.anna.count(fitbit.BodyFatMetric), 24, 27)
				h.between("resting heart rates", h.anna.count(fitbit.RestingHeartRate), 96, 107)
				h.between("devices", h.anna.count(fitbit.DevicesMetric), 24, 27)
				if n := h.log.lines("slowed down"); n > 0 {
					h.Error("slowed down")
				}
			})
		})
	}
}

// A budget for a minute is as good as none, however often the house wants to know.
func TestALargeBudget(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.o.Poll.Body = 5 * time.Second
		refused := h.allowing(300, time.Minute)
		h.open()
		h.anna.count()
		h.pass(4 * time.Hour)
		h.between("refused", refused(), 0, 0)
		h.between("weights", h.anna.count(fitbit.WeightMetric), 4*720, 4*800+5)
	})
}

// "Poll now" is answered at once, whatever comes by itself; pressed without end, it waits
// for the cloud to count anew.
func TestPollNowOutOfASmallBudget(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.o.Poll.Body = 5 * time.Second
		refused := h.allowing(150, time.Hour)
		h.open()
		for range 12 {
			h.pass(95 * time.Minute)
			h.anna.count()
			h.bridge.PollNow("anna")
			h.pass(time.Second)
			h.between("answered", h.anna.count(fitbit.BodyFatMetric), 1, 1)
		}
		h.between("refused", refused(), 0, 0)
		for range 3 * 3600 {
			h.bridge.PollNow("anna")
			h.pass(time.Second)
		}
		h.between("refused", refused(), 0, 0)
		h.anna.count()
		h.pass(3 * time.Hour)
		h.between("looks at the weight afterwards", h.anna.count(fitbit.WeightMetric), 2*100, 3*140)
	})
}

// Somebody else may use the same budget.
func TestASharedBudget(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		refused := h.allowing(150, time.Hour)
		h.open()
		for range 24 * 60 {
			h.pass(time.Minute)
			h.anna.set(func(c *cloud) {
				if c.reset.After(time.Now()) {
					c.used++ // 60 of an hour's 150
				}
			})
		}
		h.between("refused", refused(), 0, 0)
		h.between("looks at the weight", h.anna.count(fitbit.WeightMetric), 24*40, 24*60)
	})
}

// What the cloud says of the budget may be late. Then it refuses, and is left alone.
func TestABudgetThatIsNotWhatItSeems(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.o.Poll.Body = 5 * time.Second
		h.allowing(150, time.Hour)
		n := 0
		h.anna.set(func(c *cloud) {
			c.refuse = func(context.Context, fitbit.Metric) error {
				if n++; n%100 == 0 {
					return &fitbit.RateLimitError{Until: time.Now().Add(20 * time.Minute)}
				}
				return nil
			}
		})
		h.open()
		h.pass(12 * time.Hour)
		h.between("refused", int(h.report().Errors[bridge.StateRateLimited]), 5, 25)
	})
}
