package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// settled connects anna at the cloud that is to be left, with a reading of yesterday.
func settled(t *testing.T, p plan) *house {
	t.Helper()
	p.former = true
	h := newHouse(t, p)
	h.former.Person("anna").WeighIn(morning().AddDate(0, 0, -1), 70.4, 30)
	b := h.browser()
	b.get(h.formerConsent(b.begin("name", "anna", "cloud", "former"), fakecloud.Answer{Person: "anna"})).follow().wants(http.StatusOK, "Anna is connected")
	h.looked("anna")
	return h
}

// A person can move at any time, and is told to once the cloud is gone.
func TestMoveIsOffered(t *testing.T) {
	t.Parallel()
	h := settled(t, plan{})
	b := h.browser()
	h.connect("ben")
	b.get("/people/ben").wants(http.StatusOK, "From Google Health.").lacks("Move to")
	const stays = "The readings then come from Google Health. Name, history, topics, entities and trend stay."
	b.get("/people/anna").wants(http.StatusOK, "Manage Rename", "Move to Google Health "+stays).holds(`<button>Move Anna to Google Health`)
	b.get("/").lacks("Move to")

	h.former.Fail(fakecloud.Fault{Kind: fakecloud.Gone, Path: "/v4/"})
	h.inState(bridge.StateSourceRetired)
	b.get("/").wants(http.StatusOK, "Anna ✗ Cloud turned off", "Move to Google Health with Anna", "70.4 kg").holds(`href="./people/anna#move"`)
	b.get("/people/anna").wants(http.StatusOK, "✗ Cloud turned off", "Move to Google Health "+stays, "70.40 kg").
		holds(`<section id="move"`, `<button class="primary">Move Anna to Google Health`).lacks("<summary>Move")
}

// The move keeps everything.
func TestMoveToTheSuccessor(t *testing.T) {
	t.Parallel()
	h := settled(t, plan{})
	before, err := h.tokens.Account(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	b := h.browser()
	begun := b.post("/people/anna/sign-in", "cloud", "google").follow().wants(http.StatusOK, "Sign in as Anna",
		"You are about to move Anna from Former Health to Google Health. Name, history, topics, entities and trend stay.", "Sign in with Google")
	begun.comeBack(fakecloud.Answer{Person: "anna"}).wants(http.StatusOK, "Anna is connected",
		"The readings come from Google Health from now on; name, history, topics, entities and trend were kept.")
	h.until("the move", func() bool { p, ok := h.bridge.Person("anna"); return ok && p.Account.Backend == "google" })
	after, err := h.tokens.Account(t.Context(), "anna")
	if err != nil || after.UID != before.UID || after.Backend != "google" {
		t.Errorf("UID %s became %s at %s (%v)", before.UID, after.UID, after.Backend, err)
	}
	b.get("/people/anna").wants(http.StatusOK, "From Google Health.", "70.40 kg").lacks("Move to")
	b.get(begun.at.Path).wants(http.StatusOK, "were kept")
	b.begin("name", "anna").comeBack(fakecloud.Answer{Person: "anna"}).wants(http.StatusOK, "Anna is connected").lacks("were kept")
}

// Who signs in where nobody answers any more is led on, with the name they gave.
func TestSignInAtACloudThatIsGone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{former: true})
	b := h.browser()
	begun := b.begin("name", "anna", "cloud", "former")
	h.former.Fail(fakecloud.Fault{Kind: fakecloud.Gone, Path: "/v4/"})
	b.get(h.formerConsent(begun, fakecloud.Answer{Person: "anna"})).follow().
		wants(http.StatusOK, "Anna could not be signed in", "Go on with Google Health.", "Go on with Google Health Back").
		holds(`href="../connect?cloud=google&amp;name=anna"`).lacks("Try again", "fitbit2mqtt connect")
}

// Who has no client at the successor yet is led to where one is entered, and moves on
// from there.
func TestMoveWithoutAClient(t *testing.T) {
	t.Parallel()
	h := settled(t, plan{noClient: true})
	b := h.browser()
	b.post("/people/anna/sign-in", "cloud", "google").follow().wants(http.StatusOK, "Connect a person",
		"You are about to move Anna from Former Health to Google Health.", "Make the Google Cloud project and enter its client").
		holds(`name="name" value="anna"`, `name="cloud" value="google"`)
	b.begin("name", "anna", "cloud", "google", "client", "new", "id", clientID, "secret", clientSecret).
		wants(http.StatusOK, "You are about to move Anna from Former Health to Google Health.").
		comeBack(fakecloud.Answer{Person: "anna"}).wants(http.StatusOK, "were kept")
}

// Where the clouds do not say whether both accounts are one person's, people do.
func TestMoveThatNobodyConfirms(t *testing.T) {
	t.Parallel()
	unconfirmed := func(h *house) answer {
		return h.browser().post("/people/anna/sign-in", "cloud", "google").follow().comeBack(fakecloud.Answer{Person: "anna"}).
			wants(http.StatusOK, "Anna could not be signed in", "The clouds do not say that this Google account is of the same person as the Former login that anna is connected with.",
				"or, if this is it, say so; or hand the name over, with a history that starts anew.", "Whose account was that?", "It is Anna's: keep the history",
				"Hand the name over: history starts anew", "Try again with another account").
			holds(`name="same" value="yes"><button class="primary">`, `name="move" value="yes"><button class="danger">`, `name="cloud" value="google"`).
			lacks("fitbit2mqtt connect", "another account?")
	}
	for name, c := range map[string]struct {
		field       string
		notice, end string
		kept        bool
	}{
		"hers":            {"same", "You are about to move Anna from Former Health to Google Health. Name, history", "were kept", true},
		"somebody else's": {"move", "You are about to hand the name Anna over to another account.", "The first look at the readings takes a moment.", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := settled(t, plan{silent: true})
			uid := unconfirmed(h).uid()
			b := h.browser()
			b.get("/people/anna").wants(http.StatusOK, "From Former Health.", "70.40 kg") // nothing has happened to her
			b.post("/people/anna/sign-in", "uid", uid, "cloud", "google", c.field, "yes").follow().wants(http.StatusOK, c.notice).
				comeBack(fakecloud.Answer{Person: "anna"}).wants(http.StatusOK, "Anna is connected", c.end)
			h.until("the move", func() bool {
				p, ok := h.bridge.Person("anna")
				return ok && p.Account.Backend == "google" && (c.kept || p.Body.WeightKg == nil)
			})
			if shown := b.get("/people/anna").text(); strings.Contains(shown, "70.40 kg") != c.kept {
				t.Errorf("kept: %v; the page says:\n%s", c.kept, shown)
			}
		})
	}
}

// uid is whom the page's forms are about.
func (a answer) uid() string {
	a.b.tb.Helper()
	_, rest, ok := strings.Cut(a.body, `name="uid" value="`)
	uid, _, _ := strings.Cut(rest, `"`)
	if !ok || uid == "" {
		a.b.tb.Fatalf("%s is about nobody:\n%s", a.at.Path, a.body)
	}
	return uid
}

// What was chosen when nobody knew a client is still chosen when one has been entered.
func TestMoveIsCarriedToTheForm(t *testing.T) {
	t.Parallel()
	h := settled(t, plan{noClient: true})
	b := h.browser()
	for field, lacking := range map[string]string{"same": "move", "move": "same"} {
		b.post("/people/anna/sign-in", "cloud", "google", field, "yes").follow().wants(http.StatusOK, "You are about to").
			holds(`<input type="hidden" name="` + field + `" value="yes">`).lacks(`name="` + lacking + `"`)
	}
	b.get("/connect?name=nobody&move=yes&same=yes").wants(http.StatusOK).lacks("You are about to", `name="move"`, `name="same"`)
	started, err := h.desk.Begin(t.Context(), signin.Request{Name: "anna", Backend: "google", Client: clientID, Secret: clientSecret, SamePerson: true})
	if err != nil {
		t.Fatal(err)
	}
	b.get("/sign-in/"+started.ID).wants(http.StatusOK, "You are about to move Anna from Former Health to Google Health.")
}
