package fakecloud

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Request is one request that was served. No token, code or secret is kept.
type Request struct {
	Time         time.Time
	Method, Path string
	DataType     string    // such as "body-fat" at Google and "fat" at Fitbit; empty if there is no data in it
	Filter       string    // decoded
	Grant        string    // grant_type of a token request
	Person       string    // whose token or code came with it; empty if nobody's did
	Status       int       // what was answered; 0 if the connection was cut before that
	Fault        FaultKind // which fault struck; empty if none
}

const (
	keptRequests = 10_000
	maxBody      = 64 << 10
)

// Requests returns what was asked since the last reset, oldest first, at most the last 10,000.
func (c *Cloud) Requests() []Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Request(nil), c.requests...)
}

// ResetRequests forgets what was asked.
func (c *Cloud) ResetRequests() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = nil
}

// delivery is what becomes of an answer on its way out.
type delivery int

const (
	whole   delivery = iota
	dropped          // nothing is sent
	halved           // half of the body is sent, then the connection is cut
	stalled          // half of the body is sent, and the rest after a pause
	flooded          // the body is followed by tens of megabytes
)

// reply is an answer, ready to be sent once no lock is held.
type reply struct {
	status      int
	contentType string
	header      map[string]string
	body        []byte
	refused     error // what an error page says, for Consent
	delivery    delivery
	pause       time.Duration
}

const (
	contentJSON = "application/json; charset=UTF-8"
	contentHTML = "text/html; charset=UTF-8"
)

func htmlReply(status int, body string) reply {
	return reply{status: status, contentType: contentHTML, body: []byte(body)}
}

// jsonReply writes v, which is a closed struct of this package and cannot fail to encode.
func jsonReply[T any](status int, v T) reply {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return reply{status: status, contentType: contentJSON, body: body}
}

func notFound() reply {
	return htmlReply(http.StatusNotFound, "<!DOCTYPE html><html lang=en><title>Error 404 (Not Found)</title><p>The requested URL was not found on this server.</html>\n")
}

// ServeHTTP answers one request.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.exchange(r).send(w, r)
}

// exchange does everything but send the answer.
func (c *Cloud) exchange(r *http.Request) reply {
	if r.Body != nil {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
		if err != nil {
			return reply{delivery: dropped}
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") || r.ParseForm() != nil {
		return htmlReply(http.StatusBadRequest, "<!DOCTYPE html><title>Error 400 (Bad Request)</title>\n")
	}
	seen, fault := c.arrive(r)
	var rep reply
	if fault.Kind != SlowBody && !wait(r, fault.Delay) {
		rep.delivery = dropped
	} else {
		rep = c.struck(r, fault)
	}
	seen.Status, seen.Fault = rep.status, fault.Kind
	if rep.delivery == dropped {
		seen.Status = 0
	}
	c.keep(seen)
	return rep
}

// wait returns false if the request ended before d had passed.
func wait(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// arrive notes what is asked and by whom, before acting on it can change that.
func (c *Cloud) arrive(r *http.Request) (Request, Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := Request{Time: c.now(), Method: r.Method, Path: r.URL.Path, Filter: r.URL.Query().Get("filter")}
	if _, rest, ok := strings.Cut(r.URL.Path, "/dataTypes/"); ok {
		seen.DataType, _, _ = strings.Cut(rest, "/")
	}
	if atFitbit(r.URL.Path) {
		res, _ := routeFitbit(r.Method, r.URL.Path)
		seen.DataType = res.kind
	}
	if r.URL.Path == googleTokenPath || r.URL.Path == fitbitTokenPath {
		seen.Grant = r.Form.Get("grant_type")
	}
	secrets := []string{bearer(r), r.Form.Get("refresh_token"), r.Form.Get("code"), r.Form.Get("token")}
	if p := cmp.Or(c.google.grants.whose(secrets...), c.fitbit.grants.whose(secrets...)); p != nil {
		seen.Person = p.name
	}
	return seen, c.strike(r.URL.Path)
}

func (c *Cloud) keep(seen Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.requests) >= keptRequests {
		c.requests = append([]Request(nil), c.requests[keptRequests/2:]...)
	}
	c.requests = append(c.requests, seen)
	c.log.Debug("request served", "method", seen.Method, "path", seen.Path, "person", seen.Person, "status", seen.Status)
}

// answer acts on a request.
func (c *Cloud) answer(r *http.Request) reply {
	c.mu.Lock()
	defer c.mu.Unlock()
	if atFitbit(r.URL.Path) {
		return c.fitbitAnswer(r)
	}
	return c.googleAnswer(r)
}

func (rep reply) send(w http.ResponseWriter, r *http.Request) {
	if rep.delivery == dropped {
		panic(http.ErrAbortHandler) // net/http's way to cut a connection without a word
	}
	h := w.Header()
	h.Set("Content-Type", rep.contentType)
	h.Set("Cache-Control", "private, no-store")
	for k, v := range rep.header {
		h[k] = []string{v} // as it is spelt
	}
	body := rep.body
	switch rep.delivery {
	case halved:
		h.Set("Content-Length", strconv.Itoa(len(body)))
		body = body[:len(body)/2]
	case whole, stalled:
		h.Set("Content-Length", strconv.Itoa(len(body)))
	case dropped, flooded:
	}
	w.WriteHeader(rep.status)
	if rep.delivery == stalled {
		_, _ = w.Write(body[:len(body)/2]) // whoever has gone does not hear the rest either
		_ = http.NewResponseController(w).Flush()
		body = body[len(body)/2:]
		if !wait(r, rep.pause) {
			return
		}
	}
	_, err := w.Write(body)
	switch rep.delivery {
	case halved:
		if http.NewResponseController(w).Flush() == nil {
			panic(http.ErrAbortHandler)
		}
	case flooded:
		space := bytes.Repeat([]byte(" "), 1<<20)
		for i := 0; i < floodMegabytes && err == nil; i++ {
			_, err = w.Write(space)
		}
	case whole, dropped, stalled:
	}
}
