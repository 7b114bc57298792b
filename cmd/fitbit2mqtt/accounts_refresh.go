package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

func (a *app) newAccountsRefresh() *cobra.Command {
	c := &cobra.Command{
		Use:   "refresh [ACCOUNT]",
		Short: "Check a sign-in, and renew its token now",
		Long: `Renews the token of ACCOUNT, or of everybody, however long it would still last,
saves it, and asks the cloud with the new one whether it works. The bridge does so
by itself whenever it is due; this is for whoever wants to know now. Both may
happen at once: a refresh token is never spent twice.

Sign-ins that are known to be gone are told of without asking the cloud.`,
		Example: `  fitbit2mqtt accounts refresh anna
  fitbit2mqtt accounts refresh --format json`,
		Args:              usage(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeAccount,
	}
	format := formatFlag(c)
	c.RunE = a.withHouse(func(ctx context.Context, h *house, args []string) error {
		if len(args) == 1 {
			if _, err := h.tokens.Account(ctx, args[0]); err != nil {
				return unknownAccount(args[0], err)
			}
			return a.refresh(ctx, h, args, *format)
		}
		accounts, err := h.tokens.Accounts(ctx)
		if err != nil {
			return err
		}
		for _, s := range accounts {
			args = append(args, s.Name)
		}
		return a.refresh(ctx, h, args, *format)
	})
	return c
}

// refreshRow is one account as "accounts refresh" shows it.
type refreshRow struct {
	Name            string       `json:"name"`
	Backend         string       `json:"backend"`
	State           bridge.State `json:"state"`
	TokenWorksUntil *string      `json:"token_works_until"`
	SignInExpiresAt *string      `json:"sign_in_expires_at"`
	Detail          *string      `json:"detail"`
	Hint            *string      `json:"hint"`
}

// refresh renews what the named accounts have, and fails if one of them has nothing
// that works. One failure is an error like any other; several are told one per line.
func (a *app) refresh(ctx context.Context, h *house, names []string, format string) error {
	rows := []refreshRow{} // a list, even if it is empty
	var text strings.Builder
	var failed []*hinted
	for _, name := range names {
		account, err := h.desk.Refresh(ctx, name)
		switch {
		case err != nil && ctx.Err() != nil:
			return stopped(ctx.Err(), fmt.Sprintf("%d of %d sign-ins were checked", len(rows), len(names)))
		case err != nil:
			failed = append(failed, &hinted{fmt.Errorf("%s: %w", name, err), renewalHint(name, err), exitCode(err)})
		default:
			fmt.Fprintf(&text, "%s: %s\n", name, lifetime(account))
		}
		rows = append(rows, refreshed(account, err))
	}
	if len(failed) > 1 {
		for _, e := range failed {
			fmt.Fprintf(&text, "%s. Try: %s\n", e, e.hint)
		}
	}
	if len(names) == 0 {
		text.WriteString(nobody)
	}
	if err := a.printRefreshed(rows, text.String(), format); err != nil || len(failed) == 0 {
		return err
	}
	if len(failed) == 1 {
		return failed[0]
	}
	first := slices.MinFunc(failed, func(a, b *hinted) int { return place(a.code) - place(b.code) })
	return fail(first.code, first.hint, "%d of %d sign-ins do not work", len(failed), len(names))
}

func (a *app) printRefreshed(rows []refreshRow, text, format string) error {
	if format == "json" {
		return a.printJSON(rows)
	}
	return a.printf("%s", text)
}

// refreshed is the row of an account whose renewal ended like that.
func refreshed(s tokenstore.Account, err error) refreshRow {
	row := refreshRow{Name: s.Name, Backend: s.Backend, State: bridge.StateOf(err), SignInExpiresAt: moment(s.SignInExpires)}
	if err != nil {
		row.Detail, row.Hint = new(err.Error()), new(renewalHint(s.Name, err))
		return row
	}
	row.TokenWorksUntil = moment(s.Expiry)
	return row
}

// moment is a time for machines; nil if there is none.
func moment(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(t.Local().Format(time.RFC3339))
}

// asClocksShow is a time for people.
const asClocksShow = "2006-01-02 15:04 (-07:00)"

// lifetime says how long a sign-in lasts that works.
func lifetime(s tokenstore.Account) string {
	text := "the token works"
	if !s.Expiry.IsZero() {
		text += " until " + s.Expiry.Local().Format(asClocksShow)
	}
	if !s.SignInExpires.IsZero() {
		text += "; the sign-in ends by itself on " + s.SignInExpires.Local().Format(asClocksShow) + ", because the Google Cloud project is in test mode"
	}
	return text
}

// renewalHint is what to do about a renewal that failed. Clouds do not know names, and
// what they say of the next attempt is meant for a bridge.
func renewalHint(name string, err error) string {
	if errors.Is(err, fitbit.ErrUnavailable) {
		return "check the internet connection, wait a moment, then try again"
	}
	if hint := fitbit.Hint(err); hint != "" {
		return strings.ReplaceAll(hint, "ACCOUNT", name)
	}
	if errors.Is(err, fitbit.ErrReauthRequired) {
		return "sign in again: fitbit2mqtt connect " + name
	}
	return advice(err, exitCode(err))
}
