package hass

import (
	"encoding/json"
	"strings"
)

// Found is a config of fitbit2mqtt's that the broker still holds.
type Found struct {
	ID     string // the device's identifier, as [Device.ID]
	Mode   Mode   // ModeDevice or ModeEntity
	Prefix string // of the topics it reads: says which bridge it belongs to
	Via    string // the identifier of the device it hangs from; may be empty
	// Components holds the platform of each; a single one in ModeEntity.
	Components map[string]string
}

// Parse says whether a retained message is a config that this program announced,
// in this version or another, for this bridge or another. In doubt it is not: what
// is found may be cleared. Payloads may be anything.
func Parse(topic string, payload []byte) (Found, bool) {
	found, key, platform, ok := parseTopic(topic)
	if !ok {
		return Found{}, false
	}
	var either struct {
		single
		Components map[string]Component `json:"components"`
	}
	if json.Unmarshal(payload, &either) != nil ||
		either.Origin.Name != application || either.Info.Identifiers[0] != found.ID {
		return Found{}, false
	}
	if found.Mode == ModeEntity {
		either.Platform = platform
		either.Components = map[string]Component{key: either.Component}
	}
	found.Via = either.Info.ViaDevice
	found.Components = make(map[string]string, len(either.Components))
	for key, c := range either.Components {
		if !known(c.Platform) || !topical(key) {
			continue // we would not get rid of it by repeating it
		}
		found.Components[key] = c.Platform
		switch prefix := c.prefix(); {
		case prefix == "" || prefix == found.Prefix:
		case found.Prefix == "":
			found.Prefix = prefix
		default:
			return Found{}, false
		}
	}
	return found, found.Prefix != ""
}

// Shares reports whether a config announces some of the components of d, under whatever
// topic and in whatever form.
func (f Found) Shares(d Device) bool {
	for key, platform := range f.Components {
		if f.ID == d.ID() && d.Components[key].Platform == platform {
			return true
		}
	}
	return false
}

// parseTopic reads <prefix>/device/<id>/config and <prefix>/<platform>/<id>/<key>/config.
func parseTopic(topic string) (found Found, key, platform string, ok bool) {
	parts := strings.Split(topic, "/")
	n := len(parts)
	switch {
	case n < 4 || parts[n-1] != "config":
		return Found{}, "", "", false
	case parts[n-3] == "device":
		found = Found{ID: parts[n-2], Mode: ModeDevice}
	case n >= 5 && known(parts[n-4]):
		found, key, platform = Found{ID: parts[n-3], Mode: ModeEntity}, parts[n-2], parts[n-4]
	}
	return found, key, platform, topical(found.ID) && strings.HasPrefix(found.ID, application+"_")
}

// prefix returns the start of our topics, or "" if the component does not tell.
func (c Component) prefix() string {
	for _, a := range c.Availability {
		if prefix, ok := strings.CutSuffix(a.Topic, "/bridge/state"); ok {
			return prefix
		}
	}
	if prefix, ok := strings.CutSuffix(c.StateTopic, "/bridge/state"); ok {
		return prefix
	}
	if account, ok := strings.CutSuffix(c.StateTopic, "/weigh_in"); ok {
		if i := strings.LastIndexByte(account, '/'); i > 0 {
			return account[:i]
		}
	}
	return ""
}

// known reports whether any version of ours has used the platform.
func known(platform string) bool {
	switch platform {
	case "sensor", "binary_sensor", "event", "button", "select", "number":
		return true
	}
	return false
}

// topical reports whether s can be a level of a discovery topic.
func topical(s string) bool { return s != "" && identity(s) == s }
