package web_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/history"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/web"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/googlehealth"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// patience bounds every wait; a test that needs it all has failed.
const patience = 20 * time.Second

// The OAuth clients that the cloud knows. The second one's project is in test mode,
// the third is not registered for the page's redirect address.
const (
	clientID, clientSecret   = "first-client.apps.googleusercontent.com", "first-secret-that-must-never-show"
	testingID, testingSecret = "testing-client.apps.googleusercontent.com", "testing-secret-that-must-never-show"
	strayID, straySecret     = "stray-client.apps.googleusercontent.com", "stray-secret-that-must-never-show"
	formerID, formerSecret   = "former-client", "former-secret-that-must-never-show"
)

// plan says what differs from an ordinary house.
type plan struct {
	people    []string // with an account at the cloud; two if none are named
	elsewhere bool     // browsers do not come back here by the redirect address
	redirect  string   // another redirect address
	noClient  bool     // in the configuration
	secret    string   // of the configured client, if it is to be wrong
	password  string
	proxies   []netip.Prefix
	baseURL   string
	former    bool // there is another cloud, which Google Health has succeeded
	silent    bool // and Google Health does not say who somebody was there
}

// house is a page with everything behind it: the real rooms, and a cloud in a box.
type house struct {
	tb       testing.TB
	clock    *fakecloud.Clock
	cloud    *fakecloud.Cloud
	former   *fakecloud.Cloud // nil if there is none
	desk     *signin.Desk
	tokens   *tokenstore.Store
	history  *history.Store
	bridge   *bridge.Bridge
	broker   *broker
	pages    http.Handler
	url      string // of the page, without a slash at its end
	redirect string
	log      *logbook
	secrets  *secrets
	folder   string
}

// morning is when tests begin: later than any real clock, so that nothing here is
// over by the machine's time.
func morning() time.Time { return time.Date(2031, time.March, 14, 7, 30, 0, 0, time.UTC) }

func berlin(tb testing.TB) *time.Location {
	tb.Helper()
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		tb.Fatal(err)
	}
	return loc
}

func newHouse(tb testing.TB, p plan) *house {
	tb.Helper()
	h := &house{tb: tb, clock: fakecloud.NewClock(morning()), log: &logbook{}, secrets: &secrets{}, broker: &broker{}, folder: tb.TempDir()}
	h.secrets.add(clientSecret, testingSecret, straySecret, formerSecret, p.secret, p.password)
	server := httptest.NewUnstartedServer(nil)
	h.url = "http://" + server.Listener.Addr().String()
	h.redirect = h.url + "/oauth/callback"
	if p.elsewhere {
		h.redirect = "http://localhost:1/oauth/callback"
	}
	if p.redirect != "" {
		h.redirect = p.redirect
	}
	h.openCloud(p)
	h.openRooms(p)
	pages, err := web.New(web.Options{
		Bridge: h.bridge, Accounts: h.tokens, History: h.history, Desk: h.desk, Broker: h.broker,
		BrokerURL: "mqtt://broker.example:1883", Version: "1.2.3",
		Password: hashed(tb, p.password), TrustedProxies: p.proxies, BaseURL: p.baseURL, Now: h.clock.Now, Log: h.logger(),
	})
	if err != nil {
		tb.Fatal(err)
	}
	h.pages = pages
	server.Config.Handler = pages
	server.Config.ErrorLog = slog.NewLogLogger(h.logger().Handler(), slog.LevelDebug)
	server.Start()
	tb.Cleanup(server.Close)
	return h
}

// hashed is the cheapest hash of a password: tests try many.
func hashed(tb testing.TB, password string) string {
	tb.Helper()
	if password == "" {
		return ""
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		tb.Fatal(err)
	}
	return string(hash)
}

func (h *house) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// openCloud starts the clouds, and the desk where people sign in to them.
func (h *house) openCloud(p plan) {
	if p.people == nil {
		p.people = []string{"anna", "ben"}
	}
	var google signin.Cloud
	h.cloud, google = h.newCloud(p.people, h.redirect,
		fakecloud.App{ClientID: clientID, ClientSecret: clientSecret, RedirectURLs: []string{h.redirect}},
		fakecloud.App{ClientID: testingID, ClientSecret: testingSecret, RedirectURLs: []string{h.redirect}, Testing: true},
		fakecloud.App{ClientID: strayID, ClientSecret: straySecret, RedirectURLs: []string{"https://elsewhere.example/"}},
	)
	google.Guide = googlehealth.Guide()
	if p.secret != "" {
		google.ClientSecret = p.secret
	}
	if p.noClient {
		google.ClientID, google.ClientSecret = "", ""
	}
	clouds := map[string]signin.Cloud{"google": google}
	if p.former {
		clouds["former"] = h.openFormer(p)
	}
	if p.silent {
		source := google.Source
		google.Source = func(t fitbit.Tokens) fitbit.Source { return silent{source(t)} }
		clouds["google"] = google
	}
	h.desk = &signin.Desk{Clouds: clouds, Default: "google", Log: h.logger()}
}

// newCloud starts a cloud, with people in it. Its first app is the configured one.
func (h *house) newCloud(people []string, redirect string, apps ...fakecloud.App) (*fakecloud.Cloud, signin.Cloud) {
	cloud := fakecloud.New(fakecloud.Options{Now: h.clock.Now, UserPerMinute: -1, Apps: apps})
	for _, name := range people {
		person := cloud.AddPerson(fakecloud.PersonOptions{Name: name, HeightMetres: 1.7, Location: berlin(h.tb), HeartEvery: time.Hour})
		h.secrets.add(person.User())
	}
	api := httptest.NewServer(cloud)
	h.tb.Cleanup(api.Close)
	client := googlehealth.NewHTTPClient()
	client.Transport = h.secrets.listen(client.Transport)
	return cloud, signin.Cloud{
		ClientID: apps[0].ClientID, ClientSecret: apps[0].ClientSecret, RedirectURL: redirect,
		Scopes: googlehealth.Scopes(), Missing: googlehealth.Missing,
		Authorizer: func(id, secret string) fitbit.Authorizer {
			return googlehealth.App{
				ClientID: id, ClientSecret: secret, HTTP: client, Now: h.clock.Now,
				AuthURL: api.URL + "/o/oauth2/v2/auth", TokenURL: api.URL + "/token", RevokeURL: api.URL + "/revoke",
			}
		},
		Source: func(t fitbit.Tokens) fitbit.Source {
			return googlehealth.New(googlehealth.Options{Endpoint: api.URL, Tokens: t, HTTP: client, Now: h.clock.Now})
		},
	}
}

// openRooms opens the files and lets the bridge run.
func (h *house) openRooms(p plan) {
	tb := h.tb
	var err error
	h.tokens, err = tokenstore.Open(tb.Context(), tokenstore.Options{Path: filepath.Join(h.folder, "tokens.db"), Now: h.clock.Now, Log: h.logger()})
	if err != nil {
		tb.Fatal(err)
	}
	h.history, err = history.Open(tb.Context(), history.Options{Path: filepath.Join(h.folder, "history.db"), Now: h.clock.Now, Log: h.logger()})
	if err != nil {
		tb.Fatal(err)
	}
	h.desk.Store = h.tokens
	h.bridge = bridge.New(bridge.Options{
		People: people{h}, Memory: h.history, Version: "1.2.3", PanelURL: p.baseURL, Now: h.clock.Now, Log: h.logger(), SettlingTime: time.Nanosecond,
	})
	ctx, stop := context.WithCancel(context.WithoutCancel(tb.Context()))
	done := make(chan error, 1)
	go func() { done <- h.bridge.Run(ctx, h.broker) }()
	h.bridge.Connected()
	tb.Cleanup(func() {
		stop()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) { // which it is where a test is over at once
			tb.Errorf("bridge: %v", err)
		}
		_ = h.tokens.Close()
		_ = h.history.Close() // some tests have closed it
		h.secrets.check(tb, "log", h.log.String())
	})
}
