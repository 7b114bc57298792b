package fakecloud

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The OAuth endpoints; at Google they are spread over accounts.google.com and
// oauth2.googleapis.com.
const (
	googleAuthPath   = "/o/oauth2/v2/auth"
	googleTokenPath  = "/token"
	googleRevokePath = "/revoke"
	googleInfoPath   = "/tokeninfo"
)

const (
	scopePrefix   = "https://www.googleapis.com/auth/googlehealth."
	scopeBody     = scopePrefix + "health_metrics_and_measurements.readonly"
	scopeActivity = scopePrefix + "activity_and_fitness.readonly"
	scopeSettings = scopePrefix + "settings.readonly"
	scopeProfile  = scopePrefix + "profile.readonly"
)

func knownScope(s string) bool {
	return slices.Contains([]string{scopeBody, scopeActivity, scopeSettings, scopeProfile}, s)
}

type tokenBody struct {
	AccessToken      string `json:"access_token"`
	ExpiresIn        int64  `json:"expires_in"`
	RefreshToken     string `json:"refresh_token,omitempty"`
	RefreshExpiresIn int64  `json:"refresh_token_expires_in,omitempty"`
	Scope            string `json:"scope"`
	TokenType        string `json:"token_type"`
}

// googleTokens is the token endpoint.
func (c *Cloud) googleTokens(r *http.Request) reply {
	if r.Method != http.MethodPost {
		return notFound()
	}
	if ct, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); ct != "application/x-www-form-urlencoded" {
		return oauthError{http.StatusBadRequest, "invalid_request", "The body must be a form."}.reply()
	}
	app, ok := c.googleAuthenticate(r)
	if !ok {
		return oauthError{http.StatusUnauthorized, "invalid_client", "The OAuth client was not found or its secret is wrong."}.reply()
	}
	var body tokenBody
	var err *oauthError
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		body, err = c.exchangeCode(app, r.PostForm)
	case "refresh_token":
		body, err = c.refreshAccess(app, r.PostForm.Get("refresh_token"))
	default:
		err = &oauthError{http.StatusBadRequest, "unsupported_grant_type", "Invalid grant_type: " + r.PostForm.Get("grant_type")}
	}
	if err != nil {
		return err.reply()
	}
	return jsonReply(http.StatusOK, body)
}

// googleAuthenticate reads the client from the form or from HTTP Basic.
func (c *Cloud) googleAuthenticate(r *http.Request) (App, bool) {
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	if user, password, ok := r.BasicAuth(); ok {
		id, _ = url.QueryUnescape(user) // encoded as a form first (RFC 6749, 2.3.1); a bad encoding is no client
		secret, _ = url.QueryUnescape(password)
	}
	app, ok := c.app(id)
	return app, ok && same(secret, app.ClientSecret)
}

func invalidGrant(description string) *oauthError {
	return &oauthError{http.StatusBadRequest, "invalid_grant", description}
}

func (c *Cloud) exchangeCode(app App, form url.Values) (tokenBody, *oauthError) {
	now := c.now()
	code := c.google.grants.codes[form.Get("code")]
	switch {
	case code == nil || code.client != app.ClientID:
		return tokenBody{}, invalidGrant("Malformed auth code.")
	case code.spent:
		return tokenBody{}, invalidGrant("The code was already redeemed.")
	case !now.Before(code.issued.Add(codeLife)):
		return tokenBody{}, invalidGrant("The code has expired.")
	case form.Get("redirect_uri") != code.redirectURL:
		return tokenBody{}, invalidGrant("The redirect_uri differs from that of the sign-in.")
	case code.challenge != "" && form.Get("code_verifier") == "":
		return tokenBody{}, invalidGrant("Missing code verifier.")
	case code.challenge != "" && !same(challengeOf(form.Get("code_verifier")), code.challenge):
		return tokenBody{}, invalidGrant("Invalid code verifier.")
	}
	code.spent = true
	t := googleToken{person: code.person, client: code.client, scopes: code.scopes, offline: code.offline}
	body := c.issue(t, now)
	if code.offline && (code.alwaysRenew || !c.google.grants.consents[consent{t.person.name, t.client}]) {
		if app.Testing {
			t.ends = now.Add(testingLife)
		}
		body.RefreshToken = c.google.grants.addRefresh(t, now)
		body.RefreshExpiresIn = secondsLeft(t, now)
	}
	return body, nil
}

func (c *Cloud) refreshAccess(app App, id string) (tokenBody, *oauthError) {
	now := c.now()
	if t := c.google.grants.refresh[id]; t != nil && t.client != app.ClientID {
		return tokenBody{}, invalidGrant("Bad Request")
	}
	t, ok := c.google.grants.useRefresh(id, now)
	if !ok {
		return tokenBody{}, invalidGrant("Token has been expired or revoked.")
	}
	body := c.issue(*t, now)
	body.RefreshExpiresIn = secondsLeft(*t, now)
	return body, nil
}

// issue hands out an access token with the rights of t.
func (c *Cloud) issue(t googleToken, now time.Time) tokenBody {
	return tokenBody{
		AccessToken: c.google.grants.addAccess(t, now), ExpiresIn: int64(accessLife / time.Second),
		Scope: strings.Join(t.scopes, " "), TokenType: "Bearer",
	}
}

// secondsLeft is what Google says of a refresh token's life: a second less than
// there is, and nothing where it has no end.
func secondsLeft(t googleToken, now time.Time) int64 {
	if t.ends.IsZero() {
		return 0
	}
	return int64(t.ends.Sub(now)/time.Second) - 1
}

// googleRevoke ends the whole grant that a token belongs to.
func (c *Cloud) googleRevoke(r *http.Request) reply {
	if r.Method != http.MethodPost {
		return notFound()
	}
	id := r.Form.Get("token")
	t, ok := c.google.grants.liveAccess(id, c.now())
	if !ok {
		t, ok = c.google.grants.refresh[id], c.google.grants.refresh[id] != nil
	}
	if !ok {
		return oauthError{http.StatusBadRequest, "invalid_token", "Token expired or revoked"}.reply()
	}
	c.google.grants.end(t.person, t.client)
	return jsonReply(http.StatusOK, struct{}{})
}

// googleInfo describes an access token; it knows no refresh tokens.
func (c *Cloud) googleInfo(r *http.Request) reply {
	if r.Method != http.MethodGet {
		return notFound()
	}
	now := c.now()
	t, ok := c.google.grants.liveAccess(r.URL.Query().Get("access_token"), now)
	if !ok {
		return oauthError{http.StatusBadRequest, "invalid_token", "Invalid Value"}.reply()
	}
	kind := "online"
	if t.offline {
		kind = "offline"
	}
	return jsonReply(http.StatusOK, struct {
		AuthorizedParty string `json:"azp"`
		Audience        string `json:"aud"`
		Scope           string `json:"scope"`
		Expires         string `json:"exp"`
		ExpiresIn       string `json:"expires_in"`
		AccessType      string `json:"access_type"`
	}{
		t.client, t.client, strings.Join(t.scopes, " "), strconv.FormatInt(t.ends.Unix(), 10),
		strconv.FormatInt(int64(t.ends.Sub(now)/time.Second), 10), kind,
	})
}
