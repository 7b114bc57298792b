package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// isWell fails the test unless a bridge is said to be well, in one line that says where.
func isWell(t *testing.T, config, where string) {
	t.Helper()
	r := invoke(t, "healthcheck", "--config", config)
	if r.code != exitOK || r.err != "" || strings.Count(r.out, "\n") != 1 || !strings.Contains(r.out, where) {
		t.Errorf("%+v does not say %q", r, where)
	}
}

// isUnwell fails the test unless the bridge is said not to be well.
func isUnwell(t *testing.T, config, says string) {
	t.Helper()
	r := invoke(t, "healthcheck", "--config", config)
	if r.code != exitUnexpected || r.out != "" || !strings.Contains(r.err, says) {
		t.Errorf("%+v does not say %q", r, says)
	}
	if strings.Count(r.err, "\n") != 2 || !strings.HasPrefix(r.err, "Error: ") || !strings.Contains(r.err, "\nTry: ") {
		t.Errorf("want one Error: and one Try: line, got:\n%s", r.err)
	}
}

// A bridge is well as long as its page says so, whoever else is kept out of it.
func TestHealthcheckAtThePage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page := freeAddr(t)
	config := w.settle(ownBroker(t), page)
	edit(t, config, func(b []byte) []byte {
		return bytes.Replace(b, []byte("web: {"), []byte("web: {password: a-long-secret-word, base_url: 'https://home.example.org/fitbit', "), 1)
	})
	isUnwell(t, config, "nothing answers at "+page)
	if _, err := os.Stat(w.dir); !os.IsNotExist(err) {
		t.Errorf("a look has made the data folder: %v", err)
	}
	bridge := begin(t, "run", "--config", config)
	bridge.waitForPage(t, page)
	isWell(t, config, page)
	bridge.end()
	isUnwell(t, config, "nothing answers at "+page)
}

// The page may be reached on every address of the machine.
func TestHealthcheckOnEveryAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, port, _ := strings.Cut(freeAddr(t), ":")
	for _, host := range []string{"", "0.0.0.0", "[::]"} {
		listen := host + ":" + port
		config := w.settle(ownBroker(t), listen)
		edit(t, config, func(b []byte) []byte {
			return bytes.Replace(b, []byte("web: {"), []byte("web: {password: a-long-secret-word, "), 1)
		})
		bridge := begin(t, "run", "--config", config)
		bridge.waitForPage(t, listen)
		isWell(t, config, listen)
		bridge.end()
	}
}

// Without a page, or with one at a port that nobody knows, there is the lock of the data
// folder to look at.
func TestHealthcheckWithoutAPage(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{"off", "127.0.0.1:0"} {
		w := newWorld(t)
		broker := ownBroker(t)
		config := w.settle(broker, listen)
		isUnwell(t, config, "no bridge runs with the data folder "+w.dir)
		o := observe(t, broker)
		bridge := begin(t, "run", "--config", config)
		o.heard("fitbit2mqtt/bridge/state", "online")
		isWell(t, config, w.dir)
		bridge.end()
		isUnwell(t, config, "no bridge runs with the data folder "+w.dir)
	}
}

// A page that says something else is no bridge that is well.
func TestHealthcheckOfOthers(t *testing.T) {
	t.Parallel()
	var status int
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" || r.Header.Get("Authorization") != "" {
			t.Errorf("asked for %s with %v", r.URL, r.Header)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	config := newWorld(t).settle(ownBroker(t), server.Listener.Addr().String())
	for _, answer := range []struct {
		status int
		body   string
		says   string
	}{
		{http.StatusServiceUnavailable, "storage\n", "the databases cannot be read"},
		{http.StatusOK, "<html>a printer</html>", "another program answers"},
		{http.StatusServiceUnavailable, "a proxy\n", "another program answers"},
		{http.StatusUnauthorized, "fitbit2mqtt", "another program answers"},
	} {
		status, body = answer.status, answer.body
		isUnwell(t, config, answer.says)
	}
}

// The page is asked directly, whatever proxy the environment names for others. It changes
// what all tests share, so it is not parallel.
func TestHealthcheckPassesByProxies(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(healthOK)) }))
	t.Cleanup(server.Close)
	page := server.Listener.Addr().String()
	usual := http.DefaultTransport.(*http.Transport)
	proxy := usual.Proxy
	t.Cleanup(func() { usual.Proxy = proxy })
	usual.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse("http://127.0.0.1:9") }
	isWell(t, newWorld(t).settle(ownBroker(t), page), page)
}

// What cannot be read is said as everywhere.
func TestHealthcheckOfABadConfiguration(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	for _, file := range []string{"open_page", "not_yaml"} {
		r := invoke(t, "healthcheck", "--config", filepath.Join("testdata/config", file+".yaml"))
		if r.code != exitConfig {
			t.Errorf("%+v", r)
		}
		golden(t, filepath.Join("testdata/config", file+".txt"), r.err)
	}
}
