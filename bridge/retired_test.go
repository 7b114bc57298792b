package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// gone is what a cloud that has been turned off answers.
func gone() error {
	return &fitbit.CloudError{Kind: fitbit.ErrRetired, Detail: "this API was turned off", Hint: "move on: fitbit2mqtt connect ACCOUNT"}
}

// wantNoted checks what has been noted of a cloud's end.
func (h *house) wantNoted(times int) {
	h.Helper()
	h.people.mu.Lock()
	defer h.people.mu.Unlock()
	if len(h.people.retired) != times {
		h.Errorf("noted %d times, want %d: %v", len(h.people.retired), times, h.people.retired)
	}
	for _, why := range h.people.retired {
		if !errors.Is(why, fitbit.ErrRetired) || fitbit.Hint(why) == "" {
			h.Errorf("why: %v", why)
		}
	}
}

// A cloud that is gone is told of once, in one line, and asked no more, also by the
// next life of the bridge, until somebody has moved.
func TestARetiredCloud(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err      error
		requests int
	}{
		"no data":   {gone(), 2}, // the time zone, the weights
		"no tokens": {fmt.Errorf("%w: %w", fitbit.ErrNoToken, gone()), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inHouse(t, func(h *house) {
				next := h.family()
				h.open()
				h.pass(time.Hour)
				h.anna.fail(c.err)
				h.anna.count()
				h.log.lines("")
				h.stop()
				h.start() // with the time zone as the first thing to ask for
				h.connect()
				h.pass(time.Minute)
				h.wantState(bridge.StateSourceRetired, "offline")
				h.wantWords("source retired: noted", "move on: fitbit2mqtt connect anna")
				h.wantNoted(1)
				h.between("requests until it is known", h.anna.count(), c.requests, c.requests)
				h.bridge.PollNow("anna")
				h.pass(3 * day)
				if n := h.log.lines("WARN"); n != 1 {
					h.Errorf("%d lines", n)
				}

				h.stop()
				h.start()
				h.connect()
				h.bridge.PollNow("anna")
				h.pass(day)
				h.wantState(bridge.StateSourceRetired, "offline")
				h.wantWords("source retired: noted", "move on: fitbit2mqtt connect anna")
				h.wantNoted(1)
				h.between("requests once it is known", h.anna.count(), 0, 0)
				if b := retained[body](h, "body"); b.WeightKg != 80 {
					h.Errorf("body: %+v", b)
				}

				h.moves(next, "google", 2)
				h.pass(time.Hour)
				h.wantState(bridge.StateOK, "online")
				h.between("requests there", h.anna.count(), 60, 200)
				h.expect("told", h.events())
			})
		})
	}
}

// Whatever meets the end of the cloud first, it is told as what it is: nothing is told
// before the weights have been asked for, too.
func TestARetiredCloudIsToldOnce(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.o.Poll = bridge.Intervals{Body: day, Heart: 10 * time.Minute, Devices: day}
		h.open()
		h.anna.fail(gone())
		h.anna.count()
		for range 10 * 60 {
			h.pass(time.Second)
			if c := retained[connection](h, "connection"); c.State == string(bridge.StateSourceRetired) && c.NextPoll != nil {
				h.Fatalf("the cloud is gone, and will be asked at %s", *c.NextPoll)
			}
		}
		h.wantState(bridge.StateSourceRetired, "offline")
		h.wantNoted(1)
		h.between("requests until it is known", h.anna.count(), 2, 2)
	})
}

// The one that has both lost the sign-in and its cloud is told of the cloud: signing in
// again would be in vain.
func TestRetiredGoesBeforeSignedOut(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		a := anna()
		a.Retired, a.SignedIn = true, false
		a.SignInExpires = time.Now().Add(time.Hour)
		h.people.set(a)
		h.open()
		h.wantState(bridge.StateSourceRetired, "offline")
		h.wantWords("source retired: this cloud has been turned off for good", "move to another cloud: fitbit2mqtt connect anna")
		c := retained[connection](h, "connection")
		if c.NextPoll != nil || c.EndsSoon || h.anna.count() > 0 || h.log.lines("WARN") != 1 {
			h.Errorf("connection: %+v", c)
		}
		h.wantNoted(0)
	})
}

// What cannot be noted at once is noted later, and the cloud is not asked meanwhile.
func TestARetirementThatCannotBeNoted(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.open()
		h.people.mu.Lock()
		h.people.noNote = errors.New("disk full")
		h.people.mu.Unlock()
		h.anna.fail(gone())
		h.pass(5 * time.Minute)
		h.wantState(bridge.StateSourceRetired, "offline")
		h.wantWords("source retired: this API was turned off", "move on: fitbit2mqtt connect anna")
		h.anna.count()
		h.pass(day)
		h.wantNoted(0)
		if n := h.log.lines("it could not be noted"); n != 1 {
			h.Errorf("logged %d times", n)
		}
		h.people.mu.Lock()
		h.people.noNote = nil
		h.people.mu.Unlock()
		h.pass(15 * time.Minute)
		h.wantNoted(1)
		h.wantWords("source retired: noted", "move on")
		h.between("requests", h.anna.count(), 0, 0)
	})
}

// Somebody who has moved while the old cloud's last answer was on its way has not lost
// the new one.
func TestARetirementThatComesTooLate(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		next := h.family()
		h.open()
		old := h.anna
		old.set(func(c *cloud) {
			c.refuse = func(context.Context, fitbit.Metric) error {
				h.people.mu.Lock()
				h.people.clouds["u1"] = next
				h.people.mu.Unlock()
				h.people.set(at("google", 2))
				return gone()
			}
		})
		h.pass(2 * time.Minute)
		h.anna = next
		h.wantState(bridge.StateOK, "online")
		if c := retained[bridge.ConnectionState](h, "connection"); c.Backend != "google" {
			h.Errorf("connection: %+v", c)
		}
	})
}

// One kind of data that a cloud has given up ends nothing.
func TestOneRetiredMetric(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.anna.fail(gone(), fitbit.HeartZones)
		h.open()
		h.pass(time.Hour)
		h.anna.count()
		h.pass(time.Hour)
		h.between("looks at the weight", h.anna.count(fitbit.WeightMetric), 58, 75)
		h.wantNoted(0)
	})
}
