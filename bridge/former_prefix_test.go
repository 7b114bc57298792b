package bridge_test

import (
	"maps"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
)

// Without discovery there is no config to tell where we have published before.
func TestAnotherPrefixWithoutDiscovery(t *testing.T) {
	t.Parallel()
	for _, former := range []string{"fitbit2mqtt", "cellar/scale", "my/own/cellar"} {
		for _, to := range []hass.Mode{hass.ModeOff, hass.ModeDevice} {
			inHouse(t, func(h *house) {
				withScale(h)
				home := moveIn(h)
				h.o.Discovery, h.o.Prefix = hass.ModeOff, former
				h.open()
				h.stop()
				others := map[string]string{
					"zigbee2mqtt/bridge/info": `{"accounts":7}`, "garbage/bridge/info": `x`,
					"neighbour/bridge/info": `{"accounts":[{"name":"anna","uid":"u77"}]}`, "neighbour/anna/body": `{}`,
				}
				h.broker.set(func(b *broker) { maps.Copy(b.retained, others) })
				h.o.Discovery, h.o.Prefix = to, "scales"
				h.open()
				h.birthOf()
				h.broker.set(func(b *broker) {
					for topic, payload := range others {
						if b.retained[topic] != payload {
							h.Errorf("%s of somebody else is %q", topic, b.retained[topic])
						}
						delete(b.retained, topic)
					}
				})
				h.wantRoom("in the end", home, "homeassistant/", "scales/")
			})
		}
	}
}

// Somebody has copied the data folder: the other bridge's topics are not ours to clear.
func TestABridgeAtWorkUnderAFormerPrefix(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		withScale(h)
		h.o.Prefix = "cellar"
		h.open()
		h.stop()
		h.broker.set(func(b *broker) { b.retained["cellar/bridge/state"] = "online" })
		before := len(h.broker.retained)
		h.o.Prefix = "fitbit2mqtt"
		h.open()
		if h.holds("cellar/anna/body") == "" || len(h.broker.retained) != before+10 { // ours, but for anna's configs
			h.Errorf("%d topics, then %d", before, len(h.broker.retained))
		}
		if n := h.log.lines("a bridge with the same people publishes under other topics"); n != 1 {
			h.Errorf("told %d times", n)
		}
	})
}
