package main

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
)

// The manual of the topics names every topic and every key that [TestContract] finds
// at a running bridge, in their order, and no other.
func TestTopicsManual(t *testing.T) {
	t.Parallel()
	want := contract(map[string]string{"<account>": "<uid>"}, map[string][]string{"<account>": {"<id>"}}, "")
	sections := manual(t, "mqtt.md")
	for topic, p := range want {
		text, ok := sections[topic]
		if !ok {
			t.Errorf("docs/mqtt.md has no section about %s", topic)
			continue
		}
		if retained := strings.HasPrefix(text, "Retained"); retained != p.retained {
			t.Errorf("docs/mqtt.md says of %s that it is retained: %v", topic, retained)
		}
		if discovery := strings.HasPrefix(topic, "homeassistant/"); discovery {
			continue // what it says is Home Assistant's
		}
		if got := keysIn(text); !slices.Equal(got, strings.Fields(p.keys)) {
			t.Errorf("docs/mqtt.md says of %s\n%v, want\n%v", topic, got, strings.Fields(p.keys))
		}
	}
	for topic := range sections {
		if _, ok := want[topic]; !ok && !strings.Contains(topic, "/command/") {
			t.Errorf("docs/mqtt.md has a section about %s, which nobody publishes", topic)
		}
	}
	for _, s := range bridge.States() {
		if !strings.Contains(sections["fitbit2mqtt/<account>/connection"], "`"+string(s)+"`") {
			t.Errorf("docs/mqtt.md does not know the state %s", s)
		}
	}
}

// The manual for Home Assistant names every entity, and says which are disabled at first.
func TestEntitiesManual(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/home-assistant.md")
	if err != nil {
		t.Fatal(err)
	}
	want, got := make(map[string]bool), make(map[string]bool) // by entity: disabled at first
	for _, device := range []string{"person", "scale", "tracker", "bridge"} {
		golden, err := os.ReadFile("../../bridge/hass/testdata/" + device + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var config struct {
			Components map[string]struct {
				DefaultEntityID  string `json:"default_entity_id"`
				EnabledByDefault *bool  `json:"enabled_by_default"`
			} `json:"components"`
		}
		if err := json.Unmarshal(golden, &config); err != nil {
			t.Fatal(err)
		}
		for _, c := range config.Components {
			want[c.DefaultEntityID] = c.EnabledByDefault != nil && !*c.EnabledByDefault
		}
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `((?:event|sensor|binary_sensor|button|number|select)\\.[a-z0-9_]+)` \\| (off)?").FindAllStringSubmatch(string(text), -1) {
		got[row[1]] = row[2] != ""
	}
	if !maps.Equal(got, want) {
		t.Errorf("docs/home-assistant.md says\n%v, want\n%v", got, want)
	}
}

// manual splits a document at its third-level headings that name something in code.
func manual(t *testing.T, name string) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	sections := make(map[string]string)
	for part := range strings.SplitSeq(string(text), "\n### `") {
		heading, rest, _ := strings.Cut(part, "\n")
		body, _, _ := strings.Cut(rest, "\n## ")
		if topic, ok := strings.CutSuffix(heading, "`"); ok {
			sections[topic] = strings.TrimSpace(body)
		}
	}
	return sections
}

// keysIn lists what the table of a section explains.
func keysIn(section string) (keys []string) {
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)` \\|").FindAllStringSubmatch(section, -1) {
		keys = append(keys, row[1])
	}
	return keys
}
