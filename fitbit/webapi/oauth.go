package webapi

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"golang.org/x/oauth2"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/oauth"
)

// App is the sign-in of one app at Fitbit. With a secret it is of the type Server or
// Personal and shows it in a header; without one it is of the type Client or
// Personal, and its id stands in the body.
type App struct {
	ClientID, ClientSecret string
	// Addresses of the OAuth server; empty: the real ones.
	AuthURL, TokenURL, RevokeURL, IntrospectURL string
	HTTP                                        *http.Client // nil: one with timeouts
	Now                                         func() time.Time
}

var _ fitbit.Authorizer = App{}

// The real OAuth server.
const (
	defaultAuthURL   = "https://www.fitbit.com/oauth2/authorize"
	defaultTokenURL  = DefaultEndpoint + "/oauth2/token"
	defaultRevokeURL = DefaultEndpoint + "/oauth2/revoke"
)

// Scopes returns what is asked for at sign-in: the profile has the time zone and the
// height, the settings have the paired devices.
func Scopes() []string { return []string{"weight", "heartrate", "profile", "settings"} }

// Missing lists the metrics that a grant of these scopes does not cover, nothing if
// the scopes are not known. Without the profile nobody knows what the times of
// readings mean.
func Missing(granted []string) (missing []fitbit.Metric) {
	if len(granted) == 0 {
		return nil
	}
	has := func(scope string) bool { return slices.Contains(granted, scope) }
	for _, m := range []struct {
		metric fitbit.Metric
		ok     bool
	}{
		{fitbit.WeightMetric, has("weight") && has("profile")},
		{fitbit.BodyFatMetric, has("weight") && has("profile")},
		{fitbit.HeightMetric, has("profile")},
		{fitbit.HeartRange, has("heartrate")},
		{fitbit.RestingHeartRate, has("heartrate")},
		{fitbit.HRV, has("heartrate")},
		{fitbit.HeartZones, has("heartrate")},
		{fitbit.LatestHeartRate, has("heartrate") && has("profile")},
		{fitbit.DevicesMetric, has("settings")},
		{fitbit.SettingsMetric, has("profile")},
	} {
		if !m.ok {
			missing = append(missing, m.metric)
		}
	}
	return missing
}

// AuthCodeURL returns the consent page's address. It asks for log-in and consent every
// time: the browser may still be signed in as the last person of the household, and
// who signs in again wants to see the boxes.
func (a App) AuthCodeURL(t fitbit.Attempt) string {
	return a.server().AuthCodeURL(t, oauth2.SetAuthURLParam("prompt", "login consent"))
}

// Exchange turns the browser's code into a grant.
func (a App) Exchange(ctx context.Context, t fitbit.Attempt, code string) (fitbit.Grant, error) {
	g, err := a.server().Exchange(ctx, t, code)
	if err == nil && g.RefreshToken == "" {
		return fitbit.Grant{}, &fitbit.CloudError{
			Kind: fitbit.ErrSetup, Detail: "Fitbit sent no refresh token",
			Hint: "check the app's type at https://dev.fitbit.com/apps: Personal, Client or Server",
		}
	}
	return g, err
}

// Refresh spends the refresh token, which can be used once. A repetition within two
// minutes is answered the same; so whatever is not definite is worth another try
// with the same token.
func (a App) Refresh(ctx context.Context, refreshToken string) (fitbit.Grant, error) {
	return a.server().Refresh(ctx, refreshToken)
}

// Revoke ends the whole grant that a refresh or access token belongs to. A token
// that the cloud does not know counts as revoked.
func (a App) Revoke(ctx context.Context, token string) error {
	form := url.Values{"token": {token}}
	if a.ClientSecret == "" {
		form.Set("client_id", a.ClientID)
	}
	return a.server().Revoke(ctx, form)
}

func (a App) server() oauth.Server {
	style := oauth2.AuthStyleInHeader
	if a.ClientSecret == "" {
		style = oauth2.AuthStyleInParams
	}
	return oauth.Server{
		Name: "Fitbit's sign-in server",
		Config: oauth2.Config{
			ClientID: a.ClientID, ClientSecret: a.ClientSecret, Scopes: Scopes(),
			Endpoint: oauth2.Endpoint{
				AuthURL: cmp.Or(a.AuthURL, defaultAuthURL), TokenURL: cmp.Or(a.TokenURL, defaultTokenURL), AuthStyle: style,
			},
		},
		RevokeURL: cmp.Or(a.RevokeURL, defaultRevokeURL),
		Word:      word, Refused: refused, HTTP: a.HTTP, Now: a.Now,
		Patience: func(h http.Header, now time.Time) time.Time { return patience(h, now, tokenWait) },
	}
}

// refused knows what Fitbit says that others do not, and who can mend it.
func refused(word string, status int) *fitbit.CloudError {
	switch {
	case status == http.StatusGone:
		return retired()
	case status == http.StatusConflict:
		return &fitbit.CloudError{
			Kind: fitbit.ErrUnavailable, Detail: "another program is renewing this sign-in at the same moment",
			Hint: "stop the other program if there is one; the next attempt comes by itself",
		}
	case word == "invalid_client":
		return &fitbit.CloudError{
			Kind: fitbit.ErrSetup, Detail: "Fitbit does not accept the client id or secret",
			Hint: "compare id and secret (fitbit.client_id and fitbit.client_secret, unless entered by hand) with https://dev.fitbit.com/apps",
		}
	case word == "unauthorized_client":
		return &fitbit.CloudError{
			Kind: fitbit.ErrSetup, Detail: "this app may not sign in this way",
			Hint: "set its type at https://dev.fitbit.com/apps to Personal, and enter its secret",
		}
	}
	return nil
}
