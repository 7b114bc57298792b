package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

const (
	// waiting is where databases are put that are to take the place of others. After a
	// crash they are worth nothing.
	waiting = "restore.tmp"
	// decided is what it is called once they are complete: from then on they are the
	// folder's databases, and whoever comes next puts them in their places.
	decided = "restore.ready"
	// Kept is added to the names of those whose place was taken.
	Kept = ".before-restore"
)

// Replacement is a set of databases that takes the place of those in a folder: all of
// them or none, whatever interrupts it. The caller sees to it that nobody has any of
// them open meanwhile, and calls [FinishReplacement] before they are opened again.
type Replacement struct {
	folder string
	names  []string
	at     func(point string) // tests only: called after each step
}

// Replace begins to replace the databases of those names in a folder, which is made if
// need be. Until [Replacement.Commit] it changes nothing. What is kept of the last
// replacement is never overwritten: it may be all that there is of somebody's data.
// Errors: an [*Error] that names the folder or what is in the way.
func Replace(folder string, names ...string) (*Replacement, error) {
	for _, name := range names {
		for _, kept := range []string{filepath.Join(folder, name+Kept), filepath.Join(folder, name+Kept+"-wal")} {
			if _, err := os.Lstat(kept); err == nil {
				return nil, &Error{kept, ErrStorage, "Move it away, or delete it if nobody misses anything since the last restore.", errors.New("it is kept from before the last restore")}
			}
		}
	}
	place := filepath.Join(folder, waiting)
	err := os.MkdirAll(folder, 0o700)
	if err == nil {
		err = os.RemoveAll(place)
	}
	if err == nil {
		err = os.Mkdir(place, 0o700)
	}
	if err == nil {
		err = entrust(place, folder) // whoever comes next may have to finish, or to clear away
	}
	if err != nil {
		return nil, Classify(place, err)
	}
	return &Replacement{folder, names, func(string) {}}, nil
}

// Path is where the successor of the database of that name has to be.
func (r *Replacement) Path(name string) string { return filepath.Join(r.folder, waiting, name) }

// Discard forgets what has not been committed. Errors: an [*Error].
func (r *Replacement) Discard() error { return DiscardReplacement(r.folder) }

// DiscardReplacement clears away what a replacement has left that was interrupted before
// it was committed. The caller sees to it that none is under way. Errors: an [*Error].
func DiscardReplacement(folder string) error {
	place := filepath.Join(folder, waiting)
	return Classify(place, os.RemoveAll(place))
}

// Commit puts the databases, which are closed by now, in their places. After an error
// the folder is as before, or [FinishReplacement] will do the rest. Errors: an [*Error].
func (r *Replacement) Commit() error {
	place := filepath.Join(r.folder, waiting)
	err := r.complete(place)
	if err == nil {
		r.at("complete")
		err = os.Rename(place, filepath.Join(r.folder, decided))
	}
	if err == nil {
		err = SyncFolder(r.folder)
	}
	if err != nil {
		return Classify(place, err)
	}
	r.at("decided")
	_, err = finish(r.folder, r.at)
	return err
}

// complete sees to it that the databases are there, on the disk and nobody else's.
func (r *Replacement) complete(place string) error {
	entries, err := os.ReadDir(place)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(place, e.Name())
		if slices.Contains(r.names, e.Name()) {
			continue
		}
		if info, err := e.Info(); err != nil || info.Size() > 0 && filepath.Ext(path) == ".db-wal" {
			return errors.Join(fmt.Errorf("%s is still in use", path), err)
		}
		if err := os.Remove(path); err != nil { // copies made by migrations, and the like
			return err
		}
	}
	for _, name := range r.names {
		if err := r.settle(filepath.Join(place, name)); err != nil {
			return err
		}
	}
	return SyncFolder(place)
}

// settle gives a file to whoever owns the folder, and syncs it.
func (r *Replacement) settle(path string) error {
	f, err := os.Open(path) //nolint:gosec // the path is the operator's choice
	if err != nil {
		return err
	}
	return errors.Join(entrust(path, r.folder), f.Sync(), f.Close())
}

// entrust gives what root has made to whoever owns the folder, as SQLite does with the
// files that it makes.
func entrust(path, folder string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(folder)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return os.Lchown(path, int(owner.Uid), int(owner.Gid))
}

// FinishReplacement does what is left to do of a replacement that was interrupted, and
// reports whether there was one. Errors: an [*Error].
func FinishReplacement(folder string) (bool, error) { return finish(folder, func(string) {}) }

// Unfinished reports whether there is something to do for [FinishReplacement].
func Unfinished(folder string) bool {
	_, err := os.Lstat(filepath.Join(folder, decided))
	return err == nil
}

// finish may have been interrupted anywhere before: a database that is not in the folder
// of the decided ones any more is in its place.
func finish(folder string, at func(point string)) (bool, error) {
	from := filepath.Join(folder, decided)
	entries, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return true, Classify(from, err)
	}
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		err := setAside(path, at)
		if err == nil {
			err = SyncFolder(folder) // what was there has its new name before that one is given away
		}
		if err == nil {
			err = os.Rename(filepath.Join(from, e.Name()), path)
		}
		if err != nil {
			return true, Classify(path, err)
		}
		at("in place")
	}
	err = SyncFolder(folder)
	if err == nil {
		err = os.Remove(from)
	}
	if err == nil {
		at("done")
		err = SyncFolder(folder)
	}
	return true, Classify(from, err)
}

// setAside gives a database and its log other names, under which they still belong together.
func setAside(path string, at func(point string)) error {
	for _, suffix := range []string{"", "-wal", "-journal"} {
		err := os.Rename(path+suffix, path+Kept+suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		at("aside" + suffix)
	}
	// The index of the log is made anew by whoever opens it.
	if err := os.Remove(path + "-shm"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
