package web_test

import (
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// secondDesk is the desk of another process with the same file open.
func (h *house) secondDesk() *signin.Desk {
	h.tb.Helper()
	store, err := tokenstore.Open(h.tb.Context(), tokenstore.Options{Path: filepath.Join(h.folder, "tokens.db"), Now: h.clock.Now, Log: h.logger()})
	if err != nil {
		h.tb.Fatal(err)
	}
	h.tb.Cleanup(func() { _ = store.Close() })
	return &signin.Desk{Store: store, Clouds: h.desk.Clouds, Default: h.desk.Default, Log: h.desk.Log}
}

func finish(t *testing.T, d *signin.Desk, back string) {
	t.Helper()
	c, err := fitbit.ParseCallback(back)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Finish(t.Context(), c, ""); err != nil {
		t.Fatal(err)
	}
}

// TestPaste finishes sign-ins whose browser ended up elsewhere.
func TestPaste(t *testing.T) {
	t.Parallel()
	query := func(back string) url.Values {
		u, err := url.Parse(back)
		if err != nil {
			t.Fatal(err)
		}
		return u.Query()
	}
	for name, pasted := range map[string]func(back string) string{
		"the whole address": func(back string) string { return back },
		"only the query":    func(back string) string { _, q, _ := strings.Cut(back, "?"); return q },
		"query with its mark": func(back string) string {
			_, q, _ := strings.Cut(back, "?")
			return "?" + q
		},
		"the bare code":         func(back string) string { return query(back).Get("code") },
		"the bare code, as is":  func(back string) string { return url.QueryEscape(query(back).Get("code")) },
		"with an old fragment":  func(back string) string { return back + "#_=_" },
		"in white space":        func(back string) string { return " \t" + back + " \r\n" },
		"broken into lines":     func(back string) string { return back[:40] + "\r\n" + back[40:90] + "\n  " + back[90:] },
		"in quotation marks":    func(back string) string { return `"` + back + `"` },
		"in pointed brackets":   func(back string) string { return "<" + back + ">" },
		"of another host, even": func(back string) string { return strings.Replace(back, "localhost:1", "192.0.2.7:99", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, plan{elsewhere: true})
			b := h.browser()
			begun := b.begin("name", " Anna ").wants(http.StatusOK, "Sign in as Anna", "The browser then ends up at a page that cannot be reached.")
			begun.holds(`target="_blank"`, `placeholder="`+h.redirect)
			back := h.consent(begun.consentLink(), fakecloud.Answer{Person: "anna"})
			b.post(begun.at.Path, "address", pasted(back)).follow().wants(http.StatusOK, "Anna is connected")
			b.post(begun.at.Path, "address", back).wants(http.StatusOK, "Anna is connected") // once more changes nothing
		})
	}
}

func TestPasteOfSomethingElse(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{elsewhere: true})
	b := h.browser()
	begun := b.begin("name", "anna")
	for _, nonsense := range []string{"", "   ", "https://accounts.google.com/", "code=", "<b>hi</b>", "?state=abc", "?code=%00%01&state=x", strings.Repeat("€", 500)} {
		b.post(begun.at.Path, "address", nonsense).
			wants(http.StatusBadRequest, "There is no sign-in code in that; copy the whole address from the browser's address bar.", "Sign in as Anna").
			lacks("alert(1)")
	}
	back := h.consent(begun.consentLink(), fakecloud.Answer{Person: "anna"})
	b.post(begun.at.Path, "address", back).follow().wants(http.StatusOK, "Anna is connected")
}

// TestTwoTabs signs two people in at once. Each address works where it belongs, and a
// mix-up spoils nothing.
func TestTwoTabs(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	b := h.browser()
	anna, ben := b.begin("name", "anna"), b.begin("name", "ben")
	annasBack := h.consent(anna.consentLink(), fakecloud.Answer{Person: "anna"})
	bensBack := h.consent(ben.consentLink(), fakecloud.Answer{Person: "ben"})
	b.post(anna.at.Path, "address", bensBack).wants(http.StatusBadRequest,
		"This address belongs to another sign-in, or to one that is over; use the one that the browser ends up at this time.", "Sign in as Anna")
	b.post(ben.at.Path, "address", annasBack).wants(http.StatusBadRequest, "another sign-in")
	b.post(anna.at.Path, "address", annasBack).follow().wants(http.StatusOK, "Anna is connected")
	b.get(bensBack).follow().wants(http.StatusOK, "Ben is connected")
	for _, name := range []string{"anna", "ben"} {
		a, err := h.tokens.Account(t.Context(), name)
		if err != nil || a.User != h.cloud.Person(name).User() {
			t.Errorf("%s: %v, belongs to somebody else: %v", name, err, a.User != h.cloud.Person(name).User())
		}
	}
}

func TestTwoTabsOfOnePerson(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	b := h.browser()
	first, second := b.begin("name", "anna"), b.begin("name", "anna")
	second.comeBack(fakecloud.Answer{Person: "anna"}).wants(http.StatusOK, "Anna is connected")
	b.get(first.at.Path).wants(http.StatusOK, "Sign in as Anna")
	first.comeBack(fakecloud.Answer{Person: "anna"}).wants(http.StatusOK, "Anna is connected")
}

func TestWhatTheFormRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	b := h.browser()
	const rule = "That name is not allowed: use 1 to 32 of the characters a-z, 0-9, _ and -, and not \"bridge\"."
	const client = "Enter the client ID and the client secret of your Google Cloud project, letter by letter."
	for _, c := range []struct {
		fields []string
		want   string
	}{
		{[]string{}, rule},
		{[]string{"name", "bridge"}, rule},
		{[]string{"name", "anna/../ben"}, rule},
		{[]string{"name", "<script>alert(1)</script>"}, rule},
		{[]string{"name", strings.Repeat("a", 33)}, rule},
		{[]string{"name", "anna\r\nSet-Cookie: a=b"}, rule},
		{[]string{"name", "anna", "client", "new"}, client},
		{[]string{"name", "anna", "client", "new", "id", "an-id"}, client},
		{[]string{"name", "anna", "client", "new", "id", "two words", "secret", "long-enough-to-be-one"}, client},
		{[]string{"name", "anna", "client", "new", "id", `"><script>alert(1)</script>`, "secret", ""}, client},
		{[]string{"name", "anna", "client", "new", "id", strings.Repeat("x", 201), "secret", "long-enough-to-be-one"}, client},
		{[]string{"name", "anna", "client", "new", "id", clientID, "secret", "long-enough-to-be-one"}, "This client is in the configuration already: choose it above, and correct its secret there, if that is what is wrong."},
		{[]string{"name", "anna", "client", "nobody-knows-me"}, "This client is not known; enter its ID and its secret."},
	} {
		b.post("/connect", c.fields...).wants(http.StatusBadRequest, c.want).lacks("<script>alert", "long-enough-to-be-one")
	}
	if clients, err := h.desk.Clients(t.Context(), "google"); err != nil || len(clients) != 1 {
		t.Errorf("stored: %v, %v", clients, err)
	}
}

// TestClients follows a project that is entered by hand: used, replaced, forgotten.
func TestClients(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{noClient: true})
	b := h.browser()
	b.get("/connect").wants(http.StatusOK, "Make the Google Cloud project and enter its client").holds(`<input type="hidden" name="client" value="new">`, "<details open>")
	b.post("/connect", "name", "anna").wants(http.StatusBadRequest, "This client is not known; enter its ID and its secret.")

	h.secrets.add("mistyped-secret-that-must-never-show")
	entered := []string{"name", "anna", "client", "new", "id", " " + clientID + "\n", "secret"}
	b.begin(append(entered, "mistyped-secret-that-must-never-show")...).comeBack(fakecloud.Answer{Person: "anna"}).
		wants(http.StatusOK, "Google does not accept the client id or secret")
	b.begin(append(entered, " "+clientSecret+" ")...).comeBack(fakecloud.Answer{Person: "anna"}).wants(http.StatusOK, "Anna is connected")

	b.get("/connect").wants(http.StatusOK, "Sign in through Google Cloud project first-client", "Forget a client").holds(`value="` + clientID + `" checked`)
	b.begin("name", "ben", "client", clientID).comeBack(fakecloud.Answer{Person: "ben"}).wants(http.StatusOK, "Ben is connected")
	b.post("/clients/forget", "id", clientID).wants(http.StatusConflict,
		"This OAuth client is in use by ", "; remove that person first, or sign them in through another client.")
	for _, name := range []string{"anna", "ben"} {
		h.looked(name)
		b.post("/people/"+name+"/remove", "sure", "yes").follow()
	}
	b.post("/clients/forget", "id", clientID).follow().wants(http.StatusOK, "Welcome").lacks("first-client")
	b.post("/clients/forget", "id", clientID).follow().wants(http.StatusOK, "Welcome") // gone already
}

// A project that is forgotten while somebody is at the consent page leaves them with a
// sentence and a next step.
func TestClientForgottenDuringASignIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	b := h.browser()
	if err := h.tokens.SaveClient(t.Context(), tokenstore.Client{Backend: "google", ID: testingID, Secret: testingSecret}); err != nil {
		t.Fatal(err)
	}
	begun := b.begin("name", "anna", "client", testingID)
	back := h.consent(begun.consentLink(), fakecloud.Answer{Person: "anna"})
	b.post("/clients/forget", "id", testingID).follow().wants(http.StatusOK)
	gone := "The OAuth client of this sign-in is not configured any more"
	b.get(begun.at.Path).wants(http.StatusOK, gone, "sign in again")
	b.post(begun.at.Path, "address", back).wants(http.StatusOK, gone)
	b.get(back).follow().wants(http.StatusOK, gone)
}

// A secret that is typed in replaces a good one only when it has proven good itself:
// others sign in through the same project.
func TestAWrongSecretSpoilsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	b := h.browser()
	good := []string{"client", "new", "id", testingID, "secret", testingSecret}
	b.begin(append([]string{"name", "anna"}, good...)...).comeBack(fakecloud.Answer{Person: "anna"}).wants(http.StatusOK, "Anna is connected")
	b.begin("name", "ben", "client", "new", "id", testingID, "secret", "GOCSPX-mistyped").comeBack(fakecloud.Answer{Person: "ben"}).
		wants(http.StatusOK, "Ben could not be signed in", "Google does not accept the client id or secret", "Enter the client secret again").
		holds(`href="../connect?cloud=google&amp;name=ben&amp;id=`)
	if c, err := h.tokens.Client(t.Context(), "google", testingID); err != nil || c.Secret != testingSecret {
		t.Errorf("anna's project has another secret now (%v)", err)
	}
	b.get("/connect?name=ben&id="+testingID).wants(http.StatusOK, "Client secret").holds(`name="name" value="ben"`, `name="id" value="`+testingID+`"`)
	// Entered again and right, it works; so does one that replaces a wrong one.
	b.begin(append([]string{"name", "ben"}, good...)...).comeBack(fakecloud.Answer{Person: "ben"}).wants(http.StatusOK, "Ben is connected")
	if err := h.tokens.SaveClient(t.Context(), tokenstore.Client{Backend: "google", ID: testingID, Secret: "GOCSPX-old"}); err != nil {
		t.Fatal(err)
	}
	b.begin(append([]string{"name", "anna"}, good...)...).comeBack(fakecloud.Answer{Person: "anna"}).wants(http.StatusOK, "Anna is connected")
	if c, err := h.tokens.Client(t.Context(), "google", testingID); err != nil || c.Secret != testingSecret {
		t.Errorf("the secret that has proven good was not kept (%v)", err)
	}
	// What was chosen stays chosen when something else is wrong.
	b.post("/connect", "name", "Ben Junior", "client", testingID).wants(http.StatusBadRequest, "That name is not allowed").
		holds(`value="` + testingID + `" checked`)
}

// A sign-in is for the account that it was begun for, whatever that is called by the
// time the code comes back.
func TestRenamedDuringASignIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	h.cloud.AddPerson(fakecloud.PersonOptions{Name: "carla"})
	for _, name := range []string{"anna", "ben"} {
		h.connect(name)
	}
	anna, err := h.tokens.Account(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	b := h.browser()
	again := h.consent(b.begin("name", "anna").consentLink(), fakecloud.Answer{Person: "anna"})
	move := h.consent(b.begin("name", "ben", "move", "yes").consentLink(), fakecloud.Answer{Person: "carla"})
	b.post("/people/ben/rename", "to", "benno").follow()
	b.post("/people/anna/rename", "to", "ben").follow()
	b.get(again).follow().wants(http.StatusOK, "is connected")
	b.get(move).follow().wants(http.StatusOK, "is connected")
	if a, err := h.tokens.Account(t.Context(), "ben"); err != nil || a.UID != anna.UID || a.User != anna.User || a.Generation != anna.Generation+1 {
		t.Errorf("anna, called ben now, is %+v (%v)", a, err)
	}
	if a, err := h.tokens.Account(t.Context(), "benno"); err != nil || a.User != h.cloud.Person("carla").User() {
		t.Errorf("ben, called benno now, is %+v (%v)", a, err)
	}
	gone := h.consent(b.begin("name", "benno").consentLink(), fakecloud.Answer{Person: "carla"})
	if _, err := h.tokens.Remove(t.Context(), "benno"); err != nil { // without a word to the cloud, which would void the code
		t.Fatal(err)
	}
	b.get(gone).follow().wants(http.StatusOK, "Benno was removed while the sign-in was under way.")
}

// What is shown of a sign-in goes by the name that the person has now, and what follows
// from it is done to that person.
func TestRenamedBeforeTheOutcome(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	for _, name := range []string{"anna", "ben"} {
		h.connect(name)
	}
	anna, err := h.tokens.Account(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	b := h.browser()
	denied := h.consent(b.begin("name", "anna").consentLink(), fakecloud.Answer{Person: "anna", Deny: true})
	right := h.consent(b.begin("name", "anna").consentLink(), fakecloud.Answer{Person: "anna"})
	b.post("/people/anna/rename", "to", "anneke").follow()
	b.post("/people/ben/disconnect").follow()
	b.post("/people/ben/rename", "to", "anna").follow()
	b.get(denied).follow().wants(http.StatusOK, "Anneke could not be signed in", "Consent was denied").
		holds(`action="../people/anneke/sign-in"`, `name="uid" value="`+anna.UID+`"`)
	b.get("/people/anna").wants(http.StatusOK, "Disconnected here on purpose").lacks("denied") // ben, who has nothing to do with it
	b.post("/people/anna/sign-in", "uid", anna.UID).wants(http.StatusConflict, "That name is somebody else's by now")
	b.get(right).follow().wants(http.StatusOK, "Anneke is connected").holds(`href="../people/anneke"`)
}

// TestSignInAgain keeps what is known of the person.
func TestSignInAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	h.cloud.Person("anna").WeighIn(morning().AddDate(0, 0, -1), 70.4, 30)
	h.connect("anna")
	before, err := h.tokens.Account(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	h.cloud.Person("anna").Revoke()
	h.inState(bridge.StateSignInRequired)
	b := h.browser()
	again := b.post("/people/anna/sign-in") // one click, and the consent page is there
	if again.status != http.StatusSeeOther || !strings.Contains(again.goesTo(), "/o/oauth2/v2/auth?") {
		t.Fatalf("status %d, to %s", again.status, again.goesTo())
	}
	b.get(h.consent(again.goesTo(), fakecloud.Answer{Person: "anna"})).follow().wants(http.StatusOK, "Anna is connected")
	h.until("connection is fine again", func() bool {
		p, ok := h.bridge.Person("anna")
		return ok && p.Connection.State == bridge.StateOK
	})
	after, err := h.tokens.Account(t.Context(), "anna")
	if err != nil || after.UID != before.UID || after.Generation != before.Generation+1 {
		t.Errorf("before %v, after %v, %v", before.UID, after.UID, err)
	}
	b.get("/people/anna").wants(http.StatusOK, "✓ Connected", "yesterday, 08:30 70.40 kg 30.0 %")
}

func TestSignInAgainFromElsewhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{elsewhere: true})
	h.connect("anna")
	b := h.browser()
	b.post("/people/anna/sign-in").follow().wants(http.StatusOK, "Sign in as Anna", "Paste the address your browser ended up at")
}

func TestMove(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	h.cloud.Person("anna").WeighIn(morning().AddDate(0, 0, -1), 70.4, 30)
	h.cloud.Person("ben").WeighIn(morning().AddDate(0, 0, -1), 91.3, 22)
	h.connect("anna")
	before, err := h.tokens.Account(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	b := h.browser()
	b.begin("name", "anna").comeBack(fakecloud.Answer{Person: "ben"}).
		wants(http.StatusOK, "Signed in as someone else than before").
		holds(`<input type="hidden" name="move" value="yes"><button class="danger">Move Anna to another account`)
	b.get("/people/anna").wants(http.StatusOK, "✓ Connected", "70.40 kg") // nothing has happened to her
	b.begin("name", "anna", "move", "yes").wants(http.StatusOK, "You are about to hand the name Anna over to another account.").
		comeBack(fakecloud.Answer{Person: "ben"}).wants(http.StatusOK, "Anna is connected")
	h.until("another history", func() bool {
		p, ok := h.bridge.Person("anna")
		return ok && p.Body.WeightKg != nil && *p.Body.WeightKg > 91
	})
	after, err := h.tokens.Account(t.Context(), "anna")
	if err != nil || after.UID != before.UID || after.User != h.cloud.Person("ben").User() {
		t.Errorf("UID %s became %s, %v", before.UID, after.UID, err)
	}
	b.get("/people/anna").wants(http.StatusOK, "91.30 kg").lacks("70.40 kg")
}

// While a code is being redeemed, the page says so, and looks again by itself.
func TestWhileTheCodeIsRedeemed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	b := h.browser()
	begun := b.begin("name", "anna")
	cancel := h.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Slow, Path: "/token", Delay: time.Second})
	defer cancel()
	back := h.consent(begun.consentLink(), fakecloud.Answer{Person: "anna"})
	done := make(chan answer, 1)
	go func() { done <- h.browser().get(back) }()
	var waiting answer
	h.until("the code is taken", func() bool {
		waiting = b.get(begun.at.Path)
		return strings.Contains(waiting.text(), "Signing Anna in …")
	})
	waiting.wants(http.StatusOK, "If nothing happens within a minute, start again.").
		holds(`<noscript><meta http-equiv="refresh" content="5"></noscript>`, `<a href="../connect">start again</a>`)
	begun.lacks("http-equiv") // nobody's pasting is cut short
	(<-done).follow().wants(http.StatusOK, "Anna is connected")
}
