package fakecloud_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func TestTokenForCode(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna")
	if tok.AccessToken == "" || tok.RefreshToken == "" || tok.ExpiresIn != 3599 || tok.TokenType != "Bearer" || tok.Scope != allScope {
		t.Errorf("got %+v", tok)
	}
	if tok.RefreshExpiresIn != nil {
		t.Error("an app in production has no refresh_token_expires_in")
	}
	l.get("/v4/users/me/identity", tok.AccessToken).want(http.StatusOK)
}

func TestCodeIsRefused(t *testing.T) {
	l := newLab(t)
	newCode := func() string { return l.consent(fakecloud.Answer{Person: "anna"}, authQuery()).Get("code") }

	l.post("/token", codeForm(clientID, "4/wrong")).refusedOAuth(400, "invalid_grant")
	l.post("/token", codeForm(clientID, newCode(), "redirect_uri", callback+"/")).refusedOAuth(400, "invalid_grant")
	l.post("/token", codeForm("testing", newCode())).refusedOAuth(400, "invalid_grant")

	code := newCode()
	first := decode[tokens](l.post("/token", codeForm(clientID, code)).want(200))
	l.post("/token", codeForm(clientID, code)).refusedOAuth(400, "invalid_grant")
	l.get("/v4/users/me/identity", first.AccessToken).want(200)

	code = newCode()
	l.clock.Advance(10*time.Minute - time.Second)
	l.post("/token", codeForm(clientID, code)).want(200)
	code = newCode()
	l.clock.Advance(10 * time.Minute)
	l.post("/token", codeForm(clientID, code)).refusedOAuth(400, "invalid_grant")
}

func TestPKCE(t *testing.T) {
	l := newLab(t)
	verifier := strings.Repeat("v", 43)
	q := authQuery("code_challenge", challenge(verifier), "code_challenge_method", "S256")
	code := l.consent(fakecloud.Answer{Person: "anna"}, q).Get("code")
	l.post("/token", codeForm(clientID, code)).refusedOAuth(400, "invalid_grant")
	l.post("/token", codeForm(clientID, code, "code_verifier", verifier+"x")).refusedOAuth(400, "invalid_grant")
	l.post("/token", codeForm(clientID, code, "code_verifier", verifier)).want(200)
}

func TestClientMustAuthenticate(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna")
	form := refreshForm(clientID, tok.RefreshToken)
	form.Set("client_secret", "wrong")
	l.post("/token", form).refusedOAuth(401, "invalid_client")
	l.post("/token", refreshForm("nobody", tok.RefreshToken)).refusedOAuth(401, "invalid_client")

	form.Del("client_id")
	form.Del("client_secret")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.url+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(clientID), url.QueryEscape(secret))
	w := httptest.NewRecorder()
	l.cloud.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Errorf("HTTP Basic: got %d", w.Code)
	}
}

func TestTokenRequestForm(t *testing.T) {
	l := newLab(t)
	l.do(http.MethodPost, "/token", "", "application/json", `{"grant_type":"refresh_token"}`).refusedOAuth(400, "invalid_request")
	l.do(http.MethodGet, "/token?"+refreshForm(clientID, "x").Encode(), "", "", "").want(404)
	form := refreshForm(clientID, "x")
	form.Set("grant_type", "password")
	l.post("/token", form).refusedOAuth(400, "unsupported_grant_type")
}

func TestRefresh(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna", "profile.readonly")
	l.clock.Advance(3599*time.Second - 1)
	l.get("/v4/users/me/identity", tok.AccessToken).want(200)
	l.clock.Advance(1)
	l.get("/v4/users/me/identity", tok.AccessToken).refused(401, "UNAUTHENTICATED", "")

	answer := l.post("/token", refreshForm(clientID, tok.RefreshToken)).want(200)
	renewed := decode[tokens](answer)
	if strings.Contains(answer.body, `"refresh_token`) || renewed.AccessToken == tok.AccessToken || renewed.Scope != tok.Scope {
		t.Errorf("got %s", answer.body)
	}
	again := decode[tokens](l.post("/token", refreshForm(clientID, tok.RefreshToken)).want(200)) // it is reusable
	l.get("/v4/users/me/identity", renewed.AccessToken).want(200)
	l.get("/v4/users/me/identity", again.AccessToken).want(200)

	l.post("/token", refreshForm("testing", tok.RefreshToken)).refusedOAuth(400, "invalid_grant")
	l.post("/token", refreshForm(clientID, "1//unknown")).refusedOAuth(400, "invalid_grant")
}

func TestTestingAppsSignInForAWeek(t *testing.T) {
	l := newLab(t)
	code := l.consent(fakecloud.Answer{Person: "anna"}, authQuery("client_id", "testing")).Get("code")
	tok := decode[tokens](l.post("/token", codeForm("testing", code)).want(200))
	if tok.RefreshExpiresIn == nil || *tok.RefreshExpiresIn != 604799 {
		t.Fatalf("got %v", tok.RefreshExpiresIn)
	}
	l.clock.Advance(7*24*time.Hour - time.Minute)
	renewed := decode[tokens](l.post("/token", refreshForm("testing", tok.RefreshToken)).want(200))
	if renewed.RefreshExpiresIn == nil || *renewed.RefreshExpiresIn != 59 {
		t.Errorf("a minute before the end: got %v", renewed.RefreshExpiresIn)
	}
	l.clock.Advance(time.Minute)
	l.post("/token", refreshForm("testing", tok.RefreshToken)).refusedOAuth(400, "invalid_grant")
}

func TestRefreshTokenDiesUnused(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna")
	for _, months := range []int{5, 5} { // each use keeps it alive
		l.clock.Set(l.clock.Now().AddDate(0, months, 0))
		l.post("/token", refreshForm(clientID, tok.RefreshToken)).want(200)
	}
	l.clock.Set(l.clock.Now().AddDate(0, 6, 0))
	l.post("/token", refreshForm(clientID, tok.RefreshToken)).refusedOAuth(400, "invalid_grant")
}

func TestOldestOfTooManyRefreshTokensDies(t *testing.T) {
	l := newLab(t)
	bert := l.cloud.AddPerson(fakecloud.PersonOptions{Name: "bert"})
	other := l.signIn(bert.Name())
	all := make([]tokens, 101)
	for i := range all {
		all[i] = l.signIn("anna")
	}
	l.post("/token", refreshForm(clientID, all[0].RefreshToken)).refusedOAuth(400, "invalid_grant")
	l.get("/v4/users/me/identity", all[0].AccessToken).want(200)
	for _, tok := range []tokens{all[1], all[100], other} {
		l.post("/token", refreshForm(clientID, tok.RefreshToken)).want(200)
	}
}

func TestRefreshTokenIsOnlyGivenWhenAsked(t *testing.T) {
	l := newLab(t)
	exchange := func(changes ...string) tokens {
		code := l.consent(fakecloud.Answer{Person: "anna"}, authQuery(changes...)).Get("code")
		return decode[tokens](l.post("/token", codeForm(clientID, code)).want(200))
	}
	for _, step := range []struct {
		changes []string
		want    bool
	}{
		{[]string{"access_type", "", "prompt", ""}, false},
		{[]string{"prompt", ""}, true}, // the first offline consent
		{[]string{"prompt", ""}, false},
		{[]string{"prompt", "select_account consent"}, true},
	} {
		if got := exchange(step.changes...).RefreshToken != ""; got != step.want {
			t.Errorf("%q: got a refresh token: %v, want %v", step.changes, got, step.want)
		}
	}
}

func TestRevokeEndsTheWholeGrant(t *testing.T) {
	l := newLab(t)
	for _, kind := range []string{"access", "refresh"} {
		first, second := l.signIn("anna"), l.signIn("anna")
		token := first.AccessToken
		if kind == "refresh" {
			token = first.RefreshToken
		}
		l.post("/revoke", url.Values{"token": {token}}).want(200)
		for _, tok := range []tokens{first, second} {
			l.get("/v4/users/me/identity", tok.AccessToken).refused(401, "UNAUTHENTICATED", "")
			l.post("/token", refreshForm(clientID, tok.RefreshToken)).refusedOAuth(400, "invalid_grant")
		}
		l.post("/revoke", url.Values{"token": {token}}).refusedOAuth(400, "invalid_token")
	}
}

func TestPersonRevokes(t *testing.T) {
	l := newLab(t)
	bert := l.cloud.AddPerson(fakecloud.PersonOptions{Name: "bert"})
	anna, other := l.signIn("anna"), l.signIn(bert.Name())
	pending := l.consent(fakecloud.Answer{Person: "anna"}, authQuery()).Get("code")
	l.anna.Revoke()
	l.get("/v4/users/me/identity", anna.AccessToken).refused(401, "UNAUTHENTICATED", "")
	l.post("/token", refreshForm(clientID, anna.RefreshToken)).refusedOAuth(400, "invalid_grant")
	l.post("/token", codeForm(clientID, pending)).refusedOAuth(400, "invalid_grant")
	l.get("/v4/users/me/identity", other.AccessToken).want(200)
}

func TestTokenInfo(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna")
	l.clock.Advance(time.Minute)
	info := decode[map[string]string](l.get("/tokeninfo?access_token="+tok.AccessToken, "").want(200))
	if info["aud"] != clientID || info["scope"] != allScope || info["expires_in"] != "3539" || info["access_type"] != "offline" {
		t.Errorf("got %v", info)
	}
	l.get("/tokeninfo?access_token="+url.QueryEscape(tok.RefreshToken), "").refusedOAuth(400, "invalid_token")
}
