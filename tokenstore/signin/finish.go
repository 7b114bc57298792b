package signin

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// Finish spends the code that a browser brought back and stores the account. It
// carries on when ctx ends, because the code cannot be spent twice. state is that of
// the sign-in the callback was given to, for a bare code without one; a callback
// with another state belongs to another sign-in, and is refused unless state is "".
// The error is a [*Trouble].
func (d *Desk) Finish(ctx context.Context, c fitbit.Callback, state string) (Outcome, error) {
	if !d.enter() {
		return Outcome{}, stopping("use the same address once more: the sign-in still waits")
	}
	defer d.finishing.Done()
	if c.State == "" {
		c.State = state
	}
	switch {
	case c.State == "":
		return Outcome{}, bareCode()
	case state != "" && c.State != state: // it stays good for whoever it belongs to
		return Outcome{}, notOurs()
	}
	spending, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishLimit)
	defer cancel()
	a, err := d.Store.TakeSignIn(spending, c.State)
	if errors.Is(err, tokenstore.ErrNoAttempt) {
		return Outcome{}, d.refuse(spending, c.State)
	}
	if err != nil {
		t := trouble(err, errand{})
		d.Log.Warn("sign-in cannot be finished", "error", t.Error(), "hint", t.Hint)
		return Outcome{}, t
	}
	a, e := d.current(spending, a)
	d.Log.Debug("sign-in being finished", "account", a.Name, "backend", a.Backend)
	account, err := d.spend(spending, a, c)
	outcome := Outcome{Account: a.Name, Backend: a.Backend}
	if err != nil {
		outcome.Trouble = trouble(err, e)
	} else {
		outcome = d.success(account, e.before)
		a.Name = account.Name // it may have been renamed meanwhile
	}
	d.conclude(ctx, a, outcome)
	if outcome.Trouble != nil {
		return outcome, outcome.Trouble
	}
	return outcome, nil
}

// success is the outcome of a sign-in that has gone into an account, which there may
// have been before.
func (d *Desk) success(a, before tokenstore.Account) Outcome {
	return Outcome{
		Account: a.Name, Backend: a.Backend, Moved: before.Person == a.Person && before.Backend != a.Backend,
		Missing: d.Missing(a), SignInExpires: a.SignInExpires,
	}
}

// enter reports whether a sign-in may still be finished; if so, it is counted.
func (d *Desk) enter() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.finishing.Add(1)
	return true
}

// Close returns once no sign-in is being finished, which a cloud can draw out for less
// than a minute, and none will be. Whoever closes the store waits for it: a code cannot
// be spent twice.
func (d *Desk) Close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	slow := time.AfterFunc(time.Second, func() {
		d.Log.Info("waiting for a sign-in under way, for less than a minute")
	})
	defer slow.Stop()
	d.finishing.Wait()
}

// refuse says why no sign-in waits for that state.
func (d *Desk) refuse(ctx context.Context, state string) *Trouble {
	named := tokenstore.Attempt{Attempt: fitbit.Attempt{State: state}}
	p, err := d.Store.SignInProgress(ctx, named.ID())
	if err != nil { // most likely there never was one
		d.Log.Warn("callback of an unknown sign-in refused")
		return unknown()
	}
	_, e := d.current(ctx, p.Attempt)
	if p.Expired {
		return e.tooLate()
	}
	var o Outcome
	if p.Outcome == "" || json.Unmarshal([]byte(p.Outcome), &o) != nil {
		return e.used(nil)
	}
	return e.used(&o)
}

func ends(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Format(time.RFC3339)
}

// spend turns the code into an account.
func (d *Desk) spend(ctx context.Context, a tokenstore.Attempt, c fitbit.Callback) (tokenstore.Account, error) {
	if c.Err != "" {
		return tokenstore.Account{}, refused(c.Err, a.RedirectURL, d.Clouds[a.Backend].Guide)
	}
	app, err := d.attempted(ctx, a)
	if err != nil {
		return tokenstore.Account{}, err
	}
	grant, err := app.Exchange(ctx, a.Attempt, c.Code)
	if err != nil {
		return tokenstore.Account{}, err
	}
	if a.Secret != "" || a.Public { // it has just proven good
		if err := d.Store.SaveClient(ctx, tokenstore.Client{Backend: a.Backend, ID: a.Client, Secret: a.Secret}); err != nil {
			return tokenstore.Account{}, err
		}
	}
	identity, err := d.Clouds[a.Backend].Source(justThis(grant.AccessToken)).Identity(ctx)
	if err != nil {
		return tokenstore.Account{}, err
	}
	// Where this replaces a sign-in at another cloud, or through another client, that one is
	// not revoked: its cloud may be gone, and the same grant may serve another name.
	return d.Store.Connect(ctx, tokenstore.SignIn{
		Name: a.Name, UID: a.UID, Backend: a.Backend, User: identity.User, Former: identity.Former,
		Grant: grant, Client: a.Client, Move: a.Move, SamePerson: a.SamePerson,
	})
}

// concludeLimit is how long it may take to write down an outcome. It does not count
// against finishLimit: a cloud that has used that up is an outcome, too.
const concludeLimit = 10 * time.Second

// conclude tells the log, whoever waits for the outcome, and whoever wonders why the
// account has no sign-in. Whoever called may be gone by now.
func (d *Desk) conclude(ctx context.Context, a tokenstore.Attempt, o Outcome) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), concludeLimit)
	defer cancel()
	t := o.Trouble
	if t == nil {
		d.Log.Info("signed in", "account", a.Name, "backend", a.Backend, "not_granted", len(o.Missing), "ends", ends(o.SignInExpires))
	} else {
		d.Log.Warn("sign-in failed", "account", a.Name, "backend", a.Backend, "reason", string(t.Code), "error", t.Error(), "hint", t.Hint)
	}
	err := d.settle(ctx, a, o)
	if t != nil && a.UID != "" {
		err = errors.Join(err, d.Store.NoteFailure(ctx, a.UID, &fitbit.CloudError{
			Kind: fitbit.ErrReauthRequired, Detail: "the last sign-in failed: " + t.Detail, Hint: t.Hint,
		}))
	}
	if err != nil && (t == nil || t.Code != Storage) { // else the log has just said so
		d.Log.Warn("outcome of a sign-in not saved", "account", a.Name, "error", err)
	}
}

func (d *Desk) settle(ctx context.Context, a tokenstore.Attempt, o Outcome) error {
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return d.Store.SettleSignIn(ctx, a, string(text))
}

// Wait returns how the sign-in of that ID ended, whoever finishes it. Errors: as
// [Desk.Finish]; ctx's own.
func (d *Desk) Wait(ctx context.Context, id string) (Outcome, error) {
	look := time.NewTicker(500 * time.Millisecond)
	defer look.Stop()
	for {
		p, err := d.Progress(ctx, id)
		if t, ok := errors.AsType[*Trouble](err); ok {
			return Outcome{}, t
		}
		if err == nil && p.Outcome != nil { // a store that cannot be read may be readable again
			if t := p.Outcome.Trouble; t != nil {
				return *p.Outcome, t
			}
			return *p.Outcome, nil
		}
		select {
		case <-ctx.Done():
			return Outcome{}, ctx.Err()
		case <-look.C:
		}
	}
}

// justThis is the token of a sign-in that is not stored yet.
type justThis string

func (t justThis) Token(context.Context) (string, error) { return string(t), nil }

func (justThis) Renew(context.Context, string) (string, error) {
	return "", &fitbit.CloudError{
		Kind: fitbit.ErrReauthRequired, Detail: "the cloud refuses the token it has just issued",
		Hint: "sign in again; if it goes on, remove the app in the settings of the cloud account first",
	}
}

// revokeLimit is how long taking leave of a cloud may take.
const revokeLimit = 10 * time.Second

// Disconnect ends an account's sign-in, here and at its cloud, and keeps everything
// else. told is false if the cloud could not be told. Errors: [tokenstore.ErrNotFound],
// the store's.
func (d *Desk) Disconnect(ctx context.Context, name string) (told bool, err error) {
	r, err := d.Store.Disconnect(ctx, name)
	if err != nil {
		return false, err
	}
	d.Log.Info("account disconnected", "account", name)
	return d.revoke(ctx, r), nil
}

// Remove does so and forgets the account. Errors as of Disconnect.
func (d *Desk) Remove(ctx context.Context, name string) (a tokenstore.Account, told bool, err error) {
	r, err := d.Store.Remove(ctx, name)
	if err != nil {
		return tokenstore.Account{}, false, err
	}
	return r.Account, d.revoke(ctx, r), nil
}

func (d *Desk) revoke(ctx context.Context, r tokenstore.Removed) bool {
	if r.Account.Retired { // and with its cloud, the grant is gone
		return true
	}
	if r.Grant.RefreshToken == "" { // damaged, or gone before
		return !r.Account.SignedIn
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeLimit)
	defer cancel()
	cloud, err := d.cloud(r.Account.Backend)
	if err == nil {
		// The secret may be gone by now; a token is its own proof when it is given back.
		c, _ := d.client(ctx, r.Account.Backend, cloud, r.Account.Client)
		err = cloud.Authorizer(r.Account.Client, c.Secret).Revoke(ctx, r.Grant.RefreshToken)
	}
	if errors.Is(err, fitbit.ErrRetired) {
		return true
	}
	if err != nil {
		d.Log.Warn("the cloud could not be told that a sign-in is over", "account", r.Account.Name, "error", err)
	}
	return err == nil
}
