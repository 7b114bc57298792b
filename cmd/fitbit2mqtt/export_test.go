package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// seasons is a household whose anna has a life since January, at either cloud, and whose
// ben has none.
func seasons(t *testing.T, backend string) (w *world, config string) {
	t.Helper()
	w = newWorld(t)
	w.backend = backend
	anna := w.cloud.AddPerson(fakecloud.PersonOptions{Name: "anna", HeightMetres: 1.7, Location: berlin(t), Seed: 7, HeartEvery: 5 * time.Minute})
	w.cloud.AddPerson(fakecloud.PersonOptions{Name: "ben"})
	anna.Generate(date(t, "2025-01-01"), date(t, "2025-03-31"))
	config = w.config("")
	for _, name := range []string{"anna", "ben"} {
		if r := w.connect(config, name); r.code != exitOK {
			t.Fatalf("%+v", r)
		}
	}
	w.cloud.ResetRequests()
	return w, config
}

func date(t *testing.T, s string) fitbit.Date {
	t.Helper()
	d, err := fitbit.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// exported runs an export that succeeds and says nothing but data.
func exported(t *testing.T, config string, args ...string) string {
	t.Helper()
	r := invoke(t, append(append([]string{"export"}, args...), "--config", config)...)
	if r.code != exitOK || r.err != "" {
		t.Fatalf("%v: exit %d, stderr %s", args, r.code, r.err)
	}
	return r.out
}

// Every metric from both clouds, as it came out; then again without a cloud, and without a
// request.
func TestExport(t *testing.T) {
	t.Parallel()
	for _, backend := range []string{"google", "fitbit"} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			w, config := seasons(t, backend)
			for metric, args := range map[string][]string{
				"weight":     {"--from", "2025-02-20", "--to", "2025-03-10", "--format", "json"},
				"heart-rate": {"--from", "2025-03-25", "--to", "2025-04-02"},
				"hrv":        {"--from", "2025-03-25", "--to", "2025-04-02", "--format", "ndjson"},
				"intraday":   {"--date", "2025-03-30"}, // the clocks are put forward
			} {
				args = append([]string{metric, "--account", "anna"}, args...)
				got := exported(t, config, args...)
				golden(t, "testdata/export/"+backend+"_"+metric+".txt", got)
				w.cloud.ResetRequests()
				if again := exported(t, config, args...); again != got || len(w.cloud.Requests()) != 0 {
					t.Errorf("%s: %d requests for what was there, and it says\n%s", metric, len(w.cloud.Requests()), again)
				}
				if local := exported(t, config, append(args, "--local")...); local != got {
					t.Errorf("%s without the cloud says\n%s", metric, local)
				}
			}
		})
	}
}

// The two clouds tell the same of a person, but for what they do not know.
func TestExportsOfBothCloudsAgree(t *testing.T) {
	t.Parallel()
	var seen [2][]string
	for i, backend := range []string{"google", "fitbit"} {
		_, config := seasons(t, backend)
		for line := range strings.Lines(exported(t, config, "intraday", "--account", "anna", "--from", "2025-02-01", "--to", "2025-02-03")) {
			seen[i] = append(seen[i], line)
		}
	}
	if !slices.Equal(seen[0], seen[1]) || len(seen[0]) < 700 {
		t.Errorf("%d samples at one cloud, %d at the other", len(seen[0]), len(seen[1]))
	}
}

// A second run asks only for the days that the first one did not.
func TestExportGoesOn(t *testing.T) {
	t.Parallel()
	w, config := seasons(t, "google")
	exported(t, config, "intraday", "--account", "anna", "--from", "2025-03-01", "--to", "2025-03-04")
	w.cloud.ResetRequests()
	all := exported(t, config, "intraday", "--account", "anna", "--from", "2025-02-27", "--to", "2025-03-06")
	if n := len(w.cloud.Requests()); n != 4 { // two days before, two days behind
		t.Errorf("%d requests, want 4", n)
	}
	if first, last := "2025-02-27T", "2025-03-06T"; !strings.Contains(all, first) || !strings.Contains(all, last) {
		t.Error("days are missing")
	}
}

// A signal in the middle keeps what came; no file is there, and the next run goes on.
func TestExportStopped(t *testing.T) {
	t.Parallel()
	w, config := seasons(t, "google")
	exported(t, config, "hrv", "--account", "anna", "--date", "2025-03-01")
	out := filepath.Join(t.TempDir(), "year.csv")
	w.cloud.ResetRequests()
	w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Slow, Path: "heart-rate", Delay: 50 * time.Millisecond, Times: 40})
	args := []string{"export", "intraday", "--account", "anna", "--from", "2025-02-01", "--to", "2025-03-02", "--out", out, "--config", config}
	c := begin(t, args...)
	eventually(t, "the cloud is asked", func() bool { return len(w.cloud.Requests()) >= 5 })
	if r := c.end(); r.code != exitOK || r.out != "" || r.err != "Stopped. What came is kept: the same command goes on from there.\n" {
		t.Errorf("%+v", r)
	}
	if list, err := os.ReadDir(filepath.Dir(out)); err != nil || len(list) != 0 {
		t.Errorf("left behind: %v, %v", list, err)
	}
	w.cloud.ResetRequests()
	if r := invoke(t, args...); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	if n := len(w.cloud.Requests()); n > 26 || n < 20 {
		t.Errorf("%d requests for the rest of 30 days", n)
	}
	if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// What an export fetches swallows no event: a bridge that looks later has its first look,
// and tells of what comes then; and while it runs, exports work beside it.
func TestExportBesideABridge(t *testing.T) {
	t.Parallel()
	w, _ := seasons(t, "google")
	broker := ownBroker(t)
	config := w.config(broker)
	anna := w.cloud.Person("anna")
	anna.WeighIn(time.Now().Add(-3*time.Hour), 70, 25)
	if got := exported(t, config, "weight", "--account", "anna"); !strings.Contains(got, ",70,25,24.2,Aria Air,scale,") {
		t.Fatal(got)
	}
	o := observe(t, broker)
	bridge := begin(t, "run", "--config", config)
	o.heard("fitbit2mqtt/anna/body", `"weight_kg":70`)
	o.heard("fitbit2mqtt/anna/connection", `"state":"ok"`)
	id, _ := anna.WeighIn(time.Now().Add(-time.Minute), 71, 25)
	if got := exported(t, config, "weight", "--account", "anna"); !strings.Contains(got, ",71,25,") {
		t.Error(got)
	}
	o.heard("fitbit2mqtt/anna/weigh_in", id)
	if n := len(o.events("fitbit2mqtt/anna/weigh_in")); n != 1 {
		t.Errorf("%d events", n)
	}
	anna.EditWeight(id, 72)
	o.heard("fitbit2mqtt/anna/weigh_in", `"correction"`)
	if got := exported(t, config, "weight", "--account", "anna", "--local"); !strings.Contains(got, ",72,25,") || strings.Contains(got, ",71,25,") {
		t.Error(got)
	}
	if r := bridge.end(); r.code != exitOK {
		t.Errorf("%+v", r)
	}
}

// Nothing there is no error: a header, an empty list, no lines.
func TestExportOfNothing(t *testing.T) {
	t.Parallel()
	_, config := seasons(t, "google")
	for format, want := range map[string]string{"csv": "date,hrv_rmssd_ms\n", "json": "[]\n", "ndjson": ""} {
		for _, local := range []string{"--local=false", "--local"} {
			if got := exported(t, config, "hrv", "--account", "ben", "--format", format, local); got != want {
				t.Errorf("%s: %q", format, got)
			}
		}
	}
}

// The only person need not be named, and the file replaces the one that was there.
func TestExportOut(t *testing.T) {
	t.Parallel()
	w, config := seasons(t, "google")
	if r := invoke(t, "accounts", "remove", "ben", "--yes", "--config", config); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	folder := t.TempDir()
	out, link := filepath.Join(folder, "weight.json"), filepath.Join(folder, "link.json")
	if err := os.WriteFile(out, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(out, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(out, link); err != nil {
		t.Fatal(err)
	}
	args := []string{"weight", "--from", "2025-03-01", "--to", "2025-03-05", "--format", "json", "--unit", "lb", "--out", link}
	w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.ServerError, Path: "body-fat", Times: 1})
	if r := invoke(t, append(append([]string{"export"}, args...), "--config", config)...); r.code != exitAway {
		t.Errorf("%+v", r)
	}
	if b, err := os.ReadFile(out); err != nil || string(b) != "old" {
		t.Errorf("%q, %v", b, err)
	}
	if got := exported(t, config, args...); got != "" {
		t.Errorf("standard output says %q", got)
	}
	b, err := os.ReadFile(out)
	var rows []map[string]any
	if err != nil || json.Unmarshal(b, &rows) != nil || len(rows) == 0 || rows[0]["weight_lb"] == nil {
		t.Errorf("%s, %v", b, err)
	}
	info, err := os.Stat(out)
	if list, derr := os.ReadDir(folder); err != nil || derr != nil || len(list) != 2 || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v, %v", list, info, err)
	}
}

// What is no file takes the bytes as they come: nothing is put in its place. A dash is
// standard output, as is its own name, which may be somebody's file to append to.
func TestExportToAStream(t *testing.T) {
	t.Parallel()
	_, config := seasons(t, "google")
	args := []string{"weight", "--account", "anna", "--date", "2025-03-03"}
	want := exported(t, config, args...)
	for _, out := range []string{"-", "/dev/stdout"} {
		if got := exported(t, config, append(args, "--out", out)...); got != want {
			t.Errorf("--out %s: %q", out, got)
		}
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	heard := make(chan string, 1)
	go func() {
		b, err := os.ReadFile(pipe)
		heard <- fmt.Sprint(string(b), err)
	}()
	exported(t, config, append(args, "--out", pipe)...)
	if got := <-heard; got != want+"<nil>" {
		t.Errorf("the pipe's reader has %s", got)
	}
	exported(t, config, append(args, "--out", os.DevNull)...)
	for path, mode := range map[string]os.FileMode{pipe: os.ModeNamedPipe, os.DevNull: os.ModeCharDevice} {
		if info, err := os.Stat(path); err != nil || info.Mode()&mode == 0 {
			t.Errorf("%v, %v", info, err)
		}
	}
	if _, err := os.Stat("-"); err == nil {
		t.Error("there is a file called -")
	}
}

func berlin(t *testing.T) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}
