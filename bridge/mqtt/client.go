// Package mqtt is the wire to the house's broker: [Client] is paho behind
// [bridge.Publisher], [Embedded] is a broker of our own for people without one.
//
// A Client keeps at it until it is closed. Each connection is a paho client of
// its own with a clean session, used once and thrown away. That is the one
// invariant, and the rest follows from it:
//
//   - Nothing is sent twice behind the caller's back: a message whose
//     acknowledgement got lost fails with [bridge.ErrBrokerAway], and whether to
//     repeat it is for the caller's outbox to say.
//   - Subscriptions are made and OnConnect is called on every connection, so
//     that what the broker forgot or the last will overwrote is said again.
//   - Requests take turns, so that messages arrive in the order of the calls.
//
// It refuses to queue: while there is no connection every call fails at once.
// It speaks MQTT 3.1.1, QoS 1. Errors and log lines never hold the password.
package mqtt

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
)

var _ bridge.Publisher = (*Client)(nil)

// Client is a connection to a broker that renews itself. Its methods may be
// called from several goroutines.
type Client struct {
	options Options
	pace    pace
	log     *slog.Logger
	tried   chan struct{} // closed, by fail, once an attempt to connect has failed
	fail    sync.Once
	done    chan struct{} // closed when nothing runs any more

	mu       sync.Mutex
	target   target             // changed by run only, which therefore reads it without the lock
	stop     context.CancelFunc // nil until Start or Close
	session  *session           // nil while there is no connection
	up       chan struct{}      // closed while there is one
	trouble  *ConnectError      // why there is none; nil before the first attempt has failed
	reported string             // what the log last said is wrong
}

// pace is every duration of a client, so that tests need not wait for them.
type pace struct {
	dial   time.Duration // until a connection stands
	write  time.Duration // until the network takes a packet
	answer time.Duration // until the broker acknowledges a request
	ping   time.Duration // until the broker answers a ping

	retryMin, retryMax time.Duration // between attempts
	steady             time.Duration // a connection that held this long starts the delays afresh

	quiet, collect time.Duration // Retained: without a message, and in total
}

func defaultPace(keepAlive time.Duration) pace {
	return pace{
		dial: 10 * time.Second, write: 10 * time.Second, answer: 30 * time.Second, ping: min(10*time.Second, keepAlive),
		retryMin: time.Second, retryMax: time.Minute, steady: 30 * time.Second,
		quiet: 100 * time.Millisecond, collect: 2 * time.Second,
	}
}

// delay is how long to wait before the next attempt. What only a person can
// mend is tried rarely: some brokers ban who knocks often with a wrong password.
func (p pace) delay(failures int, lasting bool) time.Duration {
	d := p.retryMax
	if !lasting && failures < 16 {
		d = min(p.retryMin<<failures, p.retryMax)
	}
	return d/2 + rand.N(d/2+1) //nolint:gosec // jitter is no secret
}

// New checks the options and reads the certificates; it connects to nothing.
// The error joins one error for each problem, which begins with the name of the
// option in configuration style, such as "tls.ca_file: ".
func New(o Options) (*Client, error) {
	t, err := o.check()
	if err != nil {
		return nil, err
	}
	c := &Client{
		options: o, target: t, pace: defaultPace(t.keepAlive), log: o.Log,
		tried: make(chan struct{}), done: make(chan struct{}), up: make(chan struct{}),
	}
	c.options.ClientID = t.clientID // the same one wherever the broker turns out to be
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// Start connects in the background and keeps at it until Close. Calls after the
// first, and after Close, do nothing.
func (c *Client) Start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.stop = cancel
	go c.run(ctx)
}

// Publish implements [bridge.Publisher]. It returns early when ctx ends, but
// later messages still wait until the broker has answered or gone.
func (c *Client) Publish(ctx context.Context, m bridge.Message) error {
	if err := checkTopic(m.Topic); err != nil {
		return err // brokers hang up on such a topic, again and again
	}
	s, err := c.current()
	if err != nil {
		return err
	}
	return s.publish(ctx, m)
}

// Close disconnects so that the broker forgets the last will, and waits until
// all is quiet or ctx ends. Whoever wants to say "offline" publishes it before.
func (c *Client) Close(ctx context.Context) {
	c.mu.Lock()
	if c.stop == nil {
		c.stop = func() {}
		close(c.done)
	}
	stop := c.stop
	c.mu.Unlock()
	stop()
	select {
	case <-c.done:
	case <-ctx.Done():
	}
}

// run connects again and again until ctx ends.
func (c *Client) run(ctx context.Context) {
	defer close(c.done)
	for failures := 0; ; failures++ {
		began := time.Now()
		trouble := c.hold(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) >= c.pace.steady {
			failures = 0
		}
		select {
		case <-time.After(c.pace.delay(failures, trouble.Lasting)):
		case <-ctx.Done():
			return
		}
	}
}

// hold makes one connection, keeps it as long as it lasts, and returns why it
// failed or ended. OnConnect and OnLost are called from here only.
func (c *Client) hold(ctx context.Context) *ConnectError {
	var s *session
	err := c.locate(ctx)
	if err == nil {
		s, err = c.connect(ctx)
	}
	if err == nil {
		if err = c.subscribe(ctx, s); err != nil {
			s.disconnect()
		}
	}
	if err != nil {
		return c.failed(ctx, err)
	}
	c.connected(s)
	if c.options.OnConnect != nil {
		c.options.OnConnect()
	}
	select {
	case <-s.lost:
	case <-ctx.Done():
		s.disconnect()
	}
	trouble := c.target.explain(s.cause)
	c.lost(trouble)
	if c.options.OnLost != nil && ctx.Err() == nil {
		c.options.OnLost(trouble)
	}
	return trouble
}

// locate finds out where the broker is, if that has to be asked.
func (c *Client) locate(ctx context.Context) error {
	if c.options.Locate == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.pace.dial)
	defer cancel()
	place, err := c.options.Locate(ctx)
	if err != nil {
		return err
	}
	t, err := c.options.at(place).check()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.target = t
	return nil
}

// subscribe asks for the permanent subscriptions. One the broker refuses is left
// out: the rest of the house should not go without its readings.
func (c *Client) subscribe(ctx context.Context, s *session) error {
	filters := make(map[string]byte)
	for _, filter := range c.options.Subscribe {
		filters[filter] = qos
	}
	rejected, err := s.subscribe(ctx, filters)
	for _, filter := range rejected {
		c.log.Error("broker refused subscription", "url", c.target.String(), "filter", filter)
	}
	return err
}

// current returns the connection in use, or a *ConnectError.
func (c *Client) current() (*session, error) {
	c.mu.Lock()
	s := c.session
	c.mu.Unlock()
	if s == nil {
		return nil, c.away()
	}
	return s, nil
}

func (c *Client) connected(s *session) {
	c.mu.Lock()
	c.session, c.trouble, c.reported = s, nil, ""
	close(c.up)
	c.mu.Unlock()
	c.log.Info("broker connected", "url", c.target.String())
}

func (c *Client) lost(trouble *ConnectError) {
	c.mu.Lock()
	c.session, c.trouble, c.up = nil, trouble, make(chan struct{})
	c.mu.Unlock()
	if !errors.Is(trouble, errClosed) {
		c.log.Warn("broker lost", "url", c.target.String(), "reason", trouble.Detail)
	}
}

// failed notes why an attempt failed. The log hears of each reason once.
func (c *Client) failed(ctx context.Context, err error) *ConnectError {
	trouble := c.target.explain(err)
	if ctx.Err() != nil {
		return trouble
	}
	c.mu.Lock()
	news := c.reported != trouble.Detail
	c.trouble, c.reported = trouble, trouble.Detail
	c.mu.Unlock()
	c.fail.Do(func() { close(c.tried) })
	level := slog.LevelDebug
	if news {
		level = slog.LevelWarn
	}
	c.log.Log(ctx, level, "broker not reachable", "url", trouble.Broker, "reason", trouble.Detail, "hint", trouble.Hint)
	return trouble
}
