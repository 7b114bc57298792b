package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Offline nobody is asked, and the files are the same afterwards, byte for byte, be they
// of this version, of an older one, or not there yet.
func TestDoctorOffline(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, "google")
	tokens, past := filepath.Join(h.dir, "tokens.db"), filepath.Join(h.dir, "history.db")
	h.cloud.ResetRequests()
	same := func(do func()) {
		t.Helper()
		var before, after [][]byte
		read := func() (all [][]byte) {
			for _, path := range []string{tokens, past} {
				b, _ := os.ReadFile(path)
				all = append(all, b)
			}
			return all
		}
		before = read()
		h.dataUnchanged(t, do)
		after = read()
		for i := range before {
			if !bytes.Equal(before[i], after[i]) {
				t.Error("a file has changed")
			}
		}
	}
	same(func() {
		r := invoke(t, "doctor", "--offline", "--config", h.config)
		if r.code != exitOK || r.err != "" {
			t.Errorf("%+v", r)
		}
		golden(t, "testdata/doctor/offline.txt", h.steady(r.out, h.config, "CONFIG"))
	})
	edit(t, tokens, versioned(1))
	edit(t, past, versioned(1))
	same(func() {
		r := invoke(t, "doctor", "--offline", "--config", h.config)
		if r.code != exitOK || r.err != "" {
			t.Errorf("%+v", r)
		}
		golden(t, "testdata/doctor/older.txt", h.steady(r.out, h.config, "CONFIG"))
	})
	if n := len(h.cloud.Requests()); n > 0 {
		t.Errorf("%d requests", n)
	}
	if err := os.RemoveAll(h.dir); err != nil {
		t.Fatal(err)
	}
	same(func() {
		r := invoke(t, "doctor", "--offline", "--config", h.config)
		if r.code != exitOK || r.err != "" {
			t.Errorf("%+v", r)
		}
		golden(t, "testdata/doctor/empty.txt", h.steady(r.out, h.config, "CONFIG"))
	})
	if _, err := os.Stat(h.dir); err == nil {
		t.Error("the folder was made")
	}
}

// A new house: nothing is there yet, and nothing is wrong.
func TestDoctorInANewHouse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	broker, page := ownBroker(t), freeAddr(t)
	config := w.settle(broker, page)
	r := invoke(t, "doctor", "--config", config)
	if r.code != exitOK || r.err != "" {
		t.Errorf("%+v", r)
	}
	golden(t, "testdata/doctor/new.txt", w.steady(r.out, config, "CONFIG", broker, "BROKER"))
}

// A key that is set before anything was encrypted with it is not used yet.
func TestDoctorWithANewKey(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, "google")
	edit(t, h.config, func(b []byte) []byte { return append(b, "store: {key: right}\n"...) })
	c := consult(t, h.config)
	c.well(t)
	if f := c.says(t, "key", ""); f.Status != warning || !strings.Contains(f.Detail, "not encrypted with it yet") {
		t.Errorf("%+v", f)
	}
	h.seal(t, "right")
	c = consult(t, h.config)
	c.well(t)
	if f := c.says(t, "key", ""); f.Status != well || f.Detail != "it opens tokens.db" {
		t.Errorf("%+v", f)
	}
}

// Whoever is not connected cannot be looked at.
func TestDoctorOfNobody(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, "google")
	r := invoke(t, "doctor", "--account", "nobody", "--config", h.config)
	if r.code != exitUsage || r.out != "" || r.err != "Error: there is no account called \"nobody\"\nTry: fitbit2mqtt accounts list\n" {
		t.Errorf("%+v", r)
	}
}

// silent is an address at which connections are taken and nothing is ever said.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
		}
	}()
	return l.Addr().String()
}

// Nobody answers, and it is over soon all the same.
func TestDoctorWhereNobodyAnswers(t *testing.T) {
	t.Parallel()
	for _, backend := range []string{"google", "fitbit"} {
		h := newHousehold(t, backend)
		was := h.server.URL
		h.config = h.settle("mqtt://"+silent(t), silent(t))
		edit(t, h.config, func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(was), []byte("http://"+silent(t))) })
		began := time.Now()
		c := consult(t, h.config)
		if took := time.Since(began); took > 8*time.Second {
			t.Errorf("it took %s", took)
		}
		for check, says := range map[string]string{"cloud": "nothing comes back", "broker": "does not answer"} {
			if f := c.says(t, check, ""); f.Status != failed || !strings.Contains(f.Detail, says) {
				t.Errorf("%+v", f)
			}
		}
		if c.code != exitBroker {
			t.Errorf("exit %d", c.code)
		}
	}
}

func TestLittleSpace(t *testing.T) {
	t.Parallel()
	if f := space("DATA", 49<<20); f.Status != warning || f.Detail != "49 MB are free for DATA" {
		t.Errorf("%+v", f)
	}
	if f := space("DATA", 50<<20); f.Status != well {
		t.Errorf("%+v", f)
	}
}

// What is to be mended first counts, and surprises last.
func TestConclusion(t *testing.T) {
	t.Parallel()
	order := []int{exitConfig, exitStorage, exitCloud, exitBroker, exitAway, exitUnexpected}
	for i := range order {
		var found []finding
		for _, code := range order[i:] {
			found = append([]finding{bad("page", code, "hint", "detail"), warn("page", "hint", "detail")}, found...)
		}
		if got := exitCode(conclusion(found)); got != order[i] {
			t.Errorf("%v: exit %d", order[i:], got)
		}
	}
	if err := conclusion([]finding{warn("page", "hint", "detail"), skip("page", "detail")}); err != nil {
		t.Error(err)
	}
	if got := plain([]finding{bad("own_topics", 1, "do\nthis", "a  b").of("anna")}); got != "✗ anna, own topics: a b → do this\n" {
		t.Error(got)
	}
	if f := trouble("weight", fmt.Errorf("x: %w", os.ErrDeadlineExceeded)); f.code != exitUnexpected {
		t.Errorf("%+v", f)
	}
}
