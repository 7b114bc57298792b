package fakecloud_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

const page1 = "/o/oauth2/v2/auth?"

func TestConsentPageInABrowser(t *testing.T) {
	l := newLab(t)
	l.cloud.AddPerson(fakecloud.PersonOptions{Name: `<b>"bert"&`})
	body := l.get(page1+authQuery().Encode(), "").want(200).body
	for _, part := range []string{
		`<form method="post">`, `name="person" value="anna" checked`, `value="&lt;b&gt;&#34;bert&#34;&amp;"`,
		`name="grant" value="` + prefix + `settings.readonly" checked`, `name="decision" value="allow"`, `name="decision" value="deny"`,
	} {
		if !strings.Contains(body, part) {
			t.Errorf("the page lacks %s:\n%s", part, body)
		}
	}
	if strings.Contains(body, "<b>") || strings.Count(body, `type="checkbox"`) != 4 {
		t.Errorf("not escaped, or not a box per scope:\n%s", body)
	}

	a := l.post(page1+authQuery().Encode(), url.Values{"person": {"anna"}, "decision": {"allow"}, "grant": strings.Fields(allScope)}).want(302)
	back, err := url.Parse(a.header.Get("Location"))
	if err != nil || !strings.HasPrefix(back.String(), callback+"?") || back.Query().Get("state") != "s1" {
		t.Fatalf("sent back to %v, %v", back, err)
	}
	l.post("/token", codeForm(clientID, back.Query().Get("code"))).want(200)
}

func TestConsentDenied(t *testing.T) {
	l := newLab(t)
	everything := []string{"health_metrics_and_measurements.readonly", "activity_and_fitness.readonly", "settings.readonly", "profile.readonly"}
	for _, a := range []fakecloud.Answer{{Person: "anna", Deny: true}, {Person: "anna", Untick: everything}} {
		q := l.consent(a, authQuery())
		if q.Get("error") != "access_denied" || q.Get("state") != "s1" || q.Has("code") {
			t.Errorf("%+v: sent back with %v", a, q)
		}
	}
}

func TestConsentIsGranular(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna", "settings.readonly", "activity_and_fitness.readonly")
	if want := prefix + "health_metrics_and_measurements.readonly " + prefix + "profile.readonly"; tok.Scope != want {
		t.Errorf("got scope %q, want %q", tok.Scope, want)
	}
	l.list("weight", tok.AccessToken).want(200)
	l.get("/v4/users/me/identity", tok.AccessToken).want(200)
	l.get("/v4/users/me/settings", tok.AccessToken).refused(403, "PERMISSION_DENIED", "MISSING_OAUTH_SCOPE")
	l.get("/v4/users/me/pairedDevices", tok.AccessToken).refused(403, "PERMISSION_DENIED", "MISSING_OAUTH_SCOPE")
	l.list("time-in-heart-rate-zone", tok.AccessToken).refused(403, "PERMISSION_DENIED", "MISSING_OAUTH_SCOPE")
	l.get("/v4/users/me/profile", tok.AccessToken).want(200)
	other := l.signIn("anna", "health_metrics_and_measurements.readonly", "profile.readonly")
	l.list("weight", other.AccessToken).refused(403, "PERMISSION_DENIED", "MISSING_OAUTH_SCOPE")
	l.list("time-in-heart-rate-zone", other.AccessToken).want(200)
	l.get("/v4/users/me/profile", other.AccessToken).refused(403, "PERMISSION_DENIED", "MISSING_OAUTH_SCOPE")
}

func TestConsentPageShowsErrors(t *testing.T) {
	l := newLab(t)
	for _, c := range []struct {
		code    string
		changes []string
	}{
		{"invalid_client", []string{"client_id", "<nobody>"}},
		{"redirect_uri_mismatch", []string{"redirect_uri", callback + "/"}},
		{"redirect_uri_mismatch", []string{"redirect_uri", "http://127.0.0.1:8099/oauth/callback"}},
		{"redirect_uri_mismatch", []string{"client_id", "desktop", "redirect_uri", "http://192.168.1.5:80/"}},
		{"unsupported_response_type", []string{"response_type", "token"}},
		{"invalid_scope", []string{"scope", allScope + " " + prefix + "activity_and_fitness"}},
		{"invalid_request", []string{"scope", ""}},
		{"invalid_request", []string{"access_type", "on-line"}},
		{"invalid_request", []string{"code_challenge", "short", "code_challenge_method", "S256"}},
		{"invalid_request", []string{"code_challenge", challenge("v")}}, // plain, by default
		{"invalid_request", []string{"code_challenge", challenge("v"), "code_challenge_method", "plain"}},
	} {
		q := authQuery(c.changes...)
		a := l.get(page1+q.Encode(), "").want(400)
		if !strings.Contains(a.body, "Error 400: "+c.code) || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || strings.Contains(a.body, "<nobody>") {
			t.Errorf("%q: got %s", c.changes, a.body)
		}
		_, err := l.cloud.Consent(t.Context(), l.url+page1+q.Encode(), fakecloud.Answer{Person: "anna"})
		var refusal *fakecloud.PageError
		if !errors.As(err, &refusal) || refusal.Code != c.code {
			t.Errorf("%q: Consent returned %v, want %s", c.changes, err, c.code)
		}
	}
	if _, err := l.cloud.Consent(t.Context(), l.url+page1+authQuery().Encode(), fakecloud.Answer{Person: "carl"}); err == nil {
		t.Error("somebody unknown has consented")
	}
}

func TestDesktopClientsReturnToAnyLoopbackPort(t *testing.T) {
	l := newLab(t)
	for _, redirect := range []string{"http://127.0.0.1:51234/callback", "http://[::1]:4/"} {
		q := l.consent(fakecloud.Answer{Person: "anna"}, authQuery("client_id", "desktop", "redirect_uri", redirect))
		l.post("/token", codeForm("desktop", q.Get("code"), "redirect_uri", redirect)).want(200)
	}
}

func TestConsentMeetsFaults(t *testing.T) {
	l := newLab(t)
	for _, kind := range []fakecloud.FaultKind{fakecloud.DropReply, fakecloud.HTML} {
		l.cloud.Fail(fakecloud.Fault{Kind: kind, Times: 1})
		if _, err := l.cloud.Consent(t.Context(), l.url+page1+authQuery().Encode(), fakecloud.Answer{Person: "anna"}); err == nil {
			t.Errorf("%s did not strike", kind)
		}
	}
	l.consent(fakecloud.Answer{Person: "anna"}, authQuery())
}
