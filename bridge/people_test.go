package bridge_test

import (
	"context"
	"slices"
	"sync"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// people is who is connected.
type people struct {
	mu       sync.Mutex
	version  int64
	accounts []bridge.Account
	clouds   map[string]*cloud // by UID
	unknown  map[string]error  // by backend: why there is no source
	removed  []string          // and not forgotten
	refuse   error
	retired  []error // why, as noted
	noNote   error   // why that cannot be noted
	onSource func()  // called while somebody is being started; may be nil
}

func (p *people) Accounts(context.Context) ([]bridge.Account, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.accounts), p.refuse
}

func (p *people) Version(context.Context) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.version, nil
}

func (p *people) Source(a bridge.Account) (fitbit.Source, error) {
	if p.onSource != nil {
		p.onSource()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.clouds[a.UID], p.unknown[a.Backend]
}

func (p *people) Retired(_ context.Context, a bridge.Account, why error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.noNote != nil {
		return p.noNote
	}
	p.retired = append(p.retired, why)
	p.accounts = slices.Clone(p.accounts)
	for i, o := range p.accounts {
		if o.UID == a.UID && o.Generation == a.Generation {
			o.Retired, o.LostDetail, o.LostHint = true, "noted", fitbit.Hint(why)
			p.accounts[i] = o
			p.version++
		}
	}
	return nil
}

func (p *people) Removed(context.Context) ([]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.removed), nil
}

func (p *people) Forgotten(_ context.Context, uid string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.removed = slices.DeleteFunc(p.removed, func(r string) bool { return r == uid })
	return nil
}

// remove takes somebody out, on purpose.
func (p *people) remove(uid string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accounts = slices.DeleteFunc(slices.Clone(p.accounts), func(a bridge.Account) bool { return a.UID == uid })
	p.removed = append(p.removed, uid)
	p.version++
}

// set replaces the accounts.
func (p *people) set(accounts ...bridge.Account) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accounts = accounts
	p.version++
}
