package googlehealth_test

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/googlehealth"
)

const (
	clientID    = "web.apps.example"
	secret      = "GOCSPX-a-secret"
	callbackURL = "http://localhost:8099/oauth/callback"
	accessToken = "ya29.access-token"
)

// noon is when the clocks of these tests start: a Friday, 13:00 in Berlin.
func noon() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }

// lab is the fake cloud with Anna in Berlin, and her data.
type lab struct {
	fake   *fakecloud.Cloud
	clock  *fakecloud.Clock
	anna   *fakecloud.Person
	url    string
	tokens *granted
	client *googlehealth.Client
}

func newLab(t *testing.T, o fakecloud.PersonOptions) *lab {
	t.Helper()
	clock := fakecloud.NewClock(noon())
	fake := fakecloud.New(fakecloud.Options{
		Now: clock.Now,
		Apps: []fakecloud.App{
			{ClientID: clientID, ClientSecret: secret, RedirectURLs: []string{callbackURL}},
			{ClientID: "testing", ClientSecret: secret, RedirectURLs: []string{callbackURL}, Testing: true},
		},
	})
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	o.Name, o.Location, o.HeightMetres, o.Seed = "anna", berlin(t), 1.78, 7
	l := &lab{fake: fake, clock: clock, anna: fake.AddPerson(o), url: server.URL}
	app := l.app(clientID)
	attempt, code := l.consent(t, app)
	g, err := app.Exchange(t.Context(), attempt, code)
	if err != nil {
		t.Fatal(err)
	}
	l.tokens = &granted{app, g}
	l.client = l.again()
	return l
}

// again returns a client whose pace has not begun.
func (l *lab) again() *googlehealth.Client {
	return googlehealth.New(googlehealth.Options{Endpoint: l.url, Tokens: l.tokens, HTTP: googlehealth.NewHTTPClient(), Now: l.clock.Now})
}

func (l *lab) app(client string) googlehealth.App {
	return googlehealth.App{
		ClientID: client, ClientSecret: secret, AuthURL: l.url + "/o/oauth2/v2/auth",
		TokenURL: l.url + "/token", RevokeURL: l.url + "/revoke", Now: l.clock.Now,
	}
}

func (l *lab) consent(t *testing.T, app googlehealth.App, untick ...string) (fitbit.Attempt, string) {
	t.Helper()
	attempt := fitbit.Attempt{State: "a-state", Verifier: strings.Repeat("verifier", 6), RedirectURL: callbackURL}
	back, err := l.fake.Consent(t.Context(), app.AuthCodeURL(attempt), fakecloud.Answer{Person: "anna", Untick: untick})
	if err != nil {
		t.Fatal(err)
	}
	return attempt, back.Query().Get("code")
}

// asked counts the requests for data since the last count.
func (l *lab) asked() int {
	n := 0
	for _, r := range l.fake.Requests() {
		if strings.HasPrefix(r.Path, "/v4/") {
			n++
		}
	}
	l.fake.ResetRequests()
	return n
}

type granted struct {
	app   googlehealth.App
	grant fitbit.Grant
}

func (g *granted) Token(context.Context) (string, error) { return g.grant.AccessToken, nil }

func (g *granted) Renew(ctx context.Context, _ string) (string, error) {
	next, err := g.app.Refresh(ctx, g.grant.RefreshToken)
	g.grant.AccessToken = next.AccessToken
	return next.AccessToken, err
}

// fixed is a sign-in that knows one token.
type fixed struct{}

func (fixed) Token(context.Context) (string, error) { return accessToken, nil }

func (fixed) Renew(context.Context, string) (string, error) {
	return "", errors.New("no other token")
}

// serve returns a client of a server with a mind of its own.
func serve(t *testing.T, h http.HandlerFunc) *googlehealth.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return googlehealth.New(googlehealth.Options{Endpoint: server.URL + "/", Tokens: fixed{}, HTTP: googlehealth.NewHTTPClient(), Now: noon})
}

// say answers one status and body to everything.
func say(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func sayJSON(body string) http.HandlerFunc { return say(http.StatusOK, "application/json", body) }

func berlin(t *testing.T) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func at(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func day(t *testing.T, s string) fitbit.Date {
	t.Helper()
	d, err := fitbit.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// year is a window that holds everything in these tests.
func year() fitbit.Window { return fitbit.Window{From: noon().AddDate(-1, 0, 0)} }

func nan() float64 { return math.NaN() }

func trim(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
