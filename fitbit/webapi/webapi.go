// Package webapi reads body and heart data from the Fitbit Web API, the cloud
// behind Fitbit scales and trackers until November 2026.
//
// [Client] is one person's [fitbit.Source], [App] the sign-in of one app at Fitbit,
// and [ReadImport] reads what other programs have kept of such a sign-in. Google has
// turned the service off and answers 410 since; what speaks the same language goes
// on, and the way out of it should be the easiest of all.
//
// The API has habits that this package absorbs, so that nobody else need know
// them: times are wall clocks without a zone, to be read in the one that the
// person's profile names now; nothing comes as an empty list, as {}, as [] or not at
// all; refusals come in two forms, or in HTML; units depend on a header; the budget
// of an hour is told with every answer. And a refresh token can be used once: a
// repetition within two minutes is answered the same, a later one never.
package webapi

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/rest"
)

// DefaultEndpoint is where the API lived.
const DefaultEndpoint = "https://api.fitbit.com"

// Options say which API and whose data.
type Options struct {
	Endpoint string        // without trailing slash; empty: DefaultEndpoint
	Tokens   fitbit.Tokens // required
	HTTP     *http.Client  // nil: one with timeouts
	Now      func() time.Time
}

// Client is one person's data at Fitbit. It keeps nothing but the person's time
// zone, for at most zoneLife, and what the cloud says of the budget.
type Client struct {
	rest   rest.Client
	now    func() time.Time
	budget budget

	mu     sync.Mutex
	zone   *time.Location // nil if unknown
	zoneAt time.Time      // when it was heard of
}

var (
	_ fitbit.Source  = (*Client)(nil)
	_ fitbit.Metered = (*Client)(nil)
)

// New returns a client; it sends nothing.
func New(o Options) *Client {
	if o.Endpoint == "" {
		o.Endpoint = DefaultEndpoint
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Client{now: o.Now}
	c.rest = rest.Client{
		Base: strings.TrimSuffix(o.Endpoint, "/"), Tokens: o.Tokens, HTTP: o.HTTP, Now: o.Now,
		// Without it, or with a language that a proxy puts in, weights may come in pounds.
		Header:    http.Header{"Accept-Language": {"metric"}},
		Observe:   c.observe,
		Translate: c.translate,
	}
	return c
}
