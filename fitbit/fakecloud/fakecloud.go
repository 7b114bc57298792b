// Package fakecloud is the cloud in a box: sign-in page, tokens, people, readings,
// quotas and faults behind one [http.Handler], for tests and for the demo.
//
// It promises to answer as Google Health API v4 and Google's OAuth endpoints are
// documented and have been measured, oddities included: quoted int64, omitted
// zeros, newest first, readings lost at the edge of a page, HTML where no route
// matches. It was written from those descriptions and never from the clients of
// this project, or both would be wrong together. Where the descriptions leave
// something open it takes the stricter reading: an unknown parameter, a plain
// PKCE challenge, a rollup whose end is not after its start are all refused.
//
// It refuses what nobody here uses: reconcile answers UNSUPPORTED_DATA_TYPE_ACTION,
// data source families other than all-sources and numeric user ids answer 400,
// and writing, single data points and web hooks have no route.
//
// The one invariant: an answer depends on the state and on [Options.Now] alone,
// and shows nothing that is measured after Now. So months can be generated ahead,
// and appear as the clock moves. Only codes and tokens are random.
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
	// UserPerMinute is how many API requests a person has per minute of the
	// clock: 300 if zero, as at Google, and unlimited if negative.
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
	now       func() time.Time
	perMinute int
	log       *slog.Logger
	apps      []App
	pages     *template.Template

	mu       sync.Mutex // guards everything below, and every Person
	people   []*Person
	faults   []*activeFault
	requests []Request
	used     map[string]int // API requests of the minute, by person
	minute   time.Time
	grants   grantBook
	fitbit   fitbitCloud
}

// New returns a cloud without people.
func New(o Options) *Cloud {
	c := &Cloud{
		now: o.Now, perMinute: o.UserPerMinute, log: o.Log, apps: o.Apps,
		pages:  parsePages(),
		grants: newGrantBook(),
		fitbit: newFitbitCloud(o.Fitbit),
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.perMinute == 0 {
		c.perMinute = 300
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

// overQuota counts one API request of a person and reports whether it is one too many.
func (c *Cloud) overQuota(p *Person) bool {
	if minute := c.now().Truncate(time.Minute); !minute.Equal(c.minute) {
		c.minute, c.used = minute, map[string]int{}
	}
	c.used[p.name]++
	return c.perMinute > 0 && c.used[p.name] > c.perMinute
}
