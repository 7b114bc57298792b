package bridge_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/entityregistry"
)

// wantRoom checks that nothing is left over at the broker or in Home Assistant: all
// topics begin with one of the prefixes, and what is remembered is shown.
func (h *house) wantRoom(what string, home *entityregistry.Home, prefixes ...string) {
	h.Helper()
	h.broker.set(func(b *broker) {
		for topic := range b.retained {
			if !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(topic, p) }) {
				h.Errorf("%s: %s is left over", what, topic)
			}
		}
	})
	if got := home.Ghosts(); len(got) > 0 {
		h.Errorf("%s: ghosts %v", what, got)
	}
	if len(home.Conflicts) > 0 || len(home.Stubs) > 0 {
		h.Errorf("%s: conflicts %v, devices without a name %v", what, home.Conflicts, home.Stubs)
	}
	if len(h.memory.buried) > 0 {
		h.Errorf("%s: %d configs wait to be withdrawn", what, len(h.memory.buried))
	}
}

// wantNames checks that what people have called anna's entities is kept.
func (h *house) wantNames(what string, home *entityregistry.Home) {
	h.Helper()
	n := 0
	for _, e := range home.Registry() {
		if !strings.HasPrefix(e.UniqueID, "fitbit2mqtt_u1_") {
			continue
		}
		if n++; e.Name != mine(e.UniqueID) {
			h.Errorf("%s: %s is called %q", what, e.UniqueID, e.Name)
		}
	}
	if n < 30 {
		h.Errorf("%s: %d entities", what, n)
	}
}

// whileOff lets something happen to the house while the bridge is off, and the bridge die
// on its way afterwards; crash is how far it gets, in discovery messages. -1: it does not.
func (h *house) whileOff(home *entityregistry.Home, away bool, crash int, change func()) {
	h.Helper()
	h.open()
	h.birthOf()
	home.Rename(mine)
	h.stop()
	if away {
		home.Stop()
	}
	change()
	if crash >= 0 {
		h.dieAt(crash)
	}
	h.open()
	if away {
		h.wakeUp(home)
	}
	h.birthOf()
	if !away { // what was withdrawn before its eyes is shown once more after the next start
		h.wakeUp(home)
		h.birthOf()
	}
}

// Whatever else changes with the form of discovery, or without it, leaves nothing behind.
func TestNothingIsLeftOver(t *testing.T) {
	t.Parallel()
	renamed := anna()
	renamed.Name = "ann"
	for name, c := range map[string]struct {
		change   func(*house)
		prefixes []string
	}{
		"renamed":             {func(h *house) { h.people.set(renamed, ben()) }, []string{"homeassistant/", "fitbit2mqtt/bridge/", "fitbit2mqtt/ann/", "fitbit2mqtt/ben/"}},
		"removed":             {func(h *house) { h.people.remove("u2") }, []string{"homeassistant/", "fitbit2mqtt/bridge/", "fitbit2mqtt/anna/"}},
		"another prefix":      {func(h *house) { h.o.Prefix = "scales" }, []string{"homeassistant/", "scales/"}},
		"one within it":       {func(h *house) { h.o.Prefix = "fitbit2mqtt/home" }, []string{"homeassistant/", "fitbit2mqtt/home/"}},
		"removed, and prefix": {func(h *house) { h.people.remove("u2"); h.o.Prefix = "scales" }, []string{"homeassistant/", "scales/"}},
	} {
		for _, from := range []hass.Mode{hass.ModeDevice, hass.ModeEntity} {
			for _, to := range []hass.Mode{hass.ModeDevice, hass.ModeEntity} {
				for _, away := range []bool{false, true} {
					for _, crash := range []int{-1, 0, 6, 50, 95} {
						what := fmt.Sprintf("%s, %s to %s, away %t, death at %d", name, from, to, away, crash)
						t.Run(what, func(t *testing.T) {
							t.Parallel()
							inHouse(t, func(h *house) {
								withScale(h)
								h.people.clouds["u2"] = newCloud()
								h.people.set(anna(), ben())
								home := moveIn(h)
								h.o.Discovery = from
								h.whileOff(home, away, crash, func() {
									h.o.Discovery = to
									c.change(h)
								})
								h.wantRoom(what, home, c.prefixes...)
								h.wantNames(what, home)
							})
						})
					}
				}
			}
		}
	}
}

// Home Assistant looks for configs elsewhere now, and the bridge has been told.
func TestAnotherPrefixOfDiscovery(t *testing.T) {
	t.Parallel()
	for _, prefixes := range [][2]string{{"homeassistant", "ha"}, {"ha", "homeassistant"}, {"my/own/ha", "homeassistant"}, {"a/b", "a"}} {
		for _, to := range []hass.Mode{hass.ModeDevice, hass.ModeEntity} {
			t.Run(prefixes[0]+" to "+prefixes[1]+" "+string(to), func(t *testing.T) {
				t.Parallel()
				inHouse(t, func(h *house) {
					withScale(h)
					home := moveIn(h)
					h.o.StatusTopic = "homeassistant/status"
					home.Prefix, h.o.HassPrefix = prefixes[0], prefixes[0]
					h.whileOff(home, true, -1, func() {
						h.o.HassPrefix, h.o.Discovery = prefixes[1], to
						home.Prefix = prefixes[1]
					})
					for _, topic := range h.configs() {
						if !strings.HasPrefix(topic, prefixes[1]+"/") || strings.HasPrefix(topic, "a/b/") {
							h.Errorf("%s is left over", topic)
						}
					}
					h.wantRoom("in the end", home, prefixes[1]+"/", "fitbit2mqtt/")
					h.wantNames("in the end", home)
				})
			})
		}
	}
}

// A broker that lets nobody look around is searched where we publish.
func TestABrokerThatLetsNobodyLookAround(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		stale := hass.Bridge{Prefix: "fitbit2mqtt"}.Person(hass.Person{UID: "u9", Account: "zoe"}).Messages(hass.ModeDevice, "homeassistant")
		h.earlier(stale...)
		h.broker.set(func(b *broker) { b.noWildcards = errors.New("not allowed") })
		h.open()
		if h.holds(stale[0].Topic) != "" {
			h.Error("what is stale is still there")
		}
	})
}

// An entity that a newer version no longer has is withdrawn, not let go of, or it would
// haunt the registry.
func TestAnEntityThatIsNoMoreInTheOtherForm(t *testing.T) {
	t.Parallel()
	for _, away := range []bool{false, true} {
		inHouse(t, func(h *house) {
			home := moveIn(h)
			h.o.Discovery = hass.ModeEntity
			before := hass.Bridge{Prefix: "fitbit2mqtt"}.Person(hass.Person{UID: "u1", Account: "anna", Name: "Anna"})
			before.Components = map[string]hass.Component{"mood": {
				Platform: "sensor", UniqueID: "fitbit2mqtt_u1_mood", Availability: []hass.Availability{{Topic: "fitbit2mqtt/bridge/state"}},
			}}
			h.whileOff(home, away, -1, func() {
				old := before.Messages(hass.ModeEntity, "homeassistant")
				h.earlier(old...)
				home.Receive(old[0].Topic, old[0].Payload)
				if away {
					home.Start(map[string]string{old[0].Topic: string(old[0].Payload)})
					home.Stop()
				}
			})
			h.wantRoom(fmt.Sprint("away: ", away), home, "homeassistant/", "fitbit2mqtt/")
			if strings.Contains(fmt.Sprint(home.Registry()), "mood") {
				h.Errorf("away: %t: it is still there", away)
			}
		})
	}
}

// What waits to be withdrawn in one form does not disturb the other, which has come to
// life meanwhile.
func TestOffAndOnAgainInTheOtherForm(t *testing.T) {
	t.Parallel()
	for from, to := range map[hass.Mode]hass.Mode{hass.ModeDevice: hass.ModeEntity, hass.ModeEntity: hass.ModeDevice} {
		inHouse(t, func(h *house) {
			withScale(h)
			home := moveIn(h)
			h.o.Discovery = from
			h.open()
			home.Rename(mine)
			h.stop()
			home.Stop()
			h.o.Discovery = hass.ModeOff
			h.open()
			h.stop()
			if len(h.memory.buried) == 0 {
				h.Error("nothing waits to be withdrawn")
			}
			h.o.Discovery = to
			h.open()
			h.wakeUp(home)
			h.birthOf()
			h.wantHome("in the end", home, to)
			h.wantRoom("in the end", home, "homeassistant/", "fitbit2mqtt/")
		})
	}
}

// Home Assistant needs a moment to let go, and no event may come before its device.
func TestLettingGoTakesAMoment(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		withScale(h)
		h.o.Discovery = hass.ModeEntity
		h.open()
		h.stop()
		h.o.Discovery = hass.ModeDevice
		h.broker.set(func(b *broker) { b.up = false })
		h.start()
		h.weigh("new", time.Minute, 78, hand)
		h.pass(time.Minute)
		h.heard()
		h.connect()
		h.pass(10 * time.Second)
		var marked, announced, event, cleared time.Time
		for _, m := range h.heard() {
			switch {
			case string(m.Payload) == hass.Migrate:
				marked = m.at
			case strings.HasSuffix(m.Topic, "/weigh_in"):
				event = m.at
			case strings.HasSuffix(m.Topic, "/config") && len(m.Payload) == 0:
				cleared = m.at
			case strings.HasPrefix(m.Topic, "homeassistant/device/") && announced.IsZero():
				announced = m.at
			}
		}
		if marked.IsZero() || announced.Sub(marked) < time.Second || cleared.Before(announced) || event.Sub(announced) < time.Second {
			h.Errorf("marked %s, announced %s, cleared %s, event %s", marked, announced, cleared, event)
		}
	})
}
