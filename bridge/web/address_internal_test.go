package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// TestCatchable asks whether a browser that is here comes back here by itself.
func TestCatchable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		base, redirect, host string
		header               string // a name that is set
		want                 bool
		callback             string // the path it arrives at
	}{
		{redirect: "http://localhost:8080/oauth/callback", host: "localhost:8080", want: true, callback: "/oauth/callback"},
		{redirect: "http://localhost:8080/oauth/callback", host: "127.0.0.1:8080", want: true, callback: "/oauth/callback"},
		{redirect: "http://127.0.0.1:8080", host: "[::1]:8080", want: true, callback: "/"},
		{redirect: "http://localhost", host: "[::1]", want: true, callback: "/"},
		{redirect: "http://localhost/", host: "localhost", want: true, callback: "/"},
		{redirect: "http://localhost:8080/cb", host: "localhost:9000", callback: "/cb"}, // a tunnel
		{redirect: "http://localhost:8080/cb", host: "nas.lan:8080", callback: "/cb"},
		{redirect: "http://localhost:8080/cb", host: "localhost.evil.example:8080", callback: "/cb"},
		{redirect: "http://localhost:8080/cb", host: "", callback: "/cb"},
		{redirect: "https://localhost:8080/cb", host: "localhost:8080", callback: "/cb"}, // we speak no TLS
		{redirect: "http://localhost:8080/cb", host: "localhost:8080", header: "X-Ingress-Path", callback: "/cb"},
		{redirect: "http://localhost:8080/cb", host: "localhost:8080", header: "X-Forwarded-For", callback: "/cb"}, // the browser may be anywhere
		{base: "https://home.example", redirect: "https://home.example/cb", host: "home.example", want: true, callback: "/cb"},
		{base: "https://home.example", redirect: "https://HOME.example/cb", host: "192.168.1.2:8080", want: true, callback: "/cb"},
		{base: "https://home.example/fit/", redirect: "https://home.example/fit/cb", host: "home.example", want: true, callback: "/cb"},
		{base: "https://home.example", redirect: "https://home.example/cb", host: "home.example", header: "X-Forwarded-For", want: true, callback: "/cb"},
		{base: "https://home.example", redirect: "https://home.example/cb", host: "home.example", header: "X-Ingress-Path", callback: "/cb"}, // in a frame
		{base: "https://home.example/fit", redirect: "https://home.example/fit", host: "home.example", want: true, callback: "/"},
		{base: "https://home.example/fit", redirect: "https://home.example/fitness/cb", host: "home.example", callback: "/fitness/cb"},
		{base: "https://home.example/fit", redirect: "https://home.example/cb", host: "home.example", callback: "/cb"}, // somebody else's
		{base: "https://home.example/fit", redirect: "http://localhost:8080/cb", host: "home.example", callback: "/cb"},
		{base: "https://home.example/fit", redirect: "http://localhost:8080/fit/cb", host: "localhost:8080", want: true, callback: "/fit/cb"},
	} {
		redirect, err := url.Parse(c.redirect)
		if err != nil {
			t.Fatal(err)
		}
		s := &site{Options: Options{BaseURL: c.base}, redirects: map[string]*url.URL{"google": redirect}}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/connect", nil)
		r.Host = c.host
		if c.header != "" {
			r.Header.Set(c.header, "x")
		}
		if got := s.catchable(r, "google"); got != c.want {
			t.Errorf("from %s, %q to %s: %v", c.host, c.base, c.redirect, got)
		}
		if got := s.belowRoot(redirect); got != c.callback {
			t.Errorf("%q, %s arrives at %s, want %s", c.base, c.redirect, got, c.callback)
		}
	}
}
