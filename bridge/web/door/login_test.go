package door_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/web/door"
)

func TestPasswordIsAskedForEverywhere(t *testing.T) {
	h := build(t, door.Options{Password: hashed(t), Callbacks: []string{"/oauth/callback"}, Assets: "/assets/"})
	for _, path := range []string{"/", "/accounts?secret=1", "/oauth/callback?code=x", "/healthz/", "/healthzz", "/assets", "/logout", "/style.css"} {
		for _, peer := range []string{lan, local, ingress} {
			a := h.send(knock{path: path, peer: peer})
			want(t, path, a, http.StatusUnauthorized)
			if a.header.Get("Location") != "" || a.header.Get("WWW-Authenticate") != "" {
				t.Errorf("%s leads elsewhere: %v", path, a.header)
			}
		}
	}
	if h.reached != 0 {
		t.Errorf("%d requests came through", h.reached)
	}
	for _, path := range []string{"/healthz", "/assets/style.css"} {
		want(t, path, h.send(knock{path: path}), http.StatusOK)
	}
	want(t, "POST to an asset", h.send(knock{path: "/assets/style.css", form: "a=b"}), http.StatusUnauthorized)
}

func TestPasswordOpens(t *testing.T) {
	build(t, door.Options{Password: "2:$2 a night"}) // a colon alone makes no line of htpasswd
	h := build(t, door.Options{Password: secret})
	h.signIn(t, knock{})
	want(t, "wrong for a plain password", h.send(knock{form: word("open")}), http.StatusUnauthorized)
	for name, mark := range map[string]string{"hash": "$2a$", "newer hash": "$2b$", "hash of PHP": "$2y$"} {
		h := build(t, door.Options{Password: mark + hashed(t)[4:]})
		for path, location := range map[string]string{
			"/": "./", "/?code=secret": "./", "/accounts/ann?x=1": "./ann", "/accounts/": "./", "/javascript:x": "./javascript:x",
			"/%E2%82%AC%20?": "./%E2%82%AC%20",
		} {
			a := h.send(knock{path: path, form: word(secret)})
			want(t, name, a, http.StatusSeeOther)
			if got := a.header.Get("Location"); got != location {
				t.Errorf("POST %s leads to %q, want %q", path, got, location)
			}
			want(t, name, h.send(knock{path: path, cookie: a.cookies[0]}), http.StatusOK)
		}
		for _, wrong := range []string{"", "open", secret + " ", secret + "\x00" + secret, strings.Repeat("x", 100)} {
			h.pass(time.Minute)
			a := h.send(knock{form: word(wrong)})
			want(t, name+" with "+wrong, a, http.StatusUnauthorized)
			if !h.form().Failed || len(a.cookies) != 0 {
				t.Errorf("%q: form %+v, cookies %v", wrong, h.form(), a.cookies)
			}
		}
	}
}

// TestBrowser signs in over a connection, behind a proxy that takes a prefix away, as a
// browser with a jar of cookies does.
func TestBrowser(t *testing.T) {
	h := build(t, door.Options{Password: hashed(t), TrustedProxies: networks("127.0.0.0/8")})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("X-Forwarded-Prefix", "/fitbit")
		http.StripPrefix("/fitbit", h).ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	for _, step := range []struct {
		method, path, form, says string
	}{
		{http.MethodGet, "/fitbit/accounts/ann", "", "401 login ../"},
		{http.MethodPost, "/fitbit/accounts/ann", word("wrong"), "401 login ../"},
		{http.MethodPost, "/fitbit/accounts/ann", word(secret), "200 page ../"},
		{http.MethodGet, "/fitbit/", "", "200 page ./"},
		{http.MethodPost, "/fitbit/logout", "", "401 login ./"},
		{http.MethodGet, "/fitbit/", "", "401 login ./"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), step.method, s.URL+step.path, strings.NewReader(step.form))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", s.URL)
		a, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(a.Body)
		a.Body.Close()
		if got := fmt.Sprint(a.StatusCode, " ", string(body)); got != step.says || err != nil {
			t.Errorf("%s %s: %s (%v), want %s", step.method, step.path, got, err, step.says)
		}
	}
}

func TestSignInThatComesBackIsNotLost(t *testing.T) {
	h := build(t, door.Options{Password: hashed(t), Callbacks: []string{"/oauth/callback"}})
	k := knock{path: "/oauth/callback?code=abc&state=x;y", form: word(secret)}
	a := h.send(k)
	want(t, "callback", a, http.StatusOK)
	r := h.last
	if r.Method != http.MethodGet || r.URL.RawQuery != "code=abc&state=x;y" || r.FormValue("password") != "" || r.Header.Get("Content-Type") != "" {
		t.Errorf("the callback sees %s %s, form %v", r.Method, r.URL, r.Form)
	}
	if b, err := io.ReadAll(r.Body); len(b) != 0 || err != nil {
		t.Errorf("body %q, %v", b, err)
	}
	k.form, k.cookie = "", a.cookies[0]
	want(t, "callback with a session", h.send(k), http.StatusOK)
}

func TestFormOfAnEndedSession(t *testing.T) {
	h := build(t, door.Options{Password: hashed(t)})
	a := h.send(knock{path: "/accounts/ann/remove", form: "sure=yes"})
	want(t, "form without a session", a, http.StatusUnauthorized)
	if f := h.form(); f.Failed || f.Action != "../../" {
		t.Errorf("form %+v", f)
	}
	if len(h.lines()) != 0 {
		t.Errorf("logged as a guess: %s", h.log.String())
	}
	c := h.signIn(t, knock{})
	want(t, "second window", h.send(knock{path: "/accounts", cookie: c, form: word("anything")}), http.StatusSeeOther)
	want(t, "form of a page", h.send(knock{cookie: c, form: "password=x&broker=y"}), http.StatusOK)
	if h.last.PostFormValue("broker") != "y" {
		t.Error("the page does not get its form")
	}
}

func TestBodiesAreLimited(t *testing.T) {
	h := build(t, door.Options{Password: hashed(t)})
	large := "password=" + strings.Repeat("x", 70<<10)
	want(t, "large body", h.send(knock{form: large}), http.StatusRequestEntityTooLarge)

	r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader(large))) // of unknown length
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "http://"+r.Host)
	want(t, "endless body", serve(h, r), http.StatusRequestEntityTooLarge)

	r.Body, r.ContentLength, r.PostForm = nil, 0, nil
	want(t, "no body", serve(h, r), http.StatusUnauthorized)
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]door.Options{
		"web.password: longer than 72 bytes": {Password: strings.Repeat("x", 73)},
		"web.password: contains a NUL":       {Password: "a\x00b"},
		"web.password: begins like":          {Password: "$2b$10$short"},
		"web.password: begins like a":        {Password: hashed(t)[:59] + "!"},
		"web.password: is a whole line":      {Password: "anna:" + hashed(t)},
		"web.password: is a whole line of":   {Password: ":$2y$" + hashed(t)[4:]},
		"web.password: the bcrypt hash":      {Password: strings.Replace(hashed(t), "$04$", "$31$", 1)},
		"web.base_url: not an address":       {BaseURL: "home.example.org"},
		"web.base_url: the path":             {BaseURL: "https://home.example.org/a%20b"},
		"form target":                        {FormTargets: []string{"https://example.org/path"}},
		"form target \"https://a;b\"":        {FormTargets: []string{"https://a;b"}},
		"assets folder":                      {Assets: "/"},
		"web.base_url: not":                  {BaseURL: "ftp://x"},
		"web.trusted_proxies":                {TrustedProxies: make([]netip.Prefix, 1)},
	} {
		if _, err := door.New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want %s", err, name)
		} else if o.Password != "" && strings.Contains(err.Error(), o.Password) {
			t.Errorf("%v shows the password", err)
		}
	}
}

func TestZeroValue(t *testing.T) {
	d, err := door.New(door.Options{Password: secret})
	if err != nil {
		t.Fatal(err)
	}
	page := d.Guard(http.NotFoundHandler())
	want(t, "default login page", serve(page, httptest.NewRequest(http.MethodGet, "/", nil)), http.StatusUnauthorized)
	want(t, "default refusal", serve(page, httptest.NewRequest(http.MethodPut, "/", nil)), http.StatusMethodNotAllowed)
}

// A program has no cookies: it sends the password with each request, to read.
func TestProgramsSendThePasswordAlong(t *testing.T) {
	h := build(t, door.Options{Password: secret})
	basic := func(password string) map[string]string {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.SetBasicAuth("prometheus", password)
		return map[string]string{"Authorization": r.Header.Get("Authorization")}
	}
	for range 20 { // however often
		a := h.send(knock{path: "/metrics", header: basic(secret)})
		want(t, "the right password", a, http.StatusOK)
		if len(a.cookies) != 0 {
			t.Errorf("a session was opened: %v", a.cookies)
		}
	}
	a := h.send(knock{path: "/metrics", header: basic("wrong")})
	want(t, "a wrong one", a, http.StatusUnauthorized)
	if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Basic ") {
		t.Errorf("a program is not told how: %v", a.header)
	}
	before := h.reached
	want(t, "something is to be changed", h.send(knock{path: "/remove", form: "sure=yes", header: basic(secret)}), http.StatusUnauthorized)
	for range 10 {
		a = h.send(knock{path: "/metrics", header: basic("wrong")})
	}
	want(t, "many wrong ones", a, http.StatusTooManyRequests)
	if h.reached != before {
		t.Errorf("%d requests came through", h.reached-before)
	}
}
