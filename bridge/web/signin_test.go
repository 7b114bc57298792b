package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// outcome signs anna in through the page, with what goes wrong.
type outcome struct {
	plan   plan
	before func(h *house)
	begin  []string // fields besides the name
	answer fakecloud.Answer
	spoil  func(h *house, back string) string // the address that the browser comes back by
	want   []string
	lacks  []string
}

// TestOutcomes shows for each way in which a sign-in goes wrong its own sentence and
// its own next step.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	strikes := func(f fakecloud.Fault) func(*house) { return func(h *house) { h.cloud.Fail(f) } }
	for name, c := range map[string]outcome{
		"all is well": {want: []string{"Anna is connected", "The sign-in is saved.", "See Anna's readings"}, lacks: []string{"Not granted"}},
		"denied": {
			answer: fakecloud.Answer{Deny: true},
			want:   []string{"Anna could not be signed in", "Consent was denied.", "Allow it and leave every box ticked; an app in test mode lets in nobody but its listed test users; start again.", "Try again"},
		},
		"another state": {
			spoil: func(_ *house, back string) string { return strings.Replace(back, "state=", "state=X", 1) },
			want:  []string{"That did not work", "No sign-in that was begun here waits for this address.", "Start again, and use the address that the browser ends up at this time.", "Back to Connect a person"},
		},
		"code expired": {
			spoil: func(h *house, back string) string { h.clock.Advance(10 * time.Minute); return back },
			want:  []string{"Anna could not be signed in", "The code has expired, was already used, or belongs to another sign-in (invalid_grant).", "Start the sign-in again and finish it within ten minutes."},
		},
		"redirect mismatch at the token endpoint": {
			before: strikes(fakecloud.Fault{Kind: fakecloud.Forbidden, Path: "/token", Status: http.StatusBadRequest, Reason: "redirect_uri_mismatch"}),
			want:   []string{"The redirect address is not registered for this OAuth client (redirect_uri_mismatch).", "Register google.redirect_url, letter by letter, in the Google Cloud console, Clients."},
		},
		"wrong secret": {
			plan: plan{secret: "wrong-secret-that-must-not-show-either"},
			want: []string{"Google does not accept the client id or secret (invalid_client).", "Compare id and secret (google.client_id and google.client_secret, unless entered by hand) with the Google Cloud console, Clients."},
		},
		"scope unticked": {
			answer: fakecloud.Answer{Untick: []string{"settings.readonly"}},
			want:   []string{"Anna is connected", "Not granted: batteries of scale and tracker, time zone. Those values stay unknown; everything else works.", "Grant it now"},
		},
		"account not linked": {
			before: func(h *house) { h.cloud.Person("anna").SetState(fakecloud.NotLinked) },
			want:   []string{"This Google account is not linked to Google Health (ACCOUNT_NOT_LINKED).", "Sign in to the Google Health app with this Google account, or connect the account that the scale uses."},
		},
		"no profile": {
			before: func(h *house) { h.cloud.Person("anna").SetState(fakecloud.NoProfile) },
			want:   []string{"This Google account has no Google Health profile yet", "Open the Google Health app with this Google account and finish its set-up."},
		},
		"account of the old kind": {
			before: func(h *house) { h.cloud.Person("anna").SetState(fakecloud.LegacyAccount) },
			want:   []string{"This is still a Fitbit account of the old kind", "Move it to a Google account in the Google Health app"},
		},
		"API not enabled": {
			before: strikes(fakecloud.Fault{Kind: fakecloud.Forbidden, Path: "/v4/", Reason: "SERVICE_DISABLED"}),
			want:   []string{"The Google Health API is not enabled in the Cloud project (SERVICE_DISABLED).", "Enable it at https://console.cloud.google.com/apis/library/health.googleapis.com."},
		},
		"project not admitted": {
			before: strikes(fakecloud.Fault{Kind: fakecloud.Forbidden, Path: "/v4/", Reason: "API_PRIVATE_PREVIEW_ACCESS_DENIED"}),
			want:   []string{"Google has not admitted this Cloud project to the Google Health API yet", "Apply for access or use a project that has it; signing in again does not help."},
		},
		"test mode": {
			begin: []string{"client", "new", "id", testingID, "secret", testingSecret},
			want:  []string{"Anna is connected", "This sign-in ends 21 Mar, ", "The Google Cloud project is in test mode. Publish the app (Google Auth Platform → Audience → Publish app), then sign in once more."},
		},
		"revoked on the way": {
			spoil: func(h *house, back string) string { h.cloud.Person("anna").Revoke(); return back },
			want:  []string{"The code has expired, was already used, or belongs to another sign-in (invalid_grant)."},
		},
		"API turned off": {
			before: strikes(fakecloud.Fault{Kind: fakecloud.Gone, Path: "/v4/"}),
			want:   []string{"The Google Health API v4 has been turned off", "Look for a newer version of fitbit2mqtt."},
		},
		"sign-in server turned off": {
			before: strikes(fakecloud.Fault{Kind: fakecloud.Gone, Path: "/token"}),
			want:   []string{"Google's sign-in server has been turned off", "Look for a newer version of fitbit2mqtt."},
		},
		"cloud away": {
			before: strikes(fakecloud.Fault{Kind: fakecloud.ServerError, Path: "/token"}),
			want:   []string{"Google's sign-in server answers 503 Service Unavailable", "wait a moment, then start again."},
		},
		"cloud in a hurry": {
			before: strikes(fakecloud.Fault{Kind: fakecloud.RateLimited, Path: "/v4/"}),
			want:   []string{"The cloud asks for patience: rate limit reached", "Wait until then, and start again."},
		},
		"cut on the way": {
			before: strikes(fakecloud.Fault{Kind: fakecloud.DropReply, Path: "/token"}),
			want:   []string{"Google's sign-in server does not answer", "Try again"},
		},
		"garbage": {
			before: strikes(fakecloud.Fault{Kind: fakecloud.Garbage, Path: "/token"}),
			want:   []string{"Google's sign-in server gave no proper answer"},
		},
		"refused by an organisation": {
			spoil: func(_ *house, back string) string {
				return strings.Replace(back, "code=", "error=admin_policy_enforced&was=", 1)
			},
			want: []string{"The organisation that this account belongs to does not let it use this app", "Use a private account, or set the audience of the Google Cloud project to External."},
		},
		"refused in words of a stranger": {
			spoil: func(_ *house, back string) string {
				return strings.Replace(back, "code=", "error=%3Cscript%3Ealert(1)%3C/script%3E&was=", 1)
			},
			want: []string{"The cloud's sign-in page refuses (error)."}, lacks: []string{"alert(1)"},
		},
		"somebody else's account": {
			before: func(h *house) { h.connect("anna") }, answer: fakecloud.Answer{Person: "ben"},
			want: []string{"Signed in as someone else than before: this is not the Google account that anna is connected with.", "or hand the name over.", "Move Anna to another account"},
		},
		"connected under another name": {
			before: func(h *house) { h.connect("ben") }, answer: fakecloud.Answer{Person: "ben"},
			want: []string{"This person is already connected under another name: ben.", "Sign out of the browser's current account first, or use the name that is connected."},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, c.plan)
			if c.before != nil {
				c.before(h)
			}
			if c.answer.Person == "" {
				c.answer.Person = "anna"
			}
			b := h.browser()
			begun := b.begin(append([]string{"name", "anna"}, c.begin...)...)
			back := h.consent(begun.consentLink(), c.answer)
			if c.spoil != nil {
				back = c.spoil(h, back)
			}
			status := http.StatusOK
			if name == "another state" {
				status = http.StatusNotFound
			}
			b.get(back).follow().wants(status, c.want...).lacks("fitbit2mqtt connect").lacks(c.lacks...)
			if status == http.StatusOK { // the page in the first tab says the same
				b.get(begun.at.Path).wants(status, c.want...)
				b.get(back).follow().wants(status, c.want...) // and so does the callback, loaded once more
			}
		})
	}
}

// Google shows these on a page of its own. Ours tells what they mean.
func TestWhatGoogleShows(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	b := h.browser()
	begun := b.begin("name", "anna", "client", "new", "id", strayID, "secret", straySecret).wants(http.StatusOK,
		"Sign in as Anna", "redirect_uri_mismatch The redirect address is not registered for this client. In the console, Clients, add exactly "+h.redirect,
		"invalid_client", "has not completed verification", "invalid_scope", "org_internal")
	_, err := h.cloud.Consent(t.Context(), begun.consentLink(), fakecloud.Answer{Person: "anna"})
	if err == nil || !strings.Contains(err.Error(), "redirect_uri_mismatch") {
		t.Errorf("consent: %v", err)
	}
}

func TestSignInThatNobodyCameBackFrom(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	b := h.browser()
	begun := b.begin("name", "anna")
	back := h.consent(begun.consentLink(), fakecloud.Answer{Person: "anna"})
	h.clock.Advance(11 * time.Minute)
	over := []string{"Anna could not be signed in", "This sign-in is over: nobody signed in within ten minutes.", "Open the address at once and finish within ten minutes; start again."}
	b.get(begun.at.Path).wants(http.StatusOK, over...)
	b.get(back).follow().wants(http.StatusOK, over...)
	b.post(begun.at.Path, "address", back).wants(http.StatusOK, over...)
	b.get("/sign-in/0123456789abcdef").wants(http.StatusNotFound, "That did not work", "No sign-in that was begun here")
	if _, err := h.tokens.Account(t.Context(), "anna"); err == nil {
		t.Error("somebody is connected")
	}
}

// TestPageAndTerminal lets another process wait for a sign-in that the page finishes.
func TestPageAndTerminal(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	b := h.browser()
	begun := b.begin("name", "anna")
	terminal := h.secondDesk()
	type result struct {
		o   signin.Outcome
		err error
	}
	done := make(chan result, 1)
	go func() {
		o, err := terminal.Wait(t.Context(), strings.TrimPrefix(begun.at.Path, "/sign-in/"))
		done <- result{o, err}
	}()
	begun.comeBack(fakecloud.Answer{Person: "anna", Untick: []string{"settings.readonly"}}).wants(http.StatusOK, "Anna is connected")
	select {
	case r := <-done:
		if r.err != nil || r.o.Account != "anna" || len(r.o.Missing) != 2 {
			t.Errorf("terminal heard %+v, %v", r.o, r.err)
		}
	case <-time.After(patience):
		t.Fatal("the terminal waits for ever")
	}

	// And the other way round: the page tells what the terminal finished.
	begun = b.begin("name", "ben")
	back := h.consent(begun.consentLink(), fakecloud.Answer{Person: "ben"})
	finish(t, terminal, back)
	b.get(begun.at.Path).wants(http.StatusOK, "Ben is connected")
}
