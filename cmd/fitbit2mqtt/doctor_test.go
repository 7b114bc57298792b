package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/mosquitto"
)

// consultation is what a doctor has said.
type consultation struct {
	result
	found []finding
}

// consult has a house looked at, as JSON.
func consult(t *testing.T, config string, extra ...string) consultation {
	t.Helper()
	began := time.Now()
	r := invoke(t, append([]string{"doctor", "--format", "json", "--config", config}, extra...)...)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	c := consultation{result: r}
	if err := json.Unmarshal([]byte(r.out), &c.found); err != nil {
		t.Fatalf("%v: %+v", err, r)
	}
	return c
}

// says finds what was said of one thing.
func (c consultation) says(t *testing.T, check, account string) finding {
	t.Helper()
	for _, f := range c.found {
		if f.Check == check && (account == "" && f.Account == nil || f.Account != nil && *f.Account == account) {
			return f
		}
	}
	t.Fatalf("nothing is said of %s %s:\n%s", account, check, plain(c.found))
	return finding{}
}

// only fails unless exactly one thing is wrong, which is said with these words.
func (c consultation) only(t *testing.T, code int, check, detail, hint string) {
	t.Helper()
	var wrong []finding
	for _, f := range c.found {
		if f.Status == failed {
			wrong = append(wrong, f)
		}
	}
	if len(wrong) != 1 || wrong[0].Check != check || !strings.Contains(wrong[0].Detail, detail) || wrong[0].Hint == nil || !strings.Contains(*wrong[0].Hint, hint) {
		t.Errorf("want only %s %q → %q, got:\n%s", check, detail, hint, plain(c.found))
	}
	if c.code != code || c.err != "Error: one thing is wrong\nTry: do what the line marked ✗ says\n" {
		t.Errorf("exit %d, want %d; stderr %q", c.code, code, c.err)
	}
}

// well fails unless nothing is wrong.
func (c consultation) well(t *testing.T) {
	t.Helper()
	if strings.Contains(plain(c.found), "✗") || c.code != exitOK || c.err != "" {
		t.Errorf("exit %d, stderr %q:\n%s", c.code, c.err, plain(c.found))
	}
}

// settle writes a configuration with a page at a known address.
func (w *world) settle(broker, page string) string {
	w.t.Helper()
	path := w.config(broker)
	yaml, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	text := strings.Replace(string(yaml), `web: {listen: "127.0.0.1:0"}`, fmt.Sprintf("web: {listen: %q}", page), 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// atHome connects people and has a bridge run until all is said. It is started twice: what
// a config has to say more after the first look would have to rest for seconds.
func (w *world) atHome(t *testing.T, config string, o *observer, names ...string) *command {
	t.Helper()
	for _, name := range names {
		if r := w.connect(config, name); r.code != exitOK {
			t.Fatalf("%+v", r)
		}
	}
	bridge := begin(t, "run", "--config", config)
	for _, name := range names {
		o.heard("fitbit2mqtt/"+name+"/connection", `"state":"ok"`)
		o.heard("fitbit2mqtt/"+name+"/heart", `"resting_date"`)
	}
	o.until("everything is announced", func() bool { return o.announced() == 1+3*len(names) })
	bridge.end()
	o.heard("fitbit2mqtt/bridge/state", "offline")
	bridge = begin(t, "run", "--config", config)
	o.heard("fitbit2mqtt/bridge/state", "online")
	o.until("people and their scales have a model", func() bool {
		n := 0
		for _, payload := range o.retained {
			n += strings.Count(payload, `"model":"Aria Air"`)
		}
		return n == 2*len(names)
	})
	return bridge
}

// live counts messages on a topic that were no replays.
func (o *observer) live(topic string) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range o.log {
		if m.Topic == topic && !m.Retained {
			n++
		}
	}
	return n
}

// steady replaces what differs from run to run.
func (w *world) steady(text string, more ...string) string {
	for i := 0; i < len(more); i += 2 {
		text = strings.ReplaceAll(text, more[i], more[i+1])
	}
	text = strings.ReplaceAll(text, w.dir, "DATA")
	return regexp.MustCompile(`\d+ kB`).ReplaceAllString(text, "N kB")
}

// A house in which all is well, at either cloud, beside a running bridge that does not
// notice.
func TestDoctorInAGoodHouse(t *testing.T) {
	t.Parallel()
	for _, backend := range []string{"google", "fitbit"} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.backend = backend
			broker := mosquitto.Start(t, mosquitto.Options{})
			page := freeAddr(t)
			config := w.settle(broker.URL(), page)
			edit(t, config, func(b []byte) []byte { // a broker has room for one client of a name
				return bytes.Replace(b, []byte("mqtt: {"), []byte("mqtt: {client_id: house, "), 1)
			})
			for _, name := range []string{"anna", "ben"} {
				w.completePerson(t, name)
			}
			o := observe(t, broker.URL())
			o.publish("homeassistant/status", "online", true)
			bridge := w.atHome(t, config, o, "anna", "ben")
			w.waitForPoll(2)
			before, heard := o.replayed(), o.live("fitbit2mqtt/bridge/state")
			w.dataUnchanged(t, func() {
				r := invoke(t, "doctor", "--config", config)
				if r.code != exitOK || r.err != "" {
					t.Errorf("%+v", r)
				}
				golden(t, "testdata/doctor/"+backend+".txt", w.steady(r.out, config, "CONFIG", broker.URL(), "BROKER", page, "PAGE"))
				consult(t, config, "--account", "ben").well(t)
			})
			after := o.replayed()
			for topic := range after {
				if _, was := before[topic]; !was {
					t.Errorf("%s is left behind", topic)
				}
			}
			if n := o.live("fitbit2mqtt/bridge/state"); n != heard {
				t.Errorf("the bridge was said to be there or away %d more times", n-heard)
			}
			for _, name := range []string{"anna", "ben"} {
				if n := len(o.events("fitbit2mqtt/" + name + "/weigh_in")); n != 0 {
					t.Errorf("%s: %d events", name, n)
				}
				if list := o.events("fitbit2mqtt/" + name + "/availability"); list[len(list)-1] != "online" {
					t.Errorf("%s is %v", name, list)
				}
			}
			if r := bridge.end(); r.code != exitOK || strings.Contains(r.err, "level=WARN") || strings.Contains(r.err, "level=ERROR") {
				t.Errorf("%+v", r)
			}
		})
	}
}

// dataUnchanged fails if files come, go, or change their modes meanwhile.
func (w *world) dataUnchanged(t *testing.T, do func()) {
	t.Helper()
	list := func() (all []string) {
		entries, err := os.ReadDir(w.dir)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, e.Name()+" "+info.Mode().String())
		}
		return all
	}
	before := strings.Join(list(), "\n")
	do()
	if after := strings.Join(list(), "\n"); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	if _, err := os.Stat(filepath.Join(w.dir, "..", "config.yaml")); err == nil {
		t.Error("a configuration was made")
	}
}
