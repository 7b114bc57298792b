package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// How long the doctor waits, so that all is said within ten seconds if nobody answers.
const (
	answerTime  = 4 * time.Second // for one answer of a cloud, the broker or the page
	inspectTime = 5 * time.Second // for looking at a database from end to end
)

func (a *app) newDoctor() *cobra.Command {
	d := &doctor{now: time.Now}
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is wrong, and what to do about it",
		Long: `Looks at everything that a bridge needs, and says of each thing in one line how it
is and what to do: ✓ well, ! soon a trouble, ✗ a trouble, – not looked at.

It works beside a running bridge and without one. It changes nothing, but for
renewing a sign-in that is due and a message at <mqtt.topic_prefix>/bridge/doctor
that it takes back. No token, password, measurement or id of a person is shown: what
it says is made to be copied into a question to others.

The exit code is that of the first line of this list that fits one of the ✗:
  3  configuration, clock and time zones of this machine, address of the page
  4  data folder, databases, key
  5  sign-in, permission, set-up at the cloud, retired cloud
  7  broker, discovery
  6  cloud away, or limiting
  1  anything unexpected
It is 0 if there is none.`,
		Example: `  fitbit2mqtt doctor
  fitbit2mqtt doctor --account anna
  fitbit2mqtt doctor --offline --format json`,
		Args: usage(cobra.NoArgs),
	}
	c.Flags().BoolVar(&d.offline, "offline", false, "look at this machine's files only, and use no network")
	c.Flags().StringVar(&d.account, "account", "", "look at this person only")
	_ = c.RegisterFlagCompletionFunc("account", func(c *cobra.Command, _ []string, part string) ([]string, cobra.ShellCompDirective) {
		return a.completeAccount(c, nil, part)
	})
	format := formatFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		var err error
		if d.config, d.read, err = a.readConfig(); err != nil {
			return err
		}
		d.log = slog.New(slog.DiscardHandler) // the findings say it
		if d.config.Log.Level == "debug" {
			d.log, _ = a.logger(d.config.Log)
		}
		found, err := d.examine(c.Context())
		if err != nil {
			return stopped(err, "not everything was looked at, so that nothing is said")
		}
		if *format == "json" {
			err = a.printJSON(found)
		} else {
			err = a.printf("%s", plain(found))
		}
		if err != nil {
			return err
		}
		return conclusion(found)
	}
	return c
}

// doctor looks at a house without being at home there: it opens the databases as they
// are, and connects to the broker under a name of its own.
type doctor struct {
	config  config
	read    *reader // how the configuration was read
	offline bool
	account string // the only one to look at; empty: everybody
	log     *slog.Logger
	now     func() time.Time

	running bool         // a bridge runs with the data folder
	polled  time.Time    // see lastPoll
	leave   func() error // lets restores into the data folder again; may be nil
	house   house        // as far as it could be opened
	people  []subject    // everybody who is connected
	unknown string       // why that cannot be said; empty if it can
}

// subject is a connected person, and what is remembered of them.
type subject struct {
	tokenstore.Account
	past       bridge.Past
	remembered bool // a bridge has looked at this person
}

// examine looks at everything. Findings are in the order in which one would mend them.
func (d *doctor) examine(ctx context.Context) ([]finding, error) {
	found := d.configuration()
	found = append(found, d.files(ctx)...)
	defer d.close()
	if d.account != "" && d.unknown == "" && !slices.ContainsFunc(d.people, d.concerns) {
		return nil, unknownAccount(d.account, tokenstore.ErrNotFound)
	}
	var sections [3][]finding
	var looking sync.WaitGroup
	looking.Go(func() { sections[0] = d.cloudsAndPeople(ctx) })
	if !d.offline {
		looking.Go(func() { sections[1] = d.broker(ctx) })
		looking.Go(func() { sections[2] = []finding{d.page(ctx)} })
	}
	looking.Wait()
	d.byCron(found)
	return slices.Concat(found, sections[0], sections[1], sections[2]), ctx.Err()
}

// concerns reports whether a person is to be looked at.
func (d *doctor) concerns(s subject) bool { return d.account == "" || d.account == s.Name }

func (d *doctor) close() {
	if d.house.tokens != nil {
		_ = d.house.tokens.Close() // it was renewed in at most; that is on the disk already
	}
	if d.house.history != nil {
		_ = d.house.history.Close() // only read
	}
	if d.leave != nil {
		_ = d.leave() // only a lock
	}
}

// configuration says which file counts, and what is wrong.
func (d *doctor) configuration() []finding {
	file := d.read.path
	if file == "" {
		file = "no file, so the defaults, the environment and flags count"
	}
	if len(d.read.problems) == 0 {
		return []finding{fine("configuration", "%s", file)}
	}
	var found []finding
	for _, p := range d.read.problems {
		found = append(found, trouble("configuration", d.read.configError(p)))
		found[len(found)-1].Detail = d.read.words(p)
	}
	return found
}

// mend says what in the configuration comes before anything that depends on these keys;
// empty if there is nothing.
func (d *doctor) mend(keys ...string) string {
	if d.read.unread {
		return "mend the configuration file first"
	}
	for _, p := range d.read.problems {
		bad, _, _ := strings.Cut(p, ": ")
		for _, k := range keys {
			if bad == k || strings.HasPrefix(bad, k+".") || strings.HasPrefix(bad, k+"_") {
				return fmt.Sprintf("mend %s first", d.read.words(bad))
			}
		}
	}
	return ""
}
