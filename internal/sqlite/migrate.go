package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/mattn/go-sqlite3"
)

// step is one migration.
type step struct{ name, text string }

// readSteps lists the migrations and refuses gaps, strangers and an empty list.
func readSteps(files fs.FS) ([]step, error) {
	entries, err := fs.ReadDir(files, ".") // sorted by name
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	steps := make([]step, 0, len(entries))
	for i, e := range entries {
		if ok, _ := filepath.Match(fmt.Sprintf("%04d_*.sql", i+1), e.Name()); !ok {
			return nil, fmt.Errorf("migration %q is not number %d of its row", e.Name(), i+1)
		}
		text, err := fs.ReadFile(files, e.Name())
		if err != nil {
			return nil, fmt.Errorf("read migration: %w", err)
		}
		steps = append(steps, step{name: e.Name(), text: string(text)})
	}
	if len(steps) == 0 {
		return nil, errors.New("there are no migrations")
	}
	return steps, nil
}

// header is what a file says about itself.
type header struct {
	application int32
	version     int
	objects     int // tables, indexes, …
}

// queryer is a pool or a transaction.
type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func readHeader(ctx context.Context, q queryer) (header, error) {
	var h header
	err := q.QueryRowContext(ctx, `SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_application_id, pragma_user_version`).Scan(&h.application, &h.version, &h.objects)
	if err != nil {
		return h, fmt.Errorf("read header: %w", err)
	}
	return h, nil
}

// adopt checks that the file is sound and ours, and brings it to the newest version.
func adopt(ctx context.Context, db *sql.DB, o Options, steps []step) error {
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return fmt.Errorf("check file: %w", err)
	}
	if verdict != "ok" {
		return damaged(o.Path, errors.New(verdict))
	}
	h, err := readHeader(ctx, db)
	if err != nil {
		return err
	}
	if err := acceptable(o, h, len(steps)); err != nil {
		return err
	}
	if err := useWAL(ctx, db, o.Path); err != nil {
		return err
	}
	if h.version == len(steps) {
		return nil
	}
	return InTx(ctx, db, func(tx *sql.Tx) error { return migrate(ctx, db, tx, o, steps) })
}

// useWAL switches the file to a write-ahead log. SQLite does not wait its busy
// timeout when several processes do this to a new file at once, so we wait here.
func useWAL(ctx context.Context, db *sql.DB, path string) error {
	patience, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for {
		var mode string
		err := db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode)
		if se, ok := errors.AsType[sqlite3.Error](err); ok && se.Code == sqlite3.ErrBusy && patience.Err() == nil {
			select {
			case <-patience.Done():
			case <-time.After(5 * time.Millisecond):
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("switch on the write-ahead log: %w", err)
		}
		if mode != "wal" {
			hint := "Choose a folder on a local disk, not on a network share."
			return &Error{path, ErrStorage, hint, errors.New("no write-ahead log in this folder")}
		}
		return nil
	}
}

// acceptable tells a new file and one of ours from all others.
func acceptable(o Options, h header, known int) error {
	switch {
	case h == header{}:
		return nil
	case h.application != o.ApplicationID:
		return &Error{o.Path, ErrForeign, "Choose another data folder, or move this file away if nothing needs it.", nil}
	case h.version > known:
		return &Error{
			o.Path, ErrNewerSchema, "Install the newer version of this program again" + orCopy(o.Path) + ".",
			fmt.Errorf("it has version %d, this program knows %d", h.version, known),
		}
	}
	return nil
}

// migrate runs under the write lock, so that of several processes one migrates
// and the others find it done.
func migrate(ctx context.Context, db *sql.DB, tx *sql.Tx, o Options, steps []step) error {
	h, err := readHeader(ctx, tx)
	if err != nil {
		return err
	}
	if err := acceptable(o, h, len(steps)); err != nil || h.version == len(steps) {
		return err
	}
	if h.version > 0 {
		saved, err := backup(ctx, db, o.Path, h.version)
		if err != nil {
			return err
		}
		o.Log.Info("copy made before the file is brought up to date",
			"file", o.Path, "copy", saved, "from_version", h.version, "to_version", len(steps))
	}
	for _, s := range steps[h.version:] {
		if _, err := tx.ExecContext(ctx, s.text); err != nil {
			return fmt.Errorf("migration %s: %w", s.name, err)
		}
	}
	_, err = tx.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", o.ApplicationID, len(steps)))
	if err != nil {
		return fmt.Errorf("write header: %w", err)
	}
	return nil
}

// backup copies the database to <path>.v<version>.bak through a connection that
// only reads. The copy has its name once it is complete and on the disk.
func backup(ctx context.Context, db *sql.DB, path string, version int) (_ string, err error) {
	target := fmt.Sprintf("%s.v%d.bak", path, version)
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(target)+".*.tmp") // 0600
	if err != nil {
		return "", fmt.Errorf("copy: %w", err)
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", f.Name()); err != nil { // takes an empty file
		return "", fmt.Errorf("copy: %w", err)
	}
	if err := f.Sync(); err != nil {
		return "", fmt.Errorf("copy: %w", err)
	}
	if err := os.Rename(f.Name(), target); err != nil {
		return "", fmt.Errorf("copy: %w", err)
	}
	return target, SyncFolder(filepath.Dir(path))
}

// SyncFolder puts on the disk what names the files of a folder have.
func SyncFolder(path string) error {
	d, err := os.Open(path) //nolint:gosec // the path is the operator's choice
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
