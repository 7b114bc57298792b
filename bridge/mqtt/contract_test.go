package mqtt_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/mqtt"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/mosquitto"
)

// TestContract is what a Client promises, over each broker.
func TestContract(t *testing.T) {
	start := map[string]func(t *testing.T, username, password string) string{
		"embedded": func(t *testing.T, username, password string) string {
			t.Helper()
			return startEmbedded(t, mqtt.EmbeddedOptions{Listen: "127.0.0.1:0", Username: username, Password: password}).URL()
		},
		"mosquitto": func(t *testing.T, username, password string) string {
			t.Helper()
			return mosquitto.Start(t, mosquitto.Options{Username: username, Password: password}).URL()
		},
	}
	promises := map[string]func(t *testing.T, url string){
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
					test(t, start(t, "", ""))
				})
			}
			t.Run("authentication", func(t *testing.T) {
				t.Parallel()
				testAuthentication(t, start(t, "anna", "pa@ss/wörd"))
			})
		})
	}
}

func testOrder(t *testing.T, url string) {
	watcher := connect(t, mqtt.Options{URL: url, Subscribe: []string{"x/#"}})
	c := connect(t, mqtt.Options{URL: url})
	for i := range 100 {
		c.mustPublish(t, fmt.Sprintf("x/%d", i%7), fmt.Sprint(i), false)
	}
	for i := range 100 {
		watcher.expect(t, fmt.Sprintf("x/%d %d", i%7, i))
	}
}

func testConcurrency(t *testing.T, url string) {
	watcher := connect(t, mqtt.Options{URL: url, Subscribe: []string{"x"}})
	c := connect(t, mqtt.Options{URL: url})
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

func testRetainedFlags(t *testing.T, url string) {
	early := connect(t, mqtt.Options{URL: url, Subscribe: []string{"x/+"}})
	c := connect(t, mqtt.Options{URL: url})
	c.mustPublish(t, "x/state", "1", true)
	c.mustPublish(t, "x/event", "2", false)
	early.expect(t, "x/state 1") // live, so not a replay
	early.expect(t, "x/event 2")

	late := connect(t, mqtt.Options{URL: url, Subscribe: []string{"x/+"}})
	late.expect(t, "x/state 1 (retained)")
	c.mustPublish(t, "x/state", "", true) // clears
	c.mustPublish(t, "x/event", "3", false)
	late.expect(t, "x/state ")
	late.expect(t, "x/event 3")
	if got, err := c.Retained(soon(t), "#"); err != nil || len(got) != 0 {
		t.Errorf("Retained = %v, %v after the only one was cleared", got, err)
	}
}

func testCollect(t *testing.T, url string) {
	c := connect(t, mqtt.Options{URL: url})
	var want []string
	for i := range 300 { // more than a broker has in flight at once
		m := bridge.Message{Topic: fmt.Sprintf("x/%03d/config", i), Payload: []byte(strings.Repeat("y", 2000)), Retained: true}
		if err := c.Publish(soon(t), m); err != nil {
			t.Fatal(err)
		}
		want = append(want, show(m))
	}
	c.mustPublish(t, "other", "1", true)
	c.mustPublish(t, "x/400/config", "not retained", false)
	messages, err := c.Retained(soon(t), "x/+/config", "x/#")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range messages {
		got = append(got, show(m))
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("Retained returned %d messages, want each of %d once", len(got), len(want))
	}
	if got, err := c.Retained(soon(t)); err != nil || got != nil {
		t.Errorf("Retained without a filter = %v, %v", got, err)
	}
	if _, err := c.Retained(soon(t), "x/#/y"); err == nil || errors.Is(err, bridge.ErrBrokerAway) {
		t.Errorf("Retained with a malformed filter = %v", err)
	}
	c.mustPublish(t, "x/live", "1", false) // nobody listens any more, and nothing breaks
}

func testOverlap(t *testing.T, url string) {
	c := connect(t, mqtt.Options{URL: url, Subscribe: []string{"x/+", "status"}})
	c.mustPublish(t, "x/1", "a", true)
	c.expect(t, "x/1 a")
	for _, filter := range []string{"x/+", "x/#", "#"} { // the same, a wider and the widest
		got, err := c.Retained(soon(t), filter)
		if err != nil || len(got) != 1 || show(got[0]) != "x/1 a (retained)" {
			t.Fatalf("Retained(%s) = %v, %v", filter, got, err)
		}
		c.mustPublish(t, "status", filter, false)
		c.mustPublish(t, "x/2", filter, false)
		var live []string
		for live == nil || !strings.HasPrefix(live[len(live)-1], "x/2 ") {
			if m := next(t, c.messages, "live message"); !m.Retained {
				live = append(live, show(m))
			}
		}
		if want := []string{"status " + filter, "x/2 " + filter}; !slices.Equal(live, want) {
			t.Errorf("after Retained(%s) OnMessage got %q, want %q", filter, live, want)
		}
	}
}

func testWill(t *testing.T, url string) {
	watcher := connect(t, mqtt.Options{URL: url, Subscribe: []string{"x/state"}})
	p := newProxy(t, url)
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

func testGoodbye(t *testing.T, url string) {
	watcher := connect(t, mqtt.Options{URL: url, Subscribe: []string{"x/state"}})
	c := connect(t, mqtt.Options{URL: url, Will: bridge.Message{Topic: "x/state", Payload: []byte("died")}})
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
func testReconnect(t *testing.T, url string) {
	watcher := connect(t, mqtt.Options{URL: url, Subscribe: []string{"x/state"}})
	p := newProxy(t, url)
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
func testInFlight(t *testing.T, url string) {
	watcher := connect(t, mqtt.Options{URL: url, Subscribe: []string{"x"}})
	p := newProxy(t, url)
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

func testSilence(t *testing.T, url string) {
	p := newProxy(t, url)
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

func testOversized(t *testing.T, url string) {
	c := connect(t, mqtt.Options{URL: url, Subscribe: []string{"x"}})
	c.mustPublish(t, "x", strings.Repeat("y", 300<<10), false)
	c.mustPublish(t, "x", "small", false)
	c.expect(t, "x small")
}

func testAuthentication(t *testing.T, url string) {
	const password = "pa@ss/wörd"
	within := strings.Replace(url, "mqtt://", "mqtt://anna:pa%40ss%2Fw%C3%B6rd@", 1)
	for _, tt := range []struct {
		name string
		o    mqtt.Options
		want string // of the error; "" for none
	}{
		{"right", mqtt.Options{URL: url, Username: "anna", Password: password}, ""},
		{"in the URL", mqtt.Options{URL: within}, ""},
		{"wrong", mqtt.Options{URL: url, Username: "anna", Password: "hunter2"}, "refused the user name or password"},
		{"nobody", mqtt.Options{URL: url, Username: "bob", Password: password}, "refused the user name or password"},
		{"none", mqtt.Options{URL: url}, "wants a user name and password"},
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
