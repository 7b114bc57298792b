// Package entityregistry is a small model of what Home Assistant makes of MQTT
// discovery, for tests: which entities it shows, which it still remembers, and what it
// would complain about. It is written from what was measured at running cores and from
// the documentation, never from what the bridge sends.
//
// What it knows: an item is a platform and an id, and both forms of discovery name the
// same item alike. An item belongs to the topic it was first found at; what another
// topic says of it is a conflict and changes nothing. The migration marker lets go of
// an item and keeps its registry entry; an empty payload forgets both; a component that
// a later config merely omits stays. Home Assistant remembers its registry through a
// restart and nothing else: what nobody announces any more is a ghost then.
package entityregistry

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Home is one Home Assistant. It begins stopped, with an empty registry.
type Home struct {
	// Prefix is where it looks for configs.
	Prefix string
	// Conflicts are complaints about two topics that announce the same thing. What a
	// topic that does not count withdraws or lets go of is a warning at most.
	Conflicts []string
	// Stubs are devices that were named as a parent before they were known.
	Stubs []string

	running  bool
	registry map[string]*Entity
	items    map[item]found
}

// Entity is an entry of the registry.
type Entity struct {
	UniqueID string
	Device   string // its identifier
	Name     string // as its user has changed it; empty at first
}

// item is what discovery finds.
type item struct{ platform, id string }

// found is where an item was found, and its unique id.
type found struct{ topic, uniqueID string }

// New returns a Home that has never run.
func New(prefix string) *Home {
	return &Home{Prefix: prefix, registry: make(map[string]*Entity), items: make(map[item]found)}
}

// Start brings it up, and has it read what the broker retains: first the configs of
// single entities, then those of devices.
func (h *Home) Start(retained map[string]string) {
	h.running, h.items = true, make(map[item]found)
	topics := slices.Sorted(maps.Keys(retained))
	slices.SortStableFunc(topics, func(x, y string) int { return h.rank(x) - h.rank(y) })
	for _, topic := range topics {
		h.Receive(topic, []byte(retained[topic]))
	}
}

func (h *Home) rank(topic string) int {
	if strings.HasPrefix(topic, h.Prefix+"/device/") {
		return 1
	}
	return 0
}

// Stop takes it down. What is published now it will never see.
func (h *Home) Stop() { h.running = false }

// Receive takes in a message as it is published.
func (h *Home) Receive(topic string, payload []byte) {
	rest, ours := strings.CutPrefix(topic, h.Prefix+"/")
	levels := strings.Split(rest, "/")
	n := len(levels)
	if !h.running || !ours || n < 3 || n > 4 || levels[n-1] != "config" {
		return
	}
	var config config
	if len(payload) > 0 && json.Unmarshal(payload, &config) != nil {
		return
	}
	id := strings.Join(levels[1:n-1], " ")
	if levels[0] != "device" {
		h.take(item{levels[0], id}, topic, config.component, config.head, len(payload) == 0)
		return
	}
	if len(payload) == 0 || config.Migrate {
		for it := range maps.Clone(h.items) {
			if strings.HasPrefix(it.id, id+" ") {
				h.take(it, topic, component{}, config.head, len(payload) == 0)
			}
		}
		return
	}
	for _, key := range slices.Sorted(maps.Keys(config.Components)) {
		c := config.Components[key]
		h.take(item{c.Platform, id + " " + key}, topic, c, config.head, c.UniqueID == "")
	}
}

// config is what either form holds.
type config struct {
	head
	component
	Components map[string]component `json:"components"`
}

type head struct {
	Migrate bool `json:"migrate_discovery"`
	Device  struct {
		Identifiers []string `json:"identifiers"`
		Via         string   `json:"via_device"`
	} `json:"device"`
}

type component struct {
	Platform string `json:"platform"`
	UniqueID string `json:"unique_id"`
}

// take does what a topic says of one item.
func (h *Home) take(it item, topic string, c component, about head, withdrawn bool) {
	known, exists := h.items[it]
	switch {
	case !exists && (withdrawn || about.Migrate):
	case !exists:
		h.add(it, topic, c.UniqueID, about)
	case known.topic != topic && (withdrawn || about.Migrate): // a harmless warning
	case known.topic != topic:
		h.Conflicts = append(h.Conflicts, fmt.Sprintf("%s %s: of %s, and now of %s", it.platform, it.id, known.topic, topic))
	case about.Migrate:
		delete(h.items, it)
	case withdrawn:
		delete(h.items, it)
		delete(h.registry, known.uniqueID)
	default:
		h.items[it] = found{topic, c.UniqueID}
	}
}

// add shows an item that was not there before.
func (h *Home) add(it item, topic, uniqueID string, about head) {
	if len(about.Device.Identifiers) == 0 || uniqueID == "" {
		return
	}
	for other, f := range h.items {
		if f.uniqueID == uniqueID && other != it {
			h.Conflicts = append(h.Conflicts, fmt.Sprintf("%s is taken by %s", uniqueID, f.topic))
			return
		}
	}
	device := about.Device.Identifiers[0]
	if via := about.Device.Via; via != "" && !h.knows(device) && !h.knows(via) {
		h.Stubs = append(h.Stubs, via)
	}
	h.items[it] = found{topic, uniqueID}
	if h.registry[uniqueID] == nil {
		h.registry[uniqueID] = &Entity{UniqueID: uniqueID}
	}
	h.registry[uniqueID].Device = device
}

func (h *Home) knows(device string) bool {
	for _, e := range h.registry {
		if e.Device == device {
			return true
		}
	}
	return false
}

// Rename is what a user does to an entity; it tells entries of the registry that were
// kept from those that have been made anew.
func (h *Home) Rename(name func(uniqueID string) string) {
	for id, e := range h.registry {
		e.Name = name(id)
	}
}

// Registry lists the entities it remembers, by unique id.
func (h *Home) Registry() (list []Entity) {
	for _, id := range slices.Sorted(maps.Keys(h.registry)) {
		list = append(list, *h.registry[id])
	}
	return list
}

// Shown lists the unique ids that somebody announces.
func (h *Home) Shown() (ids []string) {
	for _, f := range h.items {
		ids = append(ids, f.uniqueID)
	}
	slices.Sort(ids)
	return ids
}

// Ghosts lists what it remembers and nobody announces.
func (h *Home) Ghosts() (ids []string) {
	shown := h.Shown()
	for _, id := range slices.Sorted(maps.Keys(h.registry)) {
		if _, there := slices.BinarySearch(shown, id); !there {
			ids = append(ids, id)
		}
	}
	return ids
}
