package main

import (
	"strings"
	"testing"
	"time"
)

// A poll has the lock of a bridge, but no page.
func TestDoctorTakesAPollForNoBridge(t *testing.T) {
	d := &doctor{config: config{DataDir: t.TempDir()}}
	release, err := lock(d.config.DataDir)
	if err == nil {
		err = sayPolling(d.config.DataDir)
	}
	if err != nil {
		t.Fatal(err)
	}
	if f := d.lock(); f.Status != well || !strings.Contains(f.Detail, "poll") || d.running {
		t.Errorf("beside a poll: %+v, running %v", f, d.running)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}

// A household that lives by cron is not told that its bridge is missing.
func TestDoctorOfAHouseholdThatPolls(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, "google")
	if f := consult(t, h.config).says(t, "bridge", ""); f.Status != warning || !strings.Contains(f.Detail, "none runs") {
		t.Errorf("after a bridge: %+v", f)
	}
	pollOnce(t, h.config)
	if f := consult(t, h.config).says(t, "bridge", ""); f.Status != well || !strings.HasPrefix(f.Detail, "none stays; the last poll was at 20") {
		t.Errorf("after a poll: %+v", f)
	}
	if f := consult(t, h.config, "--offline").says(t, "bridge", ""); f.Status != warning {
		t.Errorf("offline: %+v", f)
	}
	d := doctor{now: time.Now, polled: time.Now().Add(-49 * time.Hour)}
	found := []finding{fine("page", "it answers"), warn("bridge", "start it", "none runs")}
	if d.byCron(found); found[1].Status != warning || !strings.Contains(found[1].Detail, "the last poll was at 20") || !strings.Contains(*found[1].Hint, "what calls") {
		t.Errorf("long after a poll: %+v", found)
	}
}

// What is not asked for while the cloud is away takes one line for each person.
func TestDoctorSaysOnceThatTheCloudIsAway(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, "google")
	h.server.Close()
	c := consult(t, h.config, "--account", "anna")
	about := 0
	for _, f := range c.found {
		if f.Account != nil && f.Check != "discovery" {
			about++
		}
	}
	if f := c.says(t, "metrics", "anna"); f.Status != skipped || f.Detail != "its cloud comes first" || about != 4 {
		t.Errorf("%d lines about anna:\n%s", about, plain(c.found))
	}
}
