package mqtt_test

import (
	"bytes"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/mqtt"
)

// BenchmarkPublish is one message of a weigh-in's size to the embedded broker
// and its acknowledgement.
func BenchmarkPublish(b *testing.B) {
	c, err := mqtt.New(mqtt.Options{URL: startEmbedded(b, mqtt.EmbeddedOptions{Listen: "127.0.0.1:0"}).URL()})
	if err != nil {
		b.Fatal(err)
	}
	c.Start()
	defer c.Close(b.Context())
	if err := c.Connected(b.Context()); err != nil {
		b.Fatal(err)
	}
	m := bridge.Message{Topic: "fitbit2mqtt/anna/weigh_in", Payload: bytes.Repeat([]byte("x"), 300)}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Publish(b.Context(), m); err != nil {
			b.Fatal(err)
		}
	}
}
