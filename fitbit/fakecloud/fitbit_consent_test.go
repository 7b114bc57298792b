package fakecloud_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

func TestFitbitConsent(t *testing.T) {
	l := newFitbitLab(t)
	back := func(a fakecloud.Answer, changes ...string) string {
		t.Helper()
		u, err := l.cloud.Consent(t.Context(), l.url+fitbitPage+fitbitQuery("23FAKE", changes...).Encode(), a)
		if err != nil {
			t.Fatal(err)
		}
		return u.String()
	}
	if got := back(fakecloud.Answer{Person: "anna"}); !strings.HasPrefix(got, callback+"?code=") || !strings.HasSuffix(got, "&state=s1#_=_") {
		t.Errorf("sent back to %s", got)
	}
	if got := back(fakecloud.Answer{Person: "anna", Deny: true}); got != callback+"?error=access_denied&state=s1" {
		t.Errorf("denied: sent back to %s", got)
	}
	if got := back(fakecloud.Answer{Person: "anna", Untick: strings.Fields(fitbitScopes)}); !strings.Contains(got, "error=access_denied") {
		t.Errorf("everything unticked: sent back to %s", got)
	}
	body := l.get(fitbitPage+fitbitQuery("23FAKE").Encode(), "").want(200).body
	for _, part := range []string{"fake Fitbit account", `name="grant" value="heartrate" checked`, `name="person" value="anna"`} {
		if !strings.Contains(body, part) {
			t.Errorf("the page lacks %s:\n%s", part, body)
		}
	}
}

func TestFitbitScopesCanBeUnticked(t *testing.T) {
	l := newFitbitLab(t)
	tok := l.fitbitSignIn("23FAKE", "anna", "heartrate", "settings")
	if tok.Scope != "activity profile weight" {
		t.Errorf("got scope %q", tok.Scope)
	}
	l.read("profile", tok.AccessToken).want(200)
	l.read("body/log/fat/date/2026-11-20", tok.AccessToken).want(200)
	for path, scope := range map[string]string{
		"devices": "settings", "hrv/date/2026-11-20": "heartrate", "activities/heart/date/today/1d": "heartrate", "activities/heart/date/today/1d/1sec": "heartrate",
	} {
		message := l.read(path, tok.AccessToken).fails(403, "insufficient_scope", "")
		if !strings.HasPrefix(message, "This application does not have permission to access "+scope+" data. Visit ") {
			t.Errorf("%s: %s", path, message)
		}
	}
	l.cloud.SetFitbit(fakecloud.FitbitOptions{GoogleErrors: true})
	l.read("devices", tok.AccessToken).refused(403, "PERMISSION_DENIED", "")
	l.read("nothing", tok.AccessToken).fails(400, "validation", "resource")
}

func TestFitbitConsentPageShowsErrors(t *testing.T) {
	l := newFitbitLab(t)
	for _, c := range []struct {
		client, shown string
		changes       []string
	}{
		{"", "invalid_request - Missing parameters: client_id", []string{"client_id", ""}},
		{"nobody", "unauthorized_client - Invalid client_id", nil},
		{"23FAKE", "invalid_request - Invalid redirect_uri parameter value", []string{"redirect_uri", callback + "/"}},
		{"23SERV", "invalid_request - Missing parameters: redirect_uri", []string{"redirect_uri", ""}},
		{"23FAKE", "invalid_request - Missing parameters: redirect_uri", []string{"redirect_uri", "", "prompt", "consent"}},
		{"23FAKE", "invalid_request - Invalid prompt parameter value", []string{"prompt", "select_account"}},
		{"23FAKE", "invalid_request - Missing parameters: response_type", []string{"response_type", ""}},
		{"23FAKE", "invalid_request - Invalid response_type parameter value", []string{"response_type", "id"}},
		{"23FAKE", "unauthorized_client - ", []string{"response_type", "token"}},
		{"23FAKE", "invalid_request - Invalid expires_in parameter value", []string{"expires_in", "604800"}},
		{"23FAKE", "invalid_request - Missing parameters: scope", []string{"scope", ""}},
		{"23FAKE", "invalid_scope - Invalid scope: body", []string{"scope", "weight body"}},
		{"23FAKE", "invalid_request - Unsupported code_challenge_method", []string{"code_challenge_method", "S512"}},
		{"23FAKE", "invalid_request - Missing parameters: code_challenge", []string{"code_challenge", ""}},
		{"23CLNT", "invalid_request - Missing parameters: code_challenge", []string{"code_challenge", "", "code_challenge_method", ""}},
		{"23FAKE", "invalid_request - Invalid code_challenge parameter value", []string{"code_challenge", strings.Repeat("x", 42)}},
		{"23FAKE", "invalid_request - Invalid code_challenge parameter value", []string{"code_challenge", strings.Repeat("x", 129)}},
	} {
		q := fitbitQuery(c.client, c.changes...)
		if body := l.get(fitbitPage+q.Encode(), "").want(400).body; !strings.Contains(body, c.shown) {
			t.Errorf("%s %q: got %s", c.client, c.changes, body)
		}
		_, err := l.cloud.Consent(t.Context(), l.url+fitbitPage+q.Encode(), fakecloud.Answer{Person: "anna"})
		var refusal *fakecloud.PageError
		if !errors.As(err, &refusal) || !strings.HasPrefix(refusal.Code+" - "+refusal.Detail, c.shown) {
			t.Errorf("%s %q: Consent returned %v, want %s", c.client, c.changes, err, c.shown)
		}
	}
}

func TestFitbitRedirectAddress(t *testing.T) {
	l := newFitbitLab(t)
	anna := fakecloud.Answer{Person: "anna"}
	unsaid := func() string { return l.fitbitCode(anna, fitbitQuery("23FAKE", "redirect_uri", "")) }
	said := func() string {
		return l.fitbitCode(anna, fitbitQuery("23FAKE", "prompt", "login consent", "expires_in", "28800"))
	}
	l.token("23FAKE", fitbitCodeForm(unsaid(), "redirect_uri", "")).want(http.StatusOK)
	l.token("23FAKE", fitbitCodeForm(unsaid())).want(http.StatusOK)
	l.token("23FAKE", fitbitCodeForm(unsaid(), "redirect_uri", callback+"/")).fails(400, "invalid_grant", "")
	l.token("23FAKE", fitbitCodeForm(said())).want(http.StatusOK)
	l.token("23FAKE", fitbitCodeForm(said(), "redirect_uri", "")).fails(400, "invalid_grant", "")
	l.token("23FAKE", fitbitCodeForm(said(), "redirect_uri", callback+"/")).fails(400, "invalid_grant", "")
}
