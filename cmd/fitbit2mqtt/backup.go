package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

func (a *app) newBackup() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Save sign-ins and history in one file, while the bridge runs",
		Long: `Saves tokens.db and history.db in one file, a tar archive, each as it is at one
moment; a bridge goes on meanwhile. The file has its name once it is complete, and
then takes the place of an older backup, and of nothing else.

It holds sign-ins: whoever has it can read these people's data in the cloud. With
store.key they are encrypted in it as well; the key is not in it, keep it elsewhere.

Where a refresh token can be used once (at the cloud called fitbit), a saved sign-in
is good only until the next renewal, within hours: whoever restores it later has to
sign in again. History and sign-ins at google are not affected.`,
		Example: `  fitbit2mqtt backup /mnt/nas/fitbit2mqtt.tar
  fitbit2mqtt backup "fitbit2mqtt-$(date +%F).tar"
  tar -tvf fitbit2mqtt.tar    # what is in it`,
		Args: usage(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) (err error) {
			defer func() { err = stopped(err, "no backup was made") }()
			config, err := a.loadConfig()
			if err != nil {
				return err
			}
			if !holds(config.DataDir) && !sqlite.Unfinished(config.DataDir) {
				return fail(exitStorage, "set data_dir, or --data-dir, to the bridge's folder", "there is nothing to save in %s", config.DataDir)
			}
			target, err := backupTarget(args[0], config.DataDir)
			if err != nil {
				return err
			}
			h, err := a.open(c.Context(), config)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, h.close()) }()
			return a.backup(c.Context(), h, target)
		},
	}
}

// holds reports whether there is a database in a data folder.
func holds(folder string) bool {
	for _, name := range []string{tokensFile, historyFile} {
		if _, err := os.Lstat(filepath.Join(folder, name)); err == nil {
			return true
		}
	}
	return false
}

// backupTarget is where a backup goes. What it replaces has to be one, or empty: a slip of
// the keyboard must not cost anybody a file.
func backupTarget(path, dataDir string) (string, error) {
	folder, name := filepath.Split(path)
	if name == "" || name == "-" { // a pipe would take half a backup for a whole one
		return "", fail(exitUsage, "name a file: "+filepath.Join(folder, "fitbit2mqtt.tar"), "a backup is a file, and %q is the name of none", path)
	}
	there, err := os.Stat(filepath.Dir(path))
	if err != nil || !there.IsDir() {
		return "", fail(exitStorage, "make the folder first, or name another", "there is no folder %s", filepath.Dir(path))
	}
	if own, err := os.Stat(dataDir); err == nil && os.SameFile(own, there) && inUse(name) {
		return "", fail(exitUsage, "name another file", "%s is the bridge's own", path)
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	target, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) { // a disk that is not mounted; standard output, if it is a pipe
		return "", fail(exitStorage, "mount or make what it leads to, or name a file", "%s leads to something that is not there", path)
	}
	if err != nil {
		return "", sqlite.Classify(path, err)
	}
	info, err := os.Stat(target)
	switch {
	case err != nil:
		return "", sqlite.Classify(path, err)
	case info.IsDir():
		return "", fail(exitUsage, "name a file in it: "+filepath.Join(path, "fitbit2mqtt.tar"), "%s is a folder", path)
	case !info.Mode().IsRegular():
		return "", fail(exitUsage, "name a file", "%s is not a file", path)
	case info.Size() == 0:
		return target, nil
	}
	old, err := openArchive(target)
	if err != nil {
		return "", fail(exitUsage, "name another file, or delete this one first", "%s exists, and is no backup of fitbit2mqtt", path)
	}
	return target, old.close()
}

// inUse reports whether a file of that name in the data folder is a bridge's: empty, as
// some of them are, it would be taken for nobody's.
func inUse(name string) bool {
	return strings.HasPrefix(name, tokensFile) || strings.HasPrefix(name, historyFile) || name == filepath.Base(lockFile(""))
}

// backup saves both databases, and says what that means.
func (a *app) backup(ctx context.Context, h *house, target string) error {
	size, err := h.save(ctx, target)
	if err != nil {
		return err
	}
	accounts, err := h.tokens.Accounts(context.WithoutCancel(ctx)) // the backup is there
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s and %s of %s are saved in %s (%d kB).\n", tokensFile, historyFile, h.config.DataDir, target, (size+999)/1000)
	switch {
	case len(accounts) == 0:
	case h.config.StoreKey != "":
		text += "The sign-ins in it are encrypted. The key is not in it: keep it elsewhere.\n"
	default:
		text += "It holds sign-ins, which are not encrypted: keep it where nobody else can read it.\n"
	}
	if names := singleUse(accounts); names != "" {
		text += "These people's refresh tokens can be used once, so that the saved ones are spent at the next renewal, within\n" +
			"hours; restored after that, they have to sign in again. History is not affected: " + names + "\n"
	}
	return a.printf("%s", text)
}

// singleUse names the people whose saved sign-in does not last.
func singleUse(accounts []tokenstore.Account) string {
	var names []string
	for _, s := range accounts {
		if s.SignedIn && !s.Retired && backendOf(s.Backend).singleUse {
			names = append(names, s.Name)
		}
	}
	return strings.Join(names, ", ")
}

// save writes the backup beside its place and moves it there once it is on the disk.
func (h *house) save(ctx context.Context, target string) (size int64, err error) {
	work, leave, err := draftFolder(target)
	if err != nil {
		return 0, unwritten(target, err)
	}
	defer func() { err = unwritten(target, errors.Join(err, os.RemoveAll(work), leave())) }()
	if err := h.tokens.Copy(ctx, filepath.Join(work, tokensFile)); err != nil {
		return 0, err
	}
	if err := h.history.Copy(ctx, filepath.Join(work, historyFile)); err != nil {
		return 0, err
	}
	m := manifest{Format: archiveFormat, Version: buildVersion().Version, MadeAt: time.Now().Round(time.Second)}
	if m.Databases, err = measure(work, tokensFile, historyFile); err != nil {
		return 0, err
	}
	f, err := os.OpenFile(filepath.Join(work, "archive"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator's folder
	if err != nil {
		return 0, err
	}
	err = writeArchive(f, m, work)
	if err == nil {
		err = f.Sync()
	}
	info, serr := f.Stat()
	if err = errors.Join(err, serr, f.Close(), ctx.Err()); err != nil {
		return 0, err
	}
	if err := os.Rename(f.Name(), target); err != nil {
		return 0, err
	}
	return info.Size(), sqlite.SyncFolder(filepath.Dir(target))
}

// unwritten says why a backup was not written, under the name that it was to have.
func unwritten(target string, err error) error {
	if e, ok := errors.AsType[*sqlite.Error](err); ok && e.Err != nil {
		err = e.Err
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return sqlite.Classify(target, err)
}
