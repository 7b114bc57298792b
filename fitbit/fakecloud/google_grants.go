package fakecloud

import (
	"crypto/rand"
	"slices"
	"time"
)

// How long tokens live at Google.
const (
	accessLife      = 3599 * time.Second // what expires_in says
	testingLife     = 7 * 24 * time.Hour // of refresh tokens, for apps in testing
	idleMonths      = 6                  // until an unused refresh token dies
	maxRefreshAlive = 100                // per person and client; beyond, the oldest dies
)

// googleCode is an authorization code on its way to the token endpoint.
type googleCode struct {
	person               *Person
	client, redirectURL  string
	challenge            string // PKCE S256; empty if the request had none
	scopes               []string
	offline, alwaysRenew bool // access_type=offline, prompt=consent
	issued               time.Time
	spent                bool
}

// googleToken is an access or a refresh token.
type googleToken struct {
	person  *Person
	client  string
	scopes  []string
	offline bool
	serial  int       // counts up in the order of issue
	used    time.Time // last use of a refresh token
	ends    time.Time // zero: never by itself
}

func (t *googleToken) expired(now time.Time) bool { return !t.ends.IsZero() && !now.Before(t.ends) }

// googleGrants holds everything that was granted and not revoked.
type googleGrants struct {
	codes           map[string]*googleCode
	access, refresh map[string]*googleToken
	consents        map[consent]bool // whether a refresh token was issued
	serial          int
}

func newGoogleGrants() googleGrants {
	return googleGrants{
		codes: map[string]*googleCode{}, access: map[string]*googleToken{}, refresh: map[string]*googleToken{},
		consents: map[consent]bool{},
	}
}

func (g *googleGrants) addCode(c *googleCode) string {
	id := "4/0A" + rand.Text()
	g.codes[id] = c
	return id
}

func (g *googleGrants) addAccess(t googleToken, now time.Time) string {
	for id, old := range g.access {
		if old.expired(now) {
			delete(g.access, id)
		}
	}
	t.ends = now.Add(accessLife)
	id := "ya29.a0" + rand.Text() + rand.Text()
	g.access[id] = &t
	return id
}

// addRefresh issues a refresh token; the oldest of too many dies without a word.
func (g *googleGrants) addRefresh(t googleToken, now time.Time) string {
	oldest, alive := "", 0
	for id, other := range g.refresh {
		if other.person != t.person || other.client != t.client {
			continue
		}
		alive++
		if oldest == "" || other.serial < g.refresh[oldest].serial {
			oldest = id
		}
	}
	if alive >= maxRefreshAlive {
		delete(g.refresh, oldest)
	}
	g.serial++
	t.serial, t.used = g.serial, now
	id := "1//0" + rand.Text() + rand.Text()
	g.refresh[id] = &t
	g.consents[consent{t.person.name, t.client}] = true
	return id
}

// useRefresh returns the refresh token if it is still in force, and notes its use.
func (g *googleGrants) useRefresh(id string, now time.Time) (*googleToken, bool) {
	t := g.refresh[id]
	if t == nil {
		return nil, false
	}
	if t.expired(now) || !now.Before(t.used.AddDate(0, idleMonths, 0)) {
		delete(g.refresh, id)
		return nil, false
	}
	t.used = now
	return t, true
}

// liveAccess returns the access token if it is in force.
func (g *googleGrants) liveAccess(id string, now time.Time) (*googleToken, bool) {
	t := g.access[id]
	return t, t != nil && !t.expired(now)
}

// end takes back everything a person gave, to one client or ("") to all.
func (g *googleGrants) end(p *Person, client string) {
	ended := func(person *Person, to string) bool { return person == p && (client == "" || client == to) }
	for _, tokens := range []map[string]*googleToken{g.access, g.refresh} {
		for id, t := range tokens {
			if ended(t.person, t.client) {
				delete(tokens, id)
			}
		}
	}
	for id, c := range g.codes {
		if ended(c.person, c.client) {
			delete(g.codes, id)
		}
	}
	for k := range g.consents {
		if k.person == p.name && (client == "" || client == k.client) {
			delete(g.consents, k)
		}
	}
}

// whose returns the person to whom the first known of these secrets belongs, or nil.
func (g *googleGrants) whose(secrets ...string) *Person {
	for _, s := range secrets {
		if t := g.access[s]; t != nil {
			return t.person
		}
		if t := g.refresh[s]; t != nil {
			return t.person
		}
		if c := g.codes[s]; c != nil {
			return c.person
		}
	}
	return nil
}

func (t *googleToken) allows(scopes ...string) bool {
	return slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(t.scopes, s) })
}
