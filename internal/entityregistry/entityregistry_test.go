package entityregistry_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/entityregistry"
)

const (
	entityTopic = "homeassistant/sensor/scale/weight/config"
	deviceTopic = "homeassistant/device/scale/config"
	entity      = `{"unique_id":"w","device":{"identifiers":["scale"],"via_device":"bridge"}}`
	device      = `{"device":{"identifiers":["scale"]},"components":{"weight":{"platform":"sensor","unique_id":"w"},"fat":{"platform":"sensor","unique_id":"f"}}}`
	lessFat     = `{"device":{"identifiers":["scale"]},"components":{"weight":{"platform":"sensor","unique_id":"w"}}}`
	stubbedFat  = `{"device":{"identifiers":["scale"]},"components":{"weight":{"platform":"sensor","unique_id":"w"},"fat":{"platform":"sensor"}}}`
	marker      = `{"migrate_discovery":true}`
)

// TestMeasured replays what was measured at running cores.
func TestMeasured(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		messages []string // topic and payload; "restart" and what is retained then; "stop"
		want     string   // shown, ghosts, conflicts
	}{
		"an entity":                   {[]string{entityTopic + " " + entity}, "[w] [] 0"},
		"a device":                    {[]string{deviceTopic + " " + device}, "[f w] [] 0"},
		"an update":                   {[]string{deviceTopic + " " + device, deviceTopic + " " + device}, "[f w] [] 0"},
		"withdrawn":                   {[]string{deviceTopic + " " + device, deviceTopic + " "}, "[] [] 0"},
		"omitted":                     {[]string{deviceTopic + " " + device, deviceTopic + " " + lessFat}, "[f w] [] 0"},
		"a stub":                      {[]string{deviceTopic + " " + device, deviceTopic + " " + stubbedFat}, "[w] [] 0"},
		"both forms":                  {[]string{entityTopic + " " + entity, deviceTopic + " " + lessFat}, "[w] [] 1"},
		"both, the first withdrawn":   {[]string{entityTopic + " " + entity, deviceTopic + " " + lessFat, entityTopic + " "}, "[] [] 1"},
		"let go":                      {[]string{entityTopic + " " + entity, entityTopic + " " + marker}, "[] [w] 0"},
		"let go at the wrong topic":   {[]string{entityTopic + " " + entity, deviceTopic + " " + marker}, "[w] [] 0"},
		"migrated":                    {[]string{entityTopic + " " + entity, entityTopic + " " + marker, deviceTopic + " " + lessFat, entityTopic + " "}, "[w] [] 0"},
		"rolled back":                 {[]string{deviceTopic + " " + lessFat, deviceTopic + " " + marker, entityTopic + " " + entity, deviceTopic + " "}, "[w] [] 0"},
		"one id twice":                {[]string{entityTopic + " " + entity, strings.Replace(entityTopic, "weight", "mass", 1) + " " + entity}, "[w] [] 1"},
		"withdrawn while away":        {[]string{deviceTopic + " " + lessFat, "stop", deviceTopic + " ", "restart"}, "[] [w] 0"},
		"shown and withdrawn again":   {[]string{deviceTopic + " " + lessFat, "restart", deviceTopic + " " + lessFat, deviceTopic + " "}, "[] [] 0"},
		"retained":                    {[]string{deviceTopic + " " + device, "restart " + deviceTopic + " " + device}, "[f w] [] 0"},
		"garbage and foreign topics":  {[]string{deviceTopic + " {", "other/device/scale/config " + device, "homeassistant/status online"}, "[] [] 0"},
		"a device without identifier": {[]string{deviceTopic + ` {"components":{"x":{"platform":"sensor","unique_id":"x"}}}`}, "[] [] 0"},
	} {
		h := entityregistry.New("homeassistant")
		h.Start(nil)
		for _, m := range c.messages {
			topic, payload, _ := strings.Cut(m, " ")
			switch topic {
			case "stop":
				h.Stop()
			case "restart":
				retained := make(map[string]string)
				if topic, config, ok := strings.Cut(payload, " "); ok {
					retained[topic] = config
				}
				h.Start(retained)
			default:
				h.Receive(topic, []byte(payload))
			}
		}
		if got := fmt.Sprint(h.Shown(), h.Ghosts(), len(h.Conflicts)); got != c.want {
			t.Errorf("%s: %s, want %s (%v)", name, got, c.want, h.Conflicts)
		}
	}
}

func TestTheRegistryKeepsNames(t *testing.T) {
	t.Parallel()
	h := entityregistry.New("homeassistant")
	h.Start(nil)
	h.Receive(entityTopic, []byte(entity))
	if len(h.Stubs) != 1 || h.Stubs[0] != "bridge" {
		t.Errorf("stubs: %v", h.Stubs)
	}
	h.Rename(func(id string) string { return "my " + id })
	h.Receive(entityTopic, []byte(marker))
	h.Receive(deviceTopic, []byte(lessFat))
	if got := h.Registry(); len(got) != 1 || got[0].Name != "my w" || got[0].Device != "scale" {
		t.Errorf("let go and found again: %+v", got)
	}
	h.Receive(deviceTopic, nil)
	h.Receive(deviceTopic, []byte(lessFat))
	if got := h.Registry(); len(got) != 1 || got[0].Name != "" {
		t.Errorf("withdrawn and found again: %+v", got)
	}
}
