// Package door decides who may come in to the page: password and sessions, trusted
// proxies, same origin, and the headers that keep a browser safe.
//
// It promises that a request reaches the pages only if one of these holds: it carries
// the session of somebody who knew the password; it comes from Home Assistant's ingress,
// which has asked for a sign-in itself; no password is set and it comes from a trusted
// proxy, or straight from this machine under a name of this machine. Only /healthz, and the
// assets once a request may ask for the password, are open beyond that.
//
// It refuses whatever would change something and does not come from a page of its own
// origin, every path that two readers could understand differently, and every method but
// GET, HEAD and POST. What a client says about itself in a header counts only when a
// trusted proxy passed it on.
//
// Nothing is written to disk: a restart signs everybody out. Neither a password, nor an
// attempt at one, nor a session's token is ever logged or shown.
package door

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"
)

// Options say how the door is kept. The zero value lets in this machine only.
type Options struct {
	// Password is what people type, or its bcrypt hash ("$2a$…", "$2b$…", "$2y$…");
	// with none, nobody is asked.
	Password string
	// TrustedProxies are believed what they say in X-Forwarded-For, -Host, -Proto and
	// -Prefix and in X-Ingress-Path.
	TrustedProxies []netip.Prefix
	// Ingress is set in an app of Home Assistant: the address of its Supervisor, the
	// only proxy whose X-Ingress-Path means that Home Assistant has asked for a sign-in.
	// Without it, that is where the Supervisor always is. It is to be a trusted proxy too.
	Ingress netip.Addr
	// BaseURL is where people reach the page, such as https://home.example.org/fitbit.
	BaseURL string
	// FormTargets are the origins to which a form may lead on, such as
	// https://accounts.example.org. A sign-in that comes back under another origin than
	// it left needs that origin here too: browsers follow the whole way.
	FormTargets []string
	// Callbacks are the paths, below the page's root, at which sign-ins come back.
	Callbacks []string
	// Assets is the folder, such as "/assets/", of what the login page looks like. It is
	// served without a password: let it hold nothing that belongs to anybody.
	Assets string
	// Login writes the login page with the status of the form.
	Login func(w http.ResponseWriter, r *http.Request, f LoginForm)
	// Refuse writes a refusal: a status, and a sentence that says what can be done.
	Refuse func(w http.ResponseWriter, r *http.Request, status int, text string)
	Now    func() time.Time
	Log    *slog.Logger
}

// LoginForm is what a login page has to show: a form that sends one field by POST, named
// "password".
type LoginForm struct {
	Status int           // of the answer: 401, or 429 when Wait is set
	Failed bool          // the password was wrong
	Wait   time.Duration // until another attempt is heard; whole seconds
	Action string        // where the form leads to; empty: the address that was asked for, so leave the attribute out
}

// Door is the guard of one page. It is safe for concurrent use.
type Door struct {
	lock      *lock // nil: no password
	proxies   []netip.Prefix
	ingress   netip.Addr
	inApp     bool     // the page is meant to be seen inside Home Assistant
	base      *url.URL // Host is empty without a base URL
	prefix    string   // the base URL's path
	policy    string   // Content-Security-Policy
	callbacks []string
	assets    string
	login     func(http.ResponseWriter, *http.Request, LoginForm)
	refuse    func(http.ResponseWriter, *http.Request, int, string)
	now       func() time.Time
	log       *slog.Logger
	sessions  sessions
	guesses   guesses
}

// New checks the options and builds a door. An error names the key of the configuration
// that has to be changed.
func New(o Options) (*Door, error) {
	d := &Door{
		ingress: o.Ingress.Unmap(), inApp: o.Ingress.IsValid(), callbacks: o.Callbacks, assets: o.Assets, login: o.Login, refuse: o.Refuse, now: o.Now, log: o.Log,
		sessions: newSessions(), guesses: newGuesses(),
	}
	var locked, proxied, based, targeted error
	d.lock, locked = newLock(o.Password)
	d.proxies, proxied = plainPrefixes(o.TrustedProxies)
	d.base, d.prefix, based = parseBase(o.BaseURL)
	d.policy, targeted = contentPolicy(o.FormTargets)
	if err := errors.Join(locked, proxied, based, targeted); err != nil {
		return nil, err
	}
	if folder, ok := cleanPrefix(d.assets); d.assets != "" && (!ok || folder+"/" != d.assets || folder == "") {
		return nil, fmt.Errorf("assets folder %q must be written as /assets/", d.assets)
	}
	if d.login == nil {
		d.login = func(w http.ResponseWriter, _ *http.Request, f LoginForm) {
			http.Error(w, "A password is needed.", f.Status)
		}
	}
	if d.refuse == nil {
		d.refuse = func(w http.ResponseWriter, _ *http.Request, status int, text string) { http.Error(w, text, status) }
	}
	if !d.inApp {
		d.ingress = netip.AddrFrom4([4]byte{172, 30, 32, 2})
	}
	if d.now == nil {
		d.now = time.Now
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	return d, nil
}

// plainPrefixes writes networks the way peers are compared: IPv4 as IPv4.
func plainPrefixes(list []netip.Prefix) ([]netip.Prefix, error) {
	plain := slices.Clone(list)
	for i, p := range plain {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			plain[i] = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		if !plain[i].IsValid() {
			return nil, errors.New("web.trusted_proxies: not a network")
		}
	}
	return plain, nil
}

func parseBase(s string) (u *url.URL, path string, err error) {
	if s == "" {
		return &url.URL{}, "", nil
	}
	u, err = url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, "", errors.New("web.base_url: not an address; write it as https://example.org")
	}
	path, ok := cleanPrefix(u.EscapedPath())
	if !ok {
		return nil, "", errors.New("web.base_url: the path may consist of letters, digits and . _ ~ - only")
	}
	return u, path, nil
}
