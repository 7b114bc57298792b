package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/history"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// household is one whose bridge has run once, and does not run now.
type household struct {
	*world
	T              *testing.T
	broker, config string
}

func newHousehold(t *testing.T, backend string) *household {
	t.Helper()
	h := &household{world: newWorld(t), T: t, broker: ownBroker(t)}
	h.backend = backend
	h.completePerson(t, "anna")
	h.config = h.settle(h.broker, freeAddr(t))
	h.atHome(t, h.config, observe(t, h.broker), "anna").end()
	return h
}

// edit changes a file.
func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(b), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// versioned is a change that makes a database one of that schema.
func versioned(n byte) func([]byte) []byte {
	return func(b []byte) []byte {
		copy(b[60:64], []byte{0, 0, 0, n}) // user_version, see "The Database Header" of SQLite's file format
		return b
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// seal encrypts the sign-ins.
func (h *household) seal(t *testing.T, key string) {
	t.Helper()
	s, err := tokenstore.Open(t.Context(), tokenstore.Options{Path: filepath.Join(h.dir, "tokens.db"), Key: []byte(key)})
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// moveToMars makes anna's time zone one that no machine knows.
func (h *household) moveToMars(t *testing.T) {
	t.Helper()
	s, err := history.Open(t.Context(), history.Options{Path: filepath.Join(h.dir, "history.db")})
	if err != nil {
		t.Fatal(err)
	}
	uid := h.uid(t)
	past, err := s.Recall(t.Context(), uid)
	if err != nil {
		t.Fatal(err)
	}
	past.Profile.TimeZone = "Mars/Olympus"
	if err := s.Record(t.Context(), uid, bridge.Entry{Profile: &past.Profile}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// tokens gives a test the token store.
func (h *household) tokens(t *testing.T, do func(*tokenstore.Store, tokenstore.Account)) {
	t.Helper()
	s, err := tokenstore.Open(t.Context(), tokenstore.Options{Path: filepath.Join(h.dir, "tokens.db")})
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.Account(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	do(s, a)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func (h *household) uid(t *testing.T) (uid string) {
	t.Helper()
	h.tokens(t, func(_ *tokenstore.Store, a tokenstore.Account) { uid = a.UID })
	return uid
}

// untick signs anna in again with a permission less.
func (h *household) untick(t *testing.T, scope string) {
	t.Helper()
	if r := h.connectAs(h.config, "anna", fakecloud.Answer{Person: "anna", Untick: []string{scope}}); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	h.tokens(t, func(*tokenstore.Store, tokenstore.Account) {}) // whoever waited at the terminal may close the file a little later
}

// between puts something before the cloud, which answers by itself or not.
func (h *household) between(t *testing.T, answers func(http.ResponseWriter, *http.Request) bool) {
	t.Helper()
	was := h.server.URL
	h.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !answers(w, r) {
			h.cloud.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(h.server.Close)
	edit(t, h.config, func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(was), []byte(h.server.URL)) })
}

// respell changes anna's discovery config at the broker.
func (h *household) respell(t *testing.T, old, now string) {
	t.Helper()
	o := observe(t, h.broker)
	topic := "homeassistant/device/fitbit2mqtt_" + h.uid(t) + "/config"
	said := o.heard(topic, old)
	o.publish(topic, strings.Replace(said, old, now, 1), true)
}
