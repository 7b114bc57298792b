package fakecloud

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
)

// googleQuestion reads an authorization request.
func (c *Cloud) googleQuestion(q url.Values) (question, *PageError) {
	app, ok := c.app(q.Get("client_id"))
	if !ok {
		return question{}, &PageError{"invalid_client", "The OAuth client was not found."}
	}
	if !app.mayReturnTo(q.Get("redirect_uri")) {
		return question{}, &PageError{"redirect_uri_mismatch", "The redirect URI " + q.Get("redirect_uri") + " is not registered for this client."}
	}
	asked := question{
		client: app.ClientID, returnTo: q.Get("redirect_uri"), scopes: strings.Fields(q.Get("scope")), state: q.Get("state"),
	}
	if q.Get("response_type") != "code" {
		return question{}, &PageError{"unsupported_response_type", "Only response_type=code is supported."}
	}
	if len(asked.scopes) == 0 {
		return question{}, &PageError{"invalid_request", "Missing required parameter: scope"}
	}
	for _, scope := range asked.scopes {
		if !knownScope(scope) {
			return question{}, &PageError{"invalid_scope", "Some requested scopes were invalid: " + scope}
		}
	}
	if at := q.Get("access_type"); at != "" && at != "online" && at != "offline" {
		return question{}, &PageError{"invalid_request", "Invalid parameter value for access_type: " + at}
	}
	challenge := q.Get("code_challenge")
	hash, err := base64.RawURLEncoding.DecodeString(challenge)
	switch method := q.Get("code_challenge_method"); {
	case challenge == "" && method == "":
	case method != "S256":
		return question{}, &PageError{"invalid_request", "code_challenge_method must be S256."}
	case err != nil || len(hash) != 32:
		return question{}, &PageError{"invalid_request", "code_challenge is not an S256 challenge."}
	}
	asked.grant = func(p *Person, scopes []string) url.Values {
		id := c.google.grants.addCode(&googleCode{
			person: p, client: app.ClientID, redirectURL: asked.returnTo, challenge: challenge, scopes: scopes,
			offline:     q.Get("access_type") == "offline",
			alwaysRenew: slices.Contains(strings.Fields(q.Get("prompt")), "consent"), issued: c.now(),
		})
		return url.Values{"code": {id}, "scope": {strings.Join(scopes, " ")}}
	}
	return asked, nil
}

func (a App) mayReturnTo(raw string) bool {
	if slices.Contains(a.RedirectURLs, raw) {
		return true
	}
	u, err := url.Parse(raw)
	return err == nil && a.Desktop && u.Scheme == "http" && (u.Hostname() == "127.0.0.1" || u.Hostname() == "::1")
}
