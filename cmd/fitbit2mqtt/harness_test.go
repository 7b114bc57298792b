package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/mqtt"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// childEnv makes the test binary be the program, for tests that kill it.
const childEnv = "BE_FITBIT2MQTT"

func TestMain(m *testing.M) {
	if how := os.Getenv(childEnv); how != "" {
		_ = os.Unsetenv(childEnv)
		hobble(how)
		main()
	}
	os.Exit(m.Run()) //nolint:forbidigo // the test binary's own exit
}

// patience bounds every wait; a test that needs it all has failed.
const patience = 20 * time.Second

const (
	clientID     = "test-client"
	clientSecret = "test-secret-that-must-never-show"
)

// world is a fake cloud, a data folder and a configuration that knows both.
type world struct {
	t        testing.TB
	cloud    *fakecloud.Cloud
	server   *httptest.Server
	dir      string
	redirect string
	backend  string // where people sign in; what has taken over from it is configured as well
	secret   string // the app's, in the configuration
}

// newWorld starts a cloud with the given people in it.
func newWorld(tb testing.TB, people ...string) *world {
	tb.Helper()
	return newWorldAt(tb, "http://"+freeAddr(tb)+"/oauth/callback", people...)
}

// newWorldAt does so where browsers come back to that address.
func newWorldAt(tb testing.TB, redirect string, people ...string) *world {
	tb.Helper()
	return newWorldWith(tb, []fakecloud.App{{ClientID: clientID, ClientSecret: clientSecret, RedirectURLs: []string{redirect}}}, people...)
}

// newWorldWith does so where the clouds know those apps; the first is the household's.
func newWorldWith(tb testing.TB, apps []fakecloud.App, people ...string) *world {
	tb.Helper()
	w := &world{
		t: tb, dir: filepath.Join(tb.TempDir(), "data"), redirect: apps[0].RedirectURLs[0], secret: apps[0].ClientSecret, backend: backends()[0].name,
	}
	w.cloud = fakecloud.New(fakecloud.Options{Apps: apps, UserPerMinute: -1})
	for _, name := range people {
		w.cloud.AddPerson(fakecloud.PersonOptions{Name: name, HeightMetres: 1.7})
	}
	w.server = httptest.NewServer(w.cloud)
	tb.Cleanup(w.server.Close)
	return w
}

// config writes a configuration file and returns its path.
func (w *world) config(broker string) string {
	w.t.Helper()
	var yaml strings.Builder
	fmt.Fprintf(&yaml, `data_dir: %q
mqtt: {url: %q, embedded: {listen: "127.0.0.1:0"}}
poll: {body: 1s, heart: 5s, devices: 5s}
web: {listen: "127.0.0.1:0"}
`, w.dir, broker)
	for b := backendOf(w.backend); b.name != ""; b = backendOf(b.successor) {
		fmt.Fprintf(&yaml, "%s: {client_id: %s, client_secret: %q, redirect_url: %q, endpoint: %q}\n",
			b.name, clientID, w.secret, w.redirect, w.server.URL)
	}
	path := filepath.Join(w.t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(yaml.String()), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// connect signs a person in through the command, pasting the address the browser
// ended up at.
func (w *world) connect(config, name string) result {
	w.t.Helper()
	return w.connectAs(config, name, fakecloud.Answer{Person: name})
}

func (w *world) connectAs(config, name string, answer fakecloud.Answer, extra ...string) result {
	w.t.Helper()
	if w.backend != backends()[0].name && !slices.Contains(extra, "--backend") {
		extra = append(extra, "--backend", w.backend)
	}
	c := begin(w.t, append([]string{"connect", name, "--config", config}, extra...)...)
	address := c.waitFor("http")
	back, err := w.cloud.Consent(w.t.Context(), strings.Fields(address)[0], answer)
	if err != nil {
		w.t.Fatalf("consent: %v", err)
	}
	c.paste(back.String() + "#_=_\n")
	return c.wait()
}

// eventually waits for what nothing tells of by itself.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			tb.Fatalf("%s: never happened", what)
		case <-tick.C:
		}
	}
}

// result is what a finished command left behind.
type result struct {
	code     int
	out, err string
}

// invoke runs a command in this process to its end.
func invoke(t *testing.T, args ...string) result {
	t.Helper()
	return begin(t, args...).wait()
}

// command is a command running in this process.
type command struct {
	t        testing.TB
	stop     context.CancelFunc
	in       *io.PipeWriter
	out, err *buffer
	done     chan int
}

func begin(tb testing.TB, args ...string) *command {
	tb.Helper()
	ctx, stop := context.WithCancel(tb.Context())
	r, w := io.Pipe()
	c := &command{t: tb, stop: stop, in: w, out: newBuffer(), err: newBuffer(), done: make(chan int, 1)}
	go func() { c.done <- run(ctx, args, stdio{in: r, out: c.out, err: c.err}) }()
	tb.Cleanup(func() {
		stop()
		_ = w.Close()
	})
	return c
}

func (c *command) paste(text string) {
	if _, err := io.WriteString(c.in, text); err != nil {
		c.t.Fatal(err)
	}
}

// waitFor returns the first line of output that contains text.
func (c *command) waitFor(text string) string {
	c.t.Helper()
	line, ok := c.out.line(text, patience)
	if !ok {
		c.t.Fatalf("%q did not appear in the output:\n%s%s", text, c.out, c.err)
	}
	return line
}

func (c *command) wait() result {
	c.t.Helper()
	select {
	case code := <-c.done:
		return result{code, c.out.String(), c.err.String()}
	case <-time.After(patience):
		c.t.Fatalf("the command does not end:\n%s%s", c.out, c.err)
	}
	return result{}
}

// end stops the command as a signal would and returns how it ended.
func (c *command) end() result {
	c.t.Helper()
	c.stop()
	return c.wait()
}

// buffer collects output and lets tests wait for lines.
type buffer struct {
	mu    sync.Mutex
	b     bytes.Buffer
	grown chan struct{}
}

func newBuffer() *buffer { return &buffer{grown: make(chan struct{})} }

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.grown)
	b.grown = make(chan struct{})
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *buffer) line(text string, patience time.Duration) (string, bool) {
	deadline := time.After(patience)
	for {
		b.mu.Lock()
		content, grown := b.b.String(), b.grown
		b.mu.Unlock()
		for l := range strings.Lines(content) {
			if strings.Contains(l, text) && strings.HasSuffix(l, "\n") {
				return l, true
			}
		}
		select {
		case <-grown:
		case <-deadline:
			return "", false
		}
	}
}

// observer is a house that listens to everything.
type observer struct {
	t        testing.TB
	client   *mqtt.Client
	mu       sync.Mutex
	retained map[string]string // what the broker would replay, by topic
	log      []bridge.Message
	changed  chan struct{}
}

func observe(tb testing.TB, broker string) *observer {
	tb.Helper()
	o := &observer{t: tb, retained: make(map[string]string), changed: make(chan struct{})}
	client, err := mqtt.New(mqtt.Options{URL: broker, Subscribe: []string{"#"}, OnMessage: o.take})
	if err != nil {
		tb.Fatal(err)
	}
	client.Start()
	o.client = client
	tb.Cleanup(func() { client.Close(context.Background()) })
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	if err := client.Connected(ctx); err != nil {
		tb.Fatal(err)
	}
	return o
}

func (o *observer) take(m bridge.Message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.log = append(o.log, m)
	o.retained[m.Topic] = string(m.Payload)
	close(o.changed)
	o.changed = make(chan struct{})
}

// until waits for a condition on what has been heard.
func (o *observer) until(what string, ok func() bool) {
	o.t.Helper()
	deadline := time.After(patience)
	for {
		o.mu.Lock()
		good, changed := ok(), o.changed
		o.mu.Unlock()
		if good {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			o.mu.Lock()
			defer o.mu.Unlock()
			o.t.Fatalf("%s: never happened. Topics heard: %v", what, slices.Sorted(maps.Keys(o.retained)))
		}
	}
}

// heard waits until a topic's last payload contains text.
func (o *observer) heard(topic, text string) string {
	o.t.Helper()
	var payload string
	o.until(topic+" says "+text, func() bool {
		payload = o.retained[topic]
		return payload != "" && strings.Contains(payload, text)
	})
	return payload
}

// events returns the payloads on a topic so far, in order.
func (o *observer) events(topic string) (list []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range o.log {
		if m.Topic == topic {
			list = append(list, string(m.Payload))
		}
	}
	return list
}

func (o *observer) publish(topic, payload string, retained bool) {
	o.t.Helper()
	if err := o.client.Publish(o.t.Context(), bridge.Message{Topic: topic, Payload: []byte(payload), Retained: retained}); err != nil {
		o.t.Fatal(err)
	}
}

// replayed asks the broker anew for what it retains.
func (o *observer) replayed() map[string]string {
	o.t.Helper()
	list, err := o.client.Retained(o.t.Context(), "#")
	if err != nil {
		o.t.Fatal(err)
	}
	m := make(map[string]string)
	for _, r := range list {
		m[r.Topic] = string(r.Payload)
	}
	return m
}

// ownBroker starts an embedded broker for tests that need no real one.
func ownBroker(tb testing.TB) string {
	tb.Helper()
	b, err := mqtt.StartEmbedded(mqtt.EmbeddedOptions{Listen: "127.0.0.1:0"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = b.Close() })
	return b.URL()
}

// freeAddr is a loopback address nobody listens at right now.
func freeAddr(tb testing.TB) string {
	tb.Helper()
	s := httptest.NewUnstartedServer(nil)
	defer func() { _ = s.Listener.Close() }()
	return s.Listener.Addr().String()
}

// secretless fails if any of the texts holds the client secret. Tokens and codes
// are what TestNothingSecretShows is for.
func (w *world) secretless(texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		if strings.Contains(text, clientSecret) {
			w.t.Errorf("the client secret shows in:\n%s", text)
		}
	}
}
