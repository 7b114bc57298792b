package examples_test

import (
	"regexp"
	"strings"
	"testing"
)

// openHAB's channels read what is published, its items are linked to channels of their
// type, and its rule hears the event.
func TestOpenHAB(t *testing.T) {
	t.Parallel()
	c := published(t)
	channels := openHABChannels(t, c)
	items := regexp.MustCompile(`(?m)^(\w+)(?::\w+)?\s+\w+ .*\{ channel="([^"]+)" \}$`).FindAllStringSubmatch(text(t, "openhab", "fitbit2mqtt.items"), -1)
	linked := set{}
	for _, m := range items {
		if kind := channels[m[2]]; !strings.EqualFold(kind, m[1]) {
			t.Errorf("an item of type %s is linked to %s, which is a channel of type %q", m[1], m[2], kind)
		}
		linked[m[2]] = true
	}
	rules := text(t, "openhab", "fitbit2mqtt.rules")
	for _, m := range regexp.MustCompile(`Channel "([^"]+)"`).FindAllStringSubmatch(rules, -1) {
		if channels[m[1]] != "trigger" {
			t.Errorf("the rule waits for %s, which triggers nothing", m[1])
		}
		linked[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`"\$\.(\w+)"`).FindAllStringSubmatch(rules, -1) {
		if !c.topics["fitbit2mqtt/anna/weigh_in"][m[1]] {
			t.Errorf("the rule asks a weigh-in for %s", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`== "(\w+)"`).FindAllStringSubmatch(rules, -1) {
		if !c.kinds[m[1]] {
			t.Errorf("the rule knows an event %s", m[1])
		}
	}
	for channel := range channels {
		if !linked[channel] {
			t.Errorf("nothing uses %s", channel)
		}
	}
}

// openHABChannels checks the things and returns the types of their channels; "trigger" is
// what has no state.
func openHABChannels(t *testing.T, c contract) map[string]string {
	t.Helper()
	thing := regexp.MustCompile(`^\s*Thing topic (\w+) `)
	channel := regexp.MustCompile(`^\s*Type (\w+)\s*: (\w+)\s+"[^"]*"\s*\[(.*)\]$`)
	option := regexp.MustCompile(`(\w+)=(?:"([^"]*)"|(true))`)
	channels := make(map[string]string)
	owner := ""
	for line := range strings.Lines(text(t, "openhab", "fitbit2mqtt.things")) {
		line = strings.TrimSpace(line)
		options := make(map[string]string)
		for _, m := range option.FindAllStringSubmatch(line, -1) {
			options[m[1]] = m[2] + m[3]
		}
		for _, key := range []string{"stateTopic", "commandTopic", "availabilityTopic"} {
			if topic, given := options[key]; given && c.topics[topic] == nil {
				t.Errorf("there is no topic %s", topic)
			}
		}
		if path, given := options["transformationPattern"]; given {
			field, ok := strings.CutPrefix(path, "JSONPATH:$.")
			if !ok || !c.topics[options["stateTopic"]][field] {
				t.Errorf("%s has no %s", options["stateTopic"], path)
			}
		}
		if m := thing.FindStringSubmatch(line); m != nil {
			owner = m[1]
		}
		m := channel.FindStringSubmatch(line)
		if m == nil {
			if strings.HasPrefix(line, "Type ") {
				t.Errorf("written in a way that this test does not read: %s", line)
			}
			continue
		}
		kind := m[1]
		if options["trigger"] == "true" {
			kind = "trigger"
		}
		channels["mqtt:topic:home:"+owner+":"+m[2]] = kind
	}
	if len(channels) < 10 {
		t.Errorf("only the channels %v were found", channels)
	}
	return channels
}
