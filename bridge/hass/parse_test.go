package hass_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
)

func TestParseFindsWhatWeAnnounce(t *testing.T) {
	t.Parallel()
	for name, d := range household() {
		prefix := "fitbit2mqtt"
		if strings.HasPrefix(name, "other") {
			prefix = "cellar/scale"
		}
		found, ok := hass.Parse(d.Topic("ha/disco"), d.Payload())
		if !ok || found.ID != d.ID() || found.Mode != hass.ModeDevice || found.Prefix != prefix || !maps.Equal(found.Components, platforms(d)) {
			t.Errorf("%s: %v %+v", name, ok, found)
		}
		together := make(map[string]string)
		for _, m := range d.Messages(hass.ModeEntity, "ha/disco") {
			found, ok := hass.Parse(m.Topic, m.Payload)
			if !ok || found.ID != d.ID() || found.Mode != hass.ModeEntity || found.Prefix != prefix || len(found.Components) != 1 {
				t.Errorf("%s: %v %+v", m.Topic, ok, found)
			}
			maps.Copy(together, found.Components)
		}
		if !maps.Equal(together, platforms(d)) {
			t.Errorf("%s: entities %v", name, together)
		}
	}
}

// TestParseAfterAnInterruption: what the first step of a removal left behind is
// found whole, so that the removal can be finished.
func TestParseAfterAnInterruption(t *testing.T) {
	t.Parallel()
	d := bridge().Person(anna())
	step, _ := d.Retiring(map[string]string{"steps": "sensor"})
	found, ok := hass.Parse(step.Topic("h"), step.Payload())
	if !ok || found.Components["steps"] != "sensor" {
		t.Fatalf("%v %+v", ok, found)
	}
	if again, vanished := d.Retiring(found.Components); !vanished || string(again.Payload()) != string(step.Payload()) {
		t.Errorf("%v %s", vanished, again.Payload())
	}
}

const (
	goodTopic = "homeassistant/device/fitbit2mqtt_1/config"
	goodStart = `{"device":{"identifiers":["fitbit2mqtt_1"]},"origin":{"name":"fitbit2mqtt"},"components":{`
	goodOne   = `"a":{"platform":"sensor","availability":[{"topic":"p/bridge/state"}]}`
)

func TestParseLeavesStrangersAlone(t *testing.T) {
	t.Parallel()
	good := goodStart + goodOne + `}}`
	if found, ok := hass.Parse(goodTopic, []byte(good)); !ok || found.Prefix != "p" {
		t.Fatalf("the good one: %v %+v", ok, found)
	}
	for name, c := range map[string]struct{ topic, payload string }{
		"empty":                 {goodTopic, ``},
		"no JSON":               {goodTopic, `online`},
		"no object":             {goodTopic, `[1]`},
		"null":                  {goodTopic, `null`},
		"cut off":               {goodTopic, good[:len(good)-1]},
		"another program's":     {goodTopic, strings.Replace(good, `"name":"fitbit2mqtt"`, `"name":"zigbee2mqtt"`, 1)},
		"nobody's":              {goodTopic, strings.Replace(good, `"origin"`, `"from"`, 1)},
		"another device":        {goodTopic, strings.Replace(good, `"fitbit2mqtt_1"`, `"fitbit2mqtt_2"`, 1)},
		"no device":             {goodTopic, strings.Replace(good, `"device"`, `"thing"`, 1)},
		"nothing to tell by":    {goodTopic, goodStart + `"a":{"platform":"sensor"}}}`},
		"two prefixes":          {goodTopic, goodStart + goodOne + `,"b":{"platform":"sensor","state_topic":"q/bridge/state"}}}`},
		"empty prefix":          {goodTopic, strings.Replace(good, "p/bridge", "/bridge", 1)},
		"migration marker":      {goodTopic, hass.Migrate},
		"a state":               {"homeassistant/device/fitbit2mqtt_1/state", good},
		"short topic":           {"device/fitbit2mqtt_1/config", good},
		"foreign topic":         {"homeassistant/device/other_1/config", good},
		"odd topic":             {"homeassistant/device/fitbit2mqtt_1.5/config", strings.Replace(good, "_1", "_1.5", 1)},
		"unknown platform":      {"homeassistant/light/fitbit2mqtt_1/a/config", good},
		"component without key": {"homeassistant/sensor/fitbit2mqtt_1/config", good},
	} {
		if found, ok := hass.Parse(c.topic, []byte(c.payload)); ok {
			t.Errorf("%s: %+v", name, found)
		}
	}
}

// TestParseDropsWhatCannotBeRepeated: a stub with a platform Home Assistant does
// not know, or a key that is no level of a topic, would do more harm than a ghost.
func TestParseDropsWhatCannotBeRepeated(t *testing.T) {
	t.Parallel()
	payload := goodStart + goodOne + `,"b":{"platform":"teapot"},"c/+":{"platform":"sensor"},"":{"platform":"sensor"}}}`
	found, ok := hass.Parse(goodTopic, []byte(payload))
	if want := map[string]string{"a": "sensor"}; !ok || !maps.Equal(found.Components, want) {
		t.Errorf("%v %v, want %v", ok, found.Components, want)
	}
}

func FuzzParse(f *testing.F) {
	for _, d := range household() {
		f.Add(d.Topic("homeassistant"), d.Payload())
		for _, m := range d.Messages(hass.ModeEntity, "homeassistant")[:1] {
			f.Add(m.Topic, m.Payload)
		}
	}
	f.Add(goodTopic, []byte(hass.Migrate))
	f.Add(goodTopic, []byte(goodStart+goodOne+`,"b":null,"c":{"platform":7}}}`))
	f.Add("////config", []byte(`{"components":[]}`))
	f.Fuzz(func(t *testing.T, topic string, payload []byte) {
		found, ok := hass.Parse(topic, payload)
		if !ok {
			return
		}
		if !idForm.MatchString(found.ID) || found.Prefix == "" || !strings.HasSuffix(topic, "/config") {
			t.Errorf("%s: %+v", topic, found)
		}
		// Whatever was found, taking it down leaves a config that is accepted.
		step, _ := bridge().Person(anna()).Retiring(found.Components)
		if err := checkDevice(decode(t, step.Payload())); err != nil {
			t.Error(err)
		}
		for _, m := range step.Messages(hass.ModeEntity, "homeassistant") {
			if !plain(m.Topic) {
				t.Errorf("topic %q", m.Topic)
			}
		}
	})
}
