package bridge

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// Report is how the bridge and everybody stands at one moment, for those who look
// at it otherwise than through the broker.
type Report struct {
	Version   string
	Started   time.Time
	Polls     int64           // metrics fetched
	Errors    map[State]int64 // metrics not fetched, by what that means; "permission_missing" among them
	Published int64           // messages acknowledged by the broker
	Publish   Latency
	Pending   int            // events still owed to the broker
	LastError string         // empty if there was none
	People    []PersonReport // by name
}

// PersonReport is how one person stands.
type PersonReport struct {
	Account    Account
	Connection ConnectionState
	Available  bool // their values deserve trust
	Location   *time.Location
	Body       BodyState
	Delta      *float64 // kg between the last two weigh-ins; nil if there are not two
	Heart      HeartState
	Devices    []fitbit.Device // under the ids they are published under; not to be changed
	// HeightMetres is 0 if it is not known.
	HeightMetres float64
	// Usage is what was asked of the cloud; nil if the source does not count.
	Usage *fitbit.Usage
}

// Report returns how everything stands. The error says that the outbox could not be
// read; the rest of the report is there all the same.
func (b *Bridge) Report(ctx context.Context) (Report, error) {
	s := b.stats
	r := Report{Version: b.o.Version, Started: b.started, Polls: s.polls.Load(), Published: s.published.Load()}
	if last := s.lastError.Load(); last != nil {
		r.LastError = *last
	}
	s.mu.Lock()
	r.Errors, r.Publish = maps.Clone(s.errors), s.latency
	r.Publish.Bounds, r.Publish.Counts = latencyBounds(), slices.Clone(s.latency.Counts)
	s.mu.Unlock()
	b.mu.Lock()
	for _, p := range b.persons {
		r.People = append(r.People, p.reportNow())
	}
	r.People = append(append(r.People, b.strangers...), b.between...)
	b.mu.Unlock()
	slices.SortStableFunc(r.People, func(x, y PersonReport) int { return strings.Compare(x.Account.Name, y.Account.Name) })
	var err error
	if r.Pending, err = b.o.Memory.Pending(ctx); err != nil {
		err = fmt.Errorf("count pending messages: %w", err)
	}
	return r, err
}

// Person returns how one person stands, and false if there is none of that name.
func (b *Bridge) Person(account string) (PersonReport, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.persons {
		if p.account.Name == account {
			return p.reportNow(), true
		}
	}
	for _, r := range slices.Concat(b.strangers, b.between) {
		if r.Account.Name == account {
			return r, true
		}
	}
	return PersonReport{}, false
}

// stranger reports an account that this version has no source for: nothing of it is
// polled or published, but whoever looks after the house has to know that it is there.
func (b *Bridge) stranger(a Account, cause error) PersonReport {
	if !slices.ContainsFunc(b.strangers, func(s PersonReport) bool { return s.Account.UID == a.UID }) {
		b.o.Log.Error("account cannot be polled", "account", a.Name, "error", cause)
	}
	return PersonReport{
		Account: a, Location: time.UTC, Body: BodyState{Account: a.Name}, Heart: HeartState{Account: a.Name},
		Connection: ConnectionState{
			State: StateError, Detail: new(cause.Error()), Hint: new("remove the account, or use a version that knows this cloud"),
			Backend: a.Backend, Missing: troubles(nil).missing(a.Missing),
		},
	}
}

// strange reports whether a topic of that account, or a device of that id, is of
// somebody whom this version cannot poll: a newer one will want it again.
func (b *Bridge) strange(account, device string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.ContainsFunc(b.strangers, func(s PersonReport) bool {
		return s.Account.Name == account || strings.HasPrefix(device+"_", "fitbit2mqtt_"+s.Account.UID+"_")
	})
}

// reportNow is the last report, with what is counted since.
func (p *person) reportNow() PersonReport {
	r := *p.report.Load()
	if m, ok := p.source.(fitbit.Metered); ok {
		r.Usage = new(m.Usage())
	}
	return r
}

// TrendPoint is the trend at the end of a day on which somebody weighed in.
type TrendPoint struct {
	Date fitbit.Date
	// At is when the last weigh-in of the day was measured.
	At        time.Time
	Kilograms float64
}

// Trend smooths weigh-ins, oldest first: the exponentially smoothed average of The
// Hacker's Diet, 10 % a day.
func Trend(weighIns []WeighIn) []TrendPoint { return trend(weighIns) }
