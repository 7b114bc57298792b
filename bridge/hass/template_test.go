package hass_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
)

// The shapes our templates may have. What a template engine would do with them is
// written down in render; a new shape has to be added here.
var (
	fieldForm   = regexp.MustCompile(`^\{\{ value_json\.(\w+) \}\}$`)
	lengthForm  = regexp.MustCompile(`^\{\{ value_json\.(\w+) \| length \}\}$`)
	cutForm     = regexp.MustCompile(`^\{\{ value_json\.(\w+)\[:255\] if value_json\.(\w+) else none \}\}$`)
	equalsForm  = regexp.MustCompile(`^\{\{ 'ON' if value_json\.(\w+) == '(\w+)' else 'OFF' \}\}$`)
	onlineForm  = regexp.MustCompile(`^\{\{ 'ON' if value == 'online' else 'OFF' \}\}$`)
	truthForm   = regexp.MustCompile(`^\{\{ 'ON' if value_json\.(\w+) else 'OFF' \}\}$`)
	attrsForm   = regexp.MustCompile(`^\{\{ \{('\w+': value_json\.\w+)(, '\w+': value_json\.\w+)*\} \| tojson \}\}$`)
	anyField    = regexp.MustCompile(`value_json\.(\w+)`)
	anyAttrName = regexp.MustCompile(`'(\w+)': value_json`)
)

// fields lists the payload fields a template reads.
func fields(template string) []string {
	var out []string
	for _, m := range anyField.FindAllStringSubmatch(template, -1) {
		out = append(out, m[1])
	}
	return out
}

// render returns the state as JSON would have it; nil is unknown.
func render(t *testing.T, template, raw string, payload object) any {
	t.Helper()
	onOff := func(on bool) any {
		if on {
			return "ON"
		}
		return "OFF"
	}
	if onlineForm.MatchString(template) {
		return onOff(raw == "online")
	}
	if m := equalsForm.FindStringSubmatch(template); m != nil {
		return onOff(payload[m[1]] == m[2])
	}
	if m := truthForm.FindStringSubmatch(template); m != nil {
		on, ok := payload[m[1]].(bool)
		if !ok {
			t.Errorf("%s is neither true nor false", m[1])
		}
		return onOff(on)
	}
	if m := lengthForm.FindStringSubmatch(template); m != nil {
		list, ok := payload[m[1]].([]any)
		if !ok {
			t.Errorf("%s is not a list", m[1])
		}
		return float64(len(list))
	}
	if m := cutForm.FindStringSubmatch(template); m != nil && m[1] == m[2] {
		if _, text := payload[m[1]].(string); !text && payload[m[1]] != nil {
			t.Errorf("%s is not a text", m[1])
		}
		return payload[m[1]]
	}
	if m := fieldForm.FindStringSubmatch(template); m != nil {
		return payload[m[1]]
	}
	t.Fatalf("template of an unknown shape: %s", template)
	return nil
}

// contract returns the example payload of a topic: the text and, if it is one, the object.
func contract(t *testing.T, topic string) (string, object) {
	t.Helper()
	name := filepath.Base(topic) + ".json"
	switch {
	case strings.Contains(topic, "/device/"):
		name = "device.json"
	case strings.HasSuffix(topic, "/bridge/state"):
		name = "state.txt"
	}
	raw, err := os.ReadFile(filepath.Join("testdata", "contract", name))
	if err != nil {
		t.Fatalf("no payload is promised for %s: %v", topic, err)
	}
	text := strings.TrimSpace(string(raw))
	if filepath.Ext(name) != ".json" {
		return text, nil
	}
	return text, decode(t, raw)
}

// TestTemplatesReadWhatIsPromised renders every template with the payloads of the
// contract. A field that is not there would flood Home Assistant's log and keep the old value.
func TestTemplatesReadWhatIsPromised(t *testing.T) {
	t.Parallel()
	for name, d := range household() {
		for key, c := range d.Components {
			if c.StateTopic == "" {
				continue
			}
			raw, payload := contract(t, c.StateTopic)
			for _, f := range fields(c.ValueTemplate + c.JSONAttributesTemplate) {
				if _, ok := payload[f]; !ok {
					t.Errorf("%s %s: %s has no field %q", name, key, c.StateTopic, f)
				}
			}
			if c.Platform == "event" {
				if !slices.Contains(c.EventTypes, str(payload["event_type"])) {
					t.Errorf("%s %s: event_type %v", name, key, payload["event_type"])
				}
				continue
			}
			if state := render(t, c.ValueTemplate, raw, payload); !fits(c, state) {
				t.Errorf("%s %s: %s yields %v", name, key, c.ValueTemplate, state)
			}
			checkAttributes(t, name+" "+key, c)
		}
	}
}

// fits reports whether Home Assistant takes a state for what the component claims to be.
func fits(c hass.Component, state any) bool {
	_, number := state.(float64)
	switch {
	case c.Platform == "binary_sensor":
		return state == "ON" || state == "OFF"
	case c.Platform == "select":
		return slices.Contains(c.Options, str(state))
	case c.Platform == "number":
		value, _ := state.(float64)
		return number && value >= float64(*c.Min) && value <= float64(*c.Max)
	case state == nil:
		return true
	case c.DeviceClass == "timestamp":
		_, err := time.Parse(time.RFC3339, str(state))
		return err == nil
	case c.DeviceClass == "enum":
		return slices.Contains(c.Options, str(state))
	default:
		return number == (c.StateClass != "")
	}
}

func checkAttributes(t *testing.T, where string, c hass.Component) {
	t.Helper()
	if c.JSONAttributesTemplate == "" {
		return
	}
	var names []string
	for _, m := range anyAttrName.FindAllStringSubmatch(c.JSONAttributesTemplate, -1) {
		names = append(names, m[1])
	}
	if !attrsForm.MatchString(c.JSONAttributesTemplate) || !slices.Equal(names, fields(c.JSONAttributesTemplate)) {
		t.Errorf("%s: attributes %s", where, c.JSONAttributesTemplate)
	}
	if c.JSONAttributesTopic != c.StateTopic {
		t.Errorf("%s: state of %s, attributes of %s", where, c.StateTopic, c.JSONAttributesTopic)
	}
}

// TestEveryMeasurementHasAnEntity looks from the other side: nothing that is
// measured is forgotten.
func TestEveryMeasurementHasAnEntity(t *testing.T) {
	t.Parallel()
	shown := make(map[string]bool)
	for _, c := range bridge().Person(anna()).Components {
		for _, f := range fields(c.ValueTemplate) {
			shown[c.StateTopic+" "+f] = true
		}
	}
	for _, topic := range []string{"fitbit2mqtt/anna/body", "fitbit2mqtt/anna/heart"} {
		_, payload := contract(t, topic)
		measured := 0
		for _, f := range slices.Sorted(maps.Keys(payload)) {
			if _, text := payload[f].(string); text {
				continue
			}
			measured++
			if !shown[topic+" "+f] {
				t.Errorf("%s: nothing shows %s", topic, f)
			}
		}
		if measured == 0 {
			t.Errorf("%s: no measurements in the example", topic)
		}
	}
}

// TestStatesAreTheContracts keeps the words of the enumerations and events, which
// other packages publish and which must all be listed here.
func TestStatesAreTheContracts(t *testing.T) {
	t.Parallel()
	person := bridge().Person(anna()).Components
	for key, want := range map[string]string{
		"connection": "ok signin_required setup_required source_retired rate_limited cloud_unavailable storage_error error",
		"weigh_in":   "weigh_in backfill correction deletion",
	} {
		if got := strings.Join(append(person[key].Options, person[key].EventTypes...), " "); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	var signedOut bool
	raw, payload := contract(t, "fitbit2mqtt/anna/connection")
	for _, state := range person["connection"].Options {
		payload["state"] = state
		on := render(t, person["signin_required"].ValueTemplate, raw, payload) == "ON"
		if on != (state == "signin_required") {
			t.Errorf("sign-in required with %s: %v", state, on)
		}
		signedOut = signedOut || on
	}
	if !signedOut {
		t.Error("no state asks for a sign-in")
	}
}

func TestPayloadIsDeterministic(t *testing.T) {
	t.Parallel()
	first := string(bridge().Person(anna()).Payload())
	for range 20 {
		if again := string(bridge().Person(anna()).Payload()); again != first {
			t.Fatalf("got %s, then %s", first, again)
		}
	}
	if !json.Valid([]byte(hass.Migrate)) {
		t.Errorf("not JSON: %s", hass.Migrate)
	}
}
