package bridge

import (
	"context"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
)

// Retained messages outlive the process that sent them: an account removed while the
// bridge was off, a device sold, an entity a newer version no longer has, the other form
// of discovery, another prefix. sweep has the board withdraw what search has found and
// nobody needs, behind whatever replaces it.
//
// What is announced in another form or at another place now is let go of first:
// Home Assistant unloads it and keeps its registry entry, and with it names and areas.
// It needs a moment for that, or would skip parts of the new form. All of it can be
// broken off anywhere: what is still there is found again by the next life.
func (a *announcer) sweep(ctx context.Context, found discovery) {
	var configs, states []string
	for _, m := range found.messages {
		if len(m.Payload) == 0 {
			continue
		}
		if account, ours := found.owner(m.Topic); ours {
			if !a.b.strange(account, "") {
				states = append(states, m.Topic)
			}
			continue
		}
		if c, ours := hass.Parse(m.Topic, m.Payload); ours && found.of(c.Prefix) && !a.b.strange("", c.ID) && !a.compare(ctx, m, c) {
			configs = append(configs, m.Topic)
		}
	}
	a.b.board.discard(configs...) // first, while the states they read are there
	a.b.board.discard(states...)
}

// compare holds a discovery config found on the broker against ours and reports
// whether its topic stays in use.
func (a *announcer) compare(ctx context.Context, m Message, found hass.Found) bool {
	if d, current := a.b.board.device(m.Topic); current {
		// A component that is merely left out would stay: it is retired first, and
		// the config without it follows by itself.
		if stub, retiring := d.Retiring(found.Components); retiring {
			for _, s := range stub.Messages(a.b.o.Discovery, a.b.o.HassPrefix) {
				if s.Topic == m.Topic && a.publish(ctx, Message{Topic: m.Topic, Payload: s.Payload, Retained: true}) {
					a.settle()
				}
			}
		}
		return true
	}
	if d, announced := a.b.board.announced(found.ID); !announced || !found.Shares(d) {
		a.remember(ctx, m)
		return false
	}
	if a.publish(ctx, Message{Topic: m.Topic, Payload: []byte(hass.Migrate)}) {
		a.settle() // what is new follows by then, and settles itself
		a.b.board.hold(a.settled)
	}
	return false
}

// discovery is what search has found.
type discovery struct {
	messages []Message
	prefixes []topics // under which we publish, or have published
}

// owner returns the account that a retained topic of ours belongs to; the bridge's own
// count where we have published before.
func (d discovery) owner(topic string) (account string, ours bool) {
	for i, t := range d.prefixes {
		if account, ours := t.owner(topic); ours {
			return account, true
		}
		if i > 0 && (topic == t.state() || topic == t.info() || topic == t.health() || topic == t.settings()) {
			return "", true
		}
	}
	return "", false
}

// of reports whether a config that reads topics with this prefix is ours.
func (d discovery) of(prefix string) bool {
	for _, t := range d.prefixes {
		if t.prefix == prefix {
			return true
		}
	}
	return false
}

// bury withdraws the config of something that is gone for good. A Home Assistant
// that is not there to see it would keep a ghost; for its next birth the config is
// kept, to be shown and withdrawn before its eyes.
func (a *announcer) bury(ctx context.Context, m hass.Message) {
	a.remember(ctx, Message{Topic: m.Topic, Payload: m.Payload})
	a.b.board.clear(m.Topic)
}

// remember keeps a config that is being withdrawn, unless Home Assistant sees it go.
func (a *announcer) remember(ctx context.Context, m Message) {
	if a.present.Load() {
		return
	}
	m.Retained = true
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
	for _, m := range parentsFirst(buried) {
		found, _ := hass.Parse(m.Topic, m.Payload)
		if d, _ := a.b.board.announced(found.ID); a.b.board.has(m.Topic) || found.Shares(d) {
			a.exhumed(ctx, m.Topic) // it has come back to life, perhaps in the other form
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
