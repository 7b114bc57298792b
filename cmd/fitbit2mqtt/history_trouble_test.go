package main

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/recorder"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/homeassistant"
)

// written makes a file of one's own.
func written(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Each mistake and each trouble has its own words, a way out and the right exit code, and
// none of them shows the token, or what is in front of the @ of an address.
func TestBadPushes(t *testing.T) {
	t.Parallel()
	w, config := seasons(t, "google")
	h := newHub(t)
	h.discover(w, "anna", "ben")
	folder := t.TempDir()
	page := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(page.Close)
	starting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	t.Cleanup(starting.Close)
	private := httptest.NewTLSServer(h.Hub)
	t.Cleanup(private.Close)
	nobody := freeAddr(t)
	const password = "in-front-of-the-at"
	r := &refusals{T: t, w: w, config: config, hide: []string{
		folder, "FOLDER", strings.TrimPrefix(w.server.URL, "http://"), "CLOUD", fitbit.DateOf(time.Now().In(berlin(t))).String(), "TODAY",
		strings.TrimPrefix(h.url, "http://"), "HUB", strings.TrimPrefix(page.URL, "http://"), "PAGE", strings.TrimPrefix(private.URL, "https://"), "HUB",
		strings.TrimPrefix(starting.URL, "http://"), "HUB", nobody, "HUB",
	}}
	user := func(address string) string { return strings.Replace(address, "://", "://anna:"+password+"@", 1) }
	good := "--ha-token-file " + h.tokenFile + " anna --from 2025-03-01 --to 2025-03-02"
	say := func(name string, code int, args string) {
		t.Helper()
		r.try(name, code, strings.Fields("history push "+args)...)
	}
	at := func(address string) string { return "--ha-url " + user(address) + " " + good }
	strange := written(t, filepath.Join(folder, "strange"), "somebody-elses-token\n")
	guest := written(t, filepath.Join(folder, "guest"), h.Token(false)+"\r\n")
	none := written(t, filepath.Join(folder, "empty"), "\n")
	words := written(t, filepath.Join(folder, "words"), "my token: abc\n")

	r.try("nothing to do", exitUsage, "history")
	say("no address", exitUsage, good)
	say("no token", exitUsage, "--ha-url "+h.url)
	say("no such file", exitUsage, "--ha-url "+h.url+" --ha-token-file "+folder+"/none")
	say("an empty file", exitUsage, "--ha-url "+h.url+" --ha-token-file "+none)
	say("no token in the file", exitCloud, "--ha-url "+h.url+" --ha-token-file "+words)
	say("no scheme", exitUsage, "--ha-url homeassistant.local:8123 "+good)
	say("another scheme", exitUsage, "--ha-url mqtt://homeassistant.local "+good)
	say("the token in the address", exitUsage, "--ha-url http://homeassistant.local:8123/?token="+h.token+" "+good)
	say("unknown account", exitUsage, "--ha-url "+h.url+" --ha-token-file "+h.tokenFile+" carla")
	r.try("an empty name", exitUsage, "history", "push", "--ha-url", h.url, "--ha-token-file", h.tokenFile, "")
	say("bad date", exitUsage, at(h.url)+" --from 31.12.2025")
	say("backwards", exitUsage, "anna --ha-url "+h.url+" --from 2025-02-03 --to 2025-02-01")
	say("in the future", exitUsage, "anna --ha-url "+h.url+" --ha-token-file "+h.tokenFile+" --from 2199-01-01")
	say("unknown format", exitUsage, at(h.url)+" --format xml")
	say("nobody there", exitBroker, at("http://"+nobody))
	say("another page", exitBroker, at(page.URL))
	say("still starting", exitBroker, at(starting.URL))
	say("a certificate of its own", exitBroker, at(private.URL))
	say("token not accepted", exitCloud, "--ha-url "+user(h.url)+" --ha-token-file "+strange+" anna")
	say("no administrator", exitCloud, "--ha-url "+user(h.url)+" --ha-token-file "+guest+" anna --date 2025-03-01")

	for _, c := range []struct {
		name    string
		code    int
		trouble homeassistant.Trouble
	}{
		{"no recorder", exitCloud, homeassistant.Trouble{NoRecorder: true}},
		{"recorder switched off", exitCloud, homeassistant.Trouble{Paused: true}},
		{"recorder dead", exitCloud, homeassistant.Trouble{Dead: true}},
		{"migrating", exitBroker, homeassistant.Trouble{Migrating: true}},
	} {
		h.Break(c.trouble)
		say(c.name, c.code, at(h.url))
	}
	h.Break(homeassistant.Trouble{})
	h.Record("sensor.anna_weight", homeassistant.Metadata{Unit: "stones", MeanType: 1})
	h.enable(config, "body_fat", false)
	h.enable(config, "resting_heart_rate", false)
	got := invoke(t, append(strings.Fields("history push --config "+config), strings.Fields(at(h.url))...)...)
	got.err = strings.Join(strings.SplitAfter(got.err, "\n")[2:], "") // two notes
	r.note("a unit of nothing", exitCloud, got)
	h.enable(config, "weight", false)
	say("all disabled", exitCloud, at(h.url))
	stranger := newHub(t)
	r.hide = append(r.hide, strings.TrimPrefix(stranger.url, "http://"), "HUB")
	say("unknown there", exitCloud, "--ha-url "+stranger.url+" --ha-token-file "+stranger.tokenFile+" anna")
	say("unknown there, with others", exitCloud, "--ha-url "+stranger.url+" --ha-token-file "+stranger.tokenFile+" anna ben anna")

	w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.ServerError})
	for _, key := range []string{"weight", "body_fat", "resting_heart_rate"} {
		h.enable(config, key, true)
	}
	say("cloud away", exitAway, "anna --from 2025-01-01 --ha-url "+h.url+" --ha-token-file "+h.tokenFile)

	text := strings.ReplaceAll(r.said.String(), "Left out: ben: Home Assistant knows no entities of ben\n", "[ben]\n")
	for _, secret := range []string{h.token, stranger.token, password, "somebody-elses-token", "my token"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q shows in\n%s", secret, text)
		}
	}
	golden(t, "testdata/history/bad.txt", text)
	if h.Tally().Written != 0 {
		t.Errorf("%+v", h.Tally())
	}
}

// From cron neither address nor token are on the command line; and an authority of one's
// own is believed.
func TestHistoryPushConfigured(t *testing.T) {
	t.Parallel()
	w, plain := seasons(t, "google")
	h := newHub(t)
	h.discover(w, "anna", "ben")
	s := httptest.NewTLSServer(h.Hub)
	t.Cleanup(s.Close)
	authority := written(t, filepath.Join(t.TempDir(), "ca.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	b, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	config := written(t, filepath.Join(t.TempDir(), "config.yaml"), fmt.Sprintf(
		"%shomeassistant: {url: %q, token_file: %q, ca_file: %q}\n", b, s.URL+"/", h.tokenFile, authority))
	r := invoke(t, "history", "push", "--config", config, "--from", "2025-03-01", "--to", "2025-03-02", "--local", "--format", "json")
	if r.code != exitOK || !strings.Contains(r.out, `"entity_id": "sensor.ben_weight"`) {
		t.Errorf("%+v", r)
	}
	written(t, authority, "no certificate")
	if r := invoke(t, "history", "push", "--config", config, "--local"); r.code != exitConfig || !strings.Contains(r.err, "homeassistant.ca_file") {
		t.Errorf("%+v", r)
	}
}

// An app of Home Assistant's is given its supervisor and a token for that, and for nobody else.
func TestHubOfAnApp(t *testing.T) {
	t.Setenv("SUPERVISOR_TOKEN", "the-supervisors")
	file := written(t, filepath.Join(t.TempDir(), "token"), "\ufeff  mine \r\n") // as Windows' editor saves it
	elsewhere, err := recorder.ParseAddress("http://elsewhere:8123")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		flags  hubFlags
		config hubConfig
		want   string
	}{
		{hubFlags{}, hubConfig{}, "ws://supervisor/core/websocket the-supervisors"},
		{hubFlags{tokenFile: file}, hubConfig{}, "ws://supervisor/core/websocket mine"},
		{hubFlags{}, hubConfig{Token: "configured"}, "ws://supervisor/core/websocket the-supervisors"},
		{hubFlags{}, hubConfig{Address: elsewhere, Token: "configured"}, "http://elsewhere:8123 configured"},
		{hubFlags{address: elsewhere, tokenFile: file}, hubConfig{Token: "configured"}, "http://elsewhere:8123 mine"},
		{hubFlags{address: elsewhere}, hubConfig{}, "there is no access token for Home Assistant"},
		{hubFlags{}, hubConfig{Address: elsewhere}, "there is no access token for Home Assistant"},
	} {
		o, err := c.flags.options(c.config)
		got := o.Address.String() + " " + o.Token
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v, %+v: %s, want %s", c.flags, c.config, got, c.want)
		}
	}
}

// The environment names both as well, and what is public of them is no secret.
func TestHubInTheEnvironment(t *testing.T) {
	t.Setenv("FITBIT2MQTT_HOMEASSISTANT_URL", "http://anna:hunter2@ha.local:8123/base")
	t.Setenv("FITBIT2MQTT_HOMEASSISTANT_TOKEN_FILE", written(t, filepath.Join(t.TempDir(), "token"), "\ufeffhunter2 \r\n"))
	t.Chdir(t.TempDir())
	c, err := loadFile(t)
	if err != nil || c.HomeAssistant.Hub.Token != "hunter2" || c.HomeAssistant.Hub.Address.String() != "http://ha.local:8123/base" {
		t.Errorf("%v, %v", c.HomeAssistant.Hub.Address, err)
	}
	if public := fmt.Sprint(c.public); strings.Contains(public, "hunter2") || !strings.Contains(public, "http://ha.local:8123/base") {
		t.Errorf("public: %s", public)
	}
}
