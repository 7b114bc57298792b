package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
)

func TestAnOutageDelaysEventsAndLosesNone(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		withScale(h)
		h.open()
		h.broker.set(func(b *broker) { b.up = false })
		var want []string
		for i := range 120 { // more than one batch of the outbox
			h.weigh(fmt.Sprint("w", i), 0, float64(70+i), hand)
			h.pass(time.Minute)
			want = append(want, fmt.Sprint("weigh_in w", i, " ", 70+i))
		}
		if h.broker.tries != 1 {
			h.Errorf("%d attempts without a connection", h.broker.tries)
		}
		h.broker.set(func(b *broker) { b.up = true })
		h.bridge.Connected()
		h.pass(2 * time.Second)
		lines := h.heard()
		var lastConfig, firstEvent time.Time
		h.mark -= len(lines)
		for _, m := range lines {
			switch {
			case strings.HasSuffix(m.Topic, "/config"):
				lastConfig = m.at
			case strings.HasSuffix(m.Topic, "/weigh_in") && firstEvent.IsZero():
				firstEvent = m.at
			}
		}
		if gap := firstEvent.Sub(lastConfig); gap < time.Second || gap > 2*time.Second {
			h.Errorf("the first event came %s after the last config", gap)
		}
		news := h.news()
		bodies := slices.DeleteFunc(slices.Clone(news), func(l string) bool { return !strings.HasPrefix(l, "body") })
		h.expect("the newest body at once, none older after it", bodies, "body w119 189")
		h.expect("events", slices.DeleteFunc(news, func(l string) bool { return !strings.HasPrefix(l, "weigh_in") }), want...)
		if left, _ := h.memory.Pending(h.Context()); left != 0 {
			h.Errorf("%d events still owed", left)
		}
	})
}

// The connection breaks between a body and its event, and before an acknowledgement.
func TestALostAcknowledgement(t *testing.T) {
	t.Parallel()
	for _, after := range []string{"/body", "/weigh_in"} {
		t.Run(after, func(t *testing.T) {
			t.Parallel()
			inHouse(t, func(h *house) {
				withScale(h)
				h.open()
				h.broker.refuse = func(_ context.Context, m bridge.Message) error {
					if strings.HasSuffix(m.Topic, after) {
						h.broker.set(func(b *broker) { b.up, b.refuse = false, nil })
						return fmt.Errorf("lost: %w", bridge.ErrBrokerAway)
					}
					return nil
				}
				h.weigh("b", 0, 78, hand)
				h.pass(time.Minute)
				if n := h.memory.settles; n != 0 {
					h.Errorf("%d events settled without an acknowledgement", n)
				}
				h.news()
				h.connect()
				h.pass(2 * time.Second)
				if got := h.news(); !slices.Contains(got, "body b 78") || got[len(got)-1] != "weigh_in b 78" {
					h.Errorf("after the reconnection: %v", got)
				}
			})
		})
	}
}

func TestABrokerThatRefusesIsTriedAgain(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		withScale(h)
		h.open()
		h.broker.set(func(b *broker) {
			b.refuse = func(context.Context, bridge.Message) error { return context.DeadlineExceeded }
		})
		h.weigh("b", 0, 78, hand)
		h.pass(time.Minute)
		h.broker.set(func(b *broker) { b.refuse = nil })
		h.pass(5 * time.Second)
		h.expect("news", h.news(), "body b 78", "weigh_in b 78")
	})
}

func TestAnEventThatCannotBeMarkedIsNotRepeated(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		withScale(h)
		h.open()
		h.memory.set(func(m *memory) { m.noSettle = errors.New("disk full") })
		h.weigh("b", 0, 78, hand)
		h.pass(10 * time.Minute)
		h.expect("news", h.news(), "body b 78", "weigh_in b 78")
		h.memory.set(func(m *memory) { m.noSettle = nil })
		h.pass(time.Minute)
		if left, _ := h.memory.Pending(h.Context()); left != 0 {
			h.Errorf("%d events still owed", left)
		}
		h.expect("nothing is repeated", h.news())
	})
}

func TestACrashRepeatsAnEventUnderItsID(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		withScale(h)
		h.open()
		h.memory.set(func(m *memory) { m.noSettle = errors.New("crashed") })
		h.weigh("b", 0, 78, hand)
		h.pass(time.Minute)
		h.stop()
		h.news()
		h.memory.set(func(m *memory) { m.noSettle = nil })
		h.start()
		h.connect()
		h.pass(2 * time.Second)
		if got := h.news(); got[len(got)-1] != "weigh_in b 78" {
			h.Errorf("after the crash: %v", got)
		}
	})
}

func TestOnEvent(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		told := make(chan bridge.Event, 1)
		h.o.OnEvent = func(e bridge.Event) { told <- e }
		h.open()
		h.weigh("a", 0, 78, hand)
		if e := <-told; e.ID != "a" || e.EventType != bridge.NewWeighIn || e.Account != "anna" {
			h.Errorf("%+v", e)
		}
	})
}
