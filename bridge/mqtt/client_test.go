package mqtt_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/mqtt"
)

// whyNot waits until an attempt has failed and returns what Connected says then.
func (s *station) whyNot(tb testing.TB) *mqtt.ConnectError {
	tb.Helper()
	for limit := time.Now().Add(patience); time.Now().Before(limit); {
		ctx, cancel := context.WithTimeout(tb.Context(), 10*time.Millisecond)
		err := s.Connected(ctx)
		cancel()
		var why *mqtt.ConnectError
		if !errors.As(err, &why) || !errors.Is(err, bridge.ErrBrokerAway) {
			tb.Fatalf("Connected = %v, want a ConnectError that is ErrBrokerAway", err)
		}
		if s.log.count("broker not reachable") > 0 {
			return why
		}
	}
	tb.Fatal("no attempt failed")
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
			if detail, hint := c.Trouble(); !strings.Contains(detail, tt.want) || hint != err.Hint {
				t.Errorf("trouble is %q, %q", detail, hint)
			}
		})
	}
}

func TestRefusalIsReportedOnce(t *testing.T) {
	t.Parallel()
	attempts := make(chan byte, 1000)
	url := fakeBroker(t, func(in packets.ControlPacket) packets.ControlPacket {
		attempts <- in.(*packets.ConnectPacket).ProtocolVersion
		ack := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
		ack.ReturnCode = packets.ErrRefusedNotAuthorised
		return ack
	})
	c := newStation(t, mqtt.Options{URL: url, Username: "anna", Password: "hunter2"})
	c.Start()
	for range 5 {
		if v := next(t, attempts, "attempt"); v != 4 {
			t.Errorf("an attempt with protocol version %d, want 4 only", v)
		}
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
	ended := make(chan []string, 10)
	url := fakeBroker(t, func(in packets.ControlPacket) packets.ControlPacket {
		switch p := in.(type) {
		case *packets.ConnectPacket:
			return accept()
		case *packets.SubscribePacket:
			return suback(p, 0x80)
		case *packets.UnsubscribePacket:
			ended <- p.Topics
			return unsuback(p)
		}
		return nil
	})
	c := connect(t, mqtt.Options{URL: url})
	_, err := c.Retained(soon(t), "forbidden/#")
	if err == nil || !strings.Contains(err.Error(), "forbidden/#") || errors.Is(err, bridge.ErrBrokerAway) {
		t.Errorf("Retained = %v, want an error that names the filter", err)
	}
	if got := next(t, ended, "end of the subscription"); !slices.Equal(got, []string{"forbidden/#"}) {
		t.Errorf("unsubscribed from %q", got)
	}
}

func TestHello(t *testing.T) {
	t.Parallel()
	hello := make(chan *packets.ConnectPacket, 10)
	url := fakeBroker(t, func(in packets.ControlPacket) packets.ControlPacket {
		if p, ok := in.(*packets.ConnectPacket); ok {
			hello <- p
			return accept()
		}
		return nil
	})
	will := bridge.Message{Topic: "x/state", Payload: []byte("offline")}
	for _, id := range []string{"", "me"} {
		connect(t, mqtt.Options{URL: url, ClientID: id, Will: will})
		p := next(t, hello, "CONNECT")
		if !p.WillFlag || !p.WillRetain || p.WillQos != 1 || p.WillTopic != will.Topic || !bytes.Equal(p.WillMessage, will.Payload) {
			t.Errorf("the will is %v", p)
		}
		if !p.CleanSession || p.Keepalive != 30 || p.UsernameFlag || p.PasswordFlag {
			t.Errorf("CONNECT is %v", p)
		}
		if p.ClientIdentifier != id && (id != "" || !regexp.MustCompile("^fitbit2mqtt_[a-z2-7]{8}$").MatchString(p.ClientIdentifier)) {
			t.Errorf("client id %q for the option %q", p.ClientIdentifier, id)
		}
	}
}

// TestRetainedWaits is about a broker that rests between its yes and the replay.
func TestRetainedWaits(t *testing.T) {
	t.Parallel()
	url := fakeBroker(t, func(in packets.ControlPacket) packets.ControlPacket {
		switch p := in.(type) {
		case *packets.ConnectPacket:
			return accept()
		case *packets.SubscribePacket:
			return suback(p, 0)
		case *packets.UnsubscribePacket:
			late := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
			late.TopicName, late.Retain = "x/late", true
			return pair{late, unsuback(p)}
		}
		return nil
	})
	c := connect(t, mqtt.Options{URL: url})
	got, err := c.Retained(soon(t), "x/#")
	if err != nil || len(got) != 1 {
		t.Errorf("Retained = %v, %v, want the late one", got, err)
	}
}

// TestNoAcknowledgement is about a broker that answers pings and nothing else.
func TestNoAcknowledgement(t *testing.T) {
	t.Parallel()
	var connects, publishes atomic.Int32
	url := fakeBroker(t, func(in packets.ControlPacket) packets.ControlPacket {
		switch in.(type) {
		case *packets.ConnectPacket:
			connects.Add(1)
			return accept()
		case *packets.PublishPacket:
			publishes.Add(1)
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
	for publishes.Load() == 0 && ctx.Err() == nil {
		runtime.Gosched()
	}
	cancel()
	if err := next(t, sent, "answer of Publish"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled Publish = %v", err)
	}
	if err := c.Publish(t.Context(), bridge.Message{Topic: "y"}); !errors.Is(err, bridge.ErrBrokerAway) {
		t.Errorf("Publish = %v, want ErrBrokerAway", err)
	}
	next(t, c.losses, "OnLost")
	next(t, c.connects, "second OnConnect")
	if n := connects.Load(); n < 2 {
		t.Errorf("%d connections, want a new one", n)
	}
	if n := publishes.Load(); n > 1 {
		t.Errorf("%d messages sent, but the second should have waited for its turn", n)
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

// Whoever would not wait hears of the first attempt that fails, and of a connection.
func TestDial(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	for url, want := range map[string]string{
		"mqtt://" + l.Addr().String():                                       "nothing listens there",
		startEmbedded(t, mqtt.EmbeddedOptions{Listen: "127.0.0.1:0"}).URL(): "",
	} {
		c, err := mqtt.New(mqtt.Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close(context.Background()) })
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		err = c.Dial(ctx)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) || ctx.Err() != nil {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
		if why := (*mqtt.ConnectError)(nil); err != nil && !errors.As(err, &why) {
			t.Errorf("%s: %T", url, err)
		}
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c, err := mqtt.New(mqtt.Options{URL: "mqtt://" + silent.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Dial(ctx); err == nil || !strings.Contains(err.Error(), "the broker does not answer") || !errors.Is(err, bridge.ErrBrokerAway) {
		t.Errorf("silence: %v", err)
	}
}
