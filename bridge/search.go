package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
)

// search finds what is on the broker of discovery and of our topics. It comes back with
// nothing if another bridge seems to be at work under our topics: its people's are not
// ours to withdraw.
func (a *announcer) search(ctx context.Context) discovery {
	t := a.b.topics
	messages, err := a.retained(ctx, append(t.statesOfAll(), t.state(), t.info(), t.hass+"/device/+/config", t.hass+"/+/+/+/config"))
	if err != nil {
		return discovery{} // the connection is gone again, or the broker does not let us look
	}
	alive, another := false, false
	var before infoState
	for _, m := range messages {
		switch m.Topic {
		case t.state():
			alive = string(m.Payload) == online
		case t.info():
			another = json.Unmarshal(m.Payload, &before) == nil && !before.Round && before.StartedAt != a.b.started.Format(time.RFC3339)
		}
	}
	if alive && another {
		a.b.o.Log.Warn("another bridge publishes under these topics, or has just died; nothing is tidied up",
			"prefix", t.prefix, "hint", "give each bridge its own mqtt.topic_prefix")
		return discovery{}
	}
	found := discovery{messages: messages, prefixes: []topics{t}}
	for _, prefix := range append(a.formerPrefixes(messages), before.Leaving...) {
		if prefix != t.prefix && !found.of(prefix) {
			a.searchFormer(ctx, topics{prefix: prefix}, &found)
		}
	}
	a.leaving = nil
	for _, former := range found.prefixes[1:] {
		a.leaving = append(a.leaving, former.prefix)
	}
	a.b.publishLeaving(a.leaving)
	return found
}

// left notes that nothing of us is left where we have published before.
func (a *announcer) left() {
	if len(a.leaving) == 0 {
		return
	}
	if _, _, rest := a.b.board.census(); rest == 0 {
		a.leaving = nil
		a.b.publishLeaving(nil)
	}
}

// retained looks at the filters, and at the first connection of a life at what may be ours
// under whatever other prefix: Home Assistant's or our own may have been configured anew
// meanwhile.
// A broker that does not allow that is asked for the filters alone.
func (a *announcer) retained(ctx context.Context, filters []string) ([]Message, error) {
	if !a.looked {
		everywhere := []string{
			"+/device/+/config", "+/+/+/+/config", "+/+/+/+/+/config", "+/+/+/+/+/+/config",
			"+/bridge/info", "+/+/bridge/info", "+/+/+/bridge/info",
		}
		messages, err := a.publisher.Retained(ctx, slices.Concat(filters, everywhere)...)
		if a.looked = err == nil; a.looked || errors.Is(err, ErrBrokerAway) {
			return messages, err
		}
	}
	return a.publisher.Retained(ctx, filters...)
}

// formerPrefixes are those of topics that tell of our people: the configs read them, and a
// bridge/info names who is there. They tell of where we have published before; once they
// have been replaced, our own bridge/info does.
func (a *announcer) formerPrefixes(messages []Message) (prefixes []string) {
	for _, m := range messages {
		if prefix, ours := a.b.tellsOfUs(m); ours && !slices.Contains(prefixes, prefix) {
			prefixes = append(prefixes, prefix)
		}
	}
	return prefixes
}

// tellsOfUs returns under which prefix somebody has published what is about our people.
func (b *Bridge) tellsOfUs(m Message) (prefix string, ours bool) {
	if prefix, is := strings.CutSuffix(m.Topic, "/bridge/info"); is { // which others have, too
		var info infoState
		return prefix, json.Unmarshal(m.Payload, &info) == nil &&
			slices.ContainsFunc(info.Accounts, func(a infoAccount) bool { return b.serves("fitbit2mqtt_" + a.UID) })
	}
	c, ours := hass.Parse(m.Topic, m.Payload)
	return c.Prefix, ours && b.serves(c.ID)
}

// searchFormer adds what is left of us under a prefix, unless a bridge is at work there:
// somebody has copied our data folder.
func (a *announcer) searchFormer(ctx context.Context, t topics, found *discovery) {
	states, err := a.publisher.Retained(ctx, append(t.statesOfAll(), t.state(), t.info(), t.health(), t.settings())...)
	if err != nil {
		return
	}
	for _, m := range states {
		if m.Topic == t.state() && string(m.Payload) == online {
			a.looked = false // or it has just died
			a.b.o.Log.Warn("a bridge with the same people publishes under other topics, or has just died; nothing is tidied up there", "prefix", t.prefix)
			return
		}
	}
	found.prefixes = append(found.prefixes, t)
	found.messages = append(found.messages, states...)
}

// serves reports whether the device with this identifier is one of our people's.
func (b *Bridge) serves(device string) bool {
	return slices.ContainsFunc(b.people(), func(p *person) bool {
		return strings.HasPrefix(device+"_", "fitbit2mqtt_"+p.account.UID+"_")
	})
}

// parentsFirst sorts configs so that none comes before the device it hangs from.
func parentsFirst(configs []Message) (sorted []Message) {
	depth := func(m Message) int {
		c, _ := hass.Parse(m.Topic, m.Payload)
		switch {
		case c.Via == "":
			return rankBridge
		case strings.HasPrefix(c.ID, c.Via+"_"):
			return rankDevice
		}
		return rankPerson
	}
	for rank := rankBridge; rank <= rankDevice; rank++ {
		for _, m := range configs {
			if depth(m) == rank {
				sorted = append(sorted, m)
			}
		}
	}
	return sorted
}
