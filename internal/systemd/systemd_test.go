package systemd_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/systemd"
)

// manager is a service manager that hears what it is told.
type manager struct {
	*testing.T
	socket *net.UnixConn
}

func newManager(t *testing.T, name string) *manager {
	t.Helper()
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	return &manager{t, socket}
}

// hears checks the next datagram.
func (m *manager) hears(lines ...string) {
	m.Helper()
	if err := m.socket.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		m.Fatal(err)
	}
	b := make([]byte, 4096)
	n, err := m.socket.Read(b)
	if want := strings.Join(lines, "\n") + "\n"; err != nil || string(b[:n]) != want {
		m.Errorf("heard %q, %v; want %q", b[:n], err, want)
	}
}

// env is an environment.
type env map[string]string

func (e env) get(key string) string { return e[key] }

func find(t *testing.T, e env) *systemd.Manager {
	t.Helper()
	m, err := systemd.Find(e.get)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func TestTell(t *testing.T) {
	t.Parallel()
	for kind, name := range map[string]string{
		"a socket in a folder": filepath.Join(t.TempDir(), "notify"),
		"a socket in none":     "@fitbit2mqtt/" + t.Name() + strconv.Itoa(os.Getpid()),
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			m := newManager(t, name)
			s := find(t, env{"NOTIFY_SOCKET": name})
			for _, step := range []struct {
				news []systemd.News
				want []string
			}{
				{[]systemd.News{systemd.Ready, systemd.Status("2 accounts: 2 ok")}, []string{"READY=1", "STATUS=2 accounts: 2 ok"}},
				{[]systemd.News{systemd.Alive}, []string{"WATCHDOG=1"}},
				{[]systemd.News{systemd.Status("one\nREADY=1\n")}, []string{"STATUS=one READY=1"}},
				{[]systemd.News{systemd.Stopping, systemd.MoreTime(1500 * time.Millisecond)}, []string{"STOPPING=1", "EXTEND_TIMEOUT_USEC=1500000"}},
			} {
				if err := s.Tell(step.news...); err != nil {
					t.Error(err)
				}
				m.hears(step.want...)
			}
		})
	}
}

func TestNobody(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]*systemd.Manager{"zero": {}, "found": find(t, env{"WATCHDOG_USEC": "1000000"})} {
		if err := m.Tell(systemd.Ready); err != nil || !m.Nobody() || m.Watchdog != 0 || m.Close() != nil {
			t.Errorf("%s: %v, %+v", name, err, m)
		}
	}
}

// A manager that is gone, or does not listen, is an error and nothing worse.
func TestNotHeard(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "notify")
	for _, name := range []string{name, "vsock:2:1234", "notify"} {
		m, err := systemd.Find(env{"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1000000"}.get)
		if err == nil || m == nil || !m.Nobody() || m.Watchdog != 0 || m.Tell(systemd.Alive) != nil {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
	m := newManager(t, name)
	s := find(t, env{"NOTIFY_SOCKET": name})
	began := time.Now()
	var err error
	for err == nil && time.Since(began) < 20*time.Second { // until its queue is full
		err = s.Tell(systemd.Alive)
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a manager that is busy: %v", err)
	}
	_ = m.socket.Close()
	if err := s.Tell(systemd.Alive); err == nil {
		t.Error("a manager that is gone has been told something")
	}
}

func TestWatchdog(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "notify")
	newManager(t, name)
	own, others := strconv.Itoa(os.Getpid()), strconv.Itoa(os.Getpid()+1)
	for _, test := range []struct {
		usec, pid string
		want      time.Duration
		bad       bool
	}{
		{"", "", 0, false},
		{"180000000", "", 3 * time.Minute, false},
		{"180000000", own, 3 * time.Minute, false},
		{"180000000", others, 0, false},
		{"nonsense", others, 0, false},
		{"nonsense", own, 0, true},
		{"0", "", 0, true},
		{"-1", "", 0, true},
		{"9223372036854775807", "", 0, true},
	} {
		m, err := systemd.Find(env{"NOTIFY_SOCKET": name, "WATCHDOG_USEC": test.usec, "WATCHDOG_PID": test.pid}.get)
		if m.Watchdog != test.want || (err != nil) != test.bad || m.Nobody() {
			t.Errorf("%+v: %+v, %v", test, m, err)
		}
		_ = m.Close()
	}
}
