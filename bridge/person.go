package bridge

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// person polls one account's source and keeps what is known of them. All fields
// belong to its goroutine.
type person struct {
	b        *Bridge
	account  Account
	source   fitbit.Source
	since    time.Time // of this run
	log      *slog.Logger
	pollNow  signal
	asks     asks   // who waits for the end of it
	retimed  signal // the body's interval has changed
	tokens   int    // polls on demand left, refilled over time
	refill   time.Time
	cancel   context.CancelFunc
	done     chan struct{}
	jobs     []*job
	shown    atomic.Pointer[State]       // the state last reported; health reads it
	denied   map[fitbit.Metric]time.Time // when a permission was last found missing
	answered map[fitbit.Metric]bool      // with a value or none, in this life
	limited  time.Time                   // no request before this moment
	warned   bool                        // the log knows that the sign-in ends soon
	slowed   bool                        // and that the budget is too small for the intervals
	report   atomic.Pointer[PersonReport]
	pulse    pulse

	days     heartDays
	paired   []KnownDevice
	powered  map[string]bool // devices that have reported a battery in this run
	troubles troubles

	// learning keeps the announcer from an event whose body is not on the board yet: it
	// would publish the body before it once more.
	learning sync.Mutex

	mu      sync.Mutex // for the announcer, which reads these two
	ledger  *ledger
	profile Profile
}

func newPerson(b *Bridge, a Account, source fitbit.Source, past Past) *person {
	p := &person{
		b: b, account: a, source: source, since: b.o.Now(), log: b.o.Log.With("account", a.Name),
		pollNow: newSignal(), retimed: newSignal(), tokens: pollBurst, refill: b.o.Now(), cancel: func() {}, done: make(chan struct{}),
		denied: make(map[fitbit.Metric]time.Time), answered: make(map[fitbit.Metric]bool), powered: make(map[string]bool),
		ledger: newLedger(past.Weights, past.Fats), days: newHeartDays(past.Days),
		profile: past.Profile, troubles: make(troubles),
	}
	p.profile.Identity = a.Identity
	if len(past.Days) == 0 {
		p.profile.HeartCloud = "" // perhaps there is something to see by now
	}
	p.pair(past.Devices)
	switch {
	case a.Retired:
		p.troubles[fitbit.WeightMetric] = a.retired()
	case !a.SignedIn:
		p.troubles[fitbit.SettingsMetric] = a.lost(p.since)
	}
	p.shown.Store(new(StateOK))
	now := p.since
	p.jobs = []*job{
		{every: profileEvery, due: now, run: p.fetchProfile, metrics: []fitbit.Metric{fitbit.SettingsMetric, fitbit.HeightMetric}},
		{every: sweepEvery, due: now, run: p.sweepBody, onDemand: true, metrics: []fitbit.Metric{fitbit.WeightMetric, fitbit.BodyFatMetric}},
		{every: b.settings.interval(), due: now.Add(b.settings.interval()), run: p.fetchBody},
		{every: b.o.Poll.Heart, due: now, run: p.fetchHeart, onDemand: true, rest: demandRest, metrics: append(dailyHeart(), fitbit.LatestHeartRate)},
		{every: b.o.Poll.Devices, due: now, run: p.fetchDevices, onDemand: true, rest: demandRest, metrics: []fitbit.Metric{fitbit.DevicesMetric}},
	}
	return p
}

func (p *person) now() time.Time { return p.b.o.Now() }

// location is the person's time zone, as [Past.Location].
func (p *person) location() *time.Location {
	if p.profile.TimeZone != "" {
		return zone(p.profile.TimeZone)
	}
	return Past{Profile: p.profile, Weights: p.ledger.weights}.Location()
}

// reportTrouble logs a change of state, once.
func (p *person) reportTrouble(ctx context.Context) {
	state, cause := p.troubles.worst()
	if state == p.state() {
		return
	}
	if p.shown.Store(&state); state == StateOK {
		p.log.Info("connection is fine again")
		return
	}
	p.rememberSuccess(ctx)
	logger := p.log.With("state", string(state), "error", cause)
	if hint := p.hint(cause); hint != "" {
		logger = logger.With("hint", hint)
	}
	logger.Warn("connection in trouble")
	p.b.stats.lastError.Store(new(p.account.Name + ": " + cause.Error()))
}

// state is the state last reported.
func (p *person) state() State { return *p.shown.Load() }

// hint says what this person can do about an error; clouds do not know names.
func (p *person) hint(err error) string { return p.advise(fitbit.Hint(err)) }

// advise puts the account into a hint, and the page where one is known: not everybody
// has a terminal.
func (p *person) advise(hint string) string {
	hint = strings.ReplaceAll(hint, "ACCOUNT", p.account.Name)
	if p.b.o.PanelURL == "" {
		return hint
	}
	command := ": fitbit2mqtt connect " + p.account.Name
	return strings.Replace(hint, command, " at "+strings.TrimSuffix(p.b.o.PanelURL, "/")+"/people/"+p.account.Name+", or with"+command, 1)
}

// rememberSuccess stores when all was last well: a restart must not make stale
// values look fresh. It is not worth a write on every poll.
func (p *person) rememberSuccess(ctx context.Context) {
	if p.profile.LastSuccess.After(p.since) {
		if err := p.record(ctx, p.ledger, Entry{Profile: &p.profile}); err != nil {
			p.log.Warn("history could not be written", "error", err)
		}
	}
}

// record stores an entry, and only then believes it itself.
func (p *person) record(ctx context.Context, next *ledger, e Entry) error {
	if p.b.visit != nil {
		ctx = context.WithoutCancel(ctx) // what has come is kept, though there is no time for the rest
	}
	if err := p.b.o.Memory.Record(ctx, p.account.UID, e); err != nil {
		err = fmt.Errorf("%w: %w", fitbit.ErrStorage, err)
		p.troubles[storage] = err
		return err
	}
	delete(p.troubles, storage)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ledger = next
	if e.Profile != nil {
		p.profile = *e.Profile
	}
	return nil
}

// topic returns one of the person's topics.
func (p *person) topic(name string) string { return p.b.topics.of(p.account.Name, name) }

// states lists the person's retained topics, without discovery.
func (p *person) states() []string {
	list := []string{p.topic("availability"), p.topic("body"), p.topic("heart"), p.topic("connection")}
	for _, d := range p.paired {
		list = append(list, p.topic("device/"+d.ID))
	}
	return list
}

// configs lists what announces the person and what they own.
func (p *person) configs() (list []hass.Message) {
	for _, d := range p.devices() {
		list = append(list, d.Messages(p.b.o.Discovery, p.b.o.HassPrefix)...)
	}
	return list
}

// pair takes in the list of paired devices.
func (p *person) pair(devices []KnownDevice) {
	p.paired = devices // never changed again
	for _, d := range devices {
		p.powered[d.ID] = p.powered[d.ID] || d.BatteryPercent != nil || d.Battery != ""
	}
}

// show puts on the board how everything known of the person stands.
func (p *person) show() {
	r := PersonReport{
		Account: p.account, Connection: p.connection(), Available: p.available(p.now()), Location: p.location(),
		Heart: p.days.state(p.profile.HeartDate, p.profile.Latest, p.account.Name), HeightMetres: p.profile.HeightMetres,
	}
	for _, d := range p.paired {
		r.Devices = append(r.Devices, d.Device)
	}
	r.Body, r.Delta = p.body()
	p.report.Store(&r) // first: who hears of it from the broker finds it on the page
	p.putBody(r.Body)
	p.b.board.set(p.topic("heart"), encode(r.Heart))
	p.showDevices()
	p.b.board.set(p.topic("connection"), encode(r.Connection))
	status := offline
	if r.Available {
		status = online
	}
	p.b.board.set(p.topic("availability"), []byte(status))
}

// announce puts on the board what Home Assistant should know of the person.
func (p *person) announce() {
	for i, d := range p.devices() {
		p.b.board.announce(min(rankPerson+i, rankDevice), d, p.b.o.Discovery, p.b.o.HassPrefix)
	}
}

// body is the body as it is, and how far the last weigh-in is from the one before it,
// in kg; nil if there are not two.
func (p *person) body() (s BodyState, delta *float64) {
	if n := len(p.ledger.weighIns); n > 1 {
		delta = new(round(p.ledger.weighIns[n-1].Kilograms-p.ledger.weighIns[n-2].Kilograms, 2))
	}
	return p.ledger.body(time.Time{}, p.profile.HeightMetres, p.account.Name), delta
}

func (p *person) showBody() {
	s, _ := p.body()
	p.putBody(s)
}

func (p *person) putBody(s BodyState) {
	var newest time.Time
	if n := len(p.ledger.weighIns); n > 0 {
		newest = p.ledger.weighIns[n-1].Time
	}
	p.b.board.setAt(p.topic("body"), encode(s), newest)
}

// bodyAsOf is the body payload as it was in that second.
func (p *person) bodyAsOf(t time.Time) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return encode(p.ledger.body(t, p.profile.HeightMetres, p.account.Name))
}

func (p *person) showDevices() {
	loc := p.location()
	for _, d := range p.paired {
		p.b.board.set(p.topic("device/"+d.ID), encode(DeviceState{
			Name: text(d.Name), Type: d.Type, BatteryPct: d.BatteryPercent, Battery: text(d.Battery),
			LastSync: stamp(in(d.LastSync, loc)),
		}))
	}
}

// devices are the person and what they own as Home Assistant sees them, the
// person first.
func (p *person) devices() []hass.Device {
	who := hass.Person{UID: p.account.UID, Account: p.account.Name, Name: title(p.account.Name), Model: p.scale()}
	list := []hass.Device{p.b.hass().Person(who)}
	for _, d := range p.paired {
		list = append(list, p.b.hass().Paired(who, hass.Paired{
			ID: d.ID, Name: d.Name, Type: string(d.Type), HasBattery: p.powered[d.ID],
		}))
	}
	return list
}

// scale is the model of the person's first scale, or "".
func (p *person) scale() string {
	for _, d := range p.paired {
		if d.Type == fitbit.Scale {
			return d.Name
		}
	}
	return ""
}

// title is an account's name as people write it.
func title(name string) string { return strings.ToUpper(name[:1]) + name[1:] }
