package bridge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// watch notices people who come, go or sign in again, here or in another process.
func (b *Bridge) watch(ctx context.Context, pollers *sync.WaitGroup, version int64) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	trouble := ""
	look := func() {
		v, err := b.o.People.Version(ctx)
		if err != nil || v == version {
			return // a store that cannot be read is reported by whoever needs a token
		}
		if err := b.reconcile(ctx, pollers); err != nil {
			if ctx.Err() == nil && err.Error() != trouble {
				trouble = err.Error()
				b.o.Log.Warn("accounts could not be read", "error", err)
			}
			return
		}
		version, trouble = v, ""
	}
	defer b.watching.rest()
	for {
		b.watching.within(time.Second)
		select {
		case <-ctx.Done():
			return
		case seen := <-b.syncs:
			look()
			close(seen)
		case <-tick.C:
			look()
		}
	}
}

// Sync returns once the bridge has taken in what has become of the accounts so far;
// at the latest when ctx ends.
func (b *Bridge) Sync(ctx context.Context) {
	seen := make(chan struct{})
	select {
	case b.syncs <- seen:
	case <-ctx.Done():
		return
	}
	select {
	case <-seen:
	case <-ctx.Done():
	}
}

// reconcile starts, restarts and stops pollers so that they match the accounts.
func (b *Bridge) reconcile(ctx context.Context, pollers *sync.WaitGroup) error {
	// Before the accounts: whoever has come back since their removal is in both lists.
	removed, err := b.o.People.Removed(ctx)
	if err != nil {
		return fmt.Errorf("list removed accounts: %w", err)
	}
	accounts, err := b.o.People.Accounts(ctx)
	if err != nil {
		return fmt.Errorf("list accounts: %w", err)
	}
	gone := make(map[string]bool) // by UID
	for _, uid := range removed {
		gone[uid] = true
	}
	wanted := make(map[string]Account, len(accounts))
	for _, a := range accounts {
		wanted[a.UID] = a
	}
	reported := b.part(ctx, wanted, gone)
	kept := b.forget(ctx, gone, wanted)
	var errs []error
	var strangers []PersonReport
	for _, a := range accounts {
		if _, isNew := wanted[a.UID]; !isNew {
			continue
		}
		if err := kept[a.UID]; err != nil {
			errs = append(errs, fmt.Errorf("account %s: %w", a.Name, err))
			continue
		}
		if b.visit.passes(a.Name) {
			strangers = append(strangers, PersonReport{Account: a})
			continue
		}
		source, err := b.o.People.Source(a)
		if err != nil { // the others go on
			strangers = append(strangers, b.stranger(a, err))
			continue
		}
		errs = append(errs, b.start(ctx, pollers, a, source, or(reported[a.UID], StateOK)))
	}
	b.mu.Lock()
	b.strangers, b.between = strangers, nil
	b.mu.Unlock()
	b.publishInfo(accounts)
	return errors.Join(errs...)
}

// part stops whoever is not wanted or not the same as before, and adds those who leave
// to gone; whoever goes on undisturbed is wanted no more. It returns what the log last
// said of those who will be started again.
func (b *Bridge) part(ctx context.Context, wanted map[string]Account, gone map[string]bool) (reported map[string]State) {
	reported = make(map[string]State)
	for _, p := range b.people() {
		a, stays := wanted[p.account.UID]
		stays = stays && !gone[p.account.UID]
		if stays && a.same(p.account) {
			delete(wanted, a.UID)
			continue
		}
		p.stop()
		b.mu.Lock()
		delete(b.persons, p.account.UID)
		if stays { // whoever looks meanwhile must not believe that they are gone
			r := p.reportNow()
			r.Account = a
			b.between = append(b.between, r)
		}
		b.mu.Unlock()
		switch {
		case !stays:
			b.withdraw(ctx, p)
			gone[p.account.UID] = true // whatever another process has forgotten: our poller may have written since
		case a.Name != p.account.Name:
			b.board.clear(p.states()...) // configs stay: they follow the UID
			fallthrough
		default:
			reported[a.UID] = p.state()
		}
	}
	return reported
}

// same reports whether nothing has changed that a poller has to know.
func (a Account) same(o Account) bool {
	return a.Name == o.Name && a.UID == o.UID && a.Backend == o.Backend && a.Generation == o.Generation &&
		a.SignedIn == o.SignedIn && a.Retired == o.Retired && a.Identity == o.Identity && a.SignInExpires.Equal(o.SignInExpires) &&
		a.LostDetail == o.LostDetail && a.LostHint == o.LostHint && slices.Equal(a.Missing, o.Missing)
}

func (b *Bridge) start(ctx context.Context, pollers *sync.WaitGroup, a Account, source fitbit.Source, reported State) error {
	past, err := b.o.Memory.Recall(ctx, a.UID)
	if err != nil {
		return fmt.Errorf("account %s: %w", a.Name, err)
	}
	var before *person
	if past.anothers(a) {
		// The name was handed over to somebody else. Their readings are no news, and
		// those of whoever had it before are none of theirs.
		if err := b.o.Memory.Forget(ctx, a.UID); err != nil {
			return fmt.Errorf("account %s: %w", a.Name, err)
		}
		before, past = newPerson(b, a, source, past), Past{}
	}
	p := newPerson(b, a, source, past)
	p.shown.Store(&reported)
	p.show()
	p.announce()
	if before != nil { // scales and trackers, too
		p.tidy(ctx, before.states(), before.configs())
	}
	b.mu.Lock()
	b.persons[a.UID] = p
	b.between = slices.DeleteFunc(b.between, func(r PersonReport) bool { return r.Account.UID == a.UID })
	b.mu.Unlock()
	b.teller.owed.raise() // perhaps from an earlier life
	ctx, p.cancel = context.WithCancel(ctx)
	pollers.Go(func() {
		defer close(p.done)
		if b.visit != nil {
			p.once(ctx)
			return
		}
		p.run(ctx)
	})
	return nil
}

// withdraw removes a person from the house: topics and discovery.
func (b *Bridge) withdraw(ctx context.Context, p *person) {
	for _, m := range p.configs() {
		b.teller.bury(ctx, m)
	}
	b.board.clear(p.states()...)
	b.o.Log.Info("account removed", "account", p.account.Name)
}

// forget deletes the history of removed accounts, and then that they were removed. It
// returns what went wrong with those who have come back: they must not begin with the
// history of before, nor lose it later. The others are tried again at the next start
// or change.
func (b *Bridge) forget(ctx context.Context, gone map[string]bool, back map[string]Account) map[string]error {
	failed := make(map[string]error)
	for uid := range gone {
		err := b.o.Memory.Forget(ctx, uid)
		if err == nil {
			err = b.o.People.Forgotten(ctx, uid)
		}
		if _, isBack := back[uid]; isBack && err != nil {
			failed[uid] = fmt.Errorf("forget what was removed: %w", err)
		} else if err != nil {
			b.o.Log.Warn("history of a removed account could not be deleted", "uid", uid, "error", err)
		}
	}
	return failed
}

// people lists the running persons by account name.
func (b *Bridge) people() []*person {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.SortedStableFunc(maps.Values(b.persons), func(x, y *person) int {
		return strings.Compare(x.account.Name, y.account.Name)
	})
}
