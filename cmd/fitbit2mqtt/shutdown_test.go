package main

import (
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// orderly is how long an end in order may take, whatever the cloud and the broker
// do: some six seconds, and what a busy machine adds. After ten, Docker kills.
const orderly = 8 * time.Second

// signalled sends a signal and returns how the process ended.
func signalled(t *testing.T, c *exec.Cmd, signal os.Signal, within time.Duration) *os.ProcessState {
	t.Helper()
	start := time.Now()
	if err := c.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = c.Wait() // the state says it all
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the process does not end")
	}
	took := time.Since(start)
	t.Logf("%v: ended after %v: %v", signal, took, c.ProcessState)
	if took > within {
		t.Errorf("it took %v to end after %v, want at most %v", took, signal, within)
	}
	return c.ProcessState
}

// moveIn connects anna, who has weighed in two hours ago.
func (w *world) moveIn(t *testing.T, config string) {
	t.Helper()
	w.cloud.Person("anna").WeighIn(time.Now().Add(-2*time.Hour), 80, 25)
	if r := w.connect(config, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
}

// A signal ends the bridge in order: exit code 0, and "offline" as the last word,
// said by the bridge itself and not by the broker for it.
func TestSignalEndsInOrder(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "anna")
			broker := ownBroker(t)
			config := w.config(broker)
			w.moveIn(t, config)
			o := observe(t, broker)
			c := child(t, "run", "--config", config)
			o.heard("fitbit2mqtt/anna/body", `"weight_kg":80`)
			o.heard("fitbit2mqtt/anna/connection", `"state":"ok"`)

			if s := signalled(t, c, signal, orderly); s.ExitCode() != exitOK {
				t.Errorf("the process ended with %v", s)
			}
			o.heard("fitbit2mqtt/bridge/state", offline)
			o.publish("test/later", "1", true) // behind whatever the broker had to say
			o.heard("test/later", "1")
			if after := o.since("fitbit2mqtt/bridge/state", offline); !slices.Equal(after, []string{"fitbit2mqtt/bridge/state", "test/later"}) {
				t.Errorf("from \"offline\" on came %v; want that once, and nothing more", after)
			}
			if got := o.replayed()["fitbit2mqtt/bridge/state"]; got != offline {
				t.Errorf("bridge/state is retained as %q", got)
			}
		})
	}
}

// since lists the topics heard from a certain message on.
func (o *observer) since(topic, payload string) (topics []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range o.log {
		if len(topics) > 0 || m.Topic == topic && string(m.Payload) == payload {
			topics = append(topics, m.Topic)
		}
	}
	return topics
}

// A cloud that does not answer does not keep the bridge from ending.
func TestSignalWhileTheCloudHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	way := w.listenIn(t)
	broker := ownBroker(t)
	config := w.config(broker)
	w.moveIn(t, config)
	o := observe(t, broker)
	w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Slow, Path: "/dataTypes/", Delay: time.Minute})
	way.forget()
	c := child(t, "run", "--config", config)
	o.heard("fitbit2mqtt/bridge/state", "online")
	way.asked("/dataTypes/")
	if s := signalled(t, c, syscall.SIGTERM, orderly); s.ExitCode() != exitOK {
		t.Errorf("the process ended with %v", s)
	}
	o.heard("fitbit2mqtt/bridge/state", offline)
}

// Nor does a broker that takes everything and acknowledges nothing.
func TestSignalWhileTheBrokerIsSilent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	broker := ownBroker(t)
	hole := digHole(t, strings.TrimPrefix(broker, "mqtt://"))
	config := w.config("mqtt://" + hole.addr)
	w.moveIn(t, config)
	o := observe(t, broker)
	c := child(t, "run", "--config", config)
	o.heard("fitbit2mqtt/anna/connection", `"state":"ok"`)
	o.heard("fitbit2mqtt/anna/body", `"weight_kg":80`)
	hole.swallow()
	w.cloud.Person("anna").WeighIn(time.Now(), 79.5, 25)
	w.waitForPoll(3) // by then the bridge waits for the acknowledgement of that
	if s := signalled(t, c, syscall.SIGTERM, orderly); s.ExitCode() != exitOK {
		t.Errorf("the process ended with %v", s)
	}
	if n := len(o.events("fitbit2mqtt/anna/weigh_in")); n != 0 {
		t.Errorf("%d events came through the hole", n)
	}
}

// A renewal that is under way holds up the end, so as not to lose a token; a
// second signal is for people who know better.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	way := w.listenIn(t)
	broker := ownBroker(t)
	config := w.config(broker)
	w.moveIn(t, config)
	o := observe(t, broker)
	w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Unauthorized, Path: "/dataTypes/weight/"})
	w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Slow, Path: "/token", Delay: time.Minute})
	way.forget()
	c := child(t, "run", "--config", config)
	o.heard("fitbit2mqtt/bridge/state", "online")
	way.asked("/token")
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	o.heard("fitbit2mqtt/bridge/state", offline) // the first signal is being obeyed
	s := signalled(t, c, syscall.SIGTERM, 2*time.Second)
	if status, ok := s.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGTERM {
		t.Errorf("the process ended with %v, want to see it ended by the signal", s)
	}
}

// hole is a way to the broker that can begin to swallow everything: connections
// stay open, and nothing gets through.
type hole struct {
	addr  string
	begin sync.Once
	open  chan struct{} // closed when it swallows
}

func digHole(t *testing.T, target string) *hole {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	h := &hole{addr: l.Addr().String(), open: make(chan struct{})}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", target)
			if err != nil {
				_ = in.Close()
				continue
			}
			go h.pass(in, out)
			go h.pass(out, in)
		}
	}()
	return h
}

func (h *hole) swallow() { h.begin.Do(func() { close(h.open) }) }

func (h *hole) pass(to io.WriteCloser, from io.Reader) {
	defer func() { _ = to.Close() }()
	b := make([]byte, 4096)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		select {
		case <-h.open:
			continue
		default:
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}
