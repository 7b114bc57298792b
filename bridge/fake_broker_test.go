package bridge_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
)

// heard is a message that reached the broker, and when.
type heard struct {
	bridge.Message
	at time.Time
}

// broker is the house's broker: it remembers everything, and may be away.
type broker struct {
	mu          sync.Mutex
	up          bool
	log         []heard
	retained    map[string]string
	refuse      func(ctx context.Context, m bridge.Message) error // nil: all is well
	tries       int                                               // while away
	noWildcards error                                             // why nobody may look at all topics
	listener    func(topic string, payload []byte)                // hears all that is published; may be nil
}

var _ bridge.Publisher = (*broker)(nil)

func newBroker() *broker { return &broker{retained: make(map[string]string)} }

func (b *broker) set(change func(*broker)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
}

func (b *broker) Publish(ctx context.Context, m bridge.Message) error {
	b.mu.Lock()
	up, refuse := b.up, b.refuse
	if !up {
		b.tries++
	}
	b.mu.Unlock()
	if !up {
		return bridge.ErrBrokerAway
	}
	if refuse != nil {
		if err := refuse(ctx, m); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	b.set(func(b *broker) {
		b.log = append(b.log, heard{m, time.Now()})
		if b.listener != nil {
			b.listener(m.Topic, m.Payload)
		}
		if !m.Retained {
			return
		}
		if b.retained[m.Topic] = string(m.Payload); len(m.Payload) == 0 {
			delete(b.retained, m.Topic)
		}
	})
	return nil
}

func (b *broker) Retained(_ context.Context, filters ...string) (list []bridge.Message, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.up {
		return nil, bridge.ErrBrokerAway
	}
	if b.noWildcards != nil && slices.ContainsFunc(filters, func(f string) bool { return strings.HasPrefix(f, "+/") }) {
		return nil, b.noWildcards
	}
	for _, topic := range slices.Sorted(maps.Keys(b.retained)) {
		if slices.ContainsFunc(filters, func(f string) bool { return matches(f, topic) }) {
			list = append(list, bridge.Message{Topic: topic, Payload: []byte(b.retained[topic]), Retained: true})
		}
	}
	return list, nil
}

func matches(filter, topic string) bool {
	return slices.EqualFunc(strings.Split(filter, "/"), strings.Split(topic, "/"), func(f, t string) bool { return f == "+" || f == t })
}
