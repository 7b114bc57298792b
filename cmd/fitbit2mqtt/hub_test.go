package main

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/homeassistant"
)

// hub is a Home Assistant that has seen what a bridge announces, and a token for it.
type hub struct {
	*homeassistant.Hub
	t          *testing.T
	url, token string
	tokenFile  string
}

func newHub(t *testing.T) *hub {
	t.Helper()
	h := &hub{Hub: homeassistant.New("2026.11.0"), t: t, tokenFile: filepath.Join(t.TempDir(), "token")}
	s := httptest.NewServer(h.Hub)
	t.Cleanup(s.Close)
	h.url = s.URL
	h.present(h.Token(true))
	return h
}

// present puts a token into the file, as an editor does.
func (h *hub) present(token string) {
	h.t.Helper()
	h.token = token
	if err := os.WriteFile(h.tokenFile, []byte(token+"\n"), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// discover lets a bridge run once and takes in what it announces.
func (h *hub) discover(w *world, people ...string) {
	h.t.Helper()
	broker := ownBroker(h.t)
	o := observe(h.t, broker)
	bridge := begin(h.t, "run", "--config", w.config(broker))
	for _, name := range people {
		o.heard("fitbit2mqtt/"+name+"/connection", `"state":"ok"`)
	}
	announced := func() (n int) {
		for topic, payload := range o.retained {
			if strings.HasPrefix(topic, "homeassistant/device/") && strings.Contains(payload, `"resting_heart_rate"`) {
				n++
			}
		}
		return n
	}
	o.until("everybody is announced", func() bool { return announced() == len(people) })
	if r := bridge.end(); r.code != exitOK {
		h.t.Fatalf("%+v", r)
	}
	for topic, payload := range o.replayed() {
		if !strings.HasPrefix(topic, "homeassistant/device/") {
			continue
		}
		var device struct {
			Components map[string]struct {
				UniqueID        string `json:"unique_id"`
				DefaultEntityID string `json:"default_entity_id"`
			} `json:"components"`
		}
		if err := json.Unmarshal([]byte(payload), &device); err != nil {
			h.t.Fatalf("%s: %v", topic, err)
		}
		for _, c := range device.Components {
			h.Put(homeassistant.Entity{ID: c.DefaultEntityID, UniqueID: c.UniqueID})
		}
	}
}

// enable switches one of anna's entities on or off at Home Assistant.
func (h *hub) enable(config, key string, on bool) {
	h.t.Helper()
	e := homeassistant.Entity{ID: "sensor.anna_" + key, UniqueID: "fitbit2mqtt_" + uidOf(h.t, config, "anna") + "_" + key}
	if !on {
		e.DisabledBy = "user"
	}
	h.Put(e)
}

func uidOf(t *testing.T, config, account string) string {
	t.Helper()
	r := invoke(t, "accounts", "list", "--format", "json", "--config", config)
	var list []accountRow
	if err := json.Unmarshal([]byte(r.out), &list); err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	i := slices.IndexFunc(list, func(a accountRow) bool { return a.Name == account })
	return list[i].UID
}

// push runs a push and decodes what it says.
func (h *hub) push(config string, args ...string) (rows []pushRow, r result) {
	h.t.Helper()
	r = invoke(h.t, append([]string{"history", "push", "--config", config, "--ha-url", h.url, "--ha-token-file", h.tokenFile, "--format", "json"}, args...)...)
	if r.out != "" {
		if err := json.Unmarshal([]byte(r.out), &rows); err != nil {
			h.t.Fatalf("%+v: %v", r, err)
		}
	}
	if strings.Contains(r.out+r.err, h.token) {
		h.t.Errorf("the token shows in %+v", r)
	}
	return rows, r
}
