package mqtt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
)

// Retained implements [bridge.Publisher]. It takes 0.1 to 2 s, and returns what
// has come by then; calls take turns. It subscribes for the moment, so OnMessage
// sees replays once more, and may see live messages twice, where one of its
// filters overlaps with these.
func (c *Client) Retained(ctx context.Context, filters ...string) ([]bridge.Message, error) {
	wanted := make(map[string]byte)
	var passing []string // the filters that are not permanent as well
	for _, filter := range filters {
		if err := checkFilter(filter); err != nil {
			return nil, err
		}
		wanted[filter] = qos
		if !slices.Contains(c.options.Subscribe, filter) {
			wanted[filter] = 0 // spares hundreds of acknowledgements
			passing = append(passing, filter)
		}
	}
	s, err := c.current()
	if err != nil {
		return nil, err
	}
	select {
	case s.reading <- struct{}{}:
	case <-s.lost:
		return nil, s.away()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.reading }()
	b := &basket{filters: filters, arrived: make(chan struct{}, 1)}
	s.basket.Store(b)
	defer s.basket.Store(nil)
	defer c.unsubscribe(context.WithoutCancel(ctx), s, passing)
	rejected, err := s.subscribe(ctx, wanted)
	if err != nil {
		return nil, err
	}
	if rejected != nil {
		return nil, fmt.Errorf("the broker refused the subscription to %q", rejected)
	}
	if err := s.settle(ctx, b, c.pace.quiet, c.pace.collect); err != nil {
		return nil, err
	}
	return b.take(), nil
}

func (c *Client) unsubscribe(ctx context.Context, s *session, filters []string) {
	if len(filters) == 0 {
		return
	}
	err := s.request(ctx, func() paho.Token { return s.paho.Unsubscribe(filters...) })
	if err != nil { // the connection is gone, and its subscriptions with it
		c.log.Debug("unsubscribing failed", "filters", filters, "error", err)
	}
}

// settle waits until no message has come for the time of quiet, at most for that
// of limit. It begins with a request whose answer queues up behind the messages:
// quiet alone is no sign, as Mosquitto's WebSocket rests 0.1 s within a long one.
func (s *session) settle(ctx context.Context, b *basket, quiet, limit time.Duration) error {
	end := time.NewTimer(limit)
	defer end.Stop()
	if err := s.request(ctx, func() paho.Token { return s.paho.Unsubscribe("fitbit2mqtt/nothing") }); err != nil {
		return err
	}
	silence := time.NewTimer(quiet)
	defer silence.Stop()
	for {
		select {
		case <-b.arrived:
			silence.Reset(quiet)
		case <-silence.C:
			return nil
		case <-end.C:
			return nil
		case <-s.lost:
			return s.away()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// basket collects the replays that one Retained call asked for.
type basket struct {
	filters []string
	arrived chan struct{} // holds a token if something came since it was last looked at

	mu       sync.Mutex
	messages []bridge.Message // one for each topic
}

func (b *basket) put(m bridge.Message) {
	if !matchAny(b.filters, m.Topic) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	// Overlapping filters bring a message once for each of them.
	if i := slices.IndexFunc(b.messages, func(old bridge.Message) bool { return old.Topic == m.Topic }); i >= 0 {
		b.messages[i] = m
	} else {
		b.messages = append(b.messages, m)
	}
	select {
	case b.arrived <- struct{}{}:
	default:
	}
}

func (b *basket) take() []bridge.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.messages)
}

// checkTopic refuses what no message can be published to (MQTT 3.1.1 section 4.7).
func checkTopic(topic string) error {
	if topic == "" || len(topic) > 65535 || strings.ContainsAny(topic, "+#\x00") {
		return fmt.Errorf("%.80q is no topic", topic)
	}
	return nil
}

// checkFilter refuses what nobody can subscribe to: # stands alone and last, + alone in its level.
func checkFilter(filter string) error {
	levels := strings.Split(filter, "/")
	for i, level := range levels {
		if strings.ContainsAny(level, "+#\x00") && level != "+" && (level != "#" || i < len(levels)-1) {
			return fmt.Errorf("%.80q is no topic filter", filter)
		}
	}
	if filter == "" || len(filter) > 65535 {
		return errors.New("a topic filter has 1 to 65535 bytes")
	}
	return nil
}

func matchAny(filters []string, topic string) bool {
	return slices.ContainsFunc(filters, func(f string) bool { return match(f, topic) })
}

// match reports whether a topic filter covers a topic; "a/#" covers "a" too.
func match(filter, topic string) bool {
	levels, names := strings.Split(filter, "/"), strings.Split(topic, "/")
	for i, level := range levels {
		if level == "#" {
			return true
		}
		if i >= len(names) || level != "+" && level != names[i] {
			return false
		}
	}
	return len(levels) == len(names)
}
