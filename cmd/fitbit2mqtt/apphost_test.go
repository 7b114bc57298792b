package main

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/mosquitto"
)

const (
	hubToken    = "supervisor-token-that-must-never-show"
	ingressRoot = "/api/hassio_ingress/qO2Fz_4Y-token"
	ingressUser = "paula"
	// On Linux the whole of 127.0.0.0/8 is this machine: one address for the Supervisor,
	// one for another app on its network.
	hubAddr, otherApp = "127.0.0.2", "127.0.0.3"
)

// appHost is Home Assistant with its Supervisor, as an app sees them from where it runs: a
// file of options, an API, and a proxy in front of the page. It is written from their
// documentation.
type appHost struct {
	tb      testing.TB
	options string // the file
	listen  string // where the app's page is
	base    string // where a browser finds the page inside Home Assistant

	mu     sync.Mutex
	status int            // of the answer about the broker
	answer map[string]any // or of what it says
	asked  int
	denied int // requests without the token
}

// newAppHost starts one and makes this process an app of it, with these options.
func newAppHost(t *testing.T, options map[string]any) *appHost {
	t.Helper()
	h := &appHost{tb: t, options: filepath.Join(t.TempDir(), "options.json"), listen: freeAddr(t), status: http.StatusBadRequest}
	h.configure(options)
	api := h.serve(t, hubAddr+":0", http.HandlerFunc(h.api))
	h.base = h.serve(t, "127.0.0.1:0", h.ingress()) + ingressRoot + "/"
	for name, value := range map[string]string{
		tokenEnv: hubToken, optionsEnv: h.options, supervisorEnv: api, envPrefix + "WEB_LISTEN": h.listen,
	} {
		t.Setenv(name, value)
	}
	return h
}

func (h *appHost) serve(t *testing.T, addr string, handler http.Handler) (base string) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: handler}}
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}

// configure writes the options, as the Supervisor does before it starts an app.
func (h *appHost) configure(options map[string]any) {
	h.tb.Helper()
	b, err := json.Marshal(options)
	if err != nil {
		h.tb.Fatal(err)
	}
	if err := os.WriteFile(h.options, b, 0o600); err != nil {
		h.tb.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(h.options), 0o755); err != nil { // as the Supervisor leaves it
		h.tb.Fatal(err)
	}
}

// install makes a broker the one that the Supervisor names. Port is as it is written there.
func (h *appHost) install(b *mosquitto.Broker, username, password string, quoted bool) {
	h.tb.Helper()
	host, number, err := net.SplitHostPort(b.Addr())
	if err != nil {
		h.tb.Fatal(err)
	}
	var port any = json.Number(number)
	if quoted {
		port = number
	}
	h.say(http.StatusOK, map[string]any{
		"addon": "core_mosquitto", "host": host, "port": port, "ssl": false, "protocol": "3.1.1", "username": username, "password": password,
	})
}

// say has the Supervisor answer like that about the broker.
func (h *appHost) say(status int, data map[string]any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status, h.answer = status, data
}

func (h *appHost) api(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	reply := func(status int, result string, data map[string]any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"result": result, "data": data, "message": "as it is"})
	}
	switch {
	case r.Header.Get("Authorization") != "Bearer "+hubToken:
		h.denied++
		reply(http.StatusUnauthorized, "error", nil)
	case r.Method != http.MethodGet || r.URL.Path != "/services/mqtt": // all that the manifest asks for
		reply(http.StatusForbidden, "error", nil)
	case h.status != http.StatusOK:
		h.asked++
		reply(h.status, "error", nil)
	default:
		h.asked++
		reply(http.StatusOK, "ok", h.answer)
	}
}

// ingress is what a browser goes through: Home Assistant, which says under which path
// the page is, and the Supervisor, which says who asks and takes nobody's word for it.
func (h *appHost) ingress() http.Handler {
	return http.StripPrefix(ingressRoot, &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: h.listen})
			p.Out.Host = p.In.Host // both pass it on
			p.Out.Header.Set("X-Forwarded-For", "192.168.1.20, 127.0.0.1, 172.30.32.1")
			p.Out.Header.Set("X-Forwarded-Host", p.In.Host)
			p.Out.Header.Set("X-Forwarded-Proto", "http")
			p.Out.Header.Set("X-Ingress-Path", ingressRoot)
			p.Out.Header.Set("X-Remote-User-Id", "4711")
			p.Out.Header.Set("X-Remote-User-Name", ingressUser)
			p.Out.Header.Set("X-Remote-User-Display-Name", "Paula P.")
		},
		Transport:    from(hubAddr),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
}

// from makes requests from an address.
func from(ip string) *http.Transport {
	return &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}).DialContext}
}

// knock asks for a path of the page from elsewhere than through Home Assistant.
func (h *appHost) knock(ip, host, path string, header map[string]string) (status int, body string) {
	h.tb.Helper()
	r, err := http.NewRequestWithContext(h.tb.Context(), http.MethodGet, "http://"+h.listen+path, nil)
	if err != nil {
		h.tb.Fatal(err)
	}
	r.Host = host
	for name, value := range header {
		r.Header.Set(name, value)
	}
	res, err := (&http.Client{Transport: from(ip), Timeout: patience}).Do(r)
	if err != nil {
		h.tb.Fatal(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		h.tb.Fatal(err)
	}
	return res.StatusCode, b.String()
}

// secretless fails if any of the texts holds what only the Supervisor and the app know.
func (h *appHost) secretless(secrets []string, texts ...string) {
	h.tb.Helper()
	for _, text := range texts {
		for _, secret := range append(secrets, hubToken) {
			if strings.Contains(text, secret) {
				h.tb.Errorf("%s shows in:\n%s", secret, text)
			}
		}
	}
}
