package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/mosquitto"
)

// promised is a topic as the documentation describes it.
type promised struct {
	retained bool
	keys     string // of its JSON object, exactly; "" for plain text
	null     string // those without a value in this household
}

// contract lists every topic of a household whose people all have the two paired
// devices of the fake cloud; uids are by account name. No cloud knows everything: null
// is what this one does not know of a heart.
func contract(uids map[string]string, devices map[string][]string, null string) map[string]promised {
	topics := map[string]promised{
		"fitbit2mqtt/bridge/state": {retained: true},
		"fitbit2mqtt/bridge/info":  {retained: true, keys: "version started_at accounts topics config"},
		"fitbit2mqtt/bridge/health": {
			retained: true, null: "last_error",
			keys: "uptime_s rss_bytes goroutines accounts polls poll_errors published pending last_error",
		},
		"fitbit2mqtt/bridge/settings": {
			retained: true, keys: "log_level log_level_configured poll_interval_s poll_interval_configured_s holds",
		},
		"homeassistant/device/fitbit2mqtt_bridge/config": {retained: true, keys: "device origin qos components"},
	}
	for name, uid := range uids {
		topics["fitbit2mqtt/"+name+"/availability"] = promised{retained: true}
		topics["fitbit2mqtt/"+name+"/body"] = promised{
			retained: true, keys: "id measured_at weight_kg bmi body_fat_pct body_fat_measured_at fat_mass_kg lean_mass_kg " +
				"trend_kg change_7d_kg change_30d_kg source recorded account",
		}
		topics["fitbit2mqtt/"+name+"/heart"] = promised{
			retained: true, null: null,
			keys: "date min_bpm avg_bpm max_bpm resting_bpm resting_date hrv_rmssd_ms hrv_date latest_bpm latest_at " +
				"out_of_range_min light_min moderate_min vigorous_min peak_min account",
		}
		topics["fitbit2mqtt/"+name+"/connection"] = promised{
			retained: true, null: "detail hint sign_in_expires_at",
			keys: "state detail hint last_success next_poll sign_in_expires_at sign_in_expires_soon backend missing",
		}
		topics["fitbit2mqtt/"+name+"/weigh_in"] = promised{
			keys: "event_type id measured_at weight_kg body_fat_pct bmi previous_weight_kg delta_kg previous_measured_at source recorded account",
		}
		for _, id := range devices[name] {
			topics["fitbit2mqtt/"+name+"/device/"+id] = promised{retained: true, keys: "name type battery_pct battery last_sync"}
			topics["homeassistant/device/fitbit2mqtt_"+uid+"_"+id+"/config"] = promised{retained: true, keys: "device origin qos components"}
		}
		topics["homeassistant/device/fitbit2mqtt_"+uid+"/config"] = promised{retained: true, keys: "device origin qos components"}
	}
	return topics
}

// midday is a zone where it is about noon: the day is old enough to have had
// everything, and not about to end.
func midday(t *testing.T) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(fmt.Sprintf("Etc/GMT%+d", time.Now().UTC().Hour()-12)) // the sign is that of POSIX
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// completePerson has something to say in every field.
func (w *world) completePerson(t *testing.T, name string) *fakecloud.Person {
	t.Helper()
	home := midday(t)
	p := w.cloud.AddPerson(fakecloud.PersonOptions{Name: name, HeightMetres: 1.7, Location: home})
	now := time.Now()
	today := fitbit.DateOf(now.In(home))
	for i, days := range []int{45, 29, 20, 8, 6, 1} {
		p.WeighIn(now.AddDate(0, 0, -days), 80-float64(i)/3, 25)
	}
	for i, bpm := range []int{52, 64, 143} {
		p.AddHeartSample(now.Add(time.Duration(i-5)*time.Minute), bpm)
	}
	p.SetResting(today, 58)
	p.SetHRV(today, 41.2)
	p.SetZones(today, map[string]time.Duration{"LIGHT": 31 * time.Minute, "MODERATE": 12 * time.Minute, "VIGOROUS": 3 * time.Minute, "PEAK": time.Minute})
	p.SetDevice(fakecloud.Device{ID: "301", Type: "SCALE", Version: "Aria Air", BatteryLevel: 62, BatteryStatus: "Medium", LastSync: now})
	return p
}

// What automations stand on: exactly these topics, retained or not, with exactly
// these keys, and null only where there is nothing to know; whatever the cloud.
func TestContract(t *testing.T) {
	t.Parallel()
	for backend, null := range map[string]string{"google": "out_of_range_min", "fitbit": "light_min"} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.backend = backend
			w.keepsTheContract(t, null)
		})
	}
}

func (w *world) keepsTheContract(t *testing.T, null string) {
	t.Helper()
	broker := mosquitto.Start(t, mosquitto.Options{})
	config := w.config(broker.URL())
	people := make(map[string]*fakecloud.Person)
	for _, name := range []string{"anna", "ben"} {
		people[name] = w.completePerson(t, name)
		if r := w.connect(config, name); r.code != exitOK {
			t.Fatalf("%+v", r)
		}
	}
	o := observe(t, broker.URL())
	bridge := begin(t, "run", "--config", config)
	for name, p := range people {
		o.heard("fitbit2mqtt/"+name+"/connection", `"state":"ok"`)
		o.heard("fitbit2mqtt/"+name+"/body", `"weight_kg":78.3`)
		p.WeighIn(time.Now(), 78.5, 24.4)
		event := decode(t, o.heard("fitbit2mqtt/"+name+"/weigh_in", `"weight_kg":78.5`))
		o.heard("fitbit2mqtt/"+name+"/body", fmt.Sprint(event["id"]))
		o.heard("fitbit2mqtt/"+name+"/heart", `"peak_min":1`)
	}
	o.until("everything is announced", func() bool { return o.announced() == 7 })
	devices := make(map[string][]string)
	for name := range people {
		devices[name] = o.devices(name, `"battery_pct":62`, `"battery_pct":72`)
	}
	want := contract(uidsIn(t, w.backend, o.heard("fitbit2mqtt/bridge/info", "anna")), devices, null)
	kept, heard := o.replayed(), o.last()

	if got, promised := slices.Sorted(maps.Keys(heard)), slices.Sorted(maps.Keys(want)); !slices.Equal(got, promised) {
		t.Errorf("topics:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(promised, "\n"))
	}
	for topic, p := range want {
		if _, retained := kept[topic]; retained != p.retained {
			t.Errorf("%s: retained is %v, want %v", topic, retained, p.retained)
		}
		if p.keys == "" {
			if heard[topic] != "online" {
				t.Errorf("%s says %q", topic, heard[topic])
			}
			continue
		}
		values := decode(t, heard[topic])
		var null []string
		for key, value := range values {
			if value == nil {
				null = append(null, key)
			}
		}
		same(t, topic+": keys", slices.Collect(maps.Keys(values)), strings.Fields(p.keys))
		same(t, topic+": null", null, strings.Fields(p.null))
	}
	if r := bridge.end(); r.code != exitOK {
		t.Errorf("%+v", r)
	}
}

// same compares two sets.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s %v, want %v", what, got, want)
	}
}

// uidsIn reads the people's identifiers from bridge/info.
func uidsIn(t *testing.T, backend, info string) map[string]string {
	t.Helper()
	list, ok := decode(t, info)["accounts"].([]any)
	if !ok {
		t.Fatalf("no list of accounts in %s", info)
	}
	uids := make(map[string]string)
	for _, a := range list {
		account, ok := a.(map[string]any)
		if !ok || account["backend"] != backend {
			t.Fatalf("an account in bridge/info is %v", a)
		}
		uids[fmt.Sprint(account["name"])] = fmt.Sprint(account["uid"])
	}
	return uids
}

// devices waits for a person's devices that say so, and returns their ids.
func (o *observer) devices(name string, say ...string) (ids []string) {
	o.t.Helper()
	o.until("devices of "+name, func() bool {
		ids = nil
		for topic, payload := range o.retained {
			id, ok := strings.CutPrefix(topic, "fitbit2mqtt/"+name+"/device/")
			if ok && slices.ContainsFunc(say, func(text string) bool { return strings.Contains(payload, text) }) {
				ids = append(ids, id)
			}
		}
		return len(ids) == len(say)
	})
	return ids
}

// last is the newest payload of every topic heard so far, retained or not.
func (o *observer) last() map[string]string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.retained)
}
