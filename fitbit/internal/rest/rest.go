// Package rest asks a cloud for some JSON and says honestly what came back.
//
// One [Client] speaks for one person. It sends each request once, and once more
// only if the cloud refused the access token and a renewed one exists. Answers
// are read up to a limit, and nothing that could be personal or secret (tokens,
// queries, bodies) gets into an error. After "too many requests" it refuses by
// itself until the time is up.
package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// The limits of what is read.
const (
	DefaultMaxBody = 8 << 20  // of an answer, bytes
	maxErrorBody   = 64 << 10 // of an error answer, bytes
)

const noAnswer = "no complete answer"

// Client asks one cloud on behalf of one person. Base, Tokens and Translate are required.
type Client struct {
	Base   string        // such as "https://health.googleapis.com", without trailing slash
	Tokens fitbit.Tokens // the person's sign-in
	// Translate turns an answer that is no success into one of fitbit's errors. It
	// never sees a 401 that a renewed token has cured.
	Translate func(Failure) error
	Header    http.Header                 // sent along with every request
	Observe   func(http.Header)           // hears what comes with every answer; nil: nobody
	HTTP      *http.Client                // nil: [NewHTTPClient]
	Wait      func(context.Context) error // the pace of requests; fails only for ctx's sake; nil: none
	Now       func() time.Time            // nil: time.Now
	MaxBody   int64                       // 0: DefaultMaxBody

	mu     sync.Mutex
	until  time.Time // no request before
	asked  int64     // requests sent
	minute time.Time // the minute that recent counts
	recent int
}

// Failure is an answer that is no success.
type Failure struct {
	Status int
	JSON   bool   // whether Body is declared to be JSON
	Body   []byte // at most 64 KB of it
	Header http.Header
}

// NewHTTPClient returns a client with timeouts that follows no redirect: an
// access token is for one host only.
func NewHTTPClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // documented type of the default
	t.MaxIdleConnsPerHost = 2
	t.ResponseHeaderTimeout = 30 * time.Second
	return &http.Client{
		Transport:     t,
		Timeout:       60 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Get fetches path and decodes the JSON answer into the pointer into.
func (c *Client) Get(ctx context.Context, path, rawQuery string, into any) error {
	if rawQuery != "" {
		path += "?" + rawQuery
	}
	return c.do(ctx, request{method: http.MethodGet, path: path}, into)
}

// Post sends body as JSON to path and decodes the JSON answer into the pointer into.
func (c *Client) Post(ctx context.Context, path string, body, into any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	return c.do(ctx, request{http.MethodPost, path, "application/json", func(string) []byte { return b }}, into)
}

// PostForm sends a form to path and decodes the JSON answer into the pointer into.
// What form returns may depend on the access token that is sent along.
func (c *Client) PostForm(ctx context.Context, path string, form func(token string) url.Values, into any) error {
	body := func(token string) []byte { return []byte(form(token).Encode()) }
	return c.do(ctx, request{http.MethodPost, path, "application/x-www-form-urlencoded", body}, into)
}

type request struct {
	method, path, contentType string
	body                      func(token string) []byte // nil if there is none
}

func (c *Client) do(ctx context.Context, r request, into any) error {
	if err := c.allowed(); err != nil {
		return err // not even a token is asked for
	}
	token, err := c.Tokens.Token(ctx)
	if err != nil {
		return err
	}
	failure, err := c.once(ctx, r, token, into)
	if err == nil && failure != nil && failure.Status == http.StatusUnauthorized {
		if token, err = c.Tokens.Renew(ctx, token); err != nil {
			return err
		}
		failure, err = c.once(ctx, r, token, into)
	}
	if err != nil || failure == nil {
		return err
	}
	err = c.Translate(*failure)
	if limited, ok := errors.AsType[*fitbit.RateLimitError](err); ok {
		c.patience(limited.Until)
	}
	return err
}

// once sends one request. Exactly one of a decoded answer, a failure and an error comes back.
func (c *Client) once(ctx context.Context, r request, token string, into any) (*Failure, error) {
	if err := c.turn(ctx); err != nil {
		return nil, err
	}
	var body []byte
	if r.body != nil {
		body = r.body(token)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.Base+r.path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "fitbit2mqtt")
	if r.body != nil {
		req.Header.Set("Content-Type", r.contentType)
	}
	maps.Copy(req.Header, c.Header)
	c.count()
	res, err := c.client().Do(req)
	if err != nil {
		return nil, Unreachable(ctx, err, noAnswer)
	}
	defer func() { _ = res.Body.Close() }()
	if c.Observe != nil {
		c.Observe(res.Header)
	}
	if res.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(io.LimitReader(res.Body, maxErrorBody)) // what could be read is enough to tell
		return &Failure{Status: res.StatusCode, JSON: isJSON(res.Header), Body: b, Header: res.Header}, nil
	}
	return nil, c.decode(ctx, res, into)
}

func (c *Client) decode(ctx context.Context, res *http.Response, into any) error {
	if !isJSON(res.Header) {
		return &fitbit.CloudError{Kind: fitbit.ErrProtocol, Detail: "the answer is not JSON"}
	}
	limit := c.MaxBody
	if limit == 0 {
		limit = DefaultMaxBody
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	switch {
	case err != nil:
		return Unreachable(ctx, err, noAnswer)
	case int64(len(b)) > limit:
		return &fitbit.CloudError{Kind: fitbit.ErrProtocol, Detail: fmt.Sprintf("the answer is larger than %d bytes", limit)}
	}
	if err := json.Unmarshal(b, into); err != nil {
		// The decoder's own text may quote the answer.
		return &fitbit.CloudError{Kind: fitbit.ErrProtocol, Detail: "the answer is not the JSON it should be"}
	}
	return nil
}

// Sent returns how many requests were sent, ever and within the minute that runs.
func (c *Client) Sent() (ever int64, thisMinute int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now().Truncate(time.Minute).Equal(c.minute) {
		thisMinute = c.recent
	}
	return c.asked, thisMinute
}

// Limited reports whether the cloud has asked for patience that is not over yet.
func (c *Client) Limited() bool { return c.allowed() != nil }

// count notes that a request is about to be sent.
func (c *Client) count() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if minute := c.now().Truncate(time.Minute); !minute.Equal(c.minute) {
		c.minute, c.recent = minute, 0
	}
	c.asked++
	c.recent++
}

// turn waits for a request's turn, which ends when the cloud asks for patience.
func (c *Client) turn(ctx context.Context) error {
	if c.Wait != nil {
		if err := c.Wait(ctx); err != nil && ctx.Err() == nil {
			return context.DeadlineExceeded // the turn would come after ctx's end
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.allowed()
}

// allowed refuses while the cloud has asked for patience.
func (c *Client) allowed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now().Before(c.until) {
		return &fitbit.RateLimitError{Until: c.until}
	}
	return nil
}

// patience refuses requests until then. Of several answers the longest holds.
func (c *Client) patience(until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if until.After(c.until) {
		c.until = until
	}
}

func (c *Client) client() *http.Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.HTTP == nil {
		c.HTTP = NewHTTPClient()
	}
	return c.HTTP
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// Spelled names a status; not all that occur in the wild have a name.
func Spelled(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}

func isJSON(h http.Header) bool {
	t, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && (t == "application/json" || strings.HasSuffix(t, "+json"))
}
