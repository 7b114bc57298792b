package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
)

// save has a file written beside the one of that path, and puts it there when it is
// complete: whatever goes wrong, there is no half file, and one that was there before
// stays as it was. Without a path it is standard output that is written to. What is no
// file, but takes bytes, gets them as they come.
func (a *app) save(path string, write func(io.Writer) error) error {
	switch path {
	case "", "-", "/dev/stdout": // which may lead to a file that others write to as well
		t := &sink{w: a.out}
		if err := write(t); t.err == nil {
			return err
		}
		return fail(exitStorage, "write to somewhere with room, or use --out", "write to standard output: %w", t.err)
	}
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved // what a link points to is what is meant
	}
	mode := fs.FileMode(0o600) // these are somebody's own data
	if info, err := os.Stat(path); err == nil {
		switch kind := info.Mode().Type(); {
		case kind&(fs.ModeNamedPipe|fs.ModeCharDevice) != 0:
			return stream(path, write)
		case kind != 0:
			return fail(exitStorage, "give --out the name of a file", "%s is not a file", path)
		}
		mode = info.Mode().Perm()
	}
	folder := filepath.Dir(path)
	if info, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return fail(exitStorage, "make the folder first, or name another", "there is no folder %s", folder)
	}
	f, err := draftFile(path)
	if err != nil {
		return unwritten(path, err)
	}
	t := &sink{w: f}
	if err := write(t); err != nil && t.err == nil { // not the file's fault
		return errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	err = t.err
	if err == nil {
		err = errors.Join(f.Chmod(mode), f.Sync())
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // what is wrong is known already
		return unwritten(path, err)
	}
	return unwritten(path, sqlite.SyncFolder(folder))
}

// stream has a pipe or device written to.
func stream(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0) //nolint:gosec // the operator says where to
	if err != nil {
		return unwritten(path, err)
	}
	t := &sink{w: f}
	if err = write(t); t.err != nil {
		err = unwritten(path, t.err)
	}
	return errors.Join(err, f.Close())
}

// sink remembers what its writer failed with.
type sink struct {
	w   io.Writer
	err error
}

func (t *sink) Write(b []byte) (int, error) {
	n, err := t.w.Write(b)
	if err != nil && t.err == nil {
		t.err = err
	}
	return n, err
}
