package mqtt_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/mqtt"
)

// patience is how long a test waits for what should come at once.
const patience = 10 * time.Second

func TestMain(m *testing.M) {
	if url := os.Getenv("MQTT_TEST_CHILD"); url != "" {
		child(url)
		return
	}
	m.Run()
}

// next returns what comes out of c.
func next[T any](tb testing.TB, c <-chan T, what string) T {
	tb.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		tb.Fatalf("no %s", what)
		panic("unreachable")
	}
}

func soon(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	tb.Cleanup(cancel)
	return ctx
}

// station is a client under test and what it told.
type station struct {
	*mqtt.Client
	connects chan struct{}
	losses   chan error
	messages chan bridge.Message
	log      *logbook
}

// newStation makes a client that tries again every few milliseconds.
func newStation(tb testing.TB, o mqtt.Options) *station {
	tb.Helper()
	s := &station{
		connects: make(chan struct{}, 100), losses: make(chan error, 100), messages: make(chan bridge.Message, 1000),
		log: &logbook{},
	}
	if o.OnConnect == nil {
		o.OnConnect = func() { s.connects <- struct{}{} }
	}
	o.OnLost = func(err error) { s.losses <- err }
	o.OnMessage = func(m bridge.Message) { s.messages <- m }
	o.Log = slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if s.Client, err = mqtt.New(o); err != nil {
		tb.Fatal(err)
	}
	s.Hurry(5*time.Millisecond, patience)
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		s.Close(ctx)
		if tb.Failed() {
			tb.Logf("%.2000s", s.log)
		}
	})
	return s
}

func connect(tb testing.TB, o mqtt.Options) *station {
	tb.Helper()
	s := newStation(tb, o)
	s.Start()
	if err := s.Connected(soon(tb)); err != nil {
		tb.Fatal(err)
	}
	if o.Subscribe != nil {
		// A broker may say yes to a subscription first and then look for what to
		// replay. When it has taken this message it has done both.
		s.mustPublish(tb, "ready", "", false)
	}
	return s
}

func (s *station) mustPublish(tb testing.TB, topic, payload string, retained bool) {
	tb.Helper()
	if err := s.Publish(soon(tb), bridge.Message{Topic: topic, Payload: []byte(payload), Retained: retained}); err != nil {
		tb.Fatalf("Publish(%s): %v", topic, err)
	}
}

// expect checks the next message, written as "topic payload", with " (retained)" for replays.
func (s *station) expect(tb testing.TB, want string) {
	tb.Helper()
	if got := show(next(tb, s.messages, "message "+want)); got != want {
		tb.Fatalf("got message %q, want %q", got, want)
	}
}

func show(m bridge.Message) string {
	s := m.Topic + " " + string(m.Payload)
	if m.Retained {
		s += " (retained)"
	}
	return s
}

// logbook keeps log lines.
type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logbook) count(text string) int { return strings.Count(l.String(), text) }

// proxy stands between client and broker, and can fail like a network.
type proxy struct {
	url    string
	target string
	down   atomic.Bool // takes no connections
	muteUp atomic.Bool // swallows what the client says
	muteDn atomic.Bool // swallows what the broker says

	mu    sync.Mutex
	conns []net.Conn
}

func newProxy(tb testing.TB, url string) *proxy {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &proxy{url: "mqtt://" + l.Addr().String(), target: strings.TrimPrefix(url, "mqtt://")}
	tb.Cleanup(func() {
		l.Close()
		p.cut()
	})
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", p.target)
			if p.down.Load() || err != nil {
				near.Close()
				continue
			}
			p.mu.Lock()
			p.conns = append(p.conns, near, far)
			p.mu.Unlock()
			go pipe(far, near, &p.muteUp)
			go pipe(near, far, &p.muteDn)
		}
	}()
	return p
}

func pipe(to, from net.Conn, mute *atomic.Bool) {
	defer to.Close()
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if !mute.Load() {
			to.Write(buf[:n])
		}
	}
}

// cut ends all connections as if a cable had been pulled and the far ends told.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

// outage cuts and takes no connections until mended.
func (p *proxy) outage() {
	p.down.Store(true)
	p.cut()
}

func (p *proxy) mend() {
	p.muteUp.Store(false)
	p.muteDn.Store(false)
	p.down.Store(false)
}

// fakeBroker answers each packet with what reply returns, if anything, and
// returns its address.
func fakeBroker(tb testing.TB, reply func(packets.ControlPacket) packets.ControlPacket) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn, reply)
		}
	}()
	return "mqtt://" + l.Addr().String()
}

func serve(conn io.ReadWriteCloser, reply func(packets.ControlPacket) packets.ControlPacket) {
	defer conn.Close()
	for {
		in, err := packets.ReadPacket(conn)
		if err != nil {
			return
		}
		if out := reply(in); out != nil {
			out.Write(conn)
		}
	}
}

// accept lets a client in.
func accept() packets.ControlPacket { return packets.NewControlPacket(packets.Connack) }

// suback answers a subscription with one code for every filter.
func suback(s *packets.SubscribePacket, code byte) packets.ControlPacket {
	ack := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
	ack.MessageID = s.MessageID
	ack.ReturnCodes = bytes.Repeat([]byte{code}, len(s.Topics))
	return ack
}

func unsuback(u *packets.UnsubscribePacket) packets.ControlPacket {
	ack := packets.NewControlPacket(packets.Unsuback).(*packets.UnsubackPacket)
	ack.MessageID = u.MessageID
	return ack
}

// pair is two packets as one answer.
type pair struct {
	packets.ControlPacket
	second packets.ControlPacket
}

func (p pair) Write(w io.Writer) error {
	return errors.Join(p.ControlPacket.Write(w), p.second.Write(w))
}
