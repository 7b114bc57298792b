package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// once does a round of its own, as a process that comes and goes.
func (h *house) once(accounts ...string) ([]bridge.Round, error) {
	h.Helper()
	h.pass(time.Second)
	b := bridge.New(h.o)
	up := false
	if h.broker.set(func(b *broker) { up = b.up }); up {
		b.Connected()
	}
	rounds, err := b.Once(h.Context(), h.broker, accounts...)
	h.fence()
	return rounds, err
}

// wantRound does a round in which all goes well, and returns what it tells, one line
// for each person.
func (h *house) wantRound(accounts ...string) (lines []string) {
	h.Helper()
	rounds, err := h.once(accounts...)
	if err != nil {
		h.Errorf("round: %v", err)
	}
	return inShort(rounds)
}

func inShort(rounds []bridge.Round) (lines []string) {
	for _, r := range rounds {
		words := []string{r.Account.Name, string(r.Connection.State)}
		if r.FirstLook {
			words = append(words, "first")
		}
		for _, e := range r.Events {
			words = append(words, string(e.EventType), e.ID)
		}
		lines = append(lines, strings.Join(words, " "))
	}
	return lines
}

func (h *house) brokerUp() { h.broker.set(func(b *broker) { b.up = true }) }

// Whoever polls now and then has everything at the broker as if the bridge had stayed.
func TestRounds(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		withScale(h)
		h.anna.days[fitbit.HeartRange] = []fitbit.HeartDay{{Date: fitbit.DateOf(time.Now()), MinBPM: new(50)}}
		h.anna.refuse = func(context.Context, fitbit.Metric) error {
			time.Sleep(time.Millisecond) // as long as an answer takes
			return nil
		}
		h.brokerUp()
		h.expect("first", h.wantRound(), "anna ok first")
		topics := topicsOf(h.heard())
		h.expect("configs last, and how all stands", topics[len(topics)-4:],
			"device/fitbit2mqtt_bridge/config", "device/fitbit2mqtt_u1/config", "device/fitbit2mqtt_u1_s1/config", "bridge/health")
		if len(topics) != len(everything()) {
			h.Errorf("published: %v", topics)
		}
		h.wantState(bridge.StateOK, "online")
		if c := retained[connection](h, "connection"); c.NextPoll != nil || c.LastSuccess == nil {
			h.Errorf("connection: %+v", c)
		}

		h.weigh("b", time.Minute, 78, hand)
		h.pass(time.Hour)
		h.expect("second", h.wantRound(), "anna ok weigh_in b")
		if news := h.news(); news[len(news)-1] != "weigh_in b 78" {
			h.Errorf("news: %v", news)
		}
		if health := h.holds("fitbit2mqtt/bridge/health"); !strings.Contains(health, `"pending":0`) {
			h.Errorf("health: %s", health)
		}
		for range 10 {
			h.pass(time.Minute)
			h.expect("nothing new", h.wantRound(), "anna ok")
			for _, line := range h.news() {
				if line == "bridge/state offline" || strings.Contains(line, "weigh_in") || strings.Contains(line, "cleared") {
					h.Errorf("published: %s", line)
				}
			}
		}
		if h.memory.seq != 1 || h.holds("fitbit2mqtt/bridge/state") != "online" {
			h.Errorf("%d events, state %s", h.memory.seq, h.holds("fitbit2mqtt/bridge/state"))
		}
		h.memory.set(func(m *memory) {
			if last := time.Since(m.past["u1"].Profile.LastSuccess); last > time.Second {
				h.Errorf("the last success was %s ago", last)
			}
		})
		h.pass(47 * time.Hour)
		h.anna.fail(fitbit.ErrUnavailable)
		h.wantRound()
		h.wantState(bridge.StateUnavailable, "online")
		h.pass(2 * time.Hour)
		h.anna.fail(fitbit.ErrUnavailable)
		h.wantRound()
		h.wantState(bridge.StateUnavailable, "offline") // for 49 hours, though each round is a new life
	})
}

// The next round delivers what this one could not.
func TestARoundWithoutABroker(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.brokerUp()
		h.wantRound()
		h.broker.set(func(b *broker) { b.up = false })
		h.weigh("b", 0, 78, hand)
		began := time.Now()
		rounds, err := h.once()
		if !errors.Is(err, bridge.ErrBrokerAway) || time.Since(began) > time.Minute {
			h.Errorf("%v after %s", err, time.Since(began))
		}
		h.expect("found", inShort(rounds), "anna ok weigh_in b")
		h.news()

		h.brokerUp()
		h.expect("still news", h.wantRound(), "anna ok weigh_in b")
		if news := h.news(); news[len(news)-1] != "weigh_in b 78" {
			h.Errorf("news: %v", news)
		}
		h.expect("no more", h.wantRound(), "anna ok")
		h.weigh("c", 0, 77, hand)
		if rounds, err := bridge.New(h.o).Once(h.Context(), nil); err != nil || inShort(rounds)[0] != "anna ok weigh_in c" {
			h.Errorf("with nobody to publish to: %v (%v)", inShort(rounds), err)
		}
		h.open() // the owed event comes from a bridge that stays
		if left, _ := h.memory.Pending(h.Context()); left != 0 {
			h.Errorf("%d events still owed", left)
		}
	})
}

// The connection is lost on the way, or the disk: the event comes again, under its id.
func TestARoundIsCutShort(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		breaks func(h *house)
		want   error
	}{
		"broker": {func(h *house) {
			h.broker.refuse = func(_ context.Context, m bridge.Message) error {
				if strings.HasSuffix(m.Topic, "/weigh_in") {
					h.broker.set(func(b *broker) { b.up, b.refuse = false, nil })
					return bridge.ErrBrokerAway
				}
				return nil
			}
		}, bridge.ErrBrokerAway},
		"refusal": {func(h *house) {
			h.broker.refuse = func(_ context.Context, m bridge.Message) error {
				if strings.HasSuffix(m.Topic, "/weigh_in") {
					return context.DeadlineExceeded
				}
				return nil
			}
		}, context.DeadlineExceeded},
		"disk": {func(h *house) { h.memory.noSettle = fitbit.ErrStorage }, fitbit.ErrStorage},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inHouse(t, func(h *house) {
				h.brokerUp()
				h.wantRound()
				h.weigh("b", 0, 78, hand)
				c.breaks(h)
				if _, err := h.once(); !errors.Is(err, c.want) {
					h.Errorf("got %v, want %v", err, c.want)
				}
				h.memory.noSettle, h.broker.refuse = nil, nil
				h.brokerUp()
				h.expect("again", h.wantRound(), "anna ok weigh_in b")
				if news := h.news(); news[len(news)-1] != "weigh_in b 78" {
					h.Errorf("news: %v", news)
				}
			})
		})
	}
}

// A look finds what a round would, and neither remembers nor publishes it.
func TestALookChangesNothing(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		look := func(want string) {
			h.Helper()
			h.fence()
			rounds, err := bridge.New(h.o).Look(h.Context())
			if err != nil {
				h.Error(err)
			}
			h.fence()
			h.expect("look", inShort(rounds), want)
		}
		h.people.removed = []string{"u9"}
		h.weigh("a", time.Hour, 79, hand)
		look("anna ok first")
		look("anna ok first")
		h.people.removed = nil
		h.open()
		h.memory.written()
		h.weigh("b", 0, 78, hand)
		look("anna ok weigh_in b")
		look("anna ok weigh_in b")
		h.anna.set(func(c *cloud) { // the bridge polls in the middle of it
			c.refuse = func(_ context.Context, m fitbit.Metric) error {
				if m == fitbit.HeartRange {
					h.memory.set(func(m *memory) {
						m.owed = []bridge.Owed{{Seq: 1, Event: bridge.Event{EventType: bridge.NewWeighIn, ID: "b", MeasuredAt: time.Now().In(h.anna.zone).Format(time.RFC3339), WeightKg: 78}}}
						m.owner[1] = "u1"
					})
				}
				return nil
			}
		})
		look("anna ok weigh_in b")
		h.memory.set(func(m *memory) { m.owed = nil })
		h.anna.fail(gone())
		look("anna source_retired")
		h.wantNoted(0)
		h.anna.fail(nil)
		handed := anna()
		handed.Identity = "google:somebody-else"
		h.memory.set(func(m *memory) {
			p := m.past["u1"]
			p.Profile.Identity = "google:anna"
			m.past["u1"] = p
		})
		h.people.accounts[0] = handed // without a new version: the bridge has not noticed
		look("anna ok first")
		h.people.accounts[0] = anna()
		if n := h.memory.written(); n != 0 || h.memory.seq != 0 || len(h.memory.past["u1"].Weights) != 1 {
			h.Errorf("%d entries, %d events, %+v", n, h.memory.seq, h.memory.past["u1"].Weights)
		}
		h.expect("published", h.news())
		h.pass(time.Minute)
		h.expect("the bridge's own poll", h.news(), "body b 78", "weigh_in b 78")
	})
}

// What cannot be made out at one glance is not left to a round that does not know of it.
func TestARoundMakesUpItsMind(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		for i := range 5 {
			h.weigh(fmt.Sprint("w", i), time.Duration(i+1)*day, 78, aria)
			w := h.anna.weights[i]
			h.anna.fats = append(h.anna.fats, fitbit.BodyFat{ID: "f" + w.ID, Time: w.Time, Percent: 25, Origin: aria})
		}
		h.brokerUp()
		h.wantRound()
		h.weigh("new", 0, 77, aria)
		late := fitbit.BodyFat{ID: "fnew", Time: time.Now(), Percent: 24, Origin: aria}
		h.expect("its body fat is on the way", h.wantRound(), "anna ok weigh_in new")
		h.anna.set(func(c *cloud) { c.fats = append(c.fats, late) })
		h.pass(time.Minute)
		h.expect("and is there", h.wantRound(), "anna ok correction new")
		h.anna.set(func(c *cloud) { c.weights = c.weights[:5] })
		began := time.Now()
		h.expect("deleted", h.wantRound(), "anna ok deletion new")
		h.between("seconds", int(time.Since(began)/time.Second), 10, 12)
		h.expect("and done with", h.wantRound(), "anna ok")
	})
}

// A round for one person leaves the others' topics as they are; removed people's go.
func TestARoundForOne(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		withScale(h)
		h.people.clouds["u2"] = newCloud()
		h.people.set(anna(), ben())
		h.brokerUp()
		h.expect("both", h.wantRound(), "anna ok first", "ben ok first")
		h.people.clouds["u2"].fail(fitbit.ErrUnavailable)
		h.expect("ben", h.wantRound("ben"), "ben cloud_unavailable")
		before := len(h.broker.retained)
		h.news()
		h.people.clouds["u2"].count()
		h.expect("anna", h.wantRound("anna"), "anna ok")
		for _, line := range h.news() {
			if strings.Contains(line, "ben") || strings.Contains(line, "u2") || strings.Contains(line, "cleared") {
				h.Errorf("published: %s", line)
			}
		}
		if got := h.holds("fitbit2mqtt/ben/connection"); !strings.Contains(got, "cloud_unavailable") || len(h.broker.retained) != before {
			h.Errorf("ben: %s; %d topics, were %d", got, len(h.broker.retained), before)
		}
		if n := h.people.clouds["u2"].count(); n != 0 {
			h.Errorf("ben was asked %d times", n)
		}
		h.people.remove("u2")
		h.expect("anna alone", h.wantRound(), "anna ok")
		for topic := range h.broker.retained {
			if strings.Contains(topic, "ben") || strings.Contains(topic, "u2") {
				h.Errorf("left behind: %s", topic)
			}
		}
		h.log.lines("")
		h.open()
		if n := h.log.lines("another bridge"); n != 0 {
			h.Error("a bridge takes the round before it for another one at work")
		}
	})
}

// Who has no sign-in or no cloud is not asked; a permission that is missing is no trouble.
func TestRoundsInTrouble(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.brokerUp()
		lost := anna()
		lost.SignedIn, lost.LostDetail, lost.LostHint = false, "revoked", "sign in again: fitbit2mqtt connect ACCOUNT"
		stranger := bridge.Account{Name: "zoe", UID: "u3", Backend: "garmin", SignedIn: true}
		h.people.unknown = map[string]error{"garmin": errors.New("unknown cloud")}
		h.people.clouds["u2"] = newCloud()
		h.people.clouds["u2"].fail(fitbit.ErrPermission, fitbit.HRV)
		h.people.set(lost, ben(), stranger)
		rounds, err := h.once()
		if err != nil {
			h.Error(err)
		}
		h.expect("rounds", inShort(rounds), "anna signin_required", "ben ok first", "zoe error")
		if n := h.anna.count(); n != 0 {
			h.Errorf("anna's cloud was asked %d times", n)
		}
		if m := rounds[1].Connection.Missing; len(m) != 1 || rounds[1].Err != nil {
			h.Errorf("ben: %v, %v", m, rounds[1].Err)
		}
		if !errors.Is(rounds[0].Err, fitbit.ErrReauthRequired) {
			h.Errorf("anna: %v", rounds[0].Err)
		}

		h.people.set(anna())
		h.people.noNote = fitbit.ErrStorage
		h.anna.fail(gone())
		h.expect("gone", h.wantRound(), "anna source_retired") // without waiting to note it
		h.people.noNote = nil
		h.expect("and noted", h.wantRound(), "anna source_retired")
		h.wantNoted(1)
		h.anna.count()
		h.expect("for good", h.wantRound(), "anna source_retired")
		if n := h.anna.count(); n != 0 {
			h.Errorf("a cloud that is gone was asked %d times", n)
		}

		h.people.set(ben())
		h.memory.set(func(m *memory) { m.noRecord = errors.New("disk full") })
		h.people.clouds["u2"].fail(nil)
		rounds, _ = h.once()
		h.expect("disk", inShort(rounds), "ben storage_error")
		h.memory.set(func(m *memory) { m.noRecall = errors.New("damaged") })
		if rounds, err := h.once(); err == nil || rounds != nil {
			h.Errorf("%v, %v", rounds, err)
		}
	})
}

// A signal ends a round in the middle.
func TestARoundIsStopped(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		ctx, cancel := context.WithCancel(h.Context())
		h.anna.set(func(c *cloud) {
			c.refuse = func(ctx context.Context, _ fitbit.Metric) error {
				cancel()
				<-ctx.Done()
				return ctx.Err()
			}
		})
		if rounds, err := bridge.New(h.o).Once(ctx, h.broker); !errors.Is(err, context.Canceled) || rounds != nil {
			h.Errorf("%v, %v", rounds, err)
		}
		h.anna.fail(nil)
		ctx, cancel = context.WithCancel(h.Context())
		time.AfterFunc(2*time.Second, cancel)
		if _, err := bridge.New(h.o).Once(ctx, h.broker); !errors.Is(err, context.Canceled) {
			h.Errorf("while the broker is away: %v", err)
		}
	})
}
