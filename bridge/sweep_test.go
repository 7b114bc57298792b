package bridge_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
)

// earlier puts on the broker what an earlier life of the bridge has left there.
func (h *house) earlier(messages ...hass.Message) {
	h.broker.set(func(b *broker) {
		for _, m := range messages {
			b.retained[m.Topic] = string(m.Payload)
		}
	})
}

func TestWhatAnEarlierLifeLeftBehind(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		withScale(h)
		ours, theirs := hass.Bridge{Prefix: "fitbit2mqtt"}, hass.Bridge{Prefix: "cellar"}
		zoe := hass.Person{UID: "u9", Account: "zoe"}
		stale := slices.Concat(
			ours.Person(zoe).Messages(hass.ModeDevice, "homeassistant"),
			ours.Paired(zoe, hass.Paired{ID: "s9"}).Messages(hass.ModeEntity, "homeassistant"),
			[]hass.Message{
				{Topic: "fitbit2mqtt/zoe/body", Payload: []byte("{}")},
				{Topic: "fitbit2mqtt/anna/device/sold", Payload: []byte("{}")},
			})
		kept := slices.Concat(
			theirs.Device().Messages(hass.ModeDevice, "homeassistant"),
			theirs.Person(hass.Person{UID: "u8", Account: "zoe"}).Messages(hass.ModeEntity, "homeassistant"),
			[]hass.Message{
				{Topic: "homeassistant/device/zigbee/config", Payload: []byte(`{"device":{"identifiers":["zigbee"]},"origin":{"name":"z2m"}}`)},
				{Topic: "homeassistant/sensor/fitbit2mqtt_u9/x/config", Payload: []byte("not JSON")},
				{Topic: "fitbit2mqtt/zoe/notes", Payload: []byte("not ours")},
				{Topic: "cellar/zoe/body", Payload: []byte("{}")},
			})
		h.earlier(stale...)
		h.earlier(kept...)
		h.open()
		for _, m := range stale {
			if h.holds(m.Topic) != "" {
				h.Errorf("%s is still there", m.Topic)
			}
		}
		for _, m := range kept {
			if h.holds(m.Topic) != string(m.Payload) {
				h.Errorf("%s is not ours, and was changed", m.Topic)
			}
		}
	})
}

// An entity that this version no longer has is retired in two steps.
func TestAnEntityThatIsNoMore(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		before := hass.Bridge{Prefix: "fitbit2mqtt"}.Person(hass.Person{UID: "u1", Account: "anna", Name: "Anna"})
		before.Components["mood"] = hass.Component{Platform: "sensor", UniqueID: "mood"}
		h.earlier(before.Messages(hass.ModeDevice, "homeassistant")...)
		h.start()
		h.connect()
		h.pass(10 * time.Second)
		var steps []heard
		for _, m := range h.heard() {
			if m.Topic == annasConfig {
				steps = append(steps, m)
			}
		}
		if len(steps) != 2 {
			h.Fatalf("%d steps", len(steps))
		}
		mood := func(m heard) (string, bool) {
			c, there := decode[hass.Device](h.T, m.Payload).Components["mood"]
			return c.Platform + c.UniqueID, there
		}
		if stub, there := mood(steps[0]); !there || stub != "sensor" {
			h.Errorf("first: %s", steps[0].Payload)
		}
		if _, there := mood(steps[1]); there {
			h.Errorf("then: %s", steps[1].Payload)
		}
		if gap := steps[1].at.Sub(steps[0].at); gap < 5*time.Second {
			h.Errorf("the second step came after %s", gap)
		}
	})
}

func TestTheOtherFormOfDiscovery(t *testing.T) {
	t.Parallel()
	for _, to := range []hass.Mode{hass.ModeDevice, hass.ModeEntity, hass.ModeOff} {
		t.Run(string(to), func(t *testing.T) {
			t.Parallel()
			inHouse(t, func(h *house) {
				from := map[hass.Mode]hass.Mode{hass.ModeDevice: hass.ModeEntity, hass.ModeEntity: hass.ModeDevice, hass.ModeOff: hass.ModeDevice}[to]
				h.o.Discovery = from
				h.open()
				h.stop()
				var old []string
				h.broker.set(func(b *broker) {
					for topic := range b.retained {
						if strings.HasPrefix(topic, "homeassistant/") {
							old = append(old, topic)
						}
					}
				})
				h.heard()
				h.o.Discovery = to
				h.start()
				h.connect()
				h.pass(10 * time.Second)
				marked, announced, cleared := make(map[string]int), 0, make(map[string]int)
				for i, m := range h.heard() {
					isOld := slices.Contains(old, m.Topic)
					switch {
					case string(m.Payload) == hass.Migrate && isOld && !m.Retained:
						marked[m.Topic] = i
					case len(m.Payload) == 0 && isOld:
						cleared[m.Topic] = i
					case strings.HasSuffix(m.Topic, "/config"):
						announced = i
					}
				}
				for _, topic := range old {
					if _, ok := marked[topic]; ok != (to != hass.ModeOff) || ok && marked[topic] > announced {
						h.Errorf("%s: let go: %t, before the new form", topic, ok)
					}
					if cleared[topic] == 0 || cleared[topic] < announced {
						h.Errorf("%s is not cleared at the end", topic)
					}
				}
				if len(old) == 0 || (announced > 0) != (to != hass.ModeOff) {
					h.Errorf("%d old configs, announced: %t", len(old), announced > 0)
				}
			})
		})
	}
}

// Whatever breaks off the search, the next connection begins anew.
func TestAConnectionLostDuringTheSearch(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		withScale(h)
		h.o.Discovery = hass.ModeEntity
		h.start()
		h.broker.set(func(b *broker) {
			b.refuse = func(_ context.Context, m bridge.Message) error {
				if m.Topic == "fitbit2mqtt/bridge/state" { // the search that follows finds the connection lost
					b.set(func(b *broker) { b.up, b.refuse = false, nil })
				}
				return nil
			}
		})
		h.connect()
		h.pass(time.Second)
		h.heard()
		h.connect()
		h.pass(time.Second)
		if n := len(h.heard()); n < 30 {
			h.Errorf("%d messages", n)
		}
	})
}
