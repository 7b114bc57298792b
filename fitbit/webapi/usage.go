package webapi

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/rest"
)

// What the API documents of its budget, and how far its word is trusted.
const (
	requestsPerHour = 150
	longestWindow   = 65 * time.Minute // an hour, and what clocks may differ by
	leastWait       = 10 * time.Second
	usualWait       = 15 * time.Minute // after a 429 that does not say how long
	// tokenWait is the same at the token endpoint: a reply may have been lost before,
	// and is repeated for two minutes only.
	tokenWait = 20 * time.Second
)

// budget is what the cloud has said of one person's hour.
type budget struct {
	mu               sync.Mutex
	limit, remaining int
	reset            time.Time // when the hour ends; zero if the cloud has said nothing
	sent             int64     // requests sent by then
	until            time.Time // when a refusal for lack of budget ends
}

// observe notes what an answer says of the budget.
func (c *Client) observe(h http.Header) {
	limit, known := header(h, "Limit", 1e6)
	remaining, alsoKnown := header(h, "Remaining", 1e6)
	seconds, knownToo := header(h, "Reset", int64(longestWindow/time.Second))
	if !known || !alsoKnown || !knownToo || limit == 0 {
		return
	}
	sent, _ := c.rest.Sent()
	c.budget.mu.Lock()
	defer c.budget.mu.Unlock()
	c.budget.limit, c.budget.remaining = int(limit), int(remaining)
	c.budget.reset, c.budget.sent = c.now().Add(time.Duration(seconds)*time.Second), sent
}

// header reads one of the headers that come with every answer. net/http has made
// one spelling of the two that are in use. More than most is most.
func header(h http.Header, name string, most int64) (int64, bool) {
	v, err := strconv.ParseInt(strings.TrimSpace(h.Get("Fitbit-Rate-Limit-"+name)), 10, 64)
	return min(v, most), err == nil && v >= 0
}

// Usage says what is left of the budget: by the newest answer, less what was sent
// since. The cloud's own numbers are approximate.
func (c *Client) Usage() fitbit.Usage {
	sent, _ := c.rest.Sent()
	b := &c.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	u := fitbit.Usage{Requests: sent, Limit: requestsPerHour, Remaining: requestsPerHour, Window: time.Hour}
	if !b.reset.IsZero() {
		u.Limit, u.Remaining = b.limit, b.limit
		if c.now().Before(b.reset) {
			u.Remaining, u.Reset = max(min(b.remaining, b.limit)-int(sent-b.sent), 0), b.reset
		}
	}
	if c.now().Before(b.until) {
		u.Remaining, u.Reset = 0, b.until
	}
	return u
}

// patience returns when the cloud may be asked again after a 429. What it says of
// the budget's end is right more often than its Retry-After; usual holds if it says neither.
func patience(h http.Header, now time.Time, usual time.Duration) time.Time {
	until := now.Add(usual)
	if seconds, ok := header(h, "Reset", int64(longestWindow/time.Second)); ok {
		until = now.Add(time.Duration(seconds) * time.Second)
	} else if at := rest.RetryAfter(h.Get("Retry-After"), now); !at.IsZero() {
		until = at
	}
	if latest := now.Add(longestWindow); until.After(latest) {
		return latest
	}
	if soonest := now.Add(leastWait); until.Before(soonest) {
		return soonest
	}
	return until
}
