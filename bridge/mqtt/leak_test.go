package mqtt_test

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/mqtt"
)

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
		c.Hurry(time.Millisecond, patience)
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
		if err := broker.Close(); err != nil {
			t.Error(err)
		}
		if _, err := c.Retained(soon(t), "#"); !errors.Is(err, bridge.ErrBrokerAway) {
			t.Errorf("Retained = %v after the broker has gone", err)
		}
		c.Close(soon(t))
		unused.Close(soon(t))
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
