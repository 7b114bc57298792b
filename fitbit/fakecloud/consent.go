package fakecloud

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

//go:embed consent.html
var consentHTML string

func parsePages() *template.Template {
	return template.Must(template.New("consent").Parse(consentHTML))
}

// Answer is what a person does on the consent page.
type Answer struct {
	Person string // whose account
	Deny   bool   // "Cancel" instead of "Continue"
	// Untick are scopes not granted: at Google as suffixes such as
	// "settings.readonly", at Fitbit as they are, such as "heartrate".
	Untick []string
}

// PageError is an error the consent page shows to the person instead of sending
// them back to the app.
type PageError struct {
	Code   string // such as "redirect_uri_mismatch"
	Detail string
}

// Error says what the page says.
func (e *PageError) Error() string { return "consent page: " + e.Code + ": " + e.Detail }

// Consent does what a person with a browser would: it opens authURL, which may be
// either cloud's, answers, and returns the address it is sent back to, with code and
// state or with error=access_denied. Only path and query of authURL count. The
// requests pass through the same pages, faults and records as a browser's. Errors:
// [*PageError]; others if a fault struck or ctx has ended.
func (c *Cloud) Consent(ctx context.Context, authURL string, a Answer) (*url.URL, error) {
	page, err := c.browse(ctx, http.MethodGet, authURL, nil)
	if err != nil {
		return nil, err
	}
	if page.status != http.StatusOK {
		return nil, fmt.Errorf("consent page: status %d", page.status)
	}
	u, err := url.Parse(authURL)
	if err != nil {
		return nil, fmt.Errorf("consent page: %w", err)
	}
	form := url.Values{"person": {a.Person}, "decision": {"allow"}}
	if a.Deny {
		form.Set("decision", "deny")
	}
	for scope := range strings.FieldsSeq(u.Query().Get("scope")) {
		if !slices.Contains(a.Untick, strings.TrimPrefix(scope, scopePrefix)) {
			form.Add("grant", scope)
		}
	}
	back, err := c.browse(ctx, http.MethodPost, authURL, form)
	if err != nil {
		return nil, err
	}
	if back.status != http.StatusFound {
		return nil, fmt.Errorf("consent page: status %d", back.status)
	}
	return url.Parse(back.header["Location"])
}

// browse sends a request without a network.
func (c *Cloud) browse(ctx context.Context, method, rawURL string, form url.Values) (reply, error) {
	r, err := http.NewRequestWithContext(ctx, method, rawURL, strings.NewReader(form.Encode()))
	if err != nil {
		return reply{}, fmt.Errorf("consent page: %w", err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	rep := c.exchange(r)
	switch {
	case ctx.Err() != nil:
		return reply{}, ctx.Err()
	case rep.delivery != whole:
		return reply{}, fmt.Errorf("consent page: %w", io.ErrUnexpectedEOF)
	}
	return rep, rep.refused
}

// question is what an app wants to have asked. Each cloud reads it from an
// authorization request in its own way, and grants in its own way.
type question struct {
	client   string
	returnTo string
	state    string
	scopes   []string
	// grant notes what a person gives, some of the scopes, and returns what they
	// bring back to the app besides the state.
	grant    func(p *Person, scopes []string) url.Values
	fragment string // follows the address if anything was given
}

// consentPage shows the page (GET) and takes the answer (POST to the same address).
// What is wrong with a request is shown on the page: neither cloud redirects then.
func (c *Cloud) consentPage(r *http.Request, cloud string, read func(url.Values) (question, *PageError)) reply {
	q, refusal := read(r.URL.Query())
	if refusal != nil {
		return c.page(http.StatusBadRequest, consentView{Cloud: cloud, Error: refusal})
	}
	switch r.Method {
	case http.MethodGet:
		view := consentView{Cloud: cloud, Client: q.client, People: c.people}
		for _, scope := range q.scopes {
			view.Scopes = append(view.Scopes, scopeView{scope, strings.TrimPrefix(scope, scopePrefix)})
		}
		return c.page(http.StatusOK, view)
	case http.MethodPost:
		back, refusal := c.decide(q, r.PostForm)
		if refusal != nil {
			return c.page(http.StatusBadRequest, consentView{Cloud: cloud, Error: refusal})
		}
		rep := htmlReply(http.StatusFound, "")
		rep.header = map[string]string{"Location": back}
		return rep
	}
	return notFound()
}

// decide returns the address to send the person back to.
func (c *Cloud) decide(asked question, form url.Values) (string, *PageError) {
	back, err := url.Parse(asked.returnTo)
	if err != nil {
		return "", &PageError{"redirect_uri_mismatch", "The redirect URI is malformed."}
	}
	q := back.Query()
	if asked.state != "" {
		q.Set("state", asked.state)
	}
	granted := slices.DeleteFunc(slices.Clone(asked.scopes), func(scope string) bool { return !slices.Contains(form["grant"], scope) })
	switch {
	case form.Get("decision") != "allow" || len(granted) == 0:
		q.Set("error", "access_denied")
	default:
		p := c.person(form.Get("person"))
		if p == nil {
			return "", &PageError{"invalid_request", "Choose an account."}
		}
		maps.Copy(q, asked.grant(p, granted))
		back.Fragment = asked.fragment
	}
	back.RawQuery = q.Encode()
	return back.String(), nil
}

// consentView is what consent.html shows: an error, or the question.
type consentView struct {
	Cloud  string
	Error  *PageError
	Client string
	People []*Person
	Scopes []scopeView
}

type scopeView struct{ Scope, Name string }

func (c *Cloud) page(status int, view consentView) reply {
	var b bytes.Buffer
	if err := c.pages.Execute(&b, view); err != nil {
		return reply{delivery: dropped, refused: err}
	}
	rep := htmlReply(status, b.String())
	rep.header = map[string]string{"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "X-Frame-Options": "DENY"}
	if view.Error != nil {
		rep.refused = view.Error
	}
	return rep
}
