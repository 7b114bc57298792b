package hass_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func bridge() hass.Bridge {
	return hass.Bridge{Prefix: "fitbit2mqtt", Version: "1.2.3", URL: "http://fitbit2mqtt.local:8099/"}
}

func anna() hass.Person {
	return hass.Person{UID: "3f9c", Account: "anna", Name: "Anna", Model: "Aria Air"}
}

func paul() hass.Person {
	return hass.Person{UID: "77ab", Account: "jean-paul-2", Name: "Jean-Paul"}
}

func scale() hass.Paired {
	return hass.Paired{ID: "1234567890", Name: "Aria Air", Type: "scale", HasBattery: true}
}

func tracker() hass.Paired { return hass.Paired{ID: "A-b_9", Name: "Charge 6", Type: "tracker"} }

// household is everything two people with one scale see, and a second bridge on
// the same broker that serves one of them too.
func household() map[string]hass.Device {
	other := hass.Bridge{Prefix: "cellar/scale", Version: "0.9"}
	return map[string]hass.Device{
		"bridge":       bridge().Device(),
		"person":       bridge().Person(anna()),
		"scale":        bridge().Paired(anna(), scale()),
		"tracker":      bridge().Paired(anna(), tracker()),
		"paul":         bridge().Person(paul()),
		"paul's scale": bridge().Paired(paul(), scale()),
		"other":        other.Device(),
		"other person": other.Person(hass.Person{UID: "c0de", Account: "guest"}),
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	devices := household()
	for _, name := range []string{"bridge", "person", "scale", "tracker"} {
		golden(t, name+".json", devices[name].Payload())
		var entities bytes.Buffer
		for _, m := range devices[name].Messages(hass.ModeEntity, "homeassistant") {
			entities.WriteString(m.Topic + "\n" + pretty(t, m.Payload))
		}
		compare(t, name+"_entities.txt", entities.Bytes())
	}
}

func golden(t *testing.T, name string, payload []byte) {
	t.Helper()
	compare(t, name, []byte(pretty(t, payload)))
}

func compare(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s has changed; see with: go test ./bridge/hass -update && git diff\n%s", path, got)
	}
}

func pretty(t *testing.T, payload []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, payload, "", "  "); err != nil {
		t.Fatal(err)
	}
	return b.String() + "\n"
}

// decode reads JSON as a stranger would.
func decode(t *testing.T, payload []byte) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(payload, &v); err != nil {
		t.Fatalf("%v in %s", err, payload)
	}
	return v
}
