package googlehealth_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/googlehealth"
)

func TestAuthCodeURL(t *testing.T) {
	app := googlehealth.App{ClientID: clientID, ClientSecret: secret}
	raw := app.AuthCodeURL(fitbit.Attempt{State: "a state", Verifier: "bridge-test-verifier-0123456789-abcdefghijklmnop", RedirectURL: callbackURL})
	u, err := url.Parse(raw)
	if err != nil || !strings.HasPrefix(raw, "https://accounts.google.com/o/oauth2/v2/auth?") {
		t.Fatalf("address is %s (%v)", raw, err)
	}
	want := url.Values{
		"client_id": {clientID}, "redirect_uri": {callbackURL}, "response_type": {"code"}, "state": {"a state"},
		"scope":       {strings.Join(googlehealth.Scopes(), " ")},
		"access_type": {"offline"}, "prompt": {"consent"}, // else there is no refresh token
		"code_challenge": {"FI0HitfFw0hIrbVi1SjZei-g5SU6nTNY5cnLiVbg4M8"}, "code_challenge_method": {"S256"},
	}
	if got := u.Query(); got.Encode() != want.Encode() { // and no include_granted_scopes
		t.Errorf("parameters are %v, want %v", got, want)
	}
	if strings.Contains(raw, secret) || strings.Contains(raw, "bridge-test-verifier") {
		t.Error("a secret is in the address")
	}
}

// TestSignInThatEnds: projects in testing get seven days, and are told so each time.
func TestSignInThatEnds(t *testing.T) {
	l := newLab(t, fakecloud.PersonOptions{})
	app := l.app("testing")
	attempt, code := l.consent(t, app)
	g, err := app.Exchange(t.Context(), attempt, code)
	week := noon().AddDate(0, 0, 7).Add(-time.Second)
	if err != nil || !g.SignInExpires.Equal(week) {
		t.Errorf("the sign-in ends at %v (%v), want %v", g.SignInExpires, err, week)
	}
	l.clock.Advance(24 * time.Hour)
	next, err := app.Refresh(t.Context(), g.RefreshToken)
	if err != nil || !next.SignInExpires.Equal(week) || next.RefreshToken != "" {
		t.Errorf("a day later the sign-in ends at %v (%v), want %v and the same refresh token", next.SignInExpires, err, week)
	}
	l.clock.Advance(7 * 24 * time.Hour)
	if _, err = app.Refresh(t.Context(), g.RefreshToken); !errors.Is(err, fitbit.ErrReauthRequired) {
		t.Errorf("after a week the error is %v, want ErrReauthRequired", err)
	}
	if !l.tokens.grant.SignInExpires.IsZero() || !l.tokens.grant.Expiry.Equal(noon().Add(3599*time.Second)) {
		t.Errorf("a published app's grant ends at %v, its token at %v", l.tokens.grant.SignInExpires, l.tokens.grant.Expiry)
	}
}

func TestUntickedScopes(t *testing.T) {
	l := newLab(t, fakecloud.PersonOptions{})
	app := l.app(clientID)
	attempt, code := l.consent(t, app, "activity_and_fitness.readonly")
	g, err := app.Exchange(t.Context(), attempt, code)
	want := slices.DeleteFunc(googlehealth.Scopes(), func(s string) bool { return strings.HasSuffix(s, "activity_and_fitness.readonly") })
	if err != nil || !slices.Equal(g.Scopes, want) {
		t.Errorf("scopes are %q (%v), want %q", g.Scopes, err, want)
	}
}

// tokenServer returns an app whose sign-in server has a mind of its own.
func tokenServer(t *testing.T, h http.HandlerFunc) googlehealth.App {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return googlehealth.App{
		ClientID: clientID, ClientSecret: secret, Now: noon,
		TokenURL: server.URL + "/token", RevokeURL: server.URL + "/revoke", HTTP: googlehealth.NewHTTPClient(),
	}
}

// TestTokenAnswers: what is read off each answer to a refresh.
func TestTokenAnswers(t *testing.T) {
	const never, refresh = "0001-01-01T00:00:00Z", "1//0-a-refresh-token"
	for _, c := range []struct{ name, body, expiry, ends, newToken string }{
		{"as documented", `{"access_token": "a", "expires_in": 3599, "scope": "s1 s2", "token_type": "Bearer"}`, "2026-11-20T12:59:59Z", never, ""},
		{"in quotes", `{"access_token": "a", "expires_in": "3599", "refresh_token_expires_in": "604799"}`, "2026-11-20T12:59:59Z", "2026-11-27T11:59:59Z", ""},
		{"a new refresh token", `{"access_token": "a", "expires_in": 60, "refresh_token": "1//0-another"}`, "2026-11-20T12:01:00Z", never, "1//0-another"},
		{"the old refresh token", `{"access_token": "a", "expires_in": 60, "refresh_token": "` + refresh + `"}`, "2026-11-20T12:01:00Z", never, ""},
		{"no lifetime", `{"access_token": "a", "refresh_token_expires_in": null}`, never, never, ""},
		{"less than nothing", `{"access_token": "a", "expires_in": 60, "refresh_token_expires_in": -1e18}`, "2026-11-20T12:01:00Z", never, ""},
		{"no number", `{"access_token": "a", "expires_in": 60, "refresh_token_expires_in": "NaN"}`, "2026-11-20T12:01:00Z", never, ""},
		{"another type", `{"access_token": "a", "expires_in": 60, "refresh_token_expires_in": {}, "scope": 7}`, "2026-11-20T12:01:00Z", never, ""},
		{"centuries", `{"access_token": "a", "expires_in": 60, "refresh_token_expires_in": 1e300}`, "2026-11-20T12:01:00Z", "2058-07-29T13:46:40Z", ""},
	} {
		g, err := tokenServer(t, sayJSON(c.body)).Refresh(t.Context(), refresh)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := g.Expiry.UTC().Format(time.RFC3339); got != c.expiry {
			t.Errorf("%s: the token expires at %s, want %s", c.name, got, c.expiry)
		}
		if got := g.SignInExpires.UTC().Format(time.RFC3339); got != c.ends {
			t.Errorf("%s: the sign-in ends at %s, want %s", c.name, got, c.ends)
		}
		if g.AccessToken != "a" || g.RefreshToken != c.newToken {
			t.Errorf("%s: tokens are %q and %q, want a and %q", c.name, g.AccessToken, g.RefreshToken, c.newToken)
		}
	}
}

// TestTokenRefusals: only a definite word ends a sign-in.
func TestTokenRefusals(t *testing.T) {
	const refresh, json = "1//0-a-refresh-token", "application/json"
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		kind   error
	}{
		{"revoked", say(400, json, `{"error": "invalid_grant", "error_description": "Token `+refresh+` has been expired or revoked."}`), fitbit.ErrReauthRequired},
		{"log in again", say(400, json, `{"error": "invalid_grant", "error_subtype": "invalid_rapt"}`), fitbit.ErrReauthRequired},
		{"wrong client", say(401, json, `{"error": "invalid_client", "error_description": "`+secret+`"}`), fitbit.ErrSetup},
		{"wrong type of client", say(401, json, `{"error": "unauthorized_client"}`), fitbit.ErrSetup},
		{"wrong address", say(400, json, `{"error": "redirect_uri_mismatch"}`), fitbit.ErrSetup},
		{"our bug", say(400, json, `{"error": "invalid_request", "error_description": "`+refresh+`"}`), fitbit.ErrProtocol},
		{"a word nobody knows", say(400, json, `{"error": "`+refresh+`"}`), fitbit.ErrProtocol},
		{"an error in another form", say(400, json, `{"error": {"code": 400, "status": "INVALID_ARGUMENT"}}`), fitbit.ErrProtocol},
		{"a fire wall", say(403, "text/html", "<html>"+refresh), fitbit.ErrProtocol},
		{"503 with a word", say(503, json, `{"error": "invalid_grant"}`), fitbit.ErrUnavailable},
		{"502", say(502, "text/html", "<html>"+refresh), fitbit.ErrUnavailable},
		{"no token", say(200, json, `{"refresh_token": "`+refresh+`"}`), fitbit.ErrUnavailable},
		{"no JSON", say(200, json, refresh), fitbit.ErrUnavailable},
		{"410", say(410, "text/html", ""), fitbit.ErrRetired},
	} {
		_, err := tokenServer(t, c.answer).Refresh(t.Context(), refresh)
		if !errors.Is(err, c.kind) || !errors.Is(c.kind, fitbit.ErrReauthRequired) && errors.Is(err, fitbit.ErrReauthRequired) {
			t.Errorf("%s: error is %v, want %v", c.name, err, c.kind)
		}
		if fitbit.Hint(err) == "" {
			t.Errorf("%s: nobody knows what to do about %v", c.name, err)
		}
		if text := fmt.Sprintf("%v %+v %s", err, err, fitbit.Hint(err)); strings.Contains(text, refresh) || strings.Contains(text, secret) {
			t.Errorf("%s: a secret is in %s", c.name, text)
		}
	}
}

// TestNoRefreshToken: a sign-in that cannot last is none.
func TestNoRefreshToken(t *testing.T) {
	app := tokenServer(t, sayJSON(`{"access_token": "a", "expires_in": 3599}`))
	_, err := app.Exchange(t.Context(), fitbit.Attempt{Verifier: "v", RedirectURL: callbackURL}, "4/0-code")
	if !errors.Is(err, fitbit.ErrSetup) || !strings.Contains(fitbit.Hint(err), "myaccount.google.com/connections") {
		t.Errorf("error is %v with the hint %q", err, fitbit.Hint(err))
	}
}

// TestTokenRequests: the form, once each, with the client in it; and no redirect
// takes the secrets elsewhere.
func TestTokenRequests(t *testing.T) {
	var got []string
	app := tokenServer(t, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		got = append(got, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")+r.PostForm.Encode())
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	client := "client_id=web.apps.example&client_secret=GOCSPX-a-secret&"
	want := []string{
		"POST /token " + client + "code=4%2F0-code&code_verifier=v&grant_type=authorization_code&redirect_uri=http%3A%2F%2Flocalhost%3A8099%2Foauth%2Fcallback",
		"POST /token " + client + "grant_type=refresh_token&refresh_token=r",
		"POST /revoke token=r",
	}
	_, err := app.Exchange(t.Context(), fitbit.Attempt{Verifier: "v", RedirectURL: callbackURL}, "4/0-code")
	_, err2 := app.Refresh(t.Context(), "r")
	err3 := app.Revoke(t.Context(), "r")
	for _, err := range []error{err, err2, err3} {
		if !errors.Is(err, fitbit.ErrProtocol) {
			t.Errorf("error is %v, want ErrProtocol", err)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("requests are\n%q, want\n%q", got, want)
	}
}

// TestRevokeIsSure: nothing but the cloud's word counts as revoked.
func TestRevokeIsSure(t *testing.T) {
	for _, c := range []struct {
		answer http.HandlerFunc
		kind   error
	}{
		{say(200, "application/json", "{}"), nil},
		{say(400, "application/json", `{"error": "invalid_token"}`), nil},
		{say(400, "application/json", `{"error": "invalid_request"}`), fitbit.ErrProtocol},
		{say(400, "text/html", "<html>no"), fitbit.ErrProtocol},
		{say(503, "text/html", "<html>no"), fitbit.ErrUnavailable},
		{say(429, "application/json", "{}"), fitbit.ErrUnavailable},
	} {
		if err := tokenServer(t, c.answer).Revoke(t.Context(), "r"); !errors.Is(err, c.kind) {
			t.Errorf("error is %v, want %v", err, c.kind)
		}
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	app := googlehealth.App{RevokeURL: gone.URL}
	if err := app.Revoke(t.Context(), "1//0-a-refresh-token"); !errors.Is(err, fitbit.ErrUnavailable) || strings.Contains(err.Error(), "1//0") {
		t.Errorf("error is %v, want ErrUnavailable", err)
	}
}
