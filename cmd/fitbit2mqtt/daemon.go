package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/systemd"
)

// daemon is the bridge in the eyes of the service manager that has started it.
type daemon struct {
	tell     func(news ...systemd.News) error // nil: there is no manager
	watchdog time.Duration                    // zero: none
	log      *slog.Logger
	deaf     bool // the log knows that the manager cannot be told
}

// newDaemon looks who has started this process.
func newDaemon(logger *slog.Logger) *daemon {
	d := &daemon{log: logger}
	manager, err := systemd.Find(os.Getenv)
	if err != nil {
		logger.Warn("the service manager cannot be told how the bridge is", "error", err)
	}
	if !manager.Nobody() {
		d.tell, d.watchdog = manager.Tell, manager.Watchdog
	}
	return d
}

// say tells the manager something. One that does not hear does not keep the bridge from
// its work.
func (d *daemon) say(news ...systemd.News) {
	err := d.tell(news...)
	if err != nil && !d.deaf {
		d.log.Warn("the service manager cannot be told how the bridge is", "error", err)
	}
	d.deaf = err != nil
}

const (
	// askEvery is how often a manager is asked for patience, and patienceAsked for how much.
	askEvery      = 2 * time.Second
	patienceAsked = 15 * time.Second
	// statusEvery is how often somebody looks how the bridge is.
	statusEvery = 10 * time.Second
)

// patiently does something at the start or the end that may take longer than the manager
// would wait, such as bringing the renewal of a token to its end. It asks for patience
// until that is done, or has taken longer than it ever should.
func (d *daemon) patiently(what string, longest time.Duration, do func() error) error {
	if d.tell == nil {
		return do()
	}
	done := make(chan struct{})
	var asking sync.WaitGroup
	defer asking.Wait()
	defer close(done)
	asking.Go(func() {
		tick := time.NewTicker(askEvery)
		defer tick.Stop()
		enough := time.NewTimer(longest)
		defer enough.Stop()
		for {
			select {
			case <-done:
				return
			case <-enough.C:
				return
			case <-tick.C:
				d.say(systemd.Status(what), systemd.MoreTime(patienceAsked))
			}
		}
	})
	return do()
}

// watched is what there is to see of a bridge.
type watched interface {
	Sync(ctx context.Context)
	Alive() error
	States() map[bridge.State]int
}

// link is what there is to see of the connection to the broker.
type link interface {
	tried(ctx context.Context)
	away() bool
}

var _ link = (*broker)(nil)

// firstAnswer is how long a broker may take before it counts as away.
const firstAnswer = 2 * time.Second

// tried returns when there is a connection, or an attempt has failed, or takes long.
func (b *broker) tried(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, firstAnswer)
	defer cancel()
	_ = b.client.Dial(ctx) // away says it, too
}

// away reports whether there is no connection to the broker.
func (b *broker) away() bool {
	detail, _ := b.client.Trouble()
	return detail != ""
}

// watch tells the manager how a bridge is, from the moment it works until ctx ends: whether
// its loops go on, and in words how everybody is. It is ready without a broker or a cloud,
// as whoever waits for it waits for the page, or for the broker that it brings along; and
// a broker that comes up later than the bridge is nothing to fail for. It only waits until
// a broker that is there has had time to answer.
func (d *daemon) watch(ctx context.Context, b watched, broker link) {
	if d.tell == nil {
		return
	}
	defer d.say(systemd.Stopping, systemd.Status("stops"))
	b.Sync(ctx)
	broker.tried(ctx)
	if ctx.Err() != nil {
		return
	}
	every := statusEvery
	if d.watchdog > 0 {
		every = min(every, d.watchdog/3)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	said, hangs := "", false
	d.say(systemd.Ready)
	for {
		news := []systemd.News{systemd.Alive}
		status := inWords(b.States(), broker.away())
		if err := b.Alive(); err != nil {
			problem := strings.Join(lines("", err), ", ")
			if !hangs {
				d.log.Error("the bridge hangs", "error", problem, "hint", "it is restarted if that does not end; please report this line and what follows")
			}
			hangs, news, status = true, nil, problem
		} else if hangs {
			hangs = false
			d.log.Info("the bridge goes on")
		}
		if status != said {
			said = status
			news = append(news, systemd.Status(status))
		}
		if len(news) > 0 {
			d.say(news...)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// inWords sums up how everybody is. It names nobody: the whole machine may read it.
func inWords(states map[bridge.State]int, brokerAway bool) string {
	all := 0
	var each []string
	for _, state := range slices.Sorted(maps.Keys(states)) {
		all += states[state]
		each = append(each, fmt.Sprint(states[state], " ", state))
	}
	people := fmt.Sprintf("%d accounts: %s", all, strings.Join(each, ", "))
	switch all {
	case 0:
		people = "nobody is connected yet"
	case 1:
		people = "1 account: " + strings.TrimPrefix(each[0], "1 ")
	}
	if brokerAway {
		return people + "; the broker is away"
	}
	return people + "; the broker is there"
}
