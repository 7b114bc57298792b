package fakecloud

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

//go:embed google_consent.html
var consentHTML string

func parsePages() *template.Template {
	return template.Must(template.New("consent").Parse(consentHTML))
}

// Answer is what a person does on the consent page.
type Answer struct {
	Person string   // whose account
	Deny   bool     // "Cancel" instead of "Continue"
	Untick []string // scopes not granted, as suffixes such as "settings.readonly"
}

// PageError is an error the consent page shows to the person instead of sending
// them back to the app.
type PageError struct {
	Code   string // such as "redirect_uri_mismatch"
	Detail string
}

// Error says what the page says.
func (e *PageError) Error() string { return "consent page: " + e.Code + ": " + e.Detail }

// Consent does what a person with a browser would: it opens authURL, answers, and
// returns the address it is sent back to, with code and state or with
// error=access_denied. Only path and query of authURL count. The requests pass
// through the same pages, faults and records as a browser's. Errors: [*PageError];
// others if a fault struck or ctx has ended.
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

// signIn is a sign-in request that may be shown to a person.
type signIn struct {
	app       App
	returnTo  string // the redirect_uri as it was sent
	scopes    []string
	challenge string
	state     string
	offline   bool
	prompt    bool // prompt=consent
}

// checkSignIn reads an authorization request. Google shows what is wrong with
// one on its own page and never redirects.
func (c *Cloud) checkSignIn(q url.Values) (signIn, *PageError) {
	app, ok := c.app(q.Get("client_id"))
	if !ok {
		return signIn{}, &PageError{"invalid_client", "The OAuth client was not found."}
	}
	if !app.mayReturnTo(q.Get("redirect_uri")) {
		return signIn{}, &PageError{"redirect_uri_mismatch", "The redirect URI " + q.Get("redirect_uri") + " is not registered for this client."}
	}
	s := signIn{
		app: app, returnTo: q.Get("redirect_uri"), scopes: strings.Fields(q.Get("scope")), state: q.Get("state"),
		challenge: q.Get("code_challenge"), offline: q.Get("access_type") == "offline",
		prompt: slices.Contains(strings.Fields(q.Get("prompt")), "consent"),
	}
	if q.Get("response_type") != "code" {
		return signIn{}, &PageError{"unsupported_response_type", "Only response_type=code is supported."}
	}
	if len(s.scopes) == 0 {
		return signIn{}, &PageError{"invalid_request", "Missing required parameter: scope"}
	}
	for _, scope := range s.scopes {
		if !knownScope(scope) {
			return signIn{}, &PageError{"invalid_scope", "Some requested scopes were invalid: " + scope}
		}
	}
	if at := q.Get("access_type"); at != "" && at != "online" && at != "offline" {
		return signIn{}, &PageError{"invalid_request", "Invalid parameter value for access_type: " + at}
	}
	hash, err := base64.RawURLEncoding.DecodeString(s.challenge)
	switch method := q.Get("code_challenge_method"); {
	case s.challenge == "" && method == "":
	case method != "S256":
		return signIn{}, &PageError{"invalid_request", "code_challenge_method must be S256."}
	case err != nil || len(hash) != 32:
		return signIn{}, &PageError{"invalid_request", "code_challenge is not an S256 challenge."}
	}
	return s, nil
}

func (a App) mayReturnTo(raw string) bool {
	if slices.Contains(a.RedirectURLs, raw) {
		return true
	}
	u, err := url.Parse(raw)
	return err == nil && a.Desktop && u.Scheme == "http" && (u.Hostname() == "127.0.0.1" || u.Hostname() == "::1")
}

// consentPage shows the page (GET) and takes the answer (POST to the same address).
func (c *Cloud) consentPage(r *http.Request) reply {
	s, refusal := c.checkSignIn(r.URL.Query())
	if refusal != nil {
		return c.page(http.StatusBadRequest, consentView{Error: refusal})
	}
	switch r.Method {
	case http.MethodGet:
		view := consentView{Client: s.app.ClientID, People: c.people}
		for _, scope := range s.scopes {
			view.Scopes = append(view.Scopes, scopeView{scope, strings.TrimPrefix(scope, scopePrefix)})
		}
		return c.page(http.StatusOK, view)
	case http.MethodPost:
		back, refusal := c.decide(s, r.PostForm)
		if refusal != nil {
			return c.page(http.StatusBadRequest, consentView{Error: refusal})
		}
		rep := htmlReply(http.StatusFound, "")
		rep.header = map[string]string{"Location": back}
		return rep
	}
	return notFound()
}

// decide returns the address to send the person back to.
func (c *Cloud) decide(s signIn, form url.Values) (string, *PageError) {
	back, err := url.Parse(s.returnTo)
	if err != nil {
		return "", &PageError{"redirect_uri_mismatch", "The redirect URI is malformed."}
	}
	q := back.Query()
	if s.state != "" {
		q.Set("state", s.state)
	}
	granted := slices.DeleteFunc(slices.Clone(s.scopes), func(scope string) bool { return !slices.Contains(form["grant"], scope) })
	switch {
	case form.Get("decision") != "allow" || len(granted) == 0:
		q.Set("error", "access_denied")
	default:
		p := c.person(form.Get("person"))
		if p == nil {
			return "", &PageError{"invalid_request", "Choose an account."}
		}
		q.Set("code", c.grants.addCode(&code{
			person: p, client: s.app.ClientID, redirectURL: s.returnTo, challenge: s.challenge,
			scopes: granted, offline: s.offline, alwaysRenew: s.prompt, issued: c.now(),
		}))
		q.Set("scope", strings.Join(granted, " "))
	}
	back.RawQuery = q.Encode()
	return back.String(), nil
}

// consentView is what google_consent.html shows: an error, or the question.
type consentView struct {
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
