package main

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// tap stands between the bridge and the cloud: it tells which paths are asked, and
// writes down every secret that passes.
type tap struct {
	t     *testing.T
	cloud http.Handler

	mu      sync.Mutex
	secrets map[string]string // what it is, by its text
	paths   []string
	parrot  int // token requests still to be refused by quoting them
	came    chan struct{}
}

// listenIn puts a tap into the way to the world's cloud, for configurations
// written from now on.
func (w *world) listenIn(t *testing.T) *tap {
	t.Helper()
	p := &tap{t: t, cloud: w.cloud, secrets: make(map[string]string), came: make(chan struct{})}
	w.server = httptest.NewServer(p)
	t.Cleanup(w.server.Close)
	return p
}

func (p *tap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller has gone
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	p.noteRequest(r, body)
	if r.URL.Path != "/token" {
		p.cloud.ServeHTTP(w, r)
		return
	}
	if p.quotes() {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "server_error", "error_description": string(body) + " " + r.Header.Get("Authorization")})
		return
	}
	answer := httptest.NewRecorder()
	p.cloud.ServeHTTP(answer, r)
	p.noteAnswer(answer.Body.Bytes())
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

func (p *tap) noteRequest(r *http.Request, body []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if form, err := url.ParseQuery(string(body)); err == nil {
		for _, key := range []string{"client_secret", "code", "code_verifier", "refresh_token", "token"} {
			p.note(key, form.Get(key))
		}
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		p.note("access_token", token)
	}
	p.paths = append(p.paths, r.URL.Path)
	close(p.came)
	p.came = make(chan struct{})
}

func (p *tap) noteAnswer(body []byte) {
	var grant struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if json.Unmarshal(body, &grant) != nil {
		return // an error page
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note("access_token", grant.Access)
	p.note("refresh_token", grant.Refresh)
}

// note needs the lock.
func (p *tap) note(what, secret string) {
	if secret != "" {
		p.secrets[secret] = what
	}
}

// hold writes down a secret that does not pass here.
func (p *tap) hold(what, secret string) {
	p.t.Helper()
	if secret == "" {
		p.t.Fatalf("there is no %s", what)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note(what, secret)
}

// refuse answers the next n token requests with 503 and a description that quotes
// all of the request.
func (p *tap) refuse(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.parrot = n
}

func (p *tap) quotes() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.parrot--
	return p.parrot >= 0
}

// count says how many secrets of a kind have passed.
func (p *tap) count(what string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, kind := range p.secrets {
		if kind == what {
			n++
		}
	}
	return n
}

// forget makes asked wait for what comes from now on.
func (p *tap) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paths = nil
}

// asked waits until a request arrives whose path contains part; its answer may
// still be a long way off.
func (p *tap) asked(part string) {
	p.t.Helper()
	deadline := time.After(patience)
	for {
		p.mu.Lock()
		found := slices.ContainsFunc(p.paths, func(path string) bool { return strings.Contains(path, part) })
		came := p.came
		p.mu.Unlock()
		if found {
			return
		}
		select {
		case <-came:
		case <-deadline:
			p.t.Fatalf("the cloud was not asked for %s", part)
		}
	}
}

// unspoken fails if one of the secrets shows in a text.
func (p *tap) unspoken(where, text string) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for secret, what := range p.secrets {
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
			if i := strings.Index(text, form); i >= 0 {
				p.t.Errorf("%s: a %s shows: …%s…", where, what, text[max(0, i-80):min(len(text), i+80)])
				break
			}
		}
	}
}
