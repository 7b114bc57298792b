package webapi_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/rest"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/webapi"
)

func TestAuthCodeURL(t *testing.T) {
	app := webapi.App{ClientID: clientID, ClientSecret: secret}
	raw := app.AuthCodeURL(fitbit.Attempt{State: "a state", Verifier: "bridge-test-verifier-0123456789-abcdefghijklmnop", RedirectURL: callbackURL})
	u, err := url.Parse(raw)
	if err != nil || !strings.HasPrefix(raw, "https://www.fitbit.com/oauth2/authorize?") {
		t.Fatalf("address is %s (%v)", raw, err)
	}
	want := url.Values{
		"client_id": {clientID}, "redirect_uri": {callbackURL}, "response_type": {"code"}, "state": {"a state"},
		"scope": {"weight heartrate profile settings"}, "prompt": {"login consent"},
		"code_challenge": {"FI0HitfFw0hIrbVi1SjZei-g5SU6nTNY5cnLiVbg4M8"}, "code_challenge_method": {"S256"}, // else it is plain
	}
	if got := u.Query(); got.Encode() != want.Encode() {
		t.Errorf("parameters are %v, want %v", got, want)
	}
	if strings.Contains(raw, secret) || strings.Contains(raw, "bridge-test-verifier") {
		t.Error("a secret is in the address")
	}
}

// tokenServer returns an app whose sign-in server has a mind of its own.
func tokenServer(t *testing.T, secret string, h http.HandlerFunc) webapi.App {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return webapi.App{
		ClientID: clientID, ClientSecret: secret, Now: noon, HTTP: rest.NewHTTPClient(), TokenURL: server.URL + "/oauth2/token",
		RevokeURL: server.URL + "/oauth2/revoke", IntrospectURL: server.URL + "/1.1/oauth2/introspect",
	}
}

// TestTokenRequests: a form each, sent once, the client in the header or in the body
// and nothing in the address; and no redirect takes the secrets elsewhere.
func TestTokenRequests(t *testing.T) {
	for _, c := range []struct{ secret, auth, client string }{
		{secret, "Basic MjNGQUtFOmZha2Utc2VjcmV0LTAwMA==", ""},
		{"", "", "client_id=23FAKE&"},
	} {
		var got []string
		app := tokenServer(t, c.secret, func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			got = append(got, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Authorization")+" "+r.PostForm.Encode())
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		})
		_, err := app.Exchange(t.Context(), fitbit.Attempt{Verifier: "v", RedirectURL: callbackURL}, "a-code")
		_, err2 := app.Refresh(t.Context(), "r")
		_, err3 := app.Introspect(t.Context(), "a")
		err4 := app.Revoke(t.Context(), "r")
		for _, err := range []error{err, err2, err3, err4} {
			if !errors.Is(err, fitbit.ErrProtocol) {
				t.Errorf("error is %v, want ErrProtocol", err)
			}
		}
		want := []string{
			"POST /oauth2/token " + c.auth + " " + c.client + "code=a-code&code_verifier=v&grant_type=authorization_code&redirect_uri=http%3A%2F%2F127.0.0.1%3A8080%2F",
			"POST /oauth2/token " + c.auth + " " + c.client + "grant_type=refresh_token&refresh_token=r",
			"POST /1.1/oauth2/introspect Bearer a token=a",
			"POST /oauth2/revoke " + c.auth + " " + c.client + "token=r",
		}
		if !slices.Equal(got, want) {
			t.Errorf("requests are\n%q, want\n%q", got, want)
		}
	}
}

// TestEveryKindOfApp signs in through each, and renews, asks and revokes.
func TestEveryKindOfApp(t *testing.T) {
	apps := map[string]fakecloud.App{
		"server":                  {ClientID: "23SERV", ClientSecret: secret, Kind: fakecloud.ServerApp},
		"client":                  {ClientID: "23CLNT", Kind: fakecloud.ClientApp},
		"personal":                {ClientID: "23PERS", ClientSecret: secret},
		"personal, as of clients": {ClientID: "23PERC", ClientSecret: secret},
	}
	for name, a := range apps {
		a.RedirectURLs = []string{callbackURL}
		l := newLab(t, fakecloud.FitbitOptions{}, a)
		if name == "personal, as of clients" {
			a.ClientSecret = ""
		}
		app := l.app(a.ClientID, a.ClientSecret)
		g := l.signIn(t, app)
		slices.Sort(g.Scopes)
		if !g.Expiry.Equal(noon().Add(8*time.Hour)) || !g.SignInExpires.IsZero() || !slices.Equal(g.Scopes, []string{"heartrate", "profile", "settings", "weight"}) {
			t.Errorf("%s: the grant lasts until %v, ends at %v, with %q", name, g.Expiry, g.SignInExpires, g.Scopes)
		}
		next, err := app.Refresh(t.Context(), g.RefreshToken)
		if err != nil || next.RefreshToken == "" || next.RefreshToken == g.RefreshToken {
			t.Errorf("%s: the refresh token is not replaced (%v)", name, err)
		}
		in, err := app.Introspect(t.Context(), next.AccessToken)
		if err != nil || !in.Active || in.User == "" || !in.Expiry.Equal(next.Expiry) || !slices.Equal(in.Scopes, g.Scopes) {
			t.Errorf("%s: the token is %+v (%v)", name, in, err)
		}
		if in, err = app.Introspect(t.Context(), g.AccessToken); err != nil || in.Active || in.User != "" {
			t.Errorf("%s: the token of before is %+v (%v), want it dead", name, in, err)
		}
		if err = app.Revoke(t.Context(), next.AccessToken); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err = app.Refresh(t.Context(), next.RefreshToken); !errors.Is(err, fitbit.ErrReauthRequired) || leaks(err) {
			t.Errorf("%s: after all is revoked: %v", name, err)
		}
		if err = app.Revoke(t.Context(), next.AccessToken); err != nil {
			t.Errorf("%s: there is nothing left to revoke: %v", name, err)
		}
	}
}

// TestSingleUse: a refresh token is used once, and a repetition within two minutes is
// the same use.
func TestSingleUse(t *testing.T) {
	l := newLab(t, fakecloud.FitbitOptions{})
	app, first := l.tokens.app, l.tokens.grant
	second, err := app.Refresh(t.Context(), first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	l.clock.Advance(119 * time.Second)
	again, err := app.Refresh(t.Context(), first.RefreshToken)
	if err != nil || again.RefreshToken != second.RefreshToken || again.AccessToken != second.AccessToken {
		t.Errorf("119 seconds later the cloud answers something else (%v)", err)
	}
	l.clock.Advance(time.Second)
	if _, err = app.Refresh(t.Context(), first.RefreshToken); !errors.Is(err, fitbit.ErrReauthRequired) || leaks(err) {
		t.Errorf("two minutes later: %v", err)
	}
}

// TestUntickedScopes: what was not granted is known at once.
func TestUntickedScopes(t *testing.T) {
	l := newLab(t, fakecloud.FitbitOptions{})
	g := l.signIn(t, l.tokens.app, "settings", "heartrate")
	if slices.Sort(g.Scopes); !slices.Equal(g.Scopes, []string{"profile", "weight"}) {
		t.Errorf("scopes are %q", g.Scopes)
	}
}

// TestTokenRefusals: only a definite word ends a sign-in.
func TestTokenRefusals(t *testing.T) {
	const json = "application/json"
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		kind   error
	}{
		{"used, revoked or unknown", refusal(400, "invalid_grant"), fitbit.ErrReauthRequired},
		{"in the standard's own form", say(400, json, `{"error":"invalid_grant","error_description":"`+dead+`"}`), fitbit.ErrReauthRequired},
		{"several errors", say(400, json, `{"errors":[{"errorType":"invalid_grant"},{"errorType":"system"}]}`), fitbit.ErrReauthRequired},
		{"another program at the same time", say(409, "text/plain", ""), fitbit.ErrUnavailable},
		{"another program, in words", refusal(409, "invalid_grant"), fitbit.ErrUnavailable},
		{"wrong secret", refusal(401, "invalid_client"), fitbit.ErrSetup},
		{"wrong type of app", refusal(400, "unauthorized_client"), fitbit.ErrSetup},
		{"our bug", refusal(400, "invalid_request"), fitbit.ErrProtocol},
		{"a word nobody knows", refusal(400, "no_such_word"), fitbit.ErrProtocol},
		{"no word", refusal(400, dead), fitbit.ErrProtocol},
		{"401 without a word", say(401, "text/html", "<html>"+dead), fitbit.ErrProtocol},
		{"a fire wall", say(403, "text/html", "<html>"+dead), fitbit.ErrProtocol},
		{"the front end", googleRefusal(403, "PERMISSION_DENIED"), fitbit.ErrProtocol},
		{"503 with a word", refusal(503, "invalid_grant"), fitbit.ErrUnavailable},
		{"502", say(502, "text/html", "<html>"+dead), fitbit.ErrUnavailable},
		{"429", refusal(429, "system"), fitbit.ErrUnavailable},
		{"no token", say(200, json, `{"refresh_token": "`+dead+`"}`), fitbit.ErrUnavailable},
		{"no JSON", say(200, json, dead), fitbit.ErrUnavailable},
		{"a hotel's log-in page", say(200, "text/html", "<html>"+dead), fitbit.ErrUnavailable},
		{"410", say(410, "text/html", ""), fitbit.ErrRetired},
		{"410 with a word", refusal(410, "invalid_grant"), fitbit.ErrRetired},
	} {
		_, err := tokenServer(t, secret, c.answer).Refresh(t.Context(), dead)
		if !errors.Is(err, c.kind) || !errors.Is(c.kind, fitbit.ErrReauthRequired) && errors.Is(err, fitbit.ErrReauthRequired) {
			t.Errorf("%s: error is %v, want %v", c.name, err, c.kind)
		}
		if _, limited := errors.AsType[*fitbit.RateLimitError](err); fitbit.Hint(err) == "" && !limited {
			t.Errorf("%s: nobody knows what to do about %v", c.name, err)
		}
		if leaks(err) {
			t.Errorf("%s: a secret is in %v", c.name, err)
		}
	}
	app := tokenServer(t, secret, sayJSON(`{"access_token": "a", "expires_in": 28800}`))
	_, err := app.Exchange(t.Context(), fitbit.Attempt{Verifier: "v", RedirectURL: callbackURL}, "a-code")
	if !errors.Is(err, fitbit.ErrSetup) {
		t.Errorf("a sign-in without a refresh token is %v, want ErrSetup", err)
	}
}

// TestTokenPatience: a 429 that names no time must not outlast the two minutes in
// which a lost reply is repeated; one that does is obeyed.
func TestTokenPatience(t *testing.T) {
	for _, c := range []struct {
		answer http.HandlerFunc
		wait   time.Duration
	}{
		{refusal(429, "system"), 20 * time.Second},
		{with(refusal(429, "system"), "Retry-After", "600"), 10 * time.Minute},
		{with(refusal(429, "system"), "Fitbit-Rate-Limit-Reset", "300"), 5 * time.Minute},
	} {
		_, err := tokenServer(t, secret, c.answer).Refresh(t.Context(), dead)
		limit, ok := errors.AsType[*fitbit.RateLimitError](err)
		if !ok || !limit.Until.Equal(noon().Add(c.wait)) {
			t.Errorf("error is %v, want a rate limit of %v", err, c.wait)
		}
	}
}

// TestRevokeIsSure: nothing but the cloud's word counts as revoked.
func TestRevokeIsSure(t *testing.T) {
	for _, c := range []struct {
		answer http.HandlerFunc
		kind   error
	}{
		{say(200, "", ""), nil},
		{sayJSON("{}"), nil},
		{refusal(401, "invalid_token"), nil},
		{refusal(400, "invalid_token"), nil},
		{refusal(503, "invalid_token"), fitbit.ErrUnavailable},
		{refusal(401, "invalid_client"), fitbit.ErrSetup},
		{refusal(400, "invalid_request"), fitbit.ErrProtocol},
		{say(400, "text/html", "<html>no"), fitbit.ErrProtocol},
		{say(410, "text/html", "<html>no"), fitbit.ErrRetired},
		{refusal(429, "system"), fitbit.ErrUnavailable},
	} {
		if err := tokenServer(t, secret, c.answer).Revoke(t.Context(), dead); !errors.Is(err, c.kind) || leaks(err) {
			t.Errorf("error is %v, want %v", err, c.kind)
		}
	}
}

// TestIntrospection in each of its forms.
func TestIntrospection(t *testing.T) {
	end := noon().Add(8 * time.Hour)
	for _, c := range []struct {
		body string
		want webapi.Introspection
	}{
		{
			`{"active":true,"scope":"{WEIGHT=READ, HEARTRATE=READ_WRITE}","user_id":"ZZ9PLU","exp":1795204800000}`,
			webapi.Introspection{Active: true, User: "ZZ9PLU", Scopes: []string{"heartrate", "weight"}, Expiry: end},
		},
		{
			`{"active":true,"scope":"weight profile","user_id":"ZZ9PLU","exp":1795204800}`,
			webapi.Introspection{Active: true, User: "ZZ9PLU", Scopes: []string{"profile", "weight"}, Expiry: end},
		},
		{`{"active":true,"scope":{},"exp":-1}`, webapi.Introspection{Active: true}},
		{`{"active":false,"user_id":"ZZ9PLU","exp":179}`, webapi.Introspection{}},
		{`{"active":0}`, webapi.Introspection{}},
	} {
		in, err := tokenServer(t, "", sayJSON(c.body)).Introspect(t.Context(), accessToken)
		if err != nil || in.Active != c.want.Active || in.User != c.want.User || !in.Expiry.Equal(c.want.Expiry) || !slices.Equal(in.Scopes, c.want.Scopes) {
			t.Errorf("%s: the token is %+v (%v), want %+v", c.body, in, err, c.want)
		}
	}
	for _, body := range []string{`{"active":"yes"}`, `{"active":null}`, `{}`, `[]`, `null`} {
		if in, err := tokenServer(t, "", sayJSON(body)).Introspect(t.Context(), accessToken); !errors.Is(err, fitbit.ErrProtocol) || in.Active {
			t.Errorf("%s: %+v (%v), want ErrProtocol", body, in, err)
		}
	}
	for _, kind := range []string{"expired_token", "invalid_token"} {
		in, err := tokenServer(t, "", refusal(401, kind)).Introspect(t.Context(), accessToken)
		if err != nil || in.Active {
			t.Errorf("%s: %+v (%v), want a token that is not in force", kind, in, err)
		}
	}
	if _, err := tokenServer(t, "", refusal(500, "request")).Introspect(t.Context(), accessToken); !errors.Is(err, fitbit.ErrUnavailable) || leaks(err) {
		t.Errorf("error is %v", err)
	}
}
