package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// manager is a service manager with a real socket.
type manager struct {
	t      *testing.T
	socket *net.UnixConn
	env    []string
}

func newManager(t *testing.T, name string) *manager {
	t.Helper()
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	return &manager{t, socket, []string{"NOTIFY_SOCKET=" + name, "WATCHDOG_USEC=300000"}}
}

// waitFor returns what was heard, up to the news that contain text.
func (m *manager) waitFor(text string) (heard []string) {
	m.t.Helper()
	if err := m.socket.SetReadDeadline(time.Now().Add(patience)); err != nil {
		m.t.Fatal(err)
	}
	for b := make([]byte, 4096); ; {
		n, err := m.socket.Read(b)
		if err != nil {
			m.t.Fatalf("the manager was never told %q: %v; only %q", text, err, heard)
		}
		for line := range strings.Lines(string(b[:n])) {
			heard = append(heard, strings.TrimSuffix(line, "\n"))
		}
		if strings.Contains(string(b[:n]), text) {
			return heard
		}
	}
}

// The bridge tells the manager that it is ready once the page answers, be the broker
// there or not, then how it is, and that it stops.
func TestServiceManagerIsTold(t *testing.T) {
	t.Parallel()
	for kind, name := range map[string]string{
		"a socket in a folder": filepath.Join(t.TempDir(), "s"),
		"a socket in none":     "@fitbit2mqtt-test-" + strconv.Itoa(os.Getpid()),
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "anna")
			away := freeAddr(t)
			config := w.config("mqtt://" + away)
			w.moveIn(t, config)
			page := freeAddr(t)
			m := newManager(t, name)
			c := childIn(t, slices.Concat(m.env, []string{"FITBIT2MQTT_WEB_LISTEN=" + page}), "run", "--config", config)
			if before := m.waitFor("READY=1"); len(before) != 1 {
				t.Errorf("before it was ready it said %q", before)
			}
			if status, body, err := healthOf(t.Context(), page); err != nil || status != http.StatusOK {
				t.Errorf("the page of a bridge that is ready: %d %s %v", status, body, err)
			}
			m.waitFor("STATUS=1 account: ok; the broker is away")
			m.waitFor("WATCHDOG=1")
			m.waitFor("WATCHDOG=1")
			if s := signalled(t, c, syscall.SIGTERM, orderly); s.ExitCode() != exitOK {
				t.Errorf("the process ended with %v", s)
			}
			m.waitFor("STOPPING=1")
		})
	}
}

// A renewal that is under way gets the time it needs.
func TestServiceManagerWaitsForARenewal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	way := w.listenIn(t)
	broker := ownBroker(t)
	config := w.config(broker)
	w.moveIn(t, config)
	o := observe(t, broker)
	w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Unauthorized, Path: "/dataTypes/weight/"})
	w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Slow, Path: "/token", Delay: 5 * time.Second})
	way.forget()
	m := newManager(t, filepath.Join(t.TempDir(), "s"))
	c := childIn(t, m.env, "run", "--config", config)
	m.waitFor("READY=1")
	way.asked("/token")
	s := signalled(t, c, syscall.SIGTERM, patience)
	if s.ExitCode() != exitOK {
		t.Errorf("the process ended with %v", s)
	}
	o.heard("fitbit2mqtt/bridge/state", offline)
	m.waitFor("STOPPING=1")
	heard := m.waitFor("EXTEND_TIMEOUT_USEC=15000000")
	if !slices.Contains(heard, "STATUS=brings a sign-in or the renewal of a token to its end") {
		t.Errorf("the manager was told %q", heard)
	}
}

// Nobody is ready who has not begun, and other commands are nobody's service.
func TestServiceManagerIsToldNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	config := w.config("mqtt://127.0.0.1:1")
	m := newManager(t, filepath.Join(t.TempDir(), "s"))
	for _, args := range [][]string{
		{"run", "--config", config, "--log-level", "loud"},
		{"accounts", "--config", config},
		{"demo", "--for", "1s"},
	} {
		env := slices.Concat(m.env, []string{"FITBIT2MQTT_WEB_LISTEN=off", "FITBIT2MQTT_MQTT_EMBEDDED_LISTEN=127.0.0.1:0"})
		if err := childIn(t, env, args...).Wait(); (err != nil) != (args[0] == "run") {
			t.Errorf("%s: %v", args, err)
		}
	}
	if err := m.socket.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	if n, err := m.socket.Read(b); err == nil {
		t.Errorf("the manager was told %q", b[:n])
	}
}
