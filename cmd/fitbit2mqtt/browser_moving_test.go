package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

const publicID = "public-client" // of an app without a secret

// elsewhere is where browsers come back to from a cloud that people leave: another
// address than from the one that they move to.
func (w *world) elsewhere() string { return strings.Replace(w.redirect, "/oauth/", "/elsewhere/", 1) }

// settle moves in where anna is connected with the cloud that is going to be left.
func settle(t *testing.T, c panelConfig) *home {
	t.Helper()
	back := "http://" + freeAddr(t)
	w := newWorldWith(t, []fakecloud.App{
		{ClientID: clientID, ClientSecret: clientSecret, RedirectURLs: []string{back + "/oauth/callback", back + "/elsewhere/callback"}},
		{ClientID: publicID, Kind: fakecloud.ClientApp, RedirectURLs: []string{back + "/elsewhere/callback"}},
	}, "anna", "ben")
	w.backend = "fitbit"
	h := &home{world: w, tab: openBrowser(t), panel: c, broker: ownBroker(t)}
	w.cloud.Person("anna").WeighIn(time.Now().Add(-25*time.Hour), 61.5, 30)
	h.observer = observe(t, h.broker)
	h.start()
	h.visit(h.root + "connect?cloud=fitbit")
	h.fill("Name", "anna")
	h.follow("Continue")
	h.follow("Sign in with Fitbit")
	h.consent("anna")
	h.sees("Anna is connected")
	h.observer.heard("fitbit2mqtt/anna/body", `"weight_kg":61.5`)
	return h
}

// The cloud is turned off; the overview leads to the person's page, that to the
// successor, and everything stays.
func TestBrowserMove(t *testing.T) {
	t.Parallel()
	h := settle(t, panelConfig{})
	uid := h.accountUID("anna")
	h.visit(h.root)
	h.cloud.RetireFitbit()
	h.sees("Cloud turned off") // nobody reloads
	h.follow("Move to Google Health with Anna")
	h.sees("Name, history, topics, entities and trend stay.")
	topics := h.topics()
	h.follow("Move Anna to Google Health")
	h.sees("You are about to move Anna from Fitbit Web API to Google Health.")
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
		name, button, notice string
		kept                 bool
	}{
		{"the same person", "It is Anna's: keep the history", "You are about to move Anna from Fitbit Web API", true},
		{"somebody else", "Hand the name over: history starts anew", "You are about to hand the name Anna over", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h := settle(t, panelConfig{})
			h.visit(h.root + "people/anna")
			h.click("Move to Google Health")
			h.follow("Move Anna to Google Health")
			h.follow("Sign in with Google")
			h.consent("ben") // whose Fitbit account was another
			h.sees("Whose account was that?")
			h.follow("Try again with another account")
			h.follow("Sign in with Google")
			h.consent("ben") // whose Fitbit account was another
			h.follow(test.button)
			h.sees(test.notice)
			h.follow("Sign in with Google")
			h.consent("ben") // whose Fitbit account was another
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
	h := settle(t, panelConfig{noClient: true})
	h.scriptless()
	h.visit(h.root + "connect")
	h.sees("Google Cloud project")
	h.follow("Fitbit Web API")
	h.sees("Google turned this service off on 2 November 2026")
	h.fill("Name", "ben")
	h.clickOn("summary", "Another Fitbit app")
	h.sees(h.elsewhere())
	h.fill("Client ID", publicID)
	h.follow("Continue")
	h.follow("Sign in with Fitbit")
	h.consent("ben")
	h.sees("Ben is connected")
	h.visit(h.root + "connect?cloud=fitbit")
	h.sees("Fitbit app " + publicID)

	// And a move to a cloud without a client leads to where one is entered.
	h.visit(h.root + "people/ben")
	h.click("Move to Google Health")
	h.follow("Move Ben to Google Health")
	h.sees("Make the Google Cloud project and enter its client")
	h.fill("Client ID", clientID)
	h.fill("Client secret", clientSecret)
	h.follow("Continue")
	h.sees("You are about to move Ben from Fitbit Web API to Google Health.")
	h.follow("Sign in with Google")
	h.consent("ben")
	h.sees("were kept")
}

// The pages of a house with two clouds can be read by everybody.
func TestBrowserLookOfAMove(t *testing.T) {
	t.Parallel()
	h := settle(t, panelConfig{poll: "1h"})
	for i, p := range []struct {
		name string
		way  func()
	}{
		{"which cloud", func() { h.visit(h.root + "connect") }},
		{"another cloud", func() { h.visit(h.root + "connect?cloud=fitbit"); h.clickOn("summary", "Another Fitbit app") }},
		{"move, offered", func() { h.visit(h.root + "people/anna"); h.click("Move to Google Health") }},
		{"move, sign-in", func() {
			h.visit(h.root + "people/anna")
			h.click("Move to Google Health")
			h.follow("Move Anna to Google Health")
			h.sees("You are about to move")
		}},
		{"move, unconfirmed", func() { h.follow("Sign in with Google"); h.consent("ben"); h.sees("Whose account was that?") }},
		{"retired, overview", func() {
			h.cloud.RetireFitbit()
			h.visit(h.root)
			h.follow("Poll now")
			h.sees("Cloud turned off")
		}},
		{"retired, person", func() { h.follow("Move to Google Health"); h.sees("Not polled") }},
		{"moved", func() {
			h.follow("Move Anna to Google Health")
			h.follow("Sign in with Google")
			h.consent("ben")
			h.follow("It is Anna's: keep the history")
			h.follow("Sign in with Google")
			h.consent("ben")
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
