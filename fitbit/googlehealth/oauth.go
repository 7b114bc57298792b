package googlehealth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/rest"
)

const scopePrefix = "https://www.googleapis.com/auth/googlehealth."

// App is the sign-in of one Google Cloud project (an OAuth client of type "Web
// application" or "Desktop app").
type App struct {
	ClientID, ClientSecret string
	// Addresses of Google's OAuth server; empty: the real ones.
	AuthURL, TokenURL, RevokeURL string
	HTTP                         *http.Client // nil: one with timeouts
	Now                          func() time.Time
}

var _ fitbit.Authorizer = App{}

// The real OAuth server.
const (
	defaultAuthURL   = "https://accounts.google.com/o/oauth2/v2/auth"
	defaultTokenURL  = "https://oauth2.googleapis.com/token" //nolint:gosec // an address
	defaultRevokeURL = "https://oauth2.googleapis.com/revoke"
)

// Scopes returns what is asked for at sign-in: measurements, time in zones
// (filed under activity), and settings with the paired devices. All read-only.
func Scopes() []string {
	return []string{
		scopePrefix + "health_metrics_and_measurements.readonly",
		scopePrefix + "activity_and_fitness.readonly",
		scopePrefix + "settings.readonly",
	}
}

// Missing lists the metrics that a grant of these scopes does not cover, nothing if
// the scopes are not known. Which scope covers what: Google's table of data types.
func Missing(granted []string) (missing []fitbit.Metric) {
	if len(granted) == 0 {
		return nil
	}
	for _, s := range Scopes() {
		if slices.Contains(granted, s) {
			continue
		}
		switch strings.TrimSuffix(strings.TrimPrefix(s, scopePrefix), ".readonly") {
		case "health_metrics_and_measurements":
			missing = append(missing, fitbit.WeightMetric, fitbit.BodyFatMetric, fitbit.HeightMetric,
				fitbit.HeartRange, fitbit.RestingHeartRate, fitbit.HRV, fitbit.LatestHeartRate)
		case "activity_and_fitness":
			missing = append(missing, fitbit.HeartZones)
		case "settings":
			missing = append(missing, fitbit.DevicesMetric, fitbit.SettingsMetric)
		}
	}
	return missing
}

// AuthCodeURL returns the consent page's address. It asks for consent every time,
// because a repeated sign-in without consent yields no refresh token.
func (a App) AuthCodeURL(t fitbit.Attempt) string {
	return a.config(t.RedirectURL).AuthCodeURL(t.State, oauth2.AccessTypeOffline,
		oauth2.S256ChallengeOption(t.Verifier), oauth2.SetAuthURLParam("prompt", "consent"))
}

// Exchange turns the browser's code into a grant.
func (a App) Exchange(ctx context.Context, t fitbit.Attempt, code string) (fitbit.Grant, error) {
	tok, err := a.config(t.RedirectURL).Exchange(a.with(ctx), code, oauth2.VerifierOption(t.Verifier))
	if err != nil {
		return fitbit.Grant{}, a.explain(ctx, err, exchanging)
	}
	if tok.RefreshToken == "" {
		return fitbit.Grant{}, &fitbit.CloudError{
			Kind: fitbit.ErrSetup, Detail: "Google sent no refresh token",
			Hint: "remove the app at https://myaccount.google.com/connections, then sign in again",
		}
	}
	return a.grant(tok), nil
}

// Refresh renews the access token. Google's refresh tokens can be used again and
// are not replaced as a rule; the grant's is empty then.
func (a App) Refresh(ctx context.Context, refreshToken string) (fitbit.Grant, error) {
	if refreshToken == "" {
		return fitbit.Grant{}, &fitbit.CloudError{Kind: fitbit.ErrReauthRequired, Detail: "there is no refresh token", Hint: signInAgain}
	}
	tok, err := a.config("").TokenSource(a.with(ctx), &oauth2.Token{RefreshToken: refreshToken}).Token()
	if err != nil {
		return fitbit.Grant{}, a.explain(ctx, err, refreshing)
	}
	g := a.grant(tok)
	if g.RefreshToken == refreshToken { // x/oauth2 fills in the old one
		g.RefreshToken = ""
	}
	return g, nil
}

// Revoke ends the whole grant that a refresh or access token belongs to. A token
// the cloud no longer knows counts as revoked.
func (a App) Revoke(ctx context.Context, token string) error {
	form := url.Values{"token": {token}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, or(a.RevokeURL, defaultRevokeURL), strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("build request: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := a.client().Do(req)
	if err != nil {
		return a.explain(ctx, err, refreshing)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode == http.StatusOK {
		return nil
	}
	refusal := &oauth2.RetrieveError{Response: res}
	var body struct {
		Error string `json:"error"`
	}
	if json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&body) == nil { // otherwise the status has to do
		refusal.ErrorCode = body.Error
	}
	if res.StatusCode == http.StatusBadRequest && body.Error == "invalid_token" {
		return nil
	}
	return a.explain(ctx, refusal, refreshing)
}

func (a App) config(redirect string) *oauth2.Config {
	return &oauth2.Config{
		ClientID: a.ClientID, ClientSecret: a.ClientSecret, RedirectURL: redirect, Scopes: Scopes(),
		Endpoint: oauth2.Endpoint{
			AuthURL: or(a.AuthURL, defaultAuthURL), TokenURL: or(a.TokenURL, defaultTokenURL),
			AuthStyle: oauth2.AuthStyleInParams, // detecting the style would spend a code or token twice
		},
	}
}

func (a App) with(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, a.client())
}

func (a App) client() *http.Client {
	if a.HTTP != nil {
		return a.HTTP
	}
	return rest.NewHTTPClient()
}

func (a App) now() time.Time {
	if a.Now != nil {
		return a.Now()
	}
	return time.Now()
}

// grant reads what x/oauth2 leaves in the extras. Lifetimes count from a's clock.
func (a App) grant(tok *oauth2.Token) fitbit.Grant {
	g := fitbit.Grant{AccessToken: tok.AccessToken, RefreshToken: tok.RefreshToken, Expiry: tok.Expiry}
	if tok.ExpiresIn > 0 {
		g.Expiry = a.now().Add(time.Duration(tok.ExpiresIn) * time.Second)
	}
	if s, ok := tok.Extra("scope").(string); ok && s != "" {
		g.Scopes = strings.Fields(s)
	}
	if lifetime := extraSeconds(tok.Extra("refresh_token_expires_in")); lifetime > 0 {
		g.SignInExpires = a.now().Add(lifetime).Truncate(time.Second)
	}
	return g
}

func extraSeconds(v any) time.Duration {
	const longest = 1e9 // some thirty years
	seconds := 0.0
	switch v := v.(type) {
	case float64:
		seconds = v
	case string:
		seconds, _ = strconv.ParseFloat(v, 64) // what is no number is no lifetime
	}
	if !(seconds > 0) {
		return 0
	}
	return time.Duration(min(seconds, longest)) * time.Second
}

func or(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}

// phase tells what an invalid_grant means.
type phase int

const (
	refreshing phase = iota
	exchanging
)

// explain turns a failed token request into fitbit's words. It never wraps
// x/oauth2's error: that quotes the answer, tokens and all.
func (a App) explain(ctx context.Context, err error, p phase) error {
	re, answered := errors.AsType[*oauth2.RetrieveError](err)
	if !answered {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			return rest.Unreachable(ctx, ue.Err, "Google's sign-in server does not answer")
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		// Cut short, or from somebody in between: either passes.
		return &fitbit.CloudError{
			Kind: fitbit.ErrUnavailable, Detail: "Google's sign-in server gave no proper answer",
			Hint: "check the internet connection; the next attempt comes by itself",
		}
	}
	e := &fitbit.CloudError{Kind: fitbit.ErrProtocol, Reason: oauthWord(re.ErrorCode)}
	switch status := re.Response.StatusCode; {
	case status == http.StatusTooManyRequests:
		until := rest.RetryAfter(re.Response.Header.Get("Retry-After"), a.now())
		if least := a.now().Add(leastWait); until.Before(least) {
			until = least
		}
		return &fitbit.RateLimitError{Until: until}
	case status == http.StatusGone:
		e.Kind, e.Detail = fitbit.ErrRetired, "Google's sign-in server has been turned off"
		e.Hint = "look for a newer version of fitbit2mqtt"
		return e
	case status >= 500: // whatever it says: nothing definite comes with these
		e.Kind, e.Detail = fitbit.ErrUnavailable, "Google's sign-in server answers "+spelled(status)
		e.Hint = "wait; the next attempt comes by itself"
		return e
	}
	switch re.ErrorCode {
	case "invalid_grant":
		e.Kind, e.Detail, e.Hint = fitbit.ErrReauthRequired, "the sign-in has expired or was revoked", signInAgain
		if p == exchanging {
			e.Detail = "the code has expired, was already used, or belongs to another sign-in"
			e.Hint = "start the sign-in again and finish it within ten minutes"
		}
	case "invalid_client":
		e.Kind, e.Detail = fitbit.ErrSetup, "Google does not accept the client id or secret"
		e.Hint = "compare id and secret (google.client_id and google.client_secret, unless entered by hand) with the Google Cloud console, Clients"
	case "unauthorized_client":
		e.Kind, e.Detail = fitbit.ErrSetup, "this OAuth client may not sign in this way"
		e.Hint = "create an OAuth client of type Web application in the Google Cloud console"
	case "redirect_uri_mismatch":
		e.Kind, e.Detail = fitbit.ErrSetup, "the redirect address is not registered for this OAuth client"
		e.Hint = "register google.redirect_url, letter by letter, in the Google Cloud console, Clients"
	default:
		e.Detail = "Google's sign-in server answers " + spelled(re.Response.StatusCode)
		e.Hint = "look for a newer version of fitbit2mqtt, or report this line"
	}
	return e
}

// oauthWord lets only RFC 6749's kind of error code into an error text.
func oauthWord(s string) string {
	if word(strings.ToUpper(s)) != "" {
		return s
	}
	return ""
}
