package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// Pictures of every page in both themes, on a desk and on a phone:
//
//	go test -run BrowserLook ./cmd/fitbit2mqtt -screenshots DIR
var screenshots = flag.String("screenshots", "", "write a picture of every page into this folder")

// Every page can be read by everybody: in the dark, on a phone, with a keyboard, by a
// screen reader, as far as a script can tell.
func TestBrowserLook(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna", "ben", "chris")
	today := fitbit.DateOf(time.Now())
	for _, name := range []string{"anna", "ben"} {
		w.cloud.Person(name).Generate(today.AddDays(-150), today)
	}
	h := moveIn(t, w, panelConfig{noClient: true, poll: "1h"}) // quiet enough to be looked at
	h.tolerate("status of 40", "status of 429")
	pages := []struct {
		name string
		way  func()
	}{
		{"welcome", func() { h.sees("Nobody is connected yet") }},
		{"refused name", func() {
			h.fill("Name", "anna und ben")
			h.follow("Continue")
			h.sees("That name is not allowed")
		}},
		{"sign-in", func() {
			h.fill("Name", "anna")
			h.fill("Client ID", clientID)
			h.fill("Client secret", clientSecret)
			h.follow("Continue")
			h.click("Google shows an error instead")
			h.sees("redirect_uri_mismatch")
		}},
		{"denied", func() {
			h.follow("Sign in with Google")
			h.sees("wants to read")
			h.follow("Cancel")
			h.sees("Consent was denied")
		}},
		{"connected in part", func() { h.admit("ben", "activity_and_fitness.readonly") }},
		{"connected", func() { h.admit("anna") }},
		{"other identity", func() {
			h.visit(h.root + "people/anna")
			h.click("Sign in again")
			h.clickOn("button", "Sign in again")
			h.consent("chris")
			h.sees("Signed in as someone else than before")
		}},
		{"overview", func() { h.visit(h.root); h.sees("bpm"); h.sees("synced") }},
		{"person", func() {
			h.changeOfMind("anna")
			h.visit(h.root + "people/anna")
			h.sees("deleted in the cloud")
			h.sees("corrected, was")
			h.sees("Older")
		}},
		{"person without readings", func() {
			h.admit("chris")
			h.visit(h.root + "people/chris")
			h.sees("None yet.")
		}},
		{"person, managed", func() {
			h.visit(h.root + "people/anna?days=30")
			for _, name := range []string{"Rename", "Sign in again", "Disconnect", "Remove"} {
				h.clickOn("summary", name)
			}
		}},
		{"connect", func() { h.visit(h.root + "connect"); h.click("Forget a client") }},
		{"sign-in required", func() {
			w.cloud.Person("ben").Revoke()
			h.visit(h.root)
			h.clickOn("button", "Poll now for Ben")
			h.sees("Sign-in required")
		}},
		{"no such page", func() { h.visit(h.root + "nowhere") }},
		{"no such sign-in", func() { h.visit(h.root + "sign-in/nowhere") }},
		{"broker away", func() {
			h.stop()
			h.broker = "mqtt://" + freeAddr(t)
			h.start()
			h.visit(h.root)
			h.sees("Broker away")
		}},
		{"login", func() {
			h.stop()
			h.panel.web = ", password: " + pagePassword
			h.start()
			h.visit(h.root)
			h.fill("Password of this page", "wrong")
			h.follow("Sign in")
			h.sees("That is not the password")
		}},
		{"login, too often", func() {
			for said := ""; !strings.Contains(said, "Too many wrong passwords"); {
				h.fill("Password of this page", "wrong")
				h.follow("Sign in")
				said = h.sees("password")
			}
		}},
	}
	for i, p := range pages {
		p.way()
		for _, theme := range []string{"light", "dark"} {
			for _, width := range []int64{1200, 390} {
				h.inspect(fmt.Sprintf("%02d %s, %s, %d", i+1, p.name, theme, width), width, theme)
			}
		}
		h.view(1200, "light")
		h.tabThrough(p.name)
	}

	h.stop() // and forget the wrong guesses
	h.start()
	h.visit(h.root)
	h.fill("Password of this page", pagePassword)
	h.follow("Sign in")
	h.visit(h.root)
	if err := chromedp.Do(h.ctx, chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter)); err != nil {
		t.Fatal(err)
	}
	if got := h.address(); got != h.root+"#main" {
		t.Errorf("Tab and Enter lead to %s, not to the content", got)
	}
}

// changeOfMind corrects one weigh-in and deletes another.
func (h *home) changeOfMind(name string) {
	h.tab.t.Helper()
	person, topic := h.cloud.Person(name), "fitbit2mqtt/"+name+"/weigh_in"
	poll := func(says ...string) {
		h.publish("fitbit2mqtt/"+name+"/command/poll", "PRESS", false)
		for _, event := range says {
			h.until(event, func() bool {
				return slices.ContainsFunc(h.log, func(m bridge.Message) bool { return m.Topic == topic && strings.Contains(string(m.Payload), event) })
			})
		}
	}
	first, _ := person.WeighIn(time.Now().Add(-2*time.Minute), 60.5, 21)
	second, secondFat := person.WeighIn(time.Now().Add(-time.Minute), 60.4, 21)
	poll(first, second)
	person.EditWeight(first, 60.2)
	person.DeleteWeight(second)
	person.DeleteBodyFat(secondFat)
	poll(`"correction"`, `"deletion"`)
}

// inspect looks at the page as it is, and takes a picture.
func (h *home) inspect(name string, width int64, theme string) {
	h.tab.t.Helper()
	h.view(width, theme)
	until(h.tab, name+": the charts fit the window and the theme", func(list []picture) bool {
		return !slices.ContainsFunc(list, func(p picture) bool {
			return p.Width == 0 || strings.Contains(p.Src, "/charts/") &&
				(strings.Contains(p.Src, "theme=dark") != (theme == "dark") || strings.Contains(p.Src, "size=small") != (width < 600))
		})
	}, "pictures")
	faults, err := ask[[]string](h.tab, "look")
	if err != nil {
		h.tab.t.Errorf("%s: %v", name, err)
	}
	for _, f := range faults {
		h.tab.t.Errorf("%s: %s", name, f)
	}
	if *screenshots == "" && !strings.HasPrefix(name, "01 ") {
		return
	}
	ctx, cancel := context.WithTimeout(h.ctx, patience)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		h.tab.t.Fatalf("%s: %v", name, err)
	}
	if size, err := png.DecodeConfig(bytes.NewReader(picture)); err != nil || int64(size.Width) != width || size.Height < 300 {
		h.tab.t.Errorf("%s: the picture is %dx%d (%v)", name, size.Width, size.Height, err)
	}
	if *screenshots != "" {
		file := strings.NewReplacer(", ", "-", " ", "-").Replace(name) + ".png"
		if err := os.WriteFile(filepath.Join(*screenshots, file), picture, 0o600); err != nil {
			h.tab.t.Fatal(err)
		}
	}
}

// focus is what the keyboard is at.
type focus struct {
	Name           string
	First, Visible bool
}

// tabThrough walks through the page by the Tab key alone.
func (h *home) tabThrough(name string) {
	h.tab.t.Helper()
	h.visit(strings.SplitN(h.address(), "#", 2)[0]) // a click would be where Tab begins
	ctx, cancel := context.WithTimeout(h.ctx, patience)
	defer cancel()
	for n := range 100 {
		if err := chromedp.Do(ctx, chromedp.KeyEvent(kb.Tab)); err != nil {
			h.tab.t.Fatal(err)
		}
		f, err := ask[*focus](h.tab, "focus")
		switch {
		case err != nil:
			h.tab.t.Fatal(err)
		case f == nil && n == 0:
			h.tab.t.Errorf("%s: Tab leads nowhere", name)
			return
		case f == nil:
			return
		case n == 0 && !f.First:
			h.tab.t.Errorf("%s: Tab begins at %s", name, f.Name)
		case !f.Visible:
			h.tab.t.Errorf("%s: nobody sees that %s has the focus", name, f.Name)
		}
	}
	h.tab.t.Errorf("%s: Tab has no end", name)
}
