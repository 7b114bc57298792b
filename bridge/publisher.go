package bridge

import (
	"context"
	"errors"
)

// Message is one MQTT message. An empty retained payload clears the topic.
type Message struct {
	Topic    string
	Payload  []byte
	Retained bool
}

// ErrBrokerAway says that there is no connection to the broker right now; a
// reconnection is under way and will be announced.
var ErrBrokerAway = errors.New("broker away")

// Publisher is the house's broker as the bridge sees it.
type Publisher interface {
	// Publish sends m at QoS 1 and returns once the broker has acknowledged it.
	// Errors: ErrBrokerAway if the connection is or gets lost before that, which
	// leaves open whether m arrived; ctx's own.
	Publish(ctx context.Context, m Message) error
	// Retained collects the retained messages under the filters, waiting until
	// none has come for a moment. Errors: as Publish.
	Retained(ctx context.Context, filters ...string) ([]Message, error)
}
