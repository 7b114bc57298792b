// Package bridge asks each person's source when it is due, notices what is new,
// and tells the house.
//
// It promises that every weigh-in the cloud shows is published once as an event,
// oldest first and under an id that never changes, and that retained topics
// always say the newest that is known. It keeps the promise in this order:
// remember the reading and the message owed in one transaction, publish, wait for
// the broker's acknowledgement, mark the message settled. A crash in between may
// repeat an event with the same id; it never loses one. A cloud that stumbles
// never blanks what is known.
//
// Whoever asks something of the bridge at bridge/request/<name> is answered at
// bridge/response/<name> ([request]). What is set that way holds until the next start:
// the configuration has the last word.
//
// Clouds come and go, and people move. What the new one tells of the time before is
// recognised ([twin]): weigh-ins, topics and entities go on under the names they have,
// and the move itself is no event. A cloud that is gone for good is asked no more.
//
// One goroutine per person polls ([person]), one publishes ([announcer]), one
// watches who is connected ([Bridge.Run]); or all is done once ([Bridge.Once]). They meet at the [board] of retained
// messages and in [Memory], and each says by when it will be heard of again ([pulse]). The package knows no HTTP, SQL, OAuth or MQTT library.
package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// Options wire a bridge. People and Memory are required.
type Options struct {
	People People
	Memory Memory

	Prefix       string // of all topics; empty: "fitbit2mqtt"
	Discovery    hass.Mode
	HassPrefix   string // of discovery topics; empty: "homeassistant"
	StatusTopic  string // of Home Assistant's birth and will; empty: "homeassistant/status"
	PanelURL     string // a page for people, named in discovery; may be empty
	Poll         Intervals
	Version      string
	Config       json.RawMessage // for bridge/info; without secrets
	Now          func() time.Time
	Log          *slog.Logger
	Level        *slog.LevelVar // of Log, for those who want to change it; may be nil
	OnEvent      func(Event)    // called after an event has been acknowledged; may be nil
	BirthDelay   time.Duration
	SettlingTime time.Duration // between a config and the first event; 0: one second
}

// Intervals say how often the cloud is asked. Zero means the default.
type Intervals struct {
	Body    time.Duration // 60 s
	Heart   time.Duration // 15 min
	Devices time.Duration // 1 h
}

// Account is one connected person.
type Account struct {
	Name       string // in topics
	UID        string // in discovery; survives renames
	Backend    string // which cloud
	Generation int64  // grows with every sign-in
	// Identity tells one person's cloud account from another's, without naming it.
	Identity string
	SignedIn bool
	// Retired is set once the cloud is known to be gone for good: it is asked no more.
	Retired bool
	// SignInExpires is when the sign-in ends by itself; zero if it does not.
	SignInExpires time.Time
	// Missing lists what the sign-in is known not to cover.
	Missing []fitbit.Metric
	// LostDetail and LostHint say why there is no sign-in, or no cloud any more, and what
	// to do, where more is known than that.
	LostDetail, LostHint string
}

// People knows who is connected.
type People interface {
	// Accounts lists the connected people by name.
	Accounts(ctx context.Context) ([]Account, error)
	// Version changes whenever Accounts would answer differently. It is cheap.
	Version(ctx context.Context) (int64, error)
	// Source returns the person's source. The error says why this version has none.
	Source(a Account) (fitbit.Source, error)
	// Retired notes that the account's cloud is gone for good, and why: from then on
	// Accounts says so, until there is a new sign-in. It changes nothing if there has
	// been one since, which may be at another cloud.
	Retired(ctx context.Context, a Account, why error) error
	Leavers
}

// Leavers are people who were removed on purpose.
type Leavers interface {
	// Removed lists the UIDs of people who were removed and not Forgotten yet; some may
	// have come back. Who is merely missing from Accounts is not among them.
	Removed(ctx context.Context) (uids []string, err error)
	// Forgotten notes that nothing is kept any more of a person from before the removal.
	Forgotten(ctx context.Context, uid string) error
}

// Bridge is the whole of it.
type Bridge struct {
	o        Options
	topics   topics
	board    *board
	teller   *announcer
	stats    *stats
	watching pulse // of watch
	settings *settings
	started  time.Time
	syncs    chan chan struct{} // to be closed once the accounts have been looked at
	visit    *visit             // nil: the bridge stays

	mu        sync.Mutex
	persons   map[string]*person // by UID
	strangers []PersonReport     // people who are not polled: this version cannot, or nobody has asked for them
	between   []PersonReport     // people who are just being started anew
	info      infoState          // as last published
}

// New returns a bridge that does nothing until Run.
func New(o Options) *Bridge {
	o.Prefix = or(o.Prefix, "fitbit2mqtt")
	o.HassPrefix = or(o.HassPrefix, "homeassistant")
	o.StatusTopic = or(o.StatusTopic, o.HassPrefix+"/status")
	o.Discovery = or(o.Discovery, hass.ModeDevice)
	o.Poll.Body = or(o.Poll.Body, time.Minute)
	o.Poll.Heart = or(o.Poll.Heart, 15*time.Minute)
	o.Poll.Devices = or(o.Poll.Devices, time.Hour)
	o.BirthDelay = or(o.BirthDelay, 5*time.Second)
	o.SettlingTime = or(o.SettlingTime, time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b := &Bridge{
		o: o, topics: topics{prefix: o.Prefix, hass: o.HassPrefix, status: o.StatusTopic},
		board: newBoard(), stats: newStats(), settings: newSettings(o.Level, o.Poll.Body), started: o.Now(), syncs: make(chan chan struct{}), persons: make(map[string]*person),
	}
	b.teller = newAnnouncer(b)
	return b
}

func or[T comparable](v, otherwise T) T {
	if v == *new(T) {
		return otherwise
	}
	return v
}

// Will is the message the broker publishes when the bridge vanishes.
func (b *Bridge) Will() Message {
	return Message{Topic: b.topics.state(), Payload: []byte(offline), Retained: true}
}

// Subscriptions are the topic filters whose messages Received wants.
func (b *Bridge) Subscriptions() []string {
	return []string{b.topics.of("+", "command/poll"), b.topics.of("bridge", "request/#"), b.topics.status, b.topics.state()}
}

// Connected tells the bridge that the broker connection is open, anew or again.
func (b *Bridge) Connected() { b.teller.connected.raise() }

// Received hands in a message from the broker. Retained ones are old and ignored.
func (b *Bridge) Received(m Message) {
	switch {
	case m.Retained:
	case m.Topic == b.topics.state():
		if string(m.Payload) != online { // a will that came late, or a stranger's: we are here
			b.board.renew(m.Topic)
		}
	case m.Topic == b.topics.status:
		b.teller.homeAssistant(string(m.Payload))
	default:
		if name, ok := b.topics.pollCommand(m.Topic); ok {
			b.PollNow(name)
		}
		if name, ok := b.topics.request(m.Topic); ok {
			b.request(name, m.Payload)
		}
	}
}

// PollNow asks the person's source at once, whatever the schedule says. It
// reports whether there is such a person.
func (b *Bridge) PollNow(account string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.persons {
		if p.account.Name == account {
			p.pollNow.raise()
			return true
		}
	}
	return false
}

// Run polls and publishes until ctx ends, then says goodbye to the broker within
// five seconds. It returns an error only if it could not begin.
func (b *Bridge) Run(ctx context.Context, publisher Publisher) error {
	version, err := b.o.People.Version(ctx)
	if err != nil {
		return fmt.Errorf("list accounts: %w", err)
	}
	polling, cancel := context.WithCancel(ctx)
	defer cancel()
	var pollers sync.WaitGroup
	if err := b.reconcile(polling, &pollers); err != nil {
		cancel()
		pollers.Wait()
		return err
	}
	// What is being published when ctx ends is brought to its acknowledgement.
	telling, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	told := make(chan struct{})
	go func() {
		defer close(told)
		b.teller.run(telling, publisher)
	}()
	b.watch(polling, &pollers, version)
	cancel()
	pollers.Wait()
	hurry := time.AfterFunc(finishTimeout, cut)
	defer hurry.Stop()
	b.teller.finish()
	<-told
	return nil
}

// hass is the bridge as Home Assistant's discovery sees it.
func (b *Bridge) hass() hass.Bridge {
	return hass.Bridge{Prefix: b.o.Prefix, Version: b.o.Version, URL: b.o.PanelURL}
}
