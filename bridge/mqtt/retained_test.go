package mqtt_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/mqtt"
)

// The parts of TestContract that are about retained messages.

func testRetainedFlags(t contract) {
	early := connect(t, mqtt.Options{URL: t.url, Subscribe: []string{"x/+"}})
	c := connect(t, mqtt.Options{URL: t.url})
	c.mustPublish(t, "x/state", "1", true)
	c.mustPublish(t, "x/event", "2", false)
	early.expect(t, "x/state 1") // live, so not a replay
	early.expect(t, "x/event 2")

	late := connect(t, mqtt.Options{URL: t.url, Subscribe: []string{"x/+"}})
	late.expect(t, "x/state 1 (retained)")
	c.mustPublish(t, "x/state", "", true) // clears
	c.mustPublish(t, "x/event", "3", false)
	late.expect(t, "x/state ")
	late.expect(t, "x/event 3")
	if got, err := c.Retained(soon(t), "#"); err != nil || len(got) != 0 {
		t.Errorf("Retained = %v, %v after the only one was cleared", got, err)
	}
}

func testCollect(t contract) {
	c := connect(t, mqtt.Options{URL: t.url})
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

func testOverlap(t contract) {
	c := connect(t, mqtt.Options{URL: t.url, Subscribe: []string{"x/+", "status"}})
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
