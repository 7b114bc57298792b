package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/export"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// wanted is whose data export and chart are asked for, and where they may look.
type wanted struct {
	account string
	local   bool
	several bool // of several people, notes say whom they are about
}

// whose is what a note says of that.
func (w *wanted) whose() string {
	if !w.several {
		return ""
	}
	return " for " + w.account
}

func (w *wanted) register(a *app, c *cobra.Command) {
	c.Flags().StringVar(&w.account, "account", "", "whose data (default: the one person who is connected)")
	c.Flags().BoolVar(&w.local, "local", false, "ask no cloud: only what is in history.db")
	_ = c.RegisterFlagCompletionFunc("account", func(c *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		return a.completeAccount(c, nil, begun)
	})
}

// choice is a metric as these commands call it.
type choice struct {
	name    string
	metrics []fitbit.Metric // to fetch for it
}

// choose checks the argument.
func choose(c *cobra.Command, word string, choices []choice) (choice, error) {
	i := slices.IndexFunc(choices, func(s choice) bool { return s.name == word })
	if i < 0 {
		return choice{}, &usageError{command: c.CommandPath(), err: fmt.Errorf("unknown metric %q: use %s", word, anyOf(words(choices)))}
	}
	return choices[i], nil
}

func words(choices []choice) (list []string) {
	for _, s := range choices {
		list = append(list, s.name)
	}
	return list
}

// anyOf lists words as people do.
func anyOf[T ~string](list []T) string {
	var text strings.Builder
	for i, word := range list {
		switch {
		case i == 0:
		case i == len(list)-1:
			text.WriteString(" or ")
		default:
			text.WriteString(", ")
		}
		text.WriteString(string(word))
	}
	return text.String()
}

// oneOf checks a flag that has few values.
func oneOf[T ~string](c *cobra.Command, flag string, value T, values []T) error {
	if slices.Contains(values, value) {
		return nil
	}
	return &usageError{command: c.CommandPath(), err: fmt.Errorf("--%s %q: use %s", flag, value, anyOf(values))}
}

// find returns the account of that name, or the only one.
func (h *house) find(ctx context.Context, account string) (bridge.Account, error) {
	all, err := people{h}.Accounts(ctx)
	if err != nil {
		return bridge.Account{}, err
	}
	var list []string
	for _, a := range all {
		if a.Name == account {
			return a, nil
		}
		list = append(list, a.Name)
	}
	switch {
	case account != "":
		return bridge.Account{}, fail(exitUsage, "fitbit2mqtt accounts list", "there is no account called %q", account)
	case len(all) == 0:
		return bridge.Account{}, fail(exitUsage, "fitbit2mqtt connect NAME", "nobody is connected yet")
	case len(all) > 1:
		return bridge.Account{}, fail(exitUsage, "add --account "+list[0], "several people are connected: %s", strings.Join(list, ", "))
	}
	return all[0], nil
}

// withData gives a command the open databases. What becomes of its errand is in its last
// lines: the log need not say it as well, unless somebody asks.
func (a *app) withData(do func(context.Context, *house) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		if level := a.flags.set.Lookup("log-level"); !level.Changed && os.Getenv(envPrefix+"LOG_LEVEL") == "" {
			if err := level.Value.Set("error"); err != nil {
				return err
			}
			level.Changed = true
		}
		err := a.withHouse(func(ctx context.Context, h *house, _ []string) error { return do(ctx, h) })(c, args)
		if errors.Is(err, context.Canceled) { // which is no failure, but whoever waited for the data has none
			_, _ = fmt.Fprintln(a.err, "Stopped. What came is kept: the same command goes on from there.")
		}
		return err
	}
}

// data is one person's, ready to be handed out.
type data struct {
	*export.Person
	account     bridge.Account
	first, last fitbit.Date
}

// bring fetches what is missing of the days that span chooses, and opens them.
func (a *app) bring(ctx context.Context, h *house, w wanted, metrics []fitbit.Metric, span func(today fitbit.Date) (first, last fitbit.Date, err error)) (d data, err error) {
	if d.account, err = h.find(ctx, w.account); err != nil {
		return d, err
	}
	if d.Person, err = export.Open(ctx, d.account, h.history, h.history, time.Now); err != nil {
		return d, err
	}
	var source fitbit.Source
	var strange error // it is of no matter if there is nothing to ask
	if !w.local {
		if source, strange = h.desk.Source(d.account.UID, d.account.Backend); strange == nil {
			strange = d.Introduce(ctx, source)
		}
	}
	if d.first, d.last, err = span(d.Today()); err != nil {
		return d, err
	}
	if w.local {
		return d, a.tellHoles(ctx, d, metrics, w.whose())
	}
	steps, err := d.Missing(ctx, metrics, d.first, d.last)
	if err != nil || len(steps) == 0 {
		return d, err
	}
	if strange != nil {
		return d, unbrought(strange, d.account.Name)
	}
	bar := newProgress(a.err)
	denied, err := d.Fetch(ctx, export.Errand{Source: source, Metrics: metrics, Wait: bar.wait, Progress: bar.show}, steps)
	bar.clear()
	if err != nil {
		return d, unbrought(err, d.account.Name)
	}
	if len(denied) > 0 {
		_, _ = fmt.Fprintf(a.err, "Not granted%s, and left out: %s.\n", w.whose(), fitbit.Words(denied...)) // the data is worth more than the note
	}
	return d, nil
}

// tellHoles says of which days nothing was fetched.
func (a *app) tellHoles(ctx context.Context, d data, metrics []fitbit.Metric, whose string) error {
	holes, err := d.Unfetched(ctx, metrics, d.first, d.last)
	if err != nil || len(holes) == 0 {
		return err
	}
	which := holes[0].String()
	if len(holes) > 1 {
		which += " to " + holes[len(holes)-1].String()
	}
	_, _ = fmt.Fprintf(a.err, "Not fetched yet%s: %d of %d days, %s. Of those there is only what the bridge has seen, if anything; leave out --local to fetch them.\n",
		whose, len(holes), d.last.Sub(d.first)+1, which) // the data is worth more than the note
	return nil
}

// unbrought says what to do about a cloud that did not give what was asked for.
func unbrought(err error, account string) error {
	code, hint := exitCode(err), strings.ReplaceAll(fitbit.Hint(err), "ACCOUNT", account)
	switch limit, limited := errors.AsType[*fitbit.RateLimitError](err); {
	case limited:
		hint = "run the same command again at " + limit.Until.Local().Format("15:04:05") + "; it goes on from there" //nolint:gosmopolitan // the reader's own clock
	case code == exitAway:
		hint = "run the same command again later: it goes on from there; or add --local for what is here already"
	case hint == "":
		return err
	}
	if code == exitOK { // stopped
		return err
	}
	return fail(code, hint, "%w", err)
}

// longestUnseen is for how long nobody need be told that the cloud's budget is waited for
// and nothing comes.
const longestUnseen = 2 * time.Minute

// wait sleeps until the cloud's budget is there again, if somebody sees it or it is short.
func (p *progress) wait(ctx context.Context, until time.Time) error {
	left := max(time.Until(until), time.Second)
	if p.stalled += left; !p.seen && p.stalled > longestUnseen {
		return &fitbit.RateLimitError{Until: until}
	}
	p.say(strings.TrimSpace(p.bar + "  limit reached; going on at " + until.Local().Format("15:04:05"))) //nolint:gosmopolitan // the reader's own clock
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		p.waited += left
		return nil
	}
}
