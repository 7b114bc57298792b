package door

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	guessesAtOnce = 5
	guessEvery    = 10 * time.Second
	// quiet is how long nothing has to be heard for a guesser to be forgotten.
	quiet        = 15 * time.Minute
	mostGuessers = 1024
)

// guesses counts attempts at the password by address. Who comes from more addresses than
// it remembers is slowed down by the lock, which opens for one at a time.
type guesses struct {
	mu sync.Mutex
	by map[netip.Prefix]*guesser
}

type guesser struct {
	limit *rate.Limiter
	heard time.Time
	wrong bool // and that was logged
}

func newGuesses() guesses {
	return guesses{by: make(map[netip.Prefix]*guesser)}
}

// take counts an attempt before it is looked at. With a wait, it is not to be looked at.
func (g *guesses) take(from netip.Prefix, now time.Time) (wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	e := g.by[from]
	if e == nil || now.Sub(e.heard) >= quiet {
		if e == nil {
			g.makeRoom(now)
		}
		e = &guesser{limit: rate.NewLimiter(rate.Every(guessEvery), guessesAtOnce)}
		g.by[from] = e
	}
	e.heard = now
	r := e.limit.ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait <= 0 {
		return 0
	}
	r.CancelAt(now) // waiting costs nothing: only attempts that are heard count
	return wait
}

// wrong notes that an attempt was wrong, and reports whether it was the first.
func (g *guesses) wrong(from netip.Prefix) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	e := g.by[from]
	if e == nil || e.wrong {
		return false
	}
	e.wrong = true
	return true
}

// forget lets somebody who knew the password begin anew.
func (g *guesses) forget(from netip.Prefix) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.by, from)
}

// makeRoom drops who has been quiet, and if nobody has, who was heard least recently.
func (g *guesses) makeRoom(now time.Time) {
	if len(g.by) < mostGuessers {
		return
	}
	var oldest netip.Prefix
	heard := now
	for from, e := range g.by {
		if now.Sub(e.heard) >= quiet {
			delete(g.by, from)
		} else if !e.heard.After(heard) {
			oldest, heard = from, e.heard
		}
	}
	if len(g.by) >= mostGuessers {
		delete(g.by, oldest)
	}
}
