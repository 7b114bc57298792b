package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// Each mistake and each trouble has its own words, a way out and the right exit code.
func TestBadExports(t *testing.T) {
	t.Parallel()
	w, config := seasons(t, "fitbit")
	folder := t.TempDir()
	plain := filepath.Join(folder, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := &refusals{T: t, w: w, config: config, hide: []string{
		folder, "FOLDER", strings.TrimPrefix(w.server.URL, "http://"), "CLOUD", fitbit.DateOf(time.Now().In(berlin(t))).String(), "TODAY",
	}}
	say := func(name string, code int, args string) {
		t.Helper()
		r.try(name, code, strings.Fields(args)...)
	}
	type badExport struct {
		name, args string
		code       int
	}
	for _, b := range []badExport{
		{"no metric", "export", exitUsage},
		{"unknown metric", "export steps --account anna", exitUsage},
		{"unknown account", "export weight --account carla", exitUsage},
		{"several accounts", "export weight", exitUsage},
		{"bad date", "export hrv --account anna --from 31.12.2025", exitUsage},
		{"no such day", "export hrv --account anna --to 2025-02-30", exitUsage},
		{"empty date", "export hrv --account anna --date=", exitUsage},
		{"backwards", "export hrv --account anna --from 2025-02-03 --to 2025-02-01", exitUsage},
		{"in the future", "export hrv --account anna --from 2199-01-01", exitUsage},
		{"date and range", "export hrv --account anna --date 2025-02-03 --from 2025-02-01", exitUsage},
		{"unknown unit", "export weight --account anna --unit stone", exitUsage},
		{"unknown format", "export weight --account anna --format xml", exitUsage},
		{"no such folder", "export weight --account anna --out " + folder + "/none/a.csv", exitStorage},
		{"a folder", "export weight --account anna --out " + folder, exitStorage},
		{"no folder", "export weight --account anna --out " + plain + "/a.csv", exitStorage},
		{"a full device", "export weight --account ben --out /dev/full", exitStorage},
		{"no metric to draw", "chart", exitUsage},
		{"unknown metric to draw", "chart steps --out a.svg", exitUsage},
		{"nobody to draw", "chart weight --account carla --out " + folder + "/a.svg", exitUsage},
		{"nowhere to draw", "chart weight --account anna", exitUsage},
		{"unknown ending", "chart weight --account anna --out weight.jpg", exitUsage},
		{"unknown theme", "chart weight --account anna --out a.svg --theme blue", exitUsage},
		{"no days", "chart weight --account anna --out a.svg --days 0", exitUsage},
		{"a date of days", "chart weight --account anna --out a.svg --date 2025-02-01", exitUsage},
		{"an empty date to draw", "chart intraday --account anna --out a.svg --date=", exitUsage},
		{"days of a day", "chart intraday --account anna --out a.svg --days 3", exitUsage},
		{"a day in the future", "chart intraday --account anna --out " + folder + "/a.svg --date 2199-01-01", exitUsage},
		{"nowhere to write a picture", "chart weight --account anna --out " + folder + "/none/a.png", exitStorage},
	} {
		say(b.name, b.code, b.args)
	}

	mend := w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.ServerError})
	say("cloud away", exitAway, "export hrv --account anna")
	mend()
	mend = w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Forbidden, Path: "/hrv/"})
	say("not granted", exitCloud, "export hrv --account anna")
	say("not granted to draw", exitCloud, "chart hrv --account anna --out "+folder+"/a.svg")
	mend()
	w.cloud.Person("anna").Revoke()
	say("sign-in gone", exitCloud, "export hrv --account anna")
	say("sign-in gone, and known to be", exitCloud, "export hrv --account anna")
	w.cloud.RetireFitbit()
	say("cloud gone", exitCloud, "export hrv --account ben")
	args := []string{"export", "hrv", "--account", "ben", "--local", "--out", filepath.Join(folder, "a.csv"), "--config", config}
	if os.Geteuid() == 0 { // modes do not bind root
		theirs(t, w.dir, config, folder)
		r.note("nowhere that may be written to", exitStorage, hobbled(t, "nobody", args...))
	} else {
		if err := os.Chmod(folder, 0o500); err != nil {
			t.Fatal(err)
		}
		r.note("nowhere that may be written to", exitStorage, invoke(t, args...))
	}
	if list, err := os.ReadDir(folder); err != nil || len(list) != 1 {
		t.Errorf("left behind: %v, %v", list, err)
	}
	golden(t, "testdata/export/bad.txt", r.said.String())
}

// Nobody is kept waiting for an hour without a word.
func TestExportAndTheLimit(t *testing.T) {
	t.Parallel()
	w, config := seasons(t, "google")
	w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.RateLimited, Path: "variability", RetryAfter: time.Hour, Times: 1})
	r := invoke(t, "export", "hrv", "--account", "anna", "--date", "2025-03-02", "--config", config)
	if r.code != exitAway || !strings.Contains(r.err, "Error: rate limit reached") || !strings.Contains(r.err, "Try: run the same command again at ") || strings.Count(r.err, "\n") != 2 {
		t.Errorf("%+v", r)
	}
}

// A disk that fills up half-way leaves no half file, and the one that was there.
func TestExportToAFullDisk(t *testing.T) {
	t.Parallel()
	w, config := seasons(t, "google")
	args := []string{"intraday", "--account", "anna", "--from", "2025-01-01", "--to", "2025-02-20"}
	const room = 128 << 10
	if n := len(exported(t, config, args...)); n < 2*room {
		t.Fatalf("%d bytes are too few", n)
	}
	args = append([]string{"export", "--local", "--config", config}, args...)
	out := filepath.Join(t.TempDir(), "samples.csv")
	if err := os.WriteFile(out, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &refusals{T: t, w: w, hide: []string{filepath.Dir(out), "FOLDER"}}
	r.note("a disk that is full half-way", exitStorage, hobbled(t, fullAt(room), append(args, "--out", out)...))
	list, err := os.ReadDir(filepath.Dir(out))
	if b, rerr := os.ReadFile(out); err != nil || len(list) != 1 || rerr != nil || string(b) != "old" {
		t.Errorf("left behind: %v with %q, %v, %v", list, b, err, rerr)
	}
	said := newBuffer()
	code := run(t.Context(), args, stdio{in: strings.NewReader(""), out: fullWriter{}, err: said})
	r.note("standard output that takes no more", exitStorage, result{code: code, err: said.String()})
	golden(t, "testdata/export/full.txt", r.said.String())
}

// Without the cloud there may be holes: whoever gets the data is told of them.
func TestExportOfWhatIsHere(t *testing.T) {
	t.Parallel()
	w, config := seasons(t, "fitbit")
	exported(t, config, "hrv", "--account", "anna", "--from", "2025-02-03", "--to", "2025-02-05")
	exported(t, config, "hrv", "--account", "anna", "--date", "2025-02-08")
	w.cloud.ResetRequests()
	args := []string{"export", "hrv", "--account", "anna", "--local", "--config", config}
	for _, c := range []struct{ from, to, said string }{
		{"2025-02-03", "2025-02-05", ""},
		{"2025-02-02", "2025-02-05", "Not fetched yet: 1 of 4 days, 2025-02-02"},
		{"2025-02-03", "2025-02-09", "Not fetched yet: 3 of 7 days, 2025-02-06 to 2025-02-09"},
		{"2025-01-01", "2025-01-31", "Not fetched yet: 31 of 31 days, 2025-01-01 to 2025-01-31"},
	} {
		if c.said != "" {
			c.said += ". Of those there is only what the bridge has seen, if anything; leave out --local to fetch them.\n"
		}
		if r := invoke(t, append(args, "--from", c.from, "--to", c.to)...); r.code != exitOK || r.err != c.said || !strings.HasPrefix(r.out, "date,") {
			t.Errorf("%s to %s: %+v", c.from, c.to, r)
		}
	}
	if n := len(w.cloud.Requests()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// What was not granted of several metrics is left out, with a word; and again when the
// others are there already.
func TestExportOfWhatIsGranted(t *testing.T) {
	t.Parallel()
	w, config := seasons(t, "fitbit")
	w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Forbidden, Path: "1sec.json"})
	for range 2 {
		r := invoke(t, "export", "heart-rate", "--account", "anna", "--from", "2025-03-10", "--to", "2025-03-12", "--config", config)
		if r.code != exitOK || r.err != "Not granted, and left out: daily heart rate.\n" || strings.Count(r.out, "\n") != 4 {
			t.Errorf("%+v", r)
		}
	}
}
