package examples_test

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// page is a YAML file of Home Assistant.
type page struct {
	t       *testing.T
	name    string
	root    *yaml.Node
	scalars []*yaml.Node
	inputs  set // asked for with !input
}

func pages(t *testing.T) []*page {
	t.Helper()
	files, err := filepath.Glob("home-assistant/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("%v (%v)", files, err)
	}
	list := make([]*page, len(files))
	for i, file := range files {
		list[i] = openPage(t, file)
	}
	return list
}

func openPage(t *testing.T, file string) *page {
	t.Helper()
	p := &page{t: t, name: file, root: new(yaml.Node), inputs: set{}}
	if err := yaml.Unmarshal([]byte(text(t, file)), p.root); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	p.walk(p.root)
	return p
}

// walk collects scalars, and refuses tags that Home Assistant does not know.
func (p *page) walk(n *yaml.Node) {
	switch {
	case n.Tag == "!input":
		p.inputs[n.Value] = true
	case n.Tag == "!secret", n.Tag == "!include", !strings.HasPrefix(n.Tag, "!") || strings.HasPrefix(n.Tag, "!!"):
	default:
		p.t.Errorf("%s:%d: the tag %s", p.name, n.Line, n.Tag)
	}
	if n.Kind == yaml.ScalarNode {
		p.scalars = append(p.scalars, n)
	}
	if n.Kind == yaml.MappingNode {
		seen := set{}
		for i := 0; i < len(n.Content); i += 2 {
			if seen[n.Content[i].Value] {
				p.t.Errorf("%s:%d: %s is there twice", p.name, n.Content[i].Line, n.Content[i].Value)
			}
			seen[n.Content[i].Value] = true
		}
	}
	for _, c := range n.Content {
		p.walk(c)
	}
}

// at returns what is under those keys, or nil.
func (p *page) at(keys ...string) *yaml.Node { return under(p.root.Content[0], keys...) }

func under(n *yaml.Node, keys ...string) *yaml.Node {
	for _, key := range keys {
		var next *yaml.Node
		for i := 0; n != nil && n.Kind == yaml.MappingNode && i < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				next = n.Content[i+1]
			}
		}
		n = next
	}
	return n
}

func values(n *yaml.Node) (list []string) {
	if n != nil {
		for _, c := range n.Content {
			list = append(list, c.Value)
		}
	}
	return list
}

func keys(n *yaml.Node) (list []string) {
	for i := 0; n != nil && i < len(n.Content); i += 2 {
		list = append(list, n.Content[i].Value)
	}
	return list
}

// What a page names is there: entities, their attributes and states, and what an
// event says.
func TestHomeAssistantNames(t *testing.T) {
	t.Parallel()
	c := published(t)
	entityID := regexp.MustCompile(`\b(?:sensor|binary_sensor|event|button|select|number|switch)\.[a-z0-9_]+`)
	attribute := regexp.MustCompile(`state_attr\(\s*'?([\w.]+)'?\s*,\s*'(\w+)'\s*\)`)
	state := regexp.MustCompile(`is_state\(\s*'([\w.]+)'\s*,\s*'(\w+)'\s*\)`)
	said := regexp.MustCompile(`(?:to|from)_state\.attributes\.(\w+)`)
	itself := regexp.MustCompile(`(?:to|from)_state(?:\.state\b| is not none)`)
	used := 0
	for _, p := range pages(t) {
		for _, n := range p.scalars {
			for _, id := range entityID.FindAllString(n.Value, -1) {
				if used++; c.entities[id].attributes == nil {
					t.Errorf("%s:%d: there is no %s", p.name, n.Line, id)
				}
			}
			for _, m := range attribute.FindAllStringSubmatch(n.Value, -1) {
				if known := c.entities[m[1]].attributes; known != nil && !known[m[2]] || known == nil && m[2] != "friendly_name" {
					t.Errorf("%s:%d: %s has no attribute %s, but %v", p.name, n.Line, m[1], m[2], known)
				}
			}
			for _, m := range state.FindAllStringSubmatch(n.Value, -1) {
				if known := c.entities[m[1]].states; len(known) > 0 && !known[m[2]] {
					t.Errorf("%s:%d: %s is never %s, but one of: %v", p.name, n.Line, m[1], m[2], known)
				}
			}
			found := said.FindAllStringSubmatch(n.Value, -1)
			for _, m := range found {
				if used++; !c.topics["fitbit2mqtt/anna/weigh_in"][m[1]] {
					t.Errorf("%s:%d: a weigh-in has no %s", p.name, n.Line, m[1])
				}
			}
			if strings.Count(n.Value, "to_state")+strings.Count(n.Value, "from_state")+strings.Count(n.Value, "state_attr(")+strings.Count(n.Value, "is_state(") !=
				len(found)+len(itself.FindAllString(n.Value, -1))+len(attribute.FindAllString(n.Value, -1))+len(state.FindAllString(n.Value, -1)) {
				t.Errorf("%s:%d: written in a way that this test does not read: %s", p.name, n.Line, n.Value)
			}
		}
	}
	if used < 40 {
		t.Errorf("only %d names were found", used)
	}
}

// The blueprint asks for what it uses, knows all kinds of events, and is not fooled by
// an entity that comes back.
func TestBlueprint(t *testing.T) {
	t.Parallel()
	c := published(t)
	p := openPage(t, "home-assistant/weighed_in.yaml")
	if asked := setOf(keys(p.at("blueprint", "input"))); !maps.Equal(asked, p.inputs) {
		t.Errorf("it asks for %v and uses %v", asked, p.inputs)
	}
	kinds := p.at("blueprint", "input", "kinds")
	offered := set{}
	for _, o := range under(kinds, "selector", "select", "options").Content {
		offered[under(o, "value").Value] = true
	}
	if !maps.Equal(offered, c.kinds) {
		t.Errorf("it offers %v, and there are %v", offered, c.kinds)
	}
	if usual := values(under(kinds, "default")); !slices.Equal(usual, []string{"weigh_in"}) || !c.kinds["weigh_in"] {
		t.Errorf("what counts is usually %v", usual)
	}
	trigger := p.at("triggers").Content[0]
	for _, side := range []string{"not_from", "not_to"} {
		if not := setOf(values(under(trigger, side))); !not["unavailable"] || !not["unknown"] {
			t.Errorf("%s is %v", side, not)
		}
	}
	// Two events within a millisecond have one state, and two ids.
	again := p.at("triggers").Content[1:]
	if len(again) != 1 || under(again[0], "attribute").Value != "id" || !setOf(values(under(again[0], "not_from")))["null"] {
		t.Error("the second event of a moment starts nothing")
	}
	variables := setOf(keys(p.at("variables")))
	for _, m := range regexp.MustCompile(`\{\{ (\w+) \}\}`).FindAllStringSubmatch(p.at("blueprint", "description").Value, -1) {
		if !variables[m[1]] {
			t.Errorf("the description promises %s, which is not among the variables", m[1])
		}
	}
}

// Automations do what the editor wants of them, and the dashboard is of cards that come
// with Home Assistant.
func TestHomeAssistantForm(t *testing.T) {
	t.Parallel()
	cards := setOf(strings.Fields("conditional entities heading history-graph logbook markdown statistics-graph tile"))
	frames := setOf(strings.Fields("sections grid"))
	for _, p := range pages(t) {
		if p.at("views") == nil {
			for _, key := range []string{"triggers", "conditions", "actions", "mode"} {
				if p.at(key) == nil && (key != "conditions" || p.at("alias") == nil) {
					t.Errorf("%s: no %s", p.name, key)
				}
			}
			continue
		}
		var look func(*yaml.Node)
		look = func(n *yaml.Node) {
			if kind := under(n, "type"); kind != nil && !cards[kind.Value] && !frames[kind.Value] {
				t.Errorf("%s:%d: the card %s", p.name, kind.Line, kind.Value)
			}
			for _, child := range n.Content {
				look(child)
			}
		}
		look(p.root.Content[0])
		for _, want := range []string{"statistics-graph", "entities", "history-graph"} {
			if !strings.Contains(text(t, p.name), "type: "+want) {
				t.Errorf("%s: no %s", p.name, want)
			}
		}
	}
}
