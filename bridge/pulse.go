package bridge

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// Whoever watches over the bridge should restart it if it hangs, and only then: a cloud
// or a broker that is away is nothing that a restart would mend. So nobody counts how
// much gets done; every loop says by when it will be heard of again.

const (
	// leeway is what a loop may take beyond what it waits for: a busy database on a slow
	// card, and a machine with better things to do.
	leeway = 2 * time.Minute
	// fetchTime is how long a cloud that answers slowly may take over one metric: each of
	// several pages, and the token before them, has a limit of its own.
	fetchTime = 10 * time.Minute
)

// pulse is by when a loop will be heard of again. The zero value is a loop that does not
// run, which is expected of nobody.
type pulse struct{ due atomic.Pointer[time.Time] }

// within promises another word after what takes so long at most, if all goes well.
func (p *pulse) within(d time.Duration) { p.due.Store(new(time.Now().Add(d + leeway))) }

// rest says that nothing more is to be expected for now.
func (p *pulse) rest() { p.due.Store(nil) }

// late reports whether the promise is broken.
func (p *pulse) late() bool {
	due := p.due.Load()
	return due != nil && time.Now().After(*due)
}

// Alive returns nil if all loops go on, which those of a bridge that does not run do. The
// error names the ones that hang: they wait for something that has a time limit, or for
// each other, far longer than any limit is. It does not look at the databases.
func (b *Bridge) Alive() error {
	var hangs []error
	if b.watching.late() {
		hangs = append(hangs, errors.New("the look at who is connected hangs"))
	}
	if b.teller.pulse.late() {
		hangs = append(hangs, errors.New("publishing hangs"))
	}
	for _, p := range b.people() {
		if p.pulse.late() {
			hangs = append(hangs, fmt.Errorf("polling for %s hangs", p.account.Name))
		}
	}
	return errors.Join(hangs...)
}

// States counts the connected people by the state of their connection.
func (b *Bridge) States() map[State]int {
	states := make(map[State]int)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.persons {
		states[p.state()]++
	}
	for _, r := range slices.Concat(b.strangers, b.between) {
		states[r.Connection.State]++
	}
	return states
}
