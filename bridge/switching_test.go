package bridge_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/entityregistry"
)

// mine is what a user has made of an entity's name.
func mine(uniqueID string) string { return "my " + uniqueID }

// moveIn lets a Home Assistant see everything that the house publishes, and its user
// rename all entities.
func moveIn(h *house) *entityregistry.Home {
	home := entityregistry.New("homeassistant")
	h.broker.set(func(b *broker) { b.listener = home.Receive })
	h.wakeUp(home)
	return home
}

// wakeUp starts a Home Assistant, which says so a little later.
func (h *house) wakeUp(home *entityregistry.Home) {
	h.broker.set(func(b *broker) { home.Start(b.retained) })
}

// birthOf is what it says then, and what follows from it.
func (h *house) birthOf() {
	h.birth("online")
	h.pass(20 * time.Second)
}

// dieAt lets the bridge publish so many discovery messages and then die.
func (h *house) dieAt(messages int) {
	h.Helper()
	h.broker.set(func(b *broker) {
		b.refuse = func(_ context.Context, m bridge.Message) error {
			if messages--; messages < 0 && strings.HasPrefix(m.Topic, "homeassistant/") {
				b.set(func(b *broker) { b.up = false })
				return bridge.ErrBrokerAway
			}
			if !strings.HasPrefix(m.Topic, "homeassistant/") {
				messages++
			}
			return nil
		}
	})
	h.start()
	h.connect()
	h.pass(10 * time.Second)
	h.stop()
	h.broker.set(func(b *broker) {
		b.refuse = nil
		b.retained[h.bridge.Will().Topic] = "offline"
	})
}

// configs lists the discovery topics that the broker retains.
func (h *house) configs() (topics []string) {
	h.broker.set(func(b *broker) {
		for _, topic := range slices.Sorted(maps.Keys(b.retained)) {
			if strings.HasSuffix(topic, "/config") {
				topics = append(topics, topic)
			}
		}
	})
	return topics
}

// wantHome checks what has become of all entities in the end.
func (h *house) wantHome(what string, home *entityregistry.Home, mode hass.Mode) {
	h.Helper()
	ours := hass.Bridge{Prefix: "fitbit2mqtt", Version: "1.2.3"}
	who := hass.Person{UID: "u1", Account: "anna", Name: "Anna", Model: "Aria Air"}
	var topics, ids []string
	for _, d := range []hass.Device{ours.Device(), ours.Person(who), ours.Paired(who, hass.Paired{ID: "s1", Name: "Aria Air", Type: "scale", HasBattery: true})} {
		for _, m := range d.Messages(mode, "homeassistant") {
			topics = append(topics, m.Topic)
		}
		for _, c := range d.Components {
			if mode != hass.ModeOff {
				ids = append(ids, c.UniqueID)
			}
		}
	}
	slices.Sort(topics)
	slices.Sort(ids)
	if got := h.configs(); !slices.Equal(got, topics) {
		h.Errorf("%s: the broker retains %v, want %v", what, got, topics)
	}
	if got := home.Shown(); !slices.Equal(got, ids) {
		h.Errorf("%s: shown are %v, want %v", what, got, ids)
	}
	if got := home.Ghosts(); len(got) > 0 {
		h.Errorf("%s: ghosts %v", what, got)
	}
	for _, e := range home.Registry() {
		if e.Name != mine(e.UniqueID) {
			h.Errorf("%s: %s is called %q", what, e.UniqueID, e.Name)
			break
		}
	}
	if len(h.memory.buried) > 0 {
		h.Errorf("%s: %d configs wait to be withdrawn", what, len(h.memory.buried))
	}
}

// Whatever form of discovery follows on whatever other, wherever the bridge dies on the
// way, and whether Home Assistant is there or not: in the end it shows the same entities
// under the names that people have given them, and nothing is left over.
func TestSwitchingDiscovery(t *testing.T) {
	t.Parallel()
	modes := []hass.Mode{hass.ModeDevice, hass.ModeEntity, hass.ModeOff}
	for _, from := range modes {
		for _, to := range modes {
			for _, home := range []string{"there", "away", "restarted"} {
				for _, crash := range []int{-1, 0, 2, 4, 20, 46, 48, 90} {
					if from == to {
						continue
					}
					t.Run(fmt.Sprintf("%s to %s, home %s, death at %d", from, to, home, crash), func(t *testing.T) {
						t.Parallel()
						inHouse(t, func(h *house) { switched(h, from, to, home, crash) })
					})
				}
			}
		}
	}
}

func switched(h *house, from, to hass.Mode, where string, crash int) {
	h.Helper()
	withScale(h)
	home := moveIn(h)
	h.o.Discovery = from
	h.open()
	h.birthOf()
	home.Rename(mine)
	h.stop()
	if where == "away" {
		home.Stop()
	}
	h.o.Discovery = to
	if crash >= 0 {
		h.dieAt(crash)
	}
	conflicts := len(home.Conflicts)
	if where == "restarted" {
		h.wakeUp(home)
		home.Conflicts = nil // both forms are there: it complains, and takes one
		conflicts = -1
	}
	h.open()
	if where == "away" {
		h.wakeUp(home)
	}
	h.birthOf()
	if from == hass.ModeOff {
		home.Rename(mine) // they are new
	}
	h.wantHome("in the end", home, to)
	if conflicts >= 0 && len(home.Conflicts) > 0 {
		h.Errorf("conflicts: %v", home.Conflicts)
	}
	h.stop()
	h.wakeUp(home)
	h.open()
	h.birthOf()
	h.wantHome("and later", home, to)
	if len(home.Stubs) > 0 {
		h.Errorf("devices without a name: %v", home.Stubs)
	}
}
