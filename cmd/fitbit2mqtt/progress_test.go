package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

func TestBar(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		done, all     int
		worked, waits time.Duration
		want          string
	}{
		{0, 365, 0, 0, "[------------------------------]   0 %"},
		{0, 365, time.Minute, 0, "[------------------------------]   0 %"},
		{1, 365, time.Second, 0, "[------------------------------]   0 %  7 min left"},
		{90, 365, 30 * time.Second, 0, "[#######-----------------------]  24 %  2 min left"},
		{90, 365, 30 * time.Second, 90 * time.Minute, "[#######-----------------------]  24 %  1 h 30 min left"},
		{90, 365, time.Hour, 90 * time.Minute, "[#######-----------------------]  24 %  3 h 3 min left"},
		{182, 365, 10 * time.Second, 0, "[##############----------------]  49 %  11 s left"},
		{5, 365, 2 * time.Minute, 0, "[------------------------------]   1 %  2 h 24 min left"},
		{365, 365, time.Hour, time.Hour, "[##############################] 100 %"},
		{400, 365, time.Hour, 0, "[##############################] 100 %"},
		{0, 0, 0, 0, "[------------------------------]   0 %"},
	} {
		if got := bar(c.done, c.all) + left(c.done, c.all, c.worked, c.waits); got != c.want {
			t.Errorf("%d of %d after %v: %q, want %q", c.done, c.all, c.worked, got, c.want)
		}
	}
}

// Short waits are sat out by anybody, long ones only before somebody's eyes; and what was
// waited does not count as work.
func TestWaitForTheCloud(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		seen  bool
		left  time.Duration
		waits bool
	}{{false, time.Minute, true}, {false, 3 * time.Minute, false}, {true, time.Hour, true}} {
		synctest.Test(t, func(t *testing.T) {
			var said strings.Builder
			p := &progress{w: &said, seen: c.seen, start: time.Now()}
			until := p.start.Add(c.left)
			err := p.wait(t.Context(), until)
			limit, limited := errors.AsType[*fitbit.RateLimitError](err)
			switch {
			case c.waits && (err != nil || !time.Now().Equal(until) || p.waited != c.left):
				t.Errorf("%+v: %v, waited %v", c, err, p.waited)
			case !c.waits && (!limited || !limit.Until.Equal(until) || !time.Now().Equal(p.start)):
				t.Errorf("%+v: %v", c, err)
			case c.seen != strings.Contains(said.String(), "going on at "):
				t.Errorf("%+v: it says %q", c, said.String())
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // a cloud that only ever says "soon"
		p := &progress{w: io.Discard, start: time.Now()}
		begun, waits := p.start, 0
		for p.wait(t.Context(), time.Now().Add(50*time.Second)) == nil {
			if waits++; waits == 2 {
				p.show(1, 2, 0) // and then gives something
			}
		}
		if waits != 4 || time.Since(begun) != 200*time.Second {
			t.Errorf("gave up after %d waits, %v", waits, time.Since(begun))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		p := &progress{w: io.Discard, seen: true}
		if err := p.wait(ctx, time.Now().Add(time.Hour)); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// What goes nowhere is seen by nobody, whatever the stream is called. Cron jobs are such.
func TestNobodySitsAtNowhere(t *testing.T) {
	t.Parallel()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []*os.File{null, file} {
		fd, err := syscall.Dup(int(f.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		stderr := os.NewFile(uintptr(fd), "/dev/stderr") // as the runtime calls it, redirected or not
		if isTerminal(stderr) {
			t.Errorf("%s is taken for a terminal", f.Name())
		}
		if err := errors.Join(stderr.Close(), f.Close()); err != nil {
			t.Error(err)
		}
	}
}
