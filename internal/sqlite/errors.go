package sqlite

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/mattn/go-sqlite3"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// What can go wrong with a file. Every [*Error] is ErrStorage and, if more is
// known, one of the others. Match with [errors.Is].
var (
	ErrStorage     = fitbit.ErrStorage
	ErrCorrupt     = errors.New("file is damaged")
	ErrForeign     = errors.New("file belongs to another program")
	ErrNewerSchema = errors.New("file was written by a newer version")
	ErrOlderSchema = errors.New("file was written by an older version") // and may not be brought up to date, see [Access]
	ErrReadOnly    = errors.New("file cannot be written")
	ErrFull        = errors.New("disk is full")
	ErrBusy        = errors.New("file is in use")
)

// Error says what is wrong with which file, and what a person can do about it.
type Error struct {
	Path string
	Kind error  // one of the Err values of this package
	Hint string // one sentence
	Err  error  // what SQLite or the system said; may be nil
}

// Error returns path, kind and cause in one line, never the hint.
func (e *Error) Error() string {
	s := e.Path + ": " + e.Kind.Error()
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Advice returns the hint, for [fitbit.Hint].
func (e *Error) Advice() string { return e.Hint }

// Unwrap makes [ErrStorage], kind and cause visible to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	all := []error{ErrStorage, e.Kind}
	if e.Err != nil {
		all = append(all, e.Err)
	}
	return all
}

// Classify turns an error met while using the file at path into an [*Error].
// Errors that are not the file's fault (a context's, no rows, a constraint) and
// those already classified come back as they are.
func Classify(path string, err error) error {
	var known *Error
	if err == nil || errors.As(err, &known) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var se sqlite3.Error
	var errno syscall.Errno
	switch {
	case errors.As(err, &se):
		return fromSQLite(path, se, err)
	case errors.As(err, &errno):
		return fromSystem(path, errno, err)
	default:
		return err
	}
}

func fromSQLite(path string, se sqlite3.Error, err error) error {
	switch se.Code {
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB, sqlite3.ErrFormat:
		return damaged(path, err)
	case sqlite3.ErrReadonly, sqlite3.ErrPerm:
		return fromSystem(path, syscall.EROFS, err)
	case sqlite3.ErrFull:
		return fromSystem(path, syscall.ENOSPC, err)
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return &Error{path, ErrBusy, "Close the other program that has the file open, and try again.", err}
	case sqlite3.ErrIoErr, sqlite3.ErrCantOpen, sqlite3.ErrProtocol, sqlite3.ErrNoLFS:
		return fromSystem(path, se.SystemErrno, err)
	default:
		return err // our mistake, not the file's
	}
}

func fromSystem(path string, errno syscall.Errno, err error) error {
	switch errno {
	case syscall.EROFS, syscall.EACCES, syscall.EPERM:
		return &Error{path, ErrReadOnly, "Make the file and its folder writable for the user this program runs as.", err}
	case syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG:
		return &Error{path, ErrFull, "Free some space on the disk that holds the file.", err}
	default:
		return &Error{path, ErrStorage, "Check that the disk is healthy and that the path names a file on a local disk.", err}
	}
}

// traces are signs of a database beside the place where it should be; empty if absent.
type traces struct{ wal, backup string }

func (t traces) any() string {
	if t.wal != "" {
		return t.wal
	}
	return t.backup
}

func tracesOf(path string) traces {
	var t traces
	if info, err := os.Stat(path + "-wal"); err == nil && info.Size() > 0 {
		t.wal = path + "-wal"
	}
	t.backup = newestBackup(path)
	return t
}

// Backups lists the copies of the file at path that migrations made, oldest version first.
func Backups(path string) []string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil // a folder that cannot be listed has nothing to offer
	}
	var found []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filepath.Base(path)+".v") && strings.HasSuffix(e.Name(), ".bak") {
			found = append(found, filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
	slices.SortStableFunc(found, func(a, b string) int { // by length first: v10 is after v9
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	})
	return found
}

func newestBackup(path string) string {
	if all := Backups(path); len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}

func orCopy(path string) string {
	if b := newestBackup(path); b != "" {
		return ", or replace it and its -wal by the copy " + b
	}
	return ""
}

func damaged(path string, err error) error {
	return &Error{path, ErrCorrupt, "Move " + path + " and its -wal away to start afresh" + orCopy(path) + ".", err}
}

// lostError refuses to start afresh where trace says that there was something.
func lostError(path, trace string) error {
	return &Error{
		path, ErrCorrupt,
		"Put the file back" + orCopy(path) + "; to start afresh, move " + path + " and its -wal away.",
		errors.New("it is missing or empty, but " + trace + " is there"),
	}
}
