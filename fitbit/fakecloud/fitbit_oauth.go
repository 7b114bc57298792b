package fakecloud

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"
)

type fitbitTokenBody struct {
	AccessToken  string `json:"access_token"`
	ExpiresIn    int64  `json:"expires_in"`
	RefreshToken string `json:"refresh_token"`
	Scope        string `json:"scope"`
	TokenType    string `json:"token_type"`
	UserID       string `json:"user_id"`
}

// fitbitTokens is the token endpoint. Parameters may come in the query as well.
func (c *Cloud) fitbitTokens(r *http.Request) reply {
	app, secretive, err := c.fitbitAuthenticate(r)
	if err != nil {
		return c.fitbitRefusal(err)
	}
	if life := r.Form.Get("expires_in"); life != "" && life != "28800" {
		return c.fitbitRefusal(invalidRequest("Invalid expires_in parameter value"))
	}
	var rep reply
	switch r.Form.Get("grant_type") {
	case "authorization_code":
		rep, err = c.fitbitExchange(app, r.Form, secretive)
	case "refresh_token":
		rep, err = c.fitbitRefresh(app, r)
	case "":
		err = missing("grant_type")
	default:
		err = invalidRequest("Invalid grant_type parameter value")
	}
	if err != nil {
		return c.fitbitRefusal(err)
	}
	return rep
}

// fitbitAuthenticate returns the app that sent a request, and whether it has proved so
// with its secret.
func (c *Cloud) fitbitAuthenticate(r *http.Request) (app App, secretive bool, err *fitbitError) {
	id := r.Form.Get("client_id")
	header := r.Header.Get("Authorization")
	if header == "" {
		app, known := c.app(id)
		switch {
		case id == "":
			return App{}, false, missing("client_id")
		case !known:
			return App{}, false, unauthorized("invalid_client", "Invalid client_id: "+id+".")
		case app.Kind == ServerApp:
			return App{}, false, unauthorized("invalid_client", "Invalid authorization header format. The header is missing.")
		}
		return app, false, nil
	}
	encoded, basic := strings.CutPrefix(header, "Basic ")
	pair, bad := base64.StdEncoding.DecodeString(encoded)
	user, secret, both := strings.Cut(string(pair), ":")
	app, known := c.app(user)
	switch {
	case !basic || bad != nil || !both:
		return App{}, false, unauthorized("invalid_client", "Invalid authorization header format.")
	case !known || app.Kind == ClientApp || !same(secret, app.ClientSecret):
		return App{}, false, unauthorized("invalid_client", "Invalid authorization header. Client secret invalid.")
	case id != "" && id != user:
		return App{}, false, unauthorized("invalid_client", "Invalid client_id: "+id+".")
	}
	return app, true, nil
}

// fitbitExchange redeems a code. One that was asked for without PKCE takes a secret.
func (c *Cloud) fitbitExchange(app App, form url.Values, secretive bool) (reply, *fitbitError) {
	id, verifier, now := form.Get("code"), form.Get("code_verifier"), c.now()
	code := c.fitbit.grants.codes[id]
	switch {
	case id == "":
		return reply{}, missing("code")
	case code == nil || code.client != app.ClientID || code.spent || !now.Before(code.issued.Add(codeLife)):
		return reply{}, badGrant("Authorization code invalid: " + id + ".")
	case form.Get("redirect_uri") != code.redirectURL && (code.redirectURL != "" || form.Get("redirect_uri") != app.RedirectURLs[0]):
		return reply{}, badGrant("Redirect_uri mismatch: " + form.Get("redirect_uri") + ".")
	case code.challenge == "" && !secretive, code.challenge != "" && verifier == "":
		return reply{}, missing("code_verifier")
	case verifier != "" && !challengeLength(verifier):
		return reply{}, invalidRequest("Invalid code_verifier parameter value")
	case !code.matches(verifier):
		return reply{}, badGrant("Code verifier invalid: " + verifier + ".")
	}
	code.spent = true
	return c.fitbitIssue(&fitbitGrant{person: code.person, client: code.client, scopes: code.scopes}), nil
}

// matches reports whether a verifier is the one a code was asked for with, if with any.
func (c *fitbitCode) matches(verifier string) bool {
	if c.challenge == "" || c.plain {
		return same(verifier, c.challenge)
	}
	return same(challengeOf(verifier), c.challenge)
}

// fitbitRefresh replaces a refresh token. The same request gets the same answer for
// two minutes. Whoever else comes with a token that was used gives away that two of
// them have it, and the grant ends.
func (c *Cloud) fitbitRefresh(app App, r *http.Request) (reply, *fitbitError) {
	id, now := r.Form.Get("refresh_token"), c.now()
	if id == "" {
		return reply{}, missing("refresh_token")
	}
	request := r.Header.Get("Authorization") + "\n" + r.Form.Encode()
	t := c.fitbit.grants.refresh[id]
	switch {
	case t == nil || t.grant.client != app.ClientID || t.grant.ended:
	case t.used.IsZero():
		t.used, t.request = now, request
		t.answer = c.fitbitIssue(t.grant)
		return t.answer, nil
	case now.Before(t.used.Add(replayLife)) && t.request == request:
		return t.answer, nil
	default:
		t.grant.ended = true
	}
	return reply{}, badGrant("Refresh token invalid: " + id + ".")
}

// fitbitIssue hands out new tokens.
func (c *Cloud) fitbitIssue(g *fitbitGrant) reply {
	c.fitbit.grants.renew(g, c.now())
	return jsonReply(http.StatusOK, fitbitTokenBody{
		AccessToken: g.access, ExpiresIn: int64(fitbitAccessLife / time.Second), RefreshToken: g.refresh,
		Scope: strings.Join(g.scopes, " "), TokenType: "Bearer", UserID: g.person.legacyUser,
	})
}

// fitbitRevoke ends everything the person of a token gave to the app. There is
// nothing wrong with a token that is dead already (RFC 7009).
func (c *Cloud) fitbitRevoke(r *http.Request) reply {
	app, _, err := c.fitbitAuthenticate(r)
	if err != nil {
		return c.fitbitRefusal(err)
	}
	id := r.Form.Get("token")
	if id == "" {
		return c.fitbitRefusal(missing("token"))
	}
	g := c.fitbit.grants.access[id].grant
	if t := c.fitbit.grants.refresh[id]; t != nil {
		g = t.grant
	}
	if g != nil && !g.ended && g.client == app.ClientID && (id == g.access || id == g.refresh) {
		c.fitbit.grants.end(g.person, g.client)
	}
	return reply{status: http.StatusOK, contentType: contentJSON}
}

// fitbitIntrospect describes an access token to whoever has one that is in force.
func (c *Cloud) fitbitIntrospect(r *http.Request) reply {
	asking, err := c.fitbitAdmit(r)
	if err != nil {
		return c.fitbitRefusal(err)
	}
	id := r.PostForm.Get("token")
	if id == "" {
		return c.fitbitRefusal(missing("token"))
	}
	g, err := c.fitbit.grants.admit(id, c.now())
	if err != nil || g.client != asking.client {
		return jsonReply(http.StatusOK, struct {
			Active bool `json:"active"`
		}{})
	}
	var scopes []string
	for _, scope := range g.scopes {
		scopes = append(scopes, strings.ToUpper(scope)+"=READ")
	}
	issued := c.fitbit.grants.access[id].issued
	return jsonReply(http.StatusOK, struct {
		Active    bool   `json:"active"`
		Scope     string `json:"scope"`
		ClientID  string `json:"client_id"`
		UserID    string `json:"user_id"`
		TokenType string `json:"token_type"`
		Expires   int64  `json:"exp"` // milliseconds, as in the documentation's example
		Issued    int64  `json:"iat"`
	}{
		true, "{" + strings.Join(scopes, ", ") + "}", g.client, g.person.legacyUser, "access_token",
		issued.Add(fitbitAccessLife).UnixMilli(), issued.UnixMilli(),
	})
}
