package bridge_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

const annasConfig = "homeassistant/device/fitbit2mqtt_u1/config"

func TestSomebodyMovesIn(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.open()
		bens := newCloud()
		h.people.clouds["u2"] = bens
		h.people.set(anna(), ben())
		h.pass(2 * time.Second)
		news := h.news()
		states, config := slices.Index(news, "ben/availability online"), slices.Index(news, "device/fitbit2mqtt_u2/config")
		if states < 0 || config < states {
			h.Errorf("states, then the config: %v", news)
		}
		if slices.Contains(news, "device/fitbit2mqtt_u1/config") {
			h.Errorf("anna is announced again: %v", news)
		}
		if !h.bridge.PollNow("ben") {
			h.Error("ben is not polled")
		}
	})
}

// Events left from before must not come before Home Assistant knows the device.
func TestEventsOfANewcomerWaitForItsConfig(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.people.set()
		h.open()
		event := bridge.Event{EventType: bridge.NewWeighIn, ID: "x", MeasuredAt: "2000-01-09T07:00:00Z", WeightKg: 80}
		if err := h.memory.Record(h.Context(), "u1", bridge.Entry{Events: []bridge.Event{event}}); err != nil {
			t.Fatal(err)
		}
		h.people.set(anna())
		h.pass(5 * time.Second)
		var config, told time.Time
		for _, m := range h.heard() {
			switch m.Topic {
			case annasConfig:
				config = m.at
			case "fitbit2mqtt/anna/weigh_in":
				told = m.at
			}
		}
		if told.Sub(config) < time.Second || config.IsZero() {
			h.Errorf("config at %s, event at %s", config, told)
		}
	})
}

func TestRename(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		withScale(h)
		h.open()
		h.broker.set(func(b *broker) { b.up = false })
		h.weigh("b", 0, 78, hand)
		h.pass(time.Minute)
		renamed := anna()
		renamed.Name = "anne"
		h.people.set(renamed)
		h.pass(time.Minute)
		h.connect()
		h.pass(10 * time.Second)
		got := h.news()
		for _, line := range got {
			if line == "device/fitbit2mqtt_u1/config cleared" || line == "device/fitbit2mqtt_u1_s1/config cleared" {
				h.Errorf("a rename must not take the device away: %v", got)
			}
		}
		for _, topic := range []string{"body", "heart", "connection", "availability", "device/s1"} {
			if h.holds("fitbit2mqtt/anna/"+topic) != "" || h.holds("fitbit2mqtt/anne/"+topic) == "" {
				h.Errorf("%s has not moved", topic)
			}
		}
		if !slices.Contains(got, "weigh_in b 78") {
			h.Errorf("the event owed is lost: %v", got)
		}
		for _, m := range h.broker.log {
			if m.Topic == "fitbit2mqtt/anne/weigh_in" && decode[bridge.Event](h.T, m.Payload).Account != "anne" {
				h.Errorf("%s", m.Payload)
			}
		}
		if len(h.memory.buried) > 0 {
			h.Errorf("buried: %v", h.memory.buried)
		}
	})
}

func TestTwoSwapNames(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		bens := newCloud()
		h.people.clouds["u2"] = bens
		h.weigh("a", day, 60, hand)
		bens.weights = []fitbit.Weight{{ID: "b", Time: time.Now(), Kilograms: 90, Origin: hand}}
		h.people.set(anna(), ben())
		h.open()
		a, b := anna(), ben()
		a.Name, b.Name = b.Name, a.Name
		h.people.set(a, b)
		h.pass(10 * time.Second)
		if got := retained[body](h, "body"); got.WeightKg != 90 {
			h.Errorf("anna's topic: %+v", got)
		}
	})
}

func TestRemoval(t *testing.T) {
	t.Parallel()
	for _, present := range []bool{true, false} {
		t.Run(map[bool]string{true: "Home Assistant is there", false: "Home Assistant is away"}[present], func(t *testing.T) {
			t.Parallel()
			inHouse(t, func(h *house) {
				withScale(h)
				h.open()
				h.birth(map[bool]string{true: "online", false: "offline"}[present])
				h.pass(20 * time.Second)
				h.news()
				h.people.set()
				h.pass(2 * time.Second)
				h.expect("withdrawn at once, configs first", h.news(),
					"device/fitbit2mqtt_u1/config cleared", "device/fitbit2mqtt_u1_s1/config cleared", "anna/body cleared", "anna/heart cleared",
					"anna/connection cleared", "anna/availability cleared", "anna/device/s1 cleared")
				if p, _ := h.memory.Recall(h.Context(), "u1"); len(p.Weights) > 0 {
					h.Errorf("still known: %+v", p)
				}
				asked := h.anna.count()
				h.pass(time.Hour)
				if got := h.anna.count(); asked == 0 || got > 0 {
					h.Errorf("%d requests for somebody who is gone", got)
				}
				h.birth("online")
				h.pass(4999 * time.Millisecond)
				shown := slices.Contains(h.news(), "device/fitbit2mqtt_u1/config")
				if shown == present {
					h.Errorf("shown to the next Home Assistant: %t", shown)
				}
				h.pass(6 * time.Second)
				if h.holds(annasConfig) != "" || len(h.memory.buried) > 0 {
					h.Errorf("not withdrawn again: %q, %v", h.holds(annasConfig), h.memory.buried)
				}
				all := slices.DeleteFunc(slices.Clone(h.broker.log), func(m heard) bool { return m.Topic != annasConfig })
				if n := len(all); shown && all[n-1].at.Sub(all[n-2].at) < 5*time.Second {
					h.Errorf("withdrawn before anybody could see it: %s, %s", all[n-2].at, all[n-1].at)
				}
				h.news()
				h.birth("online")
				h.pass(20 * time.Second)
				if slices.Contains(h.news(), "device/fitbit2mqtt_u1/config") {
					h.Error("a ghost")
				}
			})
		})
	}
}

func TestSomebodyComesBack(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.open()
		h.people.set()
		h.pass(2 * time.Second)
		h.people.set(anna())
		h.pass(10 * time.Second)
		h.birth("online")
		h.pass(time.Minute)
		if h.holds(annasConfig) == "" || len(h.memory.buried) > 0 {
			h.Errorf("config %q, buried %v", h.holds(annasConfig), h.memory.buried)
		}
	})
}

func TestDevicesComeAndGo(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.open()
		model := func() any {
			return decode[struct{ Device map[string]any }](h.T, []byte(h.holds(annasConfig))).Device["model"]
		}
		if model() != nil {
			h.Errorf("model before there is a scale: %v", model())
		}
		h.anna.set(withBattery(62))
		h.pass(time.Hour)
		if model() != "Aria Air" || h.holds("homeassistant/device/fitbit2mqtt_u1_s1/config") == "" || h.holds("fitbit2mqtt/anna/device/s1") == "" {
			h.Errorf("a scale was paired: %v", h.news())
		}
		config := h.holds("homeassistant/device/fitbit2mqtt_u1_s1/config")
		h.anna.set(func(c *cloud) { c.devices = []fitbit.Device{{ID: "s1", Name: "Aria Air", Type: fitbit.Scale}} })
		h.pass(time.Hour)
		if h.holds("homeassistant/device/fitbit2mqtt_u1_s1/config") != config {
			h.Error("a battery that is silent for once takes its sensor away")
		}
		h.news()
		h.anna.set(func(c *cloud) { c.devices = nil })
		h.pass(time.Hour)
		h.expect("it was removed", h.news(), "device/fitbit2mqtt_u1/config", "device/fitbit2mqtt_u1_s1/config cleared", "anna/device/s1 cleared")
		if len(h.memory.buried) != 1 {
			h.Errorf("buried: %v", h.memory.buried)
		}
	})
}

func withBattery(pct int) func(*cloud) {
	return func(c *cloud) {
		c.devices = []fitbit.Device{{ID: "s1", Name: "Aria Air", Type: fitbit.Scale, BatteryPercent: &pct}}
	}
}

func TestAHouseThatCannotBeRead(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		broken := errors.New("broken")
		h.memory.noRecall = broken
		if err := bridge.New(h.o).Run(h.Context(), h.broker); !errors.Is(err, broken) {
			h.Errorf("history: %v", err)
		}
		h.memory.noRecall, h.people.refuse = nil, broken
		if err := bridge.New(h.o).Run(h.Context(), h.broker); !errors.Is(err, broken) {
			h.Errorf("accounts: %v", err)
		}
		h.people.refuse = nil
		h.open()
		h.people.clouds["u2"] = newCloud()
		h.memory.set(func(m *memory) { m.noRecall = broken })
		h.people.set(anna(), ben())
		h.pass(time.Minute)
		h.memory.set(func(m *memory) { m.noRecall = nil })
		h.pass(2 * time.Second)
		if n := h.log.lines("accounts could not be read"); n != 1 {
			h.Errorf("logged %d times", n)
		}
		if !h.bridge.PollNow("ben") {
			h.Error("ben is not polled once the history can be read")
		}
	})
}
