package web_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// formRoutes are all addresses that take forms, with one that would be good.
func formRoutes(attempt string) map[string]string {
	return map[string]string{
		"/connect":                "name=mallory",
		"/clients/forget":         "id=" + testingID,
		"/sign-in/" + attempt:     "address=4/0Acode-of-somebody",
		"/people/anna/poll":       "",
		"/people/anna/sign-in":    "",
		"/people/anna/rename":     "to=mallory",
		"/people/anna/disconnect": "",
		"/people/anna/remove":     "sure=yes",
		"/logout":                 "",
	}
}

// untouched fails the test if anything about anna or her sign-in under way has changed.
func (h *house) untouched(attempt string) {
	h.tb.Helper()
	a, err := h.tokens.Account(h.tb.Context(), "anna")
	if err != nil || !a.SignedIn || a.Generation != 1 || h.names() != "anna" {
		h.tb.Errorf("connected: %s; %v", h.names(), err)
	}
	p, err := h.desk.Progress(h.tb.Context(), attempt)
	if err != nil || p.URL == "" {
		h.tb.Errorf("the sign-in under way is spent: %v", err)
	}
	if clients, err := h.desk.Clients(h.tb.Context(), "google"); err != nil || len(clients) != 2 {
		h.tb.Errorf("clients: %v, %v", clients, err)
	}
}

// attacked is a house with somebody to harm in it.
func attacked(t *testing.T, p plan) (h *house, attempt string) {
	t.Helper()
	h = newHouse(t, p)
	h.connect("anna")
	if err := h.tokens.SaveClient(t.Context(), tokenstore.Client{Backend: "google", ID: testingID, Secret: testingSecret}); err != nil {
		t.Fatal(err)
	}
	begun, err := h.desk.Begin(t.Context(), signin.Request{Name: "anna"})
	if err != nil {
		t.Fatal(err)
	}
	return h, begun.ID
}

func TestFormsOfOtherPages(t *testing.T) {
	t.Parallel()
	h, attempt := attacked(t, plan{})
	b := h.browser()
	for path, form := range formRoutes(attempt) {
		for _, origins := range [][]string{
			nil,
			{"null"},
			{"https://evil.example"},
			{strings.Replace(h.url, "http:", "https:", 1) + ".evil.example"},
			{h.url + "/"},
			{h.url, "https://evil.example"},
			{"http://127.0.0.1"},
			{"http://localhost:1"},
		} {
			r := b.request(http.MethodPost, path, form)
			r.Header.Del("Origin")
			for _, o := range origins {
				r.Header.Add("Origin", o)
			}
			b.do(r).wants(http.StatusForbidden, "This was not sent by a form of this page, so nothing was done.")
		}
		for _, site := range []string{"cross-site", "same-site", "SAME-ORIGIN"} {
			r := b.request(http.MethodPost, path, form)
			r.Header.Set("Sec-Fetch-Site", site)
			b.do(r).wants(http.StatusForbidden)
		}
	}
	h.untouched(attempt)
}

// Every address knows its methods: forms cannot be sent by a link, and pages take none.
func TestWrongMethods(t *testing.T) {
	t.Parallel()
	h, attempt := attacked(t, plan{})
	b := h.browser()
	for path, form := range formRoutes(attempt) {
		if path != "/connect" && !strings.HasPrefix(path, "/sign-in/") {
			b.get(path+"?"+form).wants(http.StatusNotFound, "There is no such page.")
		}
		for _, method := range []string{http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions, "PROPFIND", "post"} {
			b.do(b.request(method, path, form)).wants(http.StatusMethodNotAllowed, "The page can only be read, or be sent a form.")
		}
	}
	for _, path := range []string{"/", "/people/anna", "/people/anna/charts/weight", "/people/anna/weigh-ins.csv", "/healthz", "/metrics", "/assets/style.css", "/oauth/callback?code=abcdefgh&state=x"} {
		b.post(path, "name", "mallory").wants(http.StatusNotFound, "There is no such page.")
	}
	h.untouched(attempt)
}

func TestForgedCallbacks(t *testing.T) {
	t.Parallel()
	h, attempt := attacked(t, plan{})
	b := h.browser()
	for _, query := range []string{"", "?", "?state=x", "?code=", "?code=%00&state=x", "?code=%0d%0aSet-Cookie:%20a=b&state=x", "?code=a;state=b", "?%gg"} {
		b.get("/oauth/callback"+query).wants(http.StatusBadRequest, "There is no sign-in code in this address.")
	}
	for _, query := range []string{"?code=4/0Aforged-by-mallory", "?code=4/0Aforged-by-mallory&state=", "?code=4/0Aforged-by-mallory&state=guessed", "?error=access_denied&state=" + attempt, "?code=x&state=%27%20OR%201=1--", "?code=x&state=" + strings.Repeat("A", 4000)} {
		a := b.get("/oauth/callback" + query)
		if strings.Contains(a.header.Get("Location"), "forged") || strings.Contains(a.header.Get("Location"), "guessed") {
			t.Errorf("leads to %s", a.goesTo())
		}
		a.follow().wants(http.StatusNotFound, "No sign-in that was begun here waits for this address.")
	}
	h.untouched(attempt)

	begun := b.begin("name", "ben")
	back := h.consent(begun.consentLink(), fakecloud.Answer{Person: "ben"})
	b.get(back).follow().wants(http.StatusOK, "Ben is connected")
	was, err := h.tokens.Account(t.Context(), "ben")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // a replay is no second sign-in, whoever's code it brings
		b.get(back).follow().wants(http.StatusOK, "Ben is connected")
		b.get(strings.Replace(back, "code=", "code=forged", 1)).follow().wants(http.StatusOK, "Ben is connected")
	}
	if is, err := h.tokens.Account(t.Context(), "ben"); err != nil || is.Generation != was.Generation {
		t.Errorf("signed in %d times, %v", is.Generation, err)
	}
}

// TestPaths tries to leave the page's own folders.
func TestPaths(t *testing.T) {
	t.Parallel()
	h, attempt := attacked(t, plan{})
	b := h.browser()
	raw := func(path string) answer {
		t.Helper()
		u, err := url.Parse(h.url)
		if err != nil {
			t.Fatal(err)
		}
		r := b.request(http.MethodGet, "/", "")
		r.URL = &url.URL{Scheme: u.Scheme, Host: u.Host, Opaque: path} // as it is, whatever that is
		return b.do(r)
	}
	for _, start := range []string{"/", "/assets/", "/people/anna/", "/people/", "/people/anna/charts/", "/sign-in/", "/oauth/"} {
		for _, up := range []string{"../web.go", "..%2fweb.go", "%2e%2e/web.go", "%2e%2e%2fweb.go", "..%5cweb.go", "..\\web.go", "....//web.go", "%252e%252e%252fweb.go", ".%00./web.go", "./style.css", "//etc/passwd", "%2fetc%2fpasswd", "%7f"} {
			a := raw(start + up)
			if a.status != http.StatusBadRequest && a.status != http.StatusNotFound {
				t.Errorf("%s%s: status %d, to %s", start, up, a.status, a.header.Get("Location"))
			}
			a.lacks("package web", "root:")
		}
	}
	for _, path := range []string{"/assets", "/assets/", "/assets/none.css", "/assets/style.css/", "/assets/templates/base.html"} {
		if a := b.get(path); a.status != http.StatusNotFound || a.header.Get("Location") != "" {
			t.Errorf("%s: %d, to %s", path, a.status, a.header.Get("Location"))
		}
	}
	for _, path := range []string{"/people/", "/people", "/people/anna/", "/sign-in/", "/connect/", "/healthz/", "/people/ANNA", "/people/%61nna%20", "/people/anna/weigh-ins.xml"} {
		if a := b.get(path); a.status != http.StatusNotFound && a.status != http.StatusBadRequest {
			t.Errorf("%s: status %d", path, a.status)
		}
	}
	h.untouched(attempt)
}

// endless is a body without an end that is known; it counts what was read of it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	if e.read > 10<<20 {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = 'a'
	}
	e.read += len(p)
	return len(p), nil
}

func TestLargeForms(t *testing.T) {
	t.Parallel()
	h, attempt := attacked(t, plan{})
	b := h.browser()
	for path := range formRoutes(attempt) {
		b.do(b.request(http.MethodPost, path, "name="+strings.Repeat("a", 64<<10))).wants(http.StatusRequestEntityTooLarge, "This is more than any form of the page would send.")
		body := &endless{}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, io.MultiReader(strings.NewReader("name="), body))
		r.ContentLength, r.RemoteAddr, r.Host = -1, "127.0.0.1:4711", "localhost"
		r.Header.Set("Origin", "http://localhost")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		h.pages.ServeHTTP(w, r)
		if w.Code != http.StatusRequestEntityTooLarge || body.read > 256<<10 {
			t.Errorf("%s: status %d after %d bytes", path, w.Code, body.read)
		}
	}
	var parts bytes.Buffer // what is no ordinary form has no fields
	parts.WriteString("--x\r\nContent-Disposition: form-data; name=\"sure\"\r\n\r\nyes\r\n--x--\r\n")
	r := b.request(http.MethodPost, "/people/anna/remove", parts.String())
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	b.do(r).wants(http.StatusBadRequest, "Tick the box")
	h.untouched(attempt)
}

// TestForeignHeaders sends what proxies would, from somebody who is none.
func TestForeignHeaders(t *testing.T) {
	t.Parallel()
	h, attempt := attacked(t, plan{password: "correct horse battery staple", proxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	b := h.browser()
	plain := b.get("/").wants(http.StatusUnauthorized, "Password of this page")
	const evil = "evil.example"
	for name, values := range map[string][]string{
		"X-Ingress-Path": {"/api/hassio_ingress/x", "//" + evil, "/" + evil}, "X-Forwarded-Host": {evil}, "X-Forwarded-Prefix": {"//" + evil, "/" + evil},
		"X-Forwarded-Proto": {"https", "javascript"}, "X-Forwarded-For": {"172.30.32.2", "127.0.0.1", "<script>"}, "Forwarded": {"for=172.30.32.2;host=" + evil},
		"X-Real-Ip": {"172.30.32.2"}, "Via": {evil}, "Authorization": {"Bearer x", "Basic !!!"}, "X-Original-Url": {"/healthz"}, "X-Rewrite-Url": {"/healthz"}, "X-Http-Method-Override": {"POST"},
	} {
		for _, v := range values {
			r := b.request(http.MethodGet, "/", "")
			r.Header.Set(name, v)
			a := b.do(r).wants(http.StatusUnauthorized)
			if a.body != plain.body || a.header.Get("Location") != "" {
				t.Errorf("%s: %s changes the page", name, v)
			}
		}
	}
	r := b.request(http.MethodGet, "/", "")
	r.Host = evil + `"><script>`
	if a := b.do(r); a.status != http.StatusBadRequest {
		a.wants(http.StatusUnauthorized).lacks(evil)
	}
	h.untouched(attempt)
}

// TestRebinding comes under a name that somebody else has made point to this machine.
func TestRebinding(t *testing.T) {
	t.Parallel()
	h, attempt := attacked(t, plan{})
	b := h.browser()
	for path, form := range formRoutes(attempt) {
		r := b.request(http.MethodPost, path, form)
		r.Host = "evil.example"
		r.Header.Set("Origin", "http://evil.example")
		b.do(r).wants(http.StatusForbidden, "This page does not answer to the name it was asked for.").lacks("evil.example", "1.2.3")
	}
	r := b.request(http.MethodGet, "/people/anna/weigh-ins.csv", "")
	r.Host = "evil.example"
	b.do(r).wants(http.StatusForbidden)
	h.untouched(attempt)
}

// TestGuesses tries 10,000 passwords against a page that is open to the network.
func TestGuesses(t *testing.T) {
	t.Parallel()
	const password = "correct horse battery staple"
	h, _ := attacked(t, plan{password: password})
	from := func(address, password string, cookies []*http.Cookie) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://panel.example/people/anna", strings.NewReader(url.Values{"password": {password}}.Encode()))
		r.RemoteAddr = net.JoinHostPort(address, "4711")
		r.Header.Set("Origin", "http://panel.example")
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		h.pages.ServeHTTP(w, r)
		return w
	}
	owner := from("192.0.2.1", password, nil)
	cookies := owner.Result().Cookies()
	if owner.Code != http.StatusSeeOther || len(cookies) != 1 {
		t.Fatalf("status %d, %d cookies", owner.Code, len(cookies))
	}
	lines := strings.Count(h.log.String(), "\n")
	for i := range 10_000 {
		w := from("198.51.100.7", "guess "+strings.Repeat("x", i%40), nil)
		if w.Code != http.StatusUnauthorized && w.Code != http.StatusTooManyRequests || len(w.Result().Cookies()) != 0 {
			t.Fatalf("guess %d: status %d", i, w.Code)
		}
		if i > 10 && w.Header().Get("Retry-After") == "" {
			t.Fatalf("guess %d is not held off", i)
		}
	}
	if got := strings.Count(h.log.String(), "\n") - lines; got != 1 {
		t.Errorf("%d log lines", got)
	}
	if w := from("198.51.100.7", password, nil); w.Code != http.StatusTooManyRequests {
		t.Errorf("from the guesser, the right one: status %d", w.Code)
	}
	if w := from("203.0.113.9", password, nil); w.Code != http.StatusSeeOther {
		t.Errorf("from elsewhere, the right one: status %d", w.Code)
	}
	if w := from("198.51.100.7", "", cookies); w.Code != http.StatusSeeOther { // the owner's session, there too
		t.Errorf("session: status %d", w.Code)
	}
	h.clock.Advance(time.Hour)
	if w := from("198.51.100.7", password, nil); w.Code != http.StatusSeeOther {
		t.Errorf("after an hour, the right one: status %d", w.Code)
	}
}
