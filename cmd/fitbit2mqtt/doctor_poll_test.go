package main

import (
	"strings"
	"testing"
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
