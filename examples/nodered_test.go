package examples_test

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// node is what the test reads of a node in an export of Node-RED.
type node struct {
	ID          string         `json:"id"`
	Type        string         `json:"type"`
	Name        string         `json:"name"`
	Info        string         `json:"info"`
	Topic       string         `json:"topic"`
	Datatype    string         `json:"datatype"`
	Broker      string         `json:"broker"`
	Func        string         `json:"func"`
	Columns     string         `json:"temp"`
	Property    string         `json:"property"`
	Rules       []rule         `json:"rules"`
	Credentials map[string]any `json:"credentials"`
	X           float64        `json:"x"`
	Y           float64        `json:"y"`
}

type rule struct {
	Value string `json:"v"`
}

func flow(t *testing.T, file string) []node {
	t.Helper()
	var nodes []node
	if err := json.Unmarshal([]byte(text(t, file)), &nodes); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return nodes
}

// The flows use nodes that come with Node-RED, topics and keys that exist, and explain
// themselves; they hold no password. That they work is shown by running them, in
// cmd/fitbit2mqtt.
func TestNodeREDNames(t *testing.T) {
	t.Parallel()
	c := published(t)
	event := c.topics["fitbit2mqtt/anna/weigh_in"]
	ours := setOf(strings.Fields("weigh_ins average_kg count")) // of the average's own topic
	core := setOf(strings.Split("tab,comment,mqtt-broker,mqtt in,mqtt out,http request,csv,debug,file,function,rbe,switch", ","))
	field := regexp.MustCompile(`\b(?:e|m|payload)\.(\w+)`)
	listed := regexp.MustCompile(`\[("\w+"(?:, "\w+")*)\]`)
	kind := regexp.MustCompile(`event_type === "(\w+)"`)
	files, err := filepath.Glob("node-red/*.json")
	if err != nil || len(files) != 3 {
		t.Fatalf("%v (%v)", files, err)
	}
	for _, file := range files {
		explained := false
		for _, n := range flow(t, file) {
			var names []string
			switch n.Type {
			case "comment":
				explained = explained || len(n.Info) > 100
			case "mqtt in":
				keys, known := c.everybodys(n.Topic)
				if own := strings.HasPrefix(n.Topic, "household/"); !own && (!known || len(keys) == 0) || n.Datatype != "json" {
					t.Errorf("%s: %s listens to %s, as %s", file, n.ID, n.Topic, n.Datatype)
				}
			case "csv":
				names = strings.Split(n.Columns, ",")
			case "function":
				for _, m := range field.FindAllStringSubmatch(n.Func, -1) {
					names = append(names, m[1])
				}
				for _, m := range listed.FindAllStringSubmatch(n.Func, -1) {
					names = append(names, strings.Split(strings.ReplaceAll(m[1], `"`, ""), ", ")...)
				}
				for _, m := range kind.FindAllStringSubmatch(n.Func, -1) {
					if !c.kinds[m[1]] {
						t.Errorf("%s: %s knows an event %s", file, n.ID, m[1])
					}
				}
			case "switch", "rbe":
				if name, ok := strings.CutPrefix(n.Property, "payload."); ok {
					names = append(names, name)
				}
				if n.Property == "payload.event_type" && !c.kinds[n.Rules[0].Value] {
					t.Errorf("%s: %s knows an event %s", file, n.ID, n.Rules[0].Value)
				}
			}
			for _, name := range names {
				if !event[name] && !ours[name] {
					t.Errorf("%s: %s asks for %s", file, n.ID, name)
				}
			}
			if !core[n.Type] || n.Credentials != nil || strings.HasPrefix(n.Type, "mqtt ") && n.Broker != "f2m-broker" {
				t.Errorf("%s: %s is a %s of the broker %q, with the credentials %v", file, n.ID, n.Type, n.Broker, n.Credentials)
			}
		}
		if !explained {
			t.Errorf("%s: no comment explains it", file)
		}
	}
}

// No node lies on another.
func TestNodeREDLayout(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("node-red/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		nodes := flow(t, file)
		for i, a := range nodes {
			for _, b := range nodes[i+1:] {
				apart := (width(a) + width(b)) / 2
				if a.X > 0 && b.X > 0 && max(a.X-b.X, b.X-a.X) < apart && max(a.Y-b.Y, b.Y-a.Y) < 40 {
					t.Errorf("%s: %s lies on %s", file, a.ID, b.ID)
				}
			}
		}
	}
}

// width is about what the editor makes of it: a node's icon and ports, and its name.
func width(n node) float64 { return 50 + 7*float64(len(n.Name)) }

// The guide names every key of the event, and none that is not there.
func TestNodeREDGuide(t *testing.T) {
	t.Parallel()
	c := published(t)
	rows := regexp.MustCompile("(?m)^\\| `msg\\.payload\\.(\\w+)` ").FindAllStringSubmatch(text(t, "..", "docs", "node-red.md"), -1)
	named := set{}
	for _, m := range rows {
		named[m[1]] = true
	}
	if event := c.topics["fitbit2mqtt/anna/weigh_in"]; named.String() != event.String() {
		t.Errorf("docs/node-red.md has %v, the event %v", named, event)
	}
}
