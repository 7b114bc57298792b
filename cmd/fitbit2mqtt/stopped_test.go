package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// Whatever a signal stops ends well, and says in one line how far it came.
func TestStopped(t *testing.T) {
	t.Parallel()
	for says, args := range map[string][]string{
		"what was found so far is kept; the next poll or run publishes what is new of it": {"poll"},
		"nothing was kept or published":                         {"poll", "--dry-run"},
		"not everything was looked at, so that nothing is said": {"doctor"},
		"0 of 1 sign-ins were checked":                          {"accounts", "refresh"},
	} {
		t.Run(args[len(args)-1], func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "anna")
			config := w.config(ownBroker(t))
			if r := w.connect(config, "anna"); r.code != exitOK {
				t.Fatalf("%+v", r)
			}
			w.cloud.ResetRequests()
			w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Slow, Delay: time.Second})
			c := begin(t, append(args, "--config", config)...)
			eventually(t, "the cloud is asked", func() bool { return len(w.cloud.Requests()) > 0 })
			if r := c.end(); r.code != exitOK || r.out != "" || r.err != "Stopped: "+says+".\n" {
				t.Errorf("%+v", r)
			}
		})
	}
}

// A backup that is stopped before it has begun says that there is none.
func TestBackupStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	config := w.config("")
	file := saved(t, w, config)
	leave, err := occupy(t.Context(), w.dir) // it has to wait
	if err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(t.TempDir(), "fresh.tar")
	if r := begin(t, "backup", fresh, "--config", config).end(); r.code != exitOK || r.out != "" || r.err != "Stopped: no backup was made.\n" {
		t.Errorf("%+v", r)
	}
	if _, err := os.Stat(fresh); err == nil {
		t.Error("there is a backup")
	}
	if r := begin(t, "restore", file, "--yes", "--config", config).end(); r.code != exitOK || r.out != "" || r.err != "Stopped: nothing was restored.\n" {
		t.Errorf("%+v", r)
	}
	if err := leave(); err != nil {
		t.Error(err)
	}
}
