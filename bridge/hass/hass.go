// Package hass tells Home Assistant what there is: it builds the payloads of MQTT
// discovery, and reads them back when the bridge looks for stale ones.
//
// It promises payloads that Home Assistant takes whole. One stray key at the root,
// in device or in origin rejects a device with all its entities, and nobody tells
// the sender; therefore payloads are closed structs with full key names, tested
// against a second, independent description of what is allowed. Everything is a
// pure function: the same input gives the same bytes, so that a payload that
// equals the retained one need not be sent.
//
// It refuses what is known to hurt: object_id (removed from Home Assistant),
// availability at the root (spoils components that carry their own), expire_after
// and force_update (they lie about a scale), serial_number and model_id (older
// cores reject them).
//
// The one invariant: identity never changes. A device is its UID, a component is
// its key together with its platform; topics and unique ids derive from these alone
// and Home Assistant hangs history, names and areas on them. Names, templates,
// icons and account names may change freely.
//
// A new metric is one row in rows.go.
package hass

import (
	"encoding/json"
	"maps"
	"slices"
)

// Mode says how devices are announced.
type Mode string

// The modes. The zero value means ModeDevice.
const (
	ModeDevice Mode = "device" // one config per device; Home Assistant since 2024.12
	ModeEntity Mode = "entity" // one config per component, for hubs that know no other
	ModeOff    Mode = "off"
)

// Migrate is the payload that makes Home Assistant let go of a config without
// forgetting its entities. To change the mode: publish it, not retained, on every
// topic of the old mode, then the configs of the new mode, then clear the old topics.
// Not being retained, it leaves nothing behind if that is interrupted.
const Migrate = `{"migrate_discovery": true}`

// Message is one discovery config, to be published retained. An empty payload
// clears the topic.
type Message struct {
	Topic   string
	Payload []byte
}

// Device is the whole config of one device.
type Device struct {
	Info       Info                 `json:"device"`
	Origin     Origin               `json:"origin"`
	QoS        int                  `json:"qos"`        // of Home Assistant's subscriptions and commands
	Components map[string]Component `json:"components"` // by key
}

// Info describes a device to Home Assistant's device registry.
type Info struct {
	Identifiers      [1]string `json:"identifiers"`
	Name             string    `json:"name"`
	Manufacturer     string    `json:"manufacturer,omitempty"`
	Model            string    `json:"model,omitempty"`
	SWVersion        string    `json:"sw_version,omitempty"`
	ViaDevice        string    `json:"via_device,omitempty"` // identifier of the device it hangs from
	ConfigurationURL string    `json:"configuration_url,omitempty"`
}

// Origin says who announces a device.
type Origin struct {
	Name       string `json:"name"`
	SWVersion  string `json:"sw_version,omitempty"`
	SupportURL string `json:"support_url,omitempty"`
}

// Component is one entity of a device. With a platform only it is a stub, which
// removes the entity.
type Component struct {
	Platform               string         `json:"platform,omitempty"`
	Name                   string         `json:"name,omitempty"`
	UniqueID               string         `json:"unique_id,omitempty"`
	DefaultEntityID        string         `json:"default_entity_id,omitempty"`
	DeviceClass            string         `json:"device_class,omitempty"`
	StateClass             string         `json:"state_class,omitempty"`
	Unit                   string         `json:"unit_of_measurement,omitempty"`
	Precision              *int           `json:"suggested_display_precision,omitempty"`
	Options                []string       `json:"options,omitempty"`
	Min                    *int           `json:"min,omitempty"`
	Max                    *int           `json:"max,omitempty"`
	Step                   *int           `json:"step,omitempty"`
	Mode                   string         `json:"mode,omitempty"` // of a number: "box" or "slider"
	EventTypes             []string       `json:"event_types,omitempty"`
	Icon                   string         `json:"icon,omitempty"`
	EntityCategory         string         `json:"entity_category,omitempty"`
	EnabledByDefault       *bool          `json:"enabled_by_default,omitempty"`
	StateTopic             string         `json:"state_topic,omitempty"`
	ValueTemplate          string         `json:"value_template,omitempty"`
	JSONAttributesTopic    string         `json:"json_attributes_topic,omitempty"`
	JSONAttributesTemplate string         `json:"json_attributes_template,omitempty"`
	CommandTopic           string         `json:"command_topic,omitempty"`
	PayloadPress           string         `json:"payload_press,omitempty"`
	Availability           []Availability `json:"availability,omitempty"`
	AvailabilityMode       string         `json:"availability_mode,omitempty"`
}

// Availability is a topic that says "online" or "offline".
type Availability struct {
	Topic string `json:"topic"`
}

// single is the config of one component in ModeEntity.
type single struct {
	Component
	Info   Info   `json:"device"`
	Origin Origin `json:"origin"`
	QoS    int    `json:"qos"`
}

// ID returns the device's identifier, "fitbit2mqtt_<uid>".
func (d Device) ID() string { return d.Info.Identifiers[0] }

// Topic returns where the device is announced in ModeDevice; prefix is Home
// Assistant's, usually "homeassistant".
func (d Device) Topic(prefix string) string { return prefix + "/device/" + d.ID() + "/config" }

// Payload returns what is announced there, as compact JSON.
func (d Device) Payload() []byte { return encode(d) }

// Messages returns all that announces the device: one message in ModeDevice, one
// per component in order of their keys in ModeEntity, none in ModeOff.
func (d Device) Messages(mode Mode, prefix string) []Message {
	switch mode {
	case ModeOff:
		return nil
	case ModeEntity:
		var out []Message
		for _, key := range slices.Sorted(maps.Keys(d.Components)) {
			c := d.Components[key]
			m := Message{Topic: prefix + "/" + c.Platform + "/" + d.ID() + "/" + key + "/config"}
			if c.UniqueID != "" { // a stub clears its topic
				c.Platform = "" // said by the topic
				m.Payload = encode(single{Component: c, Info: d.Info, Origin: d.Origin, QoS: d.QoS})
			}
			out = append(out, m)
		}
		return out
	default:
		return []Message{{Topic: d.Topic(prefix), Payload: d.Payload()}}
	}
}

// Retiring is the first step of removing components: Home Assistant keeps what a
// later config merely omits, and removes what is reduced to a stub. old holds the
// components of the retained config, key to platform. If d lacks any of them, or
// has one on another platform, Retiring returns d with stubs in their place and
// true; publish that, and d itself at least five seconds later.
func (d Device) Retiring(old map[string]string) (Device, bool) {
	components := maps.Clone(d.Components)
	vanished := false
	for key, platform := range old {
		if d.Components[key].Platform != platform {
			components[key] = Component{Platform: platform}
			vanished = true
		}
	}
	d.Components = components
	return d, vanished
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil { // strings, numbers and lists of them always encode
		panic("hass: config does not encode: " + err.Error())
	}
	return b
}
