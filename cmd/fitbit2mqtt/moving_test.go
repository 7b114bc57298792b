package main

import (
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/mosquitto"
)

// legacyRequests counts what the cloud that people leave was asked.
func (w *world) legacyRequests() (n int) {
	for _, r := range w.cloud.Requests() {
		if !strings.HasPrefix(r.Path, "/v4/") && r.Path != "/token" && !strings.HasPrefix(r.Path, "/o/") {
			n++
		}
	}
	return n
}

// lasting are the topics that must not notice that somebody moves, and what they say.
func (o *observer) lasting(names ...string) map[string]string {
	topics := make(map[string]string)
	for topic, payload := range o.replayed() {
		for _, name := range names {
			if strings.HasPrefix(topic, "fitbit2mqtt/"+name+"/") || strings.HasPrefix(topic, "homeassistant/") {
				topics[topic] = payload
			}
		}
	}
	return topics
}

// The old cloud is turned off under a person, who moves: told once, asked no more, and
// then everything goes on under the same name, topics, entities, ids and trend, without
// an event for what was known.
func TestMovingToTheSuccessor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.backend = "fitbit"
	anna := w.cloud.AddPerson(fakecloud.PersonOptions{Name: "anna", HeightMetres: 1.7, Location: midday(t)})
	today := fitbit.DateOf(time.Now().In(midday(t)))
	anna.Generate(today.AddDays(-90), today.AddDays(-2))
	anna.WeighIn(time.Now().Add(-50*time.Minute), 78.43, 24.4)
	broker := mosquitto.Start(t, mosquitto.Options{})
	config := w.config(broker.URL())
	if r := w.connect(config, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	o := observe(t, broker.URL())
	bridge := begin(t, "run", "--config", config)
	o.heard("fitbit2mqtt/anna/connection", `"state":"ok"`)
	before := decode(t, o.heard("fitbit2mqtt/anna/body", `"weight_kg":78.4,`))
	o.heard("fitbit2mqtt/anna/heart", `"resting_date"`)
	o.until("everything is announced", func() bool { return o.announced() == 4 })
	person := "homeassistant/device/fitbit2mqtt_" + uidsIn(t, "fitbit", o.heard("fitbit2mqtt/bridge/info", "anna"))["anna"] + "/config"
	o.heard(person, `"model":"Aria Air"`) // a config rests a little before it says more
	was := o.lasting("anna")

	w.cloud.RetireFitbit()
	o.heard("fitbit2mqtt/anna/connection", `"state":"source_retired"`)
	told := decode(t, o.heard("fitbit2mqtt/anna/connection", `"next_poll":null`)) // once the weights have been asked for
	if hint, _ := told["hint"].(string); !strings.Contains(hint, "fitbit2mqtt connect anna --backend google") || told["state"] != "source_retired" {
		t.Errorf("connection says %v", told)
	}
	o.heard("fitbit2mqtt/anna/availability", "offline")
	eventually(t, "it is noted that the cloud is gone", func() bool { // in the moment after it was told
		return strings.Contains(invoke(t, "accounts", "list", "--format", "json", "--config", config).out, `"state": "source_retired"`)
	})
	w.cloud.ResetRequests()
	o.publish("fitbit2mqtt/anna/command/poll", "PRESS", false)
	if r := bridge.end(); r.code != exitOK || strings.Count(r.err, "source_retired") != 1 {
		t.Errorf("the log has %d lines of it, want one: %s", strings.Count(r.err, "source_retired"), r.err)
	}
	// Two rounds of polling, as somebody else can tell, who is at the other cloud.
	w.cloud.AddPerson(fakecloud.PersonOptions{Name: "ben"})
	if r := w.connectAs(config, "ben", fakecloud.Answer{Person: "ben"}, "--backend", "google"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	bridge = begin(t, "run", "--config", config)
	o.heard("fitbit2mqtt/ben/connection", `"state":"ok"`)
	o.publish("fitbit2mqtt/anna/command/poll", "PRESS", false)
	for i := range 2 {
		id, _ := w.cloud.Person("ben").WeighIn(time.Now().Add(time.Duration(i-5)*time.Minute), 90, 0)
		o.heard("fitbit2mqtt/ben/weigh_in", id)
	}
	if n := w.legacyRequests(); n != 0 {
		t.Errorf("%d requests went to a cloud that is gone", n)
	}
	if r := invoke(t, "accounts", "remove", "ben", "--yes", "--config", config); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	o.until("ben is gone", func() bool { return o.retained["fitbit2mqtt/ben/connection"] == "" && o.announced() == 4 })

	again := begin(t, "connect", "anna", "--config", config) // to the cloud that is gone
	if line := again.waitFor("That cloud is gone"); !strings.Contains(line, "fitbit2mqtt connect anna --backend google") {
		t.Errorf("connect says %s", line)
	}
	again.end()
	missed := time.Now().Add(-30 * time.Minute).Truncate(time.Second) // nobody looked
	anna.WeighIn(missed, 78.15, 24.3)
	if r := w.connectAs(config, "anna", fakecloud.Answer{Person: "anna"}, "--backend", "google"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	o.heard("fitbit2mqtt/anna/connection", `"state":"ok"`)
	o.heard("fitbit2mqtt/anna/availability", "online")
	after := decode(t, o.heard("fitbit2mqtt/anna/body", `"weight_kg":78.15,`))
	o.heard("fitbit2mqtt/anna/weigh_in", `"weight_kg":78.15`)
	w.waitForPoll(2)
	if list := o.events("fitbit2mqtt/anna/weigh_in"); len(list) != 1 || decode(t, list[0])["previous_weight_kg"] != 78.43 {
		t.Errorf("moving made these events, want the one that was missed: %v", list)
	}
	if after["id"] == before["id"] || decode(t, o.events("fitbit2mqtt/anna/weigh_in")[0])["previous_measured_at"] != before["measured_at"] {
		t.Errorf("the weigh-in before the move is not the one that it was: %v, then %v", before, after)
	}
	for _, key := range []string{"trend_kg", "change_30d_kg"} {
		was, _ := before[key].(float64)
		is, _ := after[key].(float64)
		if d := was - is; was == 0 || is == 0 || d > 0.2 || d < -0.2 {
			t.Errorf("%s was %v and is %v", key, before[key], after[key])
		}
	}
	o.heard(person, `"model":"Aria Air"`)
	is := o.lasting("anna")
	for topic, payload := range was {
		if strings.HasPrefix(topic, "homeassistant/") && is[topic] != payload {
			t.Errorf("%s says\n%s\nand said\n%s", topic, is[topic], payload)
		}
		if is[topic] == "" {
			t.Errorf("%s is gone", topic)
		}
	}
	if len(is) != len(was) {
		t.Errorf("there are %d topics, and were %d", len(is), len(was))
	}
	if r := bridge.end(); r.code != exitOK {
		t.Errorf("%+v", r)
	}
}

// The account at the other cloud is not known to be the same person's: refused, with
// both ways named, and each does what it says.
func TestMovingUnconfirmed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna", "ben", "carla")
	w.backend = "fitbit"
	broker := ownBroker(t)
	config := w.config(broker)
	w.cloud.Person("anna").WeighIn(time.Now().Add(-time.Hour), 61.5, 0)
	w.cloud.Person("ben").WeighIn(time.Now().AddDate(0, 0, -10), 90.5, 0)
	w.cloud.Person("carla").WeighIn(time.Now().AddDate(0, 0, -10), 70.5, 0)
	o := observe(t, broker)
	bridge := begin(t, "run", "--config", config)
	if r := w.connect(config, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	o.heard("fitbit2mqtt/anna/body", `"weight_kg":61.5`)
	r := w.connectAs(config, "anna", fakecloud.Answer{Person: "ben"}, "--backend", "google")
	if r.code != exitCloud || !strings.Contains(r.err, "--same-person") || !strings.Contains(r.err, "--move") {
		t.Errorf("%+v", r)
	}
	if r := w.connectAs(config, "anna", fakecloud.Answer{Person: "ben"}, "--backend", "google", "--same-person"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	o.heard("fitbit2mqtt/anna/connection", `"backend":"google"`)
	w.waitForPoll(2)
	o.heard("fitbit2mqtt/anna/body", `"weight_kg":61.5`) // the newest of one history
	if r := w.connectAs(config, "anna", fakecloud.Answer{Person: "carla"}, "--backend", "fitbit", "--move"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	o.heard("fitbit2mqtt/anna/body", `"weight_kg":70.5`) // and nobody else's
	w.waitForPoll(3)
	if list := o.events("fitbit2mqtt/anna/weigh_in"); len(list) != 0 {
		t.Errorf("events: %v", list)
	}
	if r := bridge.end(); r.code != exitOK {
		t.Errorf("%+v", r)
	}
}
