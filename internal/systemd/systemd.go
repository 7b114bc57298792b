// Package systemd tells the service manager that has started the program how it is: that
// it serves, in words what it is about, that it lives, that it needs more time, that it
// ends. The protocol is that of sd_notify(3): lines in a datagram to a local socket that
// the environment names.
//
// It promises that telling never holds up the program for longer than a moment, and that
// where there is no manager, everything may be told to nobody. It refuses to say that the
// program lives where that was not asked of this very process.
package systemd

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// patience is how long a manager that is busy may keep us.
const patience = time.Second

// Manager is a service manager. The zero value is nobody, and hears nothing.
type Manager struct {
	// Watchdog is how long the manager waits to be told Alive before it takes the program
	// for dead; zero if it does not. Tell it at least twice as often.
	Watchdog time.Duration

	socket *net.UnixConn
}

// Find returns the manager that the environment names, or nobody. The error says why it
// cannot be told anything.
func Find(getenv func(string) string) (*Manager, error) {
	name := getenv("NOTIFY_SOCKET")
	if name == "" {
		return &Manager{}, nil
	}
	if !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "@") { // @: it is in no folder
		return &Manager{}, fmt.Errorf("service manager: NOTIFY_SOCKET %q is of a kind that is not known here", name)
	}
	socket, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return &Manager{}, fmt.Errorf("service manager: %w", err)
	}
	m := &Manager{socket: socket}
	if m.Watchdog, err = watchdog(getenv); err != nil {
		return m, fmt.Errorf("service manager: %w", err)
	}
	return m, nil
}

func watchdog(getenv func(string) string) (time.Duration, error) {
	if pid := getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0, nil // inherited from whoever has started us
	}
	text := getenv("WATCHDOG_USEC")
	if text == "" {
		return 0, nil
	}
	const longest = int64(1<<63-1) / int64(time.Microsecond)
	us, err := strconv.ParseInt(text, 10, 64)
	if err != nil || us <= 0 || us > longest {
		return 0, fmt.Errorf("WATCHDOG_USEC %q is no number of microseconds", text)
	}
	return time.Duration(us) * time.Microsecond, nil
}

// News is something to tell the manager.
type News string

const (
	// Ready says that the program serves: what waits for it may start.
	Ready News = "READY=1"
	// Stopping says that the program ends.
	Stopping News = "STOPPING=1"
	// Alive says that the program does not hang.
	Alive News = "WATCHDOG=1"
)

// Status says in words what the program is about; everybody on the machine may read it.
func Status(text string) News { return News("STATUS=" + strings.Join(strings.Fields(text), " ")) }

// MoreTime asks for patience with a start or an end that takes longer than it should: for
// so long from now, or until it is asked again.
func MoreTime(d time.Duration) News {
	return News("EXTEND_TIMEOUT_USEC=" + strconv.FormatInt(d.Microseconds(), 10))
}

// Tell tells the manager all the news at once.
func (m *Manager) Tell(news ...News) error {
	if m.Nobody() || len(news) == 0 {
		return nil
	}
	var lines strings.Builder
	for _, n := range news {
		lines.WriteString(string(n) + "\n")
	}
	err := m.socket.SetWriteDeadline(time.Now().Add(patience))
	if err == nil {
		_, err = m.socket.Write([]byte(lines.String()))
	}
	if err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	return nil
}

// Nobody reports whether there is no manager, or none that can be told anything.
func (m *Manager) Nobody() bool { return m.socket == nil }

// Close is for when there is nothing more to tell.
func (m *Manager) Close() error {
	if m.Nobody() {
		return nil
	}
	return m.socket.Close()
}
