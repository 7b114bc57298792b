package sqlite_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
)

// dieAt kills this process at the n-th call.
func dieAt(n int) func(string) {
	return func(string) {
		if n--; n == 0 {
			must(syscall.Kill(os.Getpid(), syscall.SIGKILL))
			select {} // until it arrives
		}
	}
}

// replaceAndDie replaces the databases in the folder named by the second argument and
// dies at the step named by the third; finishAndDie does so when it goes on.
func replaceAndDie() {
	n, err := strconv.Atoi(os.Args[2])
	must(err)
	r := successors(os.Args[1])
	r.At(dieAt(n))
	must(r.Commit())
}

func finishAndDie() {
	n, err := strconv.Atoi(os.Args[2])
	must(err)
	_, err = sqlite.FinishAt(os.Args[1], dieAt(n))
	must(err)
}

// successors are two databases with Ben in them, ready to take the place of others.
func successors(folder string) *sqlite.Replacement {
	r, err := sqlite.Replace(folder, "a.db", "b.db")
	must(err)
	for _, name := range []string{"a.db", "b.db"} {
		db, err := sqlite.Open(context.Background(), sqlite.Options{Path: r.Path(name), Migrations: versions(2)})
		must(err)
		_, err = db.ExecContext(context.Background(), "UPDATE people SET name = 'ben'")
		must(err)
		must(db.Close())
	}
	must(os.WriteFile(r.Path("a.db.v1.bak"), []byte("a copy made on the way"), 0o600))
	return r
}

// household is a folder with two databases with Anna in them, the newest of her only in
// their logs, as a crash leaves them.
func household(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"a.db", "b.db"} {
		elsewhere := filepath.Join(t.TempDir(), name)
		db := open(t, elsewhere, 1)
		if _, err := db.ExecContext(t.Context(), "UPDATE people SET name = 'anna, in the log'"); err != nil {
			t.Fatal(err)
		}
		for _, suffix := range []string{"", "-wal", "-shm"} {
			b, err := os.ReadFile(elsewhere + suffix)
			if err != nil || len(b) == 0 {
				t.Fatalf("%s%s: %v", elsewhere, suffix, err)
			}
			write(t, filepath.Join(folder, name+suffix), b)
		}
	}
	return folder
}

// who is in a database.
func who(t *testing.T, path string) string {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Migrations: versions(2)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	return query(t, db, "SELECT group_concat(name) FROM people")
}

const inTheLog = "anna, in the log"

// replaced checks that the folder has all of the new state, and keeps the old one.
func replaced(t *testing.T, folder string) {
	t.Helper()
	for _, name := range []string{"a.db", "b.db"} {
		if got := who(t, filepath.Join(folder, name)); got != "ben" {
			t.Errorf("%s has %s, want ben", name, got)
		}
		if got := who(t, filepath.Join(folder, name+sqlite.Kept)); got != inTheLog {
			t.Errorf("%s is kept with %s, want %s", name, got, inTheLog)
		}
	}
	if left, err := filepath.Glob(filepath.Join(folder, "restore*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

func TestReplace(t *testing.T) {
	folder := household(t)
	r := successors(folder)
	if got := who(t, filepath.Join(folder, "a.db")); got != inTheLog || sqlite.Unfinished(folder) {
		t.Errorf("before it is committed, %s is there", got)
	}
	if err := r.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := r.Discard(); err != nil {
		t.Error(err)
	}
	replaced(t, folder)
	if info, err := os.Stat(filepath.Join(folder, "a.db")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file is %v (%v), want it private", info.Mode(), err)
	}
	_, err := sqlite.Replace(folder, "a.db", "b.db")
	if e, ok := errors.AsType[*sqlite.Error](err); !ok || e.Path != filepath.Join(folder, "a.db"+sqlite.Kept) || e.Hint == "" {
		t.Errorf("once more: %v, want what is kept to be in the way", err)
	}
	replaced(t, folder)
}

func TestReplaceInAnEmptyFolder(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "new")
	r := successors(folder)
	if err := r.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := who(t, filepath.Join(folder, "b.db")); got != "ben" {
		t.Errorf("there is %s", got)
	}
	if kept, err := filepath.Glob(filepath.Join(folder, "*"+sqlite.Kept+"*")); err != nil || len(kept) != 0 {
		t.Errorf("kept of nothing: %v (%v)", kept, err)
	}
}

// What root does is for whoever owns the folder, who may have to finish it, or to clear
// it away.
func TestReplaceAsRoot(t *testing.T) {
	somebody := 65534
	if os.Geteuid() != 0 { // who can give nothing away
		somebody = os.Geteuid()
	}
	folder := t.TempDir()
	if err := os.Chown(folder, somebody, -1); err != nil {
		t.Fatal(err)
	}
	owned := func(path string) {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := info.Sys().(*syscall.Stat_t); !ok || int(s.Uid) != somebody {
			t.Errorf("%s belongs to %d", path, s.Uid)
		}
	}
	r := successors(folder)
	owned(filepath.Dir(r.Path("a.db")))
	r.At(func(point string) {
		if point == "decided" {
			owned(filepath.Join(folder, "restore.ready"))
		}
	})
	if err := r.Commit(); err != nil {
		t.Fatal(err)
	}
	owned(filepath.Join(folder, "a.db"))
	owned(filepath.Join(folder, "b.db"))
}

func TestWhatIsNotCommittedChangesNothing(t *testing.T) {
	folder := household(t)
	r := successors(folder)
	must(os.Remove(r.Path("b.db")))
	if err := r.Commit(); !errors.Is(err, sqlite.ErrStorage) {
		t.Errorf("half of it: %v", err)
	}
	r = successors(folder) // over what was left behind
	write(t, r.Path("a.db-wal"), []byte("somebody writes yet"))
	if err := r.Commit(); err == nil {
		t.Error("committed while in use")
	}
	if err := r.Discard(); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"a.db", "b.db"} {
		if got := who(t, filepath.Join(folder, name)); got != inTheLog {
			t.Errorf("%s has %s", name, got)
		}
	}
	if again, err := sqlite.FinishReplacement(folder); again || err != nil {
		t.Errorf("something was left to do: %v", err)
	}
}

// killed runs a child that dies at the n-th step, and reports whether it did.
func killed(t *testing.T, what, folder string, n int) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], folder, strconv.Itoa(n))
	cmd.Env = append(os.Environ(), childEnv+"="+what, "GORACE=atexit_sleep_ms=0")
	var said strings.Builder
	cmd.Stderr = &said
	err := cmd.Run()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if ok && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		t.Fatalf("child: %v\n%s", err, &said)
	}
	return false
}

// TestKilledAtEveryStepOfAReplacement: the next start finds all of the old state or all
// of the new one, even if it is killed itself on the way there.
func TestKilledAtEveryStepOfAReplacement(t *testing.T) {
	steps, again := 0, 0
	for n := 1; ; n++ {
		folder := household(t)
		if !killed(t, "replace", folder, n) {
			break
		}
		steps++
		if n == 1 { // complete, and not decided
			if unfinished, err := sqlite.FinishReplacement(folder); unfinished || err != nil {
				t.Errorf("step %d: %v", n, err)
			}
			for _, name := range []string{"a.db", "b.db"} {
				if got := who(t, filepath.Join(folder, name)); got != inTheLog {
					t.Errorf("step %d: %s has %s", n, name, got)
				}
			}
			continue
		}
		for m := 1; ; m++ {
			copied := t.TempDir()
			if err := os.CopyFS(copied, os.DirFS(folder)); err != nil {
				t.Fatal(err)
			}
			died := killed(t, "finish", copied, m)
			if died {
				again++
			}
			if _, err := sqlite.FinishReplacement(copied); err != nil {
				t.Errorf("steps %d and %d: %v", n, m, err)
			}
			replaced(t, copied)
			if !died {
				break
			}
		}
	}
	if steps != 9 || again < steps {
		t.Errorf("killed at %d steps and at %d of going on, want 9 and more", steps, again)
	}
}
