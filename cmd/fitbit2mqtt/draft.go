package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// A draft is what will be a file once it is complete. It is made beside its place, under a
// name that nobody else gives, and is locked while somebody works on it: the kernel lets
// go of it whatever becomes of them. So a draft that nobody holds was left by a process
// that was killed, and the next one with the same errand throws it away: there may be
// sign-ins in it. Where there are no locks, as on some network disks, it stays.

// draftEnding tells a draft from what is somebody's own.
const draftEnding = ".fitbit2mqtt-draft"

// draftPattern is what drafts of a file are called, as os.CreateTemp takes it.
func draftPattern(path string) string { return "." + filepath.Base(path) + ".*" + draftEnding }

// draftFile begins a file that will have that path. Its lock ends when it is closed.
func draftFile(path string) (*os.File, error) {
	clearDrafts(path)
	for {
		f, err := os.CreateTemp(filepath.Dir(path), draftPattern(path)) // 0600
		if err != nil {
			return nil, err
		}
		if held(f) {
			return f, nil
		}
		_ = f.Close() // somebody has just cleared it away
	}
}

// draftFolder makes a folder in which to work on a file that will have that path. To
// remove it is the caller's, and to let go of it after that.
func draftFolder(path string) (folder string, leave func() error, err error) {
	clearDrafts(path)
	for {
		folder, err := os.MkdirTemp(filepath.Dir(path), draftPattern(path)) // 0700
		if err != nil {
			return "", nil, err
		}
		f, err := os.Open(folder) //nolint:gosec // it was just made
		if errors.Is(err, fs.ErrNotExist) {
			continue // somebody has just cleared it away
		}
		if err != nil {
			return "", nil, errors.Join(err, os.Remove(folder))
		}
		if held(f) {
			return folder, f.Close, nil
		}
		_ = f.Close()
	}
}

// held takes the lock of a draft, and reports whether it is still there then. The lock is
// a shared one: some network disks give that one only for what is opened to be read.
func held(f *os.File) bool {
	if errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK) {
		return false
	}
	mine, err := f.Stat()
	there, lerr := os.Lstat(f.Name())
	return err == nil && lerr == nil && os.SameFile(mine, there)
}

// clearDrafts removes the drafts of a file that nobody works on.
func clearDrafts(path string) {
	before, after, _ := strings.Cut(draftPattern(path), "*")
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return // it may be written to all the same
	}
	for _, e := range entries {
		middle, begins := strings.CutPrefix(e.Name(), before)
		middle, ends := strings.CutSuffix(middle, after)
		if begins && ends && strings.Trim(middle, "0123456789") == "" && (e.IsDir() || e.Type().IsRegular()) {
			clearDraft(filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
}

func clearDraft(path string) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0) //nolint:gosec // a name as only we give it
	if err != nil {
		return // it is somebody else's, or just gone
	}
	defer func() { _ = f.Close() }()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		_ = os.RemoveAll(path) // what cannot be removed is in nobody's way
	}
}
