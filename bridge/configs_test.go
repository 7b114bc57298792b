package bridge_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// What is remembered is enough to say, to the byte, what a running bridge has announced.
func TestConfigsAreThoseOfARunningBridge(t *testing.T) {
	t.Parallel()
	for _, mode := range []hass.Mode{hass.ModeDevice, hass.ModeEntity, hass.ModeOff} {
		inHouse(t, func(h *house) {
			h.o.Discovery = mode
			h.anna.devices = []fitbit.Device{
				{ID: "s1", Name: "Aria Air", Type: fitbit.Scale, Battery: "high"}, {ID: "t1", Name: "Charge 6", Type: fitbit.Tracker},
			}
			h.open()
			h.pass(time.Minute)
			announced := h.retainedNow()
			maps.DeleteFunc(announced, func(topic, _ string) bool { return !strings.HasPrefix(topic, "homeassistant/") })
			other := bridge.New(bridge.Options{Version: h.o.Version, Discovery: mode})
			past, err := h.memory.Recall(h.Context(), "u1")
			if err != nil {
				t.Fatal(err)
			}
			said := make(map[string]string)
			for _, m := range append(other.Configs(), other.PersonConfigs(anna(), past)...) {
				if len(m.Payload) > 0 {
					said[m.Topic] = string(m.Payload)
				}
			}
			if !maps.Equal(said, announced) || len(said) == 0 && mode != hass.ModeOff {
				t.Errorf("%s: said %v\nannounced %v", mode, said, announced)
			}
		})
	}
}

// The devices of whoever had the name before are not announced.
func TestConfigsAfterAHandover(t *testing.T) {
	t.Parallel()
	past := bridge.Past{
		Profile: bridge.Profile{Identity: "google:before"},
		Devices: []bridge.KnownDevice{{Device: fitbit.Device{ID: "s1", Type: fitbit.Scale}}},
	}
	now := anna()
	now.Identity = "google:now"
	if list := bridge.New(bridge.Options{}).PersonConfigs(now, past); len(list) != 1 {
		t.Errorf("%d configs", len(list))
	}
}
