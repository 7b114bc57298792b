package main

import (
	"context"
	"errors"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/googlehealth"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

const leftID, publicID = "left-client", "public-client" // neither has a secret

// leftCloud is a cloud that people leave: of the same make as the one that they move to,
// but it knows them by the ids that they had before.
type leftCloud struct {
	*fakecloud.Cloud
	server   *httptest.Server
	redirect string
	silent   bool // the other one does not say who somebody was here
}

// newLeft starts it, with the people of the world in it.
func newLeft(tb testing.TB, w *world, people ...string) *leftCloud {
	tb.Helper()
	l := &leftCloud{redirect: strings.Replace(w.redirect, "/oauth/", "/left/", 1)}
	apps := []fakecloud.App{{ClientID: leftID, RedirectURLs: []string{l.redirect}}, {ClientID: publicID, RedirectURLs: []string{l.redirect}}}
	l.Cloud = fakecloud.New(fakecloud.Options{Apps: apps, UserPerMinute: -1})
	for _, name := range people {
		l.AddPerson(fakecloud.PersonOptions{Name: name, HeightMetres: 1.7})
	}
	l.server = httptest.NewServer(l.Cloud)
	tb.Cleanup(l.server.Close)
	return l
}

// beside runs the bridge with this cloud beside the one that is configured.
func (l *leftCloud) beside(tb testing.TB, config string) *command {
	tb.Helper()
	return launch(tb, func(ctx context.Context, std stdio) int {
		a := &app{stdio: std}
		a.flags.register(pflag.NewFlagSet("run", pflag.ContinueOnError))
		a.flags.file = config
		c, err := a.loadConfig()
		if err != nil {
			return report(std.err, err)
		}
		h, err := a.open(ctx, c)
		if err != nil {
			return report(std.err, err)
		}
		successor := h.desk.Clouds["google"]
		h.desk.Clouds["left"] = l.row(successor)
		if source := successor.Source; l.silent {
			successor.Source = func(t fitbit.Tokens) fitbit.Source { return identified{source(t), silently} }
			h.desk.Clouds["google"] = successor
		}
		return report(std.err, errors.Join(h.serve(ctx, serveOptions{}), h.close()))
	})
}

// row is the cloud in the table of clouds.
func (l *leftCloud) row(like signin.Cloud) signin.Cloud {
	client := googlehealth.NewHTTPClient()
	_, port, _ := net.SplitHostPort(l.server.Listener.Addr().String())
	like.ClientID, like.ClientSecret, like.RedirectURL, like.Successor = leftID, "", l.redirect, "google"
	like.Authorizer = func(id, secret string) fitbit.Authorizer {
		return googlehealth.App{
			ClientID: id, ClientSecret: secret, HTTP: client,
			AuthURL: "http://localhost:" + port + "/o/oauth2/v2/auth", TokenURL: l.server.URL + "/token", RevokeURL: l.server.URL + "/revoke",
		}
	}
	like.Source = func(t fitbit.Tokens) fitbit.Source {
		return identified{googlehealth.New(googlehealth.Options{Endpoint: l.server.URL, Tokens: t, HTTP: client}), formerly}
	}
	like.Guide = fitbit.Guide{
		Cloud: "Left Health", Brand: "Left", Account: "Left account", App: "Left app",
		Why: "Left wants an app of your own. It is free.",
		Steps: []string{
			"Register. Open [the list of apps](https://left.example/apps) and register one of type *Personal*, with the address {redirect} exactly.",
			"Scopes. Tick these: {scopes}", "Confirm. Type `yes`.",
		},
		ClientID: "23ABCD", NoSecret: true, Permits: "https://left.example/permits",
		Refusals: []fitbit.Refusal{{Shown: "Invalid redirect_uri", Means: "The app is registered for another address than {redirect}."}},
	}
	return like
}

// identified changes who its source says that people are.
type identified struct {
	fitbit.Source
	change func(fitbit.Identity) fitbit.Identity
}

func (i identified) Identity(ctx context.Context) (fitbit.Identity, error) {
	id, err := i.Source.Identity(ctx)
	return i.change(id), err
}

func formerly(id fitbit.Identity) fitbit.Identity { return fitbit.Identity{User: id.Former} }

func silently(id fitbit.Identity) fitbit.Identity { return fitbit.Identity{User: id.User} }

// settle moves in where anna is connected with the cloud that is going to be left.
func settle(t *testing.T, c panelConfig, silent bool) *home {
	t.Helper()
	w := newWorld(t, "anna", "ben")
	h := &home{world: w, tab: openBrowser(t), panel: c, broker: ownBroker(t), left: newLeft(t, w, "anna", "ben")}
	h.left.silent = silent
	weighed := time.Now().Add(-25 * time.Hour)
	h.left.Person("anna").WeighIn(weighed, 61.5, 30)
	w.cloud.Person("anna").WeighIn(weighed, 61.5, 30)
	h.observer = observe(t, h.broker)
	h.start()
	h.visit(h.root + "connect?cloud=left")
	h.fill("Name", "anna")
	h.follow("Continue")
	h.follow("Sign in with Left")
	h.consent("anna")
	h.sees("Anna is connected")
	h.observer.heard("fitbit2mqtt/anna/body", `"weight_kg":61.5`)
	return h
}

// The cloud is turned off; the overview leads to the person's page, that to the
// successor, and everything stays.
func TestBrowserMove(t *testing.T) {
	t.Parallel()
	h := settle(t, panelConfig{}, false)
	uid := h.accountUID("anna")
	h.visit(h.root)
	h.left.Fail(fakecloud.Fault{Kind: fakecloud.Gone, Path: "/v4/"})
	h.sees("Cloud turned off") // nobody reloads
	h.follow("Move to Google Health with Anna")
	h.sees("Name, history, topics, entities and trend stay.")
	topics := h.topics()
	h.follow("Move Anna to Google Health")
	h.sees("You are about to move Anna from Left Health to Google Health.")
	h.follow("Sign in with Google")
	h.consent("anna")
	h.sees("Anna is connected")
	h.sees("name, history, topics, entities and trend were kept.")
	h.observer.heard("fitbit2mqtt/anna/connection", `"backend":"google"`)
	h.observer.heard("fitbit2mqtt/anna/availability", "online")
	h.follow("See Anna's readings")
	h.sees("61.50 kg")
	h.sees("From Google Health.")
	h.misses("Move to")
	if after := h.accountUID("anna"); after != uid {
		t.Errorf("the account was %s and is %s", uid, after)
	}
	if n := len(h.events("fitbit2mqtt/anna/weigh_in")); n != 0 {
		t.Errorf("the move made %d old weigh-ins new", n)
	}
	for _, topic := range topics {
		if !slices.Contains(h.topics(), topic) {
			t.Errorf("%s is gone", topic)
		}
	}
}

// Where the clouds do not say that both accounts are one person's, people say it.
func TestBrowserMoveUnconfirmed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, person, button, notice string
		kept                         bool
	}{
		{"the same person", "anna", "It is Anna's: keep the history", "You are about to move Anna from Left Health", true},
		{"somebody else", "ben", "Hand the name over: history starts anew", "You are about to hand the name Anna over", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := settle(t, panelConfig{}, true)
			h.visit(h.root + "people/anna")
			h.click("Move to Google Health")
			h.follow("Move Anna to Google Health")
			h.follow("Sign in with Google")
			h.consent(test.person)
			h.sees("Whose account was that?")
			h.follow("Try again with another account")
			h.follow("Sign in with Google")
			h.consent(test.person)
			h.follow(test.button)
			h.sees(test.notice)
			h.follow("Sign in with Google")
			h.consent(test.person)
			h.sees("Anna is connected")
			h.observer.heard("fitbit2mqtt/anna/connection", `"backend":"google"`)
			h.follow("See Anna's readings")
			if test.kept {
				h.sees("61.50 kg")
			} else {
				h.sees("None yet.")
			}
		})
	}
}

// A cloud is chosen without a script, and an app without a secret is entered without one.
func TestBrowserPublicClient(t *testing.T) {
	t.Parallel()
	h := settle(t, panelConfig{noClient: true}, false)
	h.scriptless()
	h.visit(h.root + "connect")
	h.sees("Google Cloud project")
	h.follow("Left Health")
	h.sees("Left wants an app of your own.")
	h.fill("Name", "ben")
	h.clickOn("summary", "Another Left app")
	h.sees(h.left.redirect)
	h.fill("Client ID", publicID)
	h.follow("Continue")
	h.follow("Sign in with Left")
	h.consent("ben")
	h.sees("Ben is connected")
	h.visit(h.root + "connect?cloud=left")
	h.sees("Left app " + publicID)

	// And a move to a cloud without a client leads to where one is entered.
	h.visit(h.root + "people/ben")
	h.click("Move to Google Health")
	h.follow("Move Ben to Google Health")
	h.sees("Make the Google Cloud project and enter its client")
	h.fill("Client ID", clientID)
	h.fill("Client secret", clientSecret)
	h.follow("Continue")
	h.sees("You are about to move Ben from Left Health to Google Health.")
	h.follow("Sign in with Google")
	h.consent("ben")
	h.sees("were kept")
}

// The pages of a house with two clouds can be read by everybody.
func TestBrowserLookOfAMove(t *testing.T) {
	t.Parallel()
	h := settle(t, panelConfig{poll: "1h"}, true)
	for i, p := range []struct {
		name string
		way  func()
	}{
		{"which cloud", func() { h.visit(h.root + "connect") }},
		{"another cloud", func() { h.visit(h.root + "connect?cloud=left"); h.clickOn("summary", "Another Left app") }},
		{"move, offered", func() { h.visit(h.root + "people/anna"); h.click("Move to Google Health") }},
		{"move, sign-in", func() {
			h.visit(h.root + "people/anna")
			h.click("Move to Google Health")
			h.follow("Move Anna to Google Health")
			h.sees("You are about to move")
		}},
		{"move, unconfirmed", func() { h.follow("Sign in with Google"); h.consent("anna"); h.sees("Whose account was that?") }},
		{"retired, overview", func() {
			h.left.Fail(fakecloud.Fault{Kind: fakecloud.Gone, Path: "/v4/"})
			h.visit(h.root)
			h.follow("Poll now")
			h.sees("Cloud turned off")
		}},
		{"retired, person", func() { h.follow("Move to Google Health"); h.sees("Not polled") }},
		{"moved", func() {
			h.follow("Move Anna to Google Health")
			h.follow("Sign in with Google")
			h.consent("anna")
			h.follow("It is Anna's: keep the history")
			h.follow("Sign in with Google")
			h.consent("anna")
			h.sees("were kept")
		}},
	} {
		p.way()
		for _, theme := range []string{"light", "dark"} {
			for _, width := range []int64{1200, 390} {
				h.inspect("move "+string(rune('1'+i))+" "+p.name+", "+theme+", "+map[int64]string{1200: "1200", 390: "390"}[width], width, theme)
			}
		}
		h.view(1200, "light")
		h.tabThrough(p.name)
	}
}
