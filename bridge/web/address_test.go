package web_test

import (
	"html"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// ingress is the address of Home Assistant's supervisor.
const ingress = "172.30.32.2"

// proxied is a request that a proxy passes on, as it arrives.
type proxied struct {
	peer, method, path, form string
	host                     string
	header                   map[string]string
}

func (h *house) pass(p proxied) answer {
	h.tb.Helper()
	if p.method == "" {
		p.method = http.MethodGet
	}
	r := httptest.NewRequestWithContext(h.tb.Context(), p.method, p.path, strings.NewReader(p.form))
	r.RemoteAddr, r.Host = p.peer+":4711", p.host
	if p.method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "https://"+p.host)
	}
	for name, value := range p.header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.pages.ServeHTTP(w, r)
	h.secrets.check(h.tb, p.path, w.Body.String())
	return answer{h.browser(), r.URL, w.Code, w.Header(), w.Body.String()}
}

// TestUnderAPath reads every page below a path that a proxy puts in front of it: every
// link, picture, form and redirect leads to where a page of ours is.
func TestUnderAPath(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix(ingress + "/32")}
	for name, c := range map[string]struct {
		base    string // in the configuration
		p       proxied
		browser string // what the browser calls the root
		keeps   bool   // whether the proxy leaves the path in place
	}{
		"directly":               {p: proxied{peer: "127.0.0.1", host: "localhost:8080"}, browser: "http://localhost:8080"},
		"base URL, path kept":    {base: "https://home.example/fitbit", p: proxied{peer: "192.0.2.1", host: "home.example", header: map[string]string{"X-Forwarded-For": "203.0.113.1"}}, browser: "https://home.example/fitbit", keeps: true},
		"base URL, path removed": {base: "https://home.example/fitbit", p: proxied{peer: "192.0.2.1", host: "home.example", header: map[string]string{"X-Forwarded-For": "203.0.113.1"}}, browser: "https://home.example/fitbit"},
		"X-Forwarded-Prefix":     {p: proxied{peer: "192.0.2.1", host: "home.example", header: map[string]string{"X-Forwarded-Prefix": "/a/b"}}, browser: "https://home.example/a/b"},
		"Home Assistant":         {p: proxied{peer: ingress, host: "ha.example:8123", header: map[string]string{"X-Ingress-Path": "/api/hassio_ingress/abc"}}, browser: "https://ha.example:8123/api/hassio_ingress/abc"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, plan{baseURL: c.base, proxies: trusted, former: true})
			h.connect("anna")
			h.cloud.Person("anna").Revoke()
			h.inState(bridge.StateSignInRequired)
			started, err := h.desk.Begin(t.Context(), signin.Request{Name: "anna"})
			if err != nil {
				t.Fatal(err)
			}
			root, err := url.Parse(c.browser + "/")
			if err != nil {
				t.Fatal(err)
			}
			ask := func(method, path, form string) answer {
				p := c.p
				if p.method, p.path, p.form = method, path, form; c.keeps {
					p.path = strings.TrimSuffix(root.Path, "/") + path
				}
				return h.pass(p)
			}
			inside := func(path, to string) {
				t.Helper()
				at, err := url.Parse(c.browser + path)
				if err != nil {
					t.Fatal(err)
				}
				u, err := at.Parse(to)
				if err != nil {
					t.Fatal(err)
				}
				if u.Host == root.Host && !strings.HasPrefix(u.Path, root.Path) {
					t.Errorf("%s leads out of the page: %s", path, to)
				}
			}
			for _, path := range []string{"/", "/connect", "/connect?cloud=former&name=anna", "/people/anna", "/people/anna?days=7&page=2", "/sign-in/" + started.ID, "/sign-in/none", "/people/nobody", "/none/at/all/", "/oauth/callback", "/former/callback"} {
				a := ask(http.MethodGet, path, "")
				found := regexp.MustCompile(`(?:href|src|srcset|action)="([^"]*)"`).FindAllStringSubmatch(a.body, -1)
				if len(found) < 3 {
					t.Errorf("%s: status %d with %d links", path, a.status, len(found))
				}
				for _, to := range found {
					inside(path, html.UnescapeString(to[1]))
				}
			}
			for path, form := range map[string]string{"/people/anna/poll": "", "/connect": "name=ben", "/people/anna/disconnect": "", "/people/anna/rename": "to=anna", "/logout": "", "/clients/forget": "id=none"} {
				a := ask(http.MethodPost, path, form)
				if a.status != http.StatusSeeOther || strings.HasPrefix(a.header.Get("Location"), "/") {
					t.Errorf("%s: status %d, to %q", path, a.status, a.header.Get("Location"))
				}
				inside(path, a.header.Get("Location"))
			}
		})
	}
}

// TestIngress tells Home Assistant's ingress from somebody who says to be it.
func TestIngress(t *testing.T) {
	t.Parallel()
	const password = "correct horse battery staple"
	h := newHouse(t, plan{password: password, proxies: []netip.Prefix{netip.MustParsePrefix("172.30.32.0/23")}})
	h.connect("anna")
	says := map[string]string{"X-Ingress-Path": "/api/hassio_ingress/abc"}
	h.pass(proxied{peer: ingress, path: "/", host: "ha.example", header: says}).wants(http.StatusOK, "Anna").lacks("Log out")
	h.pass(proxied{peer: "172.30.32.3", path: "/", host: "ha.example", header: says}).wants(http.StatusUnauthorized)

	b := h.browser() // knows the password, and says to be Home Assistant
	b.post("/", "password", password).follow().wants(http.StatusOK, "Log out")
	r := b.request(http.MethodGet, "/", "")
	r.Header.Set("X-Ingress-Path", "/api/hassio_ingress/abc")
	b.do(r).wants(http.StatusOK, "Log out")

	again := proxied{peer: ingress, method: http.MethodPost, path: "/people/anna/sign-in", host: strings.TrimPrefix(h.url, "http://"), header: says}
	if to := h.pass(again).header.Get("Location"); !strings.HasPrefix(to, "../../sign-in/") {
		t.Errorf("inside Home Assistant, where Google cannot come back to, led to %s", to)
	}
	b.post("/logout").follow().wants(http.StatusUnauthorized, "Password of this page")
}

// TestCallbackAfterALogin comes back to another name of this machine, where there is no
// session yet: the code survives the question for the password.
func TestCallbackAfterALogin(t *testing.T) {
	t.Parallel()
	const password = "correct horse battery staple"
	h := newHouse(t, plan{password: password})
	b := h.browser()
	b.post("/connect", "password", password).follow().wants(http.StatusOK)
	begun := b.begin("name", "anna")
	back := h.consent(begun.consentLink(), fakecloud.Answer{Person: "anna"})
	stranger := h.browser()
	path := strings.TrimPrefix(back, h.url)
	stranger.get(path).wants(http.StatusUnauthorized, "Password of this page")
	stranger.post(path, "password", "wrong").wants(http.StatusUnauthorized, "That is not the password.")
	stranger.post(path, "password", password).follow().wants(http.StatusOK, "Anna is connected")
}
