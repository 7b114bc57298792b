package fakecloud

import (
	"cmp"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// FaultKind says what goes wrong.
type FaultKind string

// The kinds of faults. "Acted on" means that the request has its full effect, such
// as a spent code, and only the answer suffers.
const (
	// DropReply acts on the request and cuts the connection instead of answering.
	// Mind that net/http repeats a GET by itself if the connection was used before.
	DropReply FaultKind = "drop reply"
	// Truncated acts on the request and cuts the connection after half of the body.
	Truncated FaultKind = "truncated"
	// Slow acts on the request and answers as usual, after Delay.
	Slow FaultKind = "slow"
	// SlowBody acts on the request and answers at once, but for the second half of
	// the body, which follows after Delay.
	SlowBody FaultKind = "slow body"

	// Unauthorized answers 401, at Google UNAUTHENTICATED and at Fitbit expired_token.
	Unauthorized FaultKind = "unauthorized"
	// Forbidden answers 403 with Reason, such as "SERVICE_DISABLED"; at Fitbit
	// insufficient_scope by default.
	Forbidden FaultKind = "forbidden"
	// RateLimited answers 429, with a Retry-After if RetryAfter is set.
	RateLimited FaultKind = "rate limited"
	// ServerError answers Status (default 503) in the API's own form.
	ServerError FaultKind = "server error"
	// HTML answers Status (default 502) with a page.
	HTML FaultKind = "html"
	// Garbage answers 200 with a JSON content type and something else.
	Garbage FaultKind = "garbage"
	// Oversized answers 200 with tens of megabytes that begin like JSON.
	Oversized FaultKind = "oversized"
	// Conflict answers 409, as Fitbit's token endpoint does while another request
	// refreshes.
	Conflict FaultKind = "conflict"
	// Gone answers 410 with a page.
	Gone FaultKind = "gone"
)

const floodMegabytes = 24

// Fault is something that goes wrong. At Google's OAuth endpoints the answer has the
// form of OAuth errors, and Reason is the error code; at Fitbit it is the errorType.
type Fault struct {
	Kind FaultKind
	// Path strikes requests whose URL path contains it or matches it as of
	// path.Match; empty strikes all.
	Path  string
	Times int // how often it strikes; 0 until cancelled
	Every int // strikes every n-th matching request only; 0 and 1 are each

	Status     int // where the kind leaves it open, or to change the kind's own
	Reason     string
	RetryAfter time.Duration
	Delay      time.Duration // waits before acting, but for SlowBody; ends with the request
}

type activeFault struct {
	Fault
	matched, struck int
}

// Fail makes requests fail until cancel is called or the fault has struck as often as it
// says. Of several faults the one added first strikes.
func (c *Cloud) Fail(f Fault) (cancel func()) {
	active := &activeFault{Fault: f}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, active)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.faults = slices.DeleteFunc(c.faults, func(f *activeFault) bool { return f == active })
	}
}

// strike returns the fault that strikes a request to urlPath, or the zero Fault.
func (c *Cloud) strike(urlPath string) Fault {
	for _, f := range c.faults {
		if matched, err := path.Match(f.Path, urlPath); (err != nil || !matched) && !strings.Contains(urlPath, f.Path) {
			continue
		}
		if f.Times > 0 && f.struck == f.Times {
			continue
		}
		f.matched++
		if f.Every > 1 && f.matched%f.Every != 0 {
			continue
		}
		f.struck++
		return f.Fault
	}
	return Fault{}
}

// struck answers a request that f has struck.
func (c *Cloud) struck(r *http.Request, f Fault) reply {
	switch f.Kind {
	case DropReply:
		c.answer(r)
		return reply{delivery: dropped}
	case Truncated:
		rep := c.answer(r)
		rep.delivery = halved
		return rep
	case SlowBody:
		rep := c.answer(r)
		rep.delivery, rep.pause = stalled, f.Delay
		return rep
	case HTML:
		return errorPage(cmp.Or(f.Status, http.StatusBadGateway))
	case Gone:
		return errorPage(cmp.Or(f.Status, http.StatusGone))
	case Garbage:
		return reply{status: cmp.Or(f.Status, http.StatusOK), contentType: contentJSON, body: []byte("{\"dataPoints\": [{]}, \x00\xff nul")}
	case Oversized:
		return reply{status: cmp.Or(f.Status, http.StatusOK), contentType: contentJSON, body: []byte(`{"dataPoints": [`), delivery: flooded}
	case Unauthorized:
		return c.refusal(r, f, http.StatusUnauthorized)
	case Forbidden:
		return c.refusal(r, f, http.StatusForbidden)
	case RateLimited:
		return c.refusal(r, f, http.StatusTooManyRequests)
	case ServerError:
		return c.refusal(r, f, http.StatusServiceUnavailable)
	case Conflict:
		return c.refusal(r, f, http.StatusConflict)
	case Slow:
	}
	return c.answer(r)
}

func errorPage(status int) reply {
	return htmlReply(status, fmt.Sprintf("<!DOCTYPE html><html lang=en><title>Error %d (%s)</title></html>\n", status, http.StatusText(status)))
}

// refusal answers in the form of the endpoint that was asked.
func (c *Cloud) refusal(r *http.Request, f Fault, status int) reply {
	status = cmp.Or(f.Status, status)
	if f.Kind == RateLimited && !atFitbit(r.URL.Path) {
		f.Reason = cmp.Or(f.Reason, "RATE_LIMIT_EXCEEDED")
	}
	var rep reply
	switch {
	case atFitbit(r.URL.Path):
		rep = c.fitbitStruck(r, f, status)
	case strings.HasPrefix(r.URL.Path, "/v4/"):
		rep = newGoogleError(status, f.Reason, http.StatusText(status)).reply()
	default:
		name := "internal_failure"
		if status == http.StatusUnauthorized {
			name = "invalid_client"
		}
		rep = oauthError{status, cmp.Or(f.Reason, name), http.StatusText(status)}.reply()
	}
	if f.RetryAfter > 0 {
		rep.header = map[string]string{"Retry-After": wholeSeconds(f.RetryAfter)}
	}
	return rep
}

// wholeSeconds writes a duration as headers do, rounded up.
func wholeSeconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
