package bridge

import (
	"fmt"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
)

func deviceCalled(name string) hass.Device {
	return hass.Device{
		Info:       hass.Info{Identifiers: [1]string{"fitbit2mqtt_" + name}, Name: name},
		Components: map[string]hass.Component{"weight": {Platform: "sensor", UniqueID: name}},
	}
}

// send delivers all that is due and returns it as "topic=payload".
func send(b *board, now time.Time) []string {
	sent := []string{}
	due, _ := b.due(rankEmptied, now)
	for _, e := range due {
		b.delivered(e.Message, now)
		payload := string(e.Payload)
		if e.config() {
			payload = "…"
		}
		sent = append(sent, fmt.Sprintf("%s=%s", e.Topic, payload))
	}
	return sent
}

func TestBoardOrder(t *testing.T) {
	t.Parallel()
	b, now := newBoard(), morning()
	b.announce(rankDevice, deviceCalled("scale"), hass.ModeDevice, "h")
	b.announce(rankPerson, deviceCalled("zoe"), hass.ModeDevice, "h")
	b.announce(rankPerson, deviceCalled("anna"), hass.ModeDevice, "h")
	b.announce(rankBridge, deviceCalled("bridge"), hass.ModeDevice, "h")
	b.set("b", []byte("1"))
	b.set("a", []byte("2"))
	device := func(name string) string { return "h/device/fitbit2mqtt_" + name + "/config=" }
	all := []string{"b=1", "a=2", device("bridge") + "…", device("zoe") + "…", device("anna") + "…", device("scale") + "…"}
	if !b.news() {
		t.Error("the devices are news")
	}
	expect(t, "first", send(b, now), all...)
	expect(t, "again", send(b, now))
	b.touch()
	expect(t, "after a new connection", send(b, now), all...)

	b.set("a", []byte("2"))
	expect(t, "the same", send(b, now))
	b.set("a", []byte("3"))
	b.set("a", []byte("4"))
	expect(t, "only the latest", send(b, now), "a=4")
	b.set("a", []byte("5"))
	b.set("a", []byte("4"))
	expect(t, "there and back", send(b, now))
	if b.news() {
		t.Error("nothing is news any more")
	}

	b.clear("b", "h/device/fitbit2mqtt_zoe/config")
	b.set("a", []byte("6"))
	expect(t, "withdrawn: the config before the state it reads", send(b, now), "a=6", device("zoe"), "b=")
	expect(t, "withdrawn once", send(b, now))
	_, zoe := b.announced("fitbit2mqtt_zoe")
	_, anna := b.announced("fitbit2mqtt_anna")
	if b.has("b") || !b.has("a") || zoe || !anna {
		t.Error("the board does not know what is in use")
	}
	if _, ok := b.device("h/device/fitbit2mqtt_zoe/config"); ok {
		t.Error("a withdrawn device is still announced")
	}
}

func TestBoardLetsConfigsRest(t *testing.T) {
	t.Parallel()
	b, now := newBoard(), morning()
	d := deviceCalled("anna")
	b.announce(rankPerson, d, hass.ModeDevice, "h")
	send(b, now)
	d.Info.Name = "Anna"
	b.announce(rankPerson, d, hass.ModeDevice, "h")
	b.set("a", []byte("1"))
	expect(t, "too soon", send(b, now.Add(4*time.Second)), "a=1")
	if _, again := b.due(rankEmptied, now); !again.Equal(now.Add(configGap)) {
		t.Errorf("come back at %s", again)
	}
	expect(t, "rested", send(b, now.Add(configGap)), d.Topic("h")+"=…")
	b.clear(d.Topic("h"))
	expect(t, "removal is at once", send(b, now.Add(configGap)), d.Topic("h")+"=")
}

func TestBoardBelievesTheBroker(t *testing.T) {
	t.Parallel()
	b, now := newBoard(), morning()
	b.setAt("a", []byte("1"), now)
	b.delivered(Message{Topic: "a", Payload: []byte("0"), Retained: true}, now)
	if !b.says("a", []byte("0")) || b.says("a", []byte("1")) {
		t.Error("the board must know what the broker holds")
	}
	expect(t, "what it should say", send(b, now), "a=1")
	b.delivered(Message{Topic: "a", Payload: []byte("0")}, now)
	expect(t, "a message that is not retained leaves no trace", send(b, now))
	b.delivered(Message{Topic: "unknown", Retained: true}, now)
	b.clear("never seen")
	expect(t, "in doubt, withdraw", send(b, now), "never seen=")
	if len(b.entries) != 1 {
		t.Errorf("%d topics on the board", len(b.entries))
	}
}
