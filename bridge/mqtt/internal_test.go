package mqtt

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		filter, topic string
		want          bool
	}{
		{"a/b", "a/b", true},
		{"a/b", "a/c", false},
		{"a/b", "a/b/c", false},
		{"a/b/c", "a/b", false},
		{"a/+/c", "a/b/c", true},
		{"a/+/c", "a//c", true},
		{"a/+", "a", false},
		{"a/#", "a", true},
		{"a/#", "a/b/c", true},
		{"a/#", "b", false},
		{"#", "a/b", true},
		{"+", "a/b", false},
	} {
		if got := match(tt.filter, tt.topic); got != tt.want {
			t.Errorf("match(%q, %q) = %v, want %v", tt.filter, tt.topic, got, tt.want)
		}
	}
}

func TestCheckFilter(t *testing.T) {
	for filter, ok := range map[string]bool{
		"a/b": true, "+/b": true, "a/#": true, "#": true, "/": true,
		"": false, "a/#/b": false, "a#": false, "a+/b": false, "a/\x00": false,
	} {
		if err := checkFilter(filter); (err == nil) != ok {
			t.Errorf("checkFilter(%q) = %v", filter, err)
		}
	}
}

func TestDelay(t *testing.T) {
	p := defaultPace(30 * time.Second)
	for _, tt := range []struct {
		failures int
		lasting  bool
		longest  time.Duration
	}{
		{0, false, time.Second},
		{1, false, 2 * time.Second},
		{5, false, 32 * time.Second},
		{6, false, time.Minute},
		{1 << 20, false, time.Minute},
		{0, true, time.Minute}, // a wrong password is not worth a second try soon
	} {
		seen := map[time.Duration]bool{}
		for range 20 {
			d := p.delay(tt.failures, tt.lasting)
			if d < tt.longest/2 || d > tt.longest {
				t.Errorf("delay(%d, %v) = %v, want %v to %v", tt.failures, tt.lasting, d, tt.longest/2, tt.longest)
			}
			seen[d] = true
		}
		if len(seen) == 1 {
			t.Errorf("delay(%d, %v) has no jitter", tt.failures, tt.lasting)
		}
	}
}

func TestWriteTimeout(t *testing.T) {
	near, far := net.Pipe() // takes nothing until somebody reads
	defer near.Close()
	defer far.Close()
	c := &timedConn{Conn: near, limit: 10 * time.Millisecond}
	if _, err := c.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Write = %v, want a deadline exceeded", err)
	}
}

func TestExplainIsSteady(t *testing.T) {
	target := target{}
	broken := func(port int) error {
		return &net.OpError{
			Op: "read", Net: "tcp", Err: errors.New("broken"),
			Source: &net.TCPAddr{Port: port}, Addr: &net.TCPAddr{Port: 1883},
		}
	}
	if a, b := target.explain(broken(1)), target.explain(broken(2)); a.Detail != b.Detail {
		t.Errorf("%q and %q differ by our own port", a.Detail, b.Detail)
	}
	if got := target.explain(context.DeadlineExceeded).Detail; got != "the broker does not answer" {
		t.Errorf("a timeout is explained as %q", got)
	}
}

func TestEmbeddedNeverForgets(t *testing.T) {
	if got := capabilities().MaximumMessageExpiryInterval; got != 0 {
		t.Errorf("retained messages are forgotten after %d s", got)
	}
}
