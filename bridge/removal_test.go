package bridge_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// keeps checks what the memory has of somebody, and who is still to be forgotten.
func (h *house) keeps(what, uid string, want bool, removed ...string) {
	h.Helper()
	past, err := h.memory.Recall(h.Context(), uid)
	if err != nil || len(past.Weights) > 0 != want {
		h.Errorf("%s: history is %+v (%v), kept: want %t", what, past.Weights, err, want)
	}
	if got, _ := h.people.Removed(h.Context()); !slices.Equal(got, removed) {
		h.Errorf("%s: still to be forgotten: %v, want %v", what, got, removed)
	}
}

// The bridge may have died between a removal and what follows from it.
func TestARemovalIsFinishedAfterACrash(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.weigh("a", time.Hour, 78, hand)
		h.open()
		h.stop()
		h.people.remove("u1")
		h.keeps("nobody was there to see it", "u1", true, "u1")
		h.open()
		h.keeps("after a restart", "u1", false)
	})
}

// Somebody who is merely missing may come back, such as after the key of the store
// was lost.
func TestWhoIsMissingIsNotForgotten(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.weigh("a", time.Hour, 78, hand)
		h.open()
		h.stop()
		h.people.set()
		h.open()
		h.keeps("without the account", "u1", true)
		h.stop()
		h.people.set(anna())
		h.anna.set(func(c *cloud) { c.weights = nil })
		h.anna.fail(fitbit.ErrUnavailable)
		h.open()
		if b := retained[body](h, "body"); b.ID != "a" {
			h.Errorf("body: %+v", b)
		}
	})
}

func TestForgettingIsTriedAgain(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.weigh("a", time.Hour, 78, hand)
		h.open()
		h.memory.set(func(m *memory) { m.noForget = errors.New("disk full") })
		h.people.remove("u1")
		h.pass(time.Minute)
		h.keeps("a full disk", "u1", true, "u1")
		if n := h.log.lines("history of a removed account could not be deleted"); n != 1 {
			h.Errorf("logged %d times", n)
		}
		h.stop()
		h.open() // it can begin all the same
		h.keeps("a full disk, after a restart", "u1", true, "u1")
		h.memory.set(func(m *memory) { m.noForget = nil })
		h.people.clouds["u2"] = newCloud()
		h.people.set(ben())
		h.pass(2 * time.Second)
		h.keeps("at the next change", "u1", false)
	})
}

// Removed and connected again before the bridge has looked, the account is the same
// to the letter, and a new one all the same.
func TestRemovedAndConnectedAgainAtOnce(t *testing.T) {
	t.Parallel()
	for _, full := range []bool{false, true} {
		t.Run(map[bool]string{false: "the disk writes", true: "the disk is full"}[full], func(t *testing.T) {
			t.Parallel()
			inHouse(t, func(h *house) {
				withScale(h)
				h.open()
				h.anna.set(func(c *cloud) { c.weights, c.devices = nil, nil })
				if full {
					h.memory.set(func(m *memory) { m.noForget = errors.New("disk full") })
				}
				h.people.remove("u1")
				h.people.set(anna())
				h.pass(10 * time.Second)
				if full {
					h.keeps("meanwhile", "u1", true, "u1")
					if h.bridge.PollNow("anna") || h.holds("fitbit2mqtt/anna/body") != "" {
						h.Error("she begins with the history of before")
					}
					if n := h.log.lines("disk full"); n != 1 {
						h.Errorf("logged %d times", n)
					}
					h.memory.set(func(m *memory) { m.noForget = nil })
					h.pass(10 * time.Second)
				}
				h.keeps("in the end", "u1", false)
				if b := retained[body](h, "body"); b.ID != "" || h.holds("fitbit2mqtt/anna/device/s1") != "" || h.holds(annasConfig) == "" {
					h.Errorf("body %+v, scale %q, config %q", b, h.holds("fitbit2mqtt/anna/device/s1"), h.holds(annasConfig))
				}
				h.weigh("new", 0, 70, hand)
				h.pass(2 * time.Minute)
				h.keeps("a new history", "u1", true)
			})
		})
	}
}
