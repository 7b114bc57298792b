package sqlite_test

import (
	"bytes"
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
)

// versions returns the first n versions of a schema that any file may have.
func versions(n int) fs.FS {
	all := []string{
		"0001_people.sql", "CREATE TABLE people (name TEXT PRIMARY KEY) STRICT; INSERT INTO people VALUES ('anna');",
		"0002_scales.sql", "CREATE TABLE scales (owner TEXT NOT NULL REFERENCES people) STRICT;",
		"0003_faulty.sql", "CREATE TABLE more (id INTEGER) STRICT; INSERT INTO nowhere VALUES (1);",
	}
	files := fstest.MapFS{}
	for i := range n {
		files[all[2*i]] = &fstest.MapFile{Data: []byte(all[2*i+1])}
	}
	return files
}

func open(t *testing.T, path string, n int) *sql.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Migrations: versions(n)})
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// query returns a single value as text.
func query(t *testing.T, db *sql.DB, q string) string {
	t.Helper()
	var v string
	if err := db.QueryRowContext(t.Context(), q).Scan(&v); err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	return v
}

func TestEveryConnectionHasTheSameSettings(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"), 2)
	want := map[string]string{
		"journal_mode": "wal", "synchronous": "2", "busy_timeout": "5000",
		"foreign_keys": "1", "secure_delete": "1", "trusted_schema": "0",
	}
	for range 3 { // held until the end, so each is another connection
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		for pragma, value := range want {
			var got string
			if err := conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != value {
				t.Errorf("PRAGMA %s = %q (%v), want %q", pragma, got, err, value)
			}
		}
	}
	if got := db.Stats().OpenConnections; got != 3 {
		t.Errorf("looked at %d connections, want 3", got)
	}
}

func TestPathsAreTakenLiterally(t *testing.T) {
	for _, name := range []string{"a?mode=memory.db", "b#c.db", "100%25.db", "two words.db", "über.db", "file:x.db", "+&=;.db"} {
		path := filepath.Join(t.TempDir(), "a folder?", name)
		_ = open(t, path, 1).Close()
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%q is not where it should be: %v", path, err)
		}
	}
}

func TestFilesAreTheOwnersOnly(t *testing.T) {
	old := syscall.Umask(0) // the most careless environment; this test must not be parallel
	t.Cleanup(func() { syscall.Umask(old) })
	folder := filepath.Join(t.TempDir(), "new", "data")
	path := filepath.Join(folder, "a.db")
	check := func(when string) {
		t.Helper()
		for name, want := range map[string]os.FileMode{
			folder: 0o700, filepath.Dir(folder): 0o700, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600,
		} {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatalf("%s: %v", when, err)
			}
			if got := info.Mode().Perm(); got != want {
				t.Errorf("%s: mode of %s is %o, want %o", when, name, got, want)
			}
		}
	}
	open(t, path, 1)
	check("new")

	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Chmod(name, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	open(t, path, 1)
	check("loosened by hand")
}

func TestAnExistingFolderKeepsItsMode(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "shared")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	open(t, filepath.Join(folder, "a.db"), 1)
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("mode is %v (%v), want 0755", info.Mode(), err)
	}
}

func TestManyOpenANewFileAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Migrations: versions(2)})
			if err != nil {
				t.Errorf("open: %v", err)
				return
			}
			t.Cleanup(func() { _ = db.Close() })
		})
	}
	wg.Wait()
	if got := query(t, open(t, path, 2), "SELECT count(*) FROM people"); got != "1" {
		t.Errorf("migrated %s times, want once", got)
	}
	if copies := sqlite.Backups(path); len(copies) != 0 {
		t.Errorf("copies of what was never old: %v", copies)
	}
}

func TestAVanishedFileIsNotMadeAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	db := open(t, path, 1)
	db.SetMaxIdleConns(0) // the next query needs a new connection
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE t (x)"); !errors.Is(sqlite.Classify(path, err), sqlite.ErrStorage) {
		t.Errorf("error is %v, want %v", err, sqlite.ErrStorage)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("there is a new file")
	}
}

func TestInTx(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "a.db"), 1)
	refusal := errors.New("no")
	err := sqlite.InTx(t.Context(), db, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(t.Context(), "INSERT INTO people VALUES ('ben')"); err != nil {
			t.Fatal(err)
		}
		return refusal
	})
	if !errors.Is(err, refusal) {
		t.Errorf("error is %v, want the function's own", err)
	}
	if got := query(t, db, "SELECT count(*) FROM people"); got != "1" {
		t.Errorf("%s people after the rollback, want 1", got)
	}
	if err := sqlite.InTx(t.Context(), db, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), "INSERT INTO people VALUES ('ben')")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if got := query(t, db, "SELECT count(*) FROM people"); got != "2" {
		t.Errorf("%s people after the commit, want 2", got)
	}
}

// logTo returns a logger and what it has written so far.
func logTo(t *testing.T) (*slog.Logger, *bytes.Buffer) {
	t.Helper()
	var b bytes.Buffer
	return slog.New(slog.NewTextHandler(&b, nil)), &b
}
