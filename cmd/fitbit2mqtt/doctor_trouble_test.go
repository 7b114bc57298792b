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

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/history"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/mosquitto"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// household is one whose bridge has run once, and does not run now.
type household struct {
	*world
	broker, config string
}

func newHousehold(t *testing.T, backend string, more ...string) *household {
	t.Helper()
	h := &household{world: newWorld(t), broker: ownBroker(t)}
	h.backend = backend
	h.completePerson(t, "anna")
	h.config = h.settle(h.broker, freeAddr(t), more...)
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

// One thing is broken at a time, and exactly that is said.
func TestDoctorFindsWhatIsBroken(t *testing.T) {
	t.Parallel()
	const inAnHour = time.Hour
	for name, c := range map[string]struct {
		backend             string // google if empty
		spoil               func(t *testing.T, h *household)
		code                int
		check, detail, hint string
	}{
		"no YAML": {
			spoil: func(t *testing.T, h *household) { edit(t, h.config, func([]byte) []byte { return []byte("mqtt: [\n") }) },
			code:  exitConfig, check: "configuration", detail: "is not YAML", hint: "config.yaml.example",
		},
		"no file": {
			spoil: func(_ *testing.T, h *household) { h.config += ".gone" },
			code:  exitConfig, check: "configuration", detail: "no such file", hint: "config.yaml.example",
		},
		"unknown key": {
			spoil: func(t *testing.T, h *household) {
				edit(t, h.config, func(b []byte) []byte { return append(b, "pole: {body: 1m}\n"...) })
			},
			code: exitConfig, check: "configuration", detail: "pole.body: unknown key; did you mean poll.body?", hint: "mend these keys",
		},
		"folder for all": {
			spoil: func(t *testing.T, h *household) { chmod(t, h.dir, 0o755) },
			code:  exitStorage, check: "data_folder", detail: "(mode 0755)", hint: "chmod 700 ",
		},
		"file for all": {
			spoil: func(t *testing.T, h *household) { chmod(t, filepath.Join(h.dir, "tokens.db"), 0o644) },
			code:  exitStorage, check: "tokens_db", detail: "(mode 0644)", hint: "chmod 600 ",
		},
		"damaged sign-ins": {
			spoil: func(t *testing.T, h *household) {
				edit(t, filepath.Join(h.dir, "tokens.db"), func(b []byte) []byte { return bytes.Repeat([]byte("garbage "), len(b)/8) })
			},
			code: exitStorage, check: "tokens_db", detail: "file is damaged", hint: "Move ",
		},
		"emptied history": {
			spoil: func(t *testing.T, h *household) {
				edit(t, filepath.Join(h.dir, "history.db"), func([]byte) []byte { return nil })
			},
			code: exitStorage, check: "history_db", detail: "is empty, though the other database is not", hint: "restore it from a backup",
		},
		"newer history": {
			spoil: func(t *testing.T, h *household) { edit(t, filepath.Join(h.dir, "history.db"), versioned(99)) },
			code:  exitStorage, check: "history_db", detail: "newer version: it has version 99", hint: "Install the newer version",
		},
		"newer sign-ins": {
			spoil: func(t *testing.T, h *household) { edit(t, filepath.Join(h.dir, "tokens.db"), versioned(99)) },
			code:  exitStorage, check: "tokens_db", detail: "newer version: it has version 99", hint: "Install the newer version",
		},
		"no key": {
			spoil: func(t *testing.T, h *household) { h.seal(t, "right") },
			code:  exitStorage, check: "key", detail: "there is no key", hint: "Set store.key",
		},
		"another key": {
			spoil: func(t *testing.T, h *household) {
				h.seal(t, "right")
				edit(t, h.config, func(b []byte) []byte { return append(b, "store: {key: wrong}\n"...) })
			},
			code: exitStorage, check: "key", detail: "encrypted with another key", hint: "Set the key that was in use",
		},
		"zone of nowhere": {
			spoil: func(t *testing.T, h *household) { h.moveToMars(t) },
			code:  exitConfig, check: "time_zone", detail: `"Mars/Olympus" is not known here`, hint: "time-zone data",
		},
		"cloud away": {
			spoil: func(_ *testing.T, h *household) { h.server.Close() },
			code:  exitAway, check: "cloud", detail: "Google Health does not answer: dial tcp", hint: "check the internet connection",
		},
		"cloud gone": {
			backend: "fitbit",
			spoil:   func(_ *testing.T, h *household) { h.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Gone}) },
			code:    exitCloud, check: "cloud", detail: "has been turned off", hint: "fitbit2mqtt connect NAME --backend google",
		},
		"API gone": {
			backend: "fitbit",
			spoil:   func(_ *testing.T, h *household) { h.cloud.RetireFitbit() },
			code:    exitCloud, check: "sign_in", detail: "turned off on 2 November 2026", hint: "fitbit2mqtt connect anna --backend google",
		},
		"revoked": {
			spoil: func(_ *testing.T, h *household) { h.cloud.Person("anna").Revoke() },
			code:  exitCloud, check: "sign_in", detail: "expired or was revoked", hint: "sign in again: fitbit2mqtt connect anna",
		},
		"revoked at the legacy cloud": {
			backend: "fitbit",
			spoil:   func(_ *testing.T, h *household) { h.cloud.Person("anna").Revoke() },
			code:    exitCloud, check: "sign_in", detail: "expired or was revoked", hint: "sign in again: fitbit2mqtt connect anna",
		},
		"scope missing": {
			spoil: func(t *testing.T, h *household) { h.untick(t, "activity_and_fitness.readonly") },
			code:  exitCloud, check: "permissions", detail: "not granted: minutes in heart-rate zones", hint: "leave every box ticked",
		},
		"scope missing at the legacy cloud": {
			backend: "fitbit",
			spoil:   func(t *testing.T, h *household) { h.untick(t, "settings") },
			code:    exitCloud, check: "permissions", detail: "not granted: batteries", hint: "leave every box ticked",
		},
		"API not enabled for one metric": {
			spoil: func(_ *testing.T, h *household) {
				h.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Forbidden, Path: "/dataTypes/body-fat/", Reason: "SERVICE_DISABLED"})
			},
			code: exitCloud, check: "body_fat", detail: "not enabled", hint: "enable it at ",
		},
		"one metric is away": {
			spoil: func(_ *testing.T, h *household) {
				h.cloud.Fail(fakecloud.Fault{Kind: fakecloud.ServerError, Path: "/dataTypes/daily-resting-heart-rate/"})
			},
			code: exitAway, check: "resting_heart_rate", detail: "503", hint: "wait",
		},
		"one metric is garbage": {
			spoil: func(_ *testing.T, h *household) {
				h.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Garbage, Path: "/pairedDevices"})
			},
			code: exitUnexpected, check: "devices", detail: "not the JSON it should be", hint: "report this line",
		},
		"too many requests": {
			spoil: func(_ *testing.T, h *household) {
				h.cloud.Fail(fakecloud.Fault{Kind: fakecloud.RateLimited, Path: "/dataTypes/weight/"})
			},
			code: exitAway, check: "weight", detail: "rate limit reached", hint: "wait a moment",
		},
		"somebody else": {
			spoil: func(t *testing.T, h *household) {
				h.between(t, func(w http.ResponseWriter, r *http.Request) bool {
					if r.URL.Path != "/v4/users/me/identity" {
						return false
					}
					w.Header().Set("Content-Type", "application/json")
					_, _ = io.WriteString(w, `{"healthUserId":"somebody-else"}`)
					return true
				})
			},
			code: exitCloud, check: "sign_in", detail: "it belongs to somebody else", hint: "fitbit2mqtt connect anna",
		},
		"wrong time": {
			spoil: func(t *testing.T, h *household) {
				h.between(t, func(w http.ResponseWriter, _ *http.Request) bool {
					w.Header().Set("Date", time.Now().Add(-inAnHour).UTC().Format(http.TimeFormat))
					return false
				})
			},
			code: exitConfig, check: "clock", detail: "this machine's clock is 1h ahead of the cloud's", hint: "NTP",
		},
		"broker away": {
			spoil: func(t *testing.T, h *household) { h.config = h.settle("mqtt://"+freeAddr(t), freeAddr(t)) },
			code:  exitBroker, check: "broker", detail: "nothing listens there", hint: "Check that the broker runs",
		},
		"stale discovery": {
			spoil: func(t *testing.T, h *household) { h.respell(t, `"sw_version":"`, `"sw_version":"0.`) },
			code:  exitBroker, check: "discovery", detail: "byte for byte: 2 of 3; missing: 0; different: 1", hint: "start the bridge: it publishes all of them",
		},
		"page of another": {
			spoil: func(t *testing.T, h *household) {
				other := httptest.NewServer(http.NotFoundHandler())
				t.Cleanup(other.Close)
				h.config = h.settle(h.broker, other.Listener.Addr().String())
			},
			code: exitConfig, check: "page", detail: "another program answers at ", hint: "stop it, or set web.listen",
		},
		"embedded broker's port is taken": {
			spoil: func(t *testing.T, h *household) {
				h.config = h.settle("", freeAddr(t))
				edit(t, h.config, func(b []byte) []byte {
					return bytes.Replace(b, []byte("127.0.0.1:0"), []byte(strings.TrimPrefix(h.broker, "mqtt://")), 1)
				})
			},
			code: exitBroker, check: "broker", detail: "something else listens at ", hint: "set mqtt.embedded.listen",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.backend == "" {
				c.backend = "google"
			}
			h := newHousehold(t, c.backend)
			consult(t, h.config).well(t)
			c.spoil(t, h)
			h.dataUnchanged(t, func() { consult(t, h.config).only(t, c.code, c.check, c.detail, c.hint) })
		})
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

// Of everything that is wrong the code is that of what to mend first.
func TestDoctorWithSeveralTroubles(t *testing.T) {
	t.Parallel()
	h := newHousehold(t, "google")
	h.server.Close()
	h.config = h.settle("mqtt://"+freeAddr(t), freeAddr(t))
	if c := consult(t, h.config); c.code != exitAway || c.err != "Error: 2 things are wrong\nTry: do what the lines marked ✗ say, the first one first\n" {
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
