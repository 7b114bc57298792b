package main

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/mosquitto"
)

// child starts the program as a process of its own.
func child(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return childIn(t, nil, args...)
}

// childIn does so in a process with more in its environment.
func childIn(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), exe, args...)
	c.Env = append(append(os.Environ(), childEnv+"=1"), env...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() })
	return c
}

func kill(t *testing.T, c *exec.Cmd) {
	t.Helper()
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // says that it was killed
}

// The bridge is killed 50 times at random points while people weigh in and their
// tokens are refused again and again: no weigh-in is lost, none gets a second id,
// each comes for the first time in order, and the sign-in survives.
func TestKilledAgainAndAgain(t *testing.T) {
	const kills = 50
	w := newWorld(t, "anna")
	anna := w.cloud.Person("anna")
	broker := mosquitto.Start(t, mosquitto.Options{})
	config := w.config(broker.URL())
	anna.WeighIn(time.Now().Add(-24*time.Hour), 80, 25)
	if r := w.connect(config, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	o := observe(t, broker.URL())
	first := child(t, "run", "--config", config)
	o.heard("fitbit2mqtt/anna/connection", `"state":"ok"`)
	o.heard("fitbit2mqtt/anna/body", `"weight_kg":80`)
	kill(t, first)
	o.heard("fitbit2mqtt/bridge/state", offline) // the last will

	w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Unauthorized, Path: "/dataTypes/weight/", Every: 3})
	random := rand.New(rand.NewPCG(1, 2))
	var want []string
	start := time.Now().Add(-time.Hour)
	for n := range kills {
		c := child(t, "run", "--config", config)
		pause(t, random, 400*time.Millisecond)
		id, _ := anna.WeighIn(start.Add(time.Duration(n)*30*time.Second), 80-float64(n)/50, 25)
		want = append(want, id)
		pause(t, random, 1200*time.Millisecond)
		kill(t, c)
	}
	last := child(t, "run", "--config", config)
	defer kill(t, last)
	o.heard("fitbit2mqtt/anna/weigh_in", want[kills-1])
	o.heard("fitbit2mqtt/anna/body", want[kills-1])

	var got []string
	times := make(map[string]string)
	repeated := 0
	for _, payload := range o.events("fitbit2mqtt/anna/weigh_in") {
		e := decode(t, payload)
		id, at := e["id"].(string), e["measured_at"].(string)
		if e["event_type"] != "weigh_in" {
			t.Errorf("unexpected event: %s", payload)
		}
		if known, ok := times[at]; ok && known != id {
			t.Errorf("the weigh-in of %s came under two ids: %s and %s", at, known, id)
		}
		times[at] = id
		if slices.Contains(got, id) {
			repeated++
			continue
		}
		got = append(got, id)
	}
	if !slices.Equal(got, want) {
		t.Errorf("weigh-ins arrived:\n%v\nwant:\n%v", got, want)
	}
	t.Logf("%d kills: %d weigh-ins, none lost, %d repeated under their own id", kills, len(got), repeated)
	r := invoke(t, "accounts", "list", "--format", "json", "--config", config)
	if r.code != exitOK || !strings.Contains(r.out, `"state": "ok"`) {
		t.Errorf("the sign-in did not survive: %+v", r)
	}
}

const offline = "offline"

// pause lets a random time pass, so that the process is killed wherever it is.
func pause(t *testing.T, random *rand.Rand, longest time.Duration) {
	t.Helper()
	timer := time.NewTimer(time.Duration(random.Int64N(int64(longest))))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
		t.Fatal("the test was stopped")
	}
}
