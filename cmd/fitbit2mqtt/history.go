package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/recorder"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

func (a *app) newHistory() *cobra.Command {
	c := &cobra.Command{
		Use:     "history",
		Short:   "Bring the past into Home Assistant's curves",
		Example: `  fitbit2mqtt history push --from 2020-01-01 --dry-run`,
		Args:    usage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			return &usageError{command: c.CommandPath(), err: errors.New("say what to do: push")}
		},
	}
	c.AddCommand(a.newHistoryPush())
	return c
}

// pushFlags are what "history push" is told.
type pushFlags struct {
	hubFlags
	spanFlags

	local, dry bool
}

func (a *app) newHistoryPush() *cobra.Command {
	var f pushFlags
	c := &cobra.Command{
		Use:   "push [ACCOUNT…]",
		Short: "Write weights and resting heart rates of the past into Home Assistant's statistics",
		Long: `Writes weight, body fat and resting heart rate of the past into Home Assistant's
long-term statistics, each to the hour it belongs to, of one person, of some or of
all. What comes by MQTT is stamped on arrival; this is for the time before the
bridge, and for what came late.

They go into the statistics of the entities that Home Assistant has already, whatever
they are called there: let the bridge run once before. What is there is read first
and only what differs is sent, so that the same command twice writes nothing the
second time, and one that was stopped is completed by the next. An hour in which
somebody was measured gets their mean, lowest and highest value in place of what
Home Assistant recorded then; all others stay. A resting heart rate is its day's,
and stands at noon. Hours that are not over for ten minutes are left to Home
Assistant. A running bridge is not disturbed.

Readings come from the cloud, as with "fitbit2mqtt export", or with --local from
history.db alone. Without a range it is the last 30 days: ask once for all there is,
and from cron for the last days. docs/home-assistant.md says how to get the access
token, and how to see the curves. In an app of Home Assistant's neither address nor
token is needed.

--format json prints an array with an object for each entity: account, metric,
entity_id, hours (that hold readings), first, last, new, changed, withdrawn (hours of
readings that were deleted, which get what was known before), unchanged, written.

The exit code is 7 if Home Assistant cannot be reached, 5 if it wants a person: the
token, an entity that is missing, its recorder.`,
		Example: `  fitbit2mqtt history push anna --from 2020-01-01 --ha-url http://homeassistant.local:8123 --ha-token-file token
  fitbit2mqtt history push --from 2026-01-01 --dry-run
  10 3 * * * fitbit2mqtt history push --config /etc/fitbit2mqtt/config.yaml >/dev/null   # in a crontab`,
		ValidArgsFunction: func(c *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
			return a.completeAccount(c, nil, begun)
		},
	}
	format := formatFlag(c)
	f.hubFlags.register(c)
	f.spanFlags.register(c)
	c.Flags().BoolVar(&f.local, "local", false, "ask no cloud: only what is in history.db")
	c.Flags().BoolVar(&f.dry, "dry-run", false, "only look: write nothing")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := f.hubFlags.parse(c); err != nil {
			return err
		}
		if err := f.spanFlags.parse(c); err != nil {
			return err
		}
		return a.withData(func(ctx context.Context, h *house) error {
			rows, err := a.push(ctx, h, c, &f, args)
			if err != nil && len(rows) == 0 {
				return err
			}
			if *format == "json" {
				return errors.Join(a.printJSON(rows), err)
			}
			return errors.Join(a.printPushed(rows, f.dry, err == nil), err)
		})(c, args)
	}
	return c
}

// errand is one person's part.
type errand struct {
	account bridge.Account
	sensors []sensor
	series  []recorder.Series // one for each sensor
}

// push does the errands of all who are named. Rows beside an error tell of those who went
// well.
func (a *app) push(ctx context.Context, h *house, c *cobra.Command, f *pushFlags, names []string) ([]pushRow, error) {
	options, err := f.options(h.config.HomeAssistant.Hub)
	if err != nil {
		return nil, err
	}
	accounts, err := h.named(ctx, names)
	if err != nil {
		return nil, err
	}
	left := leftOut{several: len(accounts) > 1}
	errands, err := a.meet(ctx, options, h, accounts, &left) // before anything is fetched: that may take hours
	if err != nil {
		return nil, err
	}
	ready := errands[:0]
	for _, e := range errands {
		d, err := a.bring(ctx, h, wanted{account: e.account.Name, local: f.local, several: left.several}, metricsOf(e.sensors),
			func(today fitbit.Date) (first, last fitbit.Date, err error) { return f.days(c, today, usualDays) })
		if err == nil {
			e.series, err = d.series(ctx, e.sensors, time.Now())
		}
		if err != nil {
			if ctx.Err() != nil || exitCode(err) == exitUsage {
				return nil, err
			}
			left.add(e.account.Name, err)
			continue
		}
		ready = append(ready, e)
	}
	rows := []pushRow{}
	if len(ready) > 0 {
		if rows, err = a.deliver(ctx, options, ready, f.dry, &left); err != nil {
			left.mention(a, err)
			return rows, err
		}
	}
	return rows, left.verdict(a)
}

// named are the accounts of those names, or all.
func (h *house) named(ctx context.Context, names []string) ([]bridge.Account, error) {
	if len(names) == 0 {
		all, err := people{h}.Accounts(ctx)
		if err == nil && len(all) == 0 {
			err = fail(exitUsage, "fitbit2mqtt connect NAME", "nobody is connected yet")
		}
		return all, err
	}
	var list []bridge.Account
	seen := make(map[string]bool)
	for _, name := range names {
		if name == "" { // a variable that is not set: it is not everybody
			return nil, fail(exitUsage, "fitbit2mqtt accounts list", "there is no account called %q", name)
		}
		account, err := h.find(ctx, name)
		if err != nil {
			return nil, err
		}
		if !seen[account.UID] {
			list = append(list, account)
		}
		seen[account.UID] = true
	}
	return list, nil
}

// leftOut collects what is wrong with some while the others go on.
type leftOut struct {
	several bool // one of several people is called by name
	errs    []error
}

func (l *leftOut) add(name string, err error) {
	if l.several {
		err = &hinted{err: fmt.Errorf("%s: %w", name, err), hint: advice(err, exitCode(err)), code: exitCode(err)}
	}
	l.errs = append(l.errs, err)
}

// verdict is the error to end with, that of whatever one would mend first; the others are
// mentioned.
func (l *leftOut) verdict(a *app) error {
	if len(l.errs) == 0 {
		return nil
	}
	worst := slices.MinFunc(l.errs, func(x, y error) int { return cmp.Compare(place(exitCode(x)), place(exitCode(y))) })
	l.mention(a, worst)
	return worst
}

// mention tells of all but one.
func (l *leftOut) mention(a *app, but error) {
	for _, err := range l.errs {
		if err != but { //nolint:errorlint // it is that very one
			_, _ = fmt.Fprintf(a.err, "Left out: %s\n", err)
		}
	}
}

// pushRow is one entity as "history push --format json" shows it.
type pushRow struct {
	Account   string  `json:"account"`
	Metric    string  `json:"metric"`
	EntityID  string  `json:"entity_id"`
	Hours     int     `json:"hours"`
	First     *string `json:"first"`
	Last      *string `json:"last"`
	New       int     `json:"new"`
	Changed   int     `json:"changed"`
	Withdrawn int     `json:"withdrawn"`
	Unchanged int     `json:"unchanged"`
	Written   bool    `json:"written"` // all of it is in Home Assistant now
}

// printPushed says what was done; whole means that nothing was left out.
func (a *app) printPushed(rows []pushRow, dry, whole bool) error {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	total := 0
	_, _ = fmt.Fprintln(w, "ACCOUNT\tENTITY\tHOURS\tFROM\tTO\tNEW\tCHANGED\tWITHDRAWN")
	for _, r := range rows {
		first, last := "-", "-"
		if r.First != nil {
			first, last = (*r.First)[:len("2006-01-02")], (*r.Last)[:len("2006-01-02")]
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%d\t%d\t%d\n", r.Account, r.EntityID, r.Hours, first, last, r.New, r.Changed, r.Withdrawn)
		total += r.New + r.Changed + r.Withdrawn
	}
	_ = w.Flush() // into memory
	switch {
	case dry:
		fmt.Fprintf(&text, "Nothing was written: this only looked. Hours to write: %d.\n", total)
	case total == 0 && whole:
		text.WriteString("Home Assistant has it all already.\n")
	default:
		fmt.Fprintf(&text, "Hours written: %d.\n", total)
	}
	return a.printf("%s", text.String())
}
