package bridge_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// everything is all that a house with anna and her scale has to tell.
func everything() []string {
	return []string{
		"anna/body", "anna/heart", "anna/device/s1", "anna/connection", "anna/availability",
		"bridge/info", "bridge/state", "bridge/health", "bridge/settings",
		"device/fitbit2mqtt_bridge/config", "device/fitbit2mqtt_u1/config", "device/fitbit2mqtt_u1_s1/config",
	}
}

// topicsOf lists the topics of messages, without their prefix.
func topicsOf(list []heard) (topics []string) {
	for _, m := range list {
		topics = append(topics, strings.TrimPrefix(strings.TrimPrefix(m.Topic, "fitbit2mqtt/"), "homeassistant/"))
	}
	return topics
}

func (h *house) wantEverything(what string) {
	h.Helper()
	got := topicsOf(h.heard())
	want := everything()
	if len(got) != len(want) || !slices.Equal(got[9:], want[9:]) {
		h.Errorf("%s, in this order: %v", what, got)
		return
	}
	slices.Sort(got[:9])
	slices.Sort(want[:9])
	h.expect(what, got, want...)
}

func withScale(h *house) {
	h.anna.devices = []fitbit.Device{{ID: "s1", Name: "Aria Air", Type: fitbit.Scale, Battery: "high"}}
	h.weigh("a", day, 79, hand)
}

func TestFirstContact(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		withScale(h)
		h.start()
		h.pass(10 * time.Minute)
		if got := h.heard(); len(got) > 0 {
			h.Errorf("published without a broker: %v", got)
		}
		h.connect()
		h.wantEverything("after the connection")
		if h.holds("fitbit2mqtt/bridge/state") != "online" || string(h.bridge.Will().Payload) != "offline" || !h.bridge.Will().Retained {
			h.Error("the bridge's state and its will do not fit together")
		}
		for _, filter := range []string{"fitbit2mqtt/+/command/poll", "fitbit2mqtt/bridge/request/#", "homeassistant/status"} {
			if !slices.Contains(h.bridge.Subscriptions(), filter) {
				h.Errorf("%s is not subscribed to", filter)
			}
		}
	})
}

func TestHomeAssistantComesUp(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		withScale(h)
		h.open()
		began := time.Now()
		h.birth("offline")
		h.birth("online")
		h.pass(time.Millisecond)
		h.birth("online")
		h.pass(6 * time.Second)
		h.wantEverything("republished once")
		if last := h.broker.log[len(h.broker.log)-1].at.Sub(began); last > 5*time.Second {
			h.Errorf("it took %s", last)
		}
		old := bridge.Message{Topic: "homeassistant/status", Payload: []byte("online"), Retained: true}
		h.bridge.Received(old)
		h.pass(10 * time.Second)
		h.expect("for an old birth message", h.news())
	})
}

func TestABirthIsWaitedOutForARandomMoment(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.open()
		var delays []time.Duration
		for range 20 {
			h.pass(20 * time.Second)
			h.heard()
			began := time.Now()
			h.birth("online")
			h.pass(5 * time.Second)
			for _, m := range h.heard() {
				if m.Topic == "fitbit2mqtt/bridge/state" {
					delays = append(delays, m.at.Sub(began))
				}
			}
		}
		if len(delays) != 20 {
			h.Fatalf("%d answers to 20 births", len(delays))
		}
		if least, most := slices.Min(delays), slices.Max(delays); most-least < time.Second || most > 5*time.Second {
			h.Errorf("delays from %s to %s", least, most)
		}
	})
}

func TestReconnect(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		withScale(h)
		h.open()
		h.broker.set(func(b *broker) { b.up = false })
		h.pass(time.Hour)
		clear(h.broker.retained) // a broker that forgot all
		h.connect()
		h.wantEverything("after the reconnection")
	})
}

func TestGoodbye(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		withScale(h)
		h.open()
		before := len(h.broker.retained)
		h.pass(10 * time.Minute)
		h.stop()
		if p, _ := h.memory.Recall(h.Context(), "u1"); time.Since(p.Profile.LastSuccess) > time.Minute {
			h.Errorf("last success at %s", p.Profile.LastSuccess)
		}
		if got := h.news(); len(got) == 0 || got[len(got)-1] != "bridge/state offline" {
			h.Errorf("goodbye: %v", got)
		}
		if len(h.broker.retained) != before {
			h.Errorf("a clean stop withdrew something: %v", h.broker.retained)
		}
	})
}

func TestGoodbyeToABrokerThatHangs(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		withScale(h)
		h.open()
		h.broker.set(func(b *broker) {
			b.refuse = func(ctx context.Context, m bridge.Message) error {
				if m.Topic == h.bridge.Will().Topic {
					return nil
				}
				<-ctx.Done()
				return ctx.Err()
			}
		})
		h.pass(2 * time.Minute)
		began := time.Now()
		h.stop()
		if took := time.Since(began); took > 5*time.Second || h.holds("fitbit2mqtt/bridge/state") != "offline" {
			h.Errorf("it took %s, and the state is %s", took, h.holds("fitbit2mqtt/bridge/state"))
		}
	})
}

func TestHealthAndInfo(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.o.Config = []byte(`{"poll":{"body":"1m"}}`)
		h.people.clouds["u2"] = newCloud()
		h.people.set(anna(), ben())
		h.open()
		h.people.clouds["u2"].fail(fitbit.ErrUnavailable)
		h.pass(20 * time.Minute)
		health := decode[map[string]any](h.T, []byte(h.holds("fitbit2mqtt/bridge/health")))
		if states := health["accounts"].(map[string]any); states["ok"] != 1.0 || states["cloud_unavailable"] != 1.0 {
			h.Errorf("accounts by state: %v", states)
		}
		if health["last_error"] != "ben: cloud unavailable" || health["pending"] != 0.0 || health["uptime_s"].(float64) < 900 {
			h.Errorf("health: %v", health)
		}
		for _, key := range []string{"rss_bytes", "goroutines", "polls", "poll_errors", "published"} {
			if n, ok := health[key].(float64); !ok || n <= 0 {
				h.Errorf("%s: %v", key, health[key])
			}
		}
		info := decode[struct {
			Version, StartedAt string
			Accounts           []struct{ Name, Backend string }
			Topics             map[string]string
			Config             map[string]any
		}](t, []byte(h.holds("fitbit2mqtt/bridge/info")))
		if info.Version != "1.2.3" || len(info.Accounts) != 2 || info.Accounts[1].Backend != "fitbit" ||
			info.Topics["body"] != "fitbit2mqtt/<account>/body" || info.Config["poll"] == nil {
			h.Errorf("info: %+v", info)
		}
	})
}

func TestOtherPrefixesAndNoDiscovery(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.o.Prefix, h.o.HassPrefix, h.o.StatusTopic, h.o.Discovery = "scale/up", "ha", "ha/lives", hass.ModeOff
		h.open()
		for topic := range h.broker.retained {
			if !strings.HasPrefix(topic, "scale/up/") {
				h.Errorf("published at %s", topic)
			}
		}
		if h.holds("scale/up/anna/body") == "" || !slices.Contains(h.bridge.Subscriptions(), "ha/lives") {
			h.Error("the prefixes are not used")
		}
	})
}
