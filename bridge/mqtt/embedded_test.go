package mqtt_test

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/mqtt"
)

func startEmbedded(tb testing.TB, o mqtt.EmbeddedOptions) *mqtt.Embedded {
	tb.Helper()
	b, err := mqtt.StartEmbedded(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := b.Close(); err != nil {
			tb.Error(err)
		}
	})
	return b
}

func TestEmbeddedRefuses(t *testing.T) {
	t.Parallel()
	taken := startEmbedded(t, mqtt.EmbeddedOptions{Listen: "127.0.0.1:0"}).Addr().String()
	for _, tt := range []struct {
		o    mqtt.EmbeddedOptions
		want string
	}{
		{mqtt.EmbeddedOptions{Listen: ":0"}, "needs a username and password"},
		{mqtt.EmbeddedOptions{Listen: "0.0.0.0:0"}, "needs a username and password"},
		{mqtt.EmbeddedOptions{Listen: "[::]:0"}, "needs a username and password"},
		{mqtt.EmbeddedOptions{Listen: "192.0.2.1:1883"}, "needs a username and password"},
		{mqtt.EmbeddedOptions{Listen: "myhost:0"}, "needs a username and password"},
		{mqtt.EmbeddedOptions{Listen: "0.0.0.0:0", Username: "anna"}, "one is missing"},
		{mqtt.EmbeddedOptions{Listen: "127.0.0.1:0", Password: "hunter2"}, "one is missing"},
		{mqtt.EmbeddedOptions{Listen: "1883"}, "is not an address"},
		{mqtt.EmbeddedOptions{Listen: taken}, "is in use"},
		{mqtt.EmbeddedOptions{Listen: "127.0.0.1:99999"}, "listen: "},
	} {
		b, err := mqtt.StartEmbedded(tt.o)
		if err == nil {
			b.Close()
			t.Errorf("%+v: started", tt.o)
		} else if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%+v: %v, want %q", tt.o, err, tt.want)
		}
	}
}

func TestEmbeddedBeyondLoopback(t *testing.T) {
	t.Parallel()
	b := startEmbedded(t, mqtt.EmbeddedOptions{Listen: "0.0.0.0:0", Username: "anna", Password: "hunter2"})
	if !strings.HasPrefix(b.URL(), "mqtt://127.0.0.1:") {
		t.Errorf("URL = %s, which a client cannot use", b.URL())
	}
	connect(t, mqtt.Options{URL: b.URL(), Username: "anna", Password: "hunter2"})
}

func TestEmbeddedCloses(t *testing.T) {
	t.Parallel()
	b := startEmbedded(t, mqtt.EmbeddedOptions{Listen: "localhost:0"})
	c := connect(t, mqtt.Options{URL: b.URL()})
	stranger, err := net.Dial("tcp", b.Addr().String()) // connects and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	start := time.Now()
	for range 2 {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("Close took %v", took)
	}
	next(t, c.losses, "OnLost")
	again := startEmbedded(t, mqtt.EmbeddedOptions{Listen: b.Addr().String()}) // the port is free
	if again.URL() != b.URL() {
		t.Errorf("URL = %s, want %s", again.URL(), b.URL())
	}
	if err := c.Connected(soon(t)); err != nil {
		t.Error(err)
	}
}

// TestEmbeddedGrantsNothing shows that a subscriber gets QoS 0 whatever it asks for.
func TestEmbeddedGrantsNothing(t *testing.T) {
	t.Parallel()
	conn, err := net.Dial("tcp", startEmbedded(t, mqtt.EmbeddedOptions{Listen: "127.0.0.1:0"}).Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	hello := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	hello.ProtocolName, hello.ProtocolVersion, hello.CleanSession = "MQTT", 4, true
	hello.Write(conn)
	sub := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	sub.MessageID, sub.Topics, sub.Qoss = 1, []string{"a", "b"}, []byte{1, 2}
	sub.Write(conn)
	var last packets.ControlPacket
	for range 2 { // CONNACK, SUBACK
		if last, err = packets.ReadPacket(conn); err != nil {
			t.Fatal(err)
		}
	}
	if ack, ok := last.(*packets.SubackPacket); !ok || !bytes.Equal(ack.ReturnCodes, []byte{0, 0}) {
		t.Errorf("got %v, want a SUBACK of QoS 0", last)
	}
}

// TestEmbeddedBusy has everyone talk to everyone at once.
func TestEmbeddedBusy(t *testing.T) {
	t.Parallel()
	const stations, messages = 4, 200
	url := startEmbedded(t, mqtt.EmbeddedOptions{Listen: "127.0.0.1:0"}).URL()
	var all sync.WaitGroup
	var listeners []*station
	for range stations {
		listeners = append(listeners, connect(t, mqtt.Options{URL: url, Subscribe: []string{"x"}}))
	}
	for _, s := range listeners {
		all.Go(func() {
			for range messages {
				if err := s.Publish(t.Context(), bridge.Message{Topic: "x"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for _, s := range listeners {
		for range stations * messages {
			s.expect(t, "x ")
		}
	}
}

// TestEmbeddedClosesInTheRush ends the broker just as its clients leave.
func TestEmbeddedClosesInTheRush(t *testing.T) {
	t.Parallel()
	for range 10 {
		b := startEmbedded(t, mqtt.EmbeddedOptions{Listen: "127.0.0.1:0"})
		var all sync.WaitGroup
		for range 3 {
			c := connect(t, mqtt.Options{URL: b.URL()})
			all.Go(func() { c.Close(soon(t)) })
		}
		closed := make(chan error)
		go func() { closed <- b.Close() }()
		if err := next(t, closed, "end of Close"); err != nil {
			t.Error(err)
		}
		all.Wait()
	}
}

// TestEmbeddedLog sends a second CONNECT, which mochi logs in full, and looks
// for its password.
func TestEmbeddedLog(t *testing.T) {
	t.Parallel()
	book := &logbook{}
	logger := slog.New(slog.NewTextHandler(book, &slog.HandlerOptions{Level: slog.LevelDebug}))
	b := startEmbedded(t, mqtt.EmbeddedOptions{Listen: "127.0.0.1:0", Username: "anna", Password: "hunter2", Log: logger})
	conn, err := net.Dial("tcp", b.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	hello := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	hello.ProtocolName, hello.ProtocolVersion, hello.CleanSession = "MQTT", 4, true
	hello.UsernameFlag, hello.Username, hello.PasswordFlag, hello.Password = true, "anna", true, []byte("hunter2")
	for range 2 {
		if err := hello.Write(conn); err != nil {
			t.Fatal(err)
		}
	}
	var answers bytes.Buffer
	conn.SetReadDeadline(time.Now().Add(patience))
	answers.ReadFrom(conn) // until it hangs up
	b.Close()
	said := book.String()
	if !strings.Contains(said, "error processing packet") {
		t.Errorf("the second CONNECT was not logged:\n%s", said)
	}
	if strings.Contains(said, "hunter2") || strings.Contains(said, "104 117 110 116 101 114 50") {
		t.Errorf("the password shows:\n%s", said)
	}
	if strings.Count(said, "level=") != strings.Count(said, `level=DEBUG msg="embedded broker"`) {
		t.Errorf("not all lines are the broker's at debug level:\n%s", said)
	}
}
