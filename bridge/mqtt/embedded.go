package mqtt

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// EmbeddedOptions says who may reach the embedded broker.
type EmbeddedOptions struct {
	// Listen is host:port; port 0 is any free one. Empty means 127.0.0.1:1883.
	// Beyond loopback a user name and password are required.
	Listen             string
	Username, Password string       // of every client; both empty lets everyone in
	Log                *slog.Logger // hears from the broker at debug level; nil means none
}

// Embedded is a broker of our own: MQTT 3.1.1 and 5 over TCP, without TLS. It
// takes messages at any QoS and hands them on at QoS 0: what a subscriber misses
// while it is away is gone, but for retained messages. Those live in memory.
type Embedded struct {
	server *mochi.Server
	addr   *net.TCPAddr
	once   sync.Once
	err    error
}

// StartEmbedded starts a broker. It is ready when this returns.
func StartEmbedded(o EmbeddedOptions) (*Embedded, error) {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:1883"
	}
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %q is not an address; write it as 127.0.0.1:1883", o.Listen)
	}
	if (o.Username == "") != (o.Password == "") {
		return nil, errors.New("username: and password go together; one is missing")
	}
	if ip := net.ParseIP(host); o.Password == "" && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("listen: %s is open to the network; it needs a username and password", o.Listen)
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", o.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen: %s is in use; another broker may be running: %w", o.Listen, err)
	}
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	logger := slog.New(slog.DiscardHandler)
	if o.Log != nil {
		logger = slog.New(quiet{o.Log.Handler()})
	}
	server := mochi.New(&mochi.Options{Capabilities: capabilities(), Logger: logger, SysTopicResendInterval: 3600})
	err = errors.Join(
		server.AddHook(&doorkeeper{username: o.Username, password: o.Password}, nil),
		server.AddListener(hardDoor{listeners.NewNet("tcp", &entrance{Listener: listener, open: map[*guest]bool{}})}),
		server.Serve(),
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("embedded broker: %w", err), listener.Close())
	}
	return &Embedded{server: server, addr: listener.Addr().(*net.TCPAddr)}, nil
}

// capabilities are sized for a household on a Raspberry Pi.
func capabilities() *mochi.Capabilities {
	c := mochi.NewDefaultServerCapabilities()
	c.MaximumMessageExpiryInterval = 0       // the default forgets retained messages after a day
	c.MaximumSessionExpiryInterval = 60 * 60 // they hold subscriptions only
	c.MaximumClients = 64
	c.MaximumClientWritesPending = 1024 // allocated for each client; a burst of replays must fit
	c.MaximumPacketSize = 1 << 20
	return c
}

// Addr returns the address it listens at.
func (e *Embedded) Addr() net.Addr { return e.addr }

// URL returns where clients on this machine find it, without credentials.
func (e *Embedded) URL() string {
	addr := *e.addr
	if addr.IP.IsUnspecified() {
		addr.IP = net.IPv4(127, 0, 0, 1)
	}
	return "mqtt://" + addr.String()
}

// Close hangs up on everyone and returns when the port is free. Calls after the
// first do nothing.
func (e *Embedded) Close() error {
	e.once.Do(func() { e.err = e.server.Close() })
	return e.err
}

// doorkeeper lets clients in who know the password, and lets them do everything.
type doorkeeper struct {
	mochi.HookBase
	username, password string
}

func (*doorkeeper) ID() string { return "doorkeeper" }

func (*doorkeeper) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck || b == mochi.OnSubscribe
}

func (d *doorkeeper) OnConnectAuthenticate(_ *mochi.Client, p packets.Packet) bool {
	name := subtle.ConstantTimeCompare(p.Connect.Username, []byte(d.username))
	return d.password == "" || name&subtle.ConstantTimeCompare(p.Connect.Password, []byte(d.password)) == 1
}

func (*doorkeeper) OnACLCheck(*mochi.Client, string, bool) bool { return true }

// OnSubscribe grants QoS 0. For more, mochi 2.7.9 keeps its own packet ids and
// the client's in one table, where one passes for the other, under a read lock
// that it takes twice, which can block for ever.
func (*doorkeeper) OnSubscribe(_ *mochi.Client, p packets.Packet) packets.Packet {
	for i := range p.Filters {
		p.Filters[i].Qos = 0
	}
	return p
}

// hardDoor keeps mochi 2.7.9 from listing its clients at the end, under another
// read lock that it takes twice (mochi-mqtt/server#488). The entrance ends them.
type hardDoor struct{ *listeners.Net }

func (d hardDoor) Close(listeners.CloseFn) { d.Net.Close(func(string) {}) }

// entrance is a listener that takes its connections with it. Mochi waits for
// those that have not introduced themselves, which would hold up Close for 15 s.
type entrance struct {
	net.Listener
	mu   sync.Mutex
	open map[*guest]bool // nil once closed
}

type guest struct {
	net.Conn
	at *entrance
}

func (l *entrance) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		return nil, errors.Join(net.ErrClosed, conn.Close())
	}
	g := &guest{conn, l}
	l.open[g] = true
	return g, nil
}

func (l *entrance) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for g := range l.open {
		_ = g.Conn.Close()
	}
	l.open = nil
	return l.Listener.Close()
}

func (g *guest) Close() error {
	g.at.mu.Lock()
	delete(g.at.open, g)
	g.at.mu.Unlock()
	return g.Conn.Close()
}

// quiet turns what mochi logs into debug lines, without the packets it adds to
// some of them: a CONNECT holds a password.
type quiet struct{ to slog.Handler }

func (q quiet) Enabled(ctx context.Context, _ slog.Level) bool {
	return q.to.Enabled(ctx, slog.LevelDebug)
}

func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	line := slog.NewRecord(r.Time, slog.LevelDebug, "embedded broker", r.PC)
	line.AddAttrs(slog.String("event", r.Message))
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "pk" {
			line.AddAttrs(a)
		}
		return true
	})
	return q.to.Handle(ctx, line)
}

func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.to.WithAttrs(attrs)} }

func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.to.WithGroup(name)} }
