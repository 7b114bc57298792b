package mqtt_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/mqtt"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/mosquitto"
)

// contract is one promise being tested over one broker.
type contract struct {
	*testing.T
	url string
}

// TestContract is what a Client promises, over each broker.
func TestContract(t *testing.T) {
	t.Parallel()
	start := map[string]func(tb testing.TB, username, password string) string{
		"embedded": func(tb testing.TB, username, password string) string {
			tb.Helper()
			return startEmbedded(tb, mqtt.EmbeddedOptions{Listen: "127.0.0.1:0", Username: username, Password: password}).URL()
		},
		"mosquitto": func(tb testing.TB, username, password string) string {
			tb.Helper()
			return mosquitto.Start(tb, mosquitto.Options{Username: username, Password: password}).URL()
		},
	}
	promises := map[string]func(contract){
		"order":         testOrder,
		"concurrency":   testConcurrency,
		"retained":      testRetainedFlags,
		"collect":       testCollect,
		"overlap":       testOverlap,
		"will":          testWill,
		"goodbye":       testGoodbye,
		"reconnect":     testReconnect,
		"in flight":     testInFlight,
		"silent broker": testSilence,
		"oversized":     testOversized,
	}
	for name, start := range start {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for promise, test := range promises {
				t.Run(promise, func(t *testing.T) {
					t.Parallel()
					test(contract{t, start(t, "", "")})
				})
			}
			t.Run("authentication", func(t *testing.T) {
				t.Parallel()
				testAuthentication(contract{t, start(t, "anna", "pa@ss/wörd")})
			})
		})
	}
}

func testOrder(t contract) {
	watcher := connect(t, mqtt.Options{URL: t.url, Subscribe: []string{"x/#"}})
	c := connect(t, mqtt.Options{URL: t.url})
	for i := range 100 {
		c.mustPublish(t, fmt.Sprintf("x/%d", i%7), strconv.Itoa(i), false)
	}
	for i := range 100 {
		watcher.expect(t, fmt.Sprintf("x/%d %d", i%7, i))
	}
}

func testConcurrency(t contract) {
	watcher := connect(t, mqtt.Options{URL: t.url, Subscribe: []string{"x"}})
	c := connect(t, mqtt.Options{URL: t.url})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := c.Publish(soon(t), bridge.Message{Topic: "x", Payload: []byte("1")}); err != nil {
				t.Error(err)
			}
		})
	}
	for range 3 {
		all.Go(func() {
			if _, err := c.Retained(soon(t), "y"); err != nil {
				t.Error(err)
			}
		})
	}
	for range 20 {
		watcher.expect(t, "x 1")
	}
	all.Wait()
}

func testWill(t contract) {
	watcher := connect(t, mqtt.Options{URL: t.url, Subscribe: []string{"x/state"}})
	p := newProxy(t, t.url)
	c := connect(t, mqtt.Options{URL: p.url, Will: bridge.Message{Topic: "x/state", Payload: []byte("offline")}})
	c.mustPublish(t, "x/state", "online", true)
	watcher.expect(t, "x/state online")
	p.outage()
	watcher.expect(t, "x/state offline")
	got, err := watcher.Retained(soon(t), "x/state")
	if err != nil || len(got) != 1 || show(got[0]) != "x/state offline (retained)" {
		t.Errorf("Retained = %v, %v, want the will", got, err)
	}
}

func testGoodbye(t contract) {
	watcher := connect(t, mqtt.Options{URL: t.url, Subscribe: []string{"x/state"}})
	c := connect(t, mqtt.Options{URL: t.url, Will: bridge.Message{Topic: "x/state", Payload: []byte("died")}})
	c.Close(soon(t))
	c.Close(soon(t)) // again, harmless
	c.Start()        // too late, harmless
	if err := c.Publish(soon(t), bridge.Message{Topic: "x"}); !errors.Is(err, bridge.ErrBrokerAway) {
		t.Errorf("Publish after Close = %v, want ErrBrokerAway", err)
	}
	if err := c.Connected(soon(t)); !errors.Is(err, bridge.ErrBrokerAway) {
		t.Errorf("Connected after Close = %v, want ErrBrokerAway", err)
	}
	watcher.mustPublish(t, "x/state", "end", false)
	watcher.expect(t, "x/state end") // and no will before it
	if len(c.losses) != 0 || c.log.count("broker lost") != 0 {
		t.Error("Close was reported as a loss")
	}
}

// testReconnect is about what a publisher who says "online" only once gets wrong.
func testReconnect(t contract) {
	watcher := connect(t, mqtt.Options{URL: t.url, Subscribe: []string{"x/state"}})
	p := newProxy(t, t.url)
	var c *station
	c = newStation(t, mqtt.Options{
		URL: p.url, Subscribe: []string{"x/command"},
		Will: bridge.Message{Topic: "x/state", Payload: []byte("offline")},
		OnConnect: func() {
			c.mustPublish(t, "x/state", "online", true)
			c.connects <- struct{}{}
		},
	})
	c.Start()
	for range 3 {
		next(t, c.connects, "OnConnect")
		watcher.expect(t, "x/state online")
		watcher.mustPublish(t, "x/command", "poll", false) // the subscription is there again
		c.expect(t, "x/command poll")

		p.outage()
		watcher.expect(t, "x/state offline")
		if err := next(t, c.losses, "OnLost"); !errors.Is(err, bridge.ErrBrokerAway) {
			t.Errorf("OnLost got %v, want ErrBrokerAway", err)
		}
		start := time.Now()
		err := c.Publish(t.Context(), bridge.Message{Topic: "x/lost"})
		if !errors.Is(err, bridge.ErrBrokerAway) || time.Since(start) > time.Second {
			t.Errorf("Publish during an outage = %v after %v, want ErrBrokerAway at once", err, time.Since(start))
		}
		if _, err := c.Retained(t.Context(), "x"); !errors.Is(err, bridge.ErrBrokerAway) {
			t.Errorf("Retained during an outage = %v, want ErrBrokerAway", err)
		}
		p.mend()
	}
	next(t, c.connects, "OnConnect")
	if n := c.log.count(`level=WARN msg="broker lost"`); n != 3 || len(c.losses) != 0 {
		t.Errorf("3 outages: %d lines, %d more calls of OnLost", n, len(c.losses))
	}
}

// testInFlight loses an acknowledgement: the caller learns it at once, and
// nothing but the caller sends the message again.
func testInFlight(t contract) {
	watcher := connect(t, mqtt.Options{URL: t.url, Subscribe: []string{"x"}})
	p := newProxy(t, t.url)
	c := connect(t, mqtt.Options{URL: p.url})
	next(t, c.connects, "OnConnect")
	p.muteDn.Store(true)
	sent := make(chan error)
	for _, payload := range []string{"first", "waiting for its turn"} {
		go func() { sent <- c.Publish(t.Context(), bridge.Message{Topic: "x", Payload: []byte(payload)}) }()
		if payload == "first" {
			watcher.expect(t, "x first") // it arrived, which the caller cannot know
		}
	}
	p.mend()
	p.cut()
	for range 2 {
		if err := next(t, sent, "answer of Publish"); !errors.Is(err, bridge.ErrBrokerAway) {
			t.Errorf("Publish = %v, want ErrBrokerAway", err)
		}
	}
	next(t, c.connects, "OnConnect")
	c.mustPublish(t, "x", "later", false)
	watcher.expect(t, "x later") // and neither of the others before it
}

func testSilence(t contract) {
	p := newProxy(t, t.url)
	c := connect(t, mqtt.Options{URL: p.url, KeepAlive: time.Second})
	p.muteUp.Store(true)
	p.muteDn.Store(true)
	sent := make(chan error, 1)
	go func() { sent <- c.Publish(t.Context(), bridge.Message{Topic: "x"}) }()
	next(t, c.losses, "OnLost")
	if err := next(t, sent, "answer of Publish"); !errors.Is(err, bridge.ErrBrokerAway) {
		t.Errorf("Publish = %v, want ErrBrokerAway", err)
	}
}

func testOversized(t contract) {
	c := connect(t, mqtt.Options{URL: t.url, Subscribe: []string{"x"}})
	c.mustPublish(t, "x", strings.Repeat("y", 300<<10), false)
	c.expect(t, "x "+strings.Repeat("y", 256<<10))
	c.mustPublish(t, "x", "small", false)
	c.expect(t, "x small")
}

func testAuthentication(t contract) {
	const password = "pa@ss/wörd"
	within := strings.Replace(t.url, "mqtt://", "mqtt://anna:pa%40ss%2Fw%C3%B6rd@", 1)
	for _, tt := range []struct {
		name string
		o    mqtt.Options
		want string // of the error; "" for none
	}{
		{"right", mqtt.Options{URL: t.url, Username: "anna", Password: password}, ""},
		{"in the URL", mqtt.Options{URL: within}, ""},
		{"wrong", mqtt.Options{URL: t.url, Username: "anna", Password: "hunter2"}, "refused the user name or password"},
		{"nobody", mqtt.Options{URL: t.url, Username: "bob", Password: password}, "refused the user name or password"},
		{"none", mqtt.Options{URL: t.url}, "wants a user name and password"},
	} {
		c := newStation(t, tt.o)
		c.Start()
		if tt.want == "" {
			if err := c.Connected(soon(t)); err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		err := c.whyNot(t)
		if !strings.Contains(err.Detail, tt.want) || err.Hint == "" {
			t.Errorf("%s: %v, hint %q; want %q", tt.name, err, err.Hint, tt.want)
		}
		if said := err.Error() + c.log.String(); strings.Contains(said, "hunter2") || strings.Contains(said, password) {
			t.Errorf("%s: the password shows: %s", tt.name, said)
		}
	}
}
