package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// Outcome is what became of a sign-in that succeeded.
type Outcome struct {
	Account string `json:"account"`
	Backend string `json:"backend,omitempty"`
	// Moved is set if the account was at another cloud before, and has kept its history.
	Moved   bool            `json:"moved,omitempty"`
	Missing []fitbit.Metric `json:"missing,omitempty"` // what was not granted
	// SignInExpires is when the sign-in ends by itself: the cloud project is in
	// test mode. Zero if it does not.
	SignInExpires time.Time `json:"sign_in_expires,omitzero"`
	Trouble       *Trouble  `json:"trouble,omitempty"` // why it failed; nil if it did not
}

// ID names the sign-in of that state, see [Desk.Progress].
func ID(state string) string {
	return tokenstore.Attempt{Attempt: fitbit.Attempt{State: state}}.ID()
}

// Progress is how far a sign-in has come. Exactly one of Started's address, Outcome
// and neither (somebody is at it) is there.
type Progress struct {
	Started
	Outcome *Outcome
}

// Progress says how the sign-in of that ID is going. Errors: a [*Trouble] if it is
// unknown, or nothing can come of it any more; the store's.
func (d *Desk) Progress(ctx context.Context, id string) (Progress, error) {
	p, err := d.Store.SignInProgress(ctx, id)
	a, e := d.current(ctx, p.Attempt)
	seen := known(a)
	switch {
	case errors.Is(err, tokenstore.ErrNoAttempt):
		return Progress{}, unknown()
	case err != nil:
		return Progress{}, err
	case p.Expired:
		return Progress{Started: seen}, e.tooLate()
	case p.Outcome != "":
		var o Outcome
		if err := json.Unmarshal([]byte(p.Outcome), &o); err != nil {
			return Progress{}, fmt.Errorf("stored outcome: %w", err)
		}
		return Progress{Started: seen, Outcome: &o}, nil
	case p.Abandoned:
		return Progress{Started: seen}, e.abandoned()
	case p.Taken():
		return Progress{Started: seen}, nil
	}
	app, err := d.attempted(ctx, a)
	if errors.Is(err, fitbit.ErrSetup) {
		err = trouble(err, e)
	}
	if err != nil {
		return Progress{}, err
	}
	return Progress{Started: started(a, app)}, nil
}
