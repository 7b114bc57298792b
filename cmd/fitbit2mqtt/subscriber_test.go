package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/mosquitto"
)

// mosquittoSub is the client that everybody has, listening to what the README
// says; its output goes to the buffer.
func mosquittoSub(t *testing.T, broker *mosquitto.Broker, out *buffer, extra ...string) *exec.Cmd {
	t.Helper()
	binary, err := exec.LookPath("mosquitto_sub")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("mosquitto_sub is not installed")
		}
		t.Skip("mosquitto_sub is not installed")
	}
	host, port, err := net.SplitHostPort(broker.Addr())
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), binary, append([]string{
		"-v", "-h", host, "-p", port, "-t", "homeassistant/#", "-t", "fitbit2mqtt/#",
	}, extra...)...)
	c.Stdout, c.Stderr = out, out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait() // says that it was killed
	})
	return c
}

// The demo, as a stranger sees it at a terminal.
func TestDemoAtMosquittoSub(t *testing.T) {
	t.Parallel()
	broker := mosquitto.Start(t, mosquitto.Options{})
	terminal := newBuffer()
	mosquittoSub(t, broker, terminal)
	empty := filepath.Join(t.TempDir(), "config.yaml") // not the developer's own
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	demo := begin(t, "demo", "--config", empty, "--broker", broker.URL(), "--every", "300ms")
	states := []string{
		"fitbit2mqtt/bridge/state online", `fitbit2mqtt/bridge/info {"version":`, `fitbit2mqtt/bridge/health {"uptime_s":`,
		"homeassistant/device/fitbit2mqtt_bridge/config {",
	}
	for _, name := range []string{"anna", "ben"} {
		states = append(states, "fitbit2mqtt/"+name+"/availability online", "fitbit2mqtt/"+name+`/body {"id":`,
			"fitbit2mqtt/"+name+`/heart {"date":`, "fitbit2mqtt/"+name+`/connection {"state":"ok"`, "fitbit2mqtt/"+name+`/device/301 {"name":"Aria Air"`)
	}
	events := []string{`fitbit2mqtt/anna/weigh_in {"event_type":"weigh_in"`, `fitbit2mqtt/ben/weigh_in {"event_type":"weigh_in"`}
	for _, want := range append(events, states...) {
		if _, ok := terminal.line(want, patience); !ok {
			t.Fatalf("%q did not appear:\n%s", want, terminal)
		}
	}
	person := regexp.MustCompile(`(?m)^homeassistant/device/fitbit2mqtt_[a-z0-9]+/config \{"device":.*"name":"Anna"`)
	if !person.MatchString(terminal.String()) {
		t.Errorf("no discovery of a person:\n%s", terminal)
	}

	// Who comes later sees the states, and no old weigh-in.
	late := newBuffer()
	later := mosquittoSub(t, broker, late, "--retained-only")
	for _, want := range states {
		if _, ok := late.line(want, 5*time.Second); !ok {
			t.Fatalf("%q is not retained:\n%s", want, late)
		}
	}
	_ = later.Process.Kill()
	if strings.Contains(late.String(), "/weigh_in ") {
		t.Errorf("a weigh-in is retained:\n%s", late)
	}
	if r := demo.end(); r.code != exitOK || r.err != "" {
		t.Errorf("%+v", r)
	}
	if _, ok := terminal.line("fitbit2mqtt/bridge/state offline", patience); !ok {
		t.Errorf("the demo left without a word:\n%s", terminal)
	}
}
