package bridge

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// retired says why an account's cloud is asked no more, as well as that is known.
func (a Account) retired() error {
	return &fitbit.CloudError{
		Kind:   fitbit.ErrRetired,
		Detail: or(a.LostDetail, "this cloud has been turned off for good"),
		Hint:   or(a.LostHint, "move to another cloud: fitbit2mqtt connect ACCOUNT"),
	}
}

// retirement is how it was found out that the cloud is gone: it has no weights any more,
// without which the rest is of no use, or hands out no tokens. Nil if it is there. A
// cloud that has given up any other kind of data is asked on.
func (p *person) retirement() error {
	for _, m := range slices.Sorted(maps.Keys(p.troubles)) {
		err := p.troubles[m]
		if errors.Is(err, fitbit.ErrRetired) && (m == fitbit.WeightMetric || errors.Is(err, fitbit.ErrNoToken)) {
			return err
		}
	}
	return nil
}

// over reports whether polling makes no sense any more: the sign-in is known to be
// gone, or the cloud is. A cloud that merely refuses a fresh token is asked again.
func (p *person) over() bool {
	return !p.account.SignedIn || p.account.Retired || p.retirement() != nil
}

// noteRetirement has it remembered that the cloud is gone, so that no later life asks it
// either. If that fails, it is tried again, in another round if the bridge is about to
// go, and still the cloud is not asked.
func (p *person) noteRetirement(ctx context.Context) {
	why := p.retirement()
	if why == nil || p.account.Retired {
		return
	}
	for failures := 1; ; failures++ {
		err := p.b.o.People.Retired(ctx, p.account, why)
		if err == nil || ctx.Err() != nil {
			return
		}
		if failures == 1 {
			p.log.Warn("it could not be noted that the cloud is gone", "error", err)
		}
		if p.b.visit != nil {
			return
		}
		p.wait(ctx, backoff(failures))
	}
}
