package fakecloud

import (
	"net/url"
	"slices"
	"strings"
)

// The OAuth endpoints; at Fitbit they are spread over www.fitbit.com and api.fitbit.com.
const (
	fitbitAuthPath       = "/oauth2/authorize"
	fitbitTokenPath      = "/oauth2/token" //nolint:gosec // an address, no token
	fitbitRevokePath     = "/oauth2/revoke"
	fitbitIntrospectPath = "/1.1/oauth2/introspect"
)

func fitbitScopes() []string {
	return []string{
		"activity", "cardio_fitness", "electrocardiogram", "heartrate", "irregular_rhythm_notifications", "location",
		"nutrition", "oxygen_saturation", "profile", "respiratory_rate", "settings", "sleep", "social", "temperature", "weight",
	}
}

// fitbitQuestion reads an authorization request.
func (c *Cloud) fitbitQuestion(q url.Values) (question, *PageError) {
	wrong := func(detail string) (question, *PageError) { return question{}, &PageError{"invalid_request", detail} }
	if q.Get("client_id") == "" {
		return wrong("Missing parameters: client_id")
	}
	app, ok := c.app(q.Get("client_id"))
	if !ok {
		return question{}, &PageError{"unauthorized_client", "Invalid client_id"}
	}
	asked := question{
		client: app.ClientID, returnTo: q.Get("redirect_uri"), state: q.Get("state"),
		scopes: strings.Fields(q.Get("scope")), fragment: "_=_",
	}
	switch prompt := q.Get("prompt"); {
	case asked.returnTo == "" && prompt == "" && len(app.RedirectURLs) == 1:
		asked.returnTo = app.RedirectURLs[0]
	case asked.returnTo == "":
		return wrong("Missing parameters: redirect_uri")
	case !slices.Contains(app.RedirectURLs, asked.returnTo):
		return wrong("Invalid redirect_uri parameter value")
	case !slices.Contains([]string{"", "none", "consent", "login", "login consent"}, prompt):
		return wrong("Invalid prompt parameter value")
	}
	switch q.Get("response_type") {
	case "code":
	case "":
		return wrong("Missing parameters: response_type")
	case "token": // an implicit flow, which no kind of app here has
		return question{}, &PageError{"unauthorized_client", "The authorization flow is not allowed for this application type"}
	default:
		return wrong("Invalid response_type parameter value")
	}
	if life := q.Get("expires_in"); life != "" && life != "28800" {
		return wrong("Invalid expires_in parameter value")
	}
	if len(asked.scopes) == 0 {
		return wrong("Missing parameters: scope")
	}
	for _, scope := range asked.scopes {
		if !slices.Contains(fitbitScopes(), scope) {
			return question{}, &PageError{"invalid_scope", "Invalid scope: " + scope}
		}
	}
	challenge, method := q.Get("code_challenge"), q.Get("code_challenge_method")
	if refusal := checkChallenge(app, challenge, method); refusal != nil {
		return question{}, refusal
	}
	asked.grant = func(p *Person, scopes []string) url.Values {
		slices.Sort(scopes)
		return url.Values{"code": {c.fitbit.grants.addCode(&fitbitCode{
			person: p, client: app.ClientID, redirectURL: q.Get("redirect_uri"),
			challenge: challenge, plain: method != "S256", scopes: scopes, issued: c.now(),
		})}}
	}
	return asked, nil
}

// checkChallenge checks what a sign-in says of PKCE, without which a Client app has none.
func checkChallenge(app App, challenge, method string) *PageError {
	switch {
	case method != "" && method != "S256" && method != "plain":
		return &PageError{"invalid_request", "Unsupported code_challenge_method"}
	case challenge == "" && (method != "" || app.Kind == ClientApp):
		return &PageError{"invalid_request", "Missing parameters: code_challenge"}
	case challenge != "" && !challengeLength(challenge):
		return &PageError{"invalid_request", "Invalid code_challenge parameter value"}
	}
	return nil
}

// challengeLength reports whether s may be a PKCE challenge or verifier by its length.
func challengeLength(s string) bool { return len(s) >= 43 && len(s) <= 128 }
