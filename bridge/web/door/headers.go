package door

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// contentPolicy lets a page load what it brings along, and lead to itself and the
// targets. Home Assistant shows the page in a frame, under an origin that it shares with
// the page, so that 'self' is enough there as well.
func contentPolicy(targets []string) (string, error) {
	for _, t := range targets {
		o, ok := parseOrigin(t)
		if !ok || strings.ContainsAny(o.Host, ";,'\"* \t") {
			return "", fmt.Errorf("form target %q is not an origin; write it as https://example.org", t)
		}
	}
	return strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
		"form-action " + strings.Join(append([]string{"'self'"}, targets...), " "),
		"base-uri 'none'", "frame-ancestors 'self'",
	}, "; "), nil
}

// setHeaders comes first, so that refusals have the headers too. Handlers may override
// Cache-Control for what is the same for everybody.
func (d *Door) setHeaders(h http.Header, r *http.Request) {
	h.Set("Content-Security-Policy", d.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "SAMEORIGIN")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin") // no-referrer makes browsers send "null" as the origin of a form
	if d.atCallback(r) {
		h.Set("Referrer-Policy", "no-referrer") // the address holds a code
	}
}

// ask shows the login page.
func (d *Door) ask(w http.ResponseWriter, r *http.Request, f LoginForm) {
	h := w.Header()
	h.Set("Referrer-Policy", "same-origin") // at the callback too, see setHeaders: there is a form to send
	if f.Wait > 0 {
		h.Set("Retry-After", strconv.Itoa(int(f.Wait/time.Second)))
	}
	d.login(w, r, f)
}
