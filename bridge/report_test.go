package bridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

func (h *house) report() bridge.Report {
	h.Helper()
	r, err := h.bridge.Report(h.Context())
	if err != nil {
		h.Errorf("report: %v", err)
	}
	return r
}

func TestReport(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.weigh("a", 2*day, 79.2, hand)
		h.weigh("b", time.Hour, 78, hand)
		withBattery(62)(h.anna)
		h.anna.days[fitbit.RestingHeartRate] = []fitbit.HeartDay{{Date: fitbit.DateOf(time.Now()), RestingBPM: new(58)}}
		h.anna.latest = fitbit.HeartSample{Time: time.Now().Add(-time.Minute), BPM: 64}
		h.people.clouds["u2"] = newCloud()
		h.people.set(ben(), anna())
		h.bridge = bridge.New(h.o)
		if r := h.report(); len(r.People) > 0 || r.Polls > 0 || r.Version != "1.2.3" {
			h.Errorf("before it runs: %+v", r)
		}
		h.open()

		r := h.report()
		if len(r.People) != 2 || r.People[0].Account.Name != "anna" || r.People[1].Account.Name != "ben" {
			h.Fatalf("people: %+v", r.People)
		}
		if r.Polls < 20 || len(r.Errors) > 0 || r.Published == 0 || r.Pending != 0 || r.LastError != "" || !r.Started.Before(time.Now()) {
			h.Errorf("report: %+v", r)
		}
		p := r.People[0]
		if *p.Body.ID != "b" || *p.Body.WeightKg != 78 || *p.Delta != -1.2 || p.HeightMetres != 1.785 {
			h.Errorf("body: %+v, delta %v", p.Body, p.Delta)
		}
		if *p.Heart.RestingBPM != 58 || *p.Heart.LatestBPM != 64 {
			h.Errorf("heart: %+v", p.Heart)
		}
		if len(p.Devices) != 1 || *p.Devices[0].BatteryPercent != 62 {
			h.Errorf("devices: %+v", p.Devices)
		}
		if p.Connection.State != bridge.StateOK || p.Connection.LastSuccess == nil || p.Connection.NextPoll == nil || !p.Available {
			h.Errorf("connection: %+v", p.Connection)
		}
		if _, offset := time.Now().In(p.Location).Zone(); offset != 3600 {
			h.Errorf("location: %v", p.Location)
		}
		if got, want := p.Usage, h.anna.Usage(); got == nil || *got != want || want.Requests == 0 {
			h.Errorf("usage: %+v, want %+v", got, want)
		}
		if ben := r.People[1]; ben.Delta != nil || ben.Body.WeightKg != nil {
			h.Errorf("somebody who has not weighed in: %+v", ben)
		}
		if one, ok := h.bridge.Person("anna"); !ok || *one.Body.ID != "b" {
			h.Errorf("person: %+v", one)
		}
		if _, ok := h.bridge.Person("nobody"); ok {
			h.Error("there is no such person")
		}
	})
}

// What the report says is what the broker has got.
func TestTheReportKeepsUp(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.weigh("a", day, 79, hand)
		h.open()
		h.broker.set(func(b *broker) { b.up = false })
		h.weigh("b", 0, 78.5, hand)
		h.pass(time.Minute)
		r := h.report()
		if p := r.People[0]; *p.Body.ID != "b" || *p.Delta != -0.5 || r.Pending != 1 {
			h.Errorf("while the broker is away: %+v, %d pending", p.Body, r.Pending)
		}
		h.connect()
		h.pass(10 * time.Second)
		if r := h.report(); r.Pending != 0 {
			h.Errorf("%d pending", r.Pending)
		}
		p, _ := h.bridge.Person("anna")
		for topic, v := range map[string]any{"body": p.Body, "heart": p.Heart, "connection": p.Connection} {
			b, err := json.Marshal(v)
			if got := h.holds("fitbit2mqtt/anna/" + topic); err != nil || got != string(b) {
				h.Errorf("the broker has\n%s, the report says\n%s", got, b)
			}
		}
	})
}

func TestErrorsAreCountedByWhatTheyMean(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.open()
		h.anna.set(func(c *cloud) {
			c.refuse = func(_ context.Context, m fitbit.Metric) error {
				return map[fitbit.Metric]error{
					fitbit.HRV:           fitbit.ErrPermission,
					fitbit.HeartZones:    &fitbit.CloudError{Kind: fitbit.ErrProtocol},
					fitbit.DevicesMetric: &fitbit.CloudError{Kind: fitbit.ErrSetup},
					fitbit.HeightMetric:  fitbit.ErrNoData, // no error
				}[m]
			}
		})
		h.pass(2 * time.Minute)
		h.bridge.PollNow("anna")
		h.pass(time.Second)
		want := map[bridge.State]int64{"permission_missing": 1, bridge.StateError: 1, bridge.StateSetupRequired: 1}
		r := h.report()
		if !maps.Equal(r.Errors, want) {
			h.Errorf("errors: %v, want %v", r.Errors, want)
		}
		if r.LastError != "anna: set-up required" {
			h.Errorf("last error: %q", r.LastError)
		}
		r.Errors["tampered"] = 1 // with a copy
		r.Publish.Counts[0] = -1
		h.anna.fail(&fitbit.RateLimitError{Until: time.Now().Add(time.Hour)}, fitbit.WeightMetric)
		h.pass(time.Minute)
		want[bridge.StateRateLimited] = 1
		if r := h.report(); !maps.Equal(r.Errors, want) || r.Publish.Counts[0] < 0 {
			h.Errorf("errors: %v, want %v", r.Errors, want)
		}
	})
}

// Counts are cumulative, as in a histogram of Prometheus.
func TestPublishLatency(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.open()
		for _, c := range []struct {
			took  time.Duration
			bound float64 // the first that holds it
		}{{3 * time.Millisecond, 0.005}, {5 * time.Millisecond, 0.005}, {20 * time.Second, 30}} {
			before := h.report()
			h.broker.set(func(b *broker) {
				b.refuse = func(context.Context, bridge.Message) error { time.Sleep(c.took); return nil } // virtual
			})
			h.birth("online") // everything again
			h.pass(30 * time.Minute)
			h.broker.set(func(b *broker) { b.refuse = nil })
			h.pass(time.Minute)
			h.birth("offline")
			r := h.report()
			n := r.Publish.Count - before.Publish.Count
			if n < 8 || r.Published-before.Published != n || len(r.Publish.Bounds) != len(r.Publish.Counts) {
				h.Fatalf("%d messages of %d", n, r.Published-before.Published)
			}
			slow := int64(math.Round((r.Publish.Sum - before.Publish.Sum) / c.took.Seconds()))
			if slow < 8 || slow > n {
				h.Errorf("%s: a sum of %f for %d messages", c.took, r.Publish.Sum-before.Publish.Sum, n)
			}
			for i, bound := range r.Publish.Bounds {
				want := n
				if bound < c.bound {
					want = n - slow
				}
				if got := r.Publish.Counts[i] - before.Publish.Counts[i]; got != want {
					h.Errorf("%s: %d messages within %f s, want %d", c.took, got, bound, want)
				}
			}
		}
		before := h.report()
		h.broker.set(func(b *broker) { b.refuse = func(context.Context, bridge.Message) error { return errors.New("no") } })
		h.birth("online")
		h.pass(10 * time.Second)
		if r := h.report(); r.Publish.Count != before.Publish.Count {
			h.Error("a message counts that the broker does not have")
		}
	})
}

func TestSync(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.weigh("a", day, 79, hand)
		h.open()
		renamed := anna()
		renamed.Name = "anne"
		h.people.set(renamed)
		if _, early := h.bridge.Person("anne"); early {
			h.Error("nobody has looked yet")
		}
		h.bridge.Sync(h.Context())
		p, ok := h.bridge.Person("anne")
		if _, still := h.bridge.Person("anna"); still || !ok || *p.Body.ID != "a" || p.Body.Account != "anne" {
			h.Errorf("anne is there: %t, anna still: %t", ok, still)
		}
		synctest.Wait()
		if h.holds("fitbit2mqtt/anne/body") == "" || h.holds("fitbit2mqtt/anna/body") != "" {
			h.Error("the topics have not moved")
		}

		// With nothing to take in, and with a store that cannot be read, it does not wait.
		before := time.Now()
		h.bridge.Sync(h.Context())
		h.people.set(anna())
		h.people.mu.Lock()
		h.people.refuse = errors.New("broken")
		h.people.mu.Unlock()
		h.bridge.Sync(h.Context())
		if !time.Now().Equal(before) {
			h.Errorf("it took %s", time.Since(before))
		}
	})
}

// Sync ends with its context, whether the bridge runs, has not begun or has ended.
func TestSyncEnds(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		ended, cancel := context.WithCancel(h.Context())
		cancel()
		h.bridge = bridge.New(h.o)
		h.bridge.Sync(ended)
		h.open()
		h.bridge.Sync(ended)
		h.stop()
		ctx, cancel := context.WithTimeout(h.Context(), time.Second)
		defer cancel()
		h.bridge.Sync(ctx)
		if ctx.Err() == nil {
			h.Error("nobody was there who could have looked")
		}
	})
}

// Reports are made while everybody polls and people come, go and change their names.
func TestReportsDisturbNobody(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		withScale(h)
		h.open()
		ctx, cancel := context.WithCancel(h.Context())
		var readers sync.WaitGroup
		for range 3 {
			readers.Go(func() {
				for ctx.Err() == nil {
					r, err := h.bridge.Report(ctx)
					if err != nil {
						h.Errorf("report: %v", err)
					}
					for _, p := range r.People { // read to the last pointer
						if _, err := json.Marshal([]any{p.Body, p.Delta, p.Heart, p.Connection, p.Devices}); err != nil {
							h.Errorf("%s: %v", p.Account.Name, err)
						}
					}
					if p, ok := h.bridge.Person("anna"); ok && p.Account.Name != "anna" {
						h.Errorf("anna is %s", p.Account.Name)
					}
					h.bridge.Sync(ctx)
					time.Sleep(500 * time.Millisecond) // virtual
				}
			})
		}
		for i := range 10 {
			h.weigh(string(rune('b'+i)), 0, 78-float64(i), aria)
			h.anna.set(withBattery(60 - i))
			a := anna()
			if i%3 == 2 {
				a.Name = "anne"
			}
			h.people.set(a)
			h.pass(17 * time.Minute)
		}
		cancel()
		readers.Wait()
	})
}

// Whoever is started anew, after a sign-in or under another name, is never missing from
// a report: a page would say that nobody is connected.
func TestNobodyIsMissingBetween(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.weigh("a", time.Hour, 78, hand)
		h.open()
		looks := 0
		again := anna()
		again.Name, again.Generation = "anneke", 2
		h.people.onSource = func() {
			looks++
			p, known := h.bridge.Person("anneke")
			if !known || p.Account.Generation != 2 || p.Body.WeightKg == nil {
				h.Errorf("between: %+v, %t", p, known)
			}
			if r := h.report(); len(r.People) != 1 {
				h.Errorf("%d people between", len(r.People))
			}
		}
		h.people.set(again)
		h.bridge.Sync(h.Context())
		if r := h.report(); looks != 1 || len(r.People) != 1 || r.People[0].Account.Name != "anneke" {
			h.Errorf("after %d looks: %+v", looks, r.People)
		}
	})
}
