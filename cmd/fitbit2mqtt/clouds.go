package main

import (
	"net/http"
	"slices"
	"strings"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/googlehealth"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/webapi"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// backend is one row of the table of clouds.
type backend struct {
	name      string // in the configuration, in commands and on topics
	successor string // which backend has taken over; empty while this one is in force
	guide     fitbit.Guide
	scopes    []string
	missing   func(granted []string) []fitbit.Metric
	// Where the cloud and its sign-in server are, unless configured otherwise.
	endpoint, tokenURL string
	// Where a server of one's own has its sign-in.
	authPath, tokenPath, revokePath string
	// registrable is set if the cloud's console takes only addresses to come back to
	// that are on this machine or under a public domain.
	registrable bool
	authorizer  func(c cloudConfig, client *http.Client, id, secret string) fitbit.Authorizer
	source      func(c cloudConfig, client *http.Client, t fitbit.Tokens) fitbit.Source
	// singleUse is set if a refresh token is spent by its renewal, so that a copy of it
	// does not last.
	singleUse bool
	docs      string // how to get an OAuth client there
	// foreign reads the files, by name, in which other programs keep a sign-in at this
	// cloud; nil if there are none.
	foreign func(files map[string][]byte) (foreignSignIn, error)
}

// backends is the table of clouds, the one for new people first.
func backends() []backend {
	return []backend{
		{
			name: "google", docs: "docs/google-cloud.md", guide: googlehealth.Guide(), scopes: googlehealth.Scopes(), missing: googlehealth.Missing,
			endpoint: googlehealth.DefaultEndpoint, tokenURL: googlehealth.DefaultTokenURL,
			authPath: "/o/oauth2/v2/auth", tokenPath: "/token", revokePath: "/revoke", registrable: true,
			authorizer: func(c cloudConfig, client *http.Client, id, secret string) fitbit.Authorizer {
				return googlehealth.App{ClientID: id, ClientSecret: secret, AuthURL: c.AuthURL, TokenURL: c.TokenURL, RevokeURL: c.RevokeURL, HTTP: client}
			},
			source: func(c cloudConfig, client *http.Client, t fitbit.Tokens) fitbit.Source {
				return googlehealth.New(googlehealth.Options{Endpoint: c.Endpoint, Tokens: t, HTTP: client})
			},
		},
		{ //nolint:gosec // addresses
			name: "fitbit", docs: "docs/fitbit.md", successor: "google", singleUse: true, guide: webapi.Guide(), scopes: webapi.Scopes(), missing: webapi.Missing,
			endpoint: webapi.DefaultEndpoint, tokenURL: webapi.DefaultEndpoint,
			authPath: "/oauth2/authorize", tokenPath: "/oauth2/token", revokePath: "/oauth2/revoke",
			authorizer: func(c cloudConfig, client *http.Client, id, secret string) fitbit.Authorizer {
				return webapi.App{ClientID: id, ClientSecret: secret, AuthURL: c.AuthURL, TokenURL: c.TokenURL, RevokeURL: c.RevokeURL, HTTP: client}
			},
			source: func(c cloudConfig, client *http.Client, t fitbit.Tokens) fitbit.Source {
				return webapi.New(webapi.Options{Endpoint: c.Endpoint, Tokens: t, HTTP: client})
			},
			foreign: func(files map[string][]byte) (foreignSignIn, error) {
				in, err := webapi.ReadImport(files)
				return foreignSignIn{in.ClientID, in.ClientSecret, in.RefreshToken}, err
			},
		},
	}
}

// backendNames lists them for people.
func backendNames() string {
	var names []string
	for _, b := range backends() {
		names = append(names, b.name)
	}
	return strings.Join(names, " or ")
}

// backendOf returns the row of that name; the zero one if there is none.
func backendOf(name string) backend {
	i := slices.IndexFunc(backends(), func(b backend) bool { return b.name == name })
	if i < 0 {
		return backend{}
	}
	return backends()[i]
}

func knownBackend(name string) bool { return backendOf(name).name != "" }

// clouds are the backends as they are configured.
func clouds(c config, client *http.Client) map[string]signin.Cloud {
	table := make(map[string]signin.Cloud)
	for _, b := range backends() {
		own := c.Clouds[b.name]
		table[b.name] = signin.Cloud{
			ClientID: own.ClientID, ClientSecret: own.ClientSecret, RedirectURL: own.RedirectURL,
			Guide: b.guide, Scopes: b.scopes, Successor: b.successor, Missing: b.missing,
			Authorizer: func(id, secret string) fitbit.Authorizer { return b.authorizer(own, client, id, secret) },
			Source:     func(t fitbit.Tokens) fitbit.Source { return b.source(own, client, t) },
		}
	}
	return table
}
