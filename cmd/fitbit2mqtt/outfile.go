package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// save has a file written beside the one of that path, and puts it there when it is
// complete: whatever goes wrong, there is no half file, and one that was there before
// stays as it was. Without a path it is standard output that is written to.
func (a *app) save(path string, write func(io.Writer) error) error {
	if path == "" {
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
		if !info.Mode().IsRegular() {
			return fail(exitStorage, "give --out the name of a file", "%s is not a file", path)
		}
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return unwritable(path, err)
	}
	t := &sink{w: f}
	werr := write(t)
	if t.err == nil && werr == nil {
		t.err = errors.Join(f.Chmod(mode), f.Sync())
	}
	if err := f.Close(); t.err == nil && werr == nil {
		t.err = err
	}
	if t.err == nil && werr == nil {
		t.err = os.Rename(f.Name(), path)
	}
	if t.err == nil && werr == nil {
		return nil
	}
	err = os.Remove(f.Name())
	if t.err != nil {
		return unwritable(path, errors.Join(t.err, err))
	}
	return errors.Join(werr, err)
}

func unwritable(path string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err // it names a file that nobody has heard of
	}
	return fail(exitStorage, "check that the folder exists, may be written to and has room, or choose another", "%s cannot be written: %w", path, err)
}

// sink remembers what its writer failed with.
type sink struct {
	w   io.Writer
	err error
}

func (t *sink) Write(b []byte) (int, error) {
	n, err := t.w.Write(b)
	if err != nil && t.err == nil {
		t.err = fmt.Errorf("after %d bytes: %w", n, err)
	}
	return n, err
}
