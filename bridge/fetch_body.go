package bridge

import (
	"context"
	"errors"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// How far back the body is looked at.
const (
	minuteWindow   = 3 * 24 * time.Hour   // every minute: late arrivals of a weekend
	sweepWindow    = 30 * 24 * time.Hour  // every hour: edits, deletions
	baselineWindow = 366 * 24 * time.Hour // once: enough for the trend and a year's chart
)

// secondOpinion is how soon a reading that has vanished is looked for again.
const secondOpinion = 10 * time.Second

// fetchBody is the small look every minute: recent weights, and body fat only if
// they have changed.
func (p *person) fetchBody(ctx context.Context) error {
	window := fitbit.Window{From: p.now().Add(-minuteWindow)}
	if p.profile.BaselineAt.IsZero() || p.moved() {
		return p.sweepBody(ctx) // until there is a baseline nothing is news
	}
	weights, err := p.weights(ctx, window)
	if err != nil {
		return err
	}
	look := listing{cloud: p.account.Backend, window: window, weights: &weights}
	if r := p.ledger.compare(look, p.now()); r.empty() && !r.doubt && r.waitUntil.IsZero() {
		p.believe(r.next)
		return nil
	}
	fats, err := p.fats(ctx, window)
	if err == nil {
		look.fats = &fats
	}
	return worse(err, p.learn(ctx, look, nil))
}

// moved reports whether the body has only been looked at in another cloud so far.
func (p *person) moved() bool { return p.profile.Cloud != p.account.Backend }

// sweepBody looks at the last weeks and finds edits, deletions and late arrivals.
// The first time, and the first time in another cloud, it looks at the last year.
func (p *person) sweepBody(ctx context.Context) error {
	now := p.now()
	first := p.profile.BaselineAt.IsZero()
	window := fitbit.Window{From: now.Add(-sweepWindow)}
	if gap := p.profile.SweptAt.Add(-minuteWindow); gap.Before(window.From) {
		window.From = gap // the bridge or the cloud has been off for long
	}
	if year := now.Add(-baselineWindow); first || p.moved() || window.From.Before(year) {
		window.From = year
	}
	weights, err := p.weights(ctx, window)
	if err != nil {
		return err
	}
	fats, err := p.fats(ctx, window)
	look := listing{cloud: p.account.Backend, window: window, weights: &weights, last: p.b.visit != nil}
	if err == nil {
		look.fats = &fats
	}
	if first || p.moved() {
		if err != nil && !errors.Is(err, fitbit.ErrPermission) {
			return err // a first look without its body fat would turn each of them into news later
		}
		if first {
			return p.baseline(ctx, look)
		}
		return p.moveIn(ctx, look)
	}
	lerr := p.learn(ctx, look, nil)
	if lerr == nil && StateOf(err) == StateOK { // permission that is missing will not come later
		p.profile.SweptAt = now
	}
	return worse(err, lerr)
}

// moveIn takes in the first listing of the cloud that somebody has moved to. It tells
// again most of what is known from the cloud before; what that one has never shown of
// the time in which it was looked at is taken for granted, as in a baseline. That the
// person has moved is remembered in the same step: whatever comes in between, the next
// life begins with the same look or is done with it.
func (p *person) moveIn(ctx context.Context, look listing) error {
	profile := p.profile
	look.news = profile.SweptAt.Add(-minuteWindow)
	profile.Cloud, profile.SweptAt = p.account.Backend, p.now()
	if err := p.learn(ctx, look, &profile); err != nil {
		return err
	}
	p.log.Info("first look at another cloud finished", "backend", p.account.Backend, "weigh_ins", len(p.ledger.weighIns))
	return nil
}

// baseline stores what was there before us. None of it is an event.
func (p *person) baseline(ctx context.Context, look listing) error {
	if len(*look.weights) == 0 {
		err := p.try(ctx, fitbit.WeightMetric, func() error {
			latest, err := p.source.LatestWeight(ctx)
			if err == nil {
				*look.weights = append(*look.weights, latest)
			}
			return err
		})
		if err != nil && !errors.Is(err, fitbit.ErrNoData) {
			return err
		}
	}
	known := make([]KnownWeight, len(*look.weights))
	for i, w := range *look.weights {
		known[i].Weight, known[i].Cloud = w, look.cloud
	}
	var fats []KnownFat
	if look.fats != nil {
		for _, f := range *look.fats {
			fats = append(fats, KnownFat{f, look.cloud})
		}
	}
	next := newLedger(known, fats)
	profile := p.profile
	profile.BaselineAt, profile.Cloud = p.now(), look.cloud
	profile.SweptAt = profile.BaselineAt
	if err := p.record(ctx, next, Entry{Weights: next.weights, Fats: next.fats, Profile: &profile}); err != nil {
		return err
	}
	p.log.Info("first look finished", "weigh_ins", len(next.weighIns))
	p.showBody()
	return nil
}

func (p *person) weights(ctx context.Context, in fitbit.Window) (list []fitbit.Weight, err error) {
	err = p.try(ctx, fitbit.WeightMetric, func() (err error) {
		list, err = p.source.Weights(ctx, in)
		return err
	})
	return list, err
}

func (p *person) fats(ctx context.Context, in fitbit.Window) (list []fitbit.BodyFat, err error) {
	err = p.try(ctx, fitbit.BodyFatMetric, func() (err error) {
		list, err = p.source.BodyFats(ctx, in)
		return err
	})
	return list, err
}

// believe takes over a ledger that differs only in what is not stored.
func (p *person) believe(next *ledger) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ledger = next
}

// learn takes in a listing: remember readings and the events owed for them, and the
// profile if there is one, in one step, then show the new state.
func (p *person) learn(ctx context.Context, look listing, profile *Profile) error {
	now := p.now()
	r := p.ledger.compare(look, now)
	if r.doubt {
		p.jobs[sweepJob].due = now.Add(secondOpinion)
	}
	if !r.waitUntil.IsZero() {
		p.jobs[bodyJob].due = r.waitUntil
	}
	if r.empty() && profile == nil {
		p.believe(r.next)
		return nil
	}
	r.entry.Profile = profile
	for _, f := range r.found {
		r.entry.Events = append(r.entry.Events, newEvent(f, p.profile.HeightMetres, p.account.Name))
	}
	p.learning.Lock()
	defer p.learning.Unlock()
	if err := p.record(ctx, r.next, r.entry); err != nil {
		return err
	}
	if len(r.found) > 0 {
		p.found(r.entry.Events)
		p.b.teller.owed.raise()
	}
	p.showBody()
	return nil
}
