package door_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/web/door"
)

// FuzzProxy lets a trusted proxy pass on whatever strangers wrote.
func FuzzProxy(f *testing.F) {
	f.Add("/fitbit", "1.2.3.4, [::1]:80", "home.example.org", "/fitbit/a%21")
	f.Add("/a\r\nSet-Cookie: x", "unknown,,,", "evil.example\x00", "/%66itbit")
	f.Add("//evil.example/", strings.Repeat("10.0.0.2,", 100), "[", "/fitbit")
	h := build(f, door.Options{Password: hashed(f), BaseURL: "https://home.example.org/fitbit", TrustedProxies: networks("10.0.0.2/32")})
	f.Fuzz(func(t *testing.T, prefix, hops, host, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || !strings.HasPrefix(path, "/") {
			return // no request at all
		}
		h.pass(time.Hour)
		for _, header := range []string{"X-Forwarded-Prefix", "X-Ingress-Path"} {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(word(secret)))
			r.URL, r.RemoteAddr = u, proxy
			r.Header = http.Header{
				header: {prefix}, "X-Forwarded-For": {hops}, "X-Forwarded-Host": {host},
				"Content-Type": {"application/x-www-form-urlencoded"}, "Sec-Fetch-Site": {"same-origin"},
			}
			a := serve(h, r)
			for name, values := range a.header {
				if strings.ContainsFunc(strings.Join(values, ""), func(c rune) bool { return c < ' ' || c > '~' }) {
					t.Errorf("%s: %q", name, values)
				}
			}
			location := a.header.Get("Location")
			if location != "" && !strings.HasPrefix(location, "./") || strings.Contains(location, "//") || strings.Contains(location, "..") && !strings.Contains(path, "..") {
				t.Errorf("leads to %q", location)
			}
			for _, c := range a.cookies {
				if !strings.HasPrefix(c.Path, "/") || strings.Contains(c.Path, "//") || c.Domain != "" || !c.HttpOnly {
					t.Errorf("cookie %s", c)
				}
			}
		}
	})
}

// FuzzHost asks, on this machine, for a page that has no password.
func FuzzHost(f *testing.F) {
	for _, s := range []string{"localhost:8099", "127.0.0.1", "[::1]:1", "evil.example", "127.0.0.1@evil.example", "localhost.", "[::1%lo]", "::1", ":8099", ""} {
		f.Add(s, "/")
	}
	f.Add("localhost", "/a/../b")
	own := regexp.MustCompile(`(?i)^(\[?localhost]?|\[?127\.[0-9]+\.[0-9]+\.[0-9]+]?|\[[0:.]+(1|ffff:(127\.[0-9.]+|7f[0-9a-f]{2}:[0-9a-f]+))])(:[0-9]*)?$`)
	f.Fuzz(func(t *testing.T, host, path string) {
		h := build(t, door.Options{})
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr, r.Host, r.URL = local, host, &url.URL{Path: path}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if h.reached == 0 || path == "/healthz" {
			return
		}
		if !own.MatchString(host) {
			t.Errorf("%q comes in", host)
		}
		if strings.ContainsAny(path, "\x00\r\n\\") || strings.Contains(path, "//") || strings.Contains(path+"/", "/../") {
			t.Errorf("%q comes through", path)
		}
	})
}
