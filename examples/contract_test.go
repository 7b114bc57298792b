// Package examples_test holds what people copy to what the bridge publishes: every
// topic, key, event type, entity and attribute that an example names must be there,
// both in the golden files, which are what the world sees, and in the code that
// writes it. A key that is renamed fails here until the examples are, too.
package examples_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
)

type set map[string]bool

func setOf(names []string) set {
	s := make(set)
	for _, n := range names {
		s[n] = true
	}
	return s
}

func (s set) and(other set) set {
	both := maps.Clone(s)
	maps.DeleteFunc(both, func(name string, _ bool) bool { return !other[name] })
	return both
}

func (s set) String() string { return strings.Join(slices.Sorted(maps.Keys(s)), " ") }

// contract is what examples may use.
type contract struct {
	topics   map[string]set // of anna's household: the keys of the JSON there, none for plain text
	kinds    set            // of events
	entities map[string]entity
}

// entity is what Home Assistant makes of a component.
type entity struct {
	attributes set
	states     set // empty: any
}

// published reads the contract from both sources; what only one of them has is not in it.
func published(t *testing.T) contract {
	t.Helper()
	c := contract{topics: make(map[string]set), entities: make(map[string]entity)}
	for name, keys := range payloads(t) {
		c.topics["fitbit2mqtt/anna/"+name] = keys
	}
	b := hass.Bridge{Prefix: "fitbit2mqtt", Version: "1.2.3"}
	anna := hass.Person{UID: "3f9c", Account: "anna", Name: "Anna", Model: "Aria Air"}
	for golden, device := range map[string]hass.Device{
		"bridge": b.Device(), "person": b.Person(anna),
		"scale": b.Paired(anna, hass.Paired{ID: "1234567890", Name: "Aria Air", Type: "scale", HasBattery: true}),
	} {
		var world hass.Device
		read(t, &world, "hass", "testdata", golden+".json")
		for key, component := range world.Components {
			if same, _ := json.Marshal(device.Components[key]); string(same) == string(encode(t, component)) {
				c.add(component)
			}
		}
	}
	return c
}

// payloads returns the keys of what is published for a person, by topic.
func payloads(t *testing.T) map[string]set {
	t.Helper()
	keys := make(map[string]set)
	for topic, code := range map[string]any{
		"weigh_in": bridge.Event{}, "body": bridge.BodyState{}, "heart": bridge.HeartState{},
		"connection": bridge.ConnectionState{}, "device": bridge.DeviceState{},
	} {
		var golden, written map[string]any
		read(t, &golden, "testdata", "payload", topic+".json")
		if err := json.Unmarshal(encode(t, code), &written); err != nil {
			t.Fatal(err)
		}
		keys[topic] = setOf(slices.Collect(maps.Keys(golden))).and(setOf(slices.Collect(maps.Keys(written))))
	}
	keys["device/1234567890"] = keys["device"]
	delete(keys, "device")
	return keys
}

// add learns the topics and the entity of a component.
func (c *contract) add(component hass.Component) {
	for _, topic := range []string{component.StateTopic, component.CommandTopic} {
		if topic != "" && c.topics[topic] == nil {
			c.topics[topic] = set{}
		}
	}
	for _, a := range component.Availability {
		if c.topics[a.Topic] == nil {
			c.topics[a.Topic] = set{}
		}
	}
	e := entity{attributes: set{"friendly_name": true}, states: setOf(component.Options)}
	for _, m := range regexp.MustCompile(`'(\w+)':`).FindAllStringSubmatch(component.JSONAttributesTemplate, -1) {
		e.attributes[m[1]] = true
	}
	if component.Unit != "" {
		e.attributes["unit_of_measurement"] = true
	}
	switch component.Platform {
	case "binary_sensor":
		e.states = setOf([]string{"on", "off"})
	case "event":
		c.kinds = setOf(component.EventTypes).and(setOf([]string{
			string(bridge.NewWeighIn), string(bridge.Backfill), string(bridge.Correction), string(bridge.Deletion),
		}))
		maps.Copy(e.attributes, c.topics[component.StateTopic])
	}
	c.entities[component.DefaultEntityID] = e
}

// everybodys returns the keys on a topic that holds a wildcard for the account.
func (c *contract) everybodys(topic string) (set, bool) {
	keys, ok := c.topics[strings.Replace(topic, "/+/", "/anna/", 1)]
	return keys, ok
}

// read decodes a file below bridge.
func read(t *testing.T, into any, path ...string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(append([]string{"..", "bridge"}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, into); err != nil {
		t.Fatal(err)
	}
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	content, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func text(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// The test that the tests below stand on: something is there to be held to.
func TestContractIsThere(t *testing.T) {
	t.Parallel()
	c := published(t)
	if len(c.kinds) != 4 || len(c.entities) < 30 || len(c.topics) < 10 {
		t.Errorf("%d kinds of events, %d entities, %d topics", len(c.kinds), len(c.entities), len(c.topics))
	}
	for _, topic := range []string{"weigh_in", "body", "heart", "connection", "device/1234567890"} {
		if keys := c.topics["fitbit2mqtt/anna/"+topic]; len(keys) < 5 {
			t.Errorf("%s has the keys %v", topic, keys)
		}
	}
}
