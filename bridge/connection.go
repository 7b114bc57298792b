package bridge

import (
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

// connectionState is the payload of the connection topic.
type connectionState struct {
	State           State    `json:"state"`
	Detail          *string  `json:"detail"`
	Hint            *string  `json:"hint"`
	LastSuccess     *string  `json:"last_success"`
	NextPoll        *string  `json:"next_poll"`
	SignInExpiresAt *string  `json:"sign_in_expires_at"`
	Backend         string   `json:"backend"`
	Missing         []string `json:"missing"`
}

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

// missing lists the metrics that the person did not grant.
func (t troubles) missing() []string {
	names := []string{}
	for _, m := range slices.Sorted(maps.Keys(t)) {
		if errors.Is(t[m], fitbit.ErrPermission) {
			names = append(names, string(m))
		}
	}
	return names
}

// connection describes how things stand.
func (p *person) connection() connectionState {
	state, cause := p.troubles.worst()
	c := connectionState{State: state, Backend: p.account.Backend, Missing: p.troubles.missing()}
	if cause != nil {
		c.Detail, c.Hint = text(cause.Error()), text(p.hint(cause))
	}
	if state == StateOK && len(c.Missing) > 0 {
		c.Detail = new("some kinds of data were not granted at sign-in")
		c.Hint = new("sign in again and leave every box ticked: fitbit2mqtt connect " + p.account.Name)
	}
	loc := p.location()
	c.LastSuccess, c.SignInExpiresAt = stamp(in(p.profile.LastSuccess, loc)), stamp(in(p.account.SignInExpires, loc))
	if !p.over() {
		c.NextPoll = stamp(in(p.nextDue(), loc))
	}
	return c
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

// over reports whether polling makes no sense any more: the sign-in is known to be
// gone, or the cloud is. A cloud that merely refuses a fresh token is asked again,
// and so is one that has given up a single kind of data.
func (p *person) over() bool {
	return !p.account.SignedIn || errors.Is(p.troubles[fitbit.WeightMetric], fitbit.ErrRetired)
}
