package bridge_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
)

// An account of a cloud that this version does not know can be seen and removed.
func TestAnAccountThatCannotBePolled(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.people.unknown = map[string]error{"fitbit": errors.New("this version knows no such cloud")}
		carl := bridge.Account{Name: "carl", UID: "u3", Backend: "google", SignedIn: true}
		h.people.clouds["u3"] = newCloud()
		h.people.set(carl, ben(), anna())
		h.open()
		r := h.report()
		if len(r.People) != 3 || r.People[0].Account.Name != "anna" || r.People[1].Account.Name != "ben" {
			h.Fatalf("people: %+v", r.People)
		}
		p, known := h.bridge.Person("ben")
		c := p.Connection
		if !known || c.State != bridge.StateError || c.Backend != "fitbit" || *c.Detail != "this version knows no such cloud" ||
			*c.Hint != "remove the account, or use a version that knows this cloud" || c.Missing == nil || p.Available || p.Location != time.UTC || p.Usage != nil {
			h.Errorf("report: %+v", p)
		}
		if h.bridge.PollNow("ben") {
			h.Error("who cannot be polled is")
		}
		for topic := range h.broker.retained {
			if topic == "homeassistant/device/fitbit2mqtt_u2/config" || strings.HasPrefix(topic, "fitbit2mqtt/ben/") {
				h.Errorf("%s is published", topic)
			}
		}
		h.people.set(carl, ben())
		h.pass(2 * time.Second)
		if n := h.log.lines("account cannot be polled"); n != 1 {
			h.Errorf("logged %d times", n)
		}
		h.people.remove("u2")
		h.bridge.Sync(h.Context())
		if _, still := h.bridge.Person("ben"); still || len(h.report().People) != 1 {
			h.Errorf("removed: %+v", h.report().People)
		}
		h.keeps("nothing was kept of ben", "u2", false)
	})
}

// What an earlier version, or a newer one, has published of such an account stays on the
// broker: it will be wanted again.
func TestTopicsOfAnAccountThatCannotBePolled(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.people.unknown = map[string]error{"fitbit": errors.New("this version knows no such cloud")}
		h.people.set(ben(), anna())
		ours, who := hass.Bridge{Prefix: "fitbit2mqtt"}, hass.Person{UID: "u2", Account: "ben"}
		kept := slices.Concat(
			ours.Person(who).Messages(hass.ModeDevice, "homeassistant"),
			ours.Paired(who, hass.Paired{ID: "s1"}).Messages(hass.ModeDevice, "homeassistant"),
			[]hass.Message{{Topic: "fitbit2mqtt/ben/body", Payload: []byte(`{"weight_kg":80}`)}})
		stale := ours.Person(hass.Person{UID: "u22", Account: "zoe"}).Messages(hass.ModeDevice, "homeassistant") // no relation
		h.earlier(slices.Concat(kept, stale)...)
		h.open()
		for _, m := range kept {
			if h.holds(m.Topic) != string(m.Payload) {
				h.Errorf("%s was withdrawn", m.Topic)
			}
		}
		if h.holds(stale[0].Topic) != "" {
			h.Errorf("%s is still there", stale[0].Topic)
		}
	})
}
