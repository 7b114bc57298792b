package mqtt_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/mqtt"
)

// whyNot waits until an attempt has failed and returns what Connected says then.
func (s *station) whyNot(t *testing.T) *mqtt.ConnectError {
	t.Helper()
	for limit := time.Now().Add(patience); time.Now().Before(limit); {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		err := s.Connected(ctx)
		cancel()
		var why *mqtt.ConnectError
		if !errors.As(err, &why) || !errors.Is(err, bridge.ErrBrokerAway) {
			t.Fatalf("Connected = %v, want a ConnectError that is ErrBrokerAway", err)
		}
		if s.log.count("broker not reachable") > 0 {
			return why
		}
	}
	t.Fatal("no attempt failed")
	return nil
}

func TestWhyNot(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	hangsUp := newProxy(t, "mqtt://"+l.Addr().String()).url // for want of a broker behind it
	embedded := startEmbedded(t, mqtt.EmbeddedOptions{Listen: "127.0.0.1:0"}).URL()
	refuse := func(code byte) string {
		return fakeBroker(t, func(packets.ControlPacket) packets.ControlPacket {
			ack := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
			ack.ReturnCode = code
			return ack
		})
	}
	for _, tt := range []struct{ name, url, want string }{
		{"no listener", "mqtt://" + l.Addr().String(), "nothing listens there"},
		{"unknown host", "mqtt://broker.invalid", `the host "broker.invalid" is unknown`},
		{"hangs up", hangsUp, "the broker hung up"},
		{"TLS to a plain port", strings.Replace(embedded, "mqtt", "mqtts", 1), "hung up"},
		{"bad client id", refuse(packets.ErrRefusedIDRejected), "refused the client id"},
		{"old broker", refuse(packets.ErrRefusedBadProtocolVersion), "does not speak MQTT 3.1.1"},
		{"busy broker", refuse(packets.ErrRefusedServerUnavailable), "server Unavailable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newStation(t, mqtt.Options{URL: tt.url})
			c.Start()
			err := c.whyNot(t)
			if !strings.Contains(err.Detail, tt.want) || !strings.Contains(err.Error(), err.Broker) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

func TestRefusalIsReportedOnce(t *testing.T) {
	t.Parallel()
	attempts := make(chan struct{}, 1000)
	url := fakeBroker(t, func(packets.ControlPacket) packets.ControlPacket {
		attempts <- struct{}{}
		ack := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
		ack.ReturnCode = packets.ErrRefusedNotAuthorised
		return ack
	})
	c := newStation(t, mqtt.Options{URL: url, Username: "anna", Password: "hunter2"})
	c.Start()
	for range 5 {
		next(t, attempts, "attempt")
	}
	if n := c.log.count("level=WARN"); n != 1 {
		t.Errorf("%d warnings for one reason:\n%s", n, c.log)
	}
}

func TestSubscriptionRefused(t *testing.T) {
	t.Parallel()
	url := fakeBroker(t, func(in packets.ControlPacket) packets.ControlPacket {
		switch p := in.(type) {
		case *packets.ConnectPacket:
			return accept()
		case *packets.SubscribePacket:
			return suback(p, 0x80)
		}
		return nil
	})
	c := newStation(t, mqtt.Options{URL: url, Subscribe: []string{"forbidden/#"}})
	c.Start()
	next(t, c.connects, "OnConnect") // readings go out all the same
	if c.log.count(`level=ERROR msg="broker refused subscription"`) != 1 || c.log.count("filter=forbidden/#") != 1 {
		t.Errorf("the log does not name the filter:\n%s", c.log)
	}
}

func TestRetainedRefused(t *testing.T) {
	t.Parallel()
	url := fakeBroker(t, func(in packets.ControlPacket) packets.ControlPacket {
		switch p := in.(type) {
		case *packets.ConnectPacket:
			return accept()
		case *packets.SubscribePacket:
			return suback(p, 0x80)
		case *packets.UnsubscribePacket:
			ack := packets.NewControlPacket(packets.Unsuback).(*packets.UnsubackPacket)
			ack.MessageID = p.MessageID
			return ack
		}
		return nil
	})
	c := connect(t, mqtt.Options{URL: url})
	_, err := c.Retained(soon(t), "forbidden/#")
	if err == nil || !strings.Contains(err.Error(), "forbidden/#") || errors.Is(err, bridge.ErrBrokerAway) {
		t.Errorf("Retained = %v, want an error that names the filter", err)
	}
}

// TestNoAcknowledgement is about a broker that answers pings and nothing else.
func TestNoAcknowledgement(t *testing.T) {
	t.Parallel()
	var connects atomic.Int32
	url := fakeBroker(t, func(in packets.ControlPacket) packets.ControlPacket {
		switch in.(type) {
		case *packets.ConnectPacket:
			connects.Add(1)
			return accept()
		case *packets.PingreqPacket:
			return packets.NewControlPacket(packets.Pingresp)
		}
		return nil
	})
	c := newStation(t, mqtt.Options{URL: url})
	c.Hurry(time.Millisecond, 50*time.Millisecond)
	c.Start()
	next(t, c.connects, "OnConnect")
	ctx, cancel := context.WithCancel(t.Context())
	sent := make(chan error, 1)
	go func() { sent <- c.Publish(ctx, bridge.Message{Topic: "x"}) }()
	cancel()
	if err := next(t, sent, "answer of Publish"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled Publish = %v", err)
	}
	if err := c.Publish(t.Context(), bridge.Message{Topic: "x"}); !errors.Is(err, bridge.ErrBrokerAway) {
		t.Errorf("Publish = %v, want ErrBrokerAway", err)
	}
	next(t, c.losses, "OnLost")
	next(t, c.connects, "second OnConnect")
	if n := connects.Load(); n < 2 {
		t.Errorf("%d connections, want a new one", n)
	}
}

func TestConnectIsGivenUp(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 10)
	url := fakeBroker(t, func(packets.ControlPacket) packets.ControlPacket {
		asked <- struct{}{}
		return nil
	})
	c := newStation(t, mqtt.Options{URL: url})
	c.Start()
	next(t, asked, "attempt")
	start := time.Now()
	c.Close(soon(t))
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("Close took %v while a broker kept us waiting", took)
	}
}

func TestPublishRefusesTopics(t *testing.T) {
	t.Parallel()
	c := connect(t, mqtt.Options{URL: startEmbedded(t, mqtt.EmbeddedOptions{Listen: "127.0.0.1:0"}).URL()})
	for _, topic := range []string{"", "a/+", "a/#", "a\x00", strings.Repeat("a", 65536)} {
		if err := c.Publish(soon(t), bridge.Message{Topic: topic}); err == nil || errors.Is(err, bridge.ErrBrokerAway) {
			t.Errorf("Publish(%.10q) = %v, want a refusal", topic, err)
		}
	}
	c.mustPublish(t, "a", "", false)
}

func TestNothingIsLeftBehind(t *testing.T) { // not parallel: it counts goroutines
	before := runtime.NumGoroutine()
	for range 3 {
		broker, err := mqtt.StartEmbedded(mqtt.EmbeddedOptions{Listen: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		c, err := mqtt.New(mqtt.Options{URL: broker.URL(), Subscribe: []string{"#"}})
		if err != nil {
			t.Fatal(err)
		}
		unused, err := mqtt.New(mqtt.Options{URL: broker.URL()})
		if err != nil {
			t.Fatal(err)
		}
		c.Start()
		if err := c.Connected(soon(t)); err != nil {
			t.Fatal(err)
		}
		if err := c.Publish(soon(t), bridge.Message{Topic: "x", Retained: true}); err != nil {
			t.Error(err)
		}
		c.Close(soon(t))
		unused.Close(soon(t))
		if err := broker.Close(); err != nil {
			t.Error(err)
		}
	}
	after := 0
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		if after = runtime.NumGoroutine(); after <= before {
			return
		}
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("%d goroutines before, %d after:\n%s", before, after, stacks[:runtime.Stack(stacks, true)])
}
