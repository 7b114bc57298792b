package door

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"sync"
	"time"
)

const (
	cookieName     = "fitbit2mqtt_session"
	mostSessions   = 256
	idleSession    = 30 * 24 * time.Hour
	longestSession = 180 * 24 * time.Hour
	// mostCookies is how many cookies of the name are looked at: a browser sends several
	// after the page has moved to another path.
	mostCookies = 8
)

// sessions remembers who knew the password, by a hash of what they carry: a copy of the
// memory opens nothing.
type sessions struct {
	mu   sync.Mutex
	list map[[sha256.Size]byte]session
}

type session struct{ opened, seen time.Time }

func newSessions() sessions {
	return sessions{list: make(map[[sha256.Size]byte]session)}
}

// open begins a session and returns its token. The one that was used least recently
// makes room.
func (s *sessions) open(now time.Time) string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	token := base64.RawURLEncoding.EncodeToString(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.list) >= mostSessions {
		var oldest [sha256.Size]byte
		seen := now
		for key, e := range s.list {
			if !e.seen.After(seen) {
				oldest, seen = key, e.seen
			}
		}
		delete(s.list, oldest)
	}
	s.list[sha256.Sum256([]byte(token))] = session{opened: now, seen: now}
	return token
}

// holds reports whether a token belongs to a session, and keeps that session awake.
func (s *sessions) holds(token string, now time.Time) bool {
	key := sha256.Sum256([]byte(token))
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.list[key]
	if !ok {
		return false
	}
	if now.Sub(e.seen) >= idleSession || now.Sub(e.opened) >= longestSession {
		delete(s.list, key)
		return false
	}
	e.seen = now
	s.list[key] = e
	return true
}

func (s *sessions) end(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.list, sha256.Sum256([]byte(token)))
}

// known reports whether a request carries a session.
func (d *Door) known(r *http.Request) bool {
	for i, c := range r.CookiesNamed(cookieName) {
		if i < mostCookies && d.sessions.holds(c.Value, d.now()) {
			return true
		}
	}
	return false
}

// cookie belongs to the page's root as the browser sees it, so that other pages of the
// same host are not sent the token. Where the prefix is not known, "/" works everywhere.
// Without a slash at its end, the path covers the prefix itself as well.
func (d *Door) cookie(v visit, token string, age time.Duration) *http.Cookie {
	path := v.prefix
	if path == "" {
		path = "/"
	}
	return &http.Cookie{ //nolint:gosec // Secure would lose the cookie on plain http
		Name: cookieName, Value: token, Path: path, MaxAge: int(age / time.Second),
		HttpOnly: true, Secure: v.https,
		SameSite: http.SameSiteLaxMode, // Strict would hide it from a sign-in that comes back
	}
}
