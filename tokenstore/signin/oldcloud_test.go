package signin_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"sync"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// OAuth clients of the old cloud: one with a secret, one without.
const (
	oldServer = "23SERV"
	oldPublic = "23PUBL"
)

// oldCloud is another cloud than Google's: its refresh tokens work once, apart from the
// last one, which gets its answer again as long as the grace lasts, and some of its
// apps have no secret.
type oldCloud struct {
	lab *lab

	mu        sync.Mutex
	codes     map[string]string   // whose
	grants    map[string]oldGrant // by refresh token
	access    map[string]string   // whose
	serial    int
	graceOver bool
	gone      bool  // answers 410 to everything
	lose      int   // so many answers of the token endpoint get lost
	identity  error // answered instead of one
	refusal   error // of refresh tokens, whatever they are
	requests  []string
	atRefresh func() // called before a refresh token is spent; nil does nothing
}

// oldGrant is a refresh token and, once it is spent, what came of it.
type oldGrant struct {
	user, client string
	next         fitbit.Grant
}

func newOldCloud(l *lab) *oldCloud {
	l.secret(secretOf(oldServer))
	return &oldCloud{lab: l, codes: map[string]string{}, grants: map[string]oldGrant{}, access: map[string]string{}}
}

// row is the cloud in a desk's table. No client of it is configured.
func (c *oldCloud) row() signin.Cloud {
	return signin.Cloud{
		RedirectURL: redirectURL, Successor: "google",
		Guide: fitbit.Guide{Cloud: "Old API", Brand: "Old", Account: "Old account", App: "Old app", NoSecret: true},
		Authorizer: func(id, secret string) fitbit.Authorizer {
			return oldApp{c, id, secret}
		},
		Source:  func(t fitbit.Tokens) fitbit.Source { return oldSource{cloud: c, tokens: t} },
		Missing: func([]string) []fitbit.Metric { return []fitbit.Metric{fitbit.HRV} },
	}
}

// allow is the callback of a person who allows everything.
func (c *oldCloud) allow(s signin.Started, user string) fitbit.Callback {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serial++
	code := fmt.Sprintf("old-code-%d-of-forty-characters-or-so", c.serial)
	c.codes[code] = user
	c.lab.secret(code, user)
	return fitbit.Callback{Code: code, State: s.State}
}

// issue makes the refresh token of a sign-in that another program made.
func (c *oldCloud) issue(user, client string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lab.secret(user)
	return c.grant(user, client).RefreshToken
}

func (c *oldCloud) grant(user, client string) fitbit.Grant {
	c.serial++
	g := fitbit.Grant{
		AccessToken: fmt.Sprintf("old-access-%d", c.serial), RefreshToken: fmt.Sprintf("old-refresh-%d", c.serial),
		Expiry: c.lab.clock.Now().Add(8 * hour), Scopes: []string{"weight"},
	}
	c.lab.secret(g.AccessToken, g.RefreshToken)
	c.grants[g.RefreshToken] = oldGrant{user: user, client: client}
	c.access[g.AccessToken] = user
	return g
}

// asked counts requests of a kind.
func (c *oldCloud) asked(kind string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(c.requests), func(r string) bool { return r != kind }))
}

// received notes a request and refuses it if the cloud is gone.
func (c *oldCloud) received(kind string) error {
	c.requests = append(c.requests, kind)
	if c.gone {
		return &fitbit.CloudError{Kind: fitbit.ErrRetired, Detail: "the Old API has been turned off", Hint: "look elsewhere"}
	}
	return nil
}

// oldApp is one OAuth client of the cloud.
type oldApp struct {
	cloud      *oldCloud
	id, secret string
}

func (a oldApp) AuthCodeURL(t fitbit.Attempt) string {
	a.cloud.lab.secret(t.State, t.Verifier)
	return "https://old.example/authorize?" + url.Values{"client_id": {a.id}, "state": {t.State}}.Encode()
}

// authentic checks the client.
func (a oldApp) authentic() error {
	if a.id == oldServer && a.secret == secretOf(oldServer) || a.id == oldPublic && a.secret == "" {
		return nil
	}
	return &fitbit.CloudError{
		Kind: fitbit.ErrSetup, Reason: "invalid_client", Detail: "Old does not accept the client id or secret",
		Hint: "compare them, then sign in again: fitbit2mqtt connect ACCOUNT",
	}
}

func (a oldApp) Exchange(_ context.Context, _ fitbit.Attempt, code string) (fitbit.Grant, error) {
	c := a.cloud
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.received("exchange"); err != nil {
		return fitbit.Grant{}, err
	}
	if err := a.authentic(); err != nil {
		return fitbit.Grant{}, err
	}
	user, ok := c.codes[code]
	delete(c.codes, code)
	if !ok {
		return fitbit.Grant{}, &fitbit.CloudError{Kind: fitbit.ErrReauthRequired, Reason: "invalid_grant"}
	}
	return c.grant(user, a.id), nil
}

func (a oldApp) Refresh(_ context.Context, refreshToken string) (fitbit.Grant, error) {
	c := a.cloud
	if c.atRefresh != nil {
		c.atRefresh()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.received("refresh"); err != nil {
		return fitbit.Grant{}, err
	}
	if err := a.authentic(); err != nil {
		return fitbit.Grant{}, err
	}
	if c.refusal != nil {
		return fitbit.Grant{}, c.refusal
	}
	g, ok := c.grants[refreshToken]
	spent := g.next.AccessToken != ""
	if !ok || g.client != a.id || spent && c.graceOver {
		return fitbit.Grant{}, &fitbit.CloudError{Kind: fitbit.ErrReauthRequired, Reason: "invalid_grant", Detail: "no good"}
	}
	if !spent {
		g.next = c.grant(g.user, g.client)
		c.grants[refreshToken] = g
	}
	if c.lose > 0 {
		c.lose--
		return fitbit.Grant{}, &fitbit.CloudError{Kind: fitbit.ErrUnavailable, Detail: "the answer got lost"}
	}
	return g.next, nil
}

func (a oldApp) Revoke(context.Context, string) error {
	a.cloud.mu.Lock()
	defer a.cloud.mu.Unlock()
	return a.cloud.received("revoke")
}

// oldSource knows who somebody is, and nothing else.
type oldSource struct {
	fitbit.Source

	cloud  *oldCloud
	tokens fitbit.Tokens
}

func (s oldSource) Identity(ctx context.Context) (fitbit.Identity, error) {
	token, err := s.tokens.Token(ctx)
	if err != nil {
		return fitbit.Identity{}, err
	}
	user, err := s.cloud.whose(token)
	if err == nil && user == "" { // as the rest of a client does
		if token, err = s.tokens.Renew(ctx, token); err == nil {
			user, err = s.cloud.whose(token)
		}
	}
	if err == nil && user == "" {
		err = &fitbit.CloudError{Kind: fitbit.ErrReauthRequired, Detail: "Old refuses a freshly renewed token"}
	}
	return fitbit.Identity{User: user}, err
}

// whose is "" for a token that is refused.
func (c *oldCloud) whose(access string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.received("identity"); err != nil {
		return "", err
	}
	return c.access[access], c.identity
}
