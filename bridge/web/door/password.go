package door

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"
)

const (
	// longestPassword in bytes: bcrypt looks at no more.
	longestPassword = 72
	plainCost       = 10
	// highestCost takes seconds on a small computer; more would shut everybody out.
	highestCost = 16
)

// lock compares attempts with the password, one at a time: guesses must not take the
// computer away from what else it does.
type lock struct {
	hash func() ([]byte, error)
	turn chan struct{}
}

// newLock returns nil without a password. A plain one is hashed when it is first needed.
func newLock(password string) (*lock, error) {
	if password == "" {
		return nil, nil //nolint:nilnil // no password, no lock
	}
	l := &lock{turn: make(chan struct{}, 1)}
	_, behindName, _ := strings.Cut(password, ":")
	for _, mark := range []string{"$2a$", "$2b$", "$2y$"} {
		if strings.HasPrefix(behindName, mark) { // nobody would come in: the line would have to be typed
			return nil, errors.New("web.password: is a whole line of htpasswd; drop the part up to the colon, and keep the hash behind it")
		}
		if strings.HasPrefix(password, mark) {
			l.hash = func() ([]byte, error) { return []byte(password), nil }
			return l, checkHash(password)
		}
	}
	if len(password) > longestPassword {
		return nil, errors.New("web.password: longer than 72 bytes, which is all that bcrypt looks at; choose a shorter one")
	}
	if strings.Contains(password, "\x00") {
		return nil, errors.New("web.password: contains a NUL, which nobody can type")
	}
	l.hash = sync.OnceValues(func() ([]byte, error) { return bcrypt.GenerateFromPassword([]byte(password), plainCost) })
	return l, nil
}

// checkHash finds what would otherwise show at the first attempt only.
func checkHash(hash string) error {
	const alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	cost, err := bcrypt.Cost([]byte(hash))
	if err != nil || len(hash) != 60 || hash[6] != '$' || strings.Trim(hash[7:], alphabet) != "" {
		return errors.New("web.password: begins like a bcrypt hash, but is none; take all 60 characters of it")
	}
	if cost > highestCost {
		return errors.New("web.password: the bcrypt hash costs more than 2^16 rounds, which takes too long; use a cost of 10 to 12")
	}
	return nil
}

// opens compares an attempt. It waits for its turn as long as somebody wants to know.
func (l *lock) opens(ctx context.Context, attempt string) (bool, error) {
	// Past either, bcrypt takes different words for the same.
	if len(attempt) > longestPassword || strings.Contains(attempt, "\x00") {
		return false, nil
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	hash, err := l.hash()
	if err != nil {
		return false, err
	}
	err = bcrypt.CompareHashAndPassword(hash, []byte(attempt))
	if errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		return false, nil
	}
	return err == nil, err
}

// try hears an attempt, if its sender may make one, and returns what the login page has
// to say when it was not the password.
func (d *Door) try(ctx context.Context, from netip.Prefix, attempt string) (f LoginForm, ok bool) {
	if wait := d.guesses.take(from, d.now()); wait > 0 {
		wait = (wait + time.Second - 1).Truncate(time.Second)
		return LoginForm{Status: http.StatusTooManyRequests, Wait: wait}, false
	}
	ok, err := d.lock.opens(ctx, attempt)
	switch {
	case ok:
		d.guesses.forget(from)
		return LoginForm{}, true
	case err != nil && ctx.Err() == nil:
		d.log.Error("page cannot check a password", "error", err)
	case err == nil && d.guesses.wrong(from):
		d.log.Warn("page refused a wrong password, and holds off further ones without a word", "from", label(from))
	}
	return LoginForm{Status: http.StatusUnauthorized, Failed: err == nil}, false
}

// label is an address, or a network where that is what is counted.
func label(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
