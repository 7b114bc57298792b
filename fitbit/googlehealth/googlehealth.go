// Package googlehealth reads body and heart data from the Google Health API v4,
// the cloud behind Fitbit scales and trackers since November 2026.
//
// [Client] is one person's [fitbit.Source], [App] the sign-in of one Google
// Cloud project. Wire types stay inside; errors come out in fitbit's words.
//
// The API has habits that this package absorbs, so that nobody else need know
// them: integers arrive as strings, doubles may be "NaN", zeros are left out,
// lists run from new to old and lose readings with equal times at a page's edge,
// enums grow, a refused request may be answered in HTML, and a 403 hardly ever
// means a lost sign-in.
package googlehealth

import (
	"net/http"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/rest"
)

// DefaultEndpoint is where the API lives.
const DefaultEndpoint = "https://health.googleapis.com"

// Pace of one person's requests: Google documents 300 a minute and quotes 2.5 a
// second for unverified apps; a round of all metrics is about ten. No minute sees
// more than 210.
const (
	requestsPerSecond = 2.5
	requestBurst      = 60
	requestsPerMinute = 300 // what Google allows
)

// Options say which API and whose data.
type Options struct {
	Endpoint string        // without trailing slash; empty: DefaultEndpoint
	Tokens   fitbit.Tokens // required
	HTTP     *http.Client  // nil: one with timeouts
	Now      func() time.Time
}

// Client is one person's data at Google.
type Client struct {
	rest rest.Client
	now  func() time.Time
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
	pace := rate.NewLimiter(requestsPerSecond, requestBurst)
	c := &Client{now: o.Now}
	c.rest = rest.Client{
		Base: strings.TrimSuffix(o.Endpoint, "/"), Tokens: o.Tokens, HTTP: o.HTTP, Now: o.Now,
		Wait: pace.Wait, Translate: func(f rest.Failure) error { return translate(f, o.Now()) },
	}
	return c
}

// Usage counts requests against the documented budget of a minute: Google does not
// say what is left of it, only when there is nothing.
func (c *Client) Usage() fitbit.Usage {
	ever, recent := c.rest.Sent()
	u := fitbit.Usage{
		Requests: ever, Limit: requestsPerMinute, Remaining: max(requestsPerMinute-recent, 0),
		Reset: c.now().Truncate(time.Minute).Add(time.Minute), Window: time.Minute,
	}
	if c.rest.Limited() {
		u.Remaining = 0
	}
	return u
}

// NewHTTPClient returns a client for apps and people to share: with timeouts, and
// following no redirect, because a token is for one host only.
func NewHTTPClient() *http.Client { return rest.NewHTTPClient() }
