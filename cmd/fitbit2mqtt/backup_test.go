package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/history"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// remember writes n readings of somebody into a history.
func remember(t *testing.T, past *history.Store, uid string, n int) {
	t.Helper()
	var e bridge.Entry
	for i := range n {
		at := time.Date(2026, 1, 1, 7, 0, i, 0, time.UTC)
		e.Weights = append(e.Weights, bridge.KnownWeight{
			Weight: fitbit.Weight{ID: strconv.Itoa(i), Time: at, Kilograms: 80}, Cloud: "google", WeighIn: strconv.Itoa(i),
		})
	}
	if err := past.Record(t.Context(), uid, e); err != nil {
		t.Error(err)
	}
}

func (w *world) history(t *testing.T) *history.Store {
	t.Helper()
	past, err := history.Open(t.Context(), history.Options{Path: filepath.Join(w.dir, historyFile)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = past.Close() })
	return past
}

// A household is saved while it lives and somebody writes without a pause, moves to a new
// machine, and goes on there: what was known stays known, and what came after the backup
// comes again, once, under the id it had.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	for _, b := range backends() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "anna")
			w.backend = b.name
			broker := ownBroker(t)
			config := w.config(broker)
			anna := w.cloud.Person("anna")
			anna.WeighIn(time.Now().Add(-2*time.Hour), 80, 25)
			if r := w.connect(config, "anna"); r.code != exitOK {
				t.Fatalf("%+v", r)
			}
			o := observe(t, broker)
			running := begin(t, "run", "--config", config)
			o.heard("fitbit2mqtt/anna/body", `"weight_kg":80`)
			anna.WeighIn(time.Now().Add(-time.Hour), 79.5, 25)
			known := decode(t, o.heard("fitbit2mqtt/anna/weigh_in", `"weight_kg":79.5`))["id"]
			w.waitForPoll(2) // by then the bridge has the acknowledgement, too

			past := w.history(t)
			var stopped atomic.Bool
			written := make(chan int)
			go func() {
				n := 0
				for ; !stopped.Load(); n++ {
					remember(t, past, fmt.Sprintf("%012x", n), 3)
				}
				written <- n
			}()
			file := filepath.Join(t.TempDir(), "home.tar")
			for range 3 { // each takes the place of the one before
				r := invoke(t, "backup", file, "--config", config)
				if r.code != exitOK || !strings.Contains(r.out, "sign-ins, which are not encrypted") || strings.Contains(r.out, "can be used once") != b.singleUse {
					t.Fatalf("%+v", r)
				}
				w.secretless(r.out, r.err)
			}
			stopped.Store(true)
			t.Logf("%d writes meanwhile", <-written)
			if names := listed(t, file); !slices.Equal(names, []string{manifestName, tokensFile, historyFile}) {
				t.Errorf("it holds %v", names)
			}
			if left, err := os.ReadDir(filepath.Dir(file)); err != nil || len(left) != 1 {
				t.Errorf("left beside it: %v (%v)", left, err)
			}
			if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
				t.Errorf("it is %v (%v), want it private", info.Mode(), err)
			}

			anna.WeighIn(time.Now().Add(-30*time.Minute), 79, 25)
			after := decode(t, o.heard("fitbit2mqtt/anna/weigh_in", `"weight_kg":79,`))["id"]
			r := invoke(t, "restore", file, "--yes", "--config", config)
			if r.code != exitStorage || !strings.Contains(r.err, "another fitbit2mqtt runs") || !strings.Contains(r.err, "Try: stop it, restore, and start it again") {
				t.Errorf("over a running bridge: %+v", r)
			}
			if r := running.end(); r.code != exitOK {
				t.Errorf("%+v", r)
			}

			// Another machine.
			w.dir = filepath.Join(t.TempDir(), "elsewhere", "data")
			broker = ownBroker(t)
			config = w.config(broker)
			r = invoke(t, "restore", file, "--config", config)
			if r.code != exitOK || r.err != "" || strings.Contains(r.out, "before") || strings.Contains(r.out, "can be used once") != b.singleUse {
				t.Errorf("%+v", r)
			}
			o = observe(t, broker)
			running = begin(t, "run", "--config", config)
			o.heard("fitbit2mqtt/anna/body", `"weight_kg":79,`)
			o.heard("fitbit2mqtt/anna/weigh_in", after.(string))
			w.waitForPoll(2)
			if r := running.end(); r.code != exitOK {
				t.Errorf("%+v", r)
			}
			for _, e := range o.events("fitbit2mqtt/anna/weigh_in") {
				if id := decode(t, e)["id"]; id != after {
					t.Errorf("%v comes again; %v was known before the backup", id, known)
				}
			}
			if r := invoke(t, "accounts", "refresh", "--config", config); r.code != exitOK {
				t.Errorf("the sign-in has not survived: %+v", r)
			}
		})
	}
}

// listed are the names in an archive, as the tar of the machine sees them.
func listed(t *testing.T, file string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "tar", "-tf", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

// What is restored is what was saved, to the last reading and token.
func TestRestoredIsWhatWasSaved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna", "ben")
	config := w.config("")
	for _, name := range []string{"anna", "ben"} {
		if r := w.connect(config, name); r.code != exitOK {
			t.Fatalf("%+v", r)
		}
	}
	past := w.history(t)
	remember(t, past, "0123456789ab", 1000)
	before := invoke(t, "accounts", "list", "--format", "json", "--config", config)
	saved, err := past.Recall(t.Context(), "0123456789ab")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "home.tar")
	if r := invoke(t, "backup", file, "--config", config); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	if err := past.Forget(t.Context(), "0123456789ab"); err != nil {
		t.Fatal(err)
	}
	if r := invoke(t, "accounts", "remove", "ben", "--yes", "--config", config); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	if err := past.Close(); err != nil {
		t.Fatal(err)
	}
	r := invoke(t, "restore", file, "--yes", "--config", config)
	if r.code != exitOK || r.err != "" || !strings.Contains(r.out, "tokens.db.before-restore") {
		t.Fatalf("%+v", r)
	}
	if after := invoke(t, "accounts", "list", "--format", "json", "--config", config); after != before {
		t.Errorf("there were %s and are %s", before.out, after.out)
	}
	past = w.history(t)
	if got, err := past.Recall(t.Context(), "0123456789ab"); err != nil || !slices.Equal(got.Weights, saved.Weights) {
		t.Errorf("%d readings are there (%v), %d were", len(got.Weights), err, len(saved.Weights))
	}
	kept, err := tokenstore.Open(t.Context(), tokenstore.Options{Path: filepath.Join(w.dir, "tokens.db.before-restore"), Access: sqlite.AsIs})
	if err != nil {
		t.Fatal(err)
	}
	if accounts, err := kept.Accounts(t.Context()); err != nil || len(accounts) != 1 || accounts[0].Name != "anna" {
		t.Errorf("kept is %+v (%v)", accounts, err)
	}
	if err := kept.Close(); err != nil {
		t.Error(err)
	}
	_ = past.Close()
	// A damaged database is what one has backups for.
	for _, name := range []string{tokensFile, historyFile} {
		if err := os.Remove(filepath.Join(w.dir, name+".before-restore")); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte("not a database"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r := invoke(t, "restore", file, "--yes", "--config", config); r.code != exitOK {
		t.Errorf("%+v", r)
	}
	if after := invoke(t, "accounts", "list", "--format", "json", "--config", config); after != before {
		t.Errorf("there were %s and are %s", before.out, after.out)
	}
}

// Backups that cannot be made: one Error line and one Try line, and nothing is left
// behind or lost.
func TestBackupRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	files := t.TempDir()
	r := &refusals{T: t, w: w, config: w.config(""), hide: []string{w.dir, "DATA", files, "FILES"}}
	in := func(name string) string { return filepath.Join(files, name) }
	r.try("nothing there", exitStorage, "backup", in("home.tar"))
	if _, err := os.Stat(w.dir); err == nil {
		t.Error("a data folder was made")
	}
	if c := w.connect(r.config, "anna"); c.code != exitOK {
		t.Fatalf("%+v", c)
	}
	other := in("letter.txt")
	if err := os.WriteFile(other, []byte("Dear Ben"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.try("a folder", exitUsage, "backup", files)
	r.try("something else", exitUsage, "backup", other)
	r.try("the database itself", exitUsage, "backup", filepath.Join(w.dir, tokensFile))
	r.try("standard output", exitUsage, "backup", "-")
	r.try("no name", exitUsage, "backup", "")
	if err := errors.Join(syscall.Mkfifo(in("pipe"), 0o600), os.Symlink(in("unmounted/home.tar"), in("link"))); err != nil {
		t.Fatal(err)
	}
	r.try("a pipe", exitUsage, "backup", in("pipe"))
	r.try("a link to nothing", exitStorage, "backup", in("link"))
	if to, err := os.Readlink(in("link")); err != nil || to != in("unmounted/home.tar") {
		t.Errorf("the link leads to %q (%v)", to, err)
	}
	if err := os.WriteFile(lockFile(w.dir), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.try("the bridge's lock", exitUsage, "backup", lockFile(w.dir))
	if err := errors.Join(os.Remove(in("pipe")), os.Remove(in("link"))); err != nil {
		t.Fatal(err)
	}
	r.try("no such folder", exitStorage, "backup", in("absent/home.tar"))
	r.try("a file for a folder", exitStorage, "backup", in("letter.txt/home.tar"))
	remember(t, w.history(t), "0123456789ab", 3000)
	if c := invoke(t, "backup", in("old.tar"), "--config", r.config); c.code != exitOK {
		t.Fatalf("%+v", c)
	}
	before, err := os.ReadFile(in("old.tar"))
	if err != nil {
		t.Fatal(err)
	}
	r.note("a disk that is full half-way", exitStorage, hobbled(t, fullAt(len(before)-1000), "backup", in("old.tar"), "--config", r.config))
	if os.Geteuid() == 0 { // modes do not bind root
		theirs(t, w.dir, r.config, files)
		r.note("a folder that cannot be written", exitStorage, hobbled(t, "nobody", "backup", in("new.tar"), "--config", r.config))
	}
	stopped := begin(t, "backup", in("new.tar"), "--config", r.config)
	stopped.end() // at whatever point, perhaps after its end
	if err := os.Remove(in("new.tar")); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if after, err := os.ReadFile(in("old.tar")); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the older backup has changed (%v)", err)
	}
	if left, err := os.ReadDir(files); err != nil || len(left) != 2 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
	golden(t, "testdata/backup.txt", r.said.String())
}
