package bridge

import "strings"

const (
	online  = "online"
	offline = "offline"
)

// topics knows where everything is published.
type topics struct {
	prefix string // "fitbit2mqtt"
	hass   string // "homeassistant"
	status string // "homeassistant/status"
}

func (t topics) state() string  { return t.prefix + "/bridge/state" }
func (t topics) info() string   { return t.prefix + "/bridge/info" }
func (t topics) health() string { return t.prefix + "/bridge/health" }

// settings is what can be set, and how it is set.
func (t topics) settings() string { return t.prefix + "/bridge/settings" }

// response returns where the request of that name is answered.
func (t topics) response(name string) string { return t.prefix + "/bridge/response/" + name }

// request returns the name of what is asked at a topic.
func (t topics) request(topic string) (name string, ok bool) {
	name, ok = strings.CutPrefix(topic, t.prefix+"/bridge/request/")
	return name, ok && name != "" && len(name) <= nameLimit
}

// of returns a topic of one account.
func (t topics) of(account, name string) string { return t.prefix + "/" + account + "/" + name }

// statesOfAll are filters for every retained topic of every account.
func (t topics) statesOfAll() (filters []string) {
	for _, name := range []string{"availability", "body", "heart", "connection", "device/+"} {
		filters = append(filters, t.of("+", name))
	}
	return filters
}

// pollCommand returns the account that a command topic belongs to.
func (t topics) pollCommand(topic string) (string, bool) {
	rest, ok := strings.CutPrefix(topic, t.prefix+"/")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, "/command/poll")
}

// owner returns the account that a retained topic of ours belongs to.
func (t topics) owner(topic string) (string, bool) {
	rest, ok := strings.CutPrefix(topic, t.prefix+"/")
	if !ok {
		return "", false
	}
	account, name, ok := strings.Cut(rest, "/")
	if !ok || account == "bridge" {
		return "", false
	}
	switch {
	case name == "availability", name == "body", name == "heart", name == "connection", strings.HasPrefix(name, "device/"):
		return account, true
	}
	return "", false
}
