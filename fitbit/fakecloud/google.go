package fakecloud

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// googleCloud is what Google has of its own; guarded by Cloud.mu.
type googleCloud struct {
	perMinute int            // API requests that a person has; not positive: no limit
	used      map[string]int // of those of the minute, by person
	minute    time.Time
	grants    googleGrants
}

func newGoogleCloud(perMinute int) googleCloud {
	return googleCloud{perMinute: cmp.Or(perMinute, 300), grants: newGoogleGrants()}
}

// googleAnswer acts on a request to Google, or to nobody.
func (c *Cloud) googleAnswer(r *http.Request) reply {
	switch r.URL.Path {
	case googleAuthPath:
		return c.consentPage(r, "Google", c.googleQuestion)
	case googleTokenPath:
		return c.googleTokens(r)
	case googleRevokePath:
		return c.googleRevoke(r)
	case googleInfoPath:
		return c.googleInfo(r)
	}
	rest, ok := strings.CutPrefix(r.URL.Path, "/v4/")
	if !ok {
		return notFound()
	}
	rep, err := c.googleData(r, rest)
	if refusal, ok := errors.AsType[*googleError](err); ok {
		return refusal.reply()
	}
	return rep
}

// operation is one call of the API by one person's token.
type operation struct {
	person *Person
	now    time.Time
	query  url.Values
	r      *http.Request
}

// googleData answers a request to /v4/ followed by rest.
func (c *Cloud) googleData(r *http.Request, rest string) (reply, error) {
	seg := strings.Split(rest, "/")
	var serve func(operation) (reply, error)
	var user string
	scopes := []string{scopeBody, scopeActivity, scopeSettings, scopeProfile} // any one will do
	switch {
	case len(seg) == 3 && seg[0] == "users" && r.Method == http.MethodGet:
		user = seg[1]
		switch seg[2] {
		case "identity":
			serve = identity
		case "settings":
			serve, scopes = settings, []string{scopeSettings}
		case "profile":
			serve, scopes = profile, []string{scopeProfile}
		case "pairedDevices":
			serve, scopes = pairedDevices, []string{scopeSettings}
		}
	case len(seg) == 5 && seg[0] == "users" && seg[2] == "dataTypes":
		user = seg[1]
		dt, known := lookUp(seg[3])
		serve = dataPointCall(r.Method, seg[4], dt, known)
		if known {
			scopes = []string{dt.scope}
		}
	}
	if serve == nil {
		return notFound(), nil
	}
	t, err := c.admit(r)
	if err != nil {
		return reply{}, err
	}
	if user != "me" {
		return reply{}, badRequest("", "Request contains an invalid argument.")
	}
	if !t.allows(scopes...) {
		return reply{}, newGoogleError(http.StatusForbidden, "MISSING_OAUTH_SCOPE", "The token lacks a scope that this data needs.")
	}
	return serve(operation{person: t.person, now: c.now(), query: r.URL.Query(), r: r})
}

// admit checks token, quota and the state of the person's account, in this order.
func (c *Cloud) admit(r *http.Request) (*googleToken, error) {
	if bearer(r) == "" {
		e := newGoogleError(http.StatusUnauthorized, "CREDENTIALS_MISSING", "Request is missing required authentication credential. API keys are not supported by this API.")
		e.header = map[string]string{"WWW-Authenticate": `Bearer realm="https://accounts.google.com/"`}
		return nil, e
	}
	t, ok := c.google.grants.liveAccess(bearer(r), c.now())
	if !ok {
		e := newGoogleError(http.StatusUnauthorized, "", "Request had invalid authentication credentials.")
		e.header = map[string]string{"WWW-Authenticate": `Bearer realm="https://accounts.google.com/", error="invalid_token"`}
		return nil, e
	}
	if c.overQuota(t.person) {
		return nil, newGoogleError(http.StatusTooManyRequests, "RATE_LIMIT_EXCEEDED", "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute per user'.")
	}
	switch t.person.state {
	case NotLinked:
		e := badRequest("ACCOUNT_NOT_LINKED", "The Google account is not linked to Google Health.")
		e.status = "FAILED_PRECONDITION"
		return nil, e
	case NoProfile:
		return nil, newGoogleError(http.StatusPreconditionFailed, "", "Precondition check failed.")
	case LegacyAccount:
		return nil, newGoogleError(http.StatusForbidden, "", "UberMint/GaiaMint: the user has a legacy Fitbit account.")
	case Linked:
	}
	return t, nil
}

// overQuota counts one API request of a person and reports whether it is one too many.
func (c *Cloud) overQuota(p *Person) bool {
	if minute := c.now().Truncate(time.Minute); !minute.Equal(c.google.minute) {
		c.google.minute, c.google.used = minute, map[string]int{}
	}
	c.google.used[p.name]++
	return c.google.perMinute > 0 && c.google.used[p.name] > c.google.perMinute
}

// dataPointCall returns what serves a call below .../dataTypes/{type}/, or nil.
func dataPointCall(method, call string, dt dataType, known bool) func(operation) (reply, error) {
	var serve func(operation, dataType) (reply, error)
	needsRollup := false
	switch method + " " + call {
	case "GET dataPoints":
		serve = list
	case "POST dataPoints:rollUp":
		serve, needsRollup = rollUp, true
	case "POST dataPoints:dailyRollUp":
		serve, needsRollup = dailyRollUp, true
	case "GET dataPoints:reconcile":
	default:
		return nil
	}
	return func(op operation) (reply, error) {
		if !known {
			return reply{}, badRequest("INVALID_DATA_TYPE", "The data type is unknown.")
		}
		if serve == nil || needsRollup && dt.roll == nil {
			return reply{}, badRequest("UNSUPPORTED_DATA_TYPE_ACTION", "The data type does not support this action.")
		}
		return serve(op, dt)
	}
}

// onlyParams refuses query parameters other than those named and Google's general
// ones, so that a misspelt one does not go unnoticed.
func (op operation) onlyParams(names ...string) error {
	for name := range op.query {
		if name != "prettyPrint" && name != "alt" && !slices.Contains(names, name) {
			return badRequest("", "Invalid JSON payload received. Unknown name \""+name+"\": Cannot bind query parameter.")
		}
	}
	return nil
}

// pageSize reads the parameter; sizes beyond the limit are cut, not refused.
func (op operation) pageSize(byDefault, limit int) (int, error) {
	s := op.query.Get("pageSize")
	if s == "" {
		return byDefault, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, badRequest("INVALID_PAGE_SIZE", "The page size is not a number of records.")
	}
	if n == 0 {
		return byDefault, nil
	}
	return min(n, limit), nil
}

func answerJSON[T any](op operation, v T) (reply, error) {
	rep := jsonReply(http.StatusOK, v)
	if op.query.Get("prettyPrint") != "false" {
		rep.body = indented(rep.body)
	}
	return rep, nil
}
