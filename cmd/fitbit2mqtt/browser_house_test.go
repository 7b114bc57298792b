package main

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
)

// panelConfig is a configuration with a page. The zero value is a bridge that finds
// everything by itself.
type panelConfig struct {
	listen   string // empty: at the redirect address, as it should be
	noClient bool   // the OAuth client is to be entered on the page
	poll     string // of everything; empty: every second
	web      string // more keys below web
}

// home is a bridge with its page and a browser before it.
type home struct {
	*world
	*observer
	*tab
	panel  panelConfig
	broker string
	bridge *command
	root   string // the page's address
}

// moveIn starts a bridge and opens its page.
func moveIn(t *testing.T, w *world, c panelConfig) *home {
	t.Helper()
	h := &home{world: w, tab: openBrowser(t), panel: c, broker: ownBroker(t)}
	h.observer = observe(t, h.broker)
	h.start()
	h.visit(h.root)
	return h
}

// start starts the bridge; it ends with the test, or by stop.
func (h *home) start() {
	t := h.tab.t
	t.Helper()
	config := h.world.panel(h.broker, h.panel)
	h.bridge = begin(t, "run", "--config", config)
	line, ok := h.bridge.err.line("the page is open", patience)
	if !ok {
		t.Fatalf("the page does not open:\n%s", h.bridge.err)
	}
	h.root = regexp.MustCompile(`url=(\S+)`).FindStringSubmatch(line)[1]
	if h.panel.listen == "" {
		h.root = strings.TrimSuffix(h.redirect, "oauth/callback") // the same place, by the name that browsers come back to
	}
	t.Cleanup(h.stop)
}

func (h *home) stop() {
	if h.bridge == nil {
		return
	}
	bridge := h.bridge
	h.bridge = nil
	if r := bridge.end(); r.code != exitOK || strings.Contains(r.err, "level=ERROR") || strings.Contains(r.err, clientSecret) {
		h.tab.t.Errorf("run ended with %d:\n%s", r.code, r.err)
	}
}

// panel writes a configuration with a page and returns its path. The cloud's sign-in
// page has another name than ours, so that going there and back is cross-site.
func (w *world) panel(broker string, c panelConfig) string {
	w.t.Helper()
	back, err := url.Parse(w.redirect)
	if err != nil {
		w.t.Fatal(err)
	}
	if c.listen == "" {
		c.listen = back.Host
	}
	client := fmt.Sprintf("client_id: %s, client_secret: %s, ", clientID, clientSecret)
	if c.noClient {
		client = ""
	}
	if c.poll == "" {
		c.poll = "1s"
	}
	_, port, err := net.SplitHostPort(w.server.Listener.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	yaml := fmt.Sprintf(`data_dir: %q
mqtt: {url: %q}
google: {%sredirect_url: %q, endpoint: %q, auth_url: "http://localhost:%s/o/oauth2/v2/auth"}
poll: {body: %s, heart: %s, devices: %s}
web: {listen: %q%s}
`, w.dir, broker, client, w.redirect, w.server.URL, port, c.poll, c.poll, c.poll, c.listen, c.web)
	if b := backendOf(w.backend); b.successor != "" {
		yaml += fmt.Sprintf("%s: {client_id: %s, client_secret: %s, redirect_url: %q, endpoint: %q, auth_url: %q}\n",
			b.name, clientID, clientSecret, w.elsewhere(), w.server.URL, "http://localhost:"+port+b.authPath)
	}
	path := filepath.Join(w.t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// consent answers the cloud's page, and comes back. untick are scopes not to grant.
func (b *tab) consent(person string, untick ...string) {
	b.t.Helper()
	b.sees("wants to read your health data")
	b.click(person)
	for _, scope := range untick {
		b.click(scope)
	}
	b.follow("Continue")
}

// admit connects somebody through the page, with the client that is known, and stays
// at what it says then.
func (h *home) admit(name string, untick ...string) {
	h.tab.t.Helper()
	h.visit(h.root + "connect")
	h.fill("Name", name)
	h.follow("Continue")
	h.follow("Sign in with Google")
	h.consent(name, untick...)
	h.sees(title(name) + " is connected")
}

// title is a name as pages write it.
func title(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

// scriptless forbids the pages to run scripts, as some people's browsers do.
func (b *tab) scriptless() {
	b.t.Helper()
	tell(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}
