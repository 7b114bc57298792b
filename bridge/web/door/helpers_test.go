package door_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/web/door"
)

const (
	secret  = "open sesame"
	lan     = "192.168.1.20:50000"
	proxy   = "10.0.0.2:40000"
	ingress = "172.30.32.2:40000"
	local   = "127.0.0.1:50000"
)

// house is a page behind a door, with a clock that stands still.
type house struct {
	http.Handler

	mu      sync.Mutex
	time    time.Time
	log     bytes.Buffer
	reached int           // how many requests came through
	last    *http.Request // the last of them
	forms   []door.LoginForm
}

func build(tb testing.TB, o door.Options) *house {
	tb.Helper()
	h := &house{time: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)}
	o.Now = func() time.Time {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.time
	}
	o.Log = slog.New(slog.NewTextHandler(&h.log, nil))
	o.Login = func(w http.ResponseWriter, r *http.Request, f door.LoginForm) {
		h.mu.Lock()
		h.forms = append(h.forms, f)
		h.mu.Unlock()
		w.WriteHeader(f.Status)
		fmt.Fprintf(w, "login %s", door.Root(r))
	}
	d, err := door.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	h.Handler = d.Guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.reached++
		h.last = r
		fmt.Fprint(w, "page ", door.Root(r))
	}))
	return h
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.time = h.time.Add(d)
}

func (h *house) form() door.LoginForm {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.forms) == 0 {
		return door.LoginForm{}
	}
	return h.forms[len(h.forms)-1]
}

// knock is a request. The zero value asks for "/" from the local network.
type knock struct {
	method, path, peer, host string
	header                   map[string]string
	form                     string // the body of a POST
	old                      bool   // of HTTP/1.0
	cookie                   *http.Cookie
}

// answer is what comes back; the bodies are somebody else's.
type answer struct {
	status  int
	header  http.Header
	cookies []*http.Cookie
}

func serve(h http.Handler, r *http.Request) answer {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	a := w.Result()
	defer a.Body.Close()
	return answer{status: a.StatusCode, header: a.Header, cookies: a.Cookies()}
}

func (h *house) send(k knock) answer {
	method, path := k.method, k.path
	if method == "" {
		method = http.MethodGet
		if k.form != "" {
			method = http.MethodPost
		}
	}
	if path == "" {
		path = "/"
	}
	r := httptest.NewRequest(method, path, strings.NewReader(k.form))
	r.RemoteAddr, r.Host = k.peer, k.host
	if k.peer == "" {
		r.RemoteAddr = lan
	}
	if k.host == "" {
		r.Host = "scales.lan:8099"
	}
	if k.old {
		r.Proto, r.ProtoMinor = "HTTP/1.0", 0
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "http://"+r.Host)
	}
	for name, value := range k.header {
		r.Header.Set(name, value)
		if value == "" {
			r.Header.Del(name)
		}
	}
	if k.cookie != nil {
		r.AddCookie(k.cookie)
	}
	return serve(h, r)
}

// signIn gives the password from an address of its own, so that it is never held off.
func (h *house) signIn(tb testing.TB, k knock) *http.Cookie {
	tb.Helper()
	k.form = word(secret)
	a := h.send(k)
	if len(a.cookies) != 1 {
		tb.Fatalf("signing in answers %d without a cookie", a.status)
	}
	return a.cookies[0]
}

func (h *house) lines() []string {
	return strings.FieldsFunc(h.log.String(), func(c rune) bool { return c == '\n' })
}

func word(s string) string { return url.Values{"password": {s}}.Encode() }

// hashed is the cheapest hash of the password: tests try it often.
func hashed(tb testing.TB) string {
	tb.Helper()
	b, err := bcrypt.GenerateFromPassword([]byte(secret), bcrypt.MinCost)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

func networks(list ...string) (p []netip.Prefix) {
	for _, s := range list {
		p = append(p, netip.MustParsePrefix(s))
	}
	return p
}

func want(tb testing.TB, what string, got answer, status int) {
	tb.Helper()
	if got.status != status {
		tb.Errorf("%s answers %d, want %d", what, got.status, status)
	}
}
