package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
)

// childEnv names the variable that turns this test binary into the child process
// of a test: limits on files and users hold for a whole process.
const childEnv = "SQLITE_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "":
		m.Run()
	case "full":
		limitFiles(0)
		report(os.Stdout)
	case "no room for a copy":
		limitFiles(64 << 10)
		report(os.Stdout)
	case "no room for a backup":
		reportCopy(os.Stdout)
	case "replace":
		replaceAndDie()
	case "finish":
		finishAndDie()
	case "readonly":
		if os.Geteuid() == 0 { // modes do not bind root
			must(syscall.Setuid(65534))
		}
		report(os.Stdout)
	}
}

// limitFiles lets no file grow beyond so many bytes. It binds every user, root included.
func limitFiles(size uint64) {
	signal.Ignore(syscall.SIGXFSZ)
	must(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: size}))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// report opens the file named by the second argument at the version named by the
// third and writes what came of it.
func report(w io.Writer) {
	n, err := strconv.Atoi(os.Args[2])
	must(err)
	db, err := sqlite.Open(context.Background(), sqlite.Options{Path: os.Args[1], Migrations: versions(n)})
	if err == nil {
		_ = db.Close()
	}
	sayKind(w, err)
}

// reportCopy copies that file beside itself on a disk with too little space, and writes
// what came of it.
func reportCopy(w io.Writer) {
	db, err := sqlite.Open(context.Background(), sqlite.Options{Path: os.Args[1], Migrations: versions(1)})
	must(err)
	limitFiles(64 << 10)
	sayKind(w, sqlite.Copy(context.Background(), db, filepath.Join(filepath.Dir(os.Args[1]), "copy.db")))
}

func sayKind(w io.Writer, err error) {
	for _, kind := range []error{sqlite.ErrFull, sqlite.ErrReadOnly, sqlite.ErrCorrupt, sqlite.ErrStorage} {
		if errors.Is(err, kind) {
			_, err := fmt.Fprintln(w, kind)
			must(err)
			return
		}
	}
	_, failed := fmt.Fprintln(w, "opened or something else:", err)
	must(failed)
}

// inChild opens the file in a child process and returns what that says.
func inChild(t *testing.T, child, path string, n int) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], path, strconv.Itoa(n))
	cmd.Env = append(os.Environ(), childEnv+"="+child, "GORACE=atexit_sleep_ms=0") // else each child lingers for a second
	var stderr bytes.Buffer                                                        // apart: a coverage run complains about its own files there
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("child: %v\n%s%s", err, out, &stderr)
	}
	return strings.TrimSpace(string(out))
}

func TestAFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	before := filled(t, path)
	for _, how := range []string{"full", "no room for a copy"} {
		if got := inChild(t, how, path, 2); got != sqlite.ErrFull.Error() {
			t.Errorf("%s, migrating: %s, want %v", how, got, sqlite.ErrFull)
		}
	}
	if got := inChild(t, "full", filepath.Join(t.TempDir(), "new.db"), 1); got != sqlite.ErrFull.Error() {
		t.Errorf("new file: %s, want %v", got, sqlite.ErrFull)
	}
	if left, err := filepath.Glob(path + ".v1*"); err != nil || len(left) != 0 {
		t.Errorf("half copies left behind: %v %v", left, err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file has changed (%v)", err)
	}
	if got := query(t, open(t, path, 2), "SELECT count(*) FROM people"); got != "2001" {
		t.Errorf("%s people once there is space, want 2001", got)
	}
}

func TestAReadOnlyFolder(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a.db")
	filled(t, path)
	must(os.Chmod(path, 0o444))
	must(os.Chmod(folder, 0o555))
	must(os.Chmod(filepath.Dir(folder), 0o755)) // for the way there
	t.Cleanup(func() { must(os.Chmod(folder, 0o755)) })
	for name, file := range map[string]string{
		"existing":   path,
		"new":        filepath.Join(folder, "b.db"),
		"new folder": filepath.Join(folder, "data", "b.db"),
	} {
		if got := inChild(t, "readonly", file, 1); got != sqlite.ErrReadOnly.Error() {
			t.Errorf("%s: %s, want %v", name, got, sqlite.ErrReadOnly)
		}
	}
}
