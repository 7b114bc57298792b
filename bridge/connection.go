package bridge

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// State says how a person's connection to their cloud is.
type State string

// The states, as published in connection.state.
const (
	StateOK             State = "ok"
	StateSignInRequired State = "signin_required"
	StateSetupRequired  State = "setup_required"
	StateSourceRetired  State = "source_retired"
	StateRateLimited    State = "rate_limited"
	StateUnavailable    State = "cloud_unavailable"
	StateStorageError   State = "storage_error"
	StateError          State = "error"
)

// States lists them all.
func States() []State {
	return []State{
		StateOK, StateSignInRequired, StateSetupRequired, StateSourceRetired, StateRateLimited, StateUnavailable, StateStorageError, StateError,
	}
}

// StateOf says which state an error puts a connection in.
func StateOf(err error) State {
	_, limited := errors.AsType[*fitbit.RateLimitError](err)
	switch {
	case err == nil, errors.Is(err, fitbit.ErrPermission), errors.Is(err, fitbit.ErrNoData):
		return StateOK
	case errors.Is(err, fitbit.ErrRetired):
		return StateSourceRetired
	case errors.Is(err, fitbit.ErrReauthRequired):
		return StateSignInRequired
	case errors.Is(err, fitbit.ErrStorage):
		return StateStorageError
	case errors.Is(err, fitbit.ErrSetup):
		return StateSetupRequired
	case limited:
		return StateRateLimited
	case errors.Is(err, fitbit.ErrUnavailable):
		return StateUnavailable
	}
	return StateError
}

// urgency orders states: of several errors the most urgent is shown.
func urgency(s State) int {
	return slices.Index([]State{
		StateOK, StateError, StateUnavailable, StateRateLimited, StateSetupRequired,
		StateStorageError, StateSignInRequired, StateSourceRetired,
	}, s)
}

// silentFor is how long no fetch may succeed before a person's values count as stale.
const silentFor = 48 * time.Hour

// ConnectionState is the payload of the connection topic.
type ConnectionState struct {
	State           State   `json:"state"`
	Detail          *string `json:"detail"`
	Hint            *string `json:"hint"`
	LastSuccess     *string `json:"last_success"`
	NextPoll        *string `json:"next_poll"`
	SignInExpiresAt *string `json:"sign_in_expires_at"`
	// ExpiresSoon warns two days before that.
	ExpiresSoon bool            `json:"sign_in_expires_soon"`
	Backend     string          `json:"backend"`
	Missing     []fitbit.Metric `json:"missing"` // what was not granted
}

// expiryWarning is how long before a sign-in ends by itself the house is told.
const expiryWarning = 48 * time.Hour

// publishHint is the way out of test mode.
const publishHint = "publish the app (Google Auth Platform, Audience), then sign in again: fitbit2mqtt connect ACCOUNT"

// storage stands among the metrics for the bridge's own files.
const storage fitbit.Metric = "storage"

// troubles are the metrics that failed when they were last tried, and why.
type troubles map[fitbit.Metric]error

// worst returns the most urgent state and the error behind it.
func (t troubles) worst() (State, error) {
	state, cause := StateOK, error(nil)
	for _, m := range slices.Sorted(maps.Keys(t)) {
		if s := StateOf(t[m]); urgency(s) > urgency(state) {
			state, cause = s, t[m]
		}
	}
	return state, cause
}

// missing lists the metrics that the person did not grant: those that the sign-in
// says it does not cover, and those that were refused.
func (t troubles) missing(uncovered []fitbit.Metric) []fitbit.Metric {
	list := append([]fitbit.Metric{}, uncovered...) // never null
	for m, err := range t {
		if errors.Is(err, fitbit.ErrPermission) {
			list = append(list, m)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// remedy returns the hint that came with every one of these metrics' refusals: another
// sign-in does not always help. It is empty if there is no such hint.
func (t troubles) remedy(missing []fitbit.Metric) string {
	remedy := fitbit.Hint(t[missing[0]])
	for _, m := range missing {
		if fitbit.Hint(t[m]) != remedy {
			return ""
		}
	}
	return remedy
}

// connection describes how things stand.
func (p *person) connection() ConnectionState {
	state, cause := p.troubles.worst()
	missing := p.troubles.missing(p.account.Missing)
	c := ConnectionState{State: state, Backend: p.account.Backend, Missing: missing, ExpiresSoon: p.expiresSoon()}
	loc := p.location()
	switch {
	case cause != nil:
		c.Detail, c.Hint = text(cause.Error()), text(p.hint(cause))
	case c.ExpiresSoon:
		verb := "ends"
		if !p.now().Before(p.account.SignInExpires) { // the cloud notices at the next renewal
			verb = "has ended"
		}
		c.Detail = new("the sign-in " + verb + " on " + p.account.SignInExpires.In(loc).Format("2 January at 15:04") + ": the cloud project is in test mode")
		c.Hint = new(p.advise(publishHint))
	case len(missing) > 0:
		c.Detail = new("not granted at sign-in: " + fitbit.Words(missing...))
		c.Hint = new(p.advise(cmp.Or(p.troubles.remedy(missing), "sign in again and leave every box ticked: fitbit2mqtt connect ACCOUNT")))
	}
	c.LastSuccess, c.SignInExpiresAt = stamp(in(p.profile.LastSuccess, loc)), stamp(in(p.account.SignInExpires, loc))
	if !p.over() && p.b.visit == nil {
		c.NextPoll = stamp(in(p.nextDue(), loc))
	}
	return c
}

// expiresSoon reports whether it is time to warn of the end of a sign-in. One that is
// gone before its time has nothing left to end.
func (p *person) expiresSoon() bool {
	ends := p.account.SignInExpires
	state, _ := p.troubles.worst()
	return !p.over() && state != StateSignInRequired && !ends.IsZero() && ends.Sub(p.now()) <= expiryWarning
}

// untilWarning shortens a wait, so that the warning comes in time however rarely
// there is something to fetch.
func (p *person) untilWarning(wait time.Duration) time.Duration {
	ends := p.account.SignInExpires
	if left := ends.Add(-expiryWarning).Sub(p.now()); p.account.SignedIn && !ends.IsZero() && left > 0 {
		return min(wait, left)
	}
	return wait
}

// warnOfTheEnd tells the log, once.
func (p *person) warnOfTheEnd() {
	if p.warned || !p.expiresSoon() {
		return
	}
	p.log.Warn("sign-in ends soon", "at", p.account.SignInExpires, "hint", p.advise(publishHint))
	p.warned = true
}

// lost says why an account has no sign-in, as well as that is known.
func (a Account) lost(now time.Time) error {
	e := &fitbit.CloudError{
		Kind: fitbit.ErrReauthRequired, Detail: "the sign-in has expired or was revoked",
		Hint: "sign in again: fitbit2mqtt connect ACCOUNT",
	}
	switch {
	case a.LostDetail != "":
		e.Detail, e.Hint = a.LostDetail, a.LostHint
	case !a.SignInExpires.IsZero() && !now.Before(a.SignInExpires):
		e.Detail = "the sign-in has ended as announced, because the cloud project is in test mode"
		e.Hint = publishHint
	}
	return e
}

// in is t as the person's clocks show it.
func in(t time.Time, loc *time.Location) time.Time {
	if t.IsZero() {
		return t
	}
	return t.In(loc)
}

// available reports whether a person's values still deserve trust. Trouble alone
// does not make yesterday's weight wrong.
func (p *person) available(now time.Time) bool {
	state, _ := p.troubles.worst()
	return state != StateSignInRequired && !p.over() && now.Sub(or(p.profile.LastSuccess, p.since)) < silentFor
}
