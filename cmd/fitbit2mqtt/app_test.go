package main

import (
	"encoding/json"
	"html"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/mosquitto"
)

// withPassword is a broker's address with a user's credentials.
func withPassword(b *mosquitto.Broker, username, password string) string {
	return "mqtt://" + username + ":" + password + "@" + b.Addr()
}

// An app of Home Assistant needs nothing but its options: it gets the broker from the
// Supervisor, shows its page inside Home Assistant and to nobody else, and finds the
// broker again when it has been installed anew.
func TestApp(t *testing.T) {
	const password, anew = "made-by-the-supervisor", "made-by-it-again"
	w := newWorldAt(t, defaultRedirect, "anna")
	w.cloud.Person("anna").WeighIn(time.Now().Add(-time.Hour), 61.5, 30)
	h := newAppHost(t, map[string]any{
		"google_client_id": clientID, "google_client_secret": clientSecret, "poll_body_seconds": 1, "mqtt_url": "", "mqtt_username": nil,
		"log_level": "debug", "topic_prefix": "scales",
	})
	t.Setenv("FITBIT2MQTT_GOOGLE_ENDPOINT", w.server.URL)
	first := mosquitto.Start(t, mosquitto.Options{Username: "addons", Password: password})
	h.install(first, "addons", password, false)
	o := observe(t, withPassword(first, "addons", password))

	app := begin(t, []string{}...) // as the image starts it: without a word; nil would be the test's own arguments
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the app said:\n%s", app.err)
		}
	})
	o.heard("scales/bridge/state", "online")
	v := visit(t, h.base)
	v.open()
	if end, body := v.get(""); end != "connect" || !strings.Contains(body, "Nobody is connected yet") || strings.Contains(body, "Log out") {
		t.Errorf("inside Home Assistant there is, at %q:\n%s", end, body)
	}
	w.signInInside(t, v, "anna")
	o.heard("scales/anna/body", `"weight_kg":61.5`)
	o.until("everything is announced", func() bool { return o.announced() == 4 })
	if _, body := v.get(""); !strings.Contains(html.UnescapeString(body), hubBroker) {
		t.Errorf("the page does not say which broker there is:\n%s", body)
	}
	if end, body := v.get("people/anna"); end != "people/anna" || !strings.Contains(body, "61.5") {
		t.Errorf("the person's page, at %q:\n%s", end, body)
	}
	h.keepsOut(t)

	second := mosquitto.Start(t, mosquitto.Options{Username: "addons", Password: anew})
	h.install(second, "addons", anew, true)
	o = observe(t, withPassword(second, "addons", anew))
	first.Kill()
	o.heard("scales/anna/body", `"weight_kg":61.5`)
	o.heard("scales/bridge/info", `"accounts"`)

	r := app.end()
	if r.code != exitOK || r.out != "" {
		t.Errorf("%+v", r)
	}
	if !strings.Contains(r.err, "user="+ingressUser) {
		t.Errorf("the log does not say who has connected anna:\n%s", r.err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(h.options), tokensFile)); err != nil {
		t.Errorf("the sign-ins are not where backups look: %v", err)
	}
	if h.denied > 0 {
		t.Errorf("%d requests came without the token", h.denied)
	}
	texts := append(slices.Collect(maps.Values(o.replayed())), r.err)
	h.secretless([]string{password, anew, clientSecret}, texts...)
}

// signInInside connects somebody on the page inside Home Assistant, where the browser
// cannot be brought back to: the address is copied and pasted.
func (w *world) signInInside(t *testing.T, v *visitor, name string) {
	t.Helper()
	end, body := v.post("connect", url.Values{"name": {name}, "client": {clientID}})
	if !strings.HasPrefix(end, "sign-in/") || !strings.Contains(body, `target="_blank"`) || !strings.Contains(body, "a page that cannot be reached") {
		t.Fatalf("connecting leads to %q:\n%s", end, body)
	}
	_, link, _ := strings.Cut(body, `href="`+w.server.URL)
	link, _, _ = strings.Cut(link, `"`)
	back := w.comeBack(html.UnescapeString(link), fakecloud.Answer{Person: name})
	if end, body := v.post(end, url.Values{"address": {"http://localhost:8099/" + back}}); !strings.HasPrefix(end, "sign-in/") || !strings.Contains(body, "Anna is connected") {
		t.Fatalf("pasting leads to %q:\n%s", end, body)
	}
}

// keepsOut checks that the page is for Home Assistant only, and its health for everybody.
func (h *appHost) keepsOut(t *testing.T) {
	t.Helper()
	spoofed := map[string]string{"X-Ingress-Path": ingressRoot, "X-Remote-User-Name": ingressUser, "X-Forwarded-For": hubAddr}
	for name, c := range map[string]struct {
		ip, host string
		header   map[string]string
	}{
		"another app":                      {otherApp, "172.30.33.5:8099", nil},
		"another app, with such headers":   {otherApp, "172.30.33.5:8099", spoofed},
		"headers, and a name of this host": {otherApp, "localhost:8099", spoofed},
	} {
		for _, path := range []string{"/", "/people/anna", "/people/anna/weigh-ins.csv", "/metrics", ingressRoot + "/"} {
			if status, body := h.knock(c.ip, c.host, path, c.header); status != http.StatusForbidden || strings.Contains(body, "61.5") {
				t.Errorf("%s at %s: %d\n%s", name, path, status, body)
			}
		}
		if status, body := h.knock(c.ip, c.host, "/healthz", c.header); status != http.StatusOK || body != "ok\n" {
			t.Errorf("%s asks for health: %d %q", name, status, body)
		}
	}
	if status, body := h.knock(hubAddr, h.listen, "/healthz", nil); status != http.StatusOK || body != "ok\n" { // the watchdog
		t.Errorf("the Supervisor's watchdog gets %d %q", status, body)
	}
}

// Without a broker there is a page all the same, which says what to do; the log does, too.
func TestAppWithoutBroker(t *testing.T) {
	h := newAppHost(t, map[string]any{})
	for status, want := range map[int]string{
		http.StatusBadRequest:   "Install the Mosquitto broker app",
		http.StatusForbidden:    "lacks the service mqtt:want",
		http.StatusUnauthorized: "Restart the app",
		http.StatusBadGateway:   "HTTP 502",
	} {
		h.say(status, nil)
		app := begin(t, "run")
		if line, ok := app.err.line("broker not reachable", patience); !ok || !strings.Contains(line, want) || !strings.Contains(line, hubBroker) {
			t.Errorf("%d: the log says:\n%s", status, app.err)
		}
		v := visit(t, h.base)
		v.open()
		if _, body := v.get(""); !strings.Contains(body, "Nobody is connected yet") || !strings.Contains(body, want) {
			t.Errorf("%d: the page says:\n%s", status, body)
		}
		r := app.end()
		if r.code != exitOK {
			t.Errorf("%d: %+v", status, r)
		}
		h.secretless(nil, r.err)
	}
}

// A command says in two lines why there is no broker.
func TestAppPollWithoutBroker(t *testing.T) {
	w := newWorldAt(t, defaultRedirect, "anna")
	newAppHost(t, map[string]any{"google_client_id": clientID, "google_client_secret": clientSecret})
	t.Setenv("FITBIT2MQTT_GOOGLE_ENDPOINT", w.server.URL)
	w.cloud.Person("anna").WeighIn(time.Now().Add(-time.Hour), 61.5, 30)
	c := begin(t, "connect", "anna")
	back := w.comeBack(strings.TrimSpace(c.waitFor("http")), fakecloud.Answer{Person: "anna"})
	c.paste("http://localhost:8099/" + back + "\n")
	if r := c.wait(); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	r := invoke(t, "poll")
	if r.code != exitBroker {
		t.Errorf("exit %d", r.code)
	}
	golden(t, "testdata/app/no_broker.txt", r.err)
}

// The doctor looks at an app as at any other bridge.
func TestDoctorOfAnApp(t *testing.T) {
	w := newWorld(t)
	broker := mosquitto.Start(t, mosquitto.Options{Username: "addons", Password: "made-by-the-supervisor"})
	h := newAppHost(t, map[string]any{})
	t.Setenv("FITBIT2MQTT_GOOGLE_ENDPOINT", w.server.URL)
	h.install(broker, "addons", "made-by-the-supervisor", false)
	r := invoke(t, "doctor", "--format", "json")
	var found []finding
	if err := json.Unmarshal([]byte(r.out), &found); err != nil {
		t.Fatalf("%v\n%+v", err, r)
	}
	for _, f := range found {
		if f.Status == failed {
			t.Errorf("%+v", f)
		}
		if f.Check == "broker" && (f.Status != well || f.Detail != hubBroker+" lets us in") || f.Check == "configuration" && f.Detail != h.options {
			t.Errorf("%+v", f)
		}
	}
	for status, want := range map[int]string{
		http.StatusBadRequest: "Home Assistant has no MQTT broker yet → Install the Mosquitto broker app",
		http.StatusForbidden:  "does not let this app ask for the broker → Its manifest lacks the service mqtt:want",
	} {
		h.say(status, nil)
		if r := invoke(t, "doctor"); r.code != exitBroker || !strings.Contains(r.out, want) {
			t.Errorf("%d: %+v", status, r)
		}
	}
	h.secretless([]string{"made-by-the-supervisor"}, r.out, r.err)
}
