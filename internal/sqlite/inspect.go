package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Access is what opening a file may do to it.
type Access int

// What opening may do.
const (
	Maintain Access = iota // make it, make it private, bring it up to date
	AsIs                   // nothing by itself: the file is there and up to date, or it is not opened
	ReadOnly               // nothing, and nothing can be written afterwards
)

// Condition is how a file is.
type Condition struct {
	Mode           fs.FileMode
	Size           int64 // bytes
	Version, Known int   // of the file's schema, and of this program's
}

// Outdated reports whether the next [Open] will bring the file up to date.
func (c Condition) Outdated() bool { return c.Version < c.Known }

// Inspect looks at all of a file and changes nothing of it. What it can tell beside an
// error it tells. Errors: as those of [Open]; [fs.ErrNotExist] among them if there is no
// file, and no trace of one.
func Inspect(ctx context.Context, o Options) (c Condition, err error) {
	o.Access = ReadOnly
	o, steps, err := o.complete()
	if err != nil {
		return c, err
	}
	c.Known = len(steps)
	info, err := os.Stat(o.Path)
	t := tracesOf(o.Path)
	switch {
	case err == nil && info.Size() == 0 && t.any() != "":
		return c, lostError(o.Path, t.any())
	case errors.Is(err, fs.ErrNotExist) && t.wal != "":
		return c, lostError(o.Path, t.wal)
	case err != nil:
		return c, Classify(o.Path, err)
	}
	c.Mode, c.Size = info.Mode(), info.Size()
	db := sql.OpenDB(connectorFor(o))
	defer func() { err = Classify(o.Path, errors.Join(err, db.Close())) }()
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return c, fmt.Errorf("check file: %w", err)
	}
	if verdict != "ok" {
		return c, damaged(o.Path, errors.New(verdict))
	}
	h, err := readHeader(ctx, db)
	if err != nil {
		return c, err
	}
	c.Version = h.version
	return c, acceptable(o, h, len(steps))
}

// current refuses what would have to be brought up to date first.
func current(ctx context.Context, db *sql.DB, o Options, steps []step) error {
	h, err := readHeader(ctx, db)
	if err != nil {
		return err
	}
	if err := acceptable(o, h, len(steps)); err != nil || h.version == len(steps) {
		return err
	}
	return &Error{
		o.Path, ErrOlderSchema, "Start the bridge: it brings the file up to date.",
		fmt.Errorf("it has version %d, this program knows %d", h.version, len(steps)),
	}
}

// connectorFor opens connections that may do what o allows.
func connectorFor(o Options) connector {
	c := connector{path: o.Path, query: "mode=rw&_txlock=immediate&_busy_timeout=5000&_foreign_keys=on&_synchronous=FULL&_secure_delete=on"}
	if o.Access == ReadOnly {
		c.query = "mode=ro&_busy_timeout=5000"
		if undisturbed(o.Path) {
			// Without the word SQLite would make a -wal and a -shm even to read.
			c.query += "&immutable=1"
		}
	}
	return c
}

// undisturbed reports whether no other program has the file open, as far as the files
// beside it show.
func undisturbed(path string) bool {
	for _, beside := range []string{"-wal", "-journal"} {
		if _, err := os.Stat(path + beside); !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}
