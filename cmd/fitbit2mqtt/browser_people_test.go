package main

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// A sign-in that ends shows by itself, one click mends it, and nothing is lost.
func TestBrowserRevoked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	anna := w.cloud.Person("anna")
	anna.WeighIn(time.Now().Add(-25*time.Hour), 61.9, 30)
	anna.WeighIn(time.Now().Add(-time.Hour), 61.5, 30)
	h := moveIn(t, w, panelConfig{})
	h.admit("anna")
	h.observer.heard("fitbit2mqtt/anna/body", `"weight_kg":61.5`)
	h.observer.heard("fitbit2mqtt/anna/availability", "online")
	before := h.accountUID("anna")
	for _, device := range []string{"301", "302"} { // the last that come
		h.observer.heard("homeassistant/device/fitbit2mqtt_"+before+"_"+device+"/config", `"name"`)
	}
	topics := h.topics()
	h.visit(h.root)
	h.sees("✓ Connected")

	anna.Revoke()
	h.sees("Sign-in required") // nobody reloads
	h.follow("Sign in again")
	if got := h.address(); !strings.HasPrefix(got, "http://localhost:") {
		t.Errorf("one click leads to %s, not to the cloud", got)
	}
	h.consent("anna")
	h.sees("Anna is connected")
	h.observer.heard("fitbit2mqtt/anna/availability", "online")
	h.visit(h.root)
	h.sees("✓ Connected")
	if after := h.accountUID("anna"); after != before {
		t.Errorf("the account was %s and is %s", before, after)
	}
	if now := h.topics(); !slices.Equal(now, topics) {
		t.Errorf("the topics were\n%v\nand are\n%v", topics, now)
	}
	if n := len(h.events("fitbit2mqtt/anna/weigh_in")); n != 0 {
		t.Errorf("the sign-in made %d old weigh-ins new", n)
	}
	h.visit(h.root + "people/anna")
	h.sees("61.50 kg")
	h.sees("61.90 kg")
}

// accountUID is what entities and history hang on.
func (h *home) accountUID(name string) string {
	h.tab.t.Helper()
	r := invoke(h.tab.t.(*testing.T), "accounts", "list", "--format", "json", "--config", h.world.panel(h.broker, h.panel))
	var list []struct {
		Name string `json:"name"`
		UID  string `json:"uid"`
	}
	if err := json.Unmarshal([]byte(r.out), &list); err != nil {
		h.tab.t.Fatalf("%v in %+v", err, r)
	}
	for _, a := range list {
		if a.Name == name {
			return a.UID
		}
	}
	h.tab.t.Fatalf("no %s in %s", name, r.out)
	return ""
}

// topics are those that hold something.
func (h *home) topics() []string {
	h.tab.t.Helper()
	all := h.replayed()
	maps.DeleteFunc(all, func(_, payload string) bool { return payload == "" })
	return slices.Sorted(maps.Keys(all))
}

// Renaming, disconnecting and removing, and what the house learns of it.
func TestBrowserManage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna", "ben")
	w.cloud.Person("anna").WeighIn(time.Now().Add(-time.Hour), 61.5, 30)
	h := moveIn(t, w, panelConfig{})
	h.admit("anna")
	h.admit("ben")
	h.observer.heard("fitbit2mqtt/anna/body", `"weight_kg":61.5`)
	uid := h.accountUID("anna")
	discovery := "homeassistant/device/fitbit2mqtt_" + uid + "/config"
	h.observer.heard(discovery, `"Anna"`)

	h.visit(h.root)
	h.follow("Anna")
	h.click("Rename")
	h.fill("New name", "ben")
	h.tolerate("status of 409", "status of 400")
	h.follow("Rename Anna")
	h.sees("Ben is somebody else's name already.")
	h.click("Rename")
	h.fill("New name", "Anneke")
	h.follow("Rename Anna")
	h.sees("Renamed.")
	if got := h.address(); !strings.HasPrefix(got, h.root+"people/anneke") {
		t.Errorf("renaming leads to %s", got)
	}
	h.observer.heard("fitbit2mqtt/anneke/body", `"weight_kg":61.5`)
	h.cleared("fitbit2mqtt/anna/")
	if got := h.accountUID("anneke"); got != uid {
		t.Errorf("the account was %s and is %s", uid, got)
	}

	h.click("Disconnect")
	h.follow("Disconnect Anneke")
	h.sees("Sign-in required")
	h.observer.heard("fitbit2mqtt/anneke/connection", `"state":"signin_required"`)
	h.observer.heard("fitbit2mqtt/anneke/availability", "offline")
	h.observer.heard(discovery, `"Anneke"`)
	h.sees("61.50 kg") // history stays

	h.click("Remove")
	h.click("Yes, remove Anneke") // on …
	h.click("Yes, remove Anneke") // … and off again: the browser itself asks for it
	until(h.tab, "the page is there", func(ok bool) bool { return ok }, "leaving")
	h.clickOn("button", "Remove Anneke")
	if moved, err := ask[bool](h.tab, "arrived"); err != nil || moved {
		t.Errorf("removed without a confirmation (%v)", err)
	}
	h.click("Yes, remove Anneke")
	h.follow("Remove Anneke")
	h.sees("Overview")
	h.sees("Ben")
	h.misses("Anneke")
	h.cleared("fitbit2mqtt/anneke/")
	h.cleared(discovery)

	elsewhere := h.another()
	elsewhere.visit(h.root)
	elsewhere.sees("Ben")
	h.visit(h.root + "people/ben")
	h.click("Remove")
	h.click("Yes, remove Ben")
	h.follow("Remove Ben")
	h.sees("Nobody is connected yet")
	h.cleared("fitbit2mqtt/ben/")
	elsewhere.sees("Nobody is connected yet")
}

// cleared waits until nothing is retained below a topic.
func (h *home) cleared(below string) {
	h.observer.t.Helper()
	h.until("everything below "+below+" is cleared", func() bool {
		for topic, payload := range h.retained {
			if strings.HasPrefix(topic, below) && payload != "" && !strings.HasSuffix(topic, "/weigh_in") {
				return false
			}
		}
		return true
	})
}

// What happens at the scale and in the cloud comes into the open page.
func TestBrowserLive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	anna := w.cloud.Person("anna")
	anna.WeighIn(time.Now().Add(-26*time.Hour), 61.9, 30.4)
	anna.WeighIn(time.Now().Add(-2*time.Hour), 61.5, 30)
	h := moveIn(t, w, panelConfig{poll: "1h"}) // nothing comes unless somebody asks
	h.admit("anna")
	h.visit(h.root)
	h.sees("61.5 kg")
	id, _ := anna.WeighIn(time.Now().Add(-time.Minute), 61.2, 29.8)
	h.follow("Poll now")
	h.sees("The cloud is being asked for Anna")
	h.sees("61.2 kg")
	h.sees("−0.3 kg since the time before")

	h.follow("Anna")
	h.sees("61.20 kg")
	old := h.pictured(5) // four charts and the sign in the corner
	anna.EditWeight(id, 60.9)
	h.follow("Poll now")
	h.sees("The cloud is being asked.")
	h.observer.heard("fitbit2mqtt/anna/weigh_in", `"correction"`)
	h.sees("60.90 kg")
	h.sees("corrected, was 61.20 kg")

	if now := h.pictured(5); now[1] == old[1] || now[3] != old[3] {
		t.Errorf("the charts were\n%v\nand are\n%v: that of the weight should be another", old, now)
	}
	csv := h.download("CSV")
	if !strings.HasPrefix(csv, "measured_at") || strings.Count(csv, "\n") != 4 || !strings.Contains(csv, "60.9") {
		t.Errorf("the CSV is\n%s", csv)
	}
	var list []any
	if err := json.Unmarshal([]byte(h.download("JSON")), &list); err != nil || len(list) != 3 {
		t.Errorf("the JSON has %d weigh-ins (%v)", len(list), err)
	}
	for _, span := range []string{"7 days", "30 days", "All"} {
		h.follow(span)
		h.pictured(5)
	}
}

// A page that is open says when it cannot be believed any more.
func TestBrowserLostContact(t *testing.T) {
	t.Parallel()
	h := moveIn(t, newWorld(t, "anna"), panelConfig{})
	h.admit("anna")
	h.visit(h.root)
	h.sees("✓ Connected")
	h.tolerate("ERR_CONNECTION_REFUSED")
	h.stop()
	h.sees("lost contact with the bridge")
	h.start()
	h.misses("lost contact with the bridge")
}

// A restart signs everybody out; a page that is open asks for the password then.
func TestBrowserSignedOut(t *testing.T) {
	t.Parallel()
	h := moveIn(t, newWorld(t, "anna"), panelConfig{web: ", password: " + pagePassword})
	h.logIn()
	h.admit("anna")
	h.visit(h.root)
	h.sees("✓ Connected")
	h.tolerate("ERR_CONNECTION_REFUSED")
	h.stop()
	h.start()
	h.sees("Password of this page")
	h.fill("Password of this page", pagePassword)
	h.follow("Sign in")
	h.sees("✓ Connected")
}

type picture struct {
	Src   string
	Width int // 0: there is nothing to see
}

// pictured waits for so many pictures, and that all of them can be seen.
func (b *tab) pictured(n int) []picture {
	b.t.Helper()
	return until(b, "all pictures load", func(list []picture) bool {
		return len(list) == n && !slices.ContainsFunc(list, func(p picture) bool { return p.Width == 0 })
	}, "pictures")
}

// download fetches what a link leads to, with the browser's own cookies.
func (b *tab) download(name string) string {
	b.t.Helper()
	address := until(b, name+" is there", func(s string) bool { return s != "" }, "leads", name)
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`fetch("`+address+`").then((r) => r.ok ? r.text() : r.statusText)`,
		chromedp.EvalAwaitPromise, chromedp.EvalAsValue))
	if err != nil {
		b.t.Fatal(err)
	}
	return text
}
