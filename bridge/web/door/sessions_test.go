package door_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/web/door"
)

const day = 24 * time.Hour

func TestSessionEnds(t *testing.T) {
	h := build(t, door.Options{Password: hashed(t)})
	idle, busy := h.signIn(t, knock{}), h.signIn(t, knock{})
	for range 8 {
		h.pass(22 * day)
		want(t, "busy session", h.send(knock{cookie: busy}), http.StatusOK)
	}
	want(t, "idle session", h.send(knock{cookie: idle}), http.StatusUnauthorized)
	h.pass(4 * day)
	want(t, "session of half a year", h.send(knock{cookie: busy}), http.StatusUnauthorized)
}

func TestLogout(t *testing.T) {
	h := build(t, door.Options{Password: hashed(t)})
	c := h.signIn(t, knock{})
	want(t, "logout from elsewhere", h.send(knock{method: http.MethodPost, path: "/logout", cookie: c, header: map[string]string{"Origin": "https://evil.example"}}), http.StatusForbidden)
	want(t, "logout by a link", h.send(knock{path: "/logout", cookie: c}), http.StatusOK)
	a := h.send(knock{method: http.MethodPost, path: "/logout", cookie: c})
	want(t, "logout", a, http.StatusSeeOther)
	if cookies := a.cookies; a.header.Get("Location") != "./" || len(cookies) != 1 || cookies[0].MaxAge >= 0 || cookies[0].Value != "" {
		t.Errorf("logout answers %v", a.header)
	}
	want(t, "ended session", h.send(knock{cookie: c}), http.StatusUnauthorized)
	want(t, "logout without a session", h.send(knock{method: http.MethodPost, path: "/logout"}), http.StatusSeeOther)
}

func TestSessionsAreFew(t *testing.T) {
	h := build(t, door.Options{Password: hashed(t)})
	first, second := h.signIn(t, knock{}), h.signIn(t, knock{})
	for range 254 {
		h.pass(time.Second)
		h.signIn(t, knock{})
	}
	want(t, "first of 256", h.send(knock{cookie: first}), http.StatusOK)
	h.pass(time.Second)
	h.signIn(t, knock{})
	want(t, "used", h.send(knock{cookie: first}), http.StatusOK)
	want(t, "used least recently", h.send(knock{cookie: second}), http.StatusUnauthorized)
}

func TestForeignCookies(t *testing.T) {
	h := build(t, door.Options{Password: hashed(t)})
	c := h.signIn(t, knock{})
	for _, value := range []string{"", "x", c.Value[1:], c.Value + "A", strings.ToUpper(c.Value)} {
		want(t, value, h.send(knock{cookie: &http.Cookie{Name: c.Name, Value: value}}), http.StatusUnauthorized)
	}
	stale := fmt.Sprintf("%s=old; %s=older; %s=%s", c.Name, c.Name, c.Name, c.Value)
	want(t, "beside stale ones", h.send(knock{header: map[string]string{"Cookie": stale}}), http.StatusOK)
}

func TestCookie(t *testing.T) {
	trusted := networks("10.0.0.2/32", "172.30.32.2/32")
	for name, c := range map[string]struct {
		k      knock
		base   string
		path   string
		secure bool
	}{
		"lan":                     {path: "/"},
		"lan below":               {k: knock{path: "/a/b"}, path: "/"},
		"prefix is kept":          {k: knock{path: "/fitbit/a"}, base: "https://home.example.org/fitbit", path: "/fitbit"},
		"prefix is stripped":      {k: knock{host: "home.example.org", header: map[string]string{"Origin": "https://home.example.org"}}, base: "https://home.example.org/fitbit", path: "/fitbit", secure: true},
		"past the proxy":          {base: "https://home.example.org/fitbit", path: "/"},
		"proxy tells":             {k: knock{peer: proxy, header: map[string]string{"X-Forwarded-Prefix": "/p/", "X-Forwarded-Proto": "https", "Origin": "https://scales.lan:8099"}}, path: "/p", secure: true},
		"stranger tells":          {k: knock{header: map[string]string{"X-Forwarded-Prefix": "/p/", "X-Forwarded-Proto": "https", "X-Ingress-Path": "/q"}}, path: "/"},
		"ingress of another":      {k: knock{peer: proxy, header: map[string]string{"X-Ingress-Path": "/api/hassio_ingress/x_-1"}}, path: "/api/hassio_ingress/x_-1"},
		"header that breaks out":  {k: knock{peer: proxy, header: map[string]string{"X-Forwarded-Prefix": "/p; Domain=example.org"}}, path: "/"},
		"prefix of another host":  {k: knock{peer: proxy, header: map[string]string{"X-Forwarded-Prefix": "//evil.example"}}, path: "/"},
		"prefix that leads out":   {k: knock{peer: proxy, header: map[string]string{"X-Forwarded-Prefix": "/a/../.."}}, path: "/"},
		"prefix that is too long": {k: knock{peer: proxy, header: map[string]string{"X-Forwarded-Prefix": "/" + strings.Repeat("a", 256)}}, path: "/"},
		"prefix without a slash":  {k: knock{peer: proxy, header: map[string]string{"X-Forwarded-Prefix": "p"}}, path: "/"},
	} {
		got := build(t, door.Options{Password: hashed(t), TrustedProxies: trusted, BaseURL: c.base}).signIn(t, c.k)
		if got.Name != "fitbit2mqtt_session" || got.Path != c.path || got.Secure != c.secure || !got.HttpOnly || got.SameSite != http.SameSiteLaxMode || got.Domain != "" || got.MaxAge != 180*24*3600 {
			t.Errorf("%s: cookie %s", name, got)
		}
		if len(got.Value) != 43 {
			t.Errorf("token of %d characters", len(got.Value))
		}
	}
}
