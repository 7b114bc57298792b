package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/web/door"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// catcher waits for a browser at the redirect address. A nil catcher catches nothing.
type catcher struct {
	found  chan arrival
	server *http.Server
}

// arrival is a browser that has come back and waits for an answer.
type arrival struct {
	fitbit.Callback
	answer chan<- string
}

// listenForCallback listens at the redirect address if that is on this machine.
func listenForCallback(ctx context.Context, redirect string) (*catcher, error) {
	u, err := url.Parse(redirect)
	if err != nil {
		return nil, fmt.Errorf("redirect address: %w", err)
	}
	if u.Scheme != "http" || !door.Loopback(u.Hostname()) {
		return nil, errors.New("the redirect address is not on this machine")
	}
	hosts := []string{u.Hostname()}
	if u.Hostname() == "localhost" { // browsers try either
		hosts = []string{"127.0.0.1", "::1"}
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	c := &catcher{found: make(chan arrival)}
	path := u.Path
	if path == "" {
		path = "/"
	}
	c.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != path {
			http.NotFound(w, r)
			return
		}
		c.caught(w, r)
	})}
	var listeners []net.Listener
	var failed error
	for _, host := range hosts {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, port))
		if err == nil {
			listeners = append(listeners, l)
			continue
		}
		// Whoever has one of them is our page, as a rule: browsers had better go there.
		if failed = err; errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	if len(listeners) == 0 || errors.Is(failed, syscall.EADDRINUSE) {
		for _, l := range listeners {
			_ = l.Close()
		}
		return nil, failed
	}
	for _, l := range listeners {
		go func() { _ = c.server.Serve(l) }() // ends with close
	}
	return c, nil
}

// arrivals is where browsers come back; nil for a nil catcher.
func (c *catcher) arrivals() <-chan arrival {
	if c == nil {
		return nil
	}
	return c.found
}

// caught hands the callback over and shows the browser how it went.
func (c *catcher) caught(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	w.Header().Set("Referrer-Policy", "no-referrer") // the address holds the code
	text := "There is no sign-in code in this address."
	if callback, err := fitbit.ParseCallback("?" + r.URL.RawQuery); err == nil {
		answer := make(chan string, 1)
		select {
		case c.found <- arrival{callback, answer}:
			select {
			case text = <-answer:
			case <-r.Context().Done():
				return
			}
		case <-time.After(time.Second):
			text = "This sign-in is over. Start a new one at the terminal."
		}
	}
	_, _ = fmt.Fprintf(w, `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>fitbit2mqtt</title>`+
		`<body style="font:1.1em/1.5 system-ui;max-width:32em;margin:4em auto;padding:0 1em"><h1>fitbit2mqtt</h1><p>%s</p>`, html.EscapeString(text))
}

// verdict tells a waiting browser how the sign-in went. Where it is not the one that
// this terminal waits for, the next step is said in the browser.
func verdict(o signin.Outcome, err error, ours bool) string {
	switch {
	case err == nil:
		return o.Account + " is connected. You can close this page."
	case ours:
		return "That did not work: " + err.Error() + ". The terminal says what to do."
	}
	return "That did not work: " + err.Error() + ". What to do: " + fitbit.Hint(err) + "."
}

// close lets a browser read its answer, then stops listening.
func (c *catcher) close() {
	if c == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := c.server.Shutdown(ctx); err != nil {
		_ = c.server.Close()
	}
}
