package hass_test

import (
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
)

func TestEveryPayloadIsAcceptable(t *testing.T) {
	t.Parallel()
	for name, d := range household() {
		if err := checkDevice(decode(t, d.Payload())); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, m := range d.Messages(hass.ModeEntity, "homeassistant") {
			level := strings.Split(m.Topic, "/")
			if err := checkEntity(level[1], level[3], decode(t, m.Payload)); err != nil {
				t.Errorf("%s: %v", m.Topic, err)
			}
		}
	}
}

// TestTheCheckHasTeeth spoils a good payload in all the ways that have cost
// somebody their entities.
func TestTheCheckHasTeeth(t *testing.T) {
	t.Parallel()
	in := func(path ...string) func(object) object {
		return func(o object) object {
			for _, p := range path {
				o = o[p].(object)
			}
			return o
		}
	}
	root, device, origin := in(), in("device"), in("origin")
	weight, last := in("components", "weight"), in("components", "last_weighed")
	for _, c := range []struct {
		at    func(object) object
		key   string
		value any // nil: the key is removed
		want  string
	}{
		{root, "~", "fitbit2mqtt/anna", "root: stray key"},
		{root, "availability_topic", "a/b", "root: stray key"},
		{root, "json_attributes_topic", "a/b", "root: stray key"},
		{root, "components", nil, "no components"},
		{root, "origin", nil, "origin: name"},
		{root, "device", nil, "device: identifiers"},
		{root, "qos", nil, "qos is"},
		{device, "serial_number", "1", "device: stray key"},
		{device, "ip", "1.2.3.4", "device: stray key"},
		{device, "identifiers", []any{}, "device: identifiers"},
		{device, "name", "", "device: no name"},
		{device, "name", "last", "begins with the device's"},
		{device, "configuration_url", "fitbit2mqtt.local", "device: configuration_url"},
		{device, "via_device", "fitbit2mqtt_3f9c", "device: via_device"},
		{origin, "version", "1", "origin: stray key"},
		{origin, "name", nil, "origin: name"},
		{weight, "platform", "sensors", "unknown platform"},
		{weight, "object_id", "anna_weight", "stray key"},
		{weight, "expire_after", 60.0, "stray key"},
		{weight, "unique_id", nil, "unique_id"},
		{weight, "default_entity_id", "event.anna_weight", "default_entity_id"},
		{weight, "default_entity_id", "sensor.anna__weight", "default_entity_id"},
		{weight, "default_entity_id", "sensor.anna-weight", "default_entity_id"},
		{weight, "device_class", "mass", "unit"},
		{weight, "device_class", nil, "unit"},
		{weight, "unit_of_measurement", "KG", "unit"},
		{weight, "state_class", nil, "state_class"},
		{weight, "suggested_display_precision", -1.0, "precision"},
		{weight, "options", []any{"a"}, "options"},
		{weight, "entity_category", "config", "entity_category"},
		{weight, "icon", "heart", "icon"},
		{weight, "state_topic", "fitbit2mqtt/+/body", "state_topic"},
		{weight, "value_template", "value_json.weight_kg", "value_template"},
		{weight, "json_attributes_topic", nil, "attributes of"},
		{weight, "json_attributes_template", "{{ {'unique_id': value_json.unique_id} | tojson }}", "would be dropped"},
		{weight, "availability", nil, "availability"},
		{weight, "availability_mode", "latest", "availability"},
		{weight, "availability_topic", "a/b", "stray key"},
		{weight, "availability", []any{object{"t": "a"}}, "stray key"},
		{last, "state_class", "measurement", "state_class"},
		{last, "unit_of_measurement", "s", "unit"},
		{in("components", "weigh_in"), "entity_category", "diagnostic", "entity_category"},
		{in("components", "weigh_in"), "event_types", nil, "event_types"},
		{in("components", "weigh_in"), "value_template", "{{ value }}", "stray key"},
		{in("components", "connection"), "options", []any{}, "options"},
		{in("components", "poll"), "command_topic", nil, "command_topic"},
	} {
		payload := decode(t, bridge().Person(anna()).Payload())
		if c.value == nil {
			delete(c.at(payload), c.key)
		} else {
			c.at(payload)[c.key] = c.value
		}
		if err := checkDevice(payload); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s = %v: got %v, want %q", c.key, c.value, err, c.want)
		}
	}
}

// TestTheCheckBitesSettings does the same with what can be set.
func TestTheCheckBitesSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		component, key string
		value          any // nil: the key is removed
		want           string
	}{
		{"log_level", "options", nil, "options"},
		{"log_level", "command_topic", nil, "command_topic"},
		{"log_level", "state_topic", "fitbit2mqtt/#", "state_topic"},
		{"log_level", "entity_category", "diagnostic", "entity_category"},
		{"log_level", "unit_of_measurement", "s", "stray key"},
		{"poll_interval", "command_topic", nil, "command_topic"},
		{"poll_interval", "state_topic", nil, "state_topic"},
		{"poll_interval", "entity_category", "diagnostic", "entity_category"},
		{"poll_interval", "min", 86400.0, "in steps of"},
		{"poll_interval", "step", 0.0, "in steps of"},
		{"poll_interval", "mode", "dial", "mode"},
		{"poll_interval", "unit_of_measurement", "sec", "unit"},
		{"poll_interval", "state_class", "measurement", "stray key"},
		{"republish", "command_topic", nil, "command_topic"},
	} {
		payload := decode(t, bridge().Device().Payload())
		component := payload["components"].(object)[c.component].(object)
		if c.value == nil {
			delete(component, c.key)
		} else {
			component[c.key] = c.value
		}
		if err := checkDevice(payload); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s = %v: got %v, want %q", c.component, c.key, c.value, err, c.want)
		}
	}
}
