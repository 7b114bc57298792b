package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/systemd"
)

// patient is a bridge to watch.
type patient struct {
	mu     sync.Mutex
	alive  error
	states map[bridge.State]int
	gone   bool // the broker
	begun  chan struct{}
}

var (
	_ watched = (*patient)(nil)
	_ link    = (*patient)(nil)
)

func (p *patient) set(change func(*patient)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

func (p *patient) Sync(ctx context.Context) {
	select {
	case <-p.begun:
	case <-ctx.Done():
	}
}

func (p *patient) Alive() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.alive
}

func (p *patient) States() map[bridge.State]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.states
}

func (p *patient) tried(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(firstAnswer):
	}
}

func (p *patient) away() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone
}

// ear is what a service manager has been told.
type ear struct {
	mu   sync.Mutex
	news []string
	dead error // why it hears nothing
}

func (e *ear) hear(news ...systemd.News) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, n := range news {
		e.news = append(e.news, string(n))
	}
	return e.dead
}

// die makes it hear nothing any more.
func (e *ear) die(why error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dead = why
}

// heard returns the news since the last call.
func (e *ear) heard() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	news := e.news
	e.news = nil
	return news
}

func wantNews(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: the manager is told %q, want %q", what, got, want)
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		journal, e := newBuffer(), &ear{}
		p := &patient{states: map[bridge.State]int{}, gone: true, begun: make(chan struct{})}
		d := &daemon{tell: e.hear, watchdog: 12 * time.Second, log: slog.New(slog.NewTextHandler(journal, nil))}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go d.watch(ctx, p, p)
		after := func(d time.Duration) []string {
			time.Sleep(d)
			synctest.Wait()
			return e.heard()
		}
		wantNews(t, "before the bridge works", after(time.Hour))
		close(p.begun)
		wantNews(t, "when it works", after(firstAnswer), "READY=1", "WATCHDOG=1", "STATUS=nobody is connected yet; the broker is away")
		wantNews(t, "three times within the watchdog's patience", after(12*time.Second), "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1")
		p.set(func(p *patient) { p.states, p.gone = map[bridge.State]int{bridge.StateOK: 1}, false })
		wantNews(t, "what has changed", after(4*time.Second), "WATCHDOG=1", "STATUS=1 account: ok; the broker is there")

		p.set(func(p *patient) { p.alive = errors.Join(errors.New("this hangs"), errors.New("that hangs")) })
		wantNews(t, "a hang", after(12*time.Second), "STATUS=this hangs, that hangs")
		if n := strings.Count(journal.String(), "level=ERROR"); n != 1 || !strings.Contains(journal.String(), `error="this hangs, that hangs"`) {
			t.Errorf("the log says %s", journal)
		}
		p.set(func(p *patient) { p.alive = nil })
		wantNews(t, "its end", after(4*time.Second), "WATCHDOG=1", "STATUS=1 account: ok; the broker is there")

		e.die(errors.New("nobody listens"))
		after(time.Hour)
		if n := strings.Count(journal.String(), "nobody listens"); n != 1 {
			t.Errorf("it is logged %d times that the manager is away", n)
		}
		cancel()
		wantNews(t, "at the end", after(0), "STOPPING=1", "STATUS=stops")
	})
}

func TestWatchWithoutWatchdog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, p := &ear{}, &patient{begun: make(chan struct{})}
		d := &daemon{tell: e.hear, log: slog.New(slog.DiscardHandler)}
		ctx, cancel := context.WithCancel(t.Context())
		go d.watch(ctx, p, p)
		time.Sleep(time.Hour)
		cancel() // it never came to work
		synctest.Wait()
		wantNews(t, "a start that was given up", e.heard(), "STOPPING=1", "STATUS=stops")
	})
}

func TestPatiently(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &ear{}
		d := &daemon{tell: e.hear, log: slog.New(slog.DiscardHandler)}
		why := errors.New("why not")
		takes := func(d time.Duration) func() error {
			return func() error { time.Sleep(d); return why }
		}
		if err := d.patiently("is quick", time.Minute, takes(time.Second)); !errors.Is(err, why) {
			t.Errorf("error: %v", err)
		}
		wantNews(t, "nothing to wait for", e.heard())
		_ = d.patiently("takes its time", time.Minute, takes(5*time.Second))
		wantNews(t, "a little while", e.heard(), "STATUS=takes its time", "EXTEND_TIMEOUT_USEC=15000000", "STATUS=takes its time", "EXTEND_TIMEOUT_USEC=15000000")
		_ = d.patiently("hangs", time.Minute, takes(time.Hour))
		if n := len(e.heard()); n > 2*int(time.Minute/askEvery) || n < int(time.Minute/askEvery) {
			t.Errorf("a hang: %d times the manager is asked for patience", n)
		}
		d.tell = nil
		if err := d.patiently("without a manager", time.Minute, takes(time.Hour)); !errors.Is(err, why) {
			t.Errorf("error: %v", err)
		}
	})
}

func TestInWords(t *testing.T) {
	t.Parallel()
	for want, states := range map[string]map[bridge.State]int{
		"nobody is connected yet; the broker is there":                        {},
		"1 account: rate_limited; the broker is there":                        {bridge.StateRateLimited: 1},
		"2 accounts: 2 ok; the broker is there":                               {bridge.StateOK: 2},
		"13 accounts: 1 error, 11 ok, 1 signin_required; the broker is there": {bridge.StateOK: 11, bridge.StateSignInRequired: 1, bridge.StateError: 1},
	} {
		if got := inWords(states, false); got != want {
			t.Errorf("%v: %s, want %s", states, got, want)
		}
	}
}
