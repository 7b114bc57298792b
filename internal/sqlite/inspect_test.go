package sqlite_test

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
)

// folder is everything in the folder of a file: names, modes and contents.
func folder(t *testing.T, path string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(filepath.Dir(path), e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = info.Mode().String() + info.ModTime().String() + string(b)
	}
	return all
}

// inspect looks at a file as a program that knows n versions, and checks that nothing
// has changed.
func inspect(t *testing.T, path string, n int) (sqlite.Condition, error) {
	t.Helper()
	before := folder(t, path)
	c, err := sqlite.Inspect(t.Context(), sqlite.Options{Path: path, Migrations: versions(n)})
	if !maps.Equal(before, folder(t, path)) {
		t.Error("the folder has changed")
	}
	return c, err
}

func TestInspect(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a ?.db")
	if _, err := inspect(t, path, 1); !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, sqlite.ErrStorage) {
		t.Errorf("no file: %v", err)
	}
	filled(t, path)
	if c, err := inspect(t, path, 1); err != nil || c.Outdated() || c.Version != 1 || c.Size < 4096 || c.Mode.Perm() != 0o600 {
		t.Errorf("up to date: %+v, %v", c, err)
	}
	if c, err := inspect(t, path, 2); err != nil || !c.Outdated() || c.Known != 2 {
		t.Errorf("older: %+v, %v", c, err)
	}
	if err := open(t, path, 2).Close(); err != nil {
		t.Fatal(err)
	}
	if c, err := inspect(t, path, 1); !errors.Is(err, sqlite.ErrNewerSchema) || c.Version != 2 {
		t.Errorf("newer: %+v, %v", c, err)
	}
}

// A damage that a quick look does not see: an index that lacks an entry.
func TestInspectLooksAtAllOfIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	content := filled(t, path)
	i := bytes.LastIndex(content, []byte("00000000000000001999"))
	if i < 0 {
		t.Fatal("the entry is not in the file")
	}
	content[i] = '5'
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := inspect(t, path, 1); !errors.Is(err, sqlite.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(path, bytes.Repeat([]byte("garbage "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := inspect(t, path, 1); !errors.Is(err, sqlite.ErrCorrupt) {
		t.Errorf("garbage: %v", err)
	}
}

func TestInspectMissesWhatWasThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	if err := os.WriteFile(path+"-wal", []byte("log"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := inspect(t, path, 1); !errors.Is(err, sqlite.ErrCorrupt) {
		t.Errorf("missing: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := inspect(t, path, 1); !errors.Is(err, sqlite.ErrCorrupt) {
		t.Errorf("empty: %v", err)
	}
}

// Another program writes meanwhile: what is in its log only is seen, and nothing of it
// is disturbed.
func TestReadOnlyBesideAWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	writer := open(t, path, 1)
	if _, err := writer.ExecContext(t.Context(), "INSERT INTO people VALUES ('ben')"); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Inspect(t.Context(), sqlite.Options{Path: path, Migrations: versions(1)}); err != nil {
		t.Error(err)
	}
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Migrations: versions(1), Access: sqlite.ReadOnly})
	if err != nil {
		t.Fatal(err)
	}
	if n := query(t, db, "SELECT count(*) FROM people"); n != "2" {
		t.Errorf("%s people", n)
	}
	if _, err := db.ExecContext(t.Context(), "DELETE FROM people"); err == nil {
		t.Error("something was written")
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if _, err := writer.ExecContext(t.Context(), "INSERT INTO people VALUES ('carla')"); err != nil {
		t.Errorf("the writer is disturbed: %v", err)
	}
}

// Whoever may not maintain a file gets it as it should be, or not at all.
func TestOpenWithoutMaintenance(t *testing.T) {
	for _, access := range []sqlite.Access{sqlite.AsIs, sqlite.ReadOnly} {
		path := filepath.Join(t.TempDir(), "a.db")
		opened := func(n int) error {
			t.Helper()
			before := folder(t, path)
			db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Migrations: versions(n), Access: access})
			if err == nil {
				query(t, db, "SELECT count(*) FROM people")
				err = db.Close()
			}
			if !maps.Equal(before, folder(t, path)) {
				t.Error("the folder has changed")
			}
			return err
		}
		if err := opened(1); !errors.Is(err, sqlite.ErrStorage) {
			t.Errorf("no file: %v", err)
		}
		filled(t, path)
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := opened(1); err != nil {
			t.Error(err)
		}
		if err := opened(2); !errors.Is(err, sqlite.ErrOlderSchema) || !errors.Is(err, sqlite.ErrStorage) {
			t.Errorf("older: %v", err)
		}
	}
}
