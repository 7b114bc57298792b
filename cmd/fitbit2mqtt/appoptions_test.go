package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/mqtt"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// beApp makes this process an app with that file of options.
func beApp(t *testing.T, options string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "options.json")
	if err := os.WriteFile(path, []byte(options), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(tokenEnv, hubToken)
	t.Setenv(optionsEnv, path)
	return path
}

// An app's options are its configuration file; the environment and flags count more.
func TestAppOptions(t *testing.T) {
	path := beApp(t, `{"google_client_id": " id", "google_client_secret": "sec ret\n", "poll_body_seconds": 90, "poll_heart_minutes": "20",
		"mqtt_username": "anna", "mqtt_password": 123, "page_password": "hunter2", "topic_prefix": "scales", "discovery": "entity",
		"poll_devices_minutes": null, "mqtt_url": "", "store_key": "", "log_level": "debug"}`)
	t.Setenv("FITBIT2MQTT_HOMEASSISTANT_DISCOVERY", "off")
	c, err := loadFile(t, "--log-level", "warn")
	if err != nil {
		t.Fatal(err)
	}
	google := c.Clouds["google"]
	got := []string{
		google.ClientID, google.ClientSecret, c.Poll.Body.String(), c.Poll.Heart.String(), c.Poll.Devices.String(), c.MQTT.TopicPrefix,
		string(c.HomeAssistant.Discovery), c.Log.Level, c.Web.Password, c.DataDir, c.Web.Listen, strings.Join(c.Web.TrustedProxies, " "),
		c.Web.Ingress.String(), c.StoreKey, google.RedirectURL,
	}
	want := []string{
		"id", "sec ret", "1m30s", "20m0s", "1h0m0s", "scales",
		"off", "warn", "hunter2", filepath.Dir(path), ":8099", "172.30.32.2",
		"172.30.32.2", "", defaultRedirect,
	}
	if a, b := fmt.Sprintf("%q", got), fmt.Sprintf("%q", want); a != b {
		t.Errorf("got\n%s, want\n%s", a, b)
	}
	if o := c.MQTT.options(); c.MQTT.embeds() || o.Locate == nil || o.URL != "" {
		t.Errorf("without an address there is a broker at %q", o.URL)
	}
	if s := fmt.Sprint(c.public); strings.Contains(s, "hunter2") || strings.Contains(s, "sec ret") || strings.Contains(s, hubToken) {
		t.Errorf("public: %s", s)
	}
}

// The user's own broker counts more than the Supervisor's, and a file that is named more
// than options. Without the Supervisor's token, or its file, nothing is an app.
func TestNoApp(t *testing.T) {
	t.Run("own broker", func(t *testing.T) {
		beApp(t, `{"mqtt_url": "mqtt://broker.lan", "mqtt_username": "anna", "mqtt_password": "x"}`)
		c, err := loadFile(t)
		if o := c.MQTT.options(); err != nil || o.Locate != nil || o.URL != "mqtt://broker.lan" || o.Username != "anna" {
			t.Errorf("%+v %v", o, err)
		}
	})
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("data_dir: /elsewhere\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("flag", func(t *testing.T) {
		beApp(t, `{"topic_prefix": "scales"}`)
		c, err := loadFile(t, "--config", file)
		if err != nil || c.DataDir != "/elsewhere" || c.MQTT.TopicPrefix != "fitbit2mqtt" || !c.MQTT.embeds() || c.Web.Ingress.IsValid() {
			t.Errorf("%+v %v", c, err)
		}
	})
	t.Run("variable", func(t *testing.T) {
		beApp(t, `{"topic_prefix": "scales"}`)
		t.Setenv("FITBIT2MQTT_CONFIG", file)
		if c, err := loadFile(t); err != nil || c.DataDir != "/elsewhere" {
			t.Errorf("%+v %v", c, err)
		}
	})
	t.Run("no token", func(t *testing.T) {
		beApp(t, `{"topic_prefix": "scales"}`)
		t.Setenv(tokenEnv, "")
		if c, err := loadFile(t); err != nil || c.MQTT.TopicPrefix != "fitbit2mqtt" || c.MQTT.supervisor != nil {
			t.Errorf("%+v %v", c, err)
		}
	})
	t.Run("no options", func(t *testing.T) {
		if _, err := os.Stat(defaultOptions); err == nil {
			return // this is an app, of whatever
		}
		t.Setenv(tokenEnv, hubToken)
		if c, err := loadFile(t); err != nil || c.MQTT.supervisor != nil {
			t.Errorf("%+v %v", c, err)
		}
	})
}

// What is wrong with an option is said in the words of the page where it is entered.
func TestBadOptions(t *testing.T) {
	var said strings.Builder
	for _, options := range []string{
		`{"poll_body_seconds": 0, "poll_heart_minutes": "often", "poll_devices_minutes": 1e3, "discovery": "all", "log_level": "chatty"}`,
		`{"mqtt_url": "broker.lan", "topic_prefix": "a/#"}`,
		`{"mqtt_password": "x", "mqtt_url": "mqtt://broker.lan"}`,
		`{"google_client_id": ["x"], "store_key": true, "logins": []}`,
		`{"google_client_secret": "hunter2"`,
		`["hunter2"]`,
	} {
		beApp(t, options)
		r := invoke(t, "run")
		if r.code != exitConfig || r.out != "" {
			t.Errorf("%s: %+v", options, r)
		}
		said.WriteString(options + "\n" + strings.ReplaceAll(r.err, os.Getenv(optionsEnv), "/data/options.json") + "\n")
	}
	golden(t, "testdata/app/bad_options.txt", said.String())
	if strings.Count(said.String(), "hunter2") != 2 { // in what was given
		t.Error("a secret is quoted")
	}
	t.Setenv(optionsEnv, filepath.Join(t.TempDir(), "nowhere.json"))
	if r := invoke(t, "run"); r.code != exitConfig || !strings.Contains(r.err, "no such file") {
		t.Errorf("%+v", r)
	}
}

// The Supervisor's answers, as its documentation has them and otherwise.
func TestSupervisorBroker(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	full := mqtt.Place{Host: "core-mosquitto", Port: 1883, Username: "addons", Password: secret}
	for name, c := range map[string]struct {
		status  int
		body    string
		want    mqtt.Place
		detail  string // empty: it is found
		lasting bool
	}{
		"number":       {200, `{"result":"ok","data":{"addon":"x","host":"core-mosquitto","port":1883,"ssl":false,"username":"addons","password":"hunter2","protocol":"3.1.1"}}`, full, "", false},
		"text":         {200, `{"result":"ok","data":{"host":"core-mosquitto","port":"1883","username":"addons","password":"hunter2"}}`, full, "", false},
		"nobody's":     {200, `{"result":"ok","data":{"host":"b","port":8883,"ssl":true}}`, mqtt.Place{Host: "b", Port: 8883, Secure: true}, "", false},
		"text of TLS":  {200, `{"result":"ok","data":{"host":"b","port":8883,"ssl":"true"}}`, mqtt.Place{Host: "b", Port: 8883, Secure: true}, "", false},
		"none of TLS":  {200, `{"result":"ok","data":{"host":"b","port":1883,"ssl":"false"}}`, mqtt.Place{Host: "b", Port: 1883}, "", false},
		"TLS unknown":  {200, `{"result":"ok","data":{"host":"b","port":1883,"ssl":null}}`, mqtt.Place{Host: "b", Port: 1883}, "", false},
		"odd TLS":      {200, `{"result":"ok","data":{"host":"b","port":1883,"ssl":"hunter2"}}`, mqtt.Place{}, "not the JSON that was expected", true},
		"null":         {200, `{"result":"ok","data":{"host":"b","port":1883,"username":null,"password":null,"protocol":5}}`, mqtt.Place{Host: "b", Port: 1883}, "", false},
		"no host":      {200, `{"result":"ok","data":{"port":1883,"password":"hunter2"}}`, mqtt.Place{}, "there is no host in it", true},
		"no port":      {200, `{"result":"ok","data":{"host":"b","password":"hunter2"}}`, mqtt.Place{}, "there is no port in it", true},
		"odd port":     {200, `{"result":"ok","data":{"host":"b","port":"hunter2"}}`, mqtt.Place{}, "there is no port in it", true},
		"huge port":    {200, `{"result":"ok","data":{"host":"b","port":70000}}`, mqtt.Place{}, "there is no port in it", true},
		"odd host":     {200, `{"result":"ok","data":{"host":["hunter2"],"port":1}}`, mqtt.Place{}, "not the JSON that was expected", true},
		"nothing":      {200, `{"result":"ok","data":{}}`, mqtt.Place{}, "there is no host in it", true},
		"no JSON":      {200, `<html>hunter2</html>`, mqtt.Place{}, "not the JSON that was expected", true},
		"none yet":     {400, `{"result":"error","message":"Service not enabled"}`, mqtt.Place{}, "has no MQTT broker yet", true},
		"forbidden":    {403, `{"result":"error","message":"hunter2"}`, mqtt.Place{}, "does not let this app ask", true},
		"unauthorised": {401, ``, mqtt.Place{}, "does not know this app", true},
		"out of order": {502, ``, mqtt.Place{}, "HTTP 502", false},
		"elsewhere":    {302, ``, mqtt.Place{}, "HTTP 302", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/services/mqtt" || r.Header.Get("Authorization") != "Bearer "+hubToken {
					t.Errorf("asked for %s with %q", r.URL, r.Header)
				}
				w.Header().Set("Location", "/services/mqtt/elsewhere")
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			t.Cleanup(server.Close)
			got, err := (&supervisor{url: server.URL, token: hubToken, http: newSupervisor().http}).broker(t.Context())
			if got != c.want || (err == nil) != (c.detail == "") {
				t.Fatalf("got %+v, %v", got, err)
			}
			if err == nil {
				return
			}
			why, ok := errors.AsType[*mqtt.ConnectError](err)
			if !ok || !strings.Contains(err.Error(), c.detail) || fitbit.Hint(err) == "" || why.Lasting != c.lasting || !errors.Is(err, bridge.ErrBrokerAway) {
				t.Errorf("%+v", err)
			}
			if text := fmt.Sprintf("%v %+v", err, why.Cause); strings.Contains(text, secret) || strings.Contains(text, hubToken) {
				t.Errorf("it says %s", text)
			}
		})
	}
}

// A Supervisor that is away is asked again soon.
func TestSupervisorAway(t *testing.T) {
	t.Parallel()
	_, err := (&supervisor{url: "http://" + freeAddr(t), token: hubToken, http: newSupervisor().http}).broker(t.Context())
	why, ok := errors.AsType[*mqtt.ConnectError](err)
	if !ok || why.Lasting || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newSupervisor().broker(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// Whoever has a user of their own at the Supervisor's broker stays that user.
func TestOwnUserAtTheBroker(t *testing.T) {
	h := newAppHost(t, map[string]any{"mqtt_username": "anna", "mqtt_password": "x"})
	h.say(http.StatusOK, map[string]any{"host": "b", "port": 1, "username": "addons", "password": "y"})
	c, err := loadFile(t)
	if err != nil {
		t.Fatal(err)
	}
	place, err := c.MQTT.options().Locate(t.Context())
	if want := (mqtt.Place{Host: "b", Port: 1, Username: "anna", Password: "x"}); err != nil || place != want {
		t.Errorf("%+v %v", place, err)
	}
}
