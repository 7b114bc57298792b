package hass_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// What follows says a second time, and without looking at the first, what a
// discovery payload may hold: Home Assistant's schemas where they are strict, and
// stricter than those where they swallow a mistake without a word.

type object = map[string]any

var (
	idForm     = regexp.MustCompile(`^fitbit2mqtt_[A-Za-z0-9_-]+$`)
	entityForm = regexp.MustCompile(`^[a-z_]+\.[a-z0-9]+(_[a-z0-9]+)*$`)
	iconForm   = regexp.MustCompile(`^mdi:[a-z0-9]+(-[a-z0-9]+)*$`)
	linkForm   = regexp.MustCompile(`^(https?://[^/ ]+|homeassistant://)`)

	rootKeys   = []string{"device", "origin", "qos"}
	deviceKeys = []string{"identifiers", "name", "manufacturer", "model", "sw_version", "via_device", "configuration_url"}
	originKeys = []string{"name", "sw_version", "support_url"}
	entityKeys = []string{
		"unique_id", "default_entity_id", "name", "icon", "entity_category", "enabled_by_default",
		"availability", "availability_mode",
	}
	stateKeys = []string{"state_topic", "value_template", "device_class", "json_attributes_topic", "json_attributes_template"}

	platformKeys = map[string][]string{
		"sensor":        append([]string{"state_class", "unit_of_measurement", "suggested_display_precision", "options"}, stateKeys...),
		"binary_sensor": stateKeys,
		"event":         {"state_topic", "event_types"},
		"button":        {"command_topic", "payload_press"},
		"select":        append([]string{"command_topic", "options"}, stateKeys...),
		"number":        append([]string{"command_topic", "min", "max", "step", "mode", "unit_of_measurement"}, stateKeys...),
	}
	classUnits = map[string][]string{
		"sensor weight":    {"kg", "g", "mg", "µg", "oz", "lb", "st"},
		"sensor battery":   {"%"},
		"sensor duration":  {"d", "h", "min", "s", "ms"},
		"sensor timestamp": {""},
		"sensor enum":      {""},
		"sensor ":          {"", "%", "bpm", "ms"},

		"binary_sensor problem":      {""},
		"binary_sensor connectivity": {""},
		"event ":                     {""},
		"button ":                    {""},
		"select ":                    {""},
		"number ":                    {"s"},
	}
	numericClasses = []string{"weight", "battery", "duration"}
	// Attributes with these names are dropped.
	reserved = []string{
		"assumed_state", "available", "device_class", "device_info", "entity_category", "entity_picture", "force_update", "icon",
		"name", "friendly_name", "should_poll", "state", "supported_features", "unique_id", "unit_of_measurement", "last_reset", "state_class",
	}
)

// faults collects what is wrong with a payload.
type faults []error

func (f *faults) add(format string, args ...any) { *f = append(*f, fmt.Errorf(format, args...)) }

func (f *faults) closed(where string, o object, allowed ...string) {
	for key := range o {
		if !slices.Contains(allowed, key) {
			f.add("%s: stray key %q", where, key)
		}
	}
}

func (f *faults) head(root object) (id, name string) {
	device, _ := root["device"].(object)
	f.closed("device", device, deviceKeys...)
	ids, _ := device["identifiers"].([]any)
	if len(ids) != 1 || !idForm.MatchString(str(ids[0])) {
		f.add("device: identifiers %v", device["identifiers"])
	} else {
		id = str(ids[0])
	}
	if str(device["name"]) == "" {
		f.add("device: no name")
	}
	if via, ok := device["via_device"]; ok && (!idForm.MatchString(str(via)) || via == id) {
		f.add("device: via_device %v", via)
	}
	if link, ok := device["configuration_url"]; ok && !linkForm.MatchString(str(link)) {
		f.add("device: configuration_url %v", link)
	}
	origin, _ := root["origin"].(object)
	f.closed("origin", origin, originKeys...)
	if origin["name"] != "fitbit2mqtt" {
		f.add("origin: name %v", origin["name"])
	}
	if root["qos"] != 1.0 {
		f.add("qos is %v", root["qos"])
	}
	return id, str(device["name"])
}

// checkDevice is for the one config of a device.
func checkDevice(root object) error {
	var f faults
	f.closed("root", root, append([]string{"components"}, rootKeys...)...)
	id, name := f.head(root)
	components, _ := root["components"].(object)
	if len(components) == 0 {
		f.add("no components")
	}
	for key, v := range components {
		c, _ := v.(object)
		platform := str(c["platform"])
		if len(c) > 1 || platformKeys[platform] == nil { // else a stub
			delete(c, "platform")
			f.component(id, name, key, platform, c)
		}
	}
	return errors.Join(f...)
}

// checkEntity is for the config of one component, whose platform is in its topic.
func checkEntity(platform, key string, root object) error {
	var f faults
	id, name := f.head(root)
	for _, k := range rootKeys {
		delete(root, k)
	}
	f.component(id, name, key, platform, root)
	return errors.Join(f...)
}

func (f *faults) component(id, deviceName, key, platform string, c object) {
	where := platform + " " + key
	keys, ok := platformKeys[platform]
	if !ok {
		f.add("%s: unknown platform", where)
	}
	f.closed(where, c, slices.Concat(keys, entityKeys)...)
	if str(c["unique_id"]) != id+"_"+key {
		f.add("%s: unique_id %v", where, c["unique_id"])
	}
	if e := str(c["default_entity_id"]); !entityForm.MatchString(e) || !strings.HasPrefix(e, platform+".") {
		f.add("%s: default_entity_id %v", where, e)
	}
	name, class := str(c["name"]), str(c["device_class"])
	if name == "" && class == "" {
		f.add("%s: neither name nor class", where)
	}
	if name != "" && strings.HasPrefix(strings.ToLower(name), strings.ToLower(deviceName)) {
		f.add("%s: name %q begins with the device's", where, name)
	}
	if icon, ok := c["icon"]; ok && !iconForm.MatchString(str(icon)) {
		f.add("%s: icon %v", where, icon)
	}
	if enabled, ok := c["enabled_by_default"]; ok && enabled != false {
		f.add("%s: enabled_by_default %v", where, enabled)
	}
	category := map[string]string{"sensor": "diagnostic", "binary_sensor": "diagnostic", "button": "config", "select": "config", "number": "config"}[platform]
	if v, ok := c["entity_category"]; ok && v != category {
		f.add("%s: entity_category %v", where, v)
	}
	f.value(where, platform, class, c)
	f.topics(where, platform, c)
}

// value checks class, unit, state class, precision and the lists of words.
func (f *faults) value(where, platform, class string, c object) {
	unit, stateClass := str(c["unit_of_measurement"]), str(c["state_class"])
	if units := classUnits[platform+" "+class]; !slices.Contains(units, unit) {
		f.add("%s: unit %q with class %q", where, unit, class)
	}
	numeric := platform == "sensor" && unit != "" || slices.Contains(numericClasses, class)
	if numeric && stateClass == "" {
		f.add("%s: a number without state_class has no statistics", where)
	}
	if _, ok := c["state_class"]; ok && (!slices.Contains([]string{"measurement", "total_increasing"}, stateClass) ||
		class == "timestamp" || class == "enum") {
		f.add("%s: state_class %q with class %q", where, stateClass, class)
	}
	if p, ok := c["suggested_display_precision"]; ok && (stateClass == "" || p != 0.0 && p != 1.0) {
		f.add("%s: precision %v", where, p)
	}
	options, _ := c["options"].([]any)
	if (len(options) > 0) != (class == "enum" || platform == "select") {
		f.add("%s: options %v with class %q", where, options, class)
	}
	least, _ := c["min"].(float64)
	most, _ := c["max"].(float64)
	if step, _ := c["step"].(float64); platform == "number" && (least >= most || step <= 0 || most-least < step) {
		f.add("%s: from %v to %v in steps of %v", where, c["min"], c["max"], c["step"])
	}
	if mode, ok := c["mode"]; ok && mode != "auto" && mode != "box" && mode != "slider" {
		f.add("%s: mode %v", where, mode)
	}
	types, _ := c["event_types"].([]any)
	if (len(types) > 0) != (platform == "event") {
		f.add("%s: event_types %v", where, types)
	}
	for _, w := range append(options, types...) {
		if str(w) == "" {
			f.add("%s: not a word: %v", where, w)
		}
	}
}

// topics checks where an entity reads, writes and learns that it is available.
func (f *faults) topics(where, platform string, c object) {
	needed := map[string][]string{"button": {"command_topic"}, "select": {"command_topic", "state_topic"}, "number": {"command_topic", "state_topic"}}[platform]
	if needed == nil {
		needed = []string{"state_topic"}
	}
	for _, topic := range needed {
		if !plain(c[topic]) {
			f.add("%s: %s %v", where, topic, c[topic])
		}
	}
	if platform != "event" && platform != "button" && !strings.HasPrefix(str(c["value_template"]), "{{ ") {
		f.add("%s: value_template %v", where, c["value_template"])
	}
	if attrs, ok := c["json_attributes_topic"]; ok != (c["json_attributes_template"] != nil) || ok && !plain(attrs) {
		f.add("%s: attributes of %v by %v", where, attrs, c["json_attributes_template"])
	}
	for _, field := range fields(str(c["json_attributes_template"])) {
		if slices.Contains(reserved, field) {
			f.add("%s: attribute %q would be dropped", where, field)
		}
	}
	list, _ := c["availability"].([]any)
	if (len(list) > 0) != (c["availability_mode"] == "all") {
		f.add("%s: availability %v, mode %v", where, list, c["availability_mode"])
	}
	for _, v := range list {
		a, _ := v.(object)
		f.closed(where+" availability", a, "topic")
		if !plain(a["topic"]) {
			f.add("%s: availability %v", where, v)
		}
	}
}

func str(v any) string {
	s, _ := v.(string)
	return s
}

// plain reports whether v is a topic that can be published to.
func plain(v any) bool {
	s := str(v)
	return s != "" && !strings.ContainsAny(s, "+# ") && !strings.Contains("/"+s+"/", "//")
}
