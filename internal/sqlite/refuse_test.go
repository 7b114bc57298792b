package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mattn/go-sqlite3"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
)

// refused opens path, which must fail with kind, and checks that the file stays as it is.
func refused(t *testing.T, path string, kind error) *sqlite.Error {
	t.Helper()
	before, _ := os.ReadFile(path)
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Migrations: versions(1)})
	if err == nil {
		_ = db.Close()
		t.Fatalf("opened, want %v", kind)
	}
	var e *sqlite.Error
	if !errors.As(err, &e) || !errors.Is(err, kind) || !errors.Is(err, sqlite.ErrStorage) {
		t.Fatalf("error is %v, want %v", err, kind)
	}
	if e.Path != path || !strings.Contains(e.Error(), path) {
		t.Errorf("error %q does not name %s", e, path)
	}
	if !strings.HasSuffix(e.Hint, ".") || strings.Contains(e.Hint, "\n") {
		t.Errorf("hint %q is not a sentence", e.Hint)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the file has changed")
	}
	return e
}

// filled makes a file of several pages and returns its bytes.
func filled(t *testing.T, path string) []byte {
	t.Helper()
	db := open(t, path, 1)
	_, err := db.ExecContext(t.Context(), `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
		INSERT INTO people SELECT format('%050d', i) FROM n`)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestADamagedFileIsRefused(t *testing.T) {
	sound := filled(t, filepath.Join(t.TempDir(), "sound.db"))
	for name, damage := range map[string]func(b []byte) []byte{
		"text":             func([]byte) []byte { return []byte("name: anna\nname: ben\n") },
		"header flipped":   func(b []byte) []byte { b[3] ^= 0xff; return b },
		"cut short":        func(b []byte) []byte { return b[:len(b)/2] },
		"cut in a page":    func(b []byte) []byte { return b[:4096+100] },
		"page overwritten": func(b []byte) []byte { copy(b[3*4096:], bytes.Repeat([]byte{0xa5}, 4096)); return b },
		"zeros":            func(b []byte) []byte { return make([]byte, len(b)) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.db")
			write(t, path, damage(bytes.Clone(sound)))
			if e := refused(t, path, sqlite.ErrCorrupt); strings.Contains(e.Hint, ".bak") {
				t.Errorf("hint %q names a copy that is not there", e.Hint)
			}
			for _, v := range []string{".v9.bak", ".v10.bak"} {
				write(t, path+v, nil)
			}
			if e := refused(t, path, sqlite.ErrCorrupt); !strings.Contains(e.Hint, path+".v10.bak") {
				t.Errorf("hint %q does not name the newest copy", e.Hint)
			}
		})
	}
}

func TestAnEmptyFileIsNewOnlyWhereNothingWas(t *testing.T) {
	t.Run("nothing", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a.db")
		write(t, path, nil)
		open(t, path, 1)
	})
	for _, trace := range []string{"-wal", ".v1.bak"} {
		t.Run("empty beside "+trace, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.db")
			write(t, path, nil)
			write(t, path+trace, []byte("something"))
			if e := refused(t, path, sqlite.ErrCorrupt); !strings.Contains(e.Error(), path+trace) {
				t.Errorf("error %q does not name the trace", e)
			}
		})
	}
	t.Run("missing beside -wal", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a.db")
		write(t, path+"-wal", []byte("something"))
		refused(t, path, sqlite.ErrCorrupt)
		if _, err := os.Stat(path); err == nil {
			t.Error("made a file all the same")
		}
	})
	t.Run("moved away as the hint says", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a.db")
		write(t, path+".v1.bak", []byte("something"))
		open(t, path, 1)
	})
}

func TestANewerFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	_ = open(t, path, 1).Close()
	_ = open(t, path, 2).Close() // leaves the copy of version 1
	e := refused(t, path, sqlite.ErrNewerSchema)
	if !strings.Contains(e.Error(), "version 2") || !strings.Contains(e.Hint, path+".v1.bak") {
		t.Errorf("got %q, %q; want the version and the copy", e, e.Hint)
	}
}

func TestAnotherProgramsFileIsRefusedUntouched(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	raw, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.ExecContext(t.Context(), "CREATE TABLE bookmarks (url TEXT)"); err != nil {
		t.Fatal(err)
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	refused(t, path, sqlite.ErrForeign)

	ours := filepath.Join(t.TempDir(), "other.db")
	_ = open(t, ours, 1).Close()
	_, err = sqlite.Open(t.Context(), sqlite.Options{Path: ours, Migrations: versions(1), ApplicationID: 7})
	if !errors.Is(err, sqlite.ErrForeign) {
		t.Errorf("another kind of file of ours: %v, want %v", err, sqlite.ErrForeign)
	}
}

func TestAFileInUseIsBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	holder, other := open(t, path, 1), open(t, path, 1)
	err := sqlite.InTx(t.Context(), holder, func(*sql.Tx) error {
		other.SetMaxOpenConns(1)
		if _, err := other.ExecContext(t.Context(), "PRAGMA busy_timeout = 1"); err != nil {
			t.Fatal(err)
		}
		_, err := other.ExecContext(t.Context(), "INSERT INTO people VALUES ('ben')")
		return err
	})
	if err = sqlite.Classify(path, err); !errors.Is(err, sqlite.ErrBusy) || !errors.Is(err, sqlite.ErrStorage) {
		t.Errorf("got %v, want %v", err, sqlite.ErrBusy)
	}
}

func TestClassify(t *testing.T) {
	constraint := sqlite3.Error{Code: sqlite3.ErrConstraint}
	for _, c := range []struct {
		name string
		err  error
		kind error // nil: comes back unchanged
	}{
		{"nothing", nil, nil},
		{"no rows", sql.ErrNoRows, nil},
		{"cancelled", fmt.Errorf("query: %w", context.Canceled), nil},
		{"constraint", constraint, nil},
		{"full", sqlite3.Error{Code: sqlite3.ErrFull}, sqlite.ErrFull},
		{"file limit", sqlite3.Error{Code: sqlite3.ErrIoErr, SystemErrno: syscall.EFBIG}, sqlite.ErrFull},
		{"full, by the system", &os.PathError{Op: "write", Err: syscall.ENOSPC}, sqlite.ErrFull},
		{"read-only", sqlite3.Error{Code: sqlite3.ErrReadonly}, sqlite.ErrReadOnly},
		{"read-only mount", sqlite3.Error{Code: sqlite3.ErrCantOpen, SystemErrno: syscall.EROFS}, sqlite.ErrReadOnly},
		{"no permission", &os.PathError{Op: "open", Err: syscall.EACCES}, sqlite.ErrReadOnly},
		{"locked", fmt.Errorf("begin: %w", sqlite3.Error{Code: sqlite3.ErrBusy}), sqlite.ErrBusy},
		{"malformed", sqlite3.Error{Code: sqlite3.ErrCorrupt}, sqlite.ErrCorrupt},
		{"broken disk", sqlite3.Error{Code: sqlite3.ErrIoErr, SystemErrno: syscall.EIO}, sqlite.ErrStorage},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := sqlite.Classify("/data/a.db", c.err)
			if c.kind == nil {
				if got != c.err { //nolint:errorlint // the very same value is meant
					t.Errorf("got %v, want it unchanged", got)
				}
				return
			}
			var e *sqlite.Error
			if !errors.As(got, &e) || e.Kind != c.kind || e.Hint == "" || e.Path != "/data/a.db" { //nolint:errorlint // kinds are bare
				t.Fatalf("got %#v, want kind %v with hint and path", got, c.kind)
			}
			if !errors.Is(got, c.err) {
				t.Error("the cause is lost")
			}
			if again := sqlite.Classify("/elsewhere", fmt.Errorf("save: %w", got)); !strings.HasPrefix(again.Error(), "save: /data/a.db") {
				t.Errorf("classified twice: %v", again)
			}
		})
	}
}
