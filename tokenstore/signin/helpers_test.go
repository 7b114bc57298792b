package signin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/googlehealth"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// The OAuth clients of three cloud projects: the configured one, one that was
// entered by hand, and one in test mode.
const (
	configured = "configured.apps.example"
	stored     = "stored.apps.example"
	inTesting  = "testing.apps.example"

	redirectURL = "http://localhost:8099/oauth/callback"
)

func secretOf(client string) string { return "GOCSPX-secret-of-" + client }

// lab is a desk at a fake cloud in which Anna and Ben have accounts. It watches what
// the desk says for anything that must not show.
type lab struct {
	*testing.T
	fake  *fakecloud.Cloud
	clock *fakecloud.Clock
	url   string
	path  string // of the token store
	store *tokenstore.Store
	desk  *signin.Desk
	old   *oldCloud
	log   *journal
	// atExchange is called before a code is spent; nil does nothing.
	atExchange func()

	mu      sync.Mutex
	secrets []string
}

func newLab(t *testing.T) *lab {
	t.Helper()
	clock := fakecloud.NewClock(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
	l := &lab{T: t, clock: clock, path: filepath.Join(t.TempDir(), "tokens.db"), log: &journal{}}
	l.old = newOldCloud(l)
	o := fakecloud.Options{Now: clock.Now}
	for _, id := range []string{configured, stored, inTesting} {
		o.Apps = append(o.Apps, fakecloud.App{
			ClientID: id, ClientSecret: secretOf(id), RedirectURLs: []string{redirectURL}, Testing: id == inTesting,
		})
		l.secrets = append(l.secrets, secretOf(id))
	}
	l.fake = fakecloud.New(o)
	for _, name := range []string{"anna", "ben"} {
		l.secrets = append(l.secrets, l.fake.AddPerson(fakecloud.PersonOptions{Name: name}).User())
	}
	server := httptest.NewServer(l.fake)
	t.Cleanup(server.Close)
	l.url = server.URL
	l.desk = l.another()
	l.store = l.desk.Store
	t.Cleanup(func() { l.says(l.log.String()) })
	return l
}

// another opens the same file as another process would, with a desk of its own.
func (l *lab) another() *signin.Desk {
	l.Helper()
	logger := l.log.logger()
	store, err := tokenstore.Open(l.Context(), tokenstore.Options{Path: l.path, Now: l.clock.Now, Log: logger})
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { _ = store.Close() })
	client := googlehealth.NewHTTPClient()
	l.Cleanup(client.CloseIdleConnections)
	return &signin.Desk{Store: store, Default: "google", Log: logger, Clouds: map[string]signin.Cloud{"old": l.old.row(), "google": {
		Guide:    fitbit.Guide{Cloud: "Google Health", Brand: "Google", Account: "Google account", App: "Google Cloud project"},
		ClientID: configured, ClientSecret: secretOf(configured), RedirectURL: redirectURL,
		Authorizer: func(id, secret string) fitbit.Authorizer {
			return watched{l, googlehealth.App{
				ClientID: id, ClientSecret: secret, HTTP: client, Now: l.clock.Now,
				AuthURL: l.url + "/o/oauth2/v2/auth", TokenURL: l.url + "/token", RevokeURL: l.url + "/revoke",
			}}
		},
		Source: func(tokens fitbit.Tokens) fitbit.Source {
			return googlehealth.New(googlehealth.Options{Endpoint: l.url, Tokens: tokens, HTTP: client, Now: l.clock.Now})
		},
		Missing: googlehealth.Missing,
	}}}
}

// configure changes the cloud's part of the configuration.
func (l *lab) configure(change func(*signin.Cloud)) {
	c := l.desk.Clouds["google"]
	change(&c)
	l.desk.Clouds["google"] = c
}

// watched is an app that tells the lab every secret which passes through it.
type watched struct {
	lab *lab
	googlehealth.App
}

func (w watched) AuthCodeURL(a fitbit.Attempt) string {
	w.lab.secret(a.State, a.Verifier)
	return w.App.AuthCodeURL(a)
}

func (w watched) Exchange(ctx context.Context, a fitbit.Attempt, code string) (fitbit.Grant, error) {
	w.lab.secret(a.State, a.Verifier, code)
	if w.lab.atExchange != nil {
		w.lab.atExchange()
	}
	g, err := w.App.Exchange(ctx, a, code)
	w.lab.secret(g.AccessToken, g.RefreshToken)
	return g, err
}

func (w watched) Refresh(ctx context.Context, refreshToken string) (fitbit.Grant, error) {
	g, err := w.App.Refresh(ctx, refreshToken)
	w.lab.secret(g.AccessToken, g.RefreshToken, refreshToken)
	return g, err
}

func (l *lab) secret(secrets ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.secrets = append(l.secrets, slices.DeleteFunc(secrets, func(s string) bool { return s == "" })...)
}

// says checks texts that people or logs get to see.
func (l *lab) says(texts ...string) {
	l.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, text := range texts {
		for _, secret := range l.secrets {
			if strings.Contains(text, secret) {
				l.Errorf("a secret is in: %s", strings.ReplaceAll(text, secret, "[the secret]"))
			}
		}
	}
}

func (l *lab) begin(r signin.Request) signin.Started {
	l.Helper()
	s, err := l.desk.Begin(l.Context(), r)
	if err != nil {
		l.Fatalf("begin: %v", err)
	}
	return s
}

// consent is what the browser brings back.
func (l *lab) consent(s signin.Started, a fakecloud.Answer) fitbit.Callback {
	l.Helper()
	back, err := l.fake.Consent(l.Context(), s.URL, a)
	if err != nil {
		l.Fatalf("consent: %v", err)
	}
	c, err := fitbit.ParseCallback(back.String())
	if err != nil {
		l.Fatalf("callback: %v", err)
	}
	return c
}

// allow is the callback of a person who allows everything.
func (l *lab) allow(s signin.Started, person string) fitbit.Callback {
	l.Helper()
	return l.consent(s, fakecloud.Answer{Person: person})
}

// try signs Anna in and returns the error.
func (l *lab) try() error {
	l.Helper()
	s := l.begin(signin.Request{Name: "anna"})
	_, err := l.desk.Finish(l.Context(), l.allow(s, "anna"), s.State)
	return err
}

// in signs a person in, who must succeed.
func (l *lab) in(r signin.Request, a fakecloud.Answer) signin.Outcome {
	l.Helper()
	s := l.begin(r)
	o, err := l.desk.Finish(l.Context(), l.consent(s, a), s.State)
	if err != nil {
		l.Fatalf("sign in: %v", err)
	}
	return o
}

func (l *lab) account(name string) tokenstore.Account {
	l.Helper()
	a, err := l.store.Account(l.Context(), name)
	if err != nil {
		l.Fatal(err)
	}
	return a
}

// poll asks the cloud for something with an account's tokens.
func (l *lab) poll(name string) error {
	l.Helper()
	a := l.account(name)
	source, err := l.desk.Source(a.UID, a.Backend)
	if err != nil {
		l.Fatal(err)
	}
	_, err = source.Identity(l.Context())
	return err
}

// configureOld does so for the old cloud's part.
func (l *lab) configureOld(change func(*signin.Cloud)) {
	c := l.desk.Clouds["old"]
	change(&c)
	l.desk.Clouds["old"] = c
}

// saved stores an OAuth client.
func (l *lab) saved(id, secret string) {
	l.Helper()
	l.secret(secret)
	if err := l.store.SaveClient(l.Context(), tokenstore.Client{Backend: "google", ID: id, Secret: secret}); err != nil {
		l.Fatal(err)
	}
}

// everythingOf is all that a trouble can be made to say.
func everythingOf(t *signin.Trouble) string {
	b, _ := json.Marshal(t) // plain strings
	return fmt.Sprintf("%v %+v %#v %s %s %s", t, t, t, t.Detail, t.Hint, b)
}

// journal is where desks and stores log to.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// warnings counts the lines that somebody should read.
func (j *journal) warnings() int {
	text := j.String()
	return strings.Count(text, "level=WARN") + strings.Count(text, "level=ERROR")
}

func (j *journal) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
