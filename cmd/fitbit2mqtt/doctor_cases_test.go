package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/mosquitto"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// Of everything that is wrong the code is that of what to mend first.
func TestDoctorWithSeveralTroubles(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, "google")
	h.server.Close()
	h.config = h.settle("mqtt://"+freeAddr(t), freeAddr(t))
	if c := consult(t, h.config); c.code != exitBroker || c.err != "Error: 2 things are wrong\nTry: do what the lines marked ✗ say, the first one first\n" {
		t.Errorf("%d %s", c.code, c.err)
	}
	chmod(t, h.dir, 0o755)
	if c := consult(t, h.config); c.code != exitStorage {
		t.Errorf("%d %s", c.code, c.err)
	}
	edit(t, h.config, func(b []byte) []byte { return append(b, "mqqt: {url: x}\nlog: {level: loud}\n"...) })
	c := consult(t, h.config)
	if c.code != exitConfig || !strings.Contains(plain(c.found), "✗ configuration: log.level: \"loud\" is not known") ||
		!strings.Contains(plain(c.found), "✗ configuration: mqqt.url: unknown key; did you mean mqtt.url?") {
		t.Errorf("%d:\n%s", c.code, plain(c.found))
	}
}

// A real broker that refuses the password, and one that lets us in but not everywhere.
func TestDoctorAtAStrictBroker(t *testing.T) {
	t.Parallel()
	acl := filepath.Join(t.TempDir(), "acl")
	allow := func(lines ...string) {
		if err := os.WriteFile(acl, []byte("user house\n"+strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	allow("topic readwrite fitbit2mqtt/#", "topic readwrite homeassistant/#")
	w := newWorld(t)
	w.completePerson(t, "anna")
	broker := mosquitto.Start(t, mosquitto.Options{Username: "house", Password: "a-secret-word", Config: "acl_file " + acl})
	with := func(password string) string {
		config := w.settle(broker.URL(), freeAddr(t))
		edit(t, config, func(b []byte) []byte {
			return bytes.Replace(b, []byte("mqtt: {"), []byte("mqtt: {username: house, password: "+password+", "), 1)
		})
		return config
	}
	config := with("a-secret-word")
	if r := w.connect(config, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	consult(t, config).well(t)
	consult(t, with("another-word")).only(t, exitBroker, "broker", "refused the user name or password", "they are the broker's own")
	allow("topic readwrite fitbit2mqtt/#", "topic read homeassistant/#")
	broker.Restart()
	consult(t, config).only(t, exitBroker, "discovery_topics", "what is published below homeassistant does not come back", "read and write homeassistant/#")
	allow("topic read fitbit2mqtt/#", "topic readwrite homeassistant/#")
	broker.Restart()
	c := consult(t, config)
	c.only(t, exitBroker, "own_topics", "what is published at fitbit2mqtt/bridge/doctor does not come back", "read and write fitbit2mqtt/#")
	if text := c.out + c.err; strings.Contains(text, "a-secret-word") || strings.Contains(text, "another-word") {
		t.Errorf("a password shows: %s", text)
	}
}

// What is known to be gone or lost is told without asking the cloud, offline too.
func TestDoctorAsksNoCloudThatIsGone(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, "fitbit")
	h.tokens(t, func(s *tokenstore.Store, a tokenstore.Account) {
		why := &fitbit.CloudError{Kind: fitbit.ErrRetired, Detail: "turned off for good", Hint: "go elsewhere: fitbit2mqtt connect ACCOUNT"}
		if err := s.NoteRetired(t.Context(), a.UID, a.Generation, why); err != nil {
			t.Fatal(err)
		}
	})
	h.cloud.ResetRequests()
	consult(t, h.config).only(t, exitCloud, "sign_in", "turned off for good", "fitbit2mqtt connect anna")
	consult(t, h.config, "--offline").only(t, exitCloud, "sign_in", "turned off for good", "fitbit2mqtt connect anna")
	if n := h.legacyRequests(); n > 2 { // of whatever answers for the other cloud
		t.Errorf("%d requests: %+v", n, h.cloud.Requests())
	}
}

// A sign-in that ends soon is a warning, and a token that is due is renewed, in the
// store that a bridge would use.
func TestDoctorRenewsWhatIsDue(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, "google")
	h.between(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/token" {
			return false
		}
		answer := httptest.NewRecorder()
		h.cloud.ServeHTTP(answer, r)
		w.Header().Set("Content-Type", "application/json")
		body := regexp.MustCompile(`"expires_in": ?\d+`).ReplaceAllString(answer.Body.String(), `"expires_in":3500,"refresh_token_expires_in":86400`)
		_, _ = io.WriteString(w, body)
		return true
	})
	h.tokens(t, func(s *tokenstore.Store, a tokenstore.Account) {
		const stale = "stale"
		refresh := func(context.Context, string) (fitbit.Grant, error) {
			return fitbit.Grant{AccessToken: stale, Expiry: time.Now().Add(time.Second)}, nil
		}
		old, err := s.Tokens(a.UID, a.Backend, refresh).Token(t.Context())
		if err == nil {
			_, err = s.Tokens(a.UID, a.Backend, refresh).Renew(t.Context(), old)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	c := consult(t, h.config)
	c.well(t)
	if f := c.says(t, "sign_in", "anna"); f.Status != warning || !strings.HasPrefix(f.Detail, "it works, and was just renewed, but ends by itself at ") ||
		f.Hint == nil || *f.Hint != "sign in again: fitbit2mqtt connect anna" {
		t.Errorf("%+v", f)
	}
	h.tokens(t, func(_ *tokenstore.Store, a tokenstore.Account) {
		if time.Until(a.Expiry) < 50*time.Minute {
			t.Errorf("the token ends at %s", a.Expiry)
		}
	})
	if f := consult(t, h.config).says(t, "sign_in", "anna"); !strings.HasPrefix(f.Detail, "it works, but ends by itself at ") {
		t.Errorf("again: %+v", f)
	}
}

// Every form of discovery is compared in its own form.
func TestDoctorAndTheFormsOfDiscovery(t *testing.T) {
	t.Parallel()
	for mode, says := range map[string]string{"entity": "on the broker, byte for byte: ", "off": "discovery is turned off"} {
		w := newWorld(t)
		w.completePerson(t, "anna")
		broker := ownBroker(t)
		config := w.settle(broker, freeAddr(t))
		edit(t, config, func(b []byte) []byte { return append(b, "homeassistant: {discovery: "+mode+"}\n"...) })
		if r := w.connect(config, "anna"); r.code != exitOK {
			t.Fatalf("%+v", r)
		}
		o := observe(t, broker)
		for range 2 { // the second time all is known from the start
			bridge := begin(t, "run", "--config", config)
			o.heard("fitbit2mqtt/bridge/state", "online")
			o.heard("fitbit2mqtt/anna/connection", `"state":"ok"`)
			o.until("the devices are known", func() bool {
				n := 0
				for topic := range o.retained {
					if strings.HasPrefix(topic, "fitbit2mqtt/anna/device/") {
						n++
					}
				}
				return n == 2
			})
			bridge.end()
			o.heard("fitbit2mqtt/bridge/state", "offline")
		}
		c := consult(t, config)
		c.well(t)
		if f := c.says(t, "discovery", ""); !strings.HasPrefix(f.Detail, says) {
			t.Errorf("%s: %+v", mode, f)
		}
	}
}

// A config that is left on the broker is a warning: the bridge takes it
// away. A folder that is none is a trouble.
func TestDoctorFindsLeftOvers(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, "google")
	o := observe(t, h.broker)
	uid := h.uid(t)
	said := o.heard("homeassistant/device/fitbit2mqtt_"+uid+"/config", uid)
	o.publish("homeassistant/device/fitbit2mqtt_0123456789ab/config", strings.ReplaceAll(said, uid, "0123456789ab"), true)
	c := consult(t, h.config)
	c.well(t)
	if f := c.says(t, "discovery", ""); f.Status != warning || !strings.Contains(f.Detail, "1 configs of ours are there that nobody needs") {
		t.Errorf("%+v", f)
	}
	edit(t, h.config, func(b []byte) []byte { return append(b, "homeassistant: {discovery: \"off\"}\n"...) })
	c = consult(t, h.config)
	c.well(t)
	if f := c.says(t, "discovery", ""); f.Status != warning || f.Detail != "it is turned off, and 5 configs of ours are there" || f.Hint == nil || !strings.HasPrefix(*f.Hint, "start the bridge") {
		t.Errorf("turned off: %+v", f)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c = consult(t, h.config, "--data-dir", file)
	if f := c.says(t, "data_folder", ""); f.Status != failed || !strings.Contains(f.Detail, "is no folder") || c.code != exitStorage {
		t.Errorf("%d: %+v", c.code, f)
	}
}
