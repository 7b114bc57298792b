package signin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// Import is a sign-in that another program made. It prints as "redacted".
type Import struct {
	Name    string // of the account here
	Backend string // the cloud; empty: the account's, else the default one
	// Client is the id of the OAuth client that it was made with; empty: the one that a
	// sign-in here would choose. Secret is the client's, if it has one; empty: as it is
	// known here.
	Client, Secret string
	RefreshToken   string
	Move           bool // hands the name over, as in [Request]
	SamePerson     bool // as in [Request]
}

// String keeps token and secret out of logs and error texts.
func (Import) String() string { return "redacted" }

// GoString does the same for %#v.
func (Import) GoString() string { return "redacted" }

// LogValue does the same for slog.
func (Import) LogValue() slog.Value { return slog.StringValue("redacted") }

// Import takes a sign-in over from another program, which must not use it any more: the
// refresh token is spent, once, and what it was spent for goes into the account of that
// name. Whatever stops it after that, the same import goes on from there, perhaps under
// another name. Errors: those of [fitbit.CheckName]; a [*Trouble]; ctx's own.
func (d *Desk) Import(ctx context.Context, in Import) (Outcome, error) {
	if err := fitbit.CheckName(in.Name); err != nil {
		return Outcome{}, err
	}
	if !d.enter() {
		return Outcome{}, stopping("the same import goes on from where it was")
	}
	defer d.finishing.Done()
	before, err := d.Store.Account(ctx, in.Name)
	if errors.Is(err, tokenstore.ErrNotFound) {
		err = nil
	}
	in.Backend = cmp.Or(in.Backend, before.Backend, d.Default)
	e := d.errand(tokenstore.Attempt{Name: in.Name, Backend: in.Backend}, before)
	e.imported = true
	var account tokenstore.Account
	if err == nil {
		account, err = d.takeOver(ctx, in, before, &e)
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return Outcome{}, ctx.Err()
	}
	if err != nil {
		t := trouble(err, e)
		d.Log.Warn("sign-in not taken over", "account", in.Name, "backend", in.Backend, "reason", string(t.Code), "error", t.Error(), "hint", t.Hint)
		return Outcome{Account: in.Name, Backend: in.Backend, Trouble: t}, t
	}
	o := d.success(account, before)
	d.Log.Info("sign-in taken over", "account", o.Account, "backend", o.Backend, "not_granted", len(o.Missing), "ends", ends(o.SignInExpires))
	return o, nil
}

// takeOver spends the token, finds out whose it is, and puts what it was spent for into
// the account. The errand learns how to begin anew at each step.
func (d *Desk) takeOver(ctx context.Context, in Import, before tokenstore.Account, e *errand) (tokenstore.Account, error) {
	const same = "run the same import again"
	e.next = same
	cloud, err := d.cloud(in.Backend)
	if err != nil {
		return tokenstore.Account{}, err
	}
	client, known, err := d.importClient(ctx, cloud, in, before)
	if err != nil {
		return tokenstore.Account{}, err
	}
	if in.RefreshToken == "" {
		return tokenstore.Account{}, &Trouble{Code: Setup, Detail: "there is no refresh token to take over", Hint: "sign in instead: " + e.command(e.flags)}
	}
	renew := func(ctx context.Context, stale string) (tokenstore.Imported, error) {
		taken, err := d.Store.TakeOver(ctx, tokenstore.Import{
			Backend: in.Backend, RefreshToken: in.RefreshToken, Client: client, Keep: !known,
		}, stale, func(ctx context.Context, id, refreshToken string) (fitbit.Grant, error) {
			if id == "" {
				return cloud.Authorizer(client.ID, client.Secret).Refresh(ctx, refreshToken)
			}
			app, err := d.app(ctx, in.Backend, id)
			if err != nil {
				return fitbit.Grant{}, err
			}
			return app.Refresh(ctx, refreshToken)
		})
		if errors.Is(err, fitbit.ErrReauthRequired) {
			err = e.spent(err)
		}
		return taken, err
	}
	e.next = same + " within two minutes: for so long a cloud repeats an answer that got lost"
	taken, err := renew(ctx, "")
	if err != nil {
		return tokenstore.Account{}, err
	}
	e.next = same + ": it goes on from here"
	if taken.UID != "" {
		return d.takenBefore(ctx, in, taken.UID)
	}
	asking, cancel := context.WithTimeout(ctx, finishLimit)
	defer cancel()
	identity, err := cloud.Source(takenOver{taken.Grant.AccessToken, renew}).Identity(asking)
	if err != nil {
		return tokenstore.Account{}, err
	}
	return d.Store.Connect(ctx, tokenstore.SignIn{
		Name: in.Name, UID: before.UID, Backend: in.Backend, User: identity.User, Former: identity.Former,
		Import: taken.ID, Move: in.Move, SamePerson: in.SamePerson,
	})
}

// importClient finds the OAuth client that an import was made with, and reports whether
// it is known here with that secret. A configured one is taken as it is configured,
// which is what the account will be renewed with.
func (d *Desk) importClient(ctx context.Context, cloud Cloud, in Import, before tokenstore.Account) (c tokenstore.Client, known bool, err error) {
	if in.Client == "" {
		c, err = d.choose(ctx, in.Backend, cloud, "", clientAt(before, in.Backend))
		return c, true, err
	}
	c, err = d.client(ctx, in.Backend, cloud, in.Client)
	if errors.Is(err, tokenstore.ErrNoClient) {
		c, err = tokenstore.Client{Backend: in.Backend, ID: in.Client, Secret: in.Secret}, nil
		if c.Secret == "" && !cloud.Guide.NoSecret {
			err = needsSecret(c, cloud)
		}
		return c, false, err
	}
	if in.Secret == "" || in.Secret == c.Secret || in.Client == cloud.ClientID {
		return c, true, err
	}
	c.Secret = in.Secret
	return c, false, err
}

// takenBefore is what an import comes to that has gone into an account already.
func (d *Desk) takenBefore(ctx context.Context, in Import, uid string) (tokenstore.Account, error) {
	a, err := d.Store.AccountOf(ctx, uid)
	if err == nil && a.Name != in.Name {
		err = fmt.Errorf("%w: %s", tokenstore.ErrIdentityTaken, a.Name)
	}
	return a, err
}

// spent explains a refresh token that the cloud refuses.
func (e errand) spent(err error) *Trouble {
	t := &Trouble{
		Code: Reauth, Detail: "the refresh token is not good: the program that it comes from has used it meanwhile, or it was made with another app",
		Hint: "stop that program, and sign in anew instead: " + e.command(e.flags),
	}
	if ce, ok := errors.AsType[*fitbit.CloudError](err); ok {
		t.Reason = ce.Reason
	}
	return t
}

// takenOver is the token of an import that is in no account yet.
type takenOver struct {
	access string
	renew  func(ctx context.Context, stale string) (tokenstore.Imported, error)
}

func (t takenOver) Token(context.Context) (string, error) { return t.access, nil }

func (t takenOver) Renew(ctx context.Context, stale string) (string, error) {
	taken, err := t.renew(ctx, stale)
	return taken.Grant.AccessToken, err
}
