package fakecloud

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// How long things live at Fitbit. Refresh tokens do not end by themselves.
const (
	fitbitAccessLife = 28_800 * time.Second
	replayLife       = 2 * time.Minute // in which a refresh may be repeated
)

// fitbitCode is an authorization code on its way to the token endpoint.
type fitbitCode struct {
	person      *Person
	client      string
	redirectURL string // as it was sent; empty if it was not
	challenge   string // PKCE; empty if the request had none
	plain       bool
	scopes      []string
	issued      time.Time
	spent       bool
}

// fitbitGrant is what came of one sign-in. One access token and one refresh token
// are in force at a time.
type fitbitGrant struct {
	person          *Person
	client          string
	scopes          []string // in order of the alphabet
	access, refresh string   // those in force
	ended           bool
}

type fitbitAccess struct {
	grant  *fitbitGrant
	issued time.Time
}

// fitbitRefresh is a refresh token. When it has been used it is kept with the request
// that did so and the answer, which an identical request gets again for a while.
type fitbitRefresh struct {
	grant   *fitbitGrant
	used    time.Time // zero: not yet
	request string
	answer  reply
}

// fitbitGrants holds every code and token there ever was, dead ones included.
type fitbitGrants struct {
	codes   map[string]*fitbitCode
	access  map[string]fitbitAccess
	refresh map[string]*fitbitRefresh
}

func newFitbitGrants() fitbitGrants {
	return fitbitGrants{codes: map[string]*fitbitCode{}, access: map[string]fitbitAccess{}, refresh: map[string]*fitbitRefresh{}}
}

func (b *fitbitGrants) addCode(c *fitbitCode) string {
	id := randomHex(20)
	b.codes[id] = c
	return id
}

// renew puts new tokens of a grant in force: those of before are dead at once.
func (b *fitbitGrants) renew(g *fitbitGrant, now time.Time) {
	g.access, g.refresh = fitbitJWT(g, now), randomHex(32)
	b.access[g.access] = fitbitAccess{g, now}
	b.refresh[g.refresh] = &fitbitRefresh{grant: g}
}

// admit returns the grant of an access token.
func (b *fitbitGrants) admit(token string, now time.Time) (*fitbitGrant, *fitbitError) {
	a, known := b.access[token]
	switch {
	case !known || a.grant.ended:
		return nil, unauthorized("invalid_token", "Access token invalid: "+token+".")
	case !now.Before(a.issued.Add(fitbitAccessLife)):
		return nil, unauthorized("expired_token", "Access token expired: "+token+".")
	case a.grant.access != token: // replaced
		return nil, unauthorized("invalid_token", "Access token invalid: "+token+".")
	}
	return a.grant, nil
}

// end takes back everything a person gave, to one client or ("") to all.
func (b *fitbitGrants) end(p *Person, client string) {
	for _, r := range b.refresh {
		if g := r.grant; g.person == p && (client == "" || client == g.client) {
			g.ended = true
		}
	}
	for id, code := range b.codes {
		if code.person == p && (client == "" || client == code.client) {
			delete(b.codes, id)
		}
	}
}

// whose returns the person to whom the first known of these secrets belongs, or nil.
func (b *fitbitGrants) whose(secrets ...string) *Person {
	for _, s := range secrets {
		if a, ok := b.access[s]; ok && !a.grant.ended {
			return a.grant.person
		}
		if r := b.refresh[s]; r != nil && !r.grant.ended {
			return r.grant.person
		}
		if code := b.codes[s]; code != nil {
			return code.person
		}
	}
	return nil
}

// fitbitJWT makes an access token: a JWT by its looks, whose signature is chance.
func fitbitJWT(g *fitbitGrant, now time.Time) string {
	short := make([]string, len(g.scopes))
	for i, scope := range g.scopes {
		if short[i] = "r" + scope[:3]; scope == "heartrate" {
			short[i] = "rhr"
		}
	}
	claims, err := json.Marshal(struct {
		Audience string `json:"aud"`
		Subject  string `json:"sub"`
		Issuer   string `json:"iss"`
		Type     string `json:"typ"`
		Scopes   string `json:"scopes"`
		Expires  int64  `json:"exp"`
		IssuedAt int64  `json:"iat"`
	}{g.client, g.person.legacyUser, "Fitbit", "access_token", strings.Join(short, " "), now.Add(fitbitAccessLife).Unix(), now.Unix()})
	if err != nil {
		panic(err) // a closed struct cannot fail to encode
	}
	var parts []string
	for _, part := range [][]byte{[]byte(`{"alg":"HS256"}`), claims, randomBytes(32)} {
		parts = append(parts, base64.RawURLEncoding.EncodeToString(part))
	}
	return strings.Join(parts, ".")
}

func randomBytes(n int) []byte {
	b := slices.Repeat([]byte{0}, n)
	_, _ = rand.Read(b) // never fails
	return b
}

func randomHex(n int) string { return hex.EncodeToString(randomBytes(n)) }
