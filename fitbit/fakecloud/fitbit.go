package fakecloud

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// FitbitOptions say how the legacy cloud answers where it has been seen to answer in
// more than one way. The zero value is the usual way.
type FitbitOptions struct {
	// PerHour is how many requests a person has per hour and app: 150 if zero, as at
	// Fitbit; unlimited, and without a word about it in the headers, if negative.
	PerHour int
	// RetryAfter is what 429 says in Retry-After, be it true or not; zero leaves the
	// header out.
	RetryAfter time.Duration
	// Behind is how many requests the headers are late in telling what remains.
	Behind int
	// Empty is what a list looks like that has nothing in it.
	Empty Emptiness
	// GoogleErrors gives a 403 the form it had from Google's front end, in 2026.
	GoogleErrors bool
}

// Emptiness is a shape that "nothing" has.
type Emptiness string

// The shapes of "nothing".
const (
	EmptyList   Emptiness = ""       // {"weight":[]}
	EmptyObject Emptiness = "object" // {}
	EmptyArray  Emptiness = "array"  // []
	EmptyNull   Emptiness = "null"   // {"weight":null}
)

// AppKind is the type of an app at Fitbit; Google does not ask.
type AppKind string

// The kinds of apps that Fitbit knows.
const (
	PersonalApp AppKind = ""       // either with its secret or as a Client
	ServerApp   AppKind = "server" // authenticates by HTTP Basic
	ClientApp   AppKind = "client" // has no secret, and needs PKCE
)

// fitbitCloud is what the legacy cloud has of its own; guarded by Cloud.mu.
type fitbitCloud struct {
	options FitbitOptions
	grants  fitbitGrants
	hours   map[consent]*fitbitHour
	retired bool
}

func newFitbitCloud(o FitbitOptions) fitbitCloud {
	return fitbitCloud{options: o, grants: newFitbitGrants(), hours: map[consent]*fitbitHour{}}
}

// SetFitbit changes how the legacy cloud answers from now on.
func (c *Cloud) SetFitbit(o FitbitOptions) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fitbit.options = o
}

// RetireFitbit turns the legacy cloud off for good, sign-in included.
func (c *Cloud) RetireFitbit() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fitbit.retired = true
}

// atFitbit reports whether a path is the legacy cloud's.
func atFitbit(path string) bool {
	return slices.ContainsFunc([]string{"/oauth2/", "/1/", "/1.1/", "/1.2/"}, func(prefix string) bool {
		return strings.HasPrefix(path, prefix)
	})
}

// fitbitAnswer acts on a request to the legacy cloud.
func (c *Cloud) fitbitAnswer(r *http.Request) reply {
	if c.fitbit.retired {
		return errorPage(http.StatusGone)
	}
	if r.URL.Path == fitbitAuthPath {
		return c.consentPage(r, "Fitbit", c.fitbitQuestion)
	}
	unsized := r.ContentLength < 0 || r.ContentLength == 0 && r.Header.Get("Content-Length") == ""
	if r.Method == http.MethodPost && unsized {
		return errorPage(http.StatusLengthRequired)
	}
	switch r.Method + " " + r.URL.Path {
	case "POST " + fitbitTokenPath:
		return c.fitbitTokens(r)
	case "POST " + fitbitRevokePath:
		return c.fitbitRevoke(r)
	case "POST " + fitbitIntrospectPath:
		return c.fitbitIntrospect(r)
	}
	return c.fitbitData(r)
}

// fitbitCall is one call for one person's data.
type fitbitCall struct {
	person *Person
	app    App
	now    time.Time
	args   []string // what follows the resource in the path
	units  units
	empty  Emptiness
}

// fitbitResource is a row of the table of what can be read.
type fitbitResource struct {
	path, kind, scope string
	serve             func(fitbitCall) (reply, *fitbitError)
}

// routeFitbit returns the resource that a request is about, and what follows it in
// the path; no kind if there is none.
func routeFitbit(method, path string) (fitbitResource, []string) {
	rest, ours := strings.CutPrefix(path, "/1/user/-/")
	rest, asJSON := strings.CutSuffix(rest, ".json")
	if !ours || !asJSON || method != http.MethodGet {
		return fitbitResource{}, nil
	}
	for _, res := range []fitbitResource{
		{"profile", "profile", "profile", fitbitProfile},
		{"devices", "devices", "settings", fitbitDevices},
		{"body/log/weight/date/", "weight", "weight", weightLog},
		{"body/log/fat/date/", "fat", "weight", fatLog},
		{"body/weight/date/", "weight-series", "weight", bodySeries("weight")},
		{"body/fat/date/", "fat-series", "weight", bodySeries("fat")},
		{"body/bmi/date/", "bmi-series", "weight", bodySeries("bmi")},
		{"activities/heart/date/", "heart", "heartrate", heartSeries},
		{"hrv/date/", "hrv", "heartrate", variability},
	} {
		args, found := strings.CutPrefix(rest, res.path)
		if !found || (args == "") == strings.HasSuffix(res.path, "/") {
			continue
		}
		seg := strings.Split(args, "/")
		if res.kind == "heart" && len(seg) > 2 {
			res.kind, res.serve = "heart-intraday", heartIntraday
		}
		return res, seg
	}
	return fitbitResource{}, nil
}

// fitbitData answers a call for data. Whatever becomes of it counts, once it is known
// whose call it is.
func (c *Cloud) fitbitData(r *http.Request) reply {
	g, err := c.fitbitAdmit(r)
	if err != nil {
		return c.fitbitRefusal(err)
	}
	headers, over := c.spend(g)
	var rep reply
	if over {
		err = tooManyRequests()
		if after := c.fitbit.options.RetryAfter; after > 0 {
			headers["Retry-After"] = wholeSeconds(after)
		}
	} else {
		rep, err = c.fitbitServe(r, g)
	}
	if err != nil {
		rep = c.fitbitRefusal(err)
	}
	rep.header = headers
	return rep
}

func (c *Cloud) fitbitServe(r *http.Request, g *fitbitGrant) (reply, *fitbitError) {
	res, args := routeFitbit(r.Method, r.URL.Path)
	switch {
	case res.kind == "":
		return reply{}, unknownEndpoint()
	case !slices.Contains(g.scopes, res.scope):
		return reply{}, insufficientScope(res.scope)
	case r.URL.RawQuery != "":
		return reply{}, invalid("query", "Invalid query parameters")
	}
	app, _ := c.app(g.client)
	return res.serve(fitbitCall{
		person: g.person, app: app, now: c.now(), args: args,
		units: units(r.Header.Get("Accept-Language")), empty: c.fitbit.options.Empty,
	})
}

// fitbitAdmit returns the grant of the access token that came with a request.
func (c *Cloud) fitbitAdmit(r *http.Request) (*fitbitGrant, *fitbitError) {
	token := bearer(r)
	if token == "" {
		return nil, &fitbitError{status: http.StatusBadRequest, kind: "invalid_request", message: "Authorization header required." + seeDocs}
	}
	return c.fitbit.grants.admit(token, c.now())
}

// fitbitHour is the hour that began with a person's first request through an app.
type fitbitHour struct {
	start time.Time
	used  int
}

// spend counts one call and returns what the headers say of the budget, and whether
// it was one too many.
func (c *Cloud) spend(g *fitbitGrant) (headers map[string]string, over bool) {
	limit := c.fitbit.options.PerHour
	switch {
	case limit < 0:
		return map[string]string{}, false
	case limit == 0:
		limit = 150
	}
	now, key := c.now(), consent{g.person.name, g.client}
	hour := c.fitbit.hours[key]
	if hour == nil || now.Before(hour.start) || !now.Before(hour.start.Add(time.Hour)) {
		hour = &fitbitHour{start: now}
		c.fitbit.hours[key] = hour
	}
	hour.used++
	return map[string]string{ // spelt as in a capture of 2026
		"Fitbit-rate-limit-limit":     strconv.Itoa(limit),
		"Fitbit-rate-limit-remaining": strconv.Itoa(max(0, limit-max(0, hour.used-c.fitbit.options.Behind))),
		"Fitbit-rate-limit-reset":     wholeSeconds(hour.start.Add(time.Hour).Sub(now)),
	}, hour.used > limit
}
