package door_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/web/door"
)

func TestRoot(t *testing.T) {
	for path, root := range map[string]string{"/": "./", "/a": "./", "/a/": "../", "/a/b": "../", "/a/b/c": "../../", "/a%2Fb": "./"} {
		if got := door.Root(httptest.NewRequest(http.MethodGet, path, nil)); got != root {
			t.Errorf("Root of %s is %q, want %q", path, got, root)
		}
	}
}

func TestPrefix(t *testing.T) {
	ingressPath := map[string]string{"X-Ingress-Path": "/api/hassio_ingress/x"}
	forwarded := map[string]string{"X-Forwarded-Prefix": "/other", "X-Forwarded-For": "1.2.3.4"}
	for name, c := range map[string]struct {
		k         knock
		path, raw string // as the page sees it; empty: the page does not
		location  string
	}{
		"proxy leaves it":           {k: knock{path: "/fitbit/accounts/ann?x=1"}, path: "/accounts/ann"},
		"proxy takes it":            {k: knock{path: "/accounts/ann"}, path: "/accounts/ann"},
		"root":                      {k: knock{path: "/fitbit/"}, path: "/"},
		"no slash":                  {k: knock{path: "/fitbit"}, location: "./fitbit/"},
		"longer word":               {k: knock{path: "/fitbits/a"}, path: "/fitbits/a"},
		"raw path":                  {k: knock{path: "/fitbit/%61b"}, path: "/ab", raw: "/%61b"},
		"prefix in another writing": {k: knock{path: "/%66itbit/%61b"}, path: "/ab"},
		"ingress leaves it":         {k: knock{peer: ingress, path: "/api/hassio_ingress/x/a", header: ingressPath}, path: "/a"},
		"ingress takes it":          {k: knock{peer: ingress, path: "/a", header: ingressPath}, path: "/a"},
		"ingress, no slash":         {k: knock{peer: ingress, path: "/api/hassio_ingress/x", header: ingressPath}, location: "./x/"},
		"proxy tells":               {k: knock{peer: proxy, path: "/other/a/", header: forwarded}, path: "/a/"},
		"stranger tells":            {k: knock{peer: local, host: "localhost", path: "/other/a", header: forwarded}},
		"health below":              {k: knock{peer: lan, path: "/fitbit/healthz"}, path: "/healthz"},
	} {
		if c.k.peer == "" {
			c.k.peer, c.k.host = local, "localhost"
		}
		h := build(t, door.Options{BaseURL: "https://home.example.org/fitbit/", TrustedProxies: networks("10.0.0.2/32", "172.30.32.2/32")})
		a := h.send(c.k)
		if got := a.header.Get("Location"); got != c.location {
			t.Errorf("%s: leads to %q, want %q", name, got, c.location)
		}
		if (h.last != nil) != (c.path != "") {
			t.Errorf("%s: answers %d, comes through: %v", name, a.status, h.last != nil)
		} else if h.last != nil && (h.last.URL.Path != c.path || h.last.URL.RawPath != c.raw) {
			t.Errorf("%s: the page sees %q (%q), want %q (%q)", name, h.last.URL.Path, h.last.URL.RawPath, c.path, c.raw)
		}
	}
}

func TestSignInUnderAPrefix(t *testing.T) {
	h := build(t, door.Options{Password: hashed(t), BaseURL: "https://home.example.org/fitbit", Callbacks: []string{"/back", "/oauth/callback"}})
	k := knock{host: "home.example.org", header: map[string]string{"Origin": "https://home.example.org"}, form: word(secret)}
	k.path = "/fitbit/accounts/ann"
	if a := h.send(k); a.header.Get("Location") != "./ann" {
		t.Errorf("leads to %q", a.header.Get("Location"))
	}
	for _, path := range []string{"/fitbit/back?code=x", "/fitbit/oauth/callback?code=x"} {
		k.path = path
		want(t, "callback below a prefix", h.send(k), http.StatusOK)
	}
}

func TestDirtyPaths(t *testing.T) {
	h := build(t, door.Options{BaseURL: "http://localhost/fitbit"})
	dirty := []string{
		"/../x", "/a/../b", "/a/./b", "/..", "/a/..", "//evil.example", "/a//b", "/%2e%2e/x", "/a/%2E%2e", "/a%2fb", "/a%2F..%2Fb", "/fitbit//evil.example",
		"/fitbit/..", "/fitbit/%2e%2e/x", "/fitbit%2fa", "/a%5cb", "/%5c%5cevil", "/%00", "/a%0d%0aSet-Cookie:x", "/a%7f", "/a%09b", "/healthz%00", "/%2e/healthz",
	}
	for _, path := range dirty {
		want(t, path, h.send(knock{peer: local, host: "localhost", path: path}), http.StatusBadRequest)
	}
	for _, u := range []*url.URL{{Path: "*"}, {Path: ""}, {Path: "/a\nb"}, {Path: `/a\b`}, {Path: "/a/../b"}} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL, r.RemoteAddr, r.Host = u, local, "localhost"
		want(t, u.Path, serve(h, r), http.StatusBadRequest)
	}
	if h.reached != 0 {
		t.Errorf("%d dirty paths come through", h.reached)
	}
	for _, path := range []string{"/a.b/..c/d..", "/a%20b", "/%E2%82%AC", "/a/"} {
		want(t, path, h.send(knock{peer: local, host: "localhost", path: path}), http.StatusOK)
	}
}

func TestHeaders(t *testing.T) {
	h := build(t, door.Options{
		Password: hashed(t), Callbacks: []string{"/back", "/oauth/callback"}, FormTargets: []string{"https://accounts.google.com", "https://www.fitbit.com"},
		BaseURL: "http://localhost/fitbit",
	})
	c := h.signIn(t, knock{})
	answers := map[string]answer{
		"page": h.send(knock{cookie: c}), "login": h.send(knock{}), "health": h.send(knock{path: "/healthz"}), "bad path": h.send(knock{path: "//x"}),
		"bad method": h.send(knock{method: "PUT"}), "redirect": h.send(knock{path: "/fitbit"}), "signed in": h.send(knock{form: word(secret)}),
		"foreign": h.send(knock{form: "a=b", header: map[string]string{"Origin": "null"}}), "callback": h.send(knock{path: "/oauth/callback?code=x", cookie: c}),
		"callback of another cloud": h.send(knock{path: "/back?code=x", cookie: c}),
		"login at callback":         h.send(knock{path: "/oauth/callback?code=x"}), "too large": h.send(knock{form: strings.Repeat("x", 70<<10)}),
	}
	for name, a := range answers {
		referrer := "same-origin"
		if strings.HasPrefix(name, "callback") {
			referrer = "no-referrer"
		}
		for header, value := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
				"form-action 'self' https://accounts.google.com https://www.fitbit.com; base-uri 'none'; frame-ancestors 'self'",
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "SAMEORIGIN", "Cross-Origin-Opener-Policy": "same-origin",
			"Cache-Control": "no-store", "Referrer-Policy": referrer, "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
		} {
			if got := a.header.Get(header); got != value {
				t.Errorf("%s: %s is %q", name, header, got)
			}
		}
	}
}
