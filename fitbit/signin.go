package fitbit

import (
	"context"
	"log/slog"
	"time"
)

// Authorizer is one cloud's sign-in: OAuth 2.0 with an authorization code and PKCE.
//
// Errors are those of [Source]; [ErrReauthRequired] from Refresh is definite,
// anything else leaves the refresh token in force. A denied or failed sign-in is
// a [*CloudError] whose Hint says what to do next. No error text holds a token,
// code or secret.
type Authorizer interface {
	// AuthCodeURL returns the address at which the person consents.
	AuthCodeURL(a Attempt) string
	// Exchange turns the code the browser brought back into a grant.
	Exchange(ctx context.Context, a Attempt, code string) (Grant, error)
	// Refresh spends the refresh token and returns what replaces it.
	Refresh(ctx context.Context, refreshToken string) (Grant, error)
	// Revoke ends the grant that a token belongs to.
	Revoke(ctx context.Context, token string) error
}

// Attempt is one sign-in under way.
type Attempt struct {
	State       string // names the attempt; single use
	Verifier    string // PKCE code verifier; secret
	RedirectURL string // where the browser returns to
}

// Grant is what a sign-in or a refresh yields. It prints as "redacted".
type Grant struct {
	AccessToken  string
	RefreshToken string    // empty if the cloud did not send a new one
	Expiry       time.Time // of the access token
	// Scopes are those granted, in the cloud's own words; nil if the cloud did not say.
	Scopes []string
	// SignInExpires is when the whole grant ends by itself; zero if it does not.
	SignInExpires time.Time
}

// String keeps tokens out of logs and error texts.
func (Grant) String() string { return "redacted" }

// GoString does the same for %#v.
func (Grant) GoString() string { return "redacted" }

// LogValue does the same for slog.
func (Grant) LogValue() slog.Value { return slog.StringValue("redacted") }

// Tokens hands out one person's access token.
type Tokens interface {
	// Token returns an access token that is not about to expire, renewing it if need be.
	Token(ctx context.Context) (string, error)
	// Renew returns an access token other than stale, which the cloud has refused.
	Renew(ctx context.Context, stale string) (string, error)
}
