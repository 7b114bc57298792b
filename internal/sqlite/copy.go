package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"github.com/mattn/go-sqlite3"
)

// pagesAtOnce is how much of a copy is made before it is asked whether it is still wanted.
const pagesAtOnce = 256

// Copy writes the database as it is at this moment to a new file, which only its owner
// can read and which is on the disk afterwards. Everybody goes on reading and writing
// meanwhile, in this process and in others. Of a copy that fails nothing stays. Errors:
// an [*Error] that names the target; ctx's own.
func Copy(ctx context.Context, db *sql.DB, target string) error {
	f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the path is the operator's choice
	if err != nil {
		return Classify(target, fmt.Errorf("copy: %w", err))
	}
	err = f.Close()
	if err == nil {
		err = copyInto(ctx, db, target)
	}
	if err != nil {
		return Classify(target, errors.Join(fmt.Errorf("copy: %w", err), os.Remove(target)))
	}
	return nil
}

func copyInto(ctx context.Context, db *sql.DB, target string) (err error) {
	from, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := connectorFor(Options{Path: target}).Connect(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	return from.Raw(func(driverConn any) error {
		source, ok := driverConn.(*sqlite3.SQLiteConn)
		copied, also := to.(*sqlite3.SQLiteConn)
		if !ok || !also {
			return fmt.Errorf("%T and %T are not SQLite's", driverConn, to)
		}
		return copyPages(ctx, copied, source)
	})
}

// copyPages uses SQLite's online backup. It reads in one transaction from the first page
// to the last: without that, SQLite would begin anew whenever somebody has written.
func copyPages(ctx context.Context, to, from *sqlite3.SQLiteConn) (err error) {
	if _, err := from.Exec("BEGIN; SELECT 1 FROM sqlite_schema", nil); err != nil {
		return err
	}
	defer func() {
		_, ended := from.Exec("ROLLBACK", nil)
		err = errors.Join(err, ended)
	}()
	b, err := to.Backup("main", from, "main")
	if err != nil {
		return err
	}
	for done := false; !done && err == nil; {
		if err = ctx.Err(); err == nil {
			done, err = b.Step(pagesAtOnce)
		}
	}
	if err != nil {
		_ = b.Close() // says the same again
		return primary(err)
	}
	return b.Close()
}

// primary drops what SQLite adds to the kind of an error, as everything but a backup does.
func primary(err error) error {
	if se, ok := errors.AsType[sqlite3.Error](err); ok {
		se.ExtendedCode = sqlite3.ErrNoExtended(se.Code)
		se.Code &= 0xff
		return se
	}
	return err
}
