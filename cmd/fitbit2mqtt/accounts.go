package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

func (a *app) newAccounts() *cobra.Command {
	c := &cobra.Command{
		Use:   "accounts",
		Short: "List, check, rename, remove or import the people who are connected",
		Example: `  fitbit2mqtt accounts
  fitbit2mqtt accounts list --format json
  fitbit2mqtt accounts refresh anna
  fitbit2mqtt accounts rename anna anneke
  fitbit2mqtt accounts remove ben
  fitbit2mqtt accounts import fb_conf.json --name anna`,
		Args: usage(cobra.NoArgs),
	}
	list := a.newAccountsList()
	c.Flags().AddFlagSet(list.Flags())
	c.PreRunE, c.RunE = list.PreRunE, list.RunE
	c.AddCommand(list, a.newAccountsRename(), a.newAccountsRemove(), a.newAccountsImport(), a.newAccountsRefresh())
	return c
}

const nobody = "Nobody is connected yet. Sign in with: fitbit2mqtt connect NAME\n"

// accountRow is one account as "accounts list" shows it.
type accountRow struct {
	Name            string       `json:"name"`
	Backend         string       `json:"backend"`
	State           bridge.State `json:"state"`
	UID             string       `json:"uid"`
	ConnectedAt     string       `json:"connected_at"`
	SignInExpiresAt *string      `json:"sign_in_expires_at"`
}

func (a *app) newAccountsList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List the people who are connected", Args: usage(cobra.NoArgs)}
	format := formatFlag(c)
	c.RunE = a.withHouse(func(ctx context.Context, h *house, _ []string) error {
		accounts, err := h.tokens.Accounts(ctx)
		if err != nil {
			return err
		}
		rows := make([]accountRow, len(accounts))
		for i, s := range accounts {
			rows[i] = accountRow{
				Name: s.Name, Backend: s.Backend, State: bridge.StateOK, UID: s.UID, ConnectedAt: s.CreatedAt.Format(time.RFC3339),
			}
			_, known := h.desk.Clouds[s.Backend]
			switch {
			case !known:
				rows[i].State = bridge.StateError
			case s.Retired:
				rows[i].State = bridge.StateSourceRetired
			case !s.SignedIn:
				rows[i].State = bridge.StateSignInRequired
			}
			if !s.SignInExpires.IsZero() {
				rows[i].SignInExpiresAt = new(s.SignInExpires.Format(time.RFC3339))
			}
		}
		if *format == "json" {
			return a.printJSON(rows)
		}
		return a.printAccounts(rows)
	})
	return c
}

func (a *app) printAccounts(rows []accountRow) error {
	if len(rows) == 0 {
		return a.printf("%s", nobody)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	if _, err := fmt.Fprintln(w, "NAME\tCLOUD\tSTATE\tCONNECTED"); err != nil {
		return err
	}
	for _, r := range rows {
		if _, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.Name, r.Backend, r.State, r.ConnectedAt[:len("2006-01-02")]); err != nil {
			return err
		}
	}
	return w.Flush()
}

func (a *app) newAccountsRename() *cobra.Command {
	c := &cobra.Command{
		Use:               "rename OLD NEW",
		Short:             "Give a person another name; topics move, history and entities stay",
		Example:           `  fitbit2mqtt accounts rename anna anneke`,
		Args:              usage(cobra.ExactArgs(2)),
		ValidArgsFunction: a.completeAccount,
	}
	c.RunE = a.withHouse(func(ctx context.Context, h *house, args []string) error {
		if err := fitbit.CheckName(args[1]); err != nil {
			return fail(exitUsage, "choose another name, such as anna", "%w", err)
		}
		if err := h.tokens.Rename(ctx, args[0], args[1]); err != nil {
			return unknownAccount(args[0], err)
		}
		return a.printf("%s is now called %s.\n", args[0], args[1])
	})
	return c
}

func (a *app) newAccountsRemove() *cobra.Command {
	yes := false
	c := &cobra.Command{
		Use:   "remove ACCOUNT",
		Short: "Disconnect a person and delete what is stored of them",
		Long: `Ends the sign-in at the cloud and deletes the person's tokens and history here. A
running bridge withdraws the person's topics and entities at once, any other at
its next start. The readings in the cloud stay.`,
		Example:           `  fitbit2mqtt accounts remove ben --yes`,
		Args:              usage(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeAccount,
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask; needed where there is no terminal")
	c.RunE = a.withHouse(func(ctx context.Context, h *house, args []string) error {
		if _, err := h.tokens.Account(ctx, args[0]); err != nil {
			return unknownAccount(args[0], err)
		}
		if !yes {
			if err := a.confirm("Remove "+args[0]+" with all history kept here?", "nothing was removed"); err != nil {
				return err
			}
		}
		return a.remove(ctx, h, args[0])
	})
	return c
}

func (a *app) remove(ctx context.Context, h *house, name string) error {
	account, told, err := h.desk.Remove(ctx, name)
	if err != nil {
		return unknownAccount(name, err)
	}
	if err := h.forget(ctx, account.UID); err != nil {
		return err
	}
	text := name + " is removed.\n"
	if !told {
		text += "The cloud could not be told."
		if permits := backendOf(account.Backend).guide.Permits; permits != "" {
			text += " Remove the app at " + permits + " if nobody else here uses that account."
		}
		text += "\n"
	}
	return a.printf("%s", text)
}

// forget deletes the history of a removed person. A bridge that runs meanwhile may be
// writing to it yet: then the removal stays on record until it has taken that in.
func (h *house) forget(ctx context.Context, uid string) error {
	release, err := lock(h.config.DataDir)
	switch {
	case errors.Is(err, errLocked):
		return h.history.Forget(ctx, uid)
	case err != nil:
		return err
	}
	err = h.history.Forget(ctx, uid)
	if err == nil {
		err = h.tokens.Forgotten(ctx, uid)
	}
	return errors.Join(err, release())
}

// confirm asks at a terminal, and returns an error that says otherwise if the answer is no.
// Where nobody can be asked the command line has to say yes: what is typed somewhere else,
// or ends in a timer's unit by mistake, must not cost anybody what they have.
func (a *app) confirm(question, otherwise string) error {
	f, isFile := a.in.(*os.File)
	if !isFile || !isTerminal(f) {
		return fail(exitUsage, "add --yes", "%s: there is no terminal to ask at", otherwise)
	}
	if !asked(a.err, f, question) {
		return fail(exitUsage, "answer y, or add --yes", "%s", otherwise)
	}
	return nil
}

// asked reports whether the answer is yes. No answer is no.
func asked(to io.Writer, from io.Reader, question string) bool {
	_, _ = fmt.Fprintf(to, "%s [y/N] ", question)
	answer, _ := bufio.NewReader(from).ReadString('\n')
	return strings.EqualFold(strings.TrimSpace(answer), "y")
}

// withHouse gives a command the open databases.
func (a *app) withHouse(do func(context.Context, *house, []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) (err error) {
		config, err := a.loadConfig()
		if err != nil {
			return err
		}
		h, err := a.open(c.Context(), config)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, h.close()) }()
		return do(c.Context(), h, args)
	}
}

// completeAccount completes the first argument with the names there are.
func (a *app) completeAccount(c *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	if len(args) == 0 {
		_ = a.withHouse(func(ctx context.Context, h *house, _ []string) error { // no names, no completion
			accounts, err := h.tokens.Accounts(ctx)
			for _, s := range accounts {
				names = append(names, s.Name)
			}
			return err
		})(c, nil)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func unknownAccount(name string, err error) error {
	switch {
	case errors.Is(err, tokenstore.ErrNotFound):
		return fail(exitUsage, "fitbit2mqtt accounts list", "there is no account called %q", name)
	case errors.Is(err, tokenstore.ErrNameTaken):
		return fail(exitUsage, "choose another name, or remove that account first", "%w", err)
	}
	return err
}
