package bridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
)

// answered is a response.
type answered struct {
	Data struct {
		Accounts []struct {
			Account, State string
			Events         []bridge.Event
			Awaiting       int `json:"awaiting_body_fat"`
		}
		LogLevel        string  `json:"log_level"`
		PollIntervalS   float64 `json:"poll_interval_s"`
		Holds           string
		States, Configs int
	}
	Status, Error string
	Transaction   json.RawMessage
}

// ask sends a request.
func (h *house) ask(name, payload string) {
	h.bridge.Received(bridge.Message{Topic: "fitbit2mqtt/bridge/request/" + name, Payload: []byte(payload)})
}

// answers returns the responses since the last call, after a moment.
func (h *house) answers(name string) (list []answered) {
	h.Helper()
	h.pass(0)
	for _, m := range h.heard() {
		if m.Topic != "fitbit2mqtt/bridge/response/"+name {
			continue
		}
		if m.Retained {
			h.Errorf("a retained response: %s", m.Payload)
		}
		list = append(list, decode[answered](h.T, m.Payload))
	}
	return list
}

// answer returns the one response to a request, after some time.
func (h *house) answer(name, payload string, after time.Duration) answered {
	h.Helper()
	h.heard()
	h.ask(name, payload)
	h.pass(after)
	list := h.answers(name)
	if len(list) != 1 {
		h.Fatalf("%d answers to %s %s", len(list), name, payload)
	}
	return list[0]
}

func TestHealthRequest(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.open()
		h.pass(time.Minute)
		h.heard()
		h.ask("health", `{"transaction":"now"}`)
		h.pass(0)
		said := h.heard()
		if got := topicsOf(said); !slices.Equal(got, []string{"bridge/health", "bridge/response/health"}) {
			h.Fatalf("published: %v", got)
		}
		want := `{"data":` + string(said[0].Payload) + `,"status":"ok","transaction":"now"}`
		if got := string(said[1].Payload); got != want {
			h.Errorf("got %s, want %s", got, want)
		}
		if topic := decode[map[string]any](h.T, []byte(h.holds("fitbit2mqtt/bridge/health"))); topic["uptime_s"] != 70.0 {
			h.Errorf("the topic says %v", topic)
		}
	})
}

// wantRepublished checks that the contract's order was kept and the answer came last.
func (h *house) wantRepublished(what string) {
	h.Helper()
	got := topicsOf(h.heard())
	want := append(everything(), "bridge/response/republish")
	if n := len(want); len(got) != n || !slices.Equal(got[9:], want[9:]) {
		h.Errorf("%s: %v", what, got)
	}
}

func TestRepublishRequest(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		withScale(h)
		h.open()
		h.ask("republish", "PRESS")
		h.pass(time.Second)
		h.wantRepublished("at once")

		// Home Assistant skips parts of a config that follows too closely: the rest waits.
		for range 5 {
			h.ask("republish", "")
		}
		h.pass(time.Second)
		h.expect("too soon", h.news())
		h.pass(5 * time.Second)
		got := topicsOf(h.heard())
		if n := len(everything()) + 5; len(got) != n || got[n-5] != "bridge/response/republish" || got[n-1] != "bridge/response/republish" {
			h.Errorf("five at once: %v", got)
		}
		h.pass(20 * time.Second)
		h.expect("no more", h.news())

		if a := h.answer("republish", `{"transaction":5}`, time.Second); a.Status != "ok" || a.Data.States != 9 || a.Data.Configs != 3 || string(a.Transaction) != "5" {
			h.Errorf("%+v", a)
		}
	})
}

// A config that has just been sent rests before it is sent again, and the answer waits for it.
func TestRepublishAfterABirth(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.open()
		h.birth("online")
		h.pass(5 * time.Second)
		h.heard()
		h.ask("republish", "")
		h.pass(0)
		if list := h.answers("republish"); len(list) > 0 {
			h.Errorf("answered at once: %+v", list)
		}
		h.pass(5 * time.Second)
		if list := h.answers("republish"); len(list) != 1 || list[0].Status != "ok" {
			h.Errorf("%+v", list)
		}
	})
}

func TestRepublishThatABrokerRefuses(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.open()
		h.broker.set(func(b *broker) {
			b.refuse = func(_ context.Context, m bridge.Message) error {
				if strings.HasSuffix(m.Topic, "/config") {
					return errors.New("not allowed")
				}
				return nil
			}
		})
		a := h.answer("republish", "", 40*time.Second)
		if a.Status != "error" || a.Error != "2 of 10 topics could not be published yet; it is tried again by itself: not allowed" {
			h.Errorf("%+v", a)
		}
	})
}

func TestRequestsNobodyUnderstands(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.open()
		before := len(h.broker.retained)
		if a := h.answer("device/remove", `{"transaction":9}`, 0); a.Status != "error" || !strings.Contains(a.Error, "there are health, log_level") || string(a.Transaction) != "9" {
			h.Errorf("%+v", a)
		}
		if a := h.answer("republish", strings.Repeat("x", 100_000), 0); !strings.Contains(a.Error, "at most 4096 bytes") {
			h.Errorf("%+v", a)
		}
		h.heard()
		h.bridge.Received(bridge.Message{Topic: "fitbit2mqtt/bridge/request/republish", Retained: true})
		h.ask(strings.Repeat("x", 129), "")
		h.ask("", "")
		h.pass(10 * time.Second)
		h.expect("retained, endless and nameless", h.news())
		if len(h.broker.retained) != before {
			h.Error("a response is retained")
		}
	})
}

// Answers wait for a broker that is away, and not for ever.
func TestAnswersThroughAnOutage(t *testing.T) {
	t.Parallel()
	for away, want := range map[time.Duration]int{10 * time.Second: 1, 2 * time.Minute: 0} {
		t.Run(away.String(), func(t *testing.T) {
			t.Parallel()
			inHouse(t, func(h *house) {
				h.open()
				h.broker.set(func(b *broker) { b.up = false })
				h.ask("log_level", "debug")
				h.pass(away)
				h.heard()
				h.connect()
				h.pass(time.Second)
				if list := h.answers("log_level"); len(list) != want {
					h.Errorf("%+v", list)
				}
			})
		})
	}
}

// Some brokers hang up on what they do not allow: an answer is not worth a connection
// again and again.
func TestAnswersThatABrokerHangsUpOn(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.open()
		tries := 0
		h.broker.set(func(b *broker) {
			b.refuse = func(_ context.Context, m bridge.Message) error {
				if strings.Contains(m.Topic, "/response/") {
					tries++
					return bridge.ErrBrokerAway
				}
				return nil
			}
		})
		h.ask("log_level", "debug")
		for range 20 {
			h.pass(2 * time.Second)
			h.connect()
		}
		if tries != 2 {
			h.Errorf("tried %d times", tries)
		}
	})
}

// What was asked before a long outage is not done after it.
func TestRequestsThroughAnOutage(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.open()
		h.broker.set(func(b *broker) { b.up = false })
		h.pass(2 * time.Minute) // it knows by now
		h.ask("health", "")
		h.ask("republish", "")
		h.pass(10 * time.Minute)
		h.heard()
		h.connect()
		h.pass(20 * time.Second)
		if got := topicsOf(h.heard()); slices.ContainsFunc(got, func(t string) bool { return strings.HasPrefix(t, "bridge/response/") }) {
			h.Errorf("published: %v", got)
		}
	})
}
