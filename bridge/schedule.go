package bridge

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// job is one thing to fetch again and again.
type job struct {
	every    time.Duration
	due      time.Time
	failures int
	run      func(context.Context) error
	onDemand bool          // "poll now" means this one too,
	rest     time.Duration // unless it ran this recently
	ran      time.Time
	asked    bool    // somebody waits for it
	cost     float64 // requests, as far as is known
	metrics  []fitbit.Metric
}

// The places of the jobs that ask each other to come sooner.
const (
	sweepJob = 1
	bodyJob  = 2
)

// Waiting times of the schedule.
const (
	profileEvery = time.Hour // a traveller's day begins elsewhere
	sweepEvery   = time.Hour
	firstRetry   = 30 * time.Second // after trouble; doubles with each failure
	longestRetry = 15 * time.Minute
	deniedRetry  = 6 * time.Hour // a permission can only come back by a new sign-in
	pollBurst    = 10            // polls on demand in quick succession; one more each second
	demandRest   = time.Minute   // hearts and batteries do not change faster than that
)

// stop ends the poller and waits for it.
func (p *person) stop() {
	p.cancel()
	<-p.done
}

// run polls until ctx ends, or only waits for that once a new sign-in is needed, be it
// at another cloud: it starts another run.
func (p *person) run(ctx context.Context) {
	defer p.rememberSuccess(context.WithoutCancel(ctx))
	defer p.pulse.rest()
	defer p.dismiss()
	p.reportTrouble(ctx)
	for ctx.Err() == nil {
		if p.over() {
			p.show()
			p.noteRetirement(ctx)
			p.pulse.rest()
			p.idle(ctx)
			return
		}
		j := p.next()
		if wait := j.due.Sub(p.now()); wait > 0 {
			p.warnOfTheEnd()
			p.show()
			p.settle()
			p.wait(ctx, p.untilWarning(wait))
			continue
		}
		if until := p.unaffordable(j); !until.IsZero() {
			if j.due = until; j.onDemand {
				p.refuse(&fitbit.RateLimitError{Until: until})
			}
			continue
		}
		err := p.do(ctx, j)
		if _, ends := ctx.Deadline(); ends && errors.Is(err, context.DeadlineExceeded) {
			<-ctx.Done() // its turn would have come after the end: no trouble to report
		}
		if ctx.Err() != nil {
			return
		}
		p.schedule(j, err)
		if p.troubles[storage] != nil { // an idle account writes nothing: see whether it could
			err := p.record(ctx, p.ledger, Entry{Profile: &p.profile})
			p.log.Debug("history tried again", "error", err)
		}
		p.reportTrouble(ctx)
	}
}

// wait sleeps until something is due or asked for.
func (p *person) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	p.pulse.within(d)
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-p.pollNow:
		p.demand()
	case <-p.retimed:
		p.retime()
	}
}

// idle has nothing to poll any more, which whoever asks is told.
func (p *person) idle(ctx context.Context) {
	for {
		p.release(func(*ask) bool { return true }, p.outcome)
		select {
		case <-ctx.Done():
			return
		case <-p.pollNow:
		}
	}
}

// demand makes the jobs of "poll now" due. A stuck automation that presses the
// button without end is slowed down to one poll a second.
func (p *person) demand() {
	now := p.now()
	earned := int(now.Sub(p.refill) / time.Second)
	p.tokens, p.refill = min(p.tokens+max(earned, 0), pollBurst), now
	due := now
	if p.tokens == 0 {
		due = now.Add(time.Second)
	} else {
		p.tokens--
	}
	if p.limited.After(due) {
		due = p.limited
		p.begin(now, &fitbit.RateLimitError{Until: p.limited})
	}
	for _, j := range p.jobs {
		if j.onDemand && j.due.After(due) && !now.Before(j.ran.Add(j.rest)) {
			j.due, j.asked = due, true
		}
	}
	p.begin(due, nil)
}

// next is the job to do first; the first in the list where several are due.
func (p *person) next() *job {
	first := p.jobs[0]
	for _, j := range p.jobs[1:] {
		if j.due.Before(first.due) && first.due.After(p.now()) {
			first = j
		}
	}
	return first
}

func (p *person) nextDue() time.Time {
	due := p.jobs[0].due
	for _, j := range p.jobs[1:] {
		if j.due.Before(due) {
			due = j.due
		}
	}
	return due
}

// schedule decides when a job runs again after it ended with err.
func (p *person) schedule(j *job, err error) {
	now := p.now()
	j.ran, j.asked = now, false
	if err == nil || errors.Is(err, fitbit.ErrPermission) {
		j.failures = 0
		if !j.due.After(now) { // the job itself may have asked for another time
			j.due = p.turn(j)
		}
		return
	}
	j.failures++
	j.due = now.Add(early(backoff(j.failures)))
	limited, isLimit := errors.AsType[*fitbit.RateLimitError](err)
	switch {
	case isLimit: // the budget is the person's, not the job's
		p.limited = limited.Until.Add(time.Duration(rand.Int64N(int64(5 * time.Second)))) //nolint:gosec // spreading load
		if p.limited.After(now.Add(firstRetry)) {
			j.due = p.limited
		}
		p.postpone(p.limited)
	case errors.Is(err, fitbit.ErrReauthRequired):
		p.postpone(now.Add(early(longestRetry)))
	case errors.Is(err, fitbit.ErrRetired): // all of the cloud, or one kind of data? The weights tell
		p.jobs[bodyJob].due = now
	case errors.Is(err, fitbit.ErrSetup): // nothing that a minute mends
		j.due = now.Add(early(longestRetry))
		if errors.Is(err, fitbit.ErrNoToken) {
			p.postpone(j.due)
		}
	}
}

// backoff is how long to wait after so many failures in a row.
func backoff(failures int) time.Duration {
	if failures < 6 {
		return min(firstRetry<<(failures-1), longestRetry)
	}
	return longestRetry
}

// postpone lets no job run before t.
func (p *person) postpone(t time.Time) {
	for _, j := range p.jobs {
		if j.due.Before(t) {
			j.due = t
		}
	}
}

// meanEarly is what early leaves of a time, on average.
const meanEarly = 0.95

// early takes up to a tenth off, so that households do not all ask at once and
// nobody waits longer than they were told.
func early(d time.Duration) time.Duration {
	return d - time.Duration(rand.Int64N(int64(d)/10+1)) //nolint:gosec // spreading load
}
