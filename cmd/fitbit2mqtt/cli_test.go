package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/mqtt"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/recorder"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// What the command line says is part of the product.
func TestHelp(t *testing.T) {
	for _, args := range []string{"", "run", "demo", "connect", "accounts", "accounts list", "accounts rename", "accounts remove", "accounts import", "accounts refresh", "backup", "restore", "export", "chart", "doctor", "healthcheck", "poll", "history", "history push", "version"} {
		t.Run(args, func(t *testing.T) {
			r := invoke(t, append(strings.Fields(args), "--help")...)
			if r.code != exitOK || r.err != "" {
				t.Errorf("exit %d, stderr %q", r.code, r.err)
			}
			golden(t, "testdata/help/"+strings.ReplaceAll("fitbit2mqtt "+args, " ", "_")+".txt", r.out)
		})
	}
}

func TestUsageErrors(t *testing.T) {
	tests := map[string]string{
		"frobnicate":                      `unknown command "frobnicate"`,
		"run now":                         "unknown command",
		"run --frob":                      "unknown flag: --frob",
		"connect":                         "accepts 1 arg(s)",
		"connect Anna":                    "1 to 32 of the characters a-z",
		"connect bridge":                  `not "bridge"`,
		"connect a/b":                     "1 to 32 of the characters a-z",
		"accounts rename anna":            "accepts 2 arg(s)",
		"accounts list --format xml":      "use text or json",
		"doctor --format xml":             "use text or json",
		"doctor anna":                     "unknown command",
		"doctor --acount anna":            "unknown flag: --acount",
		"healthcheck anna":                "unknown command",
		"accounts refresh anna ben":       "accepts at most 1 arg(s)",
		"backup":                          "accepts 1 arg(s)",
		"restore one.tar two.tar":         "accepts 1 arg(s)",
		"demo --people 0":                 "use 1 to 8",
		"demo --people 9":                 "use 1 to 8",
		"demo --every 1ms":                "--every is at least 100ms",
		"demo --backend withings":         "use google or fitbit",
		"connect anna --backend withings": "use google or fitbit",
		"demo --broker carrier-pigeon:":   "--broker",
		"demo --clear":                    "--clear takes --broker",

		"connect anna --same-person --move":                    "[move same-person]",
		"accounts import x.json --name a --same-person --move": "[move same-person]",
	}
	for args, says := range tests {
		t.Run(args, func(t *testing.T) {
			t.Setenv("HOME", t.TempDir())
			r := invoke(t, strings.Fields(args)...)
			if r.code != exitUsage || !strings.Contains(r.err, says) {
				t.Errorf("exit %d, want %d; %q does not say %q", r.code, exitUsage, r.err, says)
			}
			if strings.Count(r.err, "\n") != 2 || !strings.HasPrefix(r.err, "Error: ") || !strings.Contains(r.err, "\nTry: ") {
				t.Errorf("want one Error: and one Try: line, got:\n%s", r.err)
			}
		})
	}
}

func TestUnknownAccount(t *testing.T) {
	w := newWorld(t)
	config := w.config("")
	for _, args := range []string{"accounts remove nobody", "accounts rename nobody somebody", "accounts refresh nobody"} {
		r := invoke(t, append(strings.Fields(args), "--config", config)...)
		if r.code != exitUsage || !strings.Contains(r.err, `there is no account called "nobody"`) {
			t.Errorf("%s: %+v", args, r)
		}
	}
	if r := invoke(t, "accounts", "--config", config); r.code != exitOK || !strings.Contains(r.out, "Nobody is connected yet") {
		t.Errorf("%+v", r)
	}
	if r := invoke(t, "accounts", "list", "--format", "json", "--config", config); r.out != "[]\n" {
		t.Errorf("an empty list is %q", r.out)
	}
}

// The one table from errors to exit codes, each with something to try.
func TestExitCodes(t *testing.T) {
	cloud := func(kind error) error {
		return fmt.Errorf("somewhere: %w", &fitbit.CloudError{Kind: kind, Detail: "detail", Hint: "hint"})
	}
	tests := []struct {
		err  error
		code int
	}{
		{nil, 0},
		{context.Canceled, 0},
		{errors.New("surprise"), 1},
		{&usageError{command: "x", err: errors.New("y")}, 2},
		{&configError{problems: []string{"a: b"}}, 3},
		{&sqlite.Error{Path: "p", Kind: sqlite.ErrFull, Hint: "hint"}, 4},
		{fmt.Errorf("x: %w", fitbit.ErrStorage), 4},
		{cloud(fitbit.ErrReauthRequired), 5},
		{cloud(fitbit.ErrPermission), 5},
		{cloud(fitbit.ErrSetup), 5},
		{cloud(fitbit.ErrRetired), 5},
		{cloud(fitbit.ErrUnavailable), 6},
		{&fitbit.RateLimitError{Until: time.Now()}, 6},
		{bridge.ErrBrokerAway, 7},
		{fmt.Errorf("x: %w", recorder.ErrRefused), 5},
		{fmt.Errorf("x: %w", recorder.ErrAway), 7},
	}
	for _, test := range tests {
		var b bytes.Buffer
		if code := report(&b, test.err); code != test.code {
			t.Errorf("%v: exit %d, want %d", test.err, code, test.code)
		}
		if test.code != 0 && (strings.Count(b.String(), "Error: ") != 1 || strings.Count(b.String(), "Try: ") != 1) {
			t.Errorf("%v: %q", test.err, b.String())
		}
	}
}

// What a room advises is what to try.
func TestExitAdvice(t *testing.T) {
	for _, err := range []error{
		&fitbit.CloudError{Kind: fitbit.ErrSetup, Hint: "mend this"},
		&sqlite.Error{Path: "p", Kind: sqlite.ErrFull, Hint: "mend this"},
		&mqtt.ConnectError{Broker: "b", Detail: "d", Hint: "mend this", Cause: io.EOF},
		&signin.Trouble{Code: signin.Setup, Detail: "d", Hint: "mend this"},
	} {
		var b bytes.Buffer
		if report(&b, fmt.Errorf("somewhere: %w", err)); !strings.HasSuffix(b.String(), "\nTry: mend this\n") {
			t.Errorf("%v: %q", err, b.String())
		}
	}
	var b bytes.Buffer
	if report(&b, &mqtt.ConnectError{Broker: "b", Detail: "d", Cause: io.EOF}); !strings.Contains(b.String(), "Try: check mqtt.url") {
		t.Errorf("without a hint of its own: %q", b.String())
	}
}

func TestVersion(t *testing.T) {
	if r := invoke(t, "version"); r.code != exitOK || !strings.HasPrefix(r.out, "fitbit2mqtt ") {
		t.Errorf("%+v", r)
	}
	if r := invoke(t, "version", "--format", "json"); decode(t, r.out)["version"] == "" {
		t.Errorf("%+v", r)
	}
}

// Two bridges on one folder would publish everything twice.
func TestOneBridgePerFolder(t *testing.T) {
	w := newWorld(t)
	broker := ownBroker(t)
	config := w.config(broker)
	o := observe(t, broker)
	first := begin(t, "run", "--config", config)
	o.heard("fitbit2mqtt/bridge/state", "online")
	if r := invoke(t, "run", "--config", config); r.code != exitStorage || !strings.Contains(r.err, "another fitbit2mqtt runs") {
		t.Errorf("%+v", r)
	}
	if r := first.end(); r.code != exitOK {
		t.Errorf("%+v", r)
	}
}

// A damaged database is named, with its copy, and never replaced by an empty one.
func TestDamagedDatabase(t *testing.T) {
	for _, name := range []string{"tokens.db", "history.db"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "anna")
			config := w.config("")
			if r := w.connect(config, "anna"); r.code != exitOK {
				t.Fatalf("%+v", r)
			}
			path := filepath.Join(w.dir, name)
			garbage := bytes.Repeat([]byte("not a database "), 1000)
			if err := os.WriteFile(path, garbage, 0o600); err != nil {
				t.Fatal(err)
			}
			r := invoke(t, "run", "--config", config)
			if r.code != exitStorage || !strings.Contains(r.err, path) || strings.Count(r.err, "Try: ") != 1 {
				t.Errorf("%+v", r)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, garbage) {
				t.Error("the damaged file was changed")
			}
		})
	}
}

// A database that has lost its content is not taken for a new one.
func TestEmptiedDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	config := w.config("")
	if r := w.connect(config, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	path := filepath.Join(w.dir, "tokens.db")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if r := invoke(t, "accounts", "--config", config); r.code != exitStorage || !strings.Contains(r.err, path+" is empty") {
		t.Errorf("%+v", r)
	}
}

// A name that is taken stays whose it is.
func TestRenameToATakenName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna", "ben")
	config := w.config("")
	for _, name := range []string{"anna", "ben"} {
		if r := w.connect(config, name); r.code != exitOK {
			t.Fatalf("%+v", r)
		}
	}
	if r := invoke(t, "accounts", "rename", "anna", "ben", "--config", config); r.code != exitUsage || !strings.Contains(r.err, "Try: choose another name") {
		t.Errorf("%+v", r)
	}
}

// A demo at a household's own broker keeps out of the real bridge's way.
func TestDemoBesidesABridge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	broker := ownBroker(t)
	config := w.config(broker)
	w.cloud.Person("anna").WeighIn(time.Now().Add(-time.Hour), 61.5, 30)
	if r := w.connect(config, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	o := observe(t, broker)
	begin(t, "run", "--config", config)
	o.heard("fitbit2mqtt/anna/body", `"weight_kg":61.5`)
	o.heard("fitbit2mqtt/bridge/state", "online")
	if r := invoke(t, "demo", "--broker", broker, "--for", "4s", "--every", "500ms", "--config", config); r.code != exitOK || !strings.Contains(r.out, "fitbit2mqtt_demo/#") {
		t.Errorf("%+v", r)
	}
	all := o.replayed()
	if !strings.Contains(all["fitbit2mqtt/anna/body"], "61.5") || all["fitbit2mqtt/bridge/state"] != "online" || all["fitbit2mqtt_demo/ben/body"] == "" {
		t.Errorf("the demo and the bridge are in each other's way: %v", all)
	}
	if r := invoke(t, "demo", "--broker", broker, "--clear", "--config", config); r.code != exitOK || !strings.Contains(r.out, "are gone") {
		t.Errorf("%+v", r)
	}
	left := o.replayed()
	for topic, payload := range left {
		if strings.Contains(topic+payload, "fitbit2mqtt_demo/") {
			t.Errorf("%s is still there: %s", topic, payload)
		}
	}
	if left["fitbit2mqtt/bridge/state"] != "online" || !strings.Contains(left["fitbit2mqtt/anna/body"], "61.5") || left["homeassistant/device/fitbit2mqtt_bridge/config"] == "" {
		t.Errorf("the bridge has lost something: %v", left)
	}
}

// The broker cannot be reached: demo says so, run keeps trying.
func TestBrokerAway(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	r := invoke(t, "demo", "--broker", "mqtt://"+freeAddr(t), "--for", "30s")
	if r.code != exitBroker || !strings.Contains(r.err, "Error: ") || !strings.Contains(r.err, "Try: ") {
		t.Errorf("%+v", r)
	}
}

// The demo as the README shows it.
func TestDemo(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	broker := ownBroker(t)
	o := observe(t, broker)
	data := filepath.Join(t.TempDir(), "kept")
	demo := begin(t, "demo", "--broker", broker, "--every", "300ms", "--for", "8s", "--data", data)
	demo.waitFor("anna weighed in: ")
	demo.waitFor("ben weighed in: ")
	o.heard("fitbit2mqtt/anna/weigh_in", `"event_type":"weigh_in"`)
	o.heard("fitbit2mqtt/ben/body", `"trend_kg"`)
	r := demo.wait()
	if r.code != exitOK || !strings.Contains(r.out, "mosquitto_sub -v") || r.err != "" {
		t.Errorf("%+v", r)
	}
	o.heard("fitbit2mqtt/bridge/state", "offline")
	if _, err := os.Stat(filepath.Join(data, "history.db")); err != nil {
		t.Error(err)
	}
	// Again on the same folder: a new fake cloud, the same household.
	if r := invoke(t, "demo", "--broker", broker, "--every", "300ms", "--for", "4s", "--data", data); r.code != exitOK || r.err != "" {
		t.Errorf("second demo: %+v", r)
	}
}
