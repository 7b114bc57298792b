package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/mosquitto"
)

func decode(t *testing.T, payload string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(payload), &m); err != nil {
		t.Fatalf("%v in %s", err, payload)
	}
	return m
}

// The main job with real parts: two people sign in, step on their scales, and a
// real Mosquitto shows the contract.
func TestHousehold(t *testing.T) {
	w := newWorld(t, "anna", "ben")
	broker := mosquitto.Start(t, mosquitto.Options{})
	config := w.config(broker.URL())
	start := time.Now().Add(-3 * time.Hour)
	for _, name := range []string{"anna", "ben"} {
		w.cloud.Person(name).WeighIn(start, 80, 25)
		if r := w.connect(config, name); r.code != exitOK || !strings.Contains(r.out, name+" is connected.") {
			t.Fatalf("connect %s: %+v", name, r)
		}
	}
	o := observe(t, broker.URL())
	bridge := begin(t, "run", "--config", config)
	for _, name := range []string{"anna", "ben"} {
		o.heard("fitbit2mqtt/"+name+"/body", `"weight_kg":80`)
		o.heard("fitbit2mqtt/"+name+"/connection", `"state":"ok"`)
		o.heard("fitbit2mqtt/"+name+"/availability", "online")
		o.heard("fitbit2mqtt/"+name+"/heart", `"resting_bpm"`)
		o.heard("fitbit2mqtt/"+name+"/device/301", `"type":"scale"`)
	}
	o.heard("fitbit2mqtt/bridge/state", "online")
	o.heard("homeassistant/device/fitbit2mqtt_bridge/config", `"origin"`)

	now := time.Now().Truncate(time.Second)
	weight, _ := w.cloud.Person("anna").WeighIn(now, 79.52, 24.4)
	event := decode(t, o.heard("fitbit2mqtt/anna/weigh_in", weight))
	for key, want := range map[string]any{
		"event_type": "weigh_in", "weight_kg": 79.52, "body_fat_pct": 24.4, "previous_weight_kg": 80.0, "delta_kg": -0.48,
		"source": "Aria Air", "recorded": "scale", "account": "anna", "measured_at": now.UTC().Format(time.RFC3339), "bmi": 27.5,
	} {
		if event[key] != want {
			t.Errorf("event: %s is %v, want %v", key, event[key], want)
		}
	}
	o.heard("fitbit2mqtt/anna/body", weight)
	if n := len(o.events("fitbit2mqtt/ben/weigh_in")); n != 0 {
		t.Errorf("ben got %d events for anna's weigh-in", n)
	}

	// What the broker replays is exactly what the contract retains.
	for topic := range o.replayed() {
		if strings.HasSuffix(topic, "/weigh_in") || strings.Contains(topic, "/command/") {
			t.Errorf("%s is retained", topic)
		}
	}
	for _, topic := range []string{"bridge/state", "bridge/info", "bridge/health", "anna/body", "anna/heart", "anna/availability", "anna/connection", "anna/device/302"} {
		if o.replayed()["fitbit2mqtt/"+topic] == "" {
			t.Errorf("%s is not retained", topic)
		}
	}

	// Edited and deleted in the cloud; "poll now" finds it.
	w.cloud.Person("anna").EditWeight(weight, 79)
	o.publish("fitbit2mqtt/anna/command/poll", "PRESS", false)
	o.heard("fitbit2mqtt/anna/weigh_in", `"event_type":"correction"`)
	o.heard("fitbit2mqtt/anna/body", `"weight_kg":79,`)

	r := bridge.end()
	if r.code != exitOK {
		t.Errorf("run ended with %d: %s", r.code, r.err)
	}
	o.heard("fitbit2mqtt/bridge/state", "offline")
	if o.replayed()["homeassistant/device/fitbit2mqtt_bridge/config"] == "" {
		t.Error("a clean stop withdrew the discovery")
	}
	w.secretless(r.err, r.out, strings.Join(o.events("fitbit2mqtt/bridge/info"), ""))
}

// A weigh-in that happens while nobody runs, and one while the broker is away,
// arrive later, in order, once.
func TestOutage(t *testing.T) {
	w := newWorld(t, "anna")
	broker := mosquitto.Start(t, mosquitto.Options{})
	way := newGate(t, broker.Addr())
	config := w.config(way.url())
	anna := w.cloud.Person("anna")
	anna.WeighIn(time.Now().Add(-2*time.Hour), 80, 25)
	if r := w.connect(config, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	o := observe(t, broker.URL())
	first := begin(t, "run", "--config", config)
	o.heard("fitbit2mqtt/anna/connection", `"state":"ok"`)
	o.heard("fitbit2mqtt/anna/body", `"weight_kg":80`)
	if r := first.end(); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	anna.WeighIn(time.Now().Add(-30*time.Minute), 79.9, 25) // nobody runs

	second := begin(t, "run", "--config", config)
	o.heard("fitbit2mqtt/anna/weigh_in", `"weight_kg":79.9`)
	w.waitForPoll(2) // by then the bridge has the acknowledgement, too
	way.shut()
	one, _ := anna.WeighIn(time.Now().Add(-2*time.Minute), 79.8, 25)
	two, _ := anna.WeighIn(time.Now().Add(-time.Minute), 79.7, 25)
	w.waitForPoll(3)
	way.open()
	o.heard("fitbit2mqtt/anna/weigh_in", two)
	var ids []string
	for _, e := range o.events("fitbit2mqtt/anna/weigh_in")[1:] {
		ids = append(ids, decode(t, e)["id"].(string))
	}
	if got := strings.Join(ids, " "); got != one+" "+two {
		t.Errorf("after the outage came %s, want %s %s", got, one, two)
	}
	if r := second.end(); r.code != exitOK {
		t.Errorf("%+v", r)
	}
}

// waitForPoll waits until the cloud has been asked for weights n more times.
func (w *world) waitForPoll(n int) {
	w.t.Helper()
	w.cloud.ResetRequests()
	eventually(w.t, "the cloud is asked", func() bool {
		asked := 0
		for _, r := range w.cloud.Requests() {
			if r.DataType == "weight" {
				asked++
			}
		}
		return asked >= n
	})
}

// The sign-in through the browser's callback, and every way it can go wrong.
func TestConnectByCallback(t *testing.T) {
	w := newWorld(t, "anna")
	config := w.config("")
	c := begin(t, "connect", "anna", "--config", config)
	address := strings.TrimSpace(c.waitFor("http"))
	back, err := w.cloud.Consent(t.Context(), address, fakecloud.Answer{Person: "anna"})
	if err != nil {
		t.Fatal(err)
	}
	c.waitFor("Waiting for the browser")
	res, err := http.Get(back.String()) //nolint:forbidigo // the test is the browser
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if r := c.wait(); r.code != exitOK || !strings.Contains(r.out, "anna is connected.") {
		t.Fatalf("%+v", r)
	}
	if res.StatusCode != http.StatusOK {
		t.Errorf("the browser got %s", res.Status)
	}
}

func TestConnectFailures(t *testing.T) {
	w := newWorld(t, "anna", "ben")
	config := w.config("")
	if r := w.connect(config, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	tests := []struct {
		name, account string
		answer        fakecloud.Answer
		prepare       func()
		code          int
		says          string
	}{
		{name: "denied", account: "ben", answer: fakecloud.Answer{Person: "ben", Deny: true}, code: exitCloud, says: "consent was denied"},
		{name: "someone else", account: "anna", answer: fakecloud.Answer{Person: "ben"}, code: exitCloud, says: "someone else"},
		{name: "under two names", account: "second", answer: fakecloud.Answer{Person: "anna"}, code: exitCloud, says: "already connected"},
		{
			name: "not linked", account: "ben", answer: fakecloud.Answer{Person: "ben"}, code: exitCloud, says: "not linked to Google Health",
			prepare: func() { w.cloud.Person("ben").SetState(fakecloud.NotLinked) },
		},
		{
			name: "token server down", account: "ben", answer: fakecloud.Answer{Person: "ben"}, code: exitAway, says: "sign-in server",
			prepare: func() { w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.ServerError, Path: "/token", Times: 1}) },
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.prepare != nil {
				test.prepare()
			}
			r := w.connectAs(config, test.account, test.answer)
			if r.code != test.code || !strings.Contains(r.err, test.says) {
				t.Errorf("exit %d, want %d; error does not say %q:\n%s", r.code, test.code, test.says, r.err)
			}
			if n := strings.Count(r.err, "Error: "); n != 1 || strings.Count(r.err, "Try: ") != 1 {
				t.Errorf("want one Error: and one Try: line:\n%s", r.err)
			}
			w.secretless(r.err, r.out)
		})
	}
	if r := invoke(t, "accounts", "--config", config); strings.Contains(r.out, "ben") || !strings.Contains(r.out, "anna") {
		t.Errorf("a failed sign-in changed the accounts:\n%s", r.out)
	}
}

// People change while the bridge runs: connect, rename and remove beside it.
func TestAccountsBesideRun(t *testing.T) {
	w := newWorld(t, "anna")
	broker := ownBroker(t)
	config := w.config(broker)
	o := observe(t, broker)
	bridge := begin(t, "run", "--config", config)
	o.heard("fitbit2mqtt/bridge/state", "online")
	w.cloud.Person("anna").WeighIn(time.Now().Add(-time.Hour), 61.5, 30)
	if r := w.connect(config, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	o.heard("fitbit2mqtt/anna/body", `"weight_kg":61.5`)

	if r := invoke(t, "accounts", "rename", "anna", "anneke", "--config", config); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	o.heard("fitbit2mqtt/anneke/body", `"account":"anneke"`)
	o.until("the old name's topics are cleared", func() bool {
		return o.retained["fitbit2mqtt/anna/body"] == "" && o.retained["fitbit2mqtt/anna/connection"] == "" && o.retained["fitbit2mqtt/anna/device/301"] == ""
	})

	// Revoked at the cloud: the house is told what to do; signing in again mends it.
	w.cloud.Person("anna").Revoke()
	o.heard("fitbit2mqtt/anneke/connection", `"state":"signin_required"`)
	o.heard("fitbit2mqtt/anneke/connection", `fitbit2mqtt connect anneke`)
	o.heard("fitbit2mqtt/anneke/availability", "offline")
	r := invoke(t, "accounts", "list", "--format", "json", "--config", config)
	if !strings.Contains(r.out, `"state": "signin_required"`) {
		t.Errorf("accounts list: %s", r.out)
	}
	if r := w.connectAs(config, "anneke", fakecloud.Answer{Person: "anna"}); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	o.heard("fitbit2mqtt/anneke/connection", `"state":"ok"`)
	o.heard("fitbit2mqtt/anneke/availability", "online")

	if r := invoke(t, "accounts", "remove", "anneke", "--yes", "--config", config); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	o.until("everything of a removed person is cleared", func() bool {
		for topic, payload := range o.retained {
			if payload != "" && (strings.Contains(topic, "anneke") && !strings.HasSuffix(topic, "weigh_in") ||
				strings.Contains(topic, "/device/fitbit2mqtt_") && !strings.Contains(topic, "fitbit2mqtt_bridge")) {
				return false
			}
		}
		return true
	})
	if r := bridge.end(); r.code != exitOK {
		t.Errorf("%+v", r)
	}
}
