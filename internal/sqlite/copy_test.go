package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
)

// TestCopiesWhileOthersWrite: each copy holds a prefix of what was written, whole rows
// and whole transactions, and nobody waits.
func TestCopiesWhileOthersWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	filled(t, path)
	db, writer := open(t, path, 2), open(t, path, 2) // as of two processes
	var stopped atomic.Bool
	written := make(chan int)
	progress := make(chan struct{}, 1)
	go func() {
		n := 0
		for ; !stopped.Load(); n++ { // a person and their scale in one transaction
			_, err := writer.ExecContext(t.Context(), fmt.Sprintf(
				"BEGIN IMMEDIATE; INSERT INTO people VALUES ('p%[1]d'); INSERT INTO scales VALUES ('p%[1]d'); COMMIT", n))
			if err != nil {
				t.Errorf("a copy is in the way of a writer: %v", err)
				break
			}
			select {
			case progress <- struct{}{}:
			default:
			}
		}
		written <- n
	}()
	before := -1
	for i := range 10 {
		<-progress
		target := filepath.Join(t.TempDir(), fmt.Sprintf("copy%d.db", i))
		if err := sqlite.Copy(t.Context(), db, target); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(target); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("copy is %v (%v), want it private", info.Mode(), err)
		}
		if c, err := sqlite.Inspect(t.Context(), sqlite.Options{Path: target, Migrations: versions(2)}); err != nil || c.Version != 2 {
			t.Errorf("copy is %+v (%v)", c, err)
		}
		copied, err := sqlite.Open(t.Context(), sqlite.Options{Path: target, Migrations: versions(2)})
		if err != nil {
			t.Fatal(err)
		}
		var people, scales, last int
		err = copied.QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM people WHERE name LIKE 'p%'),
			(SELECT count(*) FROM scales), (SELECT coalesce(max(CAST(substr(owner, 2) AS INTEGER)), -1) FROM scales)`).Scan(&people, &scales, &last)
		if err != nil || people != scales || last != scales-1 || scales <= before {
			t.Errorf("copy %d: %d people, %d scales, the last of p%d; before %d (%v)", i, people, scales, last, before, err)
		}
		before = scales
		if err := copied.Close(); err != nil {
			t.Error(err)
		}
	}
	stopped.Store(true)
	t.Logf("%d transactions meanwhile", <-written)
}

func TestACopyThatFailsLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a.db")
	filled(t, path)
	db := open(t, path, 1)
	target := filepath.Join(folder, "copy.db")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sqlite.Copy(cancelled, db, target); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if got := inChild(t, "no room for a backup", path, 1); got != sqlite.ErrStorage.Error() {
		t.Errorf("on a full disk: %s", got)
	}
	if err := sqlite.Copy(t.Context(), db, path); !errors.Is(err, os.ErrExist) { // never over something
		t.Errorf("over a file: %v", err)
	}
	if err := sqlite.Copy(t.Context(), db, filepath.Join(folder, "absent", "copy.db")); !errors.Is(err, sqlite.ErrStorage) {
		t.Errorf("into no folder: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(folder, "copy*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}
