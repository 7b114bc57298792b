package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/mosquitto"
)

// pollOnce runs the command, which has to end well, and returns what it prints.
func pollOnce(t *testing.T, config string, args ...string) string {
	t.Helper()
	r := invoke(t, append([]string{"poll", "--config", config}, args...)...)
	if r.code != exitOK || r.err != "" {
		t.Fatalf("%+v", r)
	}
	return r.out
}

// weighIns are the ids of the events on anna's topic so far.
func (o *observer) weighIns(t *testing.T) (ids []string) {
	t.Helper()
	for _, e := range o.events("fitbit2mqtt/anna/weigh_in") {
		ids = append(ids, decode(t, e)["id"].(string))
	}
	return ids
}

// Cron instead of a bridge: the first round is the baseline, then each weigh-in is told
// once, and between two rounds everything stays online.
func TestPoll(t *testing.T) {
	t.Parallel()
	for _, backend := range []string{"google", "fitbit"} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "anna")
			w.backend = backend
			anna := w.cloud.Person("anna")
			anna.WeighIn(time.Now().Add(-3*time.Hour), 80, 25)
			broker := mosquitto.Start(t, mosquitto.Options{})
			config := w.config(broker.URL())
			if r := w.connect(config, "anna"); r.code != exitOK {
				t.Fatalf("%+v", r)
			}
			o := observe(t, broker.URL())
			if got := pollOnce(t, config); got != "anna: ok, first look: what comes from now on is news\n" {
				t.Errorf("first: %s", got)
			}
			anna.WeighIn(time.Now().Add(-time.Minute), 79.5, 24.4)
			if got := pollOnce(t, config); !strings.HasPrefix(got, "anna: ok, 1 new weigh-in\n") ||
				!strings.HasSuffix(got, "  anna weighed in: 79.50 kg, 24.4 % body fat (-0.50 kg)\n") {
				t.Errorf("second: %s", got)
			}
			for range 10 {
				if got := pollOnce(t, config); got != "anna: ok, nothing new\n" {
					t.Errorf("later: %s", got)
				}
			}
			if got := pollOnce(t, config, "anna"); got != "anna: ok, nothing new\n" {
				t.Errorf("by name: %s", got)
			}
			o.publish("end", "", false) // behind everything
			o.until("the end", func() bool { return o.log[len(o.log)-1].Topic == "end" })
			if got := o.weighIns(t); len(got) != 1 {
				t.Errorf("events: %v", got)
			}
			if got := o.events("fitbit2mqtt/bridge/state"); slices.Contains(got, offline) || len(got) == 0 {
				t.Errorf("bridge/state said %v", got)
			}
			retained := o.replayed()
			announced := 0
			for topic := range retained {
				if strings.HasPrefix(topic, "homeassistant/device/") {
					announced++
				}
			}
			if announced != 4 {
				t.Errorf("%d devices are announced", announced)
			}
			for topic, says := range map[string]string{
				"fitbit2mqtt/bridge/state": "online", "fitbit2mqtt/bridge/info": "anna", "fitbit2mqtt/bridge/health": `"pending":0`,
				"fitbit2mqtt/anna/body": `"weight_kg":79.5,`, "fitbit2mqtt/anna/availability": "online", "fitbit2mqtt/anna/heart": "date",
				"fitbit2mqtt/anna/connection":                    `"next_poll":null`,
				"homeassistant/device/fitbit2mqtt_bridge/config": "origin",
			} {
				if !strings.Contains(retained[topic], says) {
					t.Errorf("%s says %q", topic, retained[topic])
				}
			}
		})
	}
}

// A round is killed wherever it is: what it has found is delivered by the next, in
// order and under the same id.
func TestPollKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	anna := w.cloud.Person("anna")
	anna.WeighIn(time.Now().Add(-24*time.Hour), 80, 25)
	broker := mosquitto.Start(t, mosquitto.Options{})
	config := w.config(broker.URL())
	if r := w.connect(config, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	o := observe(t, broker.URL())
	pollOnce(t, config)
	random := rand.New(rand.NewPCG(3, 4))
	var want []string
	start := time.Now().Add(-time.Hour)
	for n := range 10 {
		id, _ := anna.WeighIn(start.Add(time.Duration(n)*time.Minute), 80-float64(n)/50, 25)
		want = append(want, id)
		c := child(t, "poll", "--config", config)
		pause(t, random, 2500*time.Millisecond) // a round takes about a second and a half
		kill(t, c)
	}
	last, _ := anna.WeighIn(time.Now().Add(-time.Minute), 79, 25)
	pollOnce(t, config)
	o.heard("fitbit2mqtt/anna/weigh_in", last)
	got := slices.Compact(o.weighIns(t))
	if !slices.Equal(got, append(want, last)) {
		t.Errorf("events:\n%v\nwant\n%v", got, want)
	}
	t.Logf("%d weigh-ins, none lost, %d repeated under their own id", len(want)+1, len(o.weighIns(t))-len(got))
	if got := pollOnce(t, config); got != "anna: ok, nothing new\n" {
		t.Errorf("in the end: %s", got)
	}
	if got := o.replayed()["fitbit2mqtt/bridge/state"]; got != "online" {
		t.Errorf("bridge/state is %q after a round was killed", got)
	}
}

// rarely is a configuration whose bridge polls when it is told to.
func rarely(t *testing.T, config string) string {
	t.Helper()
	b, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Replace(b, []byte("poll: {body: 1s, heart: 5s, devices: 5s}"), []byte("poll: {body: 24h, heart: 24h, devices: 24h}"), 1)
	if err := os.WriteFile(config, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return config
}

// Beside a bridge a poll says what is new and leaves telling it to the bridge.
func TestPollBesideRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	anna := w.cloud.Person("anna")
	anna.WeighIn(time.Now().Add(-3*time.Hour), 80, 25)
	broker := mosquitto.Start(t, mosquitto.Options{})
	config := rarely(t, w.config(broker.URL()))
	if r := w.connect(config, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	o := observe(t, broker.URL())
	run := begin(t, "run", "--config", config)
	o.heard("fitbit2mqtt/anna/connection", `"state":"ok"`)
	o.heard("fitbit2mqtt/anna/body", `"weight_kg":80`)
	id, _ := anna.WeighIn(time.Now().Add(-time.Minute), 79.5, 24.4)
	w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Unauthorized, Path: "/dataTypes/weight/", Times: 1}) // the token is renewed
	o.until("all is announced", func() bool { return o.announced() == 4 })
	before := o.replayed()
	for range 2 {
		if got := pollOnce(t, config); !strings.HasPrefix(got, "anna: ok, 1 new weigh-in\n") || strings.Count(got, "\n") != 3 ||
			!strings.HasSuffix(got, "running here: it publishes what is new with its next poll.\n") {
			t.Errorf("beside the bridge: %s", got)
		}
	}
	if after := o.replayed(); !sameTopics(before, after) || len(o.weighIns(t)) != 0 {
		t.Errorf("the poll published something:\n%v\nand before\n%v", after, before)
	}
	o.publish("fitbit2mqtt/anna/command/poll", "PRESS", false)
	o.heard("fitbit2mqtt/anna/weigh_in", id)
	got := ""
	for try := 0; try < 10 && !strings.HasPrefix(got, "anna: ok, nothing new\n"); try++ {
		got = pollOnce(t, config) // the bridge may not have noted yet that the broker has it
	}
	if !strings.HasPrefix(got, "anna: ok, nothing new\n") {
		t.Errorf("afterwards: %s", got)
	}
	if r := run.end(); r.code != exitOK {
		t.Errorf("%+v", r)
	}
	if got := o.weighIns(t); len(got) != 1 {
		t.Errorf("events: %v", got)
	}
}

// sameTopics reports whether two sets of retained topics are the same, but for the bridge's
// account of itself.
func sameTopics(a, b map[string]string) bool {
	equal := len(a) == len(b)
	for topic := range a {
		equal = equal && (a[topic] == b[topic] || topic == "fitbit2mqtt/bridge/health")
	}
	return equal
}

// Two polls at once: the second only looks. A bridge that starts meanwhile waits.
func TestTwoPollsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	anna := w.cloud.Person("anna")
	broker := ownBroker(t)
	config := w.config(broker)
	if r := w.connect(config, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	o := observe(t, broker)
	pollOnce(t, config)
	id, _ := anna.WeighIn(time.Now().Add(-time.Minute), 79.5, 24.4)
	w.cloud.ResetRequests()
	w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Slow, Delay: 3 * time.Second, Times: 1})
	first := begin(t, "poll", "--config", config)
	for len(w.cloud.Requests()) == 0 {
		pause(t, rand.New(rand.NewPCG(5, 6)), 10*time.Millisecond)
	}
	if got := pollOnce(t, config); !strings.Contains(got, "1 new weigh-in") || !strings.Contains(got, "Another poll") {
		t.Errorf("second: %s", got)
	}
	run := begin(t, "run", "--config", config)
	if r := first.wait(); r.code != exitOK || !strings.Contains(r.out, "1 new weigh-in") || strings.Contains(r.out, "Another") {
		t.Errorf("first: %+v", r)
	}
	o.heard("fitbit2mqtt/anna/weigh_in", id)
	w.waitForPoll(2)
	if r := run.end(); r.code != exitOK || !strings.Contains(r.err, "waiting for a poll to end") || strings.Contains(r.err, "another bridge") {
		t.Errorf("bridge: %+v", r)
	}
	pollOnce(t, config)
	if got := o.weighIns(t); len(got) != 1 {
		t.Errorf("events: %v", got)
	}
}

// A dry run finds the same again and again, keeps nothing and publishes nothing.
func TestPollDryRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	anna := w.cloud.Person("anna")
	anna.WeighIn(time.Now().Add(-3*time.Hour), 80, 25)
	broker := ownBroker(t)
	config := w.config(broker)
	if r := w.connect(config, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	o := observe(t, broker)
	kept := func() []byte {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(w.dir, "history.db"))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	same := func(do func()) {
		t.Helper()
		before, heard := kept(), len(o.replayed())
		do()
		if !bytes.Equal(before, kept()) || len(o.replayed()) != heard || len(o.weighIns(t)) != 0 {
			t.Error("a dry run has left traces")
		}
	}
	same(func() {
		for range 2 {
			if got := pollOnce(t, config, "--dry-run"); !strings.HasPrefix(got, "anna: ok, first look") {
				t.Errorf("first: %s", got)
			}
		}
	})
	pollOnce(t, config)
	anna.WeighIn(time.Now().Add(-time.Minute), 79.5, 24.4)
	same(func() {
		for range 2 {
			if got := pollOnce(t, config, "--dry-run"); !strings.HasPrefix(got, "anna: ok, 1 new weigh-in\n") || !strings.HasSuffix(got, "\nNothing was kept or published.\n") {
				t.Errorf("second: %s", got)
			}
		}
	})
	if got := pollOnce(t, config); !strings.HasPrefix(got, "anna: ok, 1 new weigh-in\n") {
		t.Errorf("the round itself: %s", got)
	}
}

// Without a broker what is new is kept for a bridge that brings one.
func TestPollWithoutABroker(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	alone, broker := w.config(""), ownBroker(t)
	if r := w.connect(alone, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	pollOnce(t, alone)
	id, _ := w.cloud.Person("anna").WeighIn(time.Now().Add(-time.Minute), 79.5, 24.4)
	if got := pollOnce(t, alone); !strings.HasPrefix(got, "anna: ok, 1 new weigh-in\n") || !strings.Contains(got, "set mqtt.url") {
		t.Errorf("%s", got)
	}
	o := observe(t, broker)
	var rows []pollRow
	if err := json.Unmarshal([]byte(pollOnce(t, w.config(broker), "--format", "json")), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1 || !rows[0].Published || len(rows[0].Events) != 1 || rows[0].Events[0].ID != id {
		t.Errorf("%+v", rows)
	}
	o.heard("fitbit2mqtt/anna/weigh_in", id)
}
