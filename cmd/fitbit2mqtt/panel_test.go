package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// withPage has the page listen where browsers come back to, and returns its address.
func (w *world) withPage(config string, more ...string) string {
	w.t.Helper()
	u, err := url.Parse(w.redirect)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.withPageAt(config, u.Host, more...)
}

// withPageAt has it listen there.
func (w *world) withPageAt(config, listen string, more ...string) string {
	w.t.Helper()
	yaml, err := os.ReadFile(config)
	if err != nil {
		w.t.Fatal(err)
	}
	keys := strings.Join(append([]string{`listen: "` + listen + `"`}, more...), ", ")
	changed := strings.Replace(string(yaml), `web: {listen: "127.0.0.1:0"}`, "web: {"+keys+"}", 1)
	if err := os.WriteFile(config, []byte(changed), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return "http://" + listen + "/"
}

// visitor is a browser that knows the page.
type visitor struct {
	t      *testing.T
	base   string
	client *http.Client
}

func visit(t *testing.T, base string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t: t, base: base, client: &http.Client{Jar: jar, Timeout: patience}}
}

// get follows redirects and returns where it ended up and what is there.
func (v *visitor) get(path string) (end, body string) {
	v.t.Helper()
	return v.do(http.MethodGet, path, nil)
}

func (v *visitor) post(path string, form url.Values) (end, body string) {
	v.t.Helper()
	return v.do(http.MethodPost, path, form)
}

func (v *visitor) do(method, path string, form url.Values) (end, body string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", r.URL.Scheme+"://"+r.URL.Host)
	}
	res, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return strings.TrimPrefix(res.Request.URL.String(), v.base), string(b)
}

// open waits until the page answers.
func (v *visitor) open() {
	v.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		res, err := v.client.Get(v.base + "healthz")
		if err == nil {
			_ = res.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			v.t.Fatal(err)
		}
	}
}

// comeBack signs in at the cloud and returns the path at which the browser comes back.
func (w *world) comeBack(address string, a fakecloud.Answer) string {
	w.t.Helper()
	back, err := w.cloud.Consent(w.t.Context(), address, a)
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.TrimPrefix(back.RequestURI(), "/")
}

// A sign-in that was begun at a terminal comes back to the page, and one that was
// begun on the page is pasted there, both at once; each learns how its own ended.
func TestPageAndTerminalTogether(t *testing.T) {
	w := newWorld(t, "anna", "ben", "carla")
	broker := ownBroker(t)
	config := w.config(broker)
	v := visit(t, w.withPage(config))
	o := observe(t, broker)
	bridge := begin(t, "run", "--config", config)
	v.open()
	if end, body := v.get(""); end != "connect" || !strings.Contains(body, "Nobody is connected yet") {
		t.Errorf("the first start leads to %q:\n%s", end, body)
	}
	w.cloud.Person("anna").WeighIn(time.Now().Add(-time.Hour), 61.5, 30)

	terminal := begin(t, "connect", "anna", "--config", config)
	address := strings.TrimSpace(terminal.waitFor("http"))
	terminal.waitFor("Waiting for the browser")
	page, body := v.post("connect", url.Values{"name": {"Ben "}, "client": {clientID}})
	if !strings.HasPrefix(page, "sign-in/") || !strings.Contains(body, "Sign in as Ben") {
		t.Fatalf("connecting leads to %q:\n%s", page, body)
	}
	if end, body := v.get(w.comeBack(address, fakecloud.Answer{Person: "anna"})); !strings.HasPrefix(end, "sign-in/") || !strings.Contains(body, "Anna is connected") {
		t.Errorf("the terminal's sign-in came back to %q:\n%s", end, body)
	}
	if r := terminal.wait(); r.code != exitOK || !strings.Contains(r.out, "anna is connected.") {
		t.Errorf("%+v", r)
	}
	_, link, _ := strings.Cut(body, `href="`+w.server.URL)
	link, _, _ = strings.Cut(link, `"`)
	pasted := w.redirect + "?" + strings.SplitN(w.comeBack(strings.ReplaceAll(link, "&amp;", "&"), fakecloud.Answer{Person: "ben"}), "?", 2)[1]
	if _, body := v.post(page, url.Values{"address": {" " + pasted + "#_=_\n"}}); !strings.Contains(body, "Ben is connected") {
		t.Errorf("the pasted address led to:\n%s", body)
	}
	o.heard("fitbit2mqtt/anna/body", `"weight_kg":61.5`)
	o.heard("fitbit2mqtt/ben/connection", `"state":"ok"`)
	if _, body := v.get(""); !strings.Contains(body, "people/anna") || !strings.Contains(body, "people/ben") {
		t.Errorf("the overview lacks somebody:\n%s", body)
	}

	// What goes wrong at the page is said at the terminal too.
	terminal = begin(t, "connect", "carla", "--config", config)
	address = strings.TrimSpace(terminal.waitFor("http"))
	if _, body := v.get(w.comeBack(address, fakecloud.Answer{Person: "carla", Deny: true})); !strings.Contains(body, "Consent was denied") {
		t.Errorf("denied:\n%s", body)
	}
	if r := terminal.wait(); r.code != exitCloud || !strings.Contains(r.err, "Error: consent was denied") || strings.Count(r.err, "Try: ") != 1 {
		t.Errorf("%+v", r)
	}
	w.secretless(body)
	if r := bridge.end(); r.code != exitOK {
		t.Errorf("%+v", r)
	}
}

// Without anybody at its terminal, connect waits all the same where a page catches the
// browser.
func TestConnectWithoutATerminal(t *testing.T) {
	w := newWorld(t, "anna")
	config := w.config(ownBroker(t))
	v := visit(t, w.withPage(config))
	begin(t, "run", "--config", config)
	v.open()
	script := begin(t, "connect", "anna", "--config", config)
	_ = script.in.Close()
	address := strings.TrimSpace(script.waitFor("http"))
	script.waitFor("Waiting for the browser")
	if _, body := v.get(w.comeBack(address, fakecloud.Answer{Person: "anna"})); !strings.Contains(body, "Anna is connected") {
		t.Errorf("%s", body)
	}
	if r := script.wait(); r.code != exitOK || !strings.Contains(r.out, "anna is connected.") {
		t.Errorf("%+v", r)
	}
}

// Two people sign in at two terminals; only one of them can listen for browsers, and
// takes in what belongs to the other.
func TestTwoTerminals(t *testing.T) {
	w := newWorld(t, "anna", "ben")
	config := w.config("")
	first := begin(t, "connect", "anna", "--config", config)
	anna := strings.TrimSpace(first.waitFor("http"))
	first.waitFor("Waiting for the browser")
	second := begin(t, "connect", "ben", "--config", config)
	ben := strings.TrimSpace(second.waitFor("http"))
	v := visit(t, strings.TrimSuffix(w.redirect, "oauth/callback"))
	if _, body := v.get(w.comeBack(ben, fakecloud.Answer{Person: "ben"})); !strings.Contains(body, "ben is connected") {
		t.Errorf("%s", body)
	}
	if r := second.wait(); r.code != exitOK || !strings.Contains(r.out, "ben is connected.") {
		t.Errorf("%+v", r)
	}
	if _, body := v.get(w.comeBack(anna, fakecloud.Answer{Person: "anna"})); !strings.Contains(body, "anna is connected") {
		t.Errorf("%s", body)
	}
	if r := first.wait(); r.code != exitOK {
		t.Errorf("%+v", r)
	}
}

// Something else listens at the page's address, such as a sign-in at a terminal: the
// bridge works all the same, and the page opens when that has ended. Or there is none.
func TestPageLaterOrNever(t *testing.T) {
	w := newWorld(t, "anna")
	broker := ownBroker(t)
	config := w.config(broker)
	v := visit(t, w.withPage(config))
	o := observe(t, broker)
	terminal := begin(t, "connect", "anna", "--config", config)
	terminal.waitFor("Waiting for the browser")
	bridge := begin(t, "run", "--config", config)
	o.heard("fitbit2mqtt/bridge/state", "online")
	if _, ok := bridge.err.line("the page cannot open yet", patience); !ok {
		t.Errorf("nothing is said of the page:\n%s", bridge.err)
	}
	terminal.end()
	if _, ok := bridge.err.line("the page is open", patience); !ok {
		t.Errorf("the page does not open:\n%s", bridge.err)
	}
	v.open()
	if r := bridge.end(); r.code != exitOK {
		t.Errorf("%+v", r)
	}
	t.Setenv("FITBIT2MQTT_WEB_LISTEN", "off")
	begin(t, "run", "--config", config)
	o.heard("fitbit2mqtt/bridge/state", "online")
	if res, err := v.client.Get(v.base); err == nil {
		_ = res.Body.Close()
		t.Error("there is a page though it is off")
	}
	t.Setenv("FITBIT2MQTT_WEB_LISTEN", "192.0.2.1:8099")
	t.Setenv("FITBIT2MQTT_WEB_PASSWORD", "open-sesame-1")
	t.Setenv("FITBIT2MQTT_DATA_DIR", t.TempDir())
	if r := invoke(t, "run", "--config", config); r.code != exitConfig || !strings.Contains(r.err, "Error: the page: ") || !strings.Contains(r.err, "Try: ") {
		t.Errorf("an address of another machine: %+v", r)
	}
}

// A stop in the middle of a sign-in waits for it: the code cannot be spent twice.
func TestStopDuringASignIn(t *testing.T) {
	w := newWorld(t, "anna")
	broker := ownBroker(t)
	config := w.config(broker)
	v := visit(t, w.withPage(config))
	bridge := begin(t, "run", "--config", config, "--log-level", "debug")
	v.open()
	terminal := begin(t, "connect", "anna", "--config", config)
	back := w.comeBack(strings.TrimSpace(terminal.waitFor("http")), fakecloud.Answer{Person: "anna"})
	w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Slow, Path: "/token", Delay: 3 * time.Second, Times: 1})
	w.cloud.ResetRequests()
	go func() { // the browser, which is hung up on
		if res, err := v.client.Get(v.base + back); err == nil {
			_ = res.Body.Close()
		}
	}()
	if _, ok := bridge.err.line("sign-in being finished", patience); !ok {
		t.Fatalf("the browser did not come back:\n%s", bridge.err)
	}
	if r := bridge.end(); r.code != exitOK {
		t.Errorf("%+v", r)
	}
	if r := invoke(t, "accounts", "--config", config); !strings.Contains(r.out, "anna") {
		t.Errorf("the sign-in is lost:\n%s", r.out)
	}
	if r := terminal.wait(); r.code != exitOK {
		t.Errorf("the terminal has not learnt of it: %+v", r)
	}
}

// A page that others can reach asks for the password, whatever they want.
func TestPageWithAPassword(t *testing.T) {
	w := newWorld(t, "anna")
	config := w.config(ownBroker(t))
	v := visit(t, w.withPage(config, "password: open-sesame-1"))
	bridge := begin(t, "run", "--config", config)
	v.open()
	terminal := begin(t, "connect", "anna", "--config", config)
	back := w.comeBack(strings.TrimSpace(terminal.waitFor("http")), fakecloud.Answer{Person: "anna"})
	end, body := v.get(back)
	if end != back || !strings.Contains(body, `name="password"`) || strings.Contains(body, "connected") {
		t.Fatalf("without the password the callback shows %q:\n%s", end, body)
	}
	// The code survives the question for the password.
	if end, body = v.post(back, url.Values{"password": {"open-sesame-1"}}); !strings.HasPrefix(end, "sign-in/") || !strings.Contains(body, "Anna is connected") {
		t.Errorf("with it, %q:\n%s", end, body)
	}
	if r := terminal.wait(); r.code != exitOK {
		t.Errorf("%+v", r)
	}
	if _, body = v.get(""); !strings.Contains(body, "people/anna") {
		t.Errorf("with the session:\n%s", body)
	}
	r := bridge.end()
	if r.code != exitOK || strings.Contains(r.err, "sesame") {
		t.Errorf("%+v", r)
	}
}
