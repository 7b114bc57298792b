package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/history"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

func (a *app) newRestore() *cobra.Command {
	yes := false
	c := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup's sign-ins and history in place of those here",
		Long: `Puts the databases of a backup in the data folder. Before anything is replaced, all
of the backup is checked, and its sign-ins have to open with the configured
store.key. No bridge may run meanwhile. If it is interrupted, even by a power cut,
everything is as before, or the next command finishes what was begun.

What was there before stays beside it, as tokens.db` + sqlite.Kept + ` and
history.db` + sqlite.Kept + `; while it is there, nothing else is restored. The way back:
stop the bridge and give both, and a -wal of theirs, the names they had.

What was weighed after the backup was made is told of again, as events with the ids
they had. Where a refresh token can be used once (at the cloud called fitbit),
whoever's was renewed after the backup has to sign in again:
"fitbit2mqtt accounts refresh" shows who.`,
		Example: `  fitbit2mqtt restore /mnt/nas/fitbit2mqtt.tar
  fitbit2mqtt restore fitbit2mqtt.tar --data-dir /var/lib/fitbit2mqtt --yes`,
		Args: usage(cobra.ExactArgs(1)),
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask whether to replace what is there; needed where there is no terminal")
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		defer func() { err = stopped(err, "nothing was restored") }()
		config, err := a.loadConfig()
		if err != nil {
			return err
		}
		backup, err := openArchive(args[0])
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, backup.close()) }()
		leave, err := occupy(c.Context(), config.DataDir)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, leave()) }()
		return a.restore(c.Context(), config, backup, yes)
	}
	return c
}

// restore replaces the databases of a data folder that nobody else uses.
func (a *app) restore(ctx context.Context, c config, backup *archive, yes bool) (err error) {
	if _, err := sqlite.FinishReplacement(c.DataDir); err != nil {
		return err
	}
	r, err := sqlite.Replace(c.DataDir, tokensFile, historyFile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Discard()) }()
	replaces, when := holds(c.DataDir), backup.MadeAt.Local().Format(asClocksShow)
	// Before anything is unpacked: whoever ends the program at the question leaves no sign-ins behind.
	if replaces && !yes {
		if err := a.confirm(fmt.Sprintf("Replace what is in %s by the backup of %s?", c.DataDir, when), "nothing was restored"); err != nil {
			return err
		}
	}
	if err := backup.unpack(r.Path, tokensFile, historyFile); err != nil {
		return err
	}
	accounts, err := backup.check(ctx, c, r)
	if err = errors.Join(err, ctx.Err()); err != nil {
		return err
	}
	if err := r.Commit(); err != nil {
		return err
	}
	return a.printf("%s", restored(c, when, accounts, replaces))
}

// check opens the databases as a bridge will, which brings older ones up to date and
// encrypts plain ones if there is a key, and returns who is in them.
func (b *archive) check(ctx context.Context, c config, r *sqlite.Replacement) ([]tokenstore.Account, error) {
	if err := b.sound(ctx, tokensFile, r, tokenstore.Inspect); err != nil {
		return nil, err
	}
	if err := b.sound(ctx, historyFile, r, history.Inspect); err != nil {
		return nil, err
	}
	tokens, err := tokenstore.Open(ctx, tokenstore.Options{Path: r.Path(tokensFile), Key: []byte(c.StoreKey)})
	if err != nil {
		return nil, b.unfit(tokensFile, err)
	}
	accounts, err := tokens.Accounts(ctx)
	if err = errors.Join(err, tokens.Close()); err != nil {
		return nil, b.unfit(tokensFile, err)
	}
	past, err := history.Open(ctx, history.Options{Path: r.Path(historyFile)})
	if err == nil {
		err = past.Close()
	}
	if err != nil {
		return nil, b.unfit(historyFile, err)
	}
	return accounts, nil
}

// sound looks at all of a database, and refuses one that a bridge would take for new.
func (b *archive) sound(ctx context.Context, name string, r *sqlite.Replacement, inspect func(context.Context, string) (sqlite.Condition, error)) error {
	c, err := inspect(ctx, r.Path(name))
	if err != nil {
		return b.unfit(name, err)
	}
	if c.Version == 0 {
		return b.damaged(errors.New(name + " is empty"))
	}
	return nil
}

// unfit says of a database in a backup what is wrong with it. What is wrong with the
// disk here is said as it is.
func (b *archive) unfit(name string, err error) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	said := b.path + ": " + name + ": " + strings.TrimPrefix(e.Error(), e.Path+": ")
	switch {
	case errors.Is(err, tokenstore.ErrKeyMissing), errors.Is(err, tokenstore.ErrWrongKey):
		return fail(exitStorage, "set store.key or store.key_file to the key that was in use when the backup was made; nothing was changed", "%s", said)
	case errors.Is(err, sqlite.ErrNewerSchema):
		return fail(exitStorage, "install the version that made the backup ("+b.maker()+"), or a newer one; nothing was changed", "%s", said)
	case errors.Is(err, sqlite.ErrForeign), errors.Is(err, sqlite.ErrCorrupt):
		return fail(exitStorage, "use another backup; nothing was changed", "%s", said)
	}
	return err
}

// restored says what there is now, what is left of what was, and what may have to be done.
func restored(c config, when string, accounts []tokenstore.Account, replaced bool) string {
	text := fmt.Sprintf("%s and %s in %s are those of %s.\n", tokensFile, historyFile, c.DataDir, when)
	if replaced {
		text += "What was there before is kept beside them, with the sign-ins in it: delete " + tokensFile + sqlite.Kept + " and\n" +
			historyFile + sqlite.Kept + " once nobody misses anything.\n"
	}
	if names := singleUse(accounts); names != "" {
		text += "These people's refresh tokens can be used once, and may be spent since: " + names + "\n" +
			"Who has to sign in again is shown by: fitbit2mqtt accounts refresh\n"
	}
	return text
}
