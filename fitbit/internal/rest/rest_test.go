package rest_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/rest"
)

func noon() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }

// signIn hands out token-1, and token-2 once that is refused.
type signIn struct {
	asked, renewed atomic.Int32
	fails          error // what Renew fails with
}

func (s *signIn) Token(context.Context) (string, error) {
	s.asked.Add(1)
	return "token-1", nil
}

func (s *signIn) Renew(_ context.Context, stale string) (string, error) {
	s.renewed.Add(1)
	if stale != "token-1" {
		return "", errors.New("another token was refused than the one handed out")
	}
	return "token-2", s.fails
}

// errRefused is what the clients of these tests make of a failure.
var errRefused = errors.New("refused")

// client returns a client of a server that answers with h.
func client(t *testing.T, h http.HandlerFunc) (*rest.Client, *signIn) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	s := &signIn{}
	return &rest.Client{
		Base: server.URL, Tokens: s, Now: noon,
		Translate: func(f rest.Failure) error { return fmt.Errorf("%w with %d", errRefused, f.Status) },
	}, s
}

func say(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

type answer struct {
	Name string `json:"name"`
}

func TestRequests(t *testing.T) {
	var got []string
	c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, strings.Join([]string{
			r.Method, r.RequestURI, r.Header.Get("Authorization"), r.Header.Get("Accept"), r.Header.Get("User-Agent"), r.Header.Get("Content-Type"), string(body),
		}, "|"))
		say(http.StatusOK, "application/json", `{"name": "anna"}`)(w, r)
	})
	var a, b answer
	if err := c.Get(t.Context(), "/v4/me", "q=%20x", &a); err != nil || a.Name != "anna" {
		t.Errorf("answer is %v (%v)", a, err)
	}
	if err := c.Post(t.Context(), "/v4/me", answer{"bo"}, &b); err != nil || b.Name != "anna" {
		t.Errorf("answer is %v (%v)", b, err)
	}
	c.Header = http.Header{"User-Agent": {"another"}}
	form := func(token string) url.Values { return url.Values{"token": {token}} }
	if err := c.PostForm(t.Context(), "/introspect", form, &b); err != nil || b.Name != "anna" {
		t.Errorf("answer is %v (%v)", b, err)
	}
	want := []string{
		"GET|/v4/me?q=%20x|Bearer token-1|application/json|fitbit2mqtt||",
		`POST|/v4/me|Bearer token-1|application/json|fitbit2mqtt|application/json|{"name":"bo"}`,
		"POST|/introspect|Bearer token-1|application/json|another|application/x-www-form-urlencoded|token=token-1",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("requests are\n%q, want\n%q", got, want)
	}
}

func TestContentTypes(t *testing.T) {
	for contentType, isJSON := range map[string]bool{
		"application/json": true, "application/json; charset=UTF-8": true, "application/problem+json": true,
		"text/html": false, "text/plain; application/json": false, "": false, ";": false,
	} {
		c, _ := client(t, say(http.StatusOK, contentType, `{"name": "anna"}`))
		err := c.Get(t.Context(), "/", "", &answer{})
		if isJSON != (err == nil) || !isJSON && !errors.Is(err, fitbit.ErrProtocol) {
			t.Errorf("%q: error is %v", contentType, err)
		}
	}
}

// TestTokenRefused: one renewal, one repetition with the same body, and no more.
func TestTokenRefused(t *testing.T) {
	const unauthorized = http.StatusUnauthorized
	for _, c := range []struct {
		name     string
		statuses []int // one per request
		fails    error
		renewals int32
		want     error
	}{
		{"cured", []int{unauthorized, 200}, nil, 1, nil},
		{"refused again", []int{unauthorized, unauthorized}, nil, 1, errRefused},
		{"then something else", []int{unauthorized, 503}, nil, 1, errRefused},
		{"no other token", []int{unauthorized}, fitbit.ErrReauthRequired, 1, fitbit.ErrReauthRequired},
		{"forbidden", []int{403}, nil, 0, errRefused},
	} {
		var got []string
		client, s := client(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got = append(got, r.Header.Get("Authorization")+string(body))
			if len(got) > len(c.statuses) {
				t.Errorf("%s: a request too many", c.name)
				return
			}
			say(c.statuses[len(got)-1], "application/json", "{}")(w, r)
		})
		s.fails = c.fails
		if err := client.Post(t.Context(), "/", answer{}, &answer{}); !errors.Is(err, c.want) {
			t.Errorf("%s: error is %v, want %v", c.name, err, c.want)
		}
		want := []string{`Bearer token-1{"name":""}`, `Bearer token-2{"name":""}`}[:len(c.statuses)]
		if strings.Join(got, " ") != strings.Join(want, " ") || s.renewed.Load() != c.renewals {
			t.Errorf("%s: requests are %q after %d renewals, want %q", c.name, got, s.renewed.Load(), want)
		}
	}
}

func TestSizeLimit(t *testing.T) {
	body := func(n int) string { return `{"name": "` + strings.Repeat("a", n-12) + `"}` }
	for _, c := range []struct {
		size int
		want error
	}{{1000, nil}, {1001, fitbit.ErrProtocol}, {100_000, fitbit.ErrProtocol}} {
		client, _ := client(t, say(http.StatusOK, "application/json", body(c.size)))
		client.MaxBody = 1000
		if err := client.Get(t.Context(), "/", "", &answer{}); !errors.Is(err, c.want) {
			t.Errorf("%d bytes: error is %v, want %v", c.size, err, c.want)
		}
	}
	bomb, _ := client(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, body(100_000))
		_ = z.Close()
	})
	bomb.MaxBody = 1000
	if err := bomb.Get(t.Context(), "/", "", &answer{}); !errors.Is(err, fitbit.ErrProtocol) {
		t.Errorf("compressed: error is %v, want ErrProtocol", err)
	}
}

func TestFailure(t *testing.T) {
	c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "120")
		say(http.StatusTooManyRequests, "application/json", strings.Repeat("x", 100<<10))(w, r)
	})
	var got rest.Failure
	c.Translate = func(f rest.Failure) error {
		got = f
		return errRefused
	}
	if err := c.Get(t.Context(), "/", "", &answer{}); !errors.Is(err, errRefused) {
		t.Errorf("error is %v, want %v", err, errRefused)
	}
	if got.Status != 429 || !got.JSON || len(got.Body) != 64<<10 || got.Header.Get("Retry-After") != "120" {
		t.Errorf("failure is %d, JSON %v, %d bytes, %v", got.Status, got.JSON, len(got.Body), got.Header)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		c, _ := client(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, status) })
		if err := c.Post(t.Context(), "/", answer{}, &answer{}); !errors.Is(err, errRefused) {
			t.Errorf("%d: error is %v, want %v", status, err, errRefused)
		}
	}
}

// TestPace: each request waits for its turn, the repeated one too.
func TestPace(t *testing.T) {
	waits, requests := 0, 0
	c, _ := client(t, func(w http.ResponseWriter, r *http.Request) {
		if requests++; requests != waits {
			t.Errorf("request %d came after %d waits", requests, waits)
		}
		say(http.StatusUnauthorized, "application/json", "{}")(w, r)
	})
	c.Wait = func(context.Context) error {
		waits++
		return nil
	}
	if err := c.Get(t.Context(), "/", "", &answer{}); !errors.Is(err, errRefused) || waits != 2 {
		t.Errorf("error is %v after %d waits, want %v after 2", err, waits, errRefused)
	}
	c.Wait = func(context.Context) error { return errors.New("rate: would exceed context deadline") }
	if err := c.Get(t.Context(), "/", "", &answer{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v, want %v", err, context.DeadlineExceeded)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c.Wait = func(ctx context.Context) error { return ctx.Err() }
	if err := c.Get(ctx, "/", "", &answer{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
	if requests != 2 {
		t.Errorf("%d requests, want 2", requests)
	}
}

// TestRateLimitIsRemembered: the longest of several, for everybody, and without
// asking for a token.
func TestRateLimitIsRemembered(t *testing.T) {
	var requests atomic.Int32
	var both sync.WaitGroup // are under way before either is answered
	both.Add(2)
	c, s := client(t, func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) <= 2 {
			both.Done()
			both.Wait()
		}
		say(http.StatusTooManyRequests, "", "")(w, r)
	})
	now, waits := noon(), make(chan time.Duration, 3)
	c.Now = func() time.Time { return now }
	c.Translate = func(rest.Failure) error {
		return fmt.Errorf("wrapped: %w", &fitbit.RateLimitError{Until: noon().Add(<-waits)})
	}
	waits <- time.Hour
	waits <- time.Minute
	var calls sync.WaitGroup
	for range 2 {
		calls.Go(func() {
			if err := c.Get(t.Context(), "/", "", &answer{}); !errors.Is(err, fitbit.ErrUnavailable) {
				t.Errorf("error is %v", err)
			}
		})
	}
	calls.Wait()
	now = noon().Add(time.Hour - 1)
	tokens := s.asked.Load()
	limit, ok := errors.AsType[*fitbit.RateLimitError](c.Get(t.Context(), "/", "", &answer{}))
	if !ok || !limit.Until.Equal(noon().Add(time.Hour)) {
		t.Errorf("limit is %v, want an hour", limit)
	}
	if requests.Load() != 2 || s.asked.Load() != tokens {
		t.Error("a request was sent, or a token asked for, in spite of the limit")
	}
	now = noon().Add(time.Hour)
	waits <- time.Hour
	if err := c.Get(t.Context(), "/", "", &answer{}); !errors.Is(err, fitbit.ErrUnavailable) || requests.Load() != 3 {
		t.Errorf("at its end: %d requests (%v), want a third", requests.Load(), err)
	}
}

// TestSent: what went out is counted, repeated or unanswered, and nothing else.
func TestSent(t *testing.T) {
	now := noon()
	var status, requests atomic.Int64 // a cut connection orders nothing
	c, s := client(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		s := int(status.Load())
		if s == 0 {
			panic(http.ErrAbortHandler)
		}
		say(s, "application/json", "{}")(w, r)
	})
	c.Now = func() time.Time { return now }
	c.HTTP = rest.NewHTTPClient()
	c.HTTP.Transport.(*http.Transport).DisableKeepAlives = true // else net/http repeats a GET by itself
	expect := func(what string, ever int64, minute int) {
		t.Helper()
		if gotEver, gotMinute := c.Sent(); gotEver != ever || gotMinute != minute || requests.Load() != ever {
			t.Errorf("%s: %d sent, %d of them this minute, %d arrived; want %d and %d", what, gotEver, gotMinute, requests.Load(), ever, minute)
		}
	}
	get := func(ctx context.Context) { _ = c.Get(ctx, "/", "", &answer{}) }
	expect("nothing", 0, 0)
	status.Store(http.StatusOK)
	get(t.Context())
	expect("an answer", 1, 1)
	status.Store(http.StatusUnauthorized)
	get(t.Context())
	expect("sent again with another token", 3, 3)
	status.Store(0)
	get(t.Context())
	expect("no answer", 4, 4)

	now = noon().Add(time.Minute - 1)
	expect("the same minute", 4, 4)
	now = noon().Add(time.Minute)
	expect("the next minute", 4, 0)
	status.Store(http.StatusOK)
	get(t.Context())
	expect("the next minute", 5, 1)
	now = noon() // set back
	expect("set back", 5, 0)
	get(t.Context())
	expect("set back", 6, 1)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	get(ended)
	expect("ended before its turn", 6, 1)
	s.fails = fitbit.ErrReauthRequired
	status.Store(http.StatusUnauthorized)
	get(t.Context())
	expect("no other token", 7, 2)
	if c.Limited() {
		t.Error("nobody has asked for patience")
	}
	c.Translate = func(rest.Failure) error { return &fitbit.RateLimitError{Until: noon().Add(time.Hour)} }
	status.Store(http.StatusTooManyRequests)
	get(t.Context())
	get(t.Context())
	expect("held back", 8, 3)
	if !c.Limited() {
		t.Error("the cloud has asked for patience")
	}
	if now = noon().Add(time.Hour); c.Limited() {
		t.Error("the patience is over")
	}
}

// TestSentWhileSending: it is asked for from elsewhere.
func TestSentWhileSending(t *testing.T) {
	c, _ := client(t, say(http.StatusOK, "application/json", "{}"))
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			for range 10 {
				if err := c.Get(t.Context(), "/", "", &answer{}); err != nil {
					t.Error(err)
				}
				if ever, minute := c.Sent(); ever < 1 || int64(minute) > ever {
					t.Errorf("%d sent, %d of them this minute", ever, minute)
				}
			}
		})
	}
	calls.Wait()
	if ever, minute := c.Sent(); ever != 40 || minute != 40 {
		t.Errorf("%d sent, %d of them this minute", ever, minute)
	}
}
