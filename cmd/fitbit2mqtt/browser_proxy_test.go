package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"
)

const pagePassword = "correct horse"

// gateway is a reverse proxy under a path of its own, at its own address.
type gateway struct {
	*httptest.Server
	target string // host:port; known once the bridge has a place to listen at
}

// newGateway passes on what is below prefix, which it takes away if strip is set;
// headers are added.
func newGateway(t *testing.T, prefix string, strip bool, headers map[string]string) *gateway {
	t.Helper()
	g := &gateway{target: freeAddr(t)}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		if strip {
			r.Out.URL.Path = strings.TrimPrefix(r.Out.URL.Path, prefix)
			r.Out.URL.RawPath = ""
		}
		r.SetURL(&url.URL{Scheme: "http", Host: g.target})
		r.SetXForwarded()
		for name, value := range headers {
			r.Out.Header.Set(name, value)
		}
	}}
	mux := http.NewServeMux()
	mux.Handle(prefix+"/", proxy)
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { // a house that shows the page in a frame
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<!doctype html><title>House</title><link rel="icon" href="data:,"><style>
html, body { margin: 0; height: 100%; overflow: hidden } iframe { display: block; border: 0; width: 100%; height: 100% }
</style><iframe title="fitbit2mqtt" src="`+prefix+`/"></iframe>`)
	})
	g.Server = httptest.NewServer(mux)
	t.Cleanup(g.Close)
	return g
}

// Behind a proxy, under a path, with a password: every page, and everything it loads.
func TestBrowserBehindProxy(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, prefix string
		strip        bool
		headers      map[string]string
		base         bool // web.base_url says where the page is
	}{
		{name: "takes the path away", prefix: "/fitbit", strip: true, base: true},
		{name: "leaves the path in place", prefix: "/house/fitbit", base: true},
		{name: "names the path itself", prefix: "/fitbit", strip: true, headers: map[string]string{"X-Forwarded-Prefix": "/fitbit"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t, test.prefix, test.strip, test.headers)
			back := g.URL + test.prefix + "/oauth/callback"
			if !test.base {
				back = "http://" + freeAddr(t) + "/oauth/callback" // where the page is nobody tells it
			}
			w := newWorldAt(t, back, "anna")
			w.cloud.Person("anna").WeighIn(time.Now().Add(-time.Hour), 61.5, 30)
			c := panelConfig{listen: g.target, web: `, password: ` + pagePassword + `, trusted_proxies: ["127.0.0.1"]`}
			if test.base {
				c.web += `, base_url: "` + g.URL + test.prefix + `"`
			}
			h := &home{world: w, tab: openBrowser(t), panel: c, broker: ownBroker(t)}
			h.start()
			h.root = g.URL + test.prefix + "/"
			h.logIn()
			if test.base {
				h.admit("anna")
			} else {
				h.admitByPasting("anna")
			}
			h.tour()
			h.follow("Log out")
			h.sees("Password of this page")
			h.visit(h.root + "connect")
			h.sees("Password of this page")
		})
	}
}

// logIn finds the door closed, and comes in.
func (h *home) logIn() {
	h.tab.t.Helper()
	h.tolerate("status of 401")
	h.visit(strings.TrimSuffix(h.root, "/")) // as people type it
	h.fill("Password of this page", "wrong")
	h.follow("Sign in")
	h.sees("That is not the password.")
	h.fill("Password of this page", pagePassword)
	h.follow("Sign in")
	h.sees("Connect")
}

// admitByPasting connects somebody where the cloud's page has a tab of its own, from
// which the browser does not find back.
func (h *home) admitByPasting(name string) {
	h.tab.t.Helper()
	h.fill("Name", name)
	h.follow("Continue")
	cloud := h.opens("Sign in with Google")
	cloud.tolerate("ERR_CONNECTION_REFUSED")
	cloud.consent(name)
	h.fill("Paste the address", cloud.address())
	h.follow("Finish")
	h.sees(title(name) + " is connected")
}

// tour goes to every page by its links, and to everything that it loads.
func (h *home) tour() {
	h.tab.t.Helper()
	h.follow("See Anna's readings")
	h.sees("61.50 kg")
	h.pictured(5)
	h.follow("30 days")
	h.pictured(5)
	if csv := h.download("CSV"); !strings.Contains(csv, "61.5") {
		h.tab.t.Errorf("the CSV is\n%s", csv)
	}
	h.follow("Poll now")
	h.sees("The cloud is being asked.")
	h.click("Rename")
	h.fill("New name", "anneke")
	h.follow("Rename Anna")
	h.sees("Renamed.")
	h.follow("fitbit2mqtt")
	h.sees("61.5 kg")
	h.pictured(1)
	h.follow("Connect a person")
	h.fill("Name", "ben")
	h.follow("Continue")
	h.sees("Sign in as Ben")
	h.follow("Overview")
	if got := h.address(); got != h.root && !h.frame {
		h.tab.t.Errorf("the overview is at %s, not at %s", got, h.root)
	}
}

// Home Assistant shows the page in a frame, and takes a path away that changes with
// every visit. Who stands for the supervisor's sign-in is an address that loopback does
// not have; so there is a password here.
func TestBrowserInFrame(t *testing.T) {
	t.Parallel()
	const ingress = "/api/hassio_ingress/c2VjcmV0LXBhdGg"
	g := newGateway(t, ingress, true, map[string]string{"X-Ingress-Path": ingress})
	w := newWorld(t, "anna")
	w.cloud.Person("anna").WeighIn(time.Now().Add(-time.Hour), 61.5, 30)
	h := &home{world: w, tab: openBrowser(t), broker: ownBroker(t), panel: panelConfig{
		listen: g.target, web: `, password: ` + pagePassword + `, trusted_proxies: ["127.0.0.1"]`,
	}}
	h.start()
	h.tolerate("status of 401")
	h.visit(g.URL + "/")
	h.frame = true
	h.fill("Password of this page", pagePassword)
	h.follow("Sign in")
	h.sees("Nobody is connected yet")
	h.admitByPasting("anna") // a cloud refuses to be shown in a frame
	h.tour()
	if got := h.address(); got != g.URL+"/" {
		t.Errorf("the page has left its frame: %s", got)
	}
}
