package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
)

// A data folder is used by any number of commands at once, or by one that replaces its
// databases: SQLite has no lock for that. The kernel's lock on the folder itself is it,
// and ends with the process, however that ends.

// patienceForFolder is how long a command waits for others to leave: most are short.
const patienceForFolder = 2 * time.Second

// share waits its turn for a data folder, which is made if need be, and finishes what a
// restore has left to do that was killed.
func share(ctx context.Context, folder string, logger *slog.Logger) (leave func() error, err error) {
	f, err := openFolder(folder)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	for {
		if err := flock(ctx, f, syscall.LOCK_SH, patienceForFolder); err != nil {
			return nil, refused(err, "wait until that has ended", "%w %s", errRestoring, folder)
		}
		if !sqlite.Unfinished(folder) {
			// Nobody restores while we are here: there are sign-ins in what may have been left.
			if err := sqlite.DiscardReplacement(folder); err != nil {
				logger.Warn("what an interrupted restore has left could not be deleted", "error", err)
			}
			return f.Close, nil
		}
		// Of several that come at once, the first one to be alone does it.
		err := flock(ctx, f, syscall.LOCK_EX, patienceForFolder)
		if err != nil && !sqlite.Unfinished(folder) {
			continue // somebody has, and stays
		}
		if err != nil {
			return nil, refused(err, "end the other commands that use it, and try again", "a restore was interrupted and waits to be finished in the data folder %s", folder)
		}
		unfinished, err := sqlite.FinishReplacement(folder)
		if err != nil {
			return nil, err
		}
		if unfinished {
			logger.Info("a restore that was interrupted is finished", "data_dir", folder)
		}
	}
}

// What keeps one from the databases of a data folder.
var (
	errRestoring   = errors.New("a restore is under way in the data folder")
	errInterrupted = errors.New("a restore was interrupted in the data folder")
)

// peek keeps restores out of a data folder that is only looked at, and changes nothing.
func peek(ctx context.Context, folder string) (leave func() error, err error) {
	f, err := os.Open(folder) //nolint:gosec // the operator's folder
	if err != nil {
		return nil, err
	}
	if err = flock(ctx, f, syscall.LOCK_SH, patienceForFolder); err != nil {
		err = refused(err, "wait until that has ended", "%w %s", errRestoring, folder)
	} else if sqlite.Unfinished(folder) {
		err = fail(exitStorage, "start the bridge, or any other command: it finishes that", "%w %s", errInterrupted, folder)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}

// occupy keeps everybody else out of a data folder.
func occupy(ctx context.Context, folder string) (leave func() error, err error) {
	f, err := openFolder(folder)
	if err != nil {
		return nil, err
	}
	leave = f.Close
	// A bridge is told from other commands, also one of a version that knows only this lock.
	if _, err := os.Stat(lockFile(folder)); err == nil {
		release, err := lock(folder)
		switch {
		case errors.Is(err, errLocked) && polling(folder):
			err = fail(exitStorage, "wait until it has ended", "a poll is under way with the data folder %s", folder)
		case errors.Is(err, errLocked):
			err = fail(exitStorage, "stop it, restore, and start it again", "%w %s", errLocked, folder)
		}
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		leave = func() error { return errors.Join(f.Close(), release()) }
	}
	if err := flock(ctx, f, syscall.LOCK_EX, patienceForFolder); err != nil {
		return nil, errors.Join(refused(err, "wait until it has ended", "another command uses the data folder %s", folder), leave())
	}
	return leave, nil
}

func openFolder(folder string) (*os.File, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, sqlite.Classify(folder, err)
	}
	f, err := os.Open(folder) //nolint:gosec // the operator's folder
	return f, sqlite.Classify(folder, err)
}

// flock waits for a lock, but not for long. While it waits it has none.
func flock(ctx context.Context, f *os.File, how int, long time.Duration) error {
	patience, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	for {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		select {
		case <-patience.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// refused says so of a lock that others have. What else keeps one from a lock is said as it is.
func refused(err error, hint, format string, args ...any) error {
	if errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, context.Canceled) {
		return fail(exitStorage, hint, format, args...)
	}
	return fmt.Errorf("lock the data folder: %w", err)
}

// filled gives another command, which is making the databases at this moment, the time
// to fill both.
func filled(ctx context.Context, paths ...string) error {
	patience, cancel := context.WithTimeout(ctx, patienceForFolder)
	defer cancel()
	for {
		err := emptied(paths...)
		if err == nil {
			return nil
		}
		select {
		case <-patience.Done():
			return cmp.Or(ctx.Err(), err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// emptied refuses a database that has lost its content while the other one kept
// its own: a new one in its place would forget everybody without a word.
func emptied(paths ...string) error {
	size := make(map[string]int64)
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			size[path] = info.Size()
		}
	}
	for _, path := range paths {
		if n, exists := size[path]; exists && n == 0 && len(size) == len(paths) && slices.ContainsFunc(paths, func(p string) bool { return size[p] > 0 }) {
			return fail(exitStorage, "restore it from a backup (copies are called "+filepath.Base(path)+".v….bak), or delete it to start anew",
				"%s is empty, though the other database is not", path)
		}
	}
	return nil
}
