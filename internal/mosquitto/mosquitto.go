// Package mosquitto starts a real Mosquitto for tests, on a free loopback port
// and in a folder of its own, and ends it with the test.
//
// Where the binary is missing the test is skipped, or fails if CI is set. What
// the broker said is shown when the test fails.
package mosquitto

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Options says what kind of broker the test wants.
type Options struct {
	// Config is added behind the one listener: "protocol websockets", "cafile …".
	Config string
	// Username and Password, if given, are what clients must present.
	Username, Password string
	// Persistence keeps retained messages over Restart; behind Kill those of the
	// last moment may be missing.
	Persistence bool
}

// Broker is a running Mosquitto. Its methods belong to the test's goroutine.
type Broker struct {
	tb     testing.TB
	binary string
	dir    string
	addr   string
	cmd    *exec.Cmd
	exited chan struct{}
}

// Start returns when the broker takes connections.
func Start(tb testing.TB, o Options) *Broker {
	tb.Helper()
	b := &Broker{tb: tb, binary: find(tb), dir: tb.TempDir()}
	tb.Cleanup(func() {
		b.end(syscall.SIGKILL)
		if said, err := os.ReadFile(b.path("log")); tb.Failed() {
			tb.Logf("mosquitto said (%v):\n%s", err, said)
		}
	})
	for range 5 { // somebody may take the port before Mosquitto does
		b.addr = freeAddr(tb)
		b.configure(o)
		if b.launch() {
			return b
		}
	}
	tb.Fatal("mosquitto does not start; see its log")
	return nil
}

// Addr returns host:port.
func (b *Broker) Addr() string { return b.addr }

// URL returns the address as mqtt://host:port.
func (b *Broker) URL() string { return "mqtt://" + b.addr }

// Kill ends the broker as a power cut would.
func (b *Broker) Kill() {
	b.tb.Helper()
	b.end(syscall.SIGKILL)
}

// Restart starts the broker again, at the same address, after a regular stop if
// it still runs.
func (b *Broker) Restart() {
	b.tb.Helper()
	b.end(syscall.SIGTERM)
	if !b.launch() {
		b.tb.Fatal("mosquitto does not start again; see its log")
	}
}

func find(tb testing.TB) string {
	tb.Helper()
	for _, name := range []string{"mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"} {
		if binary, err := exec.LookPath(name); err == nil {
			return binary
		}
	}
	if os.Getenv("CI") != "" {
		tb.Fatal("mosquitto is not installed")
	}
	tb.Skip("mosquitto is not installed")
	return ""
}

func freeAddr(tb testing.TB) string {
	tb.Helper()
	l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // it was only asked for its port
	return l.Addr().String()
}

func (b *Broker) path(name string) string { return filepath.Join(b.dir, name) }

func (b *Broker) configure(o Options) {
	b.tb.Helper()
	host, port, err := net.SplitHostPort(b.addr)
	if err != nil {
		b.tb.Fatal(err)
	}
	lines := []string{
		"user root", // it would become a user who cannot read the folder
		"log_type all",
		"listener 0 socket", // 2.0.11 does not start with nothing but WebSocket
		"listener " + port + " " + host,
	}
	if o.Password == "" {
		lines = append(lines, "allow_anonymous true")
	} else {
		b.write("passwords", o.Username+":"+hash(b.tb, o.Password)+"\n")
		lines = append(lines, "allow_anonymous false", "password_file "+b.path("passwords"))
	}
	if o.Persistence {
		lines = append(lines, "persistence true", "persistence_location "+b.dir+"/",
			"autosave_on_changes true", "autosave_interval 1") // after every single change
	}
	b.write("mosquitto.conf", strings.Join(append(lines, o.Config), "\n")+"\n")
}

func (b *Broker) write(name, content string) {
	b.tb.Helper()
	if err := os.WriteFile(b.path(name), []byte(content), 0o600); err != nil {
		b.tb.Fatal(err)
	}
}

// hash returns what mosquitto_passwd would: $7$, PBKDF2 with SHA-512.
func hash(tb testing.TB, password string) string {
	tb.Helper()
	const rounds = 101
	salt := []byte("twelve bytes") // as many as Mosquitto wants
	key, err := pbkdf2.Key(sha512.New, password, salt, rounds, sha512.Size)
	if err != nil {
		tb.Fatal(err)
	}
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("$7$%d$%s$%s", rounds, encode(salt), encode(key))
}

// launch reports whether the process runs, as it says itself.
func (b *Broker) launch() bool {
	b.tb.Helper()
	output, err := os.OpenFile(b.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		b.tb.Fatal(err)
	}
	defer output.Close() //nolint:errcheck // the child has its own
	before, err := output.Seek(0, io.SeekEnd)
	if err != nil {
		b.tb.Fatal(err)
	}
	// Not CommandContext: a test's context ends before its cleanups, and what
	// they still say to the broker should arrive.
	b.cmd = exec.Command(b.binary, "-c", b.path("mosquitto.conf")) //nolint:gosec,noctx // see above; the binary is Mosquitto
	b.cmd.Dir = b.dir
	b.cmd.Stdout, b.cmd.Stderr = output, output
	if err := b.cmd.Start(); err != nil {
		b.tb.Fatal(err)
	}
	b.exited = make(chan struct{})
	go func() {
		defer close(b.exited)
		_ = b.cmd.Wait() // it is always killed
	}()
	// That the port takes connections would not say whose it is.
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if said, err := os.ReadFile(b.path("log")); err == nil && bytes.Contains(said[before:], []byte(" running\n")) {
			return true
		}
		select {
		case <-b.exited:
			return false
		case <-time.After(5 * time.Millisecond):
		}
	}
	return false
}

func (b *Broker) end(signal os.Signal) {
	if b.cmd == nil {
		return
	}
	_ = b.cmd.Process.Signal(signal) // fails if it is gone already
	<-b.exited
}
