package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/mosquitto"
)

// A bridge that starts before its broker keeps trying, and leaves nothing out.
func TestBrokerComesLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	broker := mosquitto.Start(t, mosquitto.Options{})
	config := w.config(broker.URL())
	w.moveIn(t, config)
	broker.Kill()
	bridge := begin(t, "run", "--config", config)
	w.waitForPoll(2) // the first look is over
	missed, _ := w.cloud.Person("anna").WeighIn(time.Now().Add(-time.Minute), 79.5, 25)
	w.waitForPoll(2)

	broker.Restart()
	o := observe(t, broker.URL())
	for topic, text := range map[string]string{
		"fitbit2mqtt/bridge/state": "online", "fitbit2mqtt/bridge/info": `"started_at"`, "fitbit2mqtt/bridge/health": `"uptime_s"`,
		"fitbit2mqtt/anna/availability": "online", "fitbit2mqtt/anna/connection": `"state":"ok"`,
		"fitbit2mqtt/anna/body": missed, "fitbit2mqtt/anna/heart": `"min_bpm"`,
		"fitbit2mqtt/anna/device/301": `"type":"scale"`, "fitbit2mqtt/anna/device/302": `"type":"tracker"`,
		"homeassistant/device/fitbit2mqtt_bridge/config": `"origin"`,
		"fitbit2mqtt/anna/weigh_in":                      missed,
	} {
		o.heard(topic, text)
	}
	if n := len(o.events("fitbit2mqtt/anna/weigh_in")); n != 1 {
		t.Errorf("%d events, want the one weigh-in that nobody heard of", n)
	}
	if r := bridge.end(); r.code != exitOK {
		t.Errorf("%+v", r)
	}
}

// steady leaves out the topics that tell of the bridge's own moment.
func steady(retained map[string]string) map[string]string {
	list := maps.Clone(retained)
	maps.DeleteFunc(list, func(topic, _ string) bool {
		return strings.HasSuffix(topic, "/connection") || topic == "fitbit2mqtt/bridge/health"
	})
	return list
}

// A broker that forgets everything is told everything again.
func TestReconnectRepublishes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna", "ben")
	broker := mosquitto.Start(t, mosquitto.Options{})
	config := w.config(broker.URL())
	w.moveIn(t, config)
	w.cloud.Person("ben").WeighIn(time.Now().Add(-time.Hour), 90, 20)
	if r := w.connect(config, "ben"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	o := observe(t, broker.URL())
	bridge := begin(t, "run", "--config", config)
	for _, name := range []string{"anna", "ben"} {
		o.heard("fitbit2mqtt/"+name+"/body", `"weight_kg"`)
		o.heard("fitbit2mqtt/"+name+"/heart", `"min_bpm"`)
		o.heard("fitbit2mqtt/"+name+"/device/302", `"battery_pct":72`)
		o.heard("fitbit2mqtt/"+name+"/connection", `"state":"ok"`)
	}
	o.until("everything is announced", func() bool { return o.announced() == 7 })
	before := o.replayed()

	broker.Kill()
	broker.Restart()
	again := observe(t, broker.URL())
	again.until("all is there again", func() bool {
		return slices.Equal(slices.Sorted(maps.Keys(again.retained)), slices.Sorted(maps.Keys(before)))
	})
	w.waitForPoll(4)
	after := again.replayed()
	for topic, payload := range steady(before) {
		if after[topic] != payload {
			t.Errorf("%s says\n%s\nand before\n%s", topic, after[topic], payload)
		}
	}
	if got, want := slices.Sorted(maps.Keys(after)), slices.Sorted(maps.Keys(before)); !slices.Equal(got, want) {
		t.Errorf("retained topics:\n%v\nbefore:\n%v", got, want)
	}
	if after["fitbit2mqtt/bridge/state"] != "online" {
		t.Errorf("bridge/state is %q", after["fitbit2mqtt/bridge/state"])
	}
	if r := bridge.end(); r.code != exitOK {
		t.Errorf("%+v", r)
	}
}

// announced counts the devices whose discovery has been heard; it needs the lock
// that until holds.
func (o *observer) announced() (n int) {
	for topic, payload := range o.retained {
		if strings.HasPrefix(topic, "homeassistant/device/") && payload != "" {
			n++
		}
	}
	return n
}
