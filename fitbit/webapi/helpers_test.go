package webapi_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/rest"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/webapi"
)

const (
	clientID    = "23FAKE"
	secret      = "fake-secret-000"
	callbackURL = "http://127.0.0.1:8080/"
	accessToken = "eyJhbGciOiJIUzI1NiJ9.ZmFrZQ.c2ln"
	dead        = "9f00aa11bb22cc33dd44ee55ff66778899aabbccddeeff001122334455667788"
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
	client *webapi.Client
}

func newLab(t *testing.T, o fakecloud.FitbitOptions, apps ...fakecloud.App) *lab {
	t.Helper()
	clock := fakecloud.NewClock(noon())
	apps = append(apps, fakecloud.App{ClientID: clientID, ClientSecret: secret, RedirectURLs: []string{callbackURL}})
	fake := fakecloud.New(fakecloud.Options{Now: clock.Now, Apps: apps, Fitbit: o})
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	l := &lab{fake: fake, clock: clock, url: server.URL}
	l.anna = fake.AddPerson(fakecloud.PersonOptions{Name: "anna", Location: berlin(t), HeightMetres: 1.78, Seed: 7})
	l.signIn(t, l.app(clientID, secret))
	return l
}

// signIn signs Anna in through an app.
func (l *lab) signIn(t *testing.T, app webapi.App, untick ...string) fitbit.Grant {
	t.Helper()
	attempt, code := l.consent(t, app, untick...)
	g, err := app.Exchange(t.Context(), attempt, code)
	if err != nil {
		t.Fatal(err)
	}
	l.tokens = &granted{app: app, grant: g}
	l.client = l.again()
	return g
}

// again returns a client that knows nothing yet.
func (l *lab) again() *webapi.Client {
	return webapi.New(webapi.Options{Endpoint: l.url, Tokens: l.tokens, HTTP: rest.NewHTTPClient(), Now: l.clock.Now})
}

func (l *lab) app(client, secret string) webapi.App {
	return webapi.App{
		ClientID: client, ClientSecret: secret, AuthURL: l.url + "/oauth2/authorize", TokenURL: l.url + "/oauth2/token",
		RevokeURL: l.url + "/oauth2/revoke", IntrospectURL: l.url + "/1.1/oauth2/introspect", Now: l.clock.Now,
	}
}

func (l *lab) consent(t *testing.T, app webapi.App, untick ...string) (fitbit.Attempt, string) {
	t.Helper()
	attempt := fitbit.Attempt{State: "a-state", Verifier: strings.Repeat("verifier", 6), RedirectURL: callbackURL}
	back, err := l.fake.Consent(t.Context(), app.AuthCodeURL(attempt), fakecloud.Answer{Person: "anna", Untick: untick})
	if err != nil {
		t.Fatal(err)
	}
	c, err := fitbit.ParseCallback(back.String()) // which ends in #_=_
	if err != nil || c.State != attempt.State {
		t.Fatalf("the browser comes back with %+v (%v)", c, err)
	}
	return attempt, c.Code
}

// asked returns the paths of the requests for data since it was last called.
func (l *lab) asked() []string {
	var paths []string
	for _, r := range l.fake.Requests() {
		if strings.HasPrefix(r.Path, "/1") {
			paths = append(paths, r.Path)
		}
	}
	l.fake.ResetRequests()
	return paths
}

type granted struct {
	app      webapi.App
	grant    fitbit.Grant
	renewals int
}

func (g *granted) Token(context.Context) (string, error) { return g.grant.AccessToken, nil }

func (g *granted) Renew(ctx context.Context, _ string) (string, error) {
	next, err := g.app.Refresh(ctx, g.grant.RefreshToken)
	if err != nil {
		return "", err
	}
	g.renewals++
	g.grant = next
	return next.AccessToken, nil
}

// fixed is a sign-in that knows one token.
type fixed struct{}

func (fixed) Token(context.Context) (string, error) { return accessToken, nil }

func (fixed) Renew(context.Context, string) (string, error) { return accessToken, nil }

const berlinProfile = `{"user": {"encodedId": "ZZ9PLU", "timezone": "Europe/Berlin", "offsetFromUTCMillis": 3600000, "height": 178.1}}`

// serve returns a client of a server with a mind of its own, which knows Anna's profile though.
func serve(t *testing.T, h http.HandlerFunc) *webapi.Client {
	t.Helper()
	return serveAll(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/profile.json") {
			sayJSON(berlinProfile)(w, r)
			return
		}
		h(w, r)
	})
}

// serveAll is one that does not.
func serveAll(t *testing.T, h http.HandlerFunc) *webapi.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return webapi.New(webapi.Options{Endpoint: server.URL + "/", Tokens: fixed{}, HTTP: rest.NewHTTPClient(), Now: noon})
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

// refusal is an error answer in Fitbit's own form, with a token in its message.
func refusal(status int, kind string) http.HandlerFunc {
	return say(status, "application/json", `{"errors": [{"errorType": "`+kind+`", "message": "Refresh token invalid: `+dead+`. `+accessToken+` `+secret+`"}], "success": false}`)
}

// googleRefusal is one in the form of Google's front end.
func googleRefusal(status int, word string) http.HandlerFunc {
	return say(status, "application/json; charset=UTF-8", `{"error": {"code": `+strconv.Itoa(status)+`, "message": "`+dead+`", "status": "`+word+`"}}`)
}

func with(h http.HandlerFunc, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		h(w, r)
	}
}

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

// month is a window of one request.
func month() fitbit.Window { return fitbit.Window{From: noon().AddDate(0, 0, -20)} }

func trim(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func known[T any](v *T) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprint(*v)
}

// leaks reports whether an error or its hint says a secret.
func leaks(err error) bool {
	text := fmt.Sprintf("%v %+v %#v %s", err, err, err, fitbit.Hint(err))
	return strings.Contains(text, dead) || strings.Contains(text, accessToken) || strings.Contains(text, secret)
}
