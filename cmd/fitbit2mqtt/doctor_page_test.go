package main

import (
	"bytes"
	"strings"
	"testing"
)

// What the page says beside a bridge that runs, and without one.
func TestDoctorAtThePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	broker, page := ownBroker(t), freeAddr(t)
	config := w.settle(broker, page)
	o := observe(t, broker)
	bridge := w.atHome(t, config, o)
	if f := consult(t, config).says(t, "page", ""); f.Status != well || f.Detail != "it answers at "+page {
		t.Errorf("%+v", f)
	}
	elsewhere := w.settle(broker, freeAddr(t))
	consult(t, elsewhere).only(t, exitConfig, "page", "though the bridge runs", "restart the bridge, if web.listen has changed")
	for listen, says := range map[string]string{"off": "turned off", "127.0.0.1:0": "only the bridge knows"} {
		if f := consult(t, w.settle(broker, listen)).says(t, "page", ""); f.Status != skipped || !strings.Contains(f.Detail, says) {
			t.Errorf("%+v", f)
		}
	}
	stranger := newWorld(t)
	if f := consult(t, stranger.settle(broker, page)).says(t, "page", ""); f.Status != warning || !strings.Contains(f.Detail, "another fitbit2mqtt") {
		t.Errorf("%+v", f)
	}
	bridge.end()
	guarded := w.settle(broker, page)
	edit(t, guarded, func(b []byte) []byte {
		return bytes.Replace(b, []byte("web: {"), []byte("web: {password: a-long-secret-word, "), 1)
	})
	w.atHome(t, guarded, observe(t, broker)).waitForPage(t, page)
	c := consult(t, guarded)
	if f := c.says(t, "page", ""); f.Status != well || strings.Contains(c.out, "a-long-secret-word") {
		t.Errorf("%+v", f)
	}
}

// waitForPage waits until a page is open.
func (c *command) waitForPage(t *testing.T, address string) {
	t.Helper()
	if _, ok := c.err.line("the page is open", patience); !ok {
		t.Fatalf("no page at %s: %s", address, c.err)
	}
}

// The broker inside the bridge: there while that runs, and said to be for trying out.
func TestDoctorAtTheEmbeddedBroker(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.completePerson(t, "anna")
	listen, page := freeAddr(t), freeAddr(t)
	config := w.settle("", page)
	c := consult(t, config)
	c.well(t)
	if f := c.says(t, "broker", ""); f.Status != skipped || !strings.Contains(f.Detail, "port that only the bridge knows; it is for trying out") {
		t.Errorf("%+v", f)
	}
	edit(t, config, func(b []byte) []byte { return bytes.Replace(b, []byte("127.0.0.1:0"), []byte(listen), 1) })
	c = consult(t, config)
	c.well(t)
	if f := c.says(t, "broker", ""); f.Status != skipped || !strings.Contains(f.Detail, "which does not run; it is for trying out") {
		t.Errorf("%+v", f)
	}
	if r := w.connect(config, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	start := func() *command { // anew each time: what the broker retains ends with the bridge
		bridge := begin(t, "run", "--config", config)
		bridge.waitForPage(t, page)
		o := observe(t, "mqtt://"+listen)
		o.until("everything is announced", func() bool { return o.announced() == 4 })
		o.heard("fitbit2mqtt/anna/heart", `"resting_date"`)
		return bridge
	}
	start().end()
	start()
	c = consult(t, config)
	c.well(t)
	if f := c.says(t, "broker", ""); f.Status != well || !strings.Contains(f.Detail, "answers at "+listen+"; it is for trying out") {
		t.Errorf("%+v", f)
	}
	if f := c.says(t, "discovery", "anna"); f.Status != well {
		t.Errorf("%+v", f)
	}
}
