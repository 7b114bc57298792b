package hass

import (
	"fmt"
	"hash/crc32"
	"net/url"
	"strings"
)

const (
	application   = "fitbit2mqtt" // in identifiers, unique ids and origin.name
	defaultPrefix = "fitbit2mqtt" // of our topics
	supportURL    = "https://github.com/fitbit2mqtt/fitbit2mqtt"
	qos           = 1
)

// Bridge is the running bridge: what all devices it announces have in common.
type Bridge struct {
	Prefix  string // of our topics: no wildcards, no slash at either end
	Version string
	// URL is the front panel's address; ignored unless Home Assistant would take it.
	URL string
}

// Person is somebody whose readings are published.
type Person struct {
	UID     string // lower-case letters and digits; never changes, never used twice
	Account string // in topics and suggested entity ids
	Name    string // shown; empty: the account
	Model   string // of what they weigh themselves with, such as "Aria Air"; may be empty
}

// Paired is a scale or tracker paired with a person's account.
type Paired struct {
	ID   string // as in its topic
	Name string // shown, such as "Charge 6"; empty: its type
	Type string // "scale" or "tracker"
	// HasBattery says that it has reported its battery at some time.
	HasBattery bool
}

// Device announces the bridge itself. Its UID is "bridge", followed by the topic
// prefix where that is not the default one: two bridges may share a broker.
func (b Bridge) Device() Device {
	d := b.device(b.uid(), "Fitbit bridge", "", b.rows(), owner{entity: b.Prefix, topics: b.Prefix + "/bridge"})
	d.Info.Manufacturer, d.Info.Model, d.Info.SWVersion = application, "Bridge", b.Version
	return d
}

// Person announces a person, below the bridge.
func (b Bridge) Person(p Person) Device {
	d := b.device(p.UID, p.name(), application+"_"+b.uid(), personRows(), b.owner(p))
	d.Info.Manufacturer, d.Info.Model = "Fitbit", p.Model
	return d
}

// Paired announces a scale or tracker, below the person. Its UID is the person's
// followed by the device's ID.
func (b Bridge) Paired(p Person, paired Paired) Device {
	model := paired.Name
	switch {
	case model == "" && paired.Type == "scale":
		model = "Scale"
	case model == "":
		model = "Tracker"
	}
	own := b.owner(p)
	own.entity += "_" + model
	// One scale serves a household: it is announced once per person, so the name says whose.
	d := b.device(p.UID+"_"+identity(paired.ID), model+" ("+p.name()+")", application+"_"+p.UID,
		pairedRows(paired.ID, paired.HasBattery), own)
	d.Info.Manufacturer, d.Info.Model = "Fitbit", model
	return d
}

// owner is what the entities of a device share.
type owner struct {
	entity  string // start of suggested entity ids
	topics  string // what the rows' topics are relative to
	account bool   // topics has an availability of its own
}

func (b Bridge) owner(p Person) owner {
	return owner{entity: p.Account, topics: b.Prefix + "/" + p.Account, account: true}
}

func (b Bridge) device(uid, name, via string, rows []row, own owner) Device {
	d := Device{
		Info: Info{
			Identifiers: [1]string{application + "_" + uid}, Name: apart(name, rows),
			ViaDevice: via, ConfigurationURL: linkable(b.URL),
		},
		Origin:     Origin{Name: application, SWVersion: b.Version, SupportURL: supportURL},
		QoS:        qos,
		Components: make(map[string]Component, len(rows)),
	}
	for _, r := range rows {
		c := r.component(b.Prefix+"/bridge/state", own)
		c.UniqueID = d.ID() + "_" + r.key
		c.DefaultEntityID = c.Platform + "." + slug(own.entity+"_"+r.key)
		d.Components[r.key] = c
	}
	return d
}

func (b Bridge) uid() string {
	if b.Prefix == defaultPrefix {
		return "bridge"
	}
	return "bridge_" + identity(b.Prefix)
}

func (p Person) name() string {
	if p.Name == "" {
		return p.Account
	}
	return p.Name
}

// apart changes a device's name that one of its entities' names begins with: Home
// Assistant 2024.1 would cut it off there ("B": "ody fat"), later ones say it twice.
func apart(name string, rows []row) string {
	for _, r := range rows {
		if len(r.name) >= len(name) && strings.EqualFold(r.name[:len(name)], name) {
			return name + " (Fitbit)"
		}
	}
	return name
}

// linkable returns address if Home Assistant takes it as a configuration_url, else
// "": it rejects a device for a bad one.
func linkable(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	web := (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
	if web || strings.HasPrefix(address, "homeassistant://") {
		return address
	}
	return ""
}

// identity makes s fit for a discovery topic, which may hold A-Z, a-z, 0-9, _ and
// - only. What had to be changed gets a checksum: "a/b" and "a_b" stay two.
func identity(s string) string {
	clean := strings.Map(func(r rune) rune {
		if wordy(r) || r == '-' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, s)
	if clean == s {
		return s
	}
	return fmt.Sprintf("%s_%08x", clean, crc32.ChecksumIEEE([]byte(s)))
}

// slug makes s fit for the second half of an entity id: a-z, 0-9 and single inner
// underscores. Two things may get the same one; Home Assistant then numbers them.
func slug(s string) string {
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return r == '_' || !wordy(r) })
	return strings.Join(words, "_")
}

func wordy(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' }
