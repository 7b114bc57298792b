package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// A name handed over to somebody else: their readings are no news, and those of
// whoever had it before are none of theirs.
func TestMoveStartsAnew(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		a := anna()
		a.Identity = "google:one"
		h.people.set(a)
		for i := range 10 {
			h.weigh(fmt.Sprint("old", i), time.Duration(i+1)*40*time.Hour, 80, aria)
		}
		h.open()
		h.news()
		h.anna.set(func(c *cloud) { c.weights = nil })
		for i := range 10 {
			h.weigh(fmt.Sprint("new", i), time.Duration(i+1)*40*time.Hour+time.Hour, 60, aria)
		}
		a.Identity, a.Generation = "google:two", 2
		h.people.set(a)
		h.pass(2 * time.Hour)
		news := slices.DeleteFunc(h.news(), func(n string) bool {
			return strings.HasPrefix(n, "anna/") || n == "body  0" // hearts start anew, too, and for a moment nothing is known
		})
		h.expect("only the state is new", news, "body new0 60")
		if past, err := h.memory.Recall(h.Context(), a.UID); err != nil || len(past.Weights) != 10 || past.Profile.Identity != "google:two" {
			h.Errorf("%d weights of %q, %v", len(past.Weights), past.Profile.Identity, err)
		}
	})
}

// What whoever had the name before stepped on and wore goes with them, be it that the
// bridge is there to see it or not.
func TestMoveTakesTheDevicesAlong(t *testing.T) {
	t.Parallel()
	for _, off := range []bool{false, true} {
		t.Run(map[bool]string{false: "while it runs", true: "while it is off"}[off], func(t *testing.T) {
			t.Parallel()
			inHouse(t, func(h *house) {
				a := anna()
				a.Identity = "google:one"
				h.people.set(a)
				withScale(h)
				h.open()
				if h.holds("fitbit2mqtt/anna/device/s1") == "" || h.holds("homeassistant/device/fitbit2mqtt_u1_s1/config") == "" {
					h.Fatal("there is no scale")
				}
				if off {
					h.stop()
				}
				h.anna.set(func(c *cloud) { c.devices[0].ID = "s2" })
				a.Identity, a.Generation = "google:two", 2
				h.people.set(a)
				if off {
					h.open()
				}
				h.pass(10 * time.Second)
				if h.holds("fitbit2mqtt/anna/device/s2") == "" || h.holds(annasConfig) == "" {
					h.Error("the next one is not there")
				}
				if state, config := h.holds("fitbit2mqtt/anna/device/s1"), h.holds("homeassistant/device/fitbit2mqtt_u1_s1/config"); state != "" || config != "" {
					h.Errorf("the scale of before is still there: %q, %q", state, config)
				}
			})
		})
	}
}

// Whatever one kind of data does, weigh-ins arrive within the minute.
func TestOneMetricInTrouble(t *testing.T) {
	t.Parallel()
	for _, kind := range []error{fitbit.ErrSetup, fitbit.ErrRetired, fitbit.ErrProtocol, fitbit.ErrUnavailable, fitbit.ErrPermission} {
		t.Run(kind.Error(), func(t *testing.T) {
			t.Parallel()
			inHouse(t, func(h *house) {
				h.weigh("a", day, 78, hand)
				h.anna.fail(&fitbit.CloudError{Kind: kind}, fitbit.HeartZones)
				h.open()
				if x := retained[heart](h, "heart"); x.Date == nil {
					h.Error("the rest of the heart is not shown")
				}
				h.pass(16 * time.Minute)
				h.news()
				h.weigh("b", time.Second, 77, hand)
				h.pass(time.Minute)
				h.expect("on time", h.news(), "body b 77", "weigh_in b 77")
				h.anna.count()
				h.pass(time.Hour)
				h.between("looks at the weight", h.anna.count(fitbit.WeightMetric), 58, 75)
				h.anna.fail(nil)
				h.pass(map[bool]time.Duration{true: 7 * time.Hour, false: time.Hour}[errors.Is(kind, fitbit.ErrPermission)])
				h.wantState(bridge.StateOK, "online")
			})
		})
	}
}

// A long time without weights is made up for, though hearts went on and the bridge
// was started anew.
func TestALongSilenceOfTheScale(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.weigh("a", day, 78, hand)
		h.open()
		h.anna.fail(&fitbit.CloudError{Kind: fitbit.ErrProtocol}, fitbit.WeightMetric)
		h.pass(day)
		h.weigh("late", 0, 77, hand)
		h.pass(34 * day)
		h.news()
		h.stop()
		h.anna.fail(nil)
		h.start()
		h.connect()
		h.pass(2 * time.Hour)
		if news := h.news(); !slices.Contains(news, "backfill late 77") {
			h.Errorf("never made up for: %v", news)
		}
	})
}

// A full disk that has room again is noticed, even if there is nothing to write.
func TestStorageTroublePasses(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.weigh("a", day, 78, hand)
		h.open()
		h.pass(5 * time.Minute)
		h.anna.fail(fitbit.ErrUnavailable)
		h.memory.set(func(m *memory) { m.noRecord = errors.New("disk full") })
		h.pass(20 * time.Minute)
		h.wantState(bridge.StateStorageError, "online")
		h.memory.set(func(m *memory) { m.noRecord = nil })
		h.anna.fail(nil)
		h.pass(20 * time.Minute)
		h.wantState(bridge.StateOK, "online")
	})
}

// Without permission for the settings the newest reading tells the time zone.
func TestTodayWithoutSettings(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.anna.zone = time.FixedZone("", -8*3600)
		h.anna.fail(&fitbit.CloudError{Kind: fitbit.ErrPermission}, fitbit.SettingsMetric)
		now := time.Now().In(h.anna.zone)
		evening := time.Date(now.Year(), now.Month(), now.Day()+1, 20, 0, 0, 0, h.anna.zone) // tomorrow in UTC
		h.pass(evening.Sub(now))
		h.weigh("a", time.Hour, 78, hand)
		today := fitbit.DateOf(evening)
		h.anna.set(func(c *cloud) { c.days[fitbit.HeartRange] = []fitbit.HeartDay{{Date: today, MinBPM: new(50)}} })
		h.open()
		if x := retained[heart](h, "heart"); x.Date == nil || *x.Date != today.String() || x.MinBPM == nil {
			h.Errorf("today is %s: %+v", today, x)
		}
	})
}

// Two bridges under the same topics: neither withdraws what is the other's, and
// the one that stays says that it is there.
func TestTwoBridgesAtOneBroker(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.weigh("a", day, 78, hand)
		h.open()
		h.pass(time.Second)
		o := h.o
		other := newCloud()
		other.weights = append(other.weights, fitbit.Weight{ID: "x", Time: time.Now().Add(-day), Kilograms: 60, Origin: hand})
		p := &people{clouds: map[string]*cloud{"u9": other}}
		p.set(bridge.Account{Name: "carla", UID: "u9", Backend: "google", Generation: 1, SignedIn: true})
		o.People, o.Memory = p, newMemory()
		b := bridge.New(o)
		ctx, cancel := context.WithCancel(h.Context())
		done := make(chan error, 1)
		go func() { done <- b.Run(ctx, h.broker) }()
		b.Connected()
		h.pass(time.Minute)
		if h.holds("fitbit2mqtt/carla/body") == "" || h.log.lines("another bridge publishes") != 1 {
			h.Error("the second bridge does not work, or does not warn")
		}
		cancel()
		if err := <-done; err != nil {
			h.Error(err)
		}
		h.bridge.Received(bridge.Message{Topic: "fitbit2mqtt/bridge/state", Payload: []byte("offline")})
		h.pass(time.Second)
		if h.holds("fitbit2mqtt/anna/body") == "" || h.holds("homeassistant/device/fitbit2mqtt_u1/config") == "" {
			h.Error("the second bridge withdrew what was the first one's")
		}
		if s := h.holds("fitbit2mqtt/bridge/state"); s != "online" {
			h.Errorf("bridge/state says %q while a bridge is running", s)
		}
	})
}
