package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file, or writes the file.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs.\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}

// Every problem is listed with its key and what would be right; nothing is started.
func TestBadConfig(t *testing.T) {
	files, err := filepath.Glob("testdata/config/*.yaml")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Setenv("HOME", t.TempDir())
			r := invoke(t, "run", "--config", file)
			if r.code != exitConfig {
				t.Errorf("exit %d, want %d", r.code, exitConfig)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".txt", r.err)
			if entries, _ := os.ReadDir(os.Getenv("HOME")); len(entries) > 0 {
				t.Errorf("something was written: %v", entries)
			}
		})
	}
}

func loadFile(t *testing.T, args ...string) (config, error) {
	t.Helper()
	a := &app{stdio: stdio{out: &bytes.Buffer{}, err: &bytes.Buffer{}}}
	root := newRoot(a.stdio)
	a.flags.register(root.Flags())
	if err := root.ParseFlags(args); err != nil {
		t.Fatal(err)
	}
	return a.loadConfig()
}

// The example is the manual: it loads, and says what holds without it.
func TestExampleEqualsDefaults(t *testing.T) {
	manual, err := filepath.Abs("../../config.yaml.example")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	none, err := loadFile(t)
	if err != nil {
		t.Fatal(err)
	}
	example, err := loadFile(t, "--config", manual)
	if err != nil {
		t.Fatal(err)
	}
	a, b := fmt.Sprintf("%+v", none), fmt.Sprintf("%+v", example) // all fields, public keys in order
	if a != b {
		t.Errorf("defaults:\n%s\nexample:\n%s", a, b)
	}
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	for key := range none.public { // nothing that can be set is missing from the manual
		last := key[strings.LastIndex(key, ".")+1:]
		if !strings.Contains(string(text), last+":") && !strings.HasSuffix(last, "_file") {
			t.Errorf("config.yaml.example does not mention %s", key)
		}
	}
}

// A flag counts more than the environment, that more than the file.
func TestConfigOrder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("poll: {body: 2m, heart: 3m}\nlog: {level: warn}\nmqtt: {url: mqtt://file}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("FITBIT2MQTT_POLL_BODY", "4m")
	t.Setenv("FITBIT2MQTT_MQTT_URL", "mqtt://environment")
	t.Setenv("FITBIT2MQTT_WEB_TRUSTED_PROXIES", "172.30.32.2, 10.0.0.0/8")
	c, err := loadFile(t, "--config", file, "--mqtt-url", "mqtt://flag")
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c.Poll.Body.String(), c.Poll.Heart.String(), c.Log.Level, c.MQTT.URL, strings.Join(c.Web.TrustedProxies, " ")}
	want := []string{"4m0s", "3m0s", "warn", "mqtt://flag", "172.30.32.2 10.0.0.0/8"}
	if strings.Join(got, ",") != strings.Join(want, ",") {
		t.Errorf("got %v, want %v", got, want)
	}
}

// What may have been meant by an unknown key is the one that is most like it.
func TestSuggestion(t *testing.T) {
	known := []string{"mqtt.url", "homeassistant.url", "mqtt.tls.ca_file", "homeassistant.ca_file", "poll.body"}
	for key, want := range map[string]string{
		"mqqt.url": "mqtt.url", "home_assistant.url": "homeassistant.url", "mqtt.ca_file": "mqtt.tls.ca_file", "poll.bodies": "", "mqtt": "must hold keys",
	} {
		if got := suggestion(key, known); !strings.Contains(got, want) || want == "" && got != "unknown key" {
			t.Errorf("%s: %s", key, got)
		}
	}
}

func TestUnknownVariable(t *testing.T) {
	t.Setenv("FITBIT2MQTT_POLL_BODDY", "4m")
	if _, err := loadFile(t); err == nil || !strings.Contains(err.Error(), "FITBIT2MQTT_POLL_BODDY: unknown variable") {
		t.Errorf("got %v", err)
	}
}

// Secrets come from the file or its twin, and never show.
func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "c.yaml")
	yaml := "mqtt: {url: 'mqtt://user:hunter2@broker', password_file: " + secret + "}\n" +
		"google: {client_secret: hunter2}\nstore: {key_file: " + secret + "}\nweb: {password: hunter2}\n"
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := loadFile(t, "--config", file)
	if err != nil {
		t.Fatal(err)
	}
	if c.MQTT.Password != "hunter2" || c.StoreKey != "hunter2" || c.Clouds["google"].ClientSecret != "hunter2" {
		t.Errorf("secrets were not read")
	}
	public, err := json.Marshal(c.public)
	if err != nil || strings.Contains(string(public), "hunter2") || !strings.Contains(string(public), "mqtt://broker") {
		t.Errorf("public: %s %v", public, err)
	}
}

// An endpoint of one's own serves the sign-in as well, unless told otherwise.
func TestEndpoint(t *testing.T) {
	t.Setenv("FITBIT2MQTT_GOOGLE_ENDPOINT", "http://127.0.0.1:4711/")
	t.Setenv("FITBIT2MQTT_GOOGLE_TOKEN_URL", "https://tokens.example.org/t")
	c, err := loadFile(t)
	if err != nil {
		t.Fatal(err)
	}
	g := c.Clouds["google"]
	if g.Endpoint != "http://127.0.0.1:4711" || g.AuthURL != "http://127.0.0.1:4711/o/oauth2/v2/auth" ||
		g.TokenURL != "https://tokens.example.org/t" || g.RevokeURL != "http://127.0.0.1:4711/revoke" {
		t.Errorf("%+v", g)
	}
}

// The service's user is often somebody's for one command, in a folder that is not theirs:
// whoever may not look into it does not fail for a file that is not there.
func TestFoldersOfOthers(t *testing.T) {
	others := t.TempDir()
	home := filepath.Join(others, "home")
	if err := os.WriteFile(home, nil, 0o600); err != nil { // nobody can look into a file, not even root
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	t.Setenv("FITBIT2MQTT_DATA_DIR", others)
	t.Chdir(others)
	if err := os.Chmod(others, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(others, 0o700) }) // so that it can be removed
	if _, err := loadFile(t); err != nil {
		t.Error(err)
	}
	if _, err := loadFile(t, "--config", filepath.Join(home, "config.yaml")); err == nil {
		t.Error("one that is named may be missing")
	}
}
