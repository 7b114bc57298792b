package web_test

import (
	"bytes"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// secrets are what must never be in an answer or in the log: those that went to the
// cloud or came from it, and those that were typed in.
type secrets struct {
	mu   sync.Mutex
	list map[string]bool
}

func (s *secrets) add(list ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.list == nil {
		s.list = make(map[string]bool)
	}
	for _, secret := range list {
		if secret != "" {
			s.list[secret] = true
		}
	}
}

func (s *secrets) check(tb testing.TB, where, text string) {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for secret := range s.list {
		if strings.Contains(text, secret) {
			tb.Errorf("%s shows a secret: %s", where, secret)
		}
	}
}

// listen takes down the secrets that pass between the bridge and the cloud.
func (s *secrets) listen(next http.RoundTripper) http.RoundTripper { return wire{next, s} }

type wire struct {
	next    http.RoundTripper
	secrets *secrets
}

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
		if form, err := url.ParseQuery(string(body)); err == nil {
			w.secrets.add(form.Get("code_verifier"), form.Get("client_secret"), form.Get("refresh_token"), form.Get("token"))
		}
	}
	res, err := w.next.RoundTrip(r)
	if err != nil || r.URL.Path != "/token" {
		return res, err
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(body))
	var granted struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if json.Unmarshal(body, &granted) == nil {
		w.secrets.add(granted.Access, granted.Refresh)
	}
	return res, err
}

// browser is somebody at the page: it keeps cookies, and says where its forms come
// from. It follows redirects only when it is told to.
type browser struct {
	*house
	http *http.Client
}

func (h *house) browser() *browser {
	h.tb.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.tb.Fatal(err)
	}
	b := &browser{house: h, http: &http.Client{
		Jar: jar, Timeout: patience, Transport: &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	h.tb.Cleanup(b.http.CloseIdleConnections)
	return b
}

// answer is what the page said.
type answer struct {
	b      *browser
	at     *url.URL
	status int
	header http.Header
	body   string
}

func (b *browser) request(method, path, body string) *http.Request {
	b.tb.Helper()
	address := path
	if !strings.HasPrefix(path, "http") {
		address = b.url + path
	}
	r, err := http.NewRequestWithContext(b.tb.Context(), method, address, strings.NewReader(body))
	if err != nil {
		b.tb.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Origin", b.url)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

// do sends a request, and looks for secrets in whatever comes back.
func (b *browser) do(r *http.Request) answer {
	b.tb.Helper()
	res, err := b.http.Do(r)
	if err != nil {
		b.tb.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.tb.Fatal(err)
	}
	var head strings.Builder
	_ = res.Header.Write(&head)
	b.secrets.check(b.tb, r.Method+" "+r.URL.Path, head.String()+string(body))
	return answer{b, r.URL, res.StatusCode, res.Header, string(body)}
}

func (b *browser) get(path string) answer {
	b.tb.Helper()
	return b.do(b.request(http.MethodGet, path, ""))
}

// post sends a form of pairs of a name and a value.
func (b *browser) post(path string, fields ...string) answer {
	b.tb.Helper()
	form := make(url.Values)
	for i := 0; i < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return b.do(b.request(http.MethodPost, path, form.Encode()))
}

// goesTo is where a redirect leads; empty if it is none.
func (a answer) goesTo() string {
	a.b.tb.Helper()
	location := a.header.Get("Location")
	if location == "" {
		return ""
	}
	to, err := a.at.Parse(location)
	if err != nil {
		a.b.tb.Fatal(err)
	}
	return strings.TrimPrefix(to.String(), a.b.url)
}

// follow goes where a redirect leads.
func (a answer) follow() answer {
	a.b.tb.Helper()
	if a.status != http.StatusSeeOther {
		a.b.tb.Fatalf("%s: status %d, want a redirect:\n%s", a.at.Path, a.status, a.text())
	}
	return a.b.get(a.goesTo())
}

// text is what a person reads, with blanks in the place of everything else.
func (a answer) text() string {
	s := regexp.MustCompile(`(?s)<head>.*?</head>`).ReplaceAllString(a.body, "")
	s = regexp.MustCompile(`</?(strong|em|code|a|time|span)\b[^>]*>`).ReplaceAllString(s, "")
	s = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(s, " ")
	return strings.Join(strings.Fields(html.UnescapeString(s)), " ")
}

// wants fails the test unless the answer has the status and the texts, as people read them.
func (a answer) wants(status int, texts ...string) answer {
	a.b.tb.Helper()
	if a.status != status {
		a.b.tb.Errorf("%s: status %d, want %d", a.at.RequestURI(), a.status, status)
	}
	shown := a.text()
	for _, t := range texts {
		if !strings.Contains(shown, t) {
			a.b.tb.Errorf("%s lacks %q:\n%s", a.at.RequestURI(), t, shown)
		}
	}
	return a
}

// lacks fails the test if the answer has one of the texts.
func (a answer) lacks(texts ...string) answer {
	a.b.tb.Helper()
	shown := a.text()
	for _, t := range texts {
		if strings.Contains(shown, t) || strings.Contains(a.body, t) {
			a.b.tb.Errorf("%s has %q:\n%s", a.at.RequestURI(), t, shown)
		}
	}
	return a
}

// holds fails the test unless the source has the texts.
func (a answer) holds(texts ...string) answer {
	a.b.tb.Helper()
	for _, t := range texts {
		if !strings.Contains(a.body, t) {
			a.b.tb.Errorf("%s lacks %q:\n%s", a.at.RequestURI(), t, a.body)
		}
	}
	return a
}

// consentLink is the address behind "Sign in with …".
func (a answer) consentLink() string {
	a.b.tb.Helper()
	found := regexp.MustCompile(`href="([^"]*)"[^>]*>Sign in with `).FindStringSubmatch(a.body)
	if found == nil {
		a.b.tb.Fatalf("%s has no way to the consent page:\n%s", a.at.RequestURI(), a.text())
	}
	return html.UnescapeString(found[1])
}

// begin opens the form, sends it, and returns the page of the sign-in.
func (b *browser) begin(fields ...string) answer {
	b.tb.Helper()
	return b.post("/connect", fields...).follow().wants(http.StatusOK)
}

// comeBack consents and follows the browser back, to the page that says how it went.
func (a answer) comeBack(as fakecloud.Answer) answer {
	a.b.tb.Helper()
	return a.b.get(a.b.consent(a.consentLink(), as)).follow()
}
