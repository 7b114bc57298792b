// Package sqlite opens a database file the right way, and brings it up to date.
//
// It promises that
//
//   - an acknowledged write survives a power cut (write-ahead log, synchronous=FULL);
//   - the file, its -wal and -shm and its copies are readable by their owner only
//     (0600), and a folder made for them is 0700;
//   - a file of an older version is copied beside itself before it is changed, and
//     is changed in one transaction: it is the old one or the new one, never between;
//   - a copy ([Copy]) shows one moment, and keeps nobody from writing;
//   - databases that are replaced ([Replace]) are so all together or not at all, and stay
//     beside their successors;
//   - what goes wrong is an [*Error] that names the file and says what to do.
//
// It refuses a damaged file, a file of a newer version, a database of another
// program, and an empty file where something was before; all of them stay as they
// are, byte for byte. The invariant: Open never puts a new, empty database where
// somebody's data is or has just been.
package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"

	"github.com/mattn/go-sqlite3"
)

// Options says which file and which schema.
type Options struct {
	Path string
	// Migrations holds 0001_name.sql, 0002_name.sql, … in its root: how version N
	// becomes version N+1. A released one is never changed.
	Migrations fs.FS
	// ApplicationID is what the file's header says about its kind, so that one
	// kind is never taken for another; zero means [DefaultApplicationID].
	ApplicationID int32
	Access        Access       // what opening may do to the file; zero means [Maintain]
	Log           *slog.Logger // nil discards
}

// DefaultApplicationID is "f2mq" in ASCII.
const DefaultApplicationID int32 = 0x66326d71

// connections is how many readers a household's worth of goroutines needs; the
// writers queue for the file's one lock anyway.
const connections = 4

// Open opens the file, creating or migrating it if need be and allowed. Every connection of
// the pool waits up to five seconds for a lock, enforces foreign keys, overwrites
// what is deleted, and starts transactions with the write lock in hand. The
// errors are [*Error], ctx's own, or those of a migration that is wrong.
func Open(ctx context.Context, o Options) (*sql.DB, error) {
	o, steps, err := o.complete()
	if err != nil {
		return nil, err
	}
	ready := current
	if o.Access == Maintain {
		ready = adopt
		if err := prepareFile(o.Path, o.Log); err != nil {
			return nil, Classify(o.Path, err)
		}
	}
	db := sql.OpenDB(connectorFor(o))
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	if err := ready(ctx, db, o, steps); err != nil {
		return nil, Classify(o.Path, errors.Join(err, db.Close()))
	}
	return db, nil
}

// complete fills in what was left out, and reads the migrations.
func (o Options) complete() (Options, []step, error) {
	if o.ApplicationID == 0 {
		o.ApplicationID = DefaultApplicationID
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return o, nil, fmt.Errorf("database path: %w", err)
	}
	o.Path = path
	steps, err := readSteps(o.Migrations)
	return o, steps, err
}

// InTx runs do in one transaction that holds the write lock from its start, and
// commits it if do returns nil. The error is do's, or unclassified SQLite's.
func InTx(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := do(tx); err != nil {
		if rerr := tx.Rollback(); rerr != nil && !errors.Is(rerr, sql.ErrTxDone) {
			return errors.Join(err, rerr)
		}
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// prepareFile makes folder and file where there are none, and makes looser modes
// stricter. It never opens a file that exists: closing it again would drop the
// locks that other connections of this process hold on it.
func prepareFile(path string, logger *slog.Logger) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// The order matters: a file just made by another process is filled before its
	// log is, so a log seen first and an empty file seen later are not one of those.
	traces := tracesOf(path)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && traces.wal != "":
		return lostError(path, traces.wal)
	case errors.Is(err, fs.ErrNotExist):
		return createFile(path)
	case err != nil:
		return err
	case info.Size() == 0 && traces.any() != "":
		return lostError(path, traces.any())
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm()&0o077 == 0 {
			continue
		}
		if err := os.Chmod(name, 0o600); err != nil {
			logger.Warn("other users can read this file", "file", name, "error", err)
			continue
		}
		logger.Info("file made private", "file", name, "mode_before", info.Mode().Perm().String())
	}
	return nil
}

func createFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the path is the operator's choice
	if errors.Is(err, fs.ErrExist) {
		return nil // another process was faster
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// connector opens connections that all have the same settings. WAL is not among
// them: the file itself remembers it, and it must not be switched on in a file
// that turns out to be another program's.
type connector struct{ path, query string }

func (c connector) Connect(context.Context) (driver.Conn, error) {
	// mode=rw: a file that vanished is an error, not a reason to make a new one.
	return c.Driver().Open("file:" + (&url.URL{Path: c.path}).EscapedPath() + "?" + c.query)
}

func (connector) Driver() driver.Driver {
	return &sqlite3.SQLiteDriver{ConnectHook: func(c *sqlite3.SQLiteConn) error {
		_, err := c.Exec("PRAGMA trusted_schema = OFF", nil) // the driver's address has no word for it
		return err
	}}
}
