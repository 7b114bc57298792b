package bridge

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

const (
	// pollPatience is how long a request for a poll waits for its end.
	pollPatience = time.Minute
	// mostAsks is how many may wait for the same person's poll.
	mostAsks = 20
)

// What keeps a poll from being waited for.
var (
	errCutShort = errors.New("the poll was cut short, because the account has changed or the bridge stops; ask again")
	errCrowd    = fmt.Errorf("%d others wait for this poll already; ask again later", mostAsks)
	errAnew     = errors.New("is just being started anew, and polled by itself; ask again")
)

// polled is what a poll on demand has brought, for the response.
type polled struct {
	Account string `json:"account"`
	State   State  `json:"state"`
	// Events are as published, oldest first.
	Events []Event `json:"events"`
	// AwaitingBodyFat counts weigh-ins that will be told within half a minute, with or
	// without the body fat that is still missing.
	AwaitingBodyFat int `json:"awaiting_body_fat"`
}

// inquiry is a request for a poll, and what has come of it so far.
type inquiry struct {
	answer func(data []byte, err error)

	mu       sync.Mutex
	left     int // accounts whose poll goes on
	polled   map[string]polled
	failures []string
	late     *time.Timer // answers instead
	answered bool
}

// inquire polls somebody, or everybody, and answers once that is done.
func (b *Bridge) inquire(account string, answer func(data []byte, err error)) {
	b.mu.Lock()
	var names []string
	var persons []*person
	var failures []string
	for _, p := range b.persons {
		names = append(names, p.account.Name)
		if account == "" || p.account.Name == account {
			persons = append(persons, p)
		}
	}
	for i, r := range slices.Concat(b.strangers, b.between) {
		names = append(names, r.Account.Name)
		if account != "" && r.Account.Name != account {
			continue
		}
		if why := errAnew.Error(); i < len(b.strangers) && r.Connection.Detail != nil {
			failures = append(failures, r.Account.Name+": "+*r.Connection.Detail)
		} else {
			failures = append(failures, r.Account.Name+": "+why)
		}
	}
	b.mu.Unlock()
	if account != "" && len(persons)+len(failures) == 0 {
		slices.Sort(names)
		answer(nil, fmt.Errorf("there is no account %q; there are: %s", account, or(strings.Join(names, ", "), "none")))
		return
	}
	q := &inquiry{answer: answer, left: len(persons) + 1, polled: make(map[string]polled), failures: failures}
	q.late = time.AfterFunc(pollPatience, q.giveUp)
	for _, p := range persons {
		p.askFor(q.done)
	}
	q.done(nil, nil) // all are asked
}

// done takes in the end of one account's poll.
func (q *inquiry) done(p *polled, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if p != nil && err == nil {
		q.polled[p.Account] = *p
	}
	if err != nil {
		q.failures = append(q.failures, err.Error())
	}
	if q.left--; q.left == 0 {
		q.late.Stop()
		q.finish()
	}
}

// giveUp answers though the poll goes on.
func (q *inquiry) giveUp() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.failures = append(q.failures, fmt.Sprintf("the poll takes longer than %s and goes on; what is new is published when it comes", pollPatience))
	q.finish()
}

func (q *inquiry) finish() {
	if q.answered {
		return
	}
	q.answered = true
	slices.Sort(q.failures)
	var data []byte
	if len(q.polled) > 0 || len(q.failures) == 0 {
		list := []polled{} // never null
		for _, name := range slices.Sorted(maps.Keys(q.polled)) {
			list = append(list, q.polled[name])
		}
		data = encode(struct {
			Accounts []polled `json:"accounts"`
		}{list})
	}
	var err error
	if len(q.failures) > 0 {
		err = errors.New(strings.Join(q.failures, "; "))
	}
	q.answer(data, err)
}

// ask is somebody who waits for a poll of one person.
type ask struct {
	answer func(*polled, error) // called once
	begun  bool                 // the jobs of "poll now" are due,
	by     time.Time            // by this time
	events []Event              // found since it was asked
	err    error                // why there will be no poll
}

// asks are those who wait. Whoever comes once it is closed is sent away.
type asks struct {
	mu     sync.Mutex
	list   []*ask
	closed bool
}

// askFor is "poll now" for somebody who waits for the end.
func (p *person) askFor(answer func(*polled, error)) {
	p.asks.mu.Lock()
	refusal := error(nil)
	switch {
	case p.asks.closed:
		refusal = errCutShort
	case len(p.asks.list) >= mostAsks:
		refusal = errCrowd
	default:
		p.asks.list = append(p.asks.list, &ask{answer: answer})
	}
	p.asks.mu.Unlock()
	if refusal != nil {
		answer(nil, fmt.Errorf("%s: %w", p.account.Name, refusal))
		return
	}
	p.pollNow.raise()
}

// begin notes by when the jobs of "poll now" are due, for all who wait. With an error
// there will be no poll.
func (p *person) begin(by time.Time, err error) {
	p.asks.mu.Lock()
	defer p.asks.mu.Unlock()
	for _, a := range p.asks.list {
		if !a.begun {
			a.begun, a.by, a.err = true, by, err
		}
	}
}

// refuse has those who wait know why there is no poll.
func (p *person) refuse(err error) {
	p.asks.mu.Lock()
	defer p.asks.mu.Unlock()
	for _, a := range p.asks.list {
		if a.begun && a.err == nil {
			a.err = err
		}
	}
}

// found adds news to what those who wait will be told.
func (p *person) found(events []Event) {
	p.asks.mu.Lock()
	defer p.asks.mu.Unlock()
	for _, a := range p.asks.list {
		a.events = append(a.events, events...)
	}
}

// settle answers those whose poll has ended: all jobs of "poll now" have run since, or
// have been put off.
func (p *person) settle() {
	p.release(func(a *ask) bool {
		return a.begun && !slices.ContainsFunc(p.jobs, func(j *job) bool { return j.onDemand && !j.due.After(a.by) })
	}, p.outcome)
}

// dismiss sends away whoever still waits, and all who come.
func (p *person) dismiss() {
	p.asks.mu.Lock()
	p.asks.closed = true
	p.asks.mu.Unlock()
	p.release(func(*ask) bool { return true }, func(*ask) (*polled, error) {
		return nil, fmt.Errorf("%s: %w", p.account.Name, errCutShort)
	})
}

// release answers those who need wait no longer.
func (p *person) release(over func(*ask) bool, outcome func(*ask) (*polled, error)) {
	p.asks.mu.Lock()
	var done []*ask
	p.asks.list = slices.DeleteFunc(p.asks.list, func(a *ask) bool {
		if over(a) {
			done = append(done, a)
			return true
		}
		return false
	})
	p.asks.mu.Unlock()
	for _, a := range done {
		a.answer(outcome(a))
	}
}

// outcome is what to tell somebody who has waited.
func (p *person) outcome(a *ask) (*polled, error) {
	state, cause := p.troubles.worst()
	if a.err != nil {
		cause = a.err
	}
	if cause == nil {
		return &polled{
			Account: p.account.Name, State: state, Events: append([]Event{}, a.events...), // never null
			AwaitingBodyFat: len(p.ledger.awaited),
		}, nil
	}
	hint := p.hint(cause)
	if limited, isLimit := errors.AsType[*fitbit.RateLimitError](cause); isLimit {
		cause = &fitbit.RateLimitError{Until: limited.Until.In(p.location())}
		hint = "ask again after that"
	}
	return nil, fmt.Errorf("%s: %w (%s)", p.account.Name, cause, or(hint, "it is tried again by itself"))
}
