package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// Whoever connects chooses among the clouds, and is told what that cloud wants; where
// there is but one, there is nothing to choose.
func TestWhichCloud(t *testing.T) {
	t.Parallel()
	newHouse(t, plan{}).browser().get("/connect").wants(http.StatusOK, "2. The Google Cloud project").lacks("Which cloud?")
	h := newHouse(t, plan{former: true})
	b := h.browser()
	for _, path := range []string{"/connect", "/connect?cloud=google", "/connect?cloud=atlantis"} {
		b.get(path).wants(http.StatusOK, "Which cloud? Google Health Former Health", "2. The Google Cloud project", "New project. Open the Google Cloud console", h.redirect).
			holds(`connect?cloud=google" aria-current="true">`, `<input type="hidden" name="cloud" value="google">`, `<strong>New project.</strong>`, `<li><code>https://www.googleapis.com/auth/`).
			lacks("Former wants")
	}
	b.get("/connect?cloud=former&name=anna").wants(http.StatusOK,
		"2. The Former app", "Former wants one for every house.", "Register. Open its list, type Personal, tick", "exactly. Type yes.",
		"the Former app in the configuration (former-client)", "Leave it empty for an app that has none.").
		holds(`connect?cloud=google&amp;name=anna"`, `connect?cloud=former&amp;name=anna" aria-current="true">`, `placeholder="23ABCD"`,
			`<a href="https://former.example/apps" rel="noreferrer" target="_blank">its list</a>`, `<em>Personal</em>`, `<code>yes</code>`,
			`<code class="copy">`+h.url+`/former/callback</code>`).
		lacks("project", h.redirect)
	b.post("/connect", "cloud", "atlantis", "name", "anna").wants(http.StatusBadRequest, `This version knows no cloud called "atlantis"`)
}

// Each cloud has a sign-in page of its own, and an address of its own to come back to.
func TestSignInAtAnotherCloud(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{former: true})
	b := h.browser()
	begun := b.begin("name", "anna", "cloud", "former").wants(http.StatusOK, "Sign in as Anna", "Sign in with the Former login that Anna's scale",
		"Sign in with Former", "Former asks twice.", "Former brings you back here.", "Former shows an error instead", "invalid_redirect Add exactly "+h.url+"/former/callback.").
		lacks("Google", "You are about to")
	back := h.formerConsent(begun, fakecloud.Answer{Person: "anna"})
	if !strings.HasPrefix(back, h.url+"/former/callback?") {
		t.Fatalf("back to %s", back)
	}
	b.get(back).follow().wants(http.StatusOK, "Anna is connected").lacks("were kept")
	h.looked("anna")
	b.get("/people/anna").wants(http.StatusOK, "From Former Health. Next poll", "Use the Former login that Anna is connected with.")
	if policy := b.get("/").header.Get("Content-Security-Policy"); strings.Count(policy, "http://127.0.0.1:") != 3 { // two clouds' pages, and ours
		t.Errorf("forms may lead to: %s", policy)
	}
	h.former.Fail(fakecloud.Fault{Kind: fakecloud.ServerError, Path: "/revoke"})
	b.post("/people/anna/disconnect").follow().wants(http.StatusOK, "Former could not be told. Remove the app at https://former.example/permits, if")
	b.get("/people/anna?untold=atlantis").wants(http.StatusOK, "The cloud could not be told. Remove the app there, if").lacks("atlantis")
}

// formerConsent answers the other cloud's page, and returns where that leads back to.
func (h *house) formerConsent(begun answer, a fakecloud.Answer) string {
	h.tb.Helper()
	return h.consentAt(h.former, begun.consentLink(), a)
}

// An app without a secret is entered without one, where a cloud has such apps.
func TestClientWithoutASecret(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{former: true})
	b := h.browser()
	b.post("/connect", "name", "anna", "cloud", "google", "client", "new", "id", "another").wants(http.StatusBadRequest, "Enter the client ID and the client secret of your Google Cloud project, letter by letter.")
	b.post("/connect", "name", "anna", "cloud", "former", "client", "new").wants(http.StatusBadRequest, "Enter the client ID of your Former app, letter by letter.")
	b.begin("name", "anna", "cloud", "former", "client", "new", "id", "public-client").wants(http.StatusOK, "Sign in as Anna").holds("client_id=public-client")
	b.get("/connect?cloud=former").wants(http.StatusOK, "Former app public-client", "Forget a client")
	b.get("/connect?cloud=google").wants(http.StatusOK).lacks("public-client")
	b.post("/clients/forget", "cloud", "former", "id", "public-client").follow().wants(http.StatusOK, "2. The Former app").lacks("public-client")
}
