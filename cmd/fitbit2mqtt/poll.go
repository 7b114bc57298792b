package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/mqtt"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

func (a *app) newPoll() *cobra.Command {
	dry := false
	c := &cobra.Command{
		Use:   "poll [ACCOUNT]",
		Short: "Ask the cloud once and say what is new",
		Long: `Asks once for everything of one person, or of all, publishes it as the bridge would,
and says what is new. For those who have cron or a timer instead of a bridge that
stays. A round costs about ten requests for each person, more the first time. People
are asked at the same time; a cloud that does not answer is given up after a minute,
and what was not reached is named.

Beside a running bridge it only looks: it says what the bridge will find with its
next poll, and keeps and publishes nothing, as with --dry-run. A token that has to
be renewed is renewed and kept all the same.

Between two rounds the bridge counts as online, and nothing turns unavailable: there
is no last will, and bridge/state says "online" for good; a "run" that is stopped
says "offline" again. What is new is kept before it is published: if the broker is
away or the round is killed, the next round or "run" publishes it, in order; a killed
round may repeat an event under its id. Without mqtt.url there is no broker outside
of "run": what is new is kept for that. A body fat that reaches the cloud after its
weigh-in follows as a correction.

--format json prints an array with an object for each person: name, backend, state,
detail, hint, last_success, sign_in_expires_at, missing (what was not granted),
not_before (do not ask again earlier; set if the cloud limits), first_look (what was
there before is no news), published (the broker has it all) and events, each as it is
published at weigh_in, oldest first. What is not known is null.

The exit code is the first of these that fits: 4 storage, 5 sign-in, permission, set-up
or a cloud that is gone, 7 broker away, 6 cloud away or limiting, 1 anything unexpected;
0 if all went well. A metric that was not granted is no failure.`,
		Example: `  fitbit2mqtt poll
  fitbit2mqtt poll anna --dry-run
  fitbit2mqtt poll --format json | jq '.[].events[].weight_kg'
  */15 * * * * fitbit2mqtt poll --config /etc/fitbit2mqtt/config.yaml >/dev/null   # in a crontab`,
		Args:              usage(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeAccount,
	}
	format := formatFlag(c)
	c.Flags().BoolVar(&dry, "dry-run", false, "only look: keep and publish nothing")
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		config, err := a.loadConfig()
		if err != nil {
			return err
		}
		if config.Log.Level == "info" && !a.flags.set.Lookup("log-level").Changed && os.Getenv(envPrefix+"LOG_LEVEL") == "" {
			config.Log.Level = "error" // what there is to say is said in the lines
		}
		h, err := a.open(c.Context(), config)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, h.close()) }()
		for _, name := range args {
			if _, err := h.tokens.Account(c.Context(), name); err != nil {
				return unknownAccount(name, err)
			}
		}
		p, err := h.poll(c.Context(), dry, args)
		if p.rounds == nil {
			return stopped(err, p.sofar())
		}
		say := a.printPolled
		if *format == "json" {
			say = func(p polled) error { return a.printJSON(p.rows()) }
		}
		return errors.Join(say(p), stopped(p.verdict(err), "not all of it is published; the next poll or run publishes the rest"))
	}
	return c
}

// polled is what has come of a round.
type polled struct {
	rounds    []bridge.Round
	published bool
	looked    bool // and nothing else
	// why it was not published, as a sentence, where that is no failure.
	why string
}

// poll does a round: a whole one if nobody else is at work in the data folder, and else
// one that only looks. Two polls at once are one of each. An error beside rounds says
// why they are not published.
func (h *house) poll(ctx context.Context, dry bool, names []string) (p polled, err error) {
	b, err := h.newBridge(nil)
	if err != nil {
		return p, err
	}
	look := func(why string) (polled, error) {
		rounds, err := b.Look(ctx, names...)
		return polled{rounds: rounds, why: why, looked: true}, err
	}
	if dry {
		return look("Nothing was kept or published.")
	}
	release, err := lock(h.config.DataDir)
	if errors.Is(err, errLocked) {
		if polling(h.config.DataDir) {
			return look("Another poll is under way here: it publishes what is new, or else the next one.")
		}
		return look("fitbit2mqtt is running here: it publishes what is new with its next poll.")
	}
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, release()) }()
	if err := sayPolling(h.config.DataDir); err != nil {
		return p, err
	}
	if h.config.MQTT.embeds() {
		p.why = "There is no broker: set mqtt.url. What is new is kept; the next run publishes it."
		p.rounds, err = b.Once(ctx, nil, names...)
		return p, err
	}
	o := h.config.MQTT.options() // and no will: whatever becomes of this process, nothing turns unavailable
	o.OnConnect, o.Log = b.Connected, h.log
	client, err := mqtt.New(o)
	if err != nil {
		return p, err
	}
	client.Start()
	defer func() {
		goodbye, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		client.Close(goodbye)
	}()
	p.rounds, err = b.Once(ctx, client, names...)
	p.published = err == nil
	if len(p.rounds) == 0 && errors.Is(err, bridge.ErrBrokerAway) {
		err = nil // nobody is missing anything
	}
	return p, err
}

// sofar says what a round has done that was stopped while it asked.
func (p polled) sofar() string {
	if p.looked {
		return "nothing was kept or published"
	}
	return "what was found so far is kept; the next poll or run publishes what is new of it"
}

// verdict is the error to end with: that of whatever one would mend first. undelivered is
// why not all is published.
func (p polled) verdict(undelivered error) error {
	if undelivered != nil {
		undelivered = fmt.Errorf("not published yet: %w", undelivered)
	}
	worst, code := undelivered, exitCode(undelivered)
	if worst != nil && code == exitOK { // stopped
		return worst
	}
	for _, r := range p.rounds {
		if c := exitCode(r.Err); r.Err != nil && (worst == nil || place(c) < place(code)) {
			worst, code = failure(r, c), c
		}
	}
	return worst
}

// failure says what is wrong with a person's connection.
func failure(r bridge.Round, code int) error {
	hint := advice(r.Err, code)
	if r.Connection.Hint != nil {
		hint = *r.Connection.Hint // it knows the name
	}
	if _, limited := errors.AsType[*fitbit.RateLimitError](r.Err); limited {
		hint = "there is nothing to mend: poll again at that moment, not before"
	}
	return fail(code, hint, "%s: %w", r.Account.Name, r.Err)
}

// printPolled tells of a round as a person would.
func (a *app) printPolled(p polled) error {
	var text strings.Builder
	if len(p.rounds) == 0 {
		text.WriteString("Nobody is connected yet. Sign in with: fitbit2mqtt connect NAME\n")
	}
	told := 0
	for _, r := range p.rounds {
		fmt.Fprintf(&text, "%s: %s, %s\n", r.Account.Name, r.Connection.State, summary(r))
		for _, e := range r.Events {
			fmt.Fprintf(&text, "%s\n", narration(e))
		}
		told += len(r.Events)
	}
	if told > 0 && p.why != "" {
		fmt.Fprintf(&text, "%s\n", p.why)
	}
	return a.printf("%s", text.String())
}

// summary says what is new of a person, or why nothing is.
func summary(r bridge.Round) string {
	count := make(map[bridge.EventType]int)
	for _, e := range r.Events {
		count[e.EventType]++
	}
	var parts []string
	for _, kind := range []struct {
		of        bridge.EventType
		one, many string
	}{
		{bridge.NewWeighIn, "new weigh-in", "new weigh-ins"},
		{bridge.Backfill, "late weigh-in", "late weigh-ins"},
		{bridge.Correction, "correction", "corrections"},
		{bridge.Deletion, "deletion", "deletions"},
	} {
		switch n := count[kind.of]; n {
		case 0:
		case 1:
			parts = append(parts, "1 "+kind.one)
		default:
			parts = append(parts, fmt.Sprintf("%d %s", n, kind.many))
		}
	}
	detail := r.Connection.Detail
	switch {
	case r.Err != nil: // told below
	case r.FirstLook:
		parts = append(parts, "first look: what comes from now on is news")
	case len(parts) == 0:
		parts = append(parts, "nothing new")
	}
	if detail != nil { // trouble, what was not granted, or the end of the sign-in
		parts = append(parts, *detail)
	}
	return strings.Join(parts, ", ")
}

// pollRow is one person as "poll --format json" shows them.
type pollRow struct {
	Name            string          `json:"name"`
	Backend         string          `json:"backend"`
	State           bridge.State    `json:"state"`
	Detail          *string         `json:"detail"`
	Hint            *string         `json:"hint"`
	LastSuccess     *string         `json:"last_success"`
	SignInExpiresAt *string         `json:"sign_in_expires_at"`
	Missing         []fitbit.Metric `json:"missing"`
	NotBefore       *string         `json:"not_before"`
	FirstLook       bool            `json:"first_look"`
	Published       bool            `json:"published"`
	Events          []bridge.Event  `json:"events"`
}

func (p polled) rows() []pollRow {
	rows := make([]pollRow, len(p.rounds))
	for i, r := range p.rounds {
		c := r.Connection
		rows[i] = pollRow{
			Name: r.Account.Name, Backend: c.Backend, State: c.State, Detail: c.Detail, Hint: c.Hint, LastSuccess: c.LastSuccess,
			SignInExpiresAt: c.SignInExpiresAt, Missing: c.Missing, FirstLook: r.FirstLook, Published: p.published,
			Events: append([]bridge.Event{}, r.Events...), // never null
		}
		if limited, ok := errors.AsType[*fitbit.RateLimitError](r.Err); ok {
			rows[i].NotBefore = new(limited.Until.In(r.Location).Format(time.RFC3339))
		}
	}
	return rows
}
