package bridge

import (
	"context"
	"encoding/json"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
)

// Retained messages outlive the process that sent them: an account removed while
// the bridge was off, a device sold, an entity a newer version no longer has, the
// other form of discovery. search finds what is on the broker, ours or not. It
// comes back with nothing if another bridge seems to be at work under our topics:
// its people's are not ours to withdraw.
func (a *announcer) search(ctx context.Context) []Message {
	t := a.b.topics
	filters := []string{t.state(), t.info(), t.hass + "/device/+/config", t.hass + "/+/+/+/config"}
	for _, name := range []string{"availability", "body", "heart", "connection", "device/+"} {
		filters = append(filters, t.of("+", name))
	}
	found, err := a.publisher.Retained(ctx, filters...)
	if err != nil {
		return nil // the connection is gone again, or the broker does not let us look
	}
	alive, another := false, false
	for _, m := range found {
		switch m.Topic {
		case t.state():
			alive = string(m.Payload) == online
		case t.info():
			var info infoState
			another = json.Unmarshal(m.Payload, &info) == nil && !info.Round && info.StartedAt != a.b.started.Format(time.RFC3339)
		}
	}
	if alive && another {
		a.b.o.Log.Warn("another bridge publishes under these topics, or has just died; nothing is tidied up",
			"prefix", t.prefix, "hint", "give each bridge its own mqtt.topic_prefix")
		return nil
	}
	return found
}

// sweep has the board withdraw what search has found and nobody needs, behind
// whatever replaces it.
func (a *announcer) sweep(ctx context.Context, found []Message) {
	t := a.b.topics
	var configs, states []string
	for _, m := range found {
		if len(m.Payload) == 0 {
			continue
		}
		if account, ours := t.owner(m.Topic); ours {
			if !a.b.strange(account, "") {
				states = append(states, m.Topic)
			}
			continue
		}
		if c, ours := hass.Parse(m.Topic, m.Payload); ours && c.Prefix == t.prefix && !a.b.strange("", c.ID) && !a.compare(ctx, m.Topic, c) {
			configs = append(configs, m.Topic)
			if !a.b.board.announces(c.ID) {
				a.remember(ctx, Message{Topic: m.Topic, Payload: m.Payload, Retained: true})
			}
		}
	}
	a.b.board.discard(configs...) // first, while the states they read are there
	a.b.board.discard(states...)
}

// compare holds a discovery config found on the broker against ours and reports
// whether its topic stays in use.
func (a *announcer) compare(ctx context.Context, topic string, found hass.Found) bool {
	if d, current := a.b.board.device(topic); current {
		// A component that is merely left out would stay: it is retired first, and
		// the config without it follows by itself.
		if stub, retiring := d.Retiring(found.Components); retiring {
			for _, m := range stub.Messages(a.b.o.Discovery, a.b.o.HassPrefix) {
				if m.Topic == topic && a.publish(ctx, Message{Topic: topic, Payload: m.Payload, Retained: true}) {
					a.settle()
				}
			}
		}
		return true
	}
	if a.b.board.announces(found.ID) {
		// The same device in the other form: let Home Assistant keep its settings.
		a.publish(ctx, Message{Topic: topic, Payload: []byte(hass.Migrate)})
	}
	return false
}

// bury withdraws the config of something that is gone for good. A Home Assistant
// that is not there to see it would keep a ghost; for its next birth the config is
// kept, to be shown and withdrawn before its eyes.
func (a *announcer) bury(ctx context.Context, m hass.Message) {
	a.remember(ctx, Message{Topic: m.Topic, Payload: m.Payload, Retained: true})
	a.b.board.clear(m.Topic)
}

// remember keeps a config that is being withdrawn, unless Home Assistant sees it go.
func (a *announcer) remember(ctx context.Context, m Message) {
	if a.present.Load() {
		return
	}
	if err := a.b.o.Memory.Bury(ctx, m); err != nil {
		a.b.o.Log.Warn("history could not be written", "error", err)
	}
}

// exhume shows buried configs to a Home Assistant that has just come up.
func (a *announcer) exhume(ctx context.Context) {
	buried, err := a.b.o.Memory.Buried(ctx)
	if err != nil {
		a.b.o.Log.Warn("history could not be read", "error", err)
		return
	}
	for _, m := range buried {
		if a.b.board.has(m.Topic) {
			a.exhumed(ctx, m.Topic) // it has come back to life
			continue
		}
		if a.publish(ctx, m) {
			a.burials[m.Topic] = time.Now().Add(configGap)
		}
	}
}

// rebury withdraws the configs that exhume has shown, a little later.
func (a *announcer) rebury(ctx context.Context) (again time.Time) {
	now := time.Now()
	for topic, due := range a.burials {
		if now.Before(due) {
			if again.IsZero() || due.Before(again) {
				again = due
			}
			continue
		}
		if !a.b.board.has(topic) && !a.publish(ctx, Message{Topic: topic, Retained: true}) {
			return time.Time{}
		}
		delete(a.burials, topic)
		a.exhumed(ctx, topic)
	}
	return again
}

func (a *announcer) exhumed(ctx context.Context, topic string) {
	if err := a.b.o.Memory.Exhume(ctx, topic); err != nil {
		a.b.o.Log.Warn("history could not be written", "error", err)
	}
}
