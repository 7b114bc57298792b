package googlehealth

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/oauth"
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
	DefaultTokenURL  = "https://oauth2.googleapis.com/token" //nolint:gosec // an address
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
	return a.server().AuthCodeURL(t, oauth2.AccessTypeOffline, oauth2.SetAuthURLParam("prompt", "consent"))
}

// Exchange turns the browser's code into a grant.
func (a App) Exchange(ctx context.Context, t fitbit.Attempt, code string) (fitbit.Grant, error) {
	g, err := a.server().Exchange(ctx, t, code)
	if err == nil && g.RefreshToken == "" {
		return fitbit.Grant{}, &fitbit.CloudError{
			Kind: fitbit.ErrSetup, Detail: "Google sent no refresh token",
			Hint: "remove the app at https://myaccount.google.com/connections, then sign in again",
		}
	}
	return g, err
}

// Refresh renews the access token. Google's refresh tokens can be used again and
// are not replaced as a rule; the grant's is empty then.
func (a App) Refresh(ctx context.Context, refreshToken string) (fitbit.Grant, error) {
	return a.server().Refresh(ctx, refreshToken)
}

// Revoke ends the whole grant that a refresh or access token belongs to. A token
// the cloud no longer knows counts as revoked.
func (a App) Revoke(ctx context.Context, token string) error {
	return a.server().Revoke(ctx, url.Values{"token": {token}})
}

func (a App) server() oauth.Server {
	return oauth.Server{
		Name: "Google's sign-in server",
		Config: oauth2.Config{
			ClientID: a.ClientID, ClientSecret: a.ClientSecret, Scopes: Scopes(),
			Endpoint: oauth2.Endpoint{
				AuthURL: cmp.Or(a.AuthURL, defaultAuthURL), TokenURL: cmp.Or(a.TokenURL, DefaultTokenURL),
				AuthStyle: oauth2.AuthStyleInParams,
			},
		},
		RevokeURL: cmp.Or(a.RevokeURL, defaultRevokeURL),
		Word:      oauth.StandardWord, Refused: refused, Patience: patience, HTTP: a.HTTP, Now: a.Now,
	}
}

// refused knows what Google says that others do not, and who can mend it.
func refused(word string, _ int) *fitbit.CloudError {
	e := &fitbit.CloudError{Kind: fitbit.ErrSetup}
	switch word {
	case "invalid_client":
		e.Detail = "Google does not accept the client id or secret"
		e.Hint = "compare id and secret (google.client_id and google.client_secret, unless entered by hand) with the Google Cloud console, Clients"
	case "unauthorized_client":
		e.Detail = "this OAuth client may not sign in this way"
		e.Hint = "create an OAuth client of type Web application in the Google Cloud console"
	case "redirect_uri_mismatch":
		e.Detail = "the redirect address is not registered for this OAuth client"
		e.Hint = "register google.redirect_url, letter by letter, in the Google Cloud console, Clients"
	default:
		return nil
	}
	return e
}

func patience(h http.Header, now time.Time) time.Time {
	until := now.Add(leastWait)
	if at := rest.RetryAfter(h.Get("Retry-After"), now); at.After(until) {
		return at
	}
	return until
}
