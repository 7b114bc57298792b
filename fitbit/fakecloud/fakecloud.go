// Package fakecloud is both clouds in a box: sign-in pages, tokens, people, readings,
// quotas and faults behind one [http.Handler], for tests and for the demo.
//
// It speaks Google Health API v4 and, below /oauth2/ and /1/ to /1.2/, the legacy
// Fitbit Web API, over the same people: what somebody weighs is in both, in the words
// of each. So a move from one to the other can be tried out. What only one of them
// does is in files that begin with its name, and the rest knows those by a few calls.
//
// It promises to answer as the two are documented and have been measured, oddities
// included. At Google these are quoted int64, omitted zeros, newest first, readings
// lost at the edge of a page, HTML where no route matches. At Fitbit they are times
// without a zone, ids that are such times and collide, body fat of 32 bits, a kilogram
// in tenths, entries at 23:59:59 for want of a time, days without minutes in zones,
// and refresh tokens that work once. It was written from those descriptions and never
// from the clients of this project, or both would be wrong together.
//
// Where the descriptions leave something open it takes the reading that is hardest on
// a client. At Google an unknown parameter, a plain PKCE challenge, a rollup whose end
// is not after its start are all refused. At Fitbit
//
//   - a refresh kills the access token of before, at once;
//   - a refresh is repeated for two minutes to whoever asks in the same words; a spent
//     refresh token in other words, or later, ends the whole sign-in;
//   - a range of n days has n of them, both ends counted;
//   - a call without Authorization is a bad request, 409 has no body, 410 has a page;
//   - a series leaves out days without a weighing; who never entered a height has 0;
//   - query parameters of data calls, "timezone" too, and user ids other than "-" are
//     refused.
//
// It refuses what nobody here uses. At Google reconcile answers
// UNSUPPORTED_DATA_TYPE_ACTION, data source families other than all-sources and numeric
// user ids answer 400, and writing, single data points and web hooks have no route. At
// Fitbit neither have writing, goals, subscriptions, sleep and everything else that is
// neither body, heart, devices nor profile, and there is no implicit flow.
//
// The one invariant: an answer depends on the state and on [Options.Now] alone, and
// shows nothing that is measured, or typed in without a time, after Now. So months can
// be generated ahead, and appear as the clock moves. Only codes and tokens are random.
//
// Everything may be called from several goroutines, while requests are served.
package fakecloud

import (
	"html/template"
	"log/slog"
	"sync"
	"time"
)

// Options says what a cloud knows. Only Apps is needed, and only to sign in.
type Options struct {
	Now  func() time.Time // default time.Now; see [Clock]
	Apps []App            // the OAuth clients it knows
	// UserPerMinute is how many API requests a person has per minute of the clock at
	// Google: 300 if zero, as there, and unlimited if negative; then Fitbit is so, too.
	UserPerMinute int
	Fitbit        FitbitOptions // of the legacy cloud
	Log           *slog.Logger  // nil discards
}

// App is an OAuth client.
type App struct {
	ClientID, ClientSecret string
	RedirectURLs           []string // compared exactly
	// Testing is the publishing status in which refresh tokens live 7 days.
	Testing bool
	// Desktop is the client type that may return to any port of a loopback
	// address without registration.
	Desktop bool

	// Kind is the type of the app at Fitbit, and Intraday whether it was approved
	// there to read single heart rates. A Personal app needs no approval for those of
	// its owner, the person named Owner; if that is empty, it is everybody's own.
	Kind     AppKind
	Intraday bool
	Owner    string
}

// Cloud is a fake cloud; make one with [New].
type Cloud struct {
	now   func() time.Time
	log   *slog.Logger
	apps  []App
	pages *template.Template

	mu       sync.Mutex // guards everything below, and every Person
	people   []*Person
	faults   []*activeFault
	requests []Request
	google   googleCloud
	fitbit   fitbitCloud
}

// New returns a cloud without people.
func New(o Options) *Cloud {
	if o.UserPerMinute < 0 && o.Fitbit.PerHour == 0 {
		o.Fitbit.PerHour = o.UserPerMinute
	}
	c := &Cloud{
		now: o.Now, log: o.Log, apps: o.Apps,
		pages:  parsePages(),
		google: newGoogleCloud(o.UserPerMinute),
		fitbit: newFitbitCloud(o.Fitbit),
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	return c
}

// AddPerson adds a person with two paired devices and, if it is known, a height.
// It panics if the name is empty or taken.
func (c *Cloud) AddPerson(o PersonOptions) *Person {
	c.mu.Lock()
	defer c.mu.Unlock()
	if o.Name == "" || c.person(o.Name) != nil {
		panic("fakecloud: a person needs a name of their own, not " + o.Name)
	}
	p := newPerson(c, o)
	c.people = append(c.people, p)
	return p
}

// Person returns the person of that name, or nil.
func (c *Cloud) Person(name string) *Person {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.person(name)
}

func (c *Cloud) person(name string) *Person {
	for _, p := range c.people {
		if p.name == name {
			return p
		}
	}
	return nil
}

func (c *Cloud) app(clientID string) (App, bool) {
	for _, a := range c.apps {
		if a.ClientID == clientID {
			return a, true
		}
	}
	return App{}, false
}
