package main

import (
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// The very first start, in a browser with scripts and in one without.
func TestBrowserFirstSignIn(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name       string
		scriptless bool
	}{{"with scripts", false}, {"without scripts", true}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "anna", "ben")
			w.cloud.Person("anna").WeighIn(time.Now().Add(-time.Hour), 61.5, 30)
			h := moveIn(t, w, panelConfig{noClient: true})
			if test.scriptless {
				h.scriptless()
				h.visit(h.root)
			}
			h.sees("Nobody is connected yet")
			if got := h.address(); got != h.root+"connect" {
				t.Errorf("the first start leads to %s", got)
			}
			h.sees(w.redirect) // to be registered in the console
			h.fill("Name", "anna")
			h.fill("Client ID", clientID)
			h.fill("Client secret", clientSecret)
			h.follow("Continue")
			h.sees("Sign in as Anna")
			h.follow("Sign in with Google")
			h.consent("anna")
			h.sees("Anna is connected")
			if at := h.address(); strings.Contains(at, "code=") || strings.Contains(at, "state=") {
				t.Errorf("the code stays in the address: %s", at)
			}
			h.observer.heard("fitbit2mqtt/anna/body", `"weight_kg":61.5`)
			h.follow("Overview")
			if test.scriptless { // and nobody's patience: the page reloads itself every 30 seconds only
				h.visit(h.root)
			}
			h.sees("61.5 kg")
			h.sees("30.0 % body fat")

			// The client is kept over a restart, and its secret is not shown again.
			h.stop()
			h.start()
			h.visit(h.root)
			if got := h.address(); got != h.root {
				t.Errorf("right after a start the page forgets who is connected, and leads to %s", got)
			}
			h.visit(h.root + "connect")
			h.sees("project " + clientID)
			if html := until(h.tab, "the page is there", func(string) bool { return true }, "html"); strings.Contains(html, clientSecret) {
				t.Error("the page shows the client secret")
			}
			h.admit("ben")
		})
	}
}

// Where nobody listens at the redirect address, the address is what counts.
func TestBrowserPastedAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna", "ben")
	h := moveIn(t, w, panelConfig{listen: "127.0.0.1:0"})
	h.fill("Name", "ben")
	h.follow("Continue")
	h.sees("a page that cannot be reached")
	cloud := h.opens("Sign in with Google")
	cloud.tolerate("ERR_CONNECTION_REFUSED")
	cloud.consent("ben")
	ended := cloud.address()
	if !strings.HasPrefix(ended, w.redirect+"?") {
		t.Fatalf("the browser ended up at %s", ended)
	}

	h.tolerate("status of 400")
	h.fill("Paste the address", w.redirect)
	h.follow("Finish")
	h.sees("There is no sign-in code in that")
	h.fill("Paste the address", strings.Replace(ended, "state=", "state=x", 1))
	h.follow("Finish")
	h.sees("belongs to another sign-in")
	if html := until(h.tab, "the page is there", func(string) bool { return true }, "html"); strings.Contains(html, "live.js") {
		t.Error("what went wrong is replaced before it can be read")
	}
	h.fill("Paste the address", "  "+ended+"#_=_ ")
	h.follow("Finish")
	h.sees("Ben is connected")
	h.observer.heard("fitbit2mqtt/ben/connection", `"state":"ok"`)
	h.follow("Connect another person")
	h.admitByPasting("anna")
}

func TestBrowserDenied(t *testing.T) {
	t.Parallel()
	h := moveIn(t, newWorld(t, "anna"), panelConfig{})
	h.fill("Name", "Anna ") // as a phone's keyboard writes it
	h.follow("Continue")
	h.follow("Sign in with Google")
	h.sees("wants to read")
	h.follow("Cancel")
	h.sees("Anna could not be signed in")
	h.sees("Consent was denied")
	said := h.sees("leave every box ticked")
	if strings.Contains(said, "fitbit2mqtt connect") {
		t.Errorf("the page sends people to a terminal:\n%s", said)
	}
	h.follow("Try again")
	h.sees("Sign in as Anna")
	h.follow("Sign in with Google")
	h.consent("anna")
	h.sees("Anna is connected")
}

// Whoever enters a client means it, even if another one stays ticked.
func TestBrowserEnteredClient(t *testing.T) {
	t.Parallel()
	h := moveIn(t, newWorld(t, "anna"), panelConfig{})
	h.fill("Name", "anna")
	h.click("Another Google Cloud project")
	h.fill("Client ID", "other-client")
	h.fill("Client secret", "other-secret")
	h.follow("Continue")
	h.tolerate("status of 400")
	h.follow("Sign in with Google")
	h.sees("invalid_client") // the cloud does not know it: it was that one
}

func TestBrowserGrantInPart(t *testing.T) {
	t.Parallel()
	h := moveIn(t, newWorld(t, "anna"), panelConfig{})
	h.admit("anna", "activity_and_fitness.readonly")
	h.sees("Not granted: ")
	h.visit(h.root)
	h.sees("Connected in part")
	h.follow("Grant it now")
	h.consent("anna")
	h.sees("Anna is connected")
	h.misses("Not granted")
	h.visit(h.root)
	h.misses("Connected in part")
	h.sees("✓ Connected")
}

// A name is kept for the account it was given to, until somebody hands it over.
func TestBrowserOtherIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna", "ben")
	w.cloud.Person("anna").WeighIn(time.Now().Add(-time.Hour), 61.5, 30)
	w.cloud.Person("ben").WeighIn(time.Now().Add(-2*time.Hour), 83.2, 20)
	h := moveIn(t, w, panelConfig{})
	h.admit("anna")
	h.visit(h.root + "people/anna")
	h.click("Sign in again")
	h.clickOn("button", "Sign in again")
	h.consent("ben")
	h.sees("Anna could not be signed in")
	h.sees("Signed in as someone else than before")
	if said := h.sees("choose another name, or hand the name over."); strings.Contains(said, "--move") {
		t.Errorf("the page sends people to a terminal:\n%s", said)
	}
	h.follow("Move Anna")
	h.sees("You are about to hand the name Anna over")
	h.follow("Sign in with Google")
	h.consent("ben")
	h.sees("Anna is connected")
	h.observer.heard("fitbit2mqtt/anna/body", `"weight_kg":83.2`)
	h.follow("See Anna's readings")
	h.sees("83.20 kg")
	h.misses("61.50 kg")
}

// What is missing at the cloud is explained, too.
func TestBrowserNotLinked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	w.cloud.Person("anna").SetState(fakecloud.NotLinked)
	h := moveIn(t, w, panelConfig{})
	h.fill("Name", "anna")
	h.follow("Continue")
	h.follow("Sign in with Google")
	h.consent("anna")
	h.sees("Anna could not be signed in")
	h.sees("not linked to Google Health")
}
