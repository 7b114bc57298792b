package contract

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/rest"
)

const (
	clientID     = "household.apps.example"
	clientSecret = "GOCSPX-household-secret" //nolint:gosec // of the fake cloud
	callbackURL  = "http://localhost:8099/oauth/callback"
)

// lab is a fake cloud on a free port, a clock at noon (UTC) of Friday, 20 November
// 2026, and Anna in Berlin. It watches what errors say.
type lab struct {
	*testing.T
	cloud Cloud
	env   Env
	app   fitbit.Authorizer
	fake  *fakecloud.Cloud
	clock *fakecloud.Clock
	anna  *fakecloud.Person

	mu      sync.Mutex
	secrets []string
	said    []string
}

func newLab(t *testing.T, c Cloud) *lab {
	t.Helper()
	clock := fakecloud.NewClock(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
	fake := fakecloud.New(fakecloud.Options{
		Now:  clock.Now,
		Apps: []fakecloud.App{{ClientID: clientID, ClientSecret: clientSecret, RedirectURLs: []string{callbackURL}}},
	})
	server := httptest.NewServer(fake)
	client := rest.NewHTTPClient()
	t.Cleanup(func() {
		client.CloseIdleConnections()
		server.Close()
	})
	l := &lab{T: t, cloud: c, fake: fake, clock: clock, secrets: []string{clientSecret}}
	l.env = Env{URL: server.URL, ClientID: clientID, ClientSecret: clientSecret, HTTP: client, Now: clock.Now}
	l.app = c.Authorizer(l.env)
	l.anna = fake.AddPerson(fakecloud.PersonOptions{Name: "anna", Location: l.zone("Europe/Berlin"), HeightMetres: 1.78, Seed: 7})
	t.Cleanup(l.nothingLeaked)
	return l
}

func (l *lab) zone(name string) *time.Location {
	l.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		l.Fatal(err)
	}
	return loc
}

// at reads a time such as "2026-11-20T07:14:09+01:00".
func (l *lab) at(s string) time.Time {
	l.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		l.Fatal(err)
	}
	return v
}

func (l *lab) day(s string) fitbit.Date {
	l.Helper()
	d, err := fitbit.ParseDate(s)
	if err != nil {
		l.Fatal(err)
	}
	return d
}

// all is a window without end in either direction that matters here.
func (l *lab) all() fitbit.Window { return fitbit.Window{From: l.clock.Now().AddDate(-1, 0, 0)} }

// consent lets a person answer the consent page and returns what the browser brings back.
func (l *lab) consent(a fakecloud.Answer) (fitbit.Attempt, fitbit.Callback) {
	l.Helper()
	attempt := fitbit.Attempt{State: rand.Text(), Verifier: rand.Text() + rand.Text(), RedirectURL: callbackURL}
	back, err := l.fake.Consent(l.Context(), l.app.AuthCodeURL(attempt), a)
	if err != nil {
		l.Fatal(err)
	}
	callback, err := fitbit.ParseCallback(back.String())
	if err != nil {
		l.Fatal(err)
	}
	if callback.State != attempt.State {
		l.Errorf("the state came back as %q, want %q", callback.State, attempt.State)
	}
	l.secret(attempt.Verifier, callback.Code)
	return attempt, callback
}

// grant signs a person in.
func (l *lab) grant(person string, untick ...string) fitbit.Grant {
	l.Helper()
	attempt, callback := l.consent(fakecloud.Answer{Person: person, Untick: untick})
	g, err := l.app.Exchange(l.Context(), attempt, callback.Code)
	if err != nil {
		l.Fatal(err)
	}
	l.secret(g.AccessToken, g.RefreshToken)
	return g
}

// source signs Anna in and returns her data.
func (l *lab) source() (fitbit.Source, *tokens) {
	l.Helper()
	t := &tokens{lab: l, grant: l.grant("anna")}
	return l.cloud.Source(l.env, t), t
}

// tokens keeps a grant in memory.
type tokens struct {
	lab *lab

	mu       sync.Mutex
	grant    fitbit.Grant
	renewals int
	fails    error // what Token fails with
}

func (t *tokens) Token(context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.grant.AccessToken, t.fails
}

func (t *tokens) Renew(ctx context.Context, stale string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if stale != t.grant.AccessToken {
		t.lab.Error("Renew was called with another token than the one that Token returned")
	}
	t.renewals++
	g, err := t.lab.app.Refresh(ctx, t.grant.RefreshToken)
	if err != nil {
		return "", err
	}
	t.lab.secret(g.AccessToken, g.RefreshToken)
	if g.RefreshToken == "" {
		g.RefreshToken = t.grant.RefreshToken
	}
	t.grant = g
	return g.AccessToken, nil
}

// secret notes what no error may say.
func (l *lab) secret(secrets ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.secrets = append(l.secrets, secrets...)
}

// fails checks that err is of one kind, and of no other.
func (l *lab) fails(err, kind error) {
	l.Helper()
	if !errors.Is(err, kind) {
		l.Errorf("error is %v, want %v", err, kind)
	}
	for _, other := range []error{
		fitbit.ErrReauthRequired, fitbit.ErrPermission, fitbit.ErrSetup, fitbit.ErrRetired,
		fitbit.ErrUnavailable, fitbit.ErrProtocol, fitbit.ErrStorage, fitbit.ErrNoData,
	} {
		if !errors.Is(kind, other) && errors.Is(err, other) {
			l.Errorf("error is %v as well as %v", other, kind)
		}
	}
	l.hear(err)
}

// fine checks that there is no error, or only nothing to return.
func (l *lab) fine(err error) {
	l.Helper()
	if err != nil && !errors.Is(err, fitbit.ErrNoData) {
		l.Errorf("error is %v", err)
	}
	l.hear(err)
}

// hear keeps everything an error could say, in a log too.
func (l *lab) hear(err error) {
	if err == nil {
		return
	}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("failed", "error", err, "hint", fitbit.Hint(err))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = append(l.said, fmt.Sprintf("%v %+v %#v %q", err, err, err, fitbit.Hint(err)), logged.String())
}

func (l *lab) nothingLeaked() {
	for _, text := range l.said {
		for _, secret := range l.secrets {
			if secret != "" && strings.Contains(text, secret) {
				l.Errorf("a secret is in the text of an error: %s", strings.ReplaceAll(text, secret, "[the secret]"))
			}
		}
	}
}
