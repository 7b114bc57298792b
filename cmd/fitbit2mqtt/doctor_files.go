package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/history"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/googlehealth"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// leastSpace is how much of the disk should be free, in bytes: a household's databases
// are a few megabytes, and a migration copies them.
const leastSpace = 50 << 20

// writable is W_OK of access(2), which syscall has no name for.
const writable = 2

// files looks at what is in the data folder, and opens it for the rest.
func (d *doctor) files(ctx context.Context) []finding {
	if why := d.mend("data_dir"); why != "" {
		return append([]finding{skip("data_folder", "%s", why)}, d.unseen(why)...)
	}
	ctx, cancel := context.WithTimeout(ctx, inspectTime)
	defer cancel()
	leave, err := peek(ctx, d.config.DataDir)
	if errors.Is(err, errRestoring) || errors.Is(err, errInterrupted) {
		return append([]finding{trouble("data_folder", err)}, d.unseen("the restore comes first")...)
	}
	d.leave = leave // nil if the folder cannot be looked at, which is a finding
	tokens, past := filepath.Join(d.config.DataDir, tokensFile), filepath.Join(d.config.DataDir, historyFile)
	found := []finding{d.folder(), d.lock()}
	forTokens, tokensUsable := d.database(ctx, "tokens_db", tokens, tokenstore.Inspect, past)
	forHistory, historyUsable := d.database(ctx, "history_db", past, history.Inspect, tokens)
	found = append(found, forTokens, forHistory, d.key(ctx, tokens, tokensUsable, forTokens.Status))
	if historyUsable {
		found = append(found, d.recall(ctx, past)...)
	}
	return found
}

// unseen skips what is in the data folder.
func (d *doctor) unseen(why string) (found []finding) {
	d.unknown = why
	for _, check := range []string{"bridge", "tokens_db", "history_db", "key"} {
		found = append(found, skip(check, "%s", why))
	}
	return found
}

// folder looks at the data folder itself.
func (d *doctor) folder() finding {
	const check = "data_folder"
	path := d.config.DataDir
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return skip(check, "%s is not there yet; the first start makes it", path)
	case err != nil:
		return bad(check, exitStorage, "let the user this program runs as get at "+path, "%s", err)
	case !info.IsDir():
		return bad(check, exitStorage, "set data_dir to a folder", "%s is no folder", path)
	case info.Mode().Perm()&0o077 != 0 && d.read.supervisor == nil: // an app's folder is nobody else's, whatever its mode
		return bad(check, exitStorage, "chmod 700 "+path, "others can look into %s (mode %04o)", path, info.Mode().Perm())
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) != os.Geteuid() {
		if os.Geteuid() == 0 {
			return warn(check, "use sudo -u for commands, too", "%s belongs to user %d, and this is root", path, s.Uid)
		}
		return bad(check, exitStorage, fmt.Sprintf("run this as that user, or: chown -R %d %s", os.Geteuid(), path),
			"%s belongs to user %d, and this is %d", path, s.Uid, os.Geteuid())
	}
	if err := syscall.Access(path, writable); err != nil {
		return bad(check, exitStorage, "make "+path+" writable for the user this program runs as", "%s cannot be written: %s", path, err)
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(path, &disk); err != nil {
		return bad(check, exitStorage, "check that the disk is healthy", "free space of %s: %s", path, err)
	}
	return space(path, disk.Bavail*uint64(disk.Bsize)) //nolint:gosec // no block is smaller than nothing
}

// space warns before the disk is full.
func space(path string, free uint64) finding {
	if free < leastSpace {
		return warn("data_folder", "free some space on the disk", "%d MB are free for %s", free>>20, path)
	}
	return fine("data_folder", "%s is private and has space", path)
}

// lock looks whether a bridge runs. It holds the lock itself for no longer than that.
func (d *doctor) lock() finding {
	const check = "bridge"
	f, err := os.Open(lockFile(d.config.DataDir))
	if err == nil {
		d.running = errors.Is(syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
		err = f.Close()
	}
	if d.running && polling(d.config.DataDir) {
		d.running = false
		return fine(check, "a poll is under way with this data folder")
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !d.running:
		return warn(check, "start it: fitbit2mqtt run", "none runs with this data folder")
	case err != nil:
		return bad(check, exitStorage, "let the user this program runs as get at the data folder", "%s", err)
	}
	return fine(check, "runs with this data folder")
}

// database looks at one file, beside which there may be another, and says whether it can
// be used.
func (d *doctor) database(
	ctx context.Context, check, path string, inspect func(context.Context, string) (sqlite.Condition, error), other string,
) (f finding, usable bool) {
	c, err := inspect(ctx, path)
	if err == nil && c.Size == 0 {
		err = emptied(path, other)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return skip(check, "%s is not there yet; the first start makes it", path), false
	case errors.Is(err, context.DeadlineExceeded):
		return warn(check, "try again while the disk has less to do", "%s could not be looked at in time", path), false
	case err != nil:
		return trouble(check, err), false
	case c.Outdated():
		return warn(check, "the next start of the bridge brings it up to date and keeps a copy",
			"%s has schema %d, and this version %d", path, c.Version, c.Known), false
	case c.Mode.Perm()&0o077 != 0:
		return bad(check, exitStorage, "chmod 600 "+path, "others can read %s (mode %04o)", path, c.Mode.Perm()), true
	}
	return fine(check, "%s is sound, schema %d, %d kB", path, c.Version, (c.Size+1023)>>10), true
}

// key looks whether tokens.db opens, and reads from it who is connected.
func (d *doctor) key(ctx context.Context, path string, usable bool, file status) finding {
	const check = "key"
	set := d.config.StoreKey != ""
	why := d.mend("store")
	switch {
	case why != "":
		d.unknown = why
	case !usable && file == skipped: // nobody is connected yet
		why = "there is nothing to open yet"
	case !usable:
		why = "tokens.db comes first"
		d.unknown = why
	}
	if why != "" {
		return skip(check, "%s", why)
	}
	access := sqlite.AsIs // a token may have to be renewed
	if d.offline {
		access = sqlite.ReadOnly
	}
	store, err := tokenstore.Open(ctx, tokenstore.Options{Path: path, Key: []byte(d.config.StoreKey), Access: access, Now: d.now, Log: d.log})
	if err != nil {
		d.unknown = "the key comes first"
		return trouble(check, err)
	}
	d.house = house{config: d.config, log: d.log, tokens: store}
	d.house.desk = &signin.Desk{Store: store, Clouds: clouds(d.config, googlehealth.NewHTTPClient()), Default: backends()[0].name, Log: d.log}
	accounts, err := store.Accounts(ctx)
	if err != nil {
		d.unknown = "tokens.db comes first"
		return trouble("tokens_db", err)
	}
	for _, a := range accounts {
		d.people = append(d.people, subject{Account: a})
	}
	switch {
	case store.Sealed():
		return fine(check, "it opens tokens.db")
	case set:
		return warn(check, "the next start of the bridge does it", "it is set, but tokens.db is not encrypted with it yet")
	}
	return fine(check, "none is set, and tokens.db is not encrypted")
}

// recall reads what is remembered of everybody. A finding is what went wrong.
func (d *doctor) recall(ctx context.Context, path string) []finding {
	store, err := history.Open(ctx, history.Options{Path: path, Access: sqlite.ReadOnly, Now: d.now, Log: d.log})
	if err != nil {
		return []finding{trouble("history_db", err)}
	}
	d.house.history = store
	for i := range d.people {
		s := &d.people[i]
		if s.past, err = store.Recall(ctx, s.UID); err != nil {
			return []finding{trouble("history_db", err)}
		}
		s.remembered = s.past.Profile.Identity != "" || !s.past.Profile.BaselineAt.IsZero()
	}
	return nil
}
