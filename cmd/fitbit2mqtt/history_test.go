package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/recorder"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/homeassistant"
)

// A year of readings gets into the entities' own statistics, and a second run changes nothing.
func TestHistoryPush(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.cloud.AddPerson(fakecloud.PersonOptions{Name: "anna", HeightMetres: 1.7, Location: berlin(t), Seed: 7, HeartEvery: time.Hour})
	anna.Generate(date(t, "2024-01-01"), date(t, "2024-12-31"))
	config := w.config("")
	if r := w.connect(config, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	h := newHub(t)
	h.discover(w, "anna")
	h.Break(homeassistant.Trouble{Lag: 1, Chatty: true})
	year := []string{"--from", "2024-01-01", "--to", "2024-12-31"}

	rows, r := h.push(config, append(year, "--dry-run")...)
	if r.code != exitOK || r.err != "" || len(rows) != 3 || rows[0].Written || h.Tally().Imports != 0 {
		t.Fatalf("dry: %+v", r)
	}
	start := time.Now()
	rows, r = h.push(config, append(year, "anna")...)
	took := time.Since(start)
	if r.code != exitOK || r.err != "" || len(rows) != 3 {
		t.Fatalf("%+v", r)
	}
	total := 0
	for i, entity := range []string{"sensor.anna_weight", "sensor.anna_body_fat", "sensor.anna_resting_heart_rate"} {
		row := rows[i]
		if row.EntityID != entity || row.Account != "anna" || row.New != row.Hours || row.Hours != len(h.Rows(entity)) || row.Hours < 250 || !row.Written || row.Changed+row.Unchanged+row.Withdrawn != 0 {
			t.Errorf("%+v, %d hours there", row, len(h.Rows(entity)))
		}
		total += row.New
	}
	if m, _ := h.Metadata("sensor.anna_weight"); m != (homeassistant.Metadata{Unit: "kg", Class: "mass", MeanType: 1}) {
		t.Errorf("%+v", m)
	}
	if m, _ := h.Metadata("sensor.anna_resting_heart_rate"); m != (homeassistant.Metadata{Unit: "bpm", MeanType: 1}) {
		t.Errorf("%+v", m)
	}
	// Local noon, in winter and in summer.
	for i, hour := range map[int]int{0: 11, len(h.Rows("sensor.anna_resting_heart_rate")) / 2: 10} {
		if got := h.Rows("sensor.anna_resting_heart_rate")[i].Start; got.Hour() != hour {
			t.Errorf("a resting heart rate stands at %s", got)
		}
	}
	tally := h.Tally()
	if tally.Written != total {
		t.Errorf("%d hours were written, want %d", tally.Written, total)
	}
	t.Logf("%d hours in %d messages, the largest of %d bytes, in %v", total, tally.Imports, tally.Largest, took.Round(time.Millisecond))

	w.cloud.ResetRequests()
	rows, r = h.push(config, year...)
	if r.code != exitOK || h.Tally() != tally || rows[0].Unchanged != rows[0].Hours || len(w.cloud.Requests()) > 4 {
		t.Errorf("again: %+v, %+v, %d requests", r, h.Tally(), len(w.cloud.Requests()))
	}
	if _, r = h.push(config, append(year, "--local")...); r.code != exitOK || h.Tally() != tally {
		t.Errorf("local: %+v, %+v", r, h.Tally())
	}
}

// The table that people read, and what is said when there is nothing to do.
func TestHistoryPushSays(t *testing.T) {
	t.Parallel()
	w, config := seasons(t, "google")
	h := newHub(t)
	h.discover(w, "anna", "ben")
	args := []string{"history", "push", "--config", config, "--ha-url", h.url, "--ha-token-file", h.tokenFile, "--from", "2025-03-01", "--to", "2025-03-10"}
	var said strings.Builder
	for _, more := range [][]string{{"--dry-run"}, {"anna"}, nil} {
		r := invoke(t, append(slices.Clone(args), more...)...)
		if r.code != exitOK || r.err != "" {
			t.Fatalf("%+v", r)
		}
		said.WriteString(r.out + "\n")
	}
	golden(t, "testdata/history/push.txt", said.String())
}

// What has changed in the cloud changes in Home Assistant, under whatever name.
func TestHistoryPushOfChanges(t *testing.T) {
	t.Parallel()
	w, _ := seasons(t, "google")
	broker := ownBroker(t)
	config := w.config(broker)
	anna := w.cloud.Person("anna")
	hour := time.Now().UTC().Truncate(time.Hour).Add(-5 * time.Hour)
	anna.WeighIn(hour.Add(-50*time.Hour), 72, 26)
	anna.WeighIn(hour.Add(10*time.Minute), 70, 25)
	second, _ := anna.WeighIn(hour.Add(20*time.Minute), 74, 25)
	third, _ := anna.WeighIn(hour.Add(2*time.Hour+time.Minute), 71, 24)
	anna.WeighIn(time.Now(), 90, 24) // of an hour that is not over
	h := newHub(t)
	h.discover(w, "anna", "ben")
	const renamed = "sensor.annas_scale"
	h.Put(homeassistant.Entity{ID: renamed, UniqueID: "fitbit2mqtt_" + uidOf(t, config, "anna") + "_weight", Shown: "lb"})

	o := observe(t, broker)
	bridge := begin(t, "run", "--config", config)
	o.heard("fitbit2mqtt/anna/body", `"weight_kg":90`)
	o.heard("fitbit2mqtt/anna/connection", `"state":"ok"`)
	check := func(want ...homeassistant.Row) {
		t.Helper()
		rows, r := h.push(config, "anna")
		if r.code != exitOK {
			t.Fatalf("%+v", r)
		}
		if got := h.Rows(renamed); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v (%+v)", got, want, rows)
		}
	}
	row := func(hours int, mean, lowest, highest float64) homeassistant.Row {
		return homeassistant.Row{Start: hour.Add(time.Duration(hours) * time.Hour), Mean: mean, Min: lowest, Max: highest}
	}
	check(row(-50, 72, 72, 72), row(0, 72, 70, 74), row(2, 71, 71, 71))
	anna.EditWeight(second, 73)
	o.heard("fitbit2mqtt/anna/weigh_in", `"correction"`)
	check(row(-50, 72, 72, 72), row(0, 71.5, 70, 73), row(2, 71, 71, 71))
	anna.DeleteWeight(third)
	o.publish("fitbit2mqtt/anna/command/poll", "PRESS", false)
	o.heard("fitbit2mqtt/anna/weigh_in", `"deletion"`)
	check(row(-50, 72, 72, 72), row(0, 71.5, 70, 73), row(2, 73, 73, 73))
	before := h.Tally()
	check(row(-50, 72, 72, 72), row(0, 71.5, 70, 73), row(2, 73, 73, 73))
	if h.Tally().Written != before.Written {
		t.Errorf("%+v", h.Tally())
	}
	if r := bridge.end(); r.code != exitOK {
		t.Errorf("%+v", r)
	}
}

// A signal in the middle keeps what was sent, and the next run completes it.
func TestHistoryPushStopped(t *testing.T) {
	t.Parallel()
	w, config := seasons(t, "google")
	h := newHub(t)
	h.discover(w, "anna", "ben")
	span := []string{"anna", "--from", "2025-01-01", "--to", "2025-03-31"}
	h.Break(homeassistant.Trouble{HangUpAfter: 1})
	rows, r := h.push(config, span...)
	if r.code != exitBroker || len(rows) != 1 || !rows[0].Written || !strings.Contains(r.err, "it hung up") {
		t.Errorf("%+v", r)
	}
	h.Break(homeassistant.Trouble{Silent: "recorder/import_statistics"})
	c := begin(t, append([]string{"history", "push", "--config", config, "--ha-url", h.url, "--ha-token-file", h.tokenFile}, span...)...)
	eventually(t, "something is sent", func() bool { return h.Tally().Imports > 2 })
	if r := c.end(); r.code != exitOK || r.out != "" || r.err != "Stopped. What came is kept: the same command goes on from there.\n" {
		t.Errorf("%+v", r)
	}
	h.Break(homeassistant.Trouble{})
	rows, r = h.push(config, span...)
	if r.code != exitOK || rows[0].Unchanged != rows[0].Hours || rows[2].Hours != len(h.Rows("sensor.anna_resting_heart_rate")) {
		t.Errorf("%+v", r)
	}
	all := h.Tally()
	if _, r = h.push(config, span...); r.code != exitOK || h.Tally().Written != all.Written {
		t.Errorf("%+v", r)
	}
}

// What is wrong with one person or entity does not keep the others from theirs.
func TestHistoryPushLeavesOut(t *testing.T) {
	t.Parallel()
	w, config := seasons(t, "google")
	h := newHub(t)
	h.discover(w, "anna", "ben")
	h.enable(config, "body_fat", false)
	w.cloud.Person("ben").Revoke()
	rows, r := h.push(config, "--from", "2025-03-01", "--to", "2025-03-03")
	if r.code != exitCloud || len(rows) != 2 || !rows[0].Written || !rows[1].Written {
		t.Fatalf("%+v", r)
	}
	for _, line := range []string{"Left out: sensor.anna_body_fat is disabled there.\n", "Error: ben: ", "Try: sign in again: fitbit2mqtt connect ben\n"} {
		if !strings.Contains(r.err, line) {
			t.Errorf("%s does not say %s", r.err, line)
		}
	}
	if _, r := h.push(config, "--local", "--from", "2025-03-01", "--to", "2025-03-03"); !strings.Contains(r.err, "Not fetched yet for ben: 3 of 3 days") || strings.Contains(r.err, "for anna") {
		t.Errorf("%s does not say whose days were not fetched", r.err)
	}
	if _, known := h.Metadata("sensor.anna_body_fat"); known {
		t.Error("a disabled entity was written to")
	}
}

// Of several troubles a push ends with what one would mend first, and mentions the others.
func TestHistoryPushVerdict(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	left := leftOut{several: true}
	left.add("anna", fail(exitAway, "wait", "the cloud is away"))
	left.add("ben", fail(exitCloud, "sign in", "the sign-in is gone"))
	left.add("carla", fail(exitCloud, "sign in", "so is hers"))
	err := left.verdict(&app{stdio: stdio{err: &said}})
	if exitCode(err) != exitCloud || err.Error() != "ben: the sign-in is gone" || said.String() != "Left out: anna: the cloud is away\nLeft out: carla: so is hers\n" {
		t.Errorf("%v\n%s", err, &said)
	}
}

// Hours are those of UTC, whatever clocks the person has, and never half known.
func TestHoursOfAPerson(t *testing.T) {
	t.Parallel()
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range map[string]string{"2026-01-15": "2026-01-15T11:00:00Z", "2026-07-15": "2026-07-15T10:00:00Z", "2026-03-29": "2026-03-29T10:00:00Z"} {
		if got := noon(date(t, day), berlin(t)).UTC().Format(time.RFC3339); got != want {
			t.Errorf("noon of %s is %s, want %s", day, got, want)
		}
	}
	midday := recorder.Hours([]recorder.Reading{{Time: noon(date(t, "2026-01-15"), kolkata), Value: 60}}, time.Now())
	if got := midday[0].Start.Format(time.RFC3339); got != "2026-01-15T06:00:00Z" {
		t.Errorf("half past: %s", got)
	}

	// Their midnight is within an hour.
	read := func(d, hour, minute int, value float64) recorder.Reading {
		return recorder.Reading{Time: time.Date(2026, 1, d, hour, minute, 0, 0, kolkata), Value: value}
	}
	there := []recorder.Reading{read(14, 7, 0, 70), read(14, 23, 40, 71), read(15, 0, 10, 73), read(15, 8, 0, 74), read(16, 8, 0, 75)}
	d := data{first: date(t, "2026-01-15"), last: date(t, "2026-01-15")}
	got := d.asked(there, recorder.Hours(there, time.Now()))
	if len(got) != 2 || got[0].Mean != 72 || got[0].Min != 71 || got[1].Mean != 74 {
		t.Errorf("%v", got)
	}
	gone := recorder.Hours([]recorder.Reading{read(13, 7, 0, 90), read(15, 9, 0, 91)}, time.Now())
	if got := withdrawn(there, gone); len(got) != 1 || got[0].Before != 74 || got[0].Mean != 91 {
		t.Errorf("%v", got)
	}
}
