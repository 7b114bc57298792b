package signin

import (
	"context"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// Refresh renews the tokens of the account of that name now, however long they would
// still last, asks its cloud for something with the new one, and returns the account as
// it is after that, as far as it is known. Where the sign-in or the cloud is known to be
// gone, nothing is sent. Errors: [tokenstore.ErrNotFound]; a [*Trouble] if there is no
// such cloud; those of [tokenstore.Store.Tokens] and [fitbit.PersonSource].
func (d *Desk) Refresh(ctx context.Context, name string) (tokenstore.Account, error) {
	before, err := d.Store.Account(ctx, name)
	if err != nil {
		return tokenstore.Account{}, err
	}
	cloud, err := d.cloud(before.Backend)
	if err != nil {
		return before, err
	}
	if !before.SignedIn && before.LostDetail != "" {
		return before, &fitbit.CloudError{Kind: fitbit.ErrReauthRequired, Detail: before.LostDetail, Hint: before.LostHint}
	}
	renewal := d.renewal(before.UID, before.Backend)
	if err := d.Store.Renew(ctx, before.UID, before.Backend, renewal); err != nil {
		return before, err
	}
	after, err := d.Store.AccountOf(ctx, before.UID)
	if err != nil {
		return before, err
	}
	_, err = cloud.Source(d.Store.Tokens(before.UID, before.Backend, renewal)).Identity(ctx)
	return after, err
}
