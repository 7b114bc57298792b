package hass_test

import (
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
)

func TestMessages(t *testing.T) {
	t.Parallel()
	d := bridge().Person(anna())

	if got := d.Messages(hass.ModeOff, "homeassistant"); got != nil {
		t.Errorf("off: %v", got)
	}
	for _, mode := range []hass.Mode{hass.ModeDevice, ""} {
		got := d.Messages(mode, "ha/disco")
		if len(got) != 1 || got[0].Topic != "ha/disco/device/fitbit2mqtt_3f9c/config" || string(got[0].Payload) != string(d.Payload()) {
			t.Errorf("mode %q: %v", mode, got)
		}
	}

	whole := decode(t, d.Payload())
	components := whole["components"].(object)
	entities := d.Messages(hass.ModeEntity, "ha/disco")
	if len(entities) != len(components) {
		t.Errorf("%d entities of %d components", len(entities), len(components))
	}
	last := ""
	for _, m := range entities {
		level := strings.Split(m.Topic, "/")
		if len(level) != 6 || level[3] != d.ID() || level[4] <= last {
			t.Fatalf("topic %s after key %q", m.Topic, last)
		}
		last = level[4]
		want, _ := components[last].(object)
		if want["platform"] != level[2] {
			t.Errorf("%s: platform is %v", m.Topic, want["platform"])
		}
		delete(want, "platform")
		want["device"], want["origin"], want["qos"] = whole["device"], whole["origin"], whole["qos"]
		if got := decode(t, m.Payload); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", m.Topic, got, want)
		}
	}
}

func TestAvailability(t *testing.T) {
	t.Parallel()
	const bridgeOnly, both = "fitbit2mqtt/bridge/state", "fitbit2mqtt/bridge/state fitbit2mqtt/anna/availability"
	for _, c := range []struct {
		device hass.Device
		key    string
		want   string
	}{
		{bridge().Person(anna()), "weight", both},
		{bridge().Person(anna()), "resting_heart_rate", both},
		{bridge().Person(anna()), "last_weighed", bridgeOnly},
		{bridge().Person(anna()), "signin_required", bridgeOnly},
		{bridge().Person(anna()), "connection", bridgeOnly},
		{bridge().Person(anna()), "signin_expires", bridgeOnly},
		{bridge().Person(anna()), "poll", bridgeOnly},
		{bridge().Person(anna()), "weigh_in", ""},
		{bridge().Paired(anna(), scale()), "battery", both},
		{bridge().Paired(anna(), scale()), "last_sync", bridgeOnly},
		{bridge().Device(), "pending", bridgeOnly},
		{bridge().Device(), "connectivity", ""},
	} {
		component, ok := c.device.Components[c.key]
		var topics []string
		for _, a := range component.Availability {
			topics = append(topics, a.Topic)
		}
		if got := strings.Join(topics, " "); !ok || got != c.want {
			t.Errorf("%s: %q, want %q", c.key, got, c.want)
		}
	}
}

// TestNothingIsSharedByAccident: two entities with one unique id shut each other out.
func TestNothingIsSharedByAccident(t *testing.T) {
	t.Parallel()
	owners := make(map[string]string)
	claim := func(what, owner string) {
		t.Helper()
		if other, taken := owners[what]; taken {
			t.Errorf("%s belongs to %s and %s", what, other, owner)
		}
		owners[what] = owner
	}
	for name, d := range household() {
		claim(d.ID(), name)
		for key, c := range d.Components {
			claim(c.UniqueID, name+" "+key)
			claim(c.DefaultEntityID, name+" "+key)
		}
	}
}

func TestDevicesHangTogether(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"fitbit2mqtt", "cellar/scale"} {
		b := hass.Bridge{Prefix: prefix}
		if got := b.Device().Info.ViaDevice; got != "" {
			t.Errorf("the bridge hangs from %s", got)
		}
		if got, want := b.Person(anna()).Info.ViaDevice, b.Device().ID(); got != want {
			t.Errorf("the person hangs from %s, want %s", got, want)
		}
		if got, want := b.Paired(anna(), scale()).Info.ViaDevice, b.Person(anna()).ID(); got != want {
			t.Errorf("the scale hangs from %s, want %s", got, want)
		}
	}
}

func TestOddNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ account, want string }{
		{"jean-paul-2", "sensor.jean_paul_2_bmi"},
		{"007", "sensor.007_bmi"},
		{"a__b--c_", "sensor.a_b_c_bmi"},
		{"-", "sensor.bmi"},
	} {
		p := hass.Person{UID: "1", Account: c.account}
		d := bridge().Person(p)
		if got := d.Components["bmi"].DefaultEntityID; got != c.want {
			t.Errorf("%s: %s, want %s", c.account, got, c.want)
		}
		if err := checkDevice(decode(t, d.Payload())); err != nil {
			t.Errorf("%s: %v", c.account, err)
		}
	}
	for _, name := range []string{"B", "last", "Resting heart rate", "\xff\n\"<é", "{{ x }}"} {
		d := bridge().Person(hass.Person{UID: "1", Account: "a", Name: name})
		if err := checkDevice(decode(t, d.Payload())); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	if got, want := bridge().Paired(paul(), tracker()).Components["last_sync"].DefaultEntityID, "sensor.jean_paul_2_charge_6_last_sync"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, paired := range []hass.Paired{{ID: "a.b/c+#", Name: "Ünïcode & Söhne"}, {ID: "1", Type: "scale"}, {ID: "1"}} {
		d := bridge().Paired(anna(), paired)
		if strings.ContainsAny(d.Topic("homeassistant"), ".+#") || strings.Count(d.Topic("homeassistant"), "/") != 3 {
			t.Errorf("topic %s", d.Topic("homeassistant"))
		}
	}
}

// TestIdentitySurvives renames everything that may change.
func TestIdentitySurvives(t *testing.T) {
	t.Parallel()
	before := bridge().Paired(anna(), scale())
	renamed := anna()
	renamed.Account, renamed.Name = "ann", "Ann"
	after := hass.Bridge{Prefix: "fitbit2mqtt", Version: "9"}.Paired(renamed, hass.Paired{ID: scale().ID, Name: "Bathroom", HasBattery: true})
	if before.Topic("h") != after.Topic("h") {
		t.Errorf("%s became %s", before.Topic("h"), after.Topic("h"))
	}
	for key, c := range before.Components {
		if after.Components[key].UniqueID != c.UniqueID || after.Components[key].Platform != c.Platform {
			t.Errorf("%s: %v became %v", key, c, after.Components[key])
		}
	}
}

func TestPrefixesThatLookAlikeAreTwoBridges(t *testing.T) {
	t.Parallel()
	seen := make(map[string]string)
	for _, prefix := range []string{"fitbit2mqtt", "a/b", "a_b", "a-b", "é"} {
		id := hass.Bridge{Prefix: prefix}.Device().ID()
		if !idForm.MatchString(id) || seen[id] != "" {
			t.Errorf("%s: %s, as for %q", prefix, id, seen[id])
		}
		seen[id] = prefix
	}
}

func TestConfigurationURL(t *testing.T) {
	t.Parallel()
	for address, ok := range map[string]bool{
		"http://host:8099/": true, "https://host": true, "http://[::1]:80/a?b=c&d": true, "homeassistant://hassio/ingress/x": true,
		"": false, "host:8099": false, "ftp://host": false, "http://": false, "http://:80": false, "http:/a": false, "javascript:alert(1)": false, "http://a b": false,
	} {
		got := hass.Bridge{Prefix: "p", URL: address}.Device().Info.ConfigurationURL
		if (got == address && got != "") != ok || got != "" && !ok {
			t.Errorf("%q became %q", address, got)
		}
	}
}

func TestRetiring(t *testing.T) {
	t.Parallel()
	d := bridge().Paired(anna(), tracker())
	have := platforms(d)
	if same, vanished := d.Retiring(have); vanished || string(same.Payload()) != string(d.Payload()) {
		t.Errorf("nothing vanished, got %v %s", vanished, same.Payload())
	}

	have["old"], have["last_sync"] = "binary_sensor", "event"
	step, vanished := d.Retiring(have)
	if !vanished {
		t.Fatal("two components vanished")
	}
	if got, want := platforms(step), have; !maps.Equal(got, want) {
		t.Errorf("components %v, want %v", got, want)
	}
	components := decode(t, step.Payload())["components"].(object)
	for key, platform := range map[string]string{"old": "binary_sensor", "last_sync": "event"} {
		if want := (object{"platform": platform}); !reflect.DeepEqual(components[key], want) {
			t.Errorf("%s is %v, want the stub %v", key, components[key], want)
		}
	}
	if err := checkDevice(decode(t, step.Payload())); err != nil {
		t.Errorf("a stub spoils the config: %v", err)
	}
	if _, ok := d.Components["old"]; ok || d.Components["last_sync"].Platform != "sensor" {
		t.Errorf("the second step is spoilt: %s", d.Payload())
	}
	for _, m := range step.Messages(hass.ModeEntity, "h") {
		if len(m.Payload) != 0 {
			t.Errorf("%s is not cleared", m.Topic)
		}
	}
}

func platforms(d hass.Device) map[string]string {
	out := make(map[string]string)
	for key, c := range d.Components {
		out[key] = c.Platform
	}
	return out
}
