package main

import (
	"context"
	"io"
	"net/http"
	"strings"
)

// page looks whether the page answers, and whether it is ours.
func (d *doctor) page(ctx context.Context) finding {
	const check = "page"
	listen := d.config.Web.Listen
	if why := d.mend("web"); why != "" {
		return skip(check, "%s", why)
	}
	address, known := d.config.Web.address()
	switch {
	case listen == off:
		return skip(check, "it is turned off")
	case !known:
		return skip(check, "it is at a port that only the bridge knows")
	}
	status, body, err := healthOf(ctx, address)
	ours := body == healthOK || body == healthStorage || status == http.StatusUnauthorized && strings.Contains(body, "fitbit2mqtt")
	switch {
	case err != nil && d.running:
		return bad(check, exitConfig, "restart the bridge, if web.listen has changed since; else look at its log",
			"nothing answers at %s, though the bridge runs", listen)
	case err != nil:
		return skip(check, "it comes with the bridge, which does not run")
	case !ours:
		return bad(check, exitConfig, "stop it, or set web.listen to another address, or to \"off\"", "another program answers at %s", listen)
	case !d.running:
		return warn(check, "give each bridge its own web.listen", "the page of another fitbit2mqtt answers at %s", listen)
	case status == http.StatusServiceUnavailable:
		return bad(check, exitStorage, "look at the bridge's log", "it answers at %s that the databases cannot be read", listen)
	}
	return fine(check, "it answers at %s", listen)
}

// What a page says of itself at /healthz.
const (
	healthOK      = "ok\n"
	healthStorage = "storage\n" // the databases cannot be read
)

// healthOf asks a page whether it is well. It brings no password: somebody else may
// be there.
func healthOf(ctx context.Context, address string) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/healthz", nil)
	if err != nil {
		return 0, "", err
	}
	// By no proxy: it is here, even if it listens at an address that others reach, too.
	here := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := here.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	return res.StatusCode, string(b), err
}
