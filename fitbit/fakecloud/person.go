package fakecloud

import (
	"cmp"
	"iter"
	"slices"
	"strconv"
	"time"
	_ "time/tzdata" // people live in zones, whatever the machine knows of them

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// PersonOptions says who a person is. Only Name is needed.
type PersonOptions struct {
	Name         string
	User         string         // healthUserId, digits; derived from Name if empty
	Location     *time.Location // home, an IANA zone; default UTC
	HeightMetres float64        // 0: never entered
	Seed         uint64         // of generated readings; derived from Name if 0
	// HeartEvery is the distance of generated heart-rate samples, of which one in
	// eight is lost: a day has some 2,500 with the default of 30 seconds.
	HeartEvery time.Duration
}

// State is how far a person's account is set up at Google.
type State int

// The states of an account, and what every request to Google is answered.
const (
	Linked        State = iota
	NotLinked           // 400 ACCOUNT_NOT_LINKED
	NoProfile           // 412
	LegacyAccount       // 403 with "UberMint" in the text and no reason
)

// Person is somebody with an account, a scale and a tracker; made by [Cloud.AddPerson].
// Everything a person measures is seen as soon as [Options.Now] reaches its time.
type Person struct {
	cloud            *Cloud
	name             string
	user, legacyUser string
	seed             seed
	heartEvery       time.Duration

	// Guarded by cloud.mu.
	state    State
	moves    []move
	devices  []Device
	readings map[string][]reading // by data type, oldest first
	ids      map[string]bool      // every id there ever was
	days     map[fitbit.Date]*day
	first    fitbit.Date // of days
	last     fitbit.Date
}

// move says that a person was in a zone from a moment on.
type move struct {
	from time.Time
	to   *time.Location
}

// day is what is known of a person's heart on one day.
type day struct {
	tracked      bool // generated, unless off
	off          bool // the tracker was not worn
	resting, hrv *float64
	zones        []reading
	zonesSet     bool
}

func newPerson(c *Cloud, o PersonOptions) *Person {
	named := seed(0).hash(o.Name, 0)
	if o.Location == nil {
		o.Location = time.UTC
	}
	p := &Person{
		cloud: c, name: o.Name, user: cmp.Or(o.User, longID(named)), legacyUser: legacyID(named), seed: seed(cmp.Or(o.Seed, named)), heartEvery: cmp.Or(o.HeartEvery, 30*time.Second),
		moves:    []move{{to: o.Location}},
		readings: map[string][]reading{}, ids: map[string]bool{}, days: map[fitbit.Date]*day{},
	}
	now := c.now()
	p.devices = []Device{
		{ID: "301", Type: "SCALE", Version: "Aria Air", LastSync: now.Truncate(time.Hour), MAC: "00:00:5E:00:53:01"},
		{ID: "302", Type: "TRACKER", Version: "Inspire 3", BatteryLevel: 72, BatteryStatus: "High", LastSync: now.Truncate(15 * time.Minute), MAC: "00:00:5E:00:53:02"},
	}
	if o.HeightMetres > 0 {
		born := time.Date(2020, time.January, 2, 8, 0, 0, 0, o.Location)
		p.add(heightType, Point{At: born, Value: o.HeightMetres})
	}
	return p
}

// Name returns the name by which tests and the consent page know the person.
func (p *Person) Name() string { return p.name }

// User returns the person's healthUserId.
func (p *Person) User() string { return p.user }

// SetState changes how every request of the person is answered from now on.
func (p *Person) SetState(s State) {
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	p.state = s
}

// Revoke takes back what the person granted, to all apps: their tokens are dead.
func (p *Person) Revoke() {
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	p.cloud.google.grants.end(p, "")
	p.cloud.fitbit.grants.end(p, "")
}

// SetLocation says that the person has just arrived in another zone. What was
// measured before keeps its offset. Journeys that [Person.Generate] planned ahead are off.
func (p *Person) SetLocation(loc *time.Location) {
	p.cloud.mu.Lock()
	defer p.cloud.mu.Unlock()
	now := p.cloud.now().Truncate(quarter)
	p.moves = slices.DeleteFunc(p.moves, func(m move) bool { return m.from.After(now) })
	p.moves = append(p.moves, move{now, loc})
}

// local returns t in the zone the person was in at that time.
func (p *Person) local(t time.Time) time.Time {
	for _, m := range slices.Backward(p.moves) {
		if !m.from.After(t) {
			return t.In(m.to)
		}
	}
	return t.In(p.moves[0].to)
}

// startOf returns the first moment of a day where the person was at its noon.
func (p *Person) startOf(d fitbit.Date) time.Time {
	noon := p.local(d.Start(time.UTC).Add(12 * time.Hour))
	return d.Start(noon.Location())
}

// day returns the record of d for writing.
func (p *Person) day(d fitbit.Date) *day {
	if len(p.days) == 0 {
		p.first, p.last = d, d
	}
	if d.Before(p.first) {
		p.first = d
	}
	if p.last.Before(d) {
		p.last = d
	}
	if p.days[d] == nil {
		p.days[d] = &day{}
	}
	return p.days[d]
}

func (p *Person) resource(path string) string { return "users/" + p.user + "/" + path }

func longID(h uint64) string {
	const least = 1_000_000_000_000_000_000 // 19 digits
	return strconv.FormatUint(least+h%(8*least), 10)
}

// legacyID returns six letters and digits, as the old Fitbit ids have.
func legacyID(h uint64) string {
	const alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
	id := make([]byte, 6)
	for i := range id {
		id[i] = alphabet[h%uint64(len(alphabet))]
		h /= uint64(len(alphabet))
	}
	return string(id)
}

// stored returns a stream of a type's readings for the table of data types.
func stored(dataType string) func(p *Person, in limits, now time.Time) iter.Seq[reading] {
	return func(p *Person, in limits, now time.Time) iter.Seq[reading] {
		return func(yield func(reading) bool) {
			for _, r := range slices.Backward(p.readings[dataType]) {
				if in.shows(r, now) && !yield(r) {
					return
				}
			}
		}
	}
}
