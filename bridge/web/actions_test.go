package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// names lists who is connected, as the file has it.
func (h *house) names() string {
	h.tb.Helper()
	list, err := h.tokens.Accounts(h.tb.Context())
	if err != nil {
		h.tb.Fatal(err)
	}
	names := make([]string, len(list))
	for i, a := range list {
		names[i] = a.Name
	}
	return strings.Join(names, " ")
}

func TestRename(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	h.connect("anna", "ben")
	b := h.browser()
	const rule = "That name is not allowed: use 1 to 32 of the characters a-z, 0-9, _ and -"
	for _, c := range []struct {
		to     string
		status int
		want   string
	}{
		{"", http.StatusBadRequest, rule},
		{"bridge", http.StatusBadRequest, rule},
		{"a b", http.StatusBadRequest, rule},
		{"../ben", http.StatusBadRequest, rule},
		{"<script>alert(1)</script>", http.StatusBadRequest, rule},
		{"x\r\nLocation: https://evil.example/", http.StatusBadRequest, rule},
		{"ben", http.StatusConflict, "Ben is somebody else's name already."},
	} {
		a := b.post("/people/anna/rename", "to", c.to).wants(c.status, c.want, "Anna ✓ Connected", "Manage").lacks("alert(1)", "evil.example")
		if a.header.Get("Location") != "" {
			t.Errorf("%q leads to %s", c.to, a.goesTo())
		}
	}
	if got := h.names(); got != "anna ben" {
		t.Fatalf("connected: %s", got)
	}
	b.post("/people/anna/rename", "to", " Anne-Marie_2 ").follow().
		wants(http.StatusOK, "Anne-marie_2", "Renamed. Automations that name the old topics need the new ones; entities in Home Assistant stay.")
	b.get("/people/anna").wants(http.StatusNotFound, "Nobody of that name is connected.")
	b.post("/people/ben/rename", "to", "ben").follow().wants(http.StatusOK, "Ben")
}

// TestNamesLikeRoutes calls people what pages are called.
func TestNamesLikeRoutes(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	h.connect("anna")
	b, name := h.browser(), "anna"
	for _, next := range []string{"connect", "people", "assets", "healthz", "metrics", "sign-in", "poll", "new", "-", "__"} {
		b.post("/people/"+name+"/rename", "to", next).follow().wants(http.StatusOK, "Renamed.")
		name = next
		b.get("/").wants(http.StatusOK, "✓ Connected").holds(`href="./people/` + name + `"`)
		b.get("/people/"+name+"/weigh-ins.csv").wants(http.StatusOK, "measured_at")
		b.post("/people/"+name+"/poll").follow().wants(http.StatusOK, "The cloud is being asked for "+strings.ToUpper(name[:1])+name[1:]+".")
	}
}

func TestPoll(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	h.connect("anna")
	b := h.browser()
	h.cloud.Person("anna").WeighIn(h.clock.Now(), 70.4, 30)
	b.post("/people/anna/poll").follow().wants(http.StatusOK, "The cloud is being asked for Anna.").
		holds(`<noscript><meta http-equiv="refresh" content="30; url=./"></noscript>`) // which says so once
	h.until("the weigh-in", func() bool { return strings.Contains(b.get("/").text(), "70.4 kg") })
	b.post("/people/anna/poll", "from", "person").follow().wants(http.StatusOK, "The cloud is being asked.")
	b.post("/people/nobody/poll").wants(http.StatusNotFound, "Nobody of that name is connected.")
	for _, asked := range []string{"nobody", "<script>alert(1)</script>", "anna%0d%0aX:%20y", "%ff"} {
		b.get("/?asked="+asked).wants(http.StatusOK, "Overview").lacks("being asked", "alert(1)")
	}
}

// theCloudsPage is where the app can be removed by hand.
const theCloudsPage = `Remove the app at <a href="https://myaccount.google.com/connections" rel="noreferrer" target="_blank">https://myaccount.google.com/connections</a>, if`

func TestDisconnect(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	h.cloud.Person("anna").WeighIn(morning().AddDate(0, 0, -1), 70.4, 30)
	h.connect("anna", "ben")
	b := h.browser()
	b.post("/people/anna/disconnect").follow().
		wants(http.StatusOK, "✗ Sign-in required", "Disconnected here on purpose.", "70.40 kg", "Not polled").lacks("could not be told", "Poll now")
	b.post("/people/anna/disconnect").follow().wants(http.StatusOK, "Disconnected here on purpose.") // twice is once

	h.cloud.Fail(fakecloud.Fault{Kind: fakecloud.ServerError, Path: "/revoke"})
	b.post("/people/ben/disconnect").follow().wants(http.StatusOK,
		"Google could not be told. Remove the app at https://myaccount.google.com/connections, if nobody else here uses that account.").holds(theCloudsPage)
	b.post("/people/nobody/disconnect").wants(http.StatusNotFound, "Nobody of that name is connected.")
	if got := h.names(); got != "anna ben" {
		t.Errorf("connected: %s", got)
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	h.cloud.Person("anna").WeighIn(morning().AddDate(0, 0, -1), 70.4, 30)
	h.connect("anna", "ben")
	anna, ok := h.bridge.Person("anna")
	if !ok {
		t.Fatal("nobody there")
	}
	b := h.browser()
	for _, sure := range [][]string{nil, {"sure", ""}, {"sure", "no"}, {"sure", "YES"}} {
		b.post("/people/anna/remove", sure...).wants(http.StatusBadRequest, "Tick the box to confirm that anna is to be removed.", "Anna ✓ Connected").
			holds("<details open>\n<summary>Remove</summary>")
	}
	if got := h.names(); got != "anna ben" {
		t.Fatalf("connected: %s", got)
	}
	b.post("/people/anna/remove", "sure", "yes").follow().wants(http.StatusOK, "Overview", "Ben").lacks("Anna")
	for _, path := range []string{"/people/anna", "/people/anna/weigh-ins.csv", "/people/anna/weigh-ins.json"} {
		b.get(path).wants(http.StatusNotFound, "Nobody of that name is connected.")
	}
	past, err := h.history.Recall(t.Context(), anna.Account.UID)
	if err != nil || len(past.Weights) != 0 {
		t.Errorf("history is still there: %v, %v", len(past.Weights), err)
	}
	b.post("/people/anna/remove", "sure", "yes").wants(http.StatusNotFound, "Nobody of that name is connected.")

	h.cloud.Fail(fakecloud.Fault{Kind: fakecloud.ServerError, Path: "/revoke"})
	last := b.post("/people/ben/remove", "sure", "yes").follow() // of an empty house; the news must not be lost on the way
	last.follow().wants(http.StatusOK, "Welcome", "Google could not be told.").holds(theCloudsPage)
}

// TestRemovedMeanwhile removes a person in the file, before the bridge has seen it.
func TestRemovedMeanwhile(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	h.connect("anna")
	if _, err := h.tokens.Remove(t.Context(), "anna"); err != nil {
		t.Fatal(err)
	}
	b := h.browser()
	for _, c := range []struct{ path, field, value string }{
		{"/people/anna/rename", "to", "anne"}, {"/people/anna/disconnect", "", ""}, {"/people/anna/remove", "sure", "yes"},
	} {
		b.post(c.path, c.field, c.value).wants(http.StatusNotFound, "Nobody of that name is connected")
	}
}
