package bridge

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// Round is what one round of asking has brought for one person.
type Round struct {
	PersonReport // how they stand after it
	// Events are what the house had not been told before the round, oldest first: what
	// the round has found, behind what an earlier one could not deliver.
	Events []Event
	// FirstLook says that there was no baseline before. None of what is there is news.
	FirstLook bool
	// Err is why the connection is not [StateOK].
	Err error
}

// Once does a single round instead of Run, for those who have something else that
// comes back: it asks for everything that Run asks for, of everybody or of the accounts
// named, remembers, publishes, and returns when the broker has acknowledged all of it.
// The topics of those who are not asked are left as they are.
//
// Between two rounds the values are as good as they were at the last, so the bridge
// counts as online, and nobody is told when to expect the next poll. Nobody looks
// again soon either: a body fat that is still on its way is not waited for. Its
// weigh-in is told without, and corrected by the round that finds it; held back, as
// Run does it, it would be held back by every round anew, and by all if none comes.
// A reading that has vanished is looked for once more within the round, because the
// next one does not know of the doubt.
//
// An error without rounds says that it could not begin. One beside them is why not all
// of it is published: what is owed stays owed, to the next round or Run. Without a
// publisher that is no error. Every round needs a bridge of its own.
func (b *Bridge) Once(ctx context.Context, publisher Publisher, accounts ...string) ([]Round, error) {
	rounds, err := b.round(ctx, accounts)
	if err != nil || publisher == nil {
		return rounds, err
	}
	owing := slices.ContainsFunc(rounds, func(r Round) bool { return len(r.Events) > 0 })
	return rounds, b.teller.deliver(ctx, publisher, owing)
}

// Look does a round like Once and shows what it finds, but leaves everything as it is:
// it remembers nothing and publishes nothing, so that it disturbs no bridge at work.
func (b *Bridge) Look(ctx context.Context, accounts ...string) ([]Round, error) {
	b.o.Memory, b.o.People = newOnlooker(b.o.Memory), visitor{b.o.People}
	return b.round(ctx, accounts)
}

// visit is what makes a bridge ask once and go.
type visit struct {
	accounts []string // who is asked; empty: everybody
}

// passes reports whether an account is left alone. A bridge that stays leaves out nobody.
func (v *visit) passes(account string) bool {
	return v != nil && len(v.accounts) > 0 && !slices.Contains(v.accounts, account)
}

func (b *Bridge) round(ctx context.Context, accounts []string) ([]Round, error) {
	b.visit = &visit{accounts}
	var pollers sync.WaitGroup
	err := b.reconcile(ctx, &pollers)
	pollers.Wait()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	rounds := []Round{}
	for _, p := range b.people() {
		r := Round{PersonReport: p.reportNow(), FirstLook: !p.profile.BaselineAt.Before(p.since)}
		_, r.Err = p.troubles.worst()
		owed, err := b.o.Memory.Owed(ctx, p.account.UID, math.MaxInt)
		if err != nil {
			return nil, fmt.Errorf("account %s: %w", p.account.Name, err)
		}
		for _, o := range owed {
			o.Event.Account = p.account.Name // it may have been renamed since
			r.Events = append(r.Events, o.Event)
		}
		rounds = append(rounds, r)
	}
	for _, s := range b.strangers {
		if !b.visit.passes(s.Account.Name) {
			rounds = append(rounds, Round{PersonReport: s, Err: errors.New(*s.Connection.Detail)})
		}
	}
	slices.SortStableFunc(rounds, func(x, y Round) int { return strings.Compare(x.Account.Name, y.Account.Name) })
	return rounds, nil
}

// How long a person's cloud may take in a round: whoever calls it wants it to end. For each
// thing that is still to be asked for some of the time is left, so that one that is never
// answered does not cost the others their turn.
const (
	roundPatience = time.Minute
	leastPatience = 10 * time.Second
)

// once asks for everything once: the small look at the body is part of the thorough one.
func (p *person) once(ctx context.Context) {
	ends, silent := p.now().Add(roundPatience-leastPatience*time.Duration(len(p.jobs)-2)), []fitbit.Metric{}
	for i, j := range p.jobs {
		if i == bodyJob {
			continue
		}
		if p.over() || ctx.Err() != nil {
			break
		}
		asking, cancel := context.WithTimeout(ctx, ends.Sub(p.now()))
		err := j.run(asking)
		late := asking.Err() != nil
		cancel()
		if ends = ends.Add(leastPatience); late {
			silent = append(silent, j.metrics...)
			continue
		}
		// Whether the cloud is gone as a whole is for the weights to say.
		if stops(err) && StateOf(err) != StateSourceRetired {
			break
		}
	}
	if len(silent) > 0 && ctx.Err() == nil {
		p.noteSilence(silent)
	}
	sweep := p.jobs[sweepJob]
	if doubt := sweep.due.Sub(p.now()); sweep.due.After(p.since) && ctx.Err() == nil {
		p.wait(ctx, doubt)
		asking, cancel := context.WithTimeout(ctx, leastPatience)
		_ = sweep.run(asking) // among the troubles, if it fails
		cancel()
	}
	p.rememberSuccess(context.WithoutCancel(ctx))
	if ctx.Err() != nil {
		return
	}
	p.noteRetirement(ctx)
	p.reportTrouble(ctx)
	p.show()
}

// noteSilence puts what was not reached in time among the troubles: those of the metrics that
// have no success in this round, and no trouble of another kind.
func (p *person) noteSilence(metrics []fitbit.Metric) {
	var missed []fitbit.Metric
	for _, j := range p.jobs {
		for _, m := range j.metrics {
			err := p.troubles[m]
			if err == nil && slices.Contains(metrics, m) && !p.answered[m] || StateOf(err) == StateUnavailable {
				missed = append(missed, m)
			}
		}
	}
	if len(missed) == 0 {
		return
	}
	err := &fitbit.CloudError{Kind: fitbit.ErrUnavailable, Detail: "it did not answer in time about " + fitbit.Words(missed...)}
	for _, m := range missed {
		p.troubles[m] = err
	}
}

// deliverPatience is how long a single round waits for a broker that acknowledges
// nothing, be it away or not.
const deliverPatience = 10 * time.Second

// deliver publishes all that there is, once, instead of run. It says no goodbye. owing
// is whether there are events; else nobody has to wait until their device has settled.
// Errors: ErrBrokerAway, ErrStorage, ctx's own.
func (a *announcer) deliver(ctx context.Context, publisher Publisher, owing bool) error {
	telling, cut := context.WithCancel(context.WithoutCancel(ctx)) // as in Bridge.Run
	defer cut()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(finishTimeout, cut) })()
	a.begin(publisher)
	select {
	case <-a.owed:
	default:
	}
	a.owing = owing
	again, enough := time.NewTimer(0), time.NewTimer(deliverPatience)
	defer again.Stop()
	defer enough.Stop()
	for acknowledged := int64(0); ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-enough.C:
			return a.undelivered(telling)
		case <-a.connected:
			a.up = true
			a.greet(telling, true)
		case <-again.C:
		}
		next := a.work(telling)
		if a.up && next.IsZero() {
			a.health(telling) // as it is in the end
			if next = a.work(telling); a.up && next.IsZero() {
				return nil
			}
		}
		if !next.IsZero() {
			again.Reset(max(time.Until(next), 0))
		}
		if n := a.b.stats.published.Load(); n > acknowledged {
			acknowledged = n
			enough.Reset(deliverPatience)
		}
	}
}

// undelivered says why not all is published.
func (a *announcer) undelivered(ctx context.Context) error {
	if !a.up {
		a.trouble = a.publisher.Publish(ctx, Message{Topic: a.b.topics.state(), Payload: []byte(online), Retained: true})
	}
	if a.trouble == nil {
		return ErrBrokerAway // it has just come back, too late
	}
	return a.trouble
}
