package sqlite_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
)

func TestAnOlderFileIsCopiedThenMigrated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	old := open(t, path, 1) // stays open: its last write may still be in the log
	if _, err := old.ExecContext(t.Context(), "INSERT INTO people VALUES ('ben')"); err != nil {
		t.Fatal(err)
	}
	logger, logged := logTo(t)
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Migrations: versions(2), Log: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if got := query(t, db, "SELECT user_version FROM pragma_user_version"); got != "2" {
		t.Errorf("version is %s, want 2", got)
	}
	if got := query(t, db, "SELECT count(*) FROM scales"); got != "0" {
		t.Errorf("%s scales, want 0", got)
	}
	saved := path + ".v1.bak"
	if !strings.Contains(logged.String(), saved) {
		t.Errorf("the log does not name the copy: %s", logged)
	}
	if info, err := os.Stat(saved); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("copy: %v %v, want mode 0600", info, err)
	}
	if got := query(t, open(t, saved, 1), "SELECT count(*) FROM people"); got != "2" {
		t.Errorf("%s people in the copy, want 2", got)
	}
	leftovers, err := filepath.Glob(path + "*.tmp")
	if err != nil || len(leftovers) != 0 {
		t.Errorf("left behind: %v %v", leftovers, err)
	}
}

func TestAFailedMigrationLeavesTheFileAsItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	_ = open(t, path, 1).Close()
	_, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Migrations: versions(3)})
	if err == nil || !strings.Contains(err.Error(), "0003_faulty.sql") {
		t.Fatalf("error %v does not name the migration", err)
	}
	db := open(t, path, 1) // still opens as version 1: not a step further
	if got := query(t, db, "SELECT count(*) FROM sqlite_schema WHERE name IN ('scales', 'more')"); got != "0" {
		t.Errorf("%s tables of later versions are there", got)
	}
}

func TestANewFileNeedsNoCopy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	_ = open(t, path, 2).Close()
	_ = open(t, path, 2).Close()
	if copies, err := filepath.Glob(path + "*.bak"); err != nil || len(copies) != 0 {
		t.Errorf("copies of nothing: %v %v", copies, err)
	}
}

func TestMigrationsMustBeARow(t *testing.T) {
	for name, files := range map[string]fstest.MapFS{
		"none":     {},
		"gap":      {"0001_a.sql": {}, "0003_c.sql": {}},
		"twice":    {"0001_a.sql": {}, "0001_b.sql": {}},
		"stranger": {"0001_a.sql": {}, "README.md": {}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.db")
			if db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Migrations: files}); err == nil {
				_ = db.Close()
				t.Error("accepted")
			}
			if _, err := os.Stat(path); err == nil {
				t.Error("made a file all the same")
			}
		})
	}
}

func TestAnUnfinishedFirstStartIsStillNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	raw, err := sql.Open("sqlite3", path) // registered by the driver that package sqlite imports
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.ExecContext(t.Context(), "PRAGMA journal_mode = WAL"); err != nil { // … and the power fails
		t.Fatal(err)
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	if got := query(t, open(t, path, 1), "SELECT name FROM people"); got != "anna" {
		t.Errorf("got %q, want a complete file", got)
	}
}
