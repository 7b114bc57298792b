package webapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/wire"
)

const introspectPath = "/1.1/oauth2/introspect"

// Introspection is what the cloud says of an access token.
type Introspection struct {
	Active bool
	User   string   // the person's user id, as personal as [fitbit.Identity]
	Scopes []string // granted, ordered
	Expiry time.Time
}

// Introspect says whether an access token is in force, and whose it is. It costs no
// refresh token. Errors are those of [fitbit.Source].
func (a App) Introspect(ctx context.Context, token string) (Introspection, error) {
	c := New(Options{Tokens: oneToken(token), HTTP: a.HTTP, Now: a.Now})
	c.rest.Base = cmp.Or(a.IntrospectURL, DefaultEndpoint+introspectPath)
	in, err := c.introspect(ctx, "")
	if errors.Is(err, errRefused) {
		return Introspection{}, nil // a token that is not in force cannot even ask
	}
	return in, err
}

// errRefused says that the cloud has refused the only token there is.
var errRefused = errors.New("the access token is not in force")

// oneToken is a sign-in that cannot be renewed.
type oneToken string

var _ fitbit.Tokens = oneToken("")

func (t oneToken) Token(context.Context) (string, error) { return string(t), nil }

func (oneToken) Renew(context.Context, string) (string, error) { return "", errRefused }

// introspect asks about the very token that is asked with.
func (c *Client) introspect(ctx context.Context, path string) (Introspection, error) {
	form := func(token string) url.Values { return url.Values{"token": {token}} }
	var r loose[struct {
		Active json.RawMessage `json:"active"` // once upon a time, 1
		Scope  text            `json:"scope"`
		User   text            `json:"user_id"`
		Expiry wire.Number     `json:"exp"`
	}]
	if err := c.rest.PostForm(ctx, path, form, &r); err != nil {
		return Introspection{}, err
	}
	switch string(r.v.Active) {
	case "false", "0":
		return Introspection{}, nil
	case "true", "1":
	default: // not a word about it: that must not cost anybody their sign-in
		return Introspection{}, &fitbit.CloudError{Kind: fitbit.ErrProtocol, Detail: "the answer does not say whether the token is in force"}
	}
	in := Introspection{Active: true, Scopes: scopesOf(string(r.v.Scope)), Expiry: expiryOf(r.v.Expiry)}
	if len(r.v.User) <= wire.MaxID {
		in.User = string(r.v.User)
	}
	return in, nil
}

// scopesOf reads "{WEIGHT=READ, HEARTRATE=READ_WRITE}", or the list of OAuth.
func scopesOf(s string) []string {
	var scopes []string
	for _, entry := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("{}, ", r) }) {
		name, _, _ := strings.Cut(entry, "=")
		scopes = append(scopes, strings.ToLower(name))
	}
	slices.Sort(scopes)
	return scopes
}

// expiryOf reads seconds or milliseconds: the documentation does not say which.
func expiryOf(n wire.Number) time.Time {
	const year2286 = 1e10 // in seconds; in milliseconds it is one of 1970
	switch v, ok := n.Within(1, 1e13); {
	case !ok:
		return time.Time{}
	case v < year2286:
		return time.Unix(int64(v), 0).UTC()
	default:
		return time.UnixMilli(int64(v)).UTC()
	}
}
