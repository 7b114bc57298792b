package main

import (
	"context"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/mqtt"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/entityregistry"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/mosquitto"
)

// mqttHub is a Home Assistant at a real broker.
type mqttHub struct {
	t    *testing.T
	o    *observer
	mu   sync.Mutex
	home *entityregistry.Home
}

// newMQTTHub starts one at a broker that retains nothing yet.
func newMQTTHub(t *testing.T, o *observer, broker string) *mqttHub {
	t.Helper()
	h := &mqttHub{t: t, o: o, home: entityregistry.New("homeassistant")}
	h.home.Start(nil)
	client, err := mqtt.New(mqtt.Options{URL: broker, Subscribe: []string{"homeassistant/#"}, OnMessage: func(m bridge.Message) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.home.Receive(m.Topic, m.Payload)
	}})
	if err != nil {
		t.Fatal(err)
	}
	client.Start()
	t.Cleanup(func() { client.Close(context.Background()) })
	if err := client.Connected(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h
}

// look has a look at it.
func (h *mqttHub) look(at func(*entityregistry.Home) bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return at(h.home)
}

// rename is what its user does, to every entity.
func (h *mqttHub) rename() {
	h.look(func(home *entityregistry.Home) bool {
		home.Rename(func(id string) string { return "my " + id })
		return true
	})
}

// settles waits until it shows so many entities and no ghosts, and the broker retains so
// many configs of each form.
func (h *mqttHub) settles(what string, entities, devices, singles int) {
	h.t.Helper()
	eventually(h.t, what, func() bool {
		found := make(map[bool]int)
		for topic, payload := range h.o.last() {
			if strings.HasSuffix(topic, "/config") && payload != "" {
				found[strings.HasPrefix(topic, "homeassistant/device/")]++
			}
		}
		return found[true] == devices && found[false] == singles && h.look(func(home *entityregistry.Home) bool {
			return len(home.Shown()) == entities && len(home.Ghosts()) == 0
		})
	})
}

// wantNames checks that what its user has called the entities is kept: those of the
// bridge itself are others under another prefix of topics.
func (h *mqttHub) wantNames(what string) {
	h.t.Helper()
	h.look(func(home *entityregistry.Home) bool {
		for _, e := range home.Registry() {
			if e.Name != "my "+e.UniqueID && !strings.HasPrefix(e.UniqueID, "fitbit2mqtt_bridge_") {
				h.t.Errorf("%s: %s is called %q", what, e.UniqueID, e.Name)
			}
		}
		if len(home.Conflicts)+len(home.Stubs) > 0 {
			h.t.Errorf("%s: conflicts %v, devices without a name %v", what, home.Conflicts, home.Stubs)
		}
		return true
	})
}

// discovering writes a configuration with another form of discovery, and prefix of topics.
func (w *world) discovering(broker, mode, prefix string) string {
	w.t.Helper()
	path := w.config(broker)
	yaml, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	text := strings.Replace(string(yaml), "mqtt: {", "mqtt: {topic_prefix: "+prefix+", ", 1) + "homeassistant: {discovery: " + mode + "}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// Every form of discovery follows on every other at a real broker, and so does another
// prefix of topics, with the bridge killed on the way: the entities keep their names, and
// nothing is left over.
func TestSwitchingDiscovery(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	broker := mosquitto.Start(t, mosquitto.Options{})
	if r := w.connect(w.config(broker.URL()), "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	o := observe(t, broker.URL())
	h := newMQTTHub(t, o, broker.URL())
	const devices = 4 // the bridge, anna, her scale and her tracker
	entities := 0
	first := begin(t, "run", "--config", w.discovering(broker.URL(), "device", "fitbit2mqtt"))
	eventually(t, "everything is shown", func() bool {
		return h.look(func(home *entityregistry.Home) bool {
			entities = len(home.Shown())
			return strings.Contains(strings.Join(home.Shown(), " "), "_302_battery")
		})
	})
	h.settles("at first", entities, devices, 0)
	h.rename()
	if r := first.end(); r.code != exitOK {
		t.Fatalf("%+v", r)
	}

	random := rand.New(rand.NewPCG(rand.Uint64(), 1))
	before := "device"
	for _, step := range []struct{ mode, prefix string }{
		{"entity", "fitbit2mqtt"},
		{"device", "fitbit2mqtt"},
		{"off", "fitbit2mqtt"},
		{"entity", "fitbit2mqtt"},
		{"off", "fitbit2mqtt"},
		{"device", "fitbit2mqtt"},
		{"entity", "scales"},
		{"off", "scales"},
		{"device", "cellar/scale"},
		{"device", "fitbit2mqtt"},
	} {
		what := before + " to " + step.mode + " under " + step.prefix
		config := w.discovering(broker.URL(), step.mode, step.prefix)
		c := child(t, "run", "--config", config)
		pause(t, random, 2*time.Second)
		kill(t, c)
		o.until("the last will", func() bool { return o.retained[step.prefix+"/bridge/state"] != "online" })
		run := begin(t, "run", "--config", config)
		switch step.mode {
		case "device":
			h.settles(what, entities, devices, 0)
		case "entity":
			h.settles(what, entities, 0, entities)
		default:
			h.settles(what, 0, 0, 0)
		}
		if before == "off" {
			h.rename()
		}
		h.wantNames(what)
		o.heard(step.prefix+"/anna/connection", `"state":"ok"`)
		eventually(t, what+": nothing is left over", func() bool {
			for topic := range o.replayed() {
				if !strings.HasPrefix(topic, "homeassistant/") && !strings.HasPrefix(topic, step.prefix+"/") {
					return false
				}
			}
			return !strings.Contains(o.last()[step.prefix+"/bridge/info"], "leaving")
		})
		if r := run.end(); r.code != exitOK {
			t.Errorf("%s: %+v", what, r)
		}
		before = step.mode
	}
}
