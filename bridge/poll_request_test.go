package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// outcome is a response to a poll in short.
func (a answered) outcome() string {
	var parts []string
	for _, p := range a.Data.Accounts {
		parts = append(parts, p.Account+" "+p.State)
		for _, e := range p.Events {
			parts = append(parts, string(e.EventType)+" "+e.ID)
		}
		if p.Awaiting > 0 {
			parts = append(parts, fmt.Sprint("awaiting ", p.Awaiting))
		}
	}
	if a.Error != "" {
		parts = append(parts, a.Error)
	}
	return strings.Join(append([]string{a.Status}, parts...), ", ")
}

func (h *house) wantPoll(what, payload string, after time.Duration, want string) {
	h.Helper()
	if got := h.answer("poll", payload, after).outcome(); got != want {
		h.Errorf("%s:\ngot  %s\nwant %s", what, got, want)
	}
}

func TestPollRequest(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		ben0 := newCloud()
		h.people.clouds["u2"] = ben0
		h.people.set(anna(), ben())
		h.open()
		h.wantPoll("nothing new", "", 0, "ok, anna ok, ben ok")
		h.weigh("a", time.Minute, 78, hand)
		h.weigh("old", 2*day, 79, hand)
		h.wantPoll("all", "", 0, "ok, anna ok, backfill old, weigh_in a, ben ok")
		h.weigh("b", 0, 77, hand)
		h.wantPoll("somebody else", "ben", 0, "ok, ben ok")
		h.wantPoll("by name", `{"account":"anna"}`, 0, "ok, anna ok, weigh_in b")
		h.wantPoll("nobody", `{"account":"carla"}`, 0, `error, there is no account "carla"; there are: anna, ben`)
		if a := h.answer("poll", `{"account":"carla","transaction":{"n":[1]}}`, 0); string(a.Transaction) != `{"n":[1]}` {
			h.Errorf("transaction: %s", a.Transaction)
		}
	})
}

// The events reach the broker before the response that lists them.
func TestAPollsNewsComesFirst(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.open()
		h.weigh("a", time.Minute, 78, hand)
		h.ask("poll", "anna")
		h.pass(0)
		h.expect("in this order", h.news(), "body a 78", "weigh_in a 78", "bridge/response/poll")
	})
}

func TestAPollThatWaitsForBodyFat(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		for i := range 3 {
			h.weigh(fmt.Sprint("w", i), time.Duration(i+1)*day, 80, aria)
			h.anna.fats = append(h.anna.fats, fitbit.BodyFat{ID: fmt.Sprint("f", i), Time: time.Now().Add(-time.Duration(i+1) * day), Percent: 25, Origin: aria})
		}
		h.open()
		h.weigh("a", 10*time.Second, 79, aria)
		h.wantPoll("held back", "anna", 0, "ok, anna ok, awaiting 1")
		h.pass(time.Minute)
		h.expect("then", h.news(), "body a 79", "weigh_in a 79")
	})
}

// A request may come while the cloud is being asked: what it found before may be old.
func TestAPollUnderWay(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.open()
		h.anna.set(func(c *cloud) {
			c.refuse = func(_ context.Context, m fitbit.Metric) error {
				if m == fitbit.WeightMetric {
					time.Sleep(2 * time.Second)
				}
				return nil
			}
		})
		h.ask("poll", `{"account":"anna","transaction":1}`)
		h.pass(time.Second)
		h.ask("poll", `{"account":"anna","transaction":2}`)
		h.pass(10 * time.Millisecond)
		h.weigh("a", 0, 78, hand)
		h.pass(time.Second)
		list := h.answers("poll")
		if len(list) != 1 || string(list[0].Transaction) != "1" {
			h.Fatalf("after the first: %+v", list)
		}
		h.pass(3 * time.Second)
		list = h.answers("poll")
		if len(list) != 1 || string(list[0].Transaction) != "2" || !strings.HasPrefix(list[0].outcome(), "ok, anna ok") {
			h.Fatalf("after the second: %+v", list)
		}
	})
}

func TestAPollInTrouble(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.o.PanelURL = "http://house:8099"
		h.open()
		h.anna.fail(fitbit.ErrUnavailable)
		h.wantPoll("cloud away", "anna", 0, "error, anna: cloud unavailable (it is tried again by itself)")
		until := time.Now().Add(20 * time.Minute)
		h.anna.fail(&fitbit.RateLimitError{Until: until})
		limited := "error, anna: rate limit reached, next request at " + until.In(h.anna.zone).Format(time.RFC3339) + " (ask again after that)"
		h.wantPoll("rate limit", "", 0, limited)
		h.anna.count()
		for range 3 {
			if a := h.answer("poll", "anna", 0); a.Status != "error" || !strings.Contains(a.Error, "rate limit reached, next request at ") {
				h.Errorf("still limited: %+v", a)
			}
		}
		h.between("requests while limited", h.anna.count(), 0, 0)
		h.pass(30 * time.Minute)
		h.anna.fail(&fitbit.CloudError{Kind: fitbit.ErrReauthRequired, Hint: "sign in again: fitbit2mqtt connect ACCOUNT"})
		h.wantPoll("sign-in lost", "anna", 0,
			"error, anna: sign-in required (sign in again at http://house:8099/people/anna, or with: fitbit2mqtt connect anna)")
		h.anna.fail(nil)
		h.pass(time.Hour)
		h.wantPoll("fine again", "anna", 0, "ok, anna ok")

		lost := anna()
		lost.SignedIn, lost.Generation = false, 2
		h.people.set(lost)
		h.pass(2 * time.Second)
		for range 2 {
			if a := h.answer("poll", "anna", 0); a.Status != "error" || !strings.HasPrefix(a.Error, "anna: sign-in required: ") || !strings.Contains(a.Error, "/people/anna") {
				h.Errorf("signed out: %+v", a)
			}
		}
	})
}

// One person's trouble does not hide what is new of the others.
func TestAPollOfAllWithTrouble(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.people.clouds["u2"] = newCloud()
		h.people.set(anna(), ben())
		h.open()
		h.people.clouds["u2"].fail(fitbit.ErrProtocol)
		h.weigh("a", time.Minute, 78, hand)
		h.wantPoll("one fails", "", 0, "error, anna ok, weigh_in a, ben: unexpected answer (it is tried again by itself)")
	})
}

func TestAPollWithoutEnd(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.open()
		h.anna.set(func(c *cloud) {
			c.refuse = func(ctx context.Context, _ fitbit.Metric) error {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(5 * time.Minute):
					return nil
				}
			}
		})
		h.wantPoll("a slow cloud", "anna", 61*time.Second,
			"error, the poll takes longer than 1m0s and goes on; what is new is published when it comes")
		h.pass(5 * time.Hour)
		if list := h.answers("poll"); len(list) != 0 {
			h.Errorf("answered again: %+v", list)
		}
		h.ask("poll", "anna")
		h.pass(time.Second)
		h.stop()
		h.broker.set(func(*broker) {})
		for _, a := range h.answers("poll") {
			if !strings.Contains(a.Error, "cut short") {
				h.Errorf("at the end: %+v", a)
			}
		}
	})
}

func TestWhoWaitsForAPollIsAnsweredAtTheEnd(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*house){
		"the bridge stops":   func(h *house) { h.stop() },
		"the person leaves":  func(h *house) { h.people.remove("u1") },
		"a new sign-in came": func(h *house) { a := anna(); a.Generation = 2; h.people.set(a) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inHouse(t, func(h *house) {
				h.open()
				h.anna.set(func(c *cloud) {
					c.refuse = func(ctx context.Context, _ fitbit.Metric) error {
						<-ctx.Done()
						return ctx.Err()
					}
				})
				h.ask("poll", "anna")
				h.pass(time.Second)
				leave(h)
				h.pass(5 * time.Second)
				list := h.answers("poll")
				if len(list) != 1 || list[0].Status != "error" || !strings.Contains(list[0].Error, "anna: the poll was cut short") {
					h.Errorf("%+v", list)
				}
			})
		})
	}
}

func TestAFloodOfPolls(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.open()
		h.anna.set(func(c *cloud) {
			c.refuse = func(context.Context, fitbit.Metric) error {
				time.Sleep(100 * time.Millisecond)
				return nil
			}
		})
		h.anna.count()
		for range 50 {
			h.ask("poll", "anna")
		}
		h.pass(5 * time.Second)
		ok := 0
		list := h.answers("poll")
		for _, a := range list {
			if a.Status == "ok" {
				ok++
			} else if !strings.Contains(a.Error, "others wait for this poll already") {
				h.Errorf("%+v", a)
			}
		}
		if len(list) != 50 || ok != 20 {
			h.Errorf("%d answers, %d of them ok", len(list), ok)
		}
		h.between("looks", h.anna.count(fitbit.WeightMetric), 1, 3)
	})
}

func TestAPollThatTheBudgetForbids(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.anna.limit, h.anna.span = 150, time.Hour
		h.open()
		for range 60 {
			h.anna.count()
			a := h.answer("poll", "anna", 2*time.Second)
			if n := h.anna.count(fitbit.WeightMetric); a.Status == "ok" && n == 0 {
				h.Error("said to be done, and nobody was asked")
			}
			if a.Status == "error" {
				if !strings.Contains(a.Error, "anna: rate limit reached, next request at ") {
					h.Errorf("%+v", a)
				}
				return
			}
		}
		h.Error("the budget never ended")
	})
}

func TestStrangersArePolledByNobody(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.people.unknown = map[string]error{"fitbit": errors.New(`cloud "fitbit" is unknown`)}
		h.people.set(anna(), ben())
		h.open()
		h.wantPoll("by name", "ben", 0, `error, ben: cloud "fitbit" is unknown`)
		h.wantPoll("all", "", 0, `error, anna ok, ben: cloud "fitbit" is unknown`)
	})
}
