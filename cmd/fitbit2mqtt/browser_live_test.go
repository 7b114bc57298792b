package main

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
)

// What somebody reads in an open page is not taken from under their eyes: text that is
// selected stays, and comes up to date afterwards; a table stays where it was scrolled.
func TestBrowserReading(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	anna := w.cloud.Person("anna")
	anna.WeighIn(time.Now().Add(-2*time.Hour), 61.5, 30)
	h := moveIn(t, w, panelConfig{})
	h.admit("anna")
	h.view(390, "light")
	h.visit(h.root + "people/anna")
	h.sees("61.50 kg")
	yes := func(ok bool) bool { return ok }
	until(h.tab, "the table scrolls", yes, "scroll", ".scroll", 40)
	until(h.tab, "it did", func(left int) bool { return left == 40 }, "scrolled", ".scroll")
	until(h.tab, "the weight is selected", yes, "mark", "61.50 kg")

	anna.WeighIn(time.Now().Add(-time.Minute), 61.2, 29.8)
	said := h.sees("61.2 kg") // in the state above
	if strings.Contains(said, "61.20 kg") {
		t.Errorf("the table was replaced although something in it is selected:\n%s", said)
	}
	if got, err := ask[string](h.tab, "marked"); err != nil || got != "61.50 kg" {
		t.Errorf("%q is selected (%v)", got, err)
	}
	until(h.tab, "nothing is selected", yes, "mark", "")
	h.sees("61.20 kg")
	if left, err := ask[int](h.tab, "scrolled", ".scroll"); err != nil || left != 40 {
		t.Errorf("the table is scrolled to %d (%v)", left, err)
	}
}

// A notice is in the page that a form leads to, and in no reload of it.
func TestBrowserNewsOnce(t *testing.T) {
	t.Parallel()
	h := moveIn(t, newWorld(t, "anna"), panelConfig{})
	h.admit("anna")
	h.visit(h.root)
	h.follow("Poll now")
	h.newsOnce("The cloud is being asked for Anna.", h.root)
	h.visit(h.root + "people/anna?days=7")
	h.follow("Poll now")
	h.newsOnce("The cloud is being asked.", h.root+"people/anna")
	h.click("Rename")
	h.fill("New name", "anneke")
	h.follow("Rename Anna")
	h.newsOnce("Renamed.", h.root+"people/anneke")
	h.visit(h.root + "people/anneke?days=7&untold=google#table-title")
	h.newsOnce("Google could not be told.", h.root+"people/anneke?days=7#table-title")
	h.visit(h.root + "connect?untold=google") // where the last one's removal leads to
	h.newsOnce("Google could not be told.", h.root+"connect")
}

// newsOnce wants a notice here, and another address to come back to.
func (h *home) newsOnce(notice, address string) {
	h.tab.t.Helper()
	h.sees(notice)
	if got := h.address(); got != address {
		h.tab.t.Errorf("“%s” is at %s, not at %s", notice, got, address)
	}
	done := func(ok bool) bool { return ok }
	until(h.tab, "the page can be left", done, "leaving")
	tell(h.tab, page.Reload, page.ReloadParams{})
	until(h.tab, "it is there again", done, "arrived") // whole: a click must not meet a page that still moves
	h.misses(notice)
}
