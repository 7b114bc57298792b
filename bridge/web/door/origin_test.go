package door_test

import (
	"net/http"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/web/door"
)

func TestSameOrigin(t *testing.T) {
	const base = "https://home.example.org/fitbit"
	for name, c := range map[string]struct {
		site, origin, host, peer string
		forwardedHost, proto     string
		ok                       bool
	}{
		"plain network":              {origin: "http://scales.lan:8099", ok: true},
		"browser says so":            {site: "same-origin", ok: true},
		"both":                       {site: "same-origin", origin: "http://scales.lan:8099", ok: true},
		"by hand":                    {site: "none", origin: "http://scales.lan:8099", ok: true},
		"in capitals":                {origin: "http://SCALES.lan:8099", ok: true},
		"default port":               {origin: "http://scales.lan", host: "scales.lan:80", ok: true},
		"base_url":                   {origin: "https://home.example.org", host: "127.0.0.1:8099", ok: true},
		"decrypted by a stranger":    {origin: "https://scales.lan:8099", ok: true},
		"proxy tells the host":       {origin: "https://other.example", peer: proxy, forwardedHost: "other.example", proto: "https", ok: true},
		"two proxies":                {origin: "https://other.example", peer: proxy, forwardedHost: "other.example, inner", proto: "https, http", ok: true},
		"neither":                    {},
		"null":                       {origin: "null"},
		"null, says the browser":     {site: "same-origin", origin: "null"},
		"another site":               {site: "cross-site", origin: "https://evil.example"},
		"another site, no header":    {origin: "https://evil.example"},
		"sibling":                    {site: "same-site", origin: "http://scales.lan:8099"},
		"browser errs":               {site: "same-origin", origin: "https://evil.example"},
		"nonsense":                   {site: "Same-Origin", origin: "http://scales.lan:8099"},
		"another port":               {origin: "http://scales.lan:8098"},
		"no port":                    {origin: "http://scales.lan"},
		"another scheme":             {origin: "ftp://scales.lan:8099"},
		"path":                       {origin: "http://scales.lan:8099/"},
		"user":                       {origin: "http://x@scales.lan:8099"},
		"two":                        {origin: "http://scales.lan:8099 http://evil.example"},
		"base_url unencrypted":       {origin: "http://home.example.org", host: "home.example.org"},
		"base_url with another port": {origin: "https://home.example.org:444", host: "127.0.0.1"},
		"encrypted, page is not":     {origin: "http://other.example", peer: proxy, forwardedHost: "other.example", proto: "https"},
		"stranger tells the host":    {origin: "https://other.example", forwardedHost: "other.example"},
	} {
		h := build(t, door.Options{Password: hashed(t), BaseURL: base, TrustedProxies: networks("10.0.0.2/32")})
		status := http.StatusForbidden
		if c.ok {
			status = http.StatusSeeOther
		}
		a := h.send(knock{form: word(secret), host: c.host, peer: c.peer, header: map[string]string{
			"Sec-Fetch-Site": c.site, "Origin": c.origin, "X-Forwarded-Host": c.forwardedHost, "X-Forwarded-Proto": c.proto,
		}})
		want(t, name, a, status)
		if !c.ok && (len(a.cookies) > 0 || h.reached > 0) {
			t.Errorf("%s: something was done", name)
		}
	}
}

func TestMethods(t *testing.T) {
	h := build(t, door.Options{Password: hashed(t)})
	c := h.signIn(t, knock{})
	for _, m := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "PROPFIND"} {
		a := h.send(knock{method: m, cookie: c, header: map[string]string{"Sec-Fetch-Site": "same-origin"}})
		want(t, m, a, http.StatusMethodNotAllowed)
		if a.header.Get("Allow") == "" || h.reached != 0 {
			t.Errorf("%s reaches the page, or is not told what is allowed", m)
		}
	}
	want(t, "HEAD", h.send(knock{method: "HEAD", cookie: c}), http.StatusOK)
	want(t, "POST to the health check", h.send(knock{path: "/healthz", form: "a=b"}), http.StatusUnauthorized)
}
