package bridge

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// Some clouds allow so many requests in a window of time. The schedule learns what its
// jobs cost, and stretches all intervals alike where what is left would not last.

// spareShare is which part of a budget is left for "poll now", and for what nobody has
// foreseen: one in so many.
const spareShare = 10

// budget is what a cloud allows until it counts anew.
type budget struct {
	limit, left int // requests
	spare       int // of what is left, not for what comes by itself
	until       time.Time
}

// budget returns what the cloud still allows, and false if nobody knows: it does not
// count, or what it has counted is over.
func (p *person) budget() (budget, bool) {
	m, counts := p.source.(fitbit.Metered)
	if !counts {
		return budget{}, false
	}
	u := m.Usage()
	if u.Limit <= 0 || !u.Reset.After(p.now()) {
		return budget{}, false
	}
	return budget{limit: u.Limit, left: u.Remaining, spare: u.Limit / spareShare, until: u.Reset}, true
}

// anew is when to ask again once the cloud counts anew: not all in the same second.
func (b budget) anew() time.Time {
	return b.until.Add(time.Duration(rand.Int64N(int64(5 * time.Second)))) //nolint:gosec // spreading load
}

// do runs a job, and learns what it costs. Not from the first time: a first look goes
// further back than those that follow. Nor from one that has failed: that was not all.
func (p *person) do(ctx context.Context, j *job) error {
	m, counts := p.source.(fitbit.Metered)
	if !counts {
		return j.run(ctx)
	}
	before := m.Usage().Requests
	err := j.run(ctx)
	if cost := float64(m.Usage().Requests - before); !j.ran.IsZero() && (err == nil || errors.Is(err, fitbit.ErrPermission)) {
		if j.cost > 0 {
			cost = (j.cost + cost) / 2
		}
		j.cost = cost
	}
	return err
}

// unaffordable says until when the budget does not allow a job; zero if it does.
func (p *person) unaffordable(j *job) time.Time {
	b, counted := p.budget()
	if !counted {
		return time.Time{}
	}
	own := b.limit - b.spare
	need := min(max(int(math.Ceil(j.cost)), 1), own) // one that costs more than all waits for a whole budget
	left := b.left
	if !j.asked {
		left -= b.spare
	}
	if need <= left {
		return time.Time{}
	}
	return b.anew()
}

// turn is when a job that has just run runs again.
func (p *person) turn(j *job) time.Time {
	now := p.now()
	due := now.Add(early(j.every))
	factor, b := p.stretch()
	if factor <= 1 {
		return due
	}
	if factor >= 2 && b.left > b.limit/2 && !p.slowed { // not only because a first look was dear
		p.slowed = true
		p.log.Info("polling is slowed down to last with what the cloud allows", "factor", round(factor, 1), "requests_allowed", b.limit)
	}
	if anew := b.anew(); due.Before(anew) { // nobody waits for longer than until there is a new budget
		due = anew
	}
	if wait := float64(j.every) * factor; wait < float64(due.Sub(now)) {
		due = now.Add(early(time.Duration(wait)))
	}
	return due
}

// stretch says how many times longer than configured the intervals have to be for the
// budget, which it returns too; 1 if it lasts.
func (p *person) stretch() (factor float64, b budget) {
	b, counted := p.budget()
	if !counted {
		return 1, b
	}
	perSecond := 0.0
	for _, j := range p.jobs {
		perSecond += j.cost / (j.every.Seconds() * meanEarly)
	}
	need, have := perSecond*b.until.Sub(p.now()).Seconds(), float64(b.left-b.spare)
	if need <= have {
		return 1, b
	}
	const almostNothing = 0.1
	return need / max(have, almostNothing), b
}
