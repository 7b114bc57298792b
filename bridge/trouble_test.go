package bridge_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

func TestRateLimit(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.open()
		h.anna.fail(&fitbit.RateLimitError{Until: time.Now().Add(20 * time.Minute)}, fitbit.WeightMetric)
		h.pass(time.Minute)
		h.wantState(bridge.StateRateLimited, "online")
		if next := *retained[connection](h, "connection").NextPoll; next < time.Now().Add(18*time.Minute).In(h.anna.zone).Format(time.RFC3339) {
			h.Errorf("next poll at %s", next)
		}
		h.anna.count()
		h.bridge.PollNow("anna")
		h.pass(18 * time.Minute)
		if got := h.anna.count(); got != 0 {
			h.Errorf("%d requests while limited, of all metrics", got)
		}
		h.anna.fail(nil)
		h.pass(2 * time.Minute)
		h.between("weight requests", h.anna.count(fitbit.WeightMetric), 2, 4)
		h.wantState(bridge.StateOK, "online")
	})
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.weigh("a", time.Hour, 78, hand)
		h.open()
		h.log.lines("")
		h.anna.fail(&fitbit.CloudError{Kind: fitbit.ErrUnavailable, Detail: "503"})
		h.pass(time.Minute)
		h.wantState(bridge.StateUnavailable, "online")
		if c := retained[connection](h, "connection"); *c.Detail != "cloud unavailable: 503" || c.LastSuccess == nil {
			h.Errorf("connection: %+v", c)
		}
		h.anna.count()
		h.pass(time.Hour)
		// After 30 s, 1, 2, 4, 8 and then every 15 minutes, each up to a tenth earlier.
		h.between("body requests in an hour of trouble", h.anna.count(fitbit.WeightMetric), 8, 18)
		h.pass(40 * time.Hour)
		h.wantState(bridge.StateUnavailable, "online")
		if b := retained[body](h, "body"); b.WeightKg != 78 {
			h.Errorf("the weight is gone: %+v", b)
		}
		if n := h.log.lines("connection in trouble"); n != 1 {
			h.Errorf("trouble was logged %d times", n)
		}
		h.pass(8 * time.Hour)
		h.wantState(bridge.StateUnavailable, "offline") // two days of silence
		h.anna.fail(nil)
		h.pass(16 * time.Minute)
		h.wantState(bridge.StateOK, "online")
		if n := h.log.lines("connection is fine again"); n != 1 {
			h.Errorf("recovery was logged %d times", n)
		}
		news := slices.DeleteFunc(h.news(), func(line string) bool { return line == "anna/heart" }) // a new day
		h.expect("news", news, "anna/availability offline", "anna/availability online")
	})
}

// A restart must not make stale values look fresh.
func TestSilenceOutlivesARestart(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.weigh("a", time.Hour, 78, hand)
		h.open()
		h.pass(10 * time.Minute)
		h.anna.fail(fitbit.ErrUnavailable)
		began := time.Now()
		h.pass(30 * time.Hour)
		if p, _ := h.memory.Recall(h.Context(), "u1"); began.Sub(p.Profile.LastSuccess) > time.Minute {
			h.Errorf("a crash now would forget all since %s", p.Profile.LastSuccess)
		}
		h.stop()
		h.pass(20 * time.Hour)
		h.start()
		h.connect()
		h.wantState(bridge.StateUnavailable, "offline")
		if b := retained[body](h, "body"); b.WeightKg != 78 {
			h.Errorf("body: %+v", b)
		}
	})
}

func TestOneMetricWithoutPermission(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.anna.days[fitbit.RestingHeartRate] = []fitbit.HeartDay{{Date: fitbit.DateOf(time.Now()), RestingBPM: new(58)}}
		h.anna.fail(fitbit.ErrPermission, fitbit.HeartRange, fitbit.BodyFatMetric)
		h.weigh("a", time.Hour, 78, aria)
		h.open()
		h.wantState(bridge.StateOK, "online")
		c := retained[connection](h, "connection")
		if !slices.Equal(c.Missing, []string{"body_fat", "heart_rate"}) || !strings.HasSuffix(*c.Hint, "connect anna") {
			h.Errorf("connection: %+v", c)
		}
		if r := retained[heart](h, "heart"); r.RestingBPM == nil || *r.RestingBPM != 58 || r.MinBPM != nil {
			h.Errorf("heart: %+v", r)
		}
		h.anna.count()
		h.pass(5 * time.Hour)
		h.weigh("b", time.Hour, 77, aria)
		h.pass(time.Minute)
		h.expect("news", h.news(), "body b 77", "weigh_in b 77")
		if got := h.anna.count(fitbit.HeartRange, fitbit.BodyFatMetric); got != 0 {
			h.Errorf("%d requests for what is not granted", got)
		}
		h.pass(2 * time.Hour)
		if got := h.anna.count(fitbit.HeartRange, fitbit.BodyFatMetric); got != 2 {
			h.Errorf("asked %d times in six hours whether it is granted by now", got)
		}
		if got := h.anna.count(fitbit.WeightMetric); got < 7*60 {
			h.Errorf("%d weight requests: the rest must go on", got)
		}
	})
}

func TestSetup(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.anna.fail(&fitbit.CloudError{Kind: fitbit.ErrSetup, Detail: "the API is off", Hint: "turn it on"})
		h.open()
		h.wantState(bridge.StateSetupRequired, "online")
		if c := retained[connection](h, "connection"); *c.Hint != "turn it on" {
			h.Errorf("connection: %+v", c)
		}
		h.anna.count()
		h.pass(time.Hour)
		h.between("requests an hour", h.anna.count(), 3, 50)
		h.anna.fail(nil)
		h.pass(16 * time.Minute)
		h.wantState(bridge.StateOK, "online")
	})
}

// A cloud that refuses to renew the token is asked once, not once for every metric.
func TestSetupThatConcernsTheToken(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		wrong := &fitbit.CloudError{Kind: fitbit.ErrSetup, Detail: "wrong secret", Reason: "invalid_client"}
		h.anna.fail(fmt.Errorf("%w: %w", fitbit.ErrNoToken, wrong))
		h.open()
		h.wantState(bridge.StateSetupRequired, "online")
		if n := h.anna.count(); n != 1 {
			h.Errorf("asked %d times at once", n)
		}
		h.pass(time.Hour)
		h.between("requests an hour", h.anna.count(), 3, 10)
		h.bridge.PollNow("anna")
		h.pass(time.Second)
		if n := h.anna.count(); n != 1 {
			h.Errorf("asked %d times on demand", n)
		}
		h.anna.fail(nil)
		h.pass(16 * time.Minute)
		h.wantState(bridge.StateOK, "online")
	})
}

// These two end polling until somebody does something. A cloud that refuses a token
// while the store still holds a sign-in is asked again, now and then.
func TestTheEndOfPolling(t *testing.T) {
	t.Parallel()
	for state, err := range map[bridge.State]error{
		bridge.StateSignInRequired: &fitbit.CloudError{Kind: fitbit.ErrReauthRequired, Hint: "connect ACCOUNT"},
		bridge.StateSourceRetired:  &fitbit.CloudError{Kind: fitbit.ErrRetired, Hint: "connect ACCOUNT"},
	} {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			inHouse(t, func(h *house) {
				h.weigh("a", time.Hour, 78, hand)
				h.open()
				h.anna.fail(err, fitbit.WeightMetric)
				h.pass(time.Minute)
				h.wantState(state, "offline")
				c := retained[connection](h, "connection")
				final := state == bridge.StateSourceRetired
				if (c.NextPoll == nil) != final || c.Hint != nil && *c.Hint != "connect anna" {
					h.Errorf("connection: %+v", c)
				}
				h.anna.count()
				h.bridge.PollNow("anna")
				h.pass(day)
				h.between("requests in vain", h.anna.count(), 0, map[bool]int{true: 0, false: 150}[final])

				gone := anna() // as the store sees it, too
				gone.SignedIn, gone.Retired = final, final
				h.people.set(gone)
				h.pass(time.Minute)
				h.wantState(state, "offline")
				h.anna.count()
				h.bridge.PollNow("anna")
				h.pass(day)
				h.between("requests without a sign-in", h.anna.count(), 0, 0)
				if n := h.log.lines("connection in trouble"); n != 1 {
					h.Errorf("trouble was logged %d times", n)
				}

				h.anna.fail(nil)
				again := anna()
				again.Generation = 2
				h.people.set(again)
				h.pass(2 * time.Second)
				h.wantState(bridge.StateOK, "online")
				h.weigh("b", 0, 77, hand)
				h.pass(time.Minute)
				if b := retained[body](h, "body"); b.ID != "b" {
					h.Errorf("body: %+v", b)
				}
			})
		})
	}
}

func TestStorage(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.weigh("a", day, 79, hand)
		h.open()
		h.memory.set(func(m *memory) { m.noRecord = errors.New("disk full") })
		h.weigh("b", 0, 78, hand)
		h.pass(time.Minute)
		h.wantState(bridge.StateStorageError, "online")
		h.expect("nothing is told that is not stored", h.news())
		h.pass(time.Hour)
		h.memory.set(func(m *memory) { m.noRecord = nil })
		h.pass(15 * time.Minute)
		h.wantState(bridge.StateOK, "online")
		h.expect("nothing is lost", h.news(), "body b 78", "weigh_in b 78")

		// The store that cannot hand out a token is another one, and heals by itself.
		h.anna.fail(fitbit.ErrStorage)
		h.pass(time.Minute)
		h.wantState(bridge.StateStorageError, "online")
		h.anna.fail(nil)
		h.pass(2 * time.Minute)
		h.wantState(bridge.StateOK, "online")
	})
}

func TestAnUnexpectedAnswer(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.open()
		h.anna.fail(&fitbit.CloudError{Kind: fitbit.ErrProtocol, Detail: "no JSON"}, fitbit.DevicesMetric)
		h.pass(time.Hour + time.Minute)
		h.wantState(bridge.StateError, "online")
		h.weigh("a", 0, 78, hand)
		h.pass(time.Minute)
		h.expect("the rest goes on", h.news(), "body a 78", "weigh_in a 78")
	})
}
