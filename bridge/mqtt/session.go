package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
)

const (
	qos        = 1
	refused    = 0x80 // in a SUBACK, MQTT 3.1.1 section 3.9.3
	quiesce    = 250  // ms that a goodbye may take
	maxPayload = 256 << 10
)

// session is one connection: a paho client that is used once.
type session struct {
	paho    paho.Client
	conn    net.Conn
	answer  time.Duration          // limit of one request
	turn    chan struct{}          // holds a token while a request is under way
	reading chan struct{}          // the same for Retained
	basket  atomic.Pointer[basket] // of the Retained call under way
	ending  sync.Once
	lost    chan struct{} // closed when the connection is gone
	cause   error         // why; set before lost is closed
}

// connect makes a connection within the dial limit.
func (c *Client) connect(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, c.pace.dial)
	defer cancel()
	s := &session{
		answer: c.pace.answer,
		turn:   make(chan struct{}, 1), reading: make(chan struct{}, 1), lost: make(chan struct{}),
	}
	inTime := func() bool { return ctx.Err() == nil }
	o := paho.NewClientOptions().
		SetProtocolVersion(4). // else a refusal is tried again as MQTT 3.1, and reported as that one's
		SetClientID(c.target.clientID).SetUsername(c.target.username).SetPassword(c.target.password).
		SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false).SetOrderMatters(true).
		SetConnectTimeout(c.pace.dial).SetKeepAlive(c.target.keepAlive).SetPingTimeout(c.pace.ping).
		SetWriteTimeout(c.pace.write). // how long a call caught by a loss blocks inside paho
		SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { c.receive(s, m) }).
		SetConnectionLostHandler(func(_ paho.Client, err error) { s.end(err) }).
		SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) {
			conn, err := c.dial(ctx)
			if err != nil {
				return nil, err
			}
			inTime = context.AfterFunc(ctx, func() { _ = conn.Close() }) // paho takes no context
			s.conn = &timedConn{Conn: conn, limit: c.pace.write}
			return s.conn, nil
		})
	o.Servers = []*url.URL{&c.target.url}
	if w := c.options.Will; w.Topic != "" {
		o.SetBinaryWill(w.Topic, w.Payload, qos, true)
	}
	s.paho = paho.NewClient(o)
	t := s.paho.Connect()
	<-t.Done()
	if !inTime() {
		s.paho.Disconnect(0)
		return nil, ctx.Err()
	}
	return s, t.Error()
}

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	switch {
	case c.target.web:
		return paho.NewWebsocket(c.target.url.String(), c.target.tls, c.pace.dial, nil, nil)
	case c.target.tls != nil:
		return (&tls.Dialer{Config: c.target.tls}).DialContext(ctx, "tcp", c.target.url.Host)
	default:
		return (&net.Dialer{}).DialContext(ctx, "tcp", c.target.url.Host)
	}
}

// receive takes one inbound message: as a replay that Retained asked for, as one
// for OnMessage, or as both where the filters overlap. One that is oversized loses its
// end: it means nothing to anybody, but whoever sent a request is told so.
func (c *Client) receive(s *session, in paho.Message) {
	m := bridge.Message{Topic: in.Topic(), Payload: in.Payload(), Retained: in.Retained()}
	if n := len(m.Payload); n > maxPayload {
		c.log.Debug("oversized message cut", "topic", m.Topic, "bytes", n)
		m.Payload = slices.Clone(m.Payload[:maxPayload])
	}
	if b := s.basket.Load(); b != nil && m.Retained {
		b.put(m)
	}
	if c.options.OnMessage != nil && matchAny(c.options.Subscribe, m.Topic) {
		c.options.OnMessage(m)
	}
}

func (s *session) publish(ctx context.Context, m bridge.Message) error {
	return s.request(ctx, func() paho.Token { return s.paho.Publish(m.Topic, qos, m.Retained, m.Payload) })
}

// subscribe asks for filters, each at a QoS, and returns those the broker refused.
func (s *session) subscribe(ctx context.Context, filters map[string]byte) (rejected []string, err error) {
	if len(filters) == 0 {
		return nil, nil
	}
	var answer paho.Token
	err = s.request(ctx, func() paho.Token {
		answer = s.paho.SubscribeMultiple(filters, nil)
		return answer
	})
	if err != nil {
		return nil, err
	}
	for filter, granted := range answer.(*paho.SubscribeToken).Result() {
		if granted == refused {
			rejected = append(rejected, filter)
		}
	}
	slices.Sort(rejected)
	return rejected, nil
}

// request sends something and waits for the answer, when its turn has come.
// Errors: ErrBrokerAway, ctx's own. When ctx ends early the request keeps its
// turn, so that nothing overtakes it.
func (s *session) request(ctx context.Context, send func() paho.Token) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.turn <- struct{}{}:
	case <-s.lost:
		return s.away()
	case <-ctx.Done():
		return ctx.Err()
	}
	answered := make(chan error, 1)
	go func() { // paho's calls block for the write limit where the connection is just breaking
		defer func() { <-s.turn }()
		answered <- s.await(send)
	}()
	select {
	case err := <-answered:
		return err
	case <-s.lost:
		return s.away()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *session) await(send func() paho.Token) error {
	if !s.paho.IsConnectionOpen() {
		return bridge.ErrBrokerAway
	}
	t := send()
	limit := time.NewTimer(s.answer)
	defer limit.Stop()
	select {
	case <-t.Done():
		if err := t.Error(); err != nil {
			return fmt.Errorf("%w: %w", bridge.ErrBrokerAway, err)
		}
		return nil
	case <-limit.C:
		// The broker answers pings and nothing else. A failing read makes paho give
		// the connection up, and the broker publish the last will.
		_ = s.conn.SetReadDeadline(time.Unix(1, 0))
		<-s.lost // keeps the turn, or the next message would still go out
		return s.away()
	case <-s.lost:
		return s.away()
	}
}

// away says why a call failed. It must not be called before lost is closed.
func (s *session) away() error { return fmt.Errorf("%w: %w", bridge.ErrBrokerAway, s.cause) }

func (s *session) end(cause error) {
	s.ending.Do(func() {
		s.cause = cause
		close(s.lost)
	})
}

func (s *session) disconnect() {
	s.paho.Disconnect(quiesce)
	s.end(errClosed)
}

// timedConn limits the time of every write. Paho limits that of publishing only;
// its ping would wait for ever on a network that takes nothing.
type timedConn struct {
	net.Conn
	limit time.Duration
	mu    sync.Mutex
}

// Write fails once the limit has passed.
func (c *timedConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.Conn.SetWriteDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// SetWriteDeadline leaves the deadline to Write. Paho sets it around publishing,
// while its ping may be on the way.
func (*timedConn) SetWriteDeadline(time.Time) error { return nil }

// errClosed ends the connections that we end.
var errClosed = errors.New("connection closed")
