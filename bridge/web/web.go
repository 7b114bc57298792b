// Package web is the front panel: it shows how everybody is, connects people, and
// explains what went wrong and what to do. Whatever it says of a cloud is that cloud's
// own guide: it names none itself.
//
// It promises pages that work without JavaScript, at any address: directly, behind a
// proxy, under a sub-path, inside Home Assistant. Every link and every redirect is
// therefore relative. What a page shows is a snapshot; a script brings it up to date
// while it is open.
//
// It refuses to hold anything of its own. Who may come in is decided by
// [github.com/fitbit2mqtt/fitbit2mqtt/bridge/web/door], who signs in by the desk, and
// what is known by the bridge and its history. No token or secret is ever in a page, an
// address or a log line of ours.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/web/door"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// Bridge is the running bridge.
type Bridge interface {
	// Report says how everything stands. Error: the outbox cannot be read.
	Report(ctx context.Context) (bridge.Report, error)
	// Person says how one person stands, and false if there is none of that name.
	Person(account string) (bridge.PersonReport, bool)
	// PollNow asks the person's cloud at once.
	PollNow(account string) bool
	// Sync returns once the bridge knows what has become of the accounts.
	Sync(ctx context.Context)
}

// Accounts are the names people go by.
type Accounts interface {
	// Rename gives an account another name. Errors say what is wrong with it.
	Rename(ctx context.Context, from, to string) error
}

// History is what is remembered of people. Errors say that storage failed.
type History interface {
	Recall(ctx context.Context, uid string) (bridge.Past, error)
	HeartDays(ctx context.Context, uid string, since fitbit.Date) ([]fitbit.HeartDay, error)
	Events(ctx context.Context, uid string) ([]bridge.Event, error)
}

// Broker is the connection to the house's broker.
type Broker interface {
	// Trouble says why there is no connection and what to do; both are empty if
	// there is one.
	Trouble() (detail, hint string)
}

// Options wire the pages. All but the last block are required.
type Options struct {
	Bridge   Bridge
	Accounts Accounts
	History  History
	Desk     *signin.Desk
	Broker   Broker
	// BrokerURL is what the page calls the broker; without credentials.
	BrokerURL string
	Version   string

	Password       string // plain or bcrypt; see door.Options
	TrustedProxies []netip.Prefix
	Ingress        netip.Addr // of Home Assistant, in an app of it; see door.Options
	BaseURL        string     // where people reach the pages, if a proxy stands in front
	Sealed         bool       // whether secrets are encrypted in the file
	Now            func() time.Time
	Log            *slog.Logger
}

// site is what all handlers share.
type site struct {
	Options
	pages     func() pages        // parsed when first needed: most of the time nobody looks
	redirects map[string]*url.URL // where browsers come back from each cloud
	callbacks []string            // the paths of them, below the root
}

// New returns the pages behind their door. An error names the key of the
// configuration that has to be changed.
func New(o Options) (http.Handler, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if _, ok := o.Desk.Clouds[o.Desk.Default]; !ok {
		return nil, fmt.Errorf("there is no cloud called %q", o.Desk.Default)
	}
	s := &site{Options: o, pages: sync.OnceValue(parsePages), redirects: make(map[string]*url.URL)}
	targets := o.Desk.ConsentOrigins()
	for _, backend := range slices.Sorted(maps.Keys(o.Desk.Clouds)) {
		redirect, err := url.Parse(o.Desk.Clouds[backend].RedirectURL)
		if err != nil || redirect.Host == "" {
			return nil, errors.New(backend + ".redirect_url: is no address")
		}
		s.redirects[backend] = redirect
		s.callbacks = append(s.callbacks, s.belowRoot(redirect))
		targets = append(targets, redirect.Scheme+"://"+redirect.Host)
	}
	slices.Sort(targets)
	d, err := door.New(door.Options{
		Password: o.Password, TrustedProxies: o.TrustedProxies, Ingress: o.Ingress, BaseURL: o.BaseURL,
		FormTargets: slices.Compact(targets), Callbacks: s.callbacks, Assets: "/assets/",
		Login: s.login, Refuse: s.refuse, Now: o.Now, Log: o.Log,
	})
	if err != nil {
		return nil, err
	}
	return d.Guard(s.routes()), nil
}

// belowRoot is the path of an address as it arrives here, where the base URL has a
// path of its own that goes before it.
func (s *site) belowRoot(u *url.URL) string {
	path := u.Path
	if rest, ok := s.belowBase(u); ok {
		path = rest
	}
	if path == "" {
		return "/"
	}
	return path
}

// belowBase reports whether an address lies below the base URL, and where there.
func (s *site) belowBase(u *url.URL) (rest string, ok bool) {
	base, err := url.Parse(s.BaseURL)
	if err != nil || base.Host == "" || !strings.EqualFold(base.Host, u.Host) {
		return "", false
	}
	rest, ok = strings.CutPrefix(u.Path, strings.TrimSuffix(base.Path, "/"))
	return rest, ok && (rest == "" || rest[0] == '/')
}

func (s *site) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.overview)
	mux.HandleFunc("GET /connect", s.connectPage)
	mux.HandleFunc("POST /connect", s.connect)
	mux.HandleFunc("POST /clients/forget", s.forgetClient)
	mux.HandleFunc("GET /sign-in/{id}", s.signInPage)
	mux.HandleFunc("POST /sign-in/{id}", s.paste)
	mux.HandleFunc("GET /people/{name}", s.person)
	mux.HandleFunc("GET /people/{name}/charts/{metric}", s.chart)
	mux.HandleFunc("GET /people/{name}/weigh-ins.csv", s.csv)
	mux.HandleFunc("GET /people/{name}/weigh-ins.json", s.json)
	mux.HandleFunc("POST /people/{name}/poll", s.poll)
	mux.HandleFunc("POST /people/{name}/sign-in", s.signInAgain)
	mux.HandleFunc("POST /people/{name}/rename", s.rename)
	mux.HandleFunc("POST /people/{name}/disconnect", s.disconnect)
	mux.HandleFunc("POST /people/{name}/remove", s.remove)
	mux.HandleFunc("GET /healthz", s.health)
	mux.Handle("GET /metrics", s.metrics())
	mux.Handle("GET /assets/", assets())
	mux.HandleFunc("GET /assets", s.nothing) // or the mux leads on to an absolute path
	mux.Handle("GET /favicon.ico", assets())
	mux.HandleFunc("/", s.nothing)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.comesBack(r) {
			s.back(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// comesBack reports whether a browser comes from a cloud. The root may be a redirect
// address, and is a page too.
func (s *site) comesBack(r *http.Request) bool {
	if r.Method != http.MethodGet || !slices.Contains(s.callbacks, r.URL.Path) {
		return false
	}
	q := r.URL.Query()
	return r.URL.Path != "/" || q.Has("code") || q.Has("error")
}

// health answers whether the process works. A broker that is away is no reason to
// start it anew.
func (s *site) health(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if _, err := s.Bridge.Report(r.Context()); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("storage\n"))
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

// seeOther sends the browser on to a page of ours; to is relative to the root.
func seeOther(w http.ResponseWriter, r *http.Request, to string) {
	w.Header().Set("Location", door.Root(r)+to) // http.Redirect would make it absolute
	w.WriteHeader(http.StatusSeeOther)
}

func (s *site) nothing(w http.ResponseWriter, r *http.Request) {
	s.refuse(w, r, http.StatusNotFound, "there is no such page")
}
