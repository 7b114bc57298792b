package bridge

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
)

// The order in which retained messages reach the broker: a device must not be
// announced before the one it hangs from, nor before its state, and its state must
// not be emptied while Home Assistant still reads it.
const (
	rankState = iota
	rankBridge
	rankPerson
	rankDevice
	rankGone    // a config withdrawn
	rankEmptied // a state withdrawn
)

// configGap is how long a discovery config is left alone after it was sent: Home
// Assistant skips parts of one that follows too closely.
const configGap = 5 * time.Second

// board holds what the retained topics should say. Pollers write on it, the
// announcer brings the broker up to date. An outage is no special case: after it,
// all is published again.
type board struct {
	changed signal

	mu      sync.Mutex
	entries map[string]*entry
	count   int
	held    time.Time // nothing but states before
}

// entry is one retained topic.
type entry struct {
	Message
	rank   int
	nth    int // of all topics, by first appearance
	device *hass.Device
	at     time.Time // when what it tells was measured; zero if that means nothing
	said   []byte    // the payload last acknowledged; nil if the broker may know none
	sent   time.Time // when that was
}

// dirty reports whether the topic does not say what it should, as far as known.
func (e *entry) dirty() bool { return e.said == nil || !bytes.Equal(e.said, e.Payload) }

// config reports whether the topic announces something.
func (e *entry) config() bool { return e.device != nil }

func newBoard() *board { return &board{changed: newSignal(), entries: make(map[string]*entry)} }

// set says what a state topic should say.
func (b *board) set(topic string, payload []byte) {
	b.put(entry{Message: Message{Topic: topic, Payload: payload}})
}

// setAt is set for a state that was true at a certain time.
func (b *board) setAt(topic string, payload []byte, at time.Time) {
	b.put(entry{Message: Message{Topic: topic, Payload: payload}, at: at})
}

// announce says how Home Assistant should see a device.
func (b *board) announce(rank int, d hass.Device, mode hass.Mode, prefix string) {
	for _, m := range d.Messages(mode, prefix) {
		b.put(entry{Message: Message{Topic: m.Topic, Payload: m.Payload}, rank: rank, device: &d})
	}
}

// clear withdraws topics.
func (b *board) clear(topics ...string) {
	for _, t := range topics {
		b.put(entry{Message: Message{Topic: t}})
	}
}

// discard withdraws topics that are found on the broker and in nobody's use.
func (b *board) discard(topics ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range topics {
		if b.entries[t] == nil {
			b.count++
			b.entries[t] = &entry{Message: Message{Topic: t, Retained: true}, rank: rankEmptied, nth: b.count}
		}
	}
}

func (b *board) put(e entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.entries[e.Topic]
	switch {
	case old == nil:
		b.count++
		old = &entry{nth: b.count}
		b.entries[e.Topic] = old
	case bytes.Equal(old.Payload, e.Payload):
		return
	}
	if len(e.Payload) == 0 {
		if e.rank = rankEmptied; old.config() {
			e.rank = rankGone
		}
	}
	e.nth, e.said, e.sent, e.Retained = old.nth, old.said, old.sent, true
	*old = e
	b.changed.raise()
}

// has reports whether a topic is in use.
func (b *board) has(topic string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[topic]
	return e != nil && len(e.Payload) > 0
}

// says reports whether the broker is known to hold this payload.
func (b *board) says(topic string, payload []byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[topic]
	return e != nil && e.said != nil && bytes.Equal(e.said, payload)
}

// device returns what a discovery topic announces.
func (b *board) device(topic string) (hass.Device, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.entries[topic]; e != nil && e.config() {
		return *e.device, true
	}
	return hass.Device{}, false
}

// announced returns the device with this identifier, if any topic announces it.
func (b *board) announced(id string) (hass.Device, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.entries {
		if e.config() && e.device.ID() == id {
			return *e.device, true
		}
	}
	return hass.Device{}, false
}

// hold keeps everything back but states.
func (b *board) hold(until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held = until
}

// news reports whether something is to be announced for the first time.
func (b *board) news() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.entries {
		if e.config() && e.said == nil {
			return true
		}
	}
	return false
}

// renew marks a topic as unsent, because somebody else has written to it.
func (b *board) renew(topic string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.entries[topic]; e != nil {
		e.said = nil
		b.changed.raise()
	}
}

// touch marks everything as unsent, as it is after a new connection.
func (b *board) touch() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.entries {
		e.said, e.sent = nil, time.Time{}
	}
}

// repeat has everything sent again; configs rest before that as always.
func (b *board) repeat() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.entries {
		e.said = nil
	}
}

// census counts the topics in use, and of all topics those that do not say yet what
// they should.
func (b *board) census() (states, configs, rest int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.entries {
		switch {
		case len(e.Payload) == 0:
		case e.config():
			configs++
		default:
			states++
		}
		if e.dirty() {
			rest++
		}
	}
	return states, configs, rest
}

// due lists what is to be sent up to rank high, in order, and says
// when to come back for configs that must rest a little; zero for never.
func (b *board) due(high int, now time.Time) (messages []entry, again time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.entries {
		if !e.dirty() || e.rank > high {
			continue
		}
		ready := b.held
		if rested := e.sent.Add(configGap); e.config() && rested.After(ready) {
			ready = rested
		}
		if e.rank > rankState && now.Before(ready) {
			if again.IsZero() || ready.Before(again) {
				again = ready
			}
			continue
		}
		messages = append(messages, *e)
	}
	slices.SortStableFunc(messages, func(x, y entry) int { return cmp.Or(cmp.Compare(x.rank, y.rank), cmp.Compare(x.nth, y.nth)) })
	return messages, again
}

// delivered notes that the broker has acknowledged a payload on a topic.
func (b *board) delivered(m Message, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.entries[m.Topic]
	if e == nil || !m.Retained {
		return
	}
	e.said, e.sent = append([]byte{}, m.Payload...), now
	if len(m.Payload) == 0 && len(e.Payload) == 0 {
		delete(b.entries, m.Topic)
	}
}
