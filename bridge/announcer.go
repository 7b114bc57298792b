package bridge

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

const (
	healthEvery    = 5 * time.Minute
	publishTimeout = 30 * time.Second
	publishRetry   = 5 * time.Second
	finishTimeout  = 4 * time.Second // for what is under way when the bridge stops
	lastWord       = time.Second     // for saying that it has
	outboxBatch    = 50
)

// announcer brings the broker up to date: the board's retained messages, and the
// events owed. It publishes one message at a time and waits for each
// acknowledgement, so that everything arrives in order.
type announcer struct {
	b         *Bridge
	connected signal // a connection has come up
	born      signal // Home Assistant has said "online"
	owed      signal // an event waits in the outbox
	answers   answers
	finished  chan struct{}
	present   atomic.Bool // Home Assistant is known to be there

	// The rest belongs to run.
	pulse     pulse
	publisher Publisher
	up        bool                 // as far as known
	owing     bool                 // the outbox may hold something
	failed    bool                 // a publish failed though the broker seems there
	trouble   error                // the last that kept something from being published
	settled   time.Time            // no event before: Home Assistant loses one that follows its config closely
	looked    bool                 // the broker has been searched as a whole
	leaving   []string             // prefixes of ours that are being cleared
	shown     map[string]time.Time // per body topic, when the state last published was measured
	told      map[int64]bool       // acknowledged events that storage could not mark yet
	burials   map[string]time.Time // configs shown once more, to be withdrawn then

	waiting, republishing []errand  // requests to republish, and those that are being done
	republished           time.Time // when the latter began
}

func newAnnouncer(b *Bridge) *announcer {
	return &announcer{
		b: b, connected: newSignal(), born: newSignal(), owed: newSignal(), finished: make(chan struct{}), answers: answers{ready: newSignal()},
		shown: make(map[string]time.Time), told: make(map[int64]bool), burials: make(map[string]time.Time),
	}
}

// finish lets run say goodbye and end.
func (a *announcer) finish() { close(a.finished) }

// homeAssistant takes in a birth or will message.
func (a *announcer) homeAssistant(payload string) {
	a.present.Store(payload == online)
	if payload == online {
		a.born.raise()
	}
}

// run publishes until finish; the end of ctx only cuts short what is under way.
func (a *announcer) run(ctx context.Context, publisher Publisher) {
	a.begin(publisher)
	a.health(ctx)
	health := time.NewTicker(healthEvery)
	defer health.Stop()
	again := time.NewTimer(0) // whatever has to wait for a moment
	defer again.Stop()
	birth := time.NewTimer(0)
	birth.Stop()
	defer birth.Stop()
	expected := false // a birth is being waited out
	defer a.pulse.rest()
	for {
		a.pulse.within(healthEvery)
		select {
		case <-a.finished:
			a.goodbye(ctx)
			return
		case <-a.connected:
			a.up = true
			a.greet(ctx, true)
		case <-a.born:
			if !expected {
				expected = true
				birth.Reset(time.Duration(rand.Int64N(int64(a.b.o.BirthDelay)))) //nolint:gosec // spreading load
			}
			continue
		case <-birth.C:
			expected = false
			a.greet(ctx, false)
			a.exhume(ctx)
		case <-health.C:
			a.health(ctx)
		case <-a.owed:
			a.owing = true
		case <-a.b.board.changed:
		case <-a.answers.ready:
		case <-again.C:
		}
		if next := a.work(ctx); !next.IsZero() {
			again.Reset(max(time.Until(next), 0))
		}
	}
}

// begin puts on the board what the bridge says of itself.
func (a *announcer) begin(publisher Publisher) {
	a.publisher = publisher
	a.b.board.set(a.b.topics.state(), []byte(online))
	a.b.publishSettings()
	a.b.board.announce(rankBridge, a.b.hass().Device(), a.b.o.Discovery, a.b.o.HassPrefix)
}

// work publishes what can be published now and returns when there will be more.
func (a *announcer) work(ctx context.Context) (next time.Time) {
	sooner := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if !a.up {
		return time.Time{} // the next connection starts everything anew
	}
	select {
	case <-a.owed: // raised together with a change of the board: the events go first
		a.owing = true
	default:
	}
	sooner(a.beginErrands(ctx))
	if a.b.board.news() { // unless they would come before their device
		sooner(a.flush(ctx, rankEmptied))
	}
	sooner(a.drain(ctx))
	sooner(a.flush(ctx, rankEmptied))
	sooner(a.rebury(ctx))
	sooner(a.endErrands())
	a.left()
	a.respond(ctx)
	if a.failed && a.up {
		a.failed = false
		sooner(time.Now().Add(publishRetry))
	}
	return next
}

// greet tells a broker or a Home Assistant that knows nothing yet: states first,
// then configs from the bridge down to devices. A fresh connection is also
// searched for what we left behind in an earlier life.
func (a *announcer) greet(ctx context.Context, search bool) {
	a.b.board.touch()
	var found discovery
	if search {
		found = a.search(ctx) // before our own messages cover what is there
	}
	a.flush(ctx, rankState)
	a.sweep(ctx, found)
	a.flush(ctx, rankEmptied) // states that have come meanwhile go before their configs
}

// flush publishes what is due on the board, up to a rank.
func (a *announcer) flush(ctx context.Context, high int) (again time.Time) {
	due, again := a.b.board.due(high, time.Now())
	for _, e := range due {
		if !a.publish(ctx, e.Message) {
			return time.Time{}
		}
		if e.at.After(a.shown[e.Topic]) {
			a.shown[e.Topic] = e.at
		}
		if e.config() {
			a.settle()
		}
	}
	return again
}

// settle keeps events back after a config.
func (a *announcer) settle() { a.settled = time.Now().Add(a.b.o.SettlingTime) }

// drain publishes the events owed to each person's automations, oldest first.
func (a *announcer) drain(ctx context.Context) (again time.Time) {
	if !a.owing {
		return time.Time{}
	}
	if time.Now().Before(a.settled) {
		return a.settled
	}
	for _, p := range a.b.people() {
		for {
			p.learning.Lock()
			owed, err := a.b.o.Memory.Owed(ctx, p.account.UID, outboxBatch)
			p.learning.Unlock()
			if err != nil {
				a.trouble = err
				a.b.o.Log.Warn("outbox could not be read", "error", err)
				return time.Now().Add(firstRetry)
			}
			for _, o := range owed {
				if !a.tell(ctx, p, o) {
					return time.Time{}
				}
				if err := a.b.o.Memory.Settle(ctx, o.Seq); err != nil {
					a.trouble = err
					a.b.o.Log.Warn("outbox could not be written", "error", err)
					return time.Now().Add(firstRetry)
				}
				delete(a.told, o.Seq)
			}
			if len(owed) < outboxBatch {
				break
			}
		}
	}
	a.owing = false
	return time.Time{}
}

// tell publishes one event and reports whether the broker has it. Before it goes
// the body as it was then, so that a hub sees each weigh-in pass; once a newer one
// has been shown, that one as it is now. Nobody sees the weight jump back.
func (a *announcer) tell(ctx context.Context, p *person, o Owed) bool {
	if a.told[o.Seq] {
		return true
	}
	body, asOf := p.topic("body"), o.Event.measured()
	if a.shown[body].After(asOf) {
		asOf = a.shown[body]
	}
	state := p.bodyAsOf(asOf)
	if !a.b.board.says(body, state) && !a.publish(ctx, Message{Topic: body, Payload: state, Retained: true}) {
		return false
	}
	a.shown[body] = asOf
	o.Event.Account = p.account.Name // it may have been renamed since
	if !a.publish(ctx, Message{Topic: p.topic("weigh_in"), Payload: encode(o.Event)}) {
		return false
	}
	a.told[o.Seq] = true
	p.log.Info("weigh-in published", "event_type", string(o.Event.EventType), "id", o.Event.ID, "measured_at", o.Event.MeasuredAt)
	if a.b.o.OnEvent != nil {
		a.b.o.OnEvent(o.Event)
	}
	return true
}

// publish sends one message and reports whether the broker has acknowledged it.
func (a *announcer) publish(ctx context.Context, m Message) bool {
	if !a.up {
		return false // lost on the way; the next connection starts everything anew
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	a.pulse.within(publishTimeout)
	began := time.Now()
	if err := a.publisher.Publish(ctx, m); err != nil {
		a.failed, a.trouble = true, err
		if errors.Is(err, ErrBrokerAway) {
			a.up = false // the next connection announces itself
		} else {
			a.b.o.Log.Warn("message could not be published", "topic", m.Topic, "error", err)
		}
		return false
	}
	a.b.stats.acknowledged(time.Since(began))
	a.b.o.Log.Debug("message published", "topic", m.Topic, "retained", m.Retained, "bytes", len(m.Payload), "took", time.Since(began))
	a.b.board.delivered(m, time.Now())
	return true
}

func (a *announcer) health(ctx context.Context) []byte {
	pending, err := a.b.o.Memory.Pending(ctx)
	if err != nil {
		a.b.o.Log.Warn("outbox could not be read", "error", err)
	}
	return a.b.publishHealth(pending)
}

// goodbye publishes what is left, and as its last word that the bridge is gone: a
// clean disconnect keeps the broker from publishing the will. Nothing is withdrawn.
func (a *announcer) goodbye(ctx context.Context) {
	if !a.up {
		return
	}
	a.work(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
	defer cancel()
	a.publish(ctx, a.b.Will())
}
