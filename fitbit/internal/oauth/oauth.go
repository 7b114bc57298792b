// Package oauth is the part of a sign-in that clouds have in common: OAuth 2.0 with
// an authorization code and PKCE (RFC 6749, 7636, 7009), and what its failures mean
// in fitbit's words.
//
// A code or refresh token is sent once; nothing is repeated here. Only a definite
// word of the cloud says that a sign-in is lost. The errors of x/oauth2 are never
// wrapped: they quote the answer, tokens and all.
package oauth

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/rest"
)

// Server is a cloud's OAuth server as one app sees it.
type Server struct {
	Name string // in sentences: "Google's sign-in server"
	// Config is the app and the server's addresses. Its AuthStyle has to be set:
	// detecting the style would spend a code or token twice.
	Config    oauth2.Config
	RevokeURL string
	// Word reads the cloud's word for a refusal off its body; "" if it is none that
	// may be shown.
	Word func(body []byte) string
	// Refused says what a refusal means that has a meaning of its own at this cloud.
	// For all others it returns nil.
	Refused func(word string, status int) *fitbit.CloudError
	// Patience says until when the cloud wants to be left alone.
	Patience func(h http.Header, now time.Time) time.Time
	HTTP     *http.Client     // nil: one with timeouts
	Now      func() time.Time // nil: time.Now
}

// AuthCodeURL returns the consent page's address.
func (s Server) AuthCodeURL(t fitbit.Attempt, options ...oauth2.AuthCodeOption) string {
	s.Config.RedirectURL = t.RedirectURL
	return s.Config.AuthCodeURL(t.State, append(options, oauth2.S256ChallengeOption(t.Verifier))...)
}

// Exchange turns the browser's code into a grant.
func (s Server) Exchange(ctx context.Context, t fitbit.Attempt, code string) (fitbit.Grant, error) {
	s.Config.RedirectURL = t.RedirectURL
	tok, err := s.Config.Exchange(s.with(ctx), code, oauth2.VerifierOption(t.Verifier))
	if err != nil {
		return fitbit.Grant{}, s.explain(ctx, err, exchanging)
	}
	return s.grant(tok), nil
}

// Refresh spends the refresh token. The grant's own is empty unless it is a new one.
func (s Server) Refresh(ctx context.Context, refreshToken string) (fitbit.Grant, error) {
	if refreshToken == "" {
		return fitbit.Grant{}, &fitbit.CloudError{Kind: fitbit.ErrReauthRequired, Detail: "there is no refresh token", Hint: SignInAgain}
	}
	tok, err := s.Config.TokenSource(s.with(ctx), &oauth2.Token{RefreshToken: refreshToken}).Token()
	if err != nil {
		return fitbit.Grant{}, s.explain(ctx, err, refreshing)
	}
	g := s.grant(tok)
	if g.RefreshToken == refreshToken { // x/oauth2 fills in the old one
		g.RefreshToken = ""
	}
	return g, nil
}

// Revoke ends the grant of the token in the form. A token that the cloud does not
// know (any more) counts as revoked.
func (s Server) Revoke(ctx context.Context, form url.Values) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.RevokeURL, strings.NewReader(form.Encode()))
	if err != nil {
		return &fitbit.CloudError{Kind: fitbit.ErrSetup, Detail: "the address of " + s.Name + " is none"}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if s.Config.Endpoint.AuthStyle == oauth2.AuthStyleInHeader {
		req.SetBasicAuth(url.QueryEscape(s.Config.ClientID), url.QueryEscape(s.Config.ClientSecret))
	}
	res, err := s.client().Do(req)
	if err != nil {
		return s.explain(ctx, err, refreshing)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode == http.StatusOK {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxRefusal)) // what could be read is enough to tell
	if res.StatusCode < http.StatusInternalServerError && s.Word(body) == "invalid_token" {
		return nil
	}
	return s.refusal(res.StatusCode, res.Header, body, refreshing)
}

func (s Server) with(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, s.client())
}

func (s Server) client() *http.Client {
	if s.HTTP != nil {
		return s.HTTP
	}
	return rest.NewHTTPClient()
}

func (s Server) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// grant reads what x/oauth2 leaves in the extras. Lifetimes count from s's clock.
func (s Server) grant(tok *oauth2.Token) fitbit.Grant {
	g := fitbit.Grant{AccessToken: tok.AccessToken, RefreshToken: tok.RefreshToken, Expiry: tok.Expiry}
	if tok.ExpiresIn > 0 {
		g.Expiry = s.now().Add(time.Duration(tok.ExpiresIn) * time.Second)
	}
	if scope, ok := tok.Extra("scope").(string); ok && scope != "" {
		g.Scopes = strings.Fields(scope)
	}
	if lifetime := extraSeconds(tok.Extra("refresh_token_expires_in")); lifetime > 0 {
		g.SignInExpires = s.now().Add(lifetime).Truncate(time.Second)
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
