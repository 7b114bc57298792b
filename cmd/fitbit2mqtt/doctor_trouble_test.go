package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// One thing is broken at a time, and exactly that is said.
func TestDoctorFindsWhatIsBroken(t *testing.T) {
	t.Parallel()
	const inAnHour = time.Hour
	for name, c := range map[string]struct {
		backend             string // google if empty
		spoil               func(h *household)
		code                int
		check, detail, hint string
	}{
		"no YAML": {
			spoil: func(h *household) { edit(h.T, h.config, func([]byte) []byte { return []byte("mqtt: [\n") }) },
			code:  exitConfig, check: "configuration", detail: "is not YAML", hint: "config.yaml.example",
		},
		"no file": {
			spoil: func(h *household) { h.config += ".gone" },
			code:  exitConfig, check: "configuration", detail: "no such file", hint: "config.yaml.example",
		},
		"unknown key": {
			spoil: func(h *household) {
				edit(h.T, h.config, func(b []byte) []byte { return append(b, "pole: {body: 1m}\n"...) })
			},
			code: exitConfig, check: "configuration", detail: "pole.body: unknown key; did you mean poll.body?", hint: "mend these keys",
		},
		"folder for all": {
			spoil: func(h *household) { chmod(h.T, h.dir, 0o755) },
			code:  exitStorage, check: "data_folder", detail: "(mode 0755)", hint: "chmod 700 ",
		},
		"file for all": {
			spoil: func(h *household) { chmod(h.T, filepath.Join(h.dir, "tokens.db"), 0o644) },
			code:  exitStorage, check: "tokens_db", detail: "(mode 0644)", hint: "chmod 600 ",
		},
		"damaged sign-ins": {
			spoil: func(h *household) {
				edit(h.T, filepath.Join(h.dir, "tokens.db"), func(b []byte) []byte { return bytes.Repeat([]byte("garbage "), len(b)/8) })
			},
			code: exitStorage, check: "tokens_db", detail: "file is damaged", hint: "Move ",
		},
		"emptied history": {
			spoil: func(h *household) {
				edit(h.T, filepath.Join(h.dir, "history.db"), func([]byte) []byte { return nil })
			},
			code: exitStorage, check: "history_db", detail: "is empty, though the other database is not", hint: "restore it from a backup",
		},
		"newer history": {
			spoil: func(h *household) { edit(h.T, filepath.Join(h.dir, "history.db"), versioned(99)) },
			code:  exitStorage, check: "history_db", detail: "newer version: it has version 99", hint: "Install the newer version",
		},
		"newer sign-ins": {
			spoil: func(h *household) { edit(h.T, filepath.Join(h.dir, "tokens.db"), versioned(99)) },
			code:  exitStorage, check: "tokens_db", detail: "newer version: it has version 99", hint: "Install the newer version",
		},
		"no key": {
			spoil: func(h *household) { h.seal(h.T, "right") },
			code:  exitStorage, check: "key", detail: "there is no key", hint: "Set store.key",
		},
		"another key": {
			spoil: func(h *household) {
				h.seal(h.T, "right")
				edit(h.T, h.config, func(b []byte) []byte { return append(b, "store: {key: wrong}\n"...) })
			},
			code: exitStorage, check: "key", detail: "encrypted with another key", hint: "Set the key that was in use",
		},
		"zone of nowhere": {
			spoil: func(h *household) { h.moveToMars(h.T) },
			code:  exitConfig, check: "time_zone", detail: `"Mars/Olympus" is not known here`, hint: "time-zone data",
		},
		"cloud away": {
			spoil: func(h *household) { h.server.Close() },
			code:  exitAway, check: "cloud", detail: "Google Health does not answer: dial tcp", hint: "check the internet connection",
		},
		"cloud gone": {
			backend: "fitbit",
			spoil:   func(h *household) { h.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Gone}) },
			code:    exitCloud, check: "cloud", detail: "has been turned off", hint: "fitbit2mqtt connect NAME --backend google",
		},
		"API gone": {
			backend: "fitbit",
			spoil:   func(h *household) { h.cloud.RetireFitbit() },
			code:    exitCloud, check: "sign_in", detail: "turned off on 2 November 2026", hint: "fitbit2mqtt connect anna --backend google",
		},
		"revoked": {
			spoil: func(h *household) { h.cloud.Person("anna").Revoke() },
			code:  exitCloud, check: "sign_in", detail: "expired or was revoked", hint: "sign in again: fitbit2mqtt connect anna",
		},
		"revoked at the legacy cloud": {
			backend: "fitbit",
			spoil:   func(h *household) { h.cloud.Person("anna").Revoke() },
			code:    exitCloud, check: "sign_in", detail: "expired or was revoked", hint: "sign in again: fitbit2mqtt connect anna",
		},
		"scope missing": {
			spoil: func(h *household) { h.untick(h.T, "activity_and_fitness.readonly") },
			code:  exitCloud, check: "permissions", detail: "not granted: minutes in heart-rate zones", hint: "leave every box ticked",
		},
		"scope missing at the legacy cloud": {
			backend: "fitbit",
			spoil:   func(h *household) { h.untick(h.T, "settings") },
			code:    exitCloud, check: "permissions", detail: "not granted: batteries", hint: "leave every box ticked",
		},
		"API not enabled for one metric": {
			spoil: func(h *household) {
				h.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Forbidden, Path: "/dataTypes/body-fat/", Reason: "SERVICE_DISABLED"})
			},
			code: exitCloud, check: "body_fat", detail: "not enabled", hint: "enable it at ",
		},
		"one metric is away": {
			spoil: func(h *household) {
				h.cloud.Fail(fakecloud.Fault{Kind: fakecloud.ServerError, Path: "/dataTypes/daily-resting-heart-rate/"})
			},
			code: exitAway, check: "resting_heart_rate", detail: "503", hint: "wait",
		},
		"one metric is garbage": {
			spoil: func(h *household) {
				h.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Garbage, Path: "/pairedDevices"})
			},
			code: exitUnexpected, check: "devices", detail: "not the JSON it should be", hint: "report this line",
		},
		"too many requests": {
			spoil: func(h *household) {
				h.cloud.Fail(fakecloud.Fault{Kind: fakecloud.RateLimited, Path: "/dataTypes/weight/"})
			},
			code: exitAway, check: "weight", detail: "rate limit reached", hint: "there is nothing to mend",
		},
		"somebody else": {
			spoil: func(h *household) {
				h.between(h.T, func(w http.ResponseWriter, r *http.Request) bool {
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
			spoil: func(h *household) {
				h.between(h.T, func(w http.ResponseWriter, _ *http.Request) bool {
					w.Header().Set("Date", time.Now().Add(-inAnHour).UTC().Format(http.TimeFormat))
					return false
				})
			},
			code: exitConfig, check: "clock", detail: "this machine's clock is 1h ahead of the cloud's", hint: "NTP",
		},
		"broker away": {
			spoil: func(h *household) { h.config = h.settle("mqtt://"+freeAddr(h.T), freeAddr(h.T)) },
			code:  exitBroker, check: "broker", detail: "nothing listens there", hint: "Check that the broker runs",
		},
		"stale discovery": {
			spoil: func(h *household) { h.respell(h.T, `"sw_version":"`, `"sw_version":"0.`) },
			code:  exitBroker, check: "discovery", detail: "byte for byte: 2 of 3; missing: 0; different: 1", hint: "start the bridge: it publishes all of them as it starts",
		},
		"page of another": {
			spoil: func(h *household) {
				other := httptest.NewServer(http.NotFoundHandler())
				h.T.Cleanup(other.Close)
				h.config = h.settle(h.broker, other.Listener.Addr().String())
			},
			code: exitConfig, check: "page", detail: "another program answers at ", hint: "stop it, or set web.listen",
		},
		"embedded broker's port is taken": {
			spoil: func(h *household) {
				h.config = h.settle("", freeAddr(h.T))
				edit(h.T, h.config, func(b []byte) []byte {
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
			c.spoil(h)
			h.dataUnchanged(t, func() { consult(t, h.config).only(t, c.code, c.check, c.detail, c.hint) })
		})
	}
}
