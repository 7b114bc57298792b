package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// TestStates shows the pages in every state that a person can be in: what happened and
// what to do, once on the overview and once on the person's own page.
func TestStates(t *testing.T) {
	t.Parallel()
	fails := func(f fakecloud.Fault, s bridge.State) func(*house) {
		return func(h *house) {
			h.connect("anna")
			h.cloud.Fail(f)
			h.inState(s)
		}
	}
	for name, c := range map[string]struct {
		bring func(h *house)
		want  []string // on both pages
		lacks []string
		label string // of the button that repairs it
	}{
		"ok": {
			bring: func(h *house) { h.connect("anna") },
			want:  []string{"✓ Connected", "Last answer today, 08:30"}, lacks: []string{"Sign-in required", `class="trouble`},
		},
		"first look": {
			bring: func(h *house) {
				h.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Slow, Path: "/settings", Delay: time.Hour})
				h.signIn(signin.Request{Name: "anna"}, fakecloud.Answer{Person: "anna"})
			},
			want: []string{"✓ Connected"}, lacks: []string{"Last answer"},
		},
		"sign-in revoked": {
			bring: func(h *house) {
				h.connect("anna")
				h.cloud.Person("anna").Revoke()
				h.inState(bridge.StateSignInRequired)
			},
			want:  []string{"✗ Sign-in required", "The sign-in has expired or was revoked", "Sign in again."},
			lacks: []string{"fitbit2mqtt connect"}, label: "Sign in again",
		},
		"API not enabled": {
			bring: fails(fakecloud.Fault{Kind: fakecloud.Forbidden, Path: "/v4/", Reason: "SERVICE_DISABLED"}, bridge.StateSetupRequired),
			want:  []string{"✗ Set-up required", "The Google Health API is not enabled in the Cloud project (SERVICE_DISABLED).", "Enable it at https://console.cloud.google.com/apis/library/health.googleapis.com."},
		},
		"project not admitted": {
			bring: fails(fakecloud.Fault{Kind: fakecloud.Forbidden, Path: "/v4/", Reason: "API_PRIVATE_PREVIEW_ACCESS_DENIED"}, bridge.StateSetupRequired),
			want:  []string{"✗ Set-up required", "Google has not admitted this Cloud project to the Google Health API yet", "Apply for access or use a project that has it"},
		},
		"account not linked": {
			bring: func(h *house) {
				h.connect("anna")
				h.cloud.Person("anna").SetState(fakecloud.NotLinked)
				h.inState(bridge.StateSetupRequired)
			},
			want: []string{"✗ Set-up required", "This Google account is not linked to Google Health", "Sign in to the Google Health app with this Google account"},
		},
		"no profile": {
			bring: func(h *house) {
				h.connect("anna")
				h.cloud.Person("anna").SetState(fakecloud.NoProfile)
				h.inState(bridge.StateSetupRequired)
			},
			want: []string{"✗ Set-up required", "This Google account has no Google Health profile yet", "finish its set-up"},
		},
		"rate limited": {
			bring: fails(fakecloud.Fault{Kind: fakecloud.RateLimited, Path: "/v4/", RetryAfter: 10 * time.Minute}, bridge.StateRateLimited),
			want:  []string{"… Waiting for the cloud", "Rate limit reached, next request at 2031-03-14T"},
		},
		"cloud unavailable": {
			bring: fails(fakecloud.Fault{Kind: fakecloud.ServerError, Path: "/v4/"}, bridge.StateUnavailable),
			want:  []string{"… Cloud not reachable", "Google answers 503 Service Unavailable (UNAVAILABLE).", "https://status.healthapp.google.com/"},
		},
		"cloud retired": {
			bring: fails(fakecloud.Fault{Kind: fakecloud.Gone, Path: "/v4/"}, bridge.StateSourceRetired),
			want:  []string{"✗ Cloud turned off", "The Google Health API v4 has been turned off", "Look for a newer version of fitbit2mqtt.", "Not polled"},
			lacks: []string{"Poll now"},
		},
		"unexpected answer": {
			bring: fails(fakecloud.Fault{Kind: fakecloud.Forbidden, Path: "/v4/", Status: http.StatusBadRequest, Reason: "INVALID_ARGUMENT"}, bridge.StateError),
			want:  []string{"⚠ Trouble", "Google refuses the request with 400 Bad Request (INVALID_ARGUMENT).", "report this line"},
		},
		"scope unticked": {
			bring: func(h *house) {
				h.signIn(signin.Request{Name: "anna"}, fakecloud.Answer{Person: "anna", Untick: []string{"settings.readonly", "activity_and_fitness.readonly"}})
				h.looked("anna")
			},
			want:  []string{"⚠ Connected in part", "Not granted at sign-in: batteries of scale and tracker, minutes in heart-rate zones, time zone.", "leave every box ticked"},
			label: "Grant it now",
		},
		"sign-in ends soon": {
			bring: func(h *house) {
				h.testMode("anna")
				h.clock.Advance(5*24*time.Hour + time.Minute)
				h.poll("anna", "warning", func(p bridge.PersonReport) bool { return p.Connection.ExpiresSoon })
			},
			want:  []string{"⚠ Sign-in ends soon", "The sign-in ends on 21 March at 08:29: the cloud project is in test mode.", "Publish the app"},
			label: "Sign in again",
		},
		"test mode, more than two days left": {
			bring: func(h *house) {
				h.testMode("anna")
				h.clock.Advance(4 * 24 * time.Hour)
				h.poll("anna", "another look", func(p bridge.PersonReport) bool { return *p.Connection.LastSuccess > "2031-03-18" })
			},
			want: []string{"✓ Connected"}, lacks: []string{"Sign-in ends soon"},
		},
		"test mode, over": {
			bring: func(h *house) {
				h.testMode("anna")
				h.clock.Advance(8 * 24 * time.Hour)
				h.inState(bridge.StateSignInRequired)
				h.until("sign-in given up", func() bool { p, _ := h.bridge.Person("anna"); return !p.Account.SignedIn })
			},
			want:  []string{"✗ Sign-in required", "The sign-in has ended as announced, because the cloud project is in test mode", "Publish the app"},
			label: "Sign in again",
		},
		"disconnected": {
			bring: func(h *house) {
				h.connect("anna")
				if _, err := h.desk.Disconnect(h.tb.Context(), "anna"); err != nil {
					h.tb.Fatal(err)
				}
				h.bridge.Sync(h.tb.Context())
			},
			want:  []string{"✗ Sign-in required", "Disconnected here on purpose", "Sign in to go on."},
			lacks: []string{"fitbit2mqtt connect"}, label: "Sign in again",
		},
		"disconnected, and renamed since": {
			bring: func(h *house) {
				h.connect("anne")
				if _, err := h.desk.Disconnect(h.tb.Context(), "anne"); err != nil {
					h.tb.Fatal(err)
				}
				if err := h.tokens.Rename(h.tb.Context(), "anne", "anna"); err != nil {
					h.tb.Fatal(err)
				}
				h.bridge.Sync(h.tb.Context())
			},
			want:  []string{"✗ Sign-in required", "Sign in to go on."},
			lacks: []string{"fitbit2mqtt connect"}, label: "Sign in again",
		},
		"disconnected, and then denied": {
			bring: func(h *house) {
				h.connect("anna")
				if _, err := h.desk.Disconnect(h.tb.Context(), "anna"); err != nil {
					h.tb.Fatal(err)
				}
				h.browser().begin("name", "anna").comeBack(fakecloud.Answer{Person: "anna", Deny: true})
			},
			want:  []string{"✗ Sign-in required", "The last sign-in failed: consent was denied.", "start again."},
			lacks: []string{"fitbit2mqtt connect"}, label: "Sign in again",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, plan{people: []string{"anna", "anne"}})
			c.bring(h)
			h.bridge.Sync(t.Context()) // what the store knows of a lost sign-in says more than the refusal
			b := h.browser()
			for _, path := range []string{"/", "/people/anna"} {
				want := c.want
				if path != "/" {
					want = strings.Split(strings.ReplaceAll(strings.Join(want, "\n"), "Last answer", "last answer"), "\n")
				}
				a := b.get(path).wants(http.StatusOK, want...).lacks(c.lacks...)
				if got := a.header.Get("Content-Type"); got != "text/html; charset=utf-8" {
					t.Errorf("content type %q", got)
				}
				if c.label != "" {
					a.holds(`action="` + map[string]string{"/": "./", "/people/anna": "../"}[path] + `people/anna/sign-in"><button class="primary">` + c.label)
				}
			}
		})
	}
}

// testMode signs in through the project in test mode.
func (h *house) testMode(name string) {
	h.tb.Helper()
	if err := h.tokens.SaveClient(h.tb.Context(), tokenstore.Client{Backend: "google", ID: testingID, Secret: testingSecret}); err != nil {
		h.tb.Fatal(err)
	}
	h.signIn(signin.Request{Name: name, Client: testingID}, fakecloud.Answer{Person: name})
	h.looked(name)
}

func TestFirstLookRunning(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	h.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Slow, Path: "/settings", Delay: time.Hour})
	h.signIn(signin.Request{Name: "anna"}, fakecloud.Answer{Person: "anna"})
	h.browser().get("/").wants(http.StatusOK, "Taking the first look …")
}

func TestNobodyIsLedToTheForm(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	b := h.browser()
	first := b.get("/").follow().wants(http.StatusOK, "Welcome", "Nobody is connected yet.", h.redirect, "the Google Cloud project in the configuration (first-client.apps.google…)")
	if first.at.Path != "/connect" {
		t.Errorf("led to %s", first.at.Path)
	}
	h.connect("anna")
	b.get("/connect").wants(http.StatusOK, "Connect a person").lacks("Welcome")
}

// A link in what the cloud says can be followed; the full stop behind it is none of it.
func TestTheLinkFromTheError(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	h.connect("anna")
	h.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Forbidden, Path: "/v4/", Reason: "SERVICE_DISABLED"})
	h.inState(bridge.StateSetupRequired)
	for _, path := range []string{"/", "/people/anna"} {
		h.browser().get(path).holds(`<a href="https://console.cloud.google.com/apis/library/health.googleapis.com" rel="noreferrer" target="_blank">https://console.cloud.google.com/apis/library/health.googleapis.com</a>.`)
	}
}

// TestStorageTrouble takes the history away: people are shown as far as they are known,
// and signing in, which needs another file, goes on.
func TestStorageTrouble(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	h.connect("anna")
	if err := h.history.Close(); err != nil {
		t.Fatal(err)
	}
	b := h.browser()
	b.get("/").wants(http.StatusOK, "✗ Storage trouble", "Anna", "Count pending messages")
	for _, path := range []string{"/people/anna", "/people/anna/weigh-ins.csv", "/people/anna/weigh-ins.json", "/people/anna/charts/weight", "/people/anna/charts/hrv"} {
		b.get(path).wants(http.StatusInternalServerError, "This did not work; the log says why.", "To the overview")
	}
	b.get("/connect").wants(http.StatusOK, "Connect a person").lacks("Welcome")
	b.begin("name", "ben").comeBack(fakecloud.Answer{Person: "ben"}).wants(http.StatusOK, "Ben is connected")
	h.cloud.Person("anna").WeighIn(h.clock.Now(), 70, 0)
	h.inState(bridge.StateStorageError)
	b.get("/").wants(http.StatusOK, "Anna ✗ Storage trouble")
}

func TestBrokerAway(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	h.connect("anna")
	b := h.browser()
	b.get("/").wants(http.StatusOK, "Bridge ✓ Working", "mqtt://broker.example:1883", "Version 1.2.3")
	h.broker.leave("connection refused", "start the broker, or correct mqtt.url")
	b.get("/").wants(http.StatusOK, "Bridge ✗ Broker away", "Connection refused. Start the broker, or correct mqtt.url.")
}

// TestWeighIns follows readings through the table: new, corrected, late, deleted.
func TestWeighIns(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	anna, now := h.cloud.Person("anna"), morning()
	anna.WeighIn(now.AddDate(0, 0, -2), 70.4, 30.1)
	first, _ := anna.WeighIn(now.AddDate(0, 0, -1), 70.2, 30)
	h.connect("anna")
	b := h.browser()
	b.get("/").wants(http.StatusOK, "70.2 kg 30.0 % body fat", "yesterday, 08:30 · Aria Air −0.2 kg since the time before")
	b.get("/people/anna").wants(http.StatusOK, "yesterday, 08:30 70.20 kg −0.20 30.0 % Aria Air", "12 Mar, 08:30 70.40 kg 30.1 % Aria Air", "BMI 24.3").
		holds(`<time datetime="2031-03-13T08:30:00&#43;01:00">`)

	anna.EditWeight(first, 69.9)
	table := func() string { return b.get("/people/anna").text() }
	h.poll("anna", "correction", func(bridge.PersonReport) bool { return strings.Contains(table(), "corrected") })
	b.get("/people/anna").wants(http.StatusOK, "yesterday, 08:30 69.90 kg −0.50 30.0 % Aria Air corrected")

	anna.EditWeight(first, 69.8)
	h.poll("anna", "second correction", func(bridge.PersonReport) bool { return strings.Contains(table(), "corrected, was 69.90 kg") })

	anna.WeighIn(now.AddDate(0, 0, -5), 71, 0)
	h.poll("anna", "late arrival", func(bridge.PersonReport) bool { return strings.Contains(table(), "arrived late") })
	b.get("/people/anna").wants(http.StatusOK, "9 Mar, 08:30 71.00 kg – Aria Air arrived late")

	anna.DeleteWeight(first)
	h.poll("anna", "first doubt", func(bridge.PersonReport) bool { return true })
	h.until("deletion", func() bool {
		h.clock.Advance(11 * time.Second)
		h.bridge.PollNow("anna")
		return strings.Contains(table(), "deleted in the cloud")
	})
	b.get("/people/anna").wants(http.StatusOK, "yesterday, 08:30 69.80 kg 30.0 % Aria Air deleted in the cloud").holds(`<tr class="gone">`)
}

func TestDevices(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	anna := h.cloud.Person("anna")
	anna.RemoveDevice("301")
	anna.SetDevice(fakecloud.Device{ID: "302", Type: "TRACKER", Version: "Inspire 3", BatteryLevel: 9, BatteryStatus: "Low", LastSync: h.clock.Now()})
	anna.SetDevice(fakecloud.Device{ID: "303", Type: "TRACKER", Version: "<script>alert(1)</script>"})
	h.connect("anna")
	b := h.browser()
	b.get("/").wants(http.StatusOK, "Inspire 3 9 %, charge it", "<script>alert(1)</script> battery not reported").
		holds(`<dd class="low">`, "&lt;script&gt;").lacks("Aria Air")
	anna.AddWeight(fakecloud.Point{At: h.clock.Now(), Value: 70})
	h.poll("anna", "weight", func(p bridge.PersonReport) bool { return p.Body.WeightKg != nil })
	b.get("/").wants(http.StatusOK, "70.0 kg", "typed in")
}
