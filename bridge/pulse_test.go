package bridge_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// patient is longer than anything that a loop at work may take.
const patient = 15 * time.Minute

func (h *house) wantAlive(what string) {
	h.Helper()
	if err := h.bridge.Alive(); err != nil {
		h.Errorf("%s: %v", what, err)
	}
}

// stays looks again and again whether the bridge is taken for alive.
func (h *house) stays(what string, span time.Duration) {
	h.Helper()
	for end := time.Now().Add(span); time.Now().Before(end); h.pass(10 * time.Second) {
		h.wantAlive(what)
	}
}

// hangs checks that a hang is noticed, though not too soon, and forgotten when it ends.
func (h *house) hangs(want string, end func()) {
	h.Helper()
	h.pass(time.Minute)
	h.wantAlive("a minute of it")
	h.pass(patient)
	if err := h.bridge.Alive(); err == nil || err.Error() != want {
		h.Errorf("alive: %v, want %s", err, want)
	}
	end()
	h.pass(time.Minute)
	h.wantAlive("after the end of it")
}

// Nothing that passes, or that a person has to mend, counts as a hang.
func TestTroubleIsNoHang(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(h *house){
		"none":              func(*house) {},
		"no broker":         func(h *house) { h.broker.set(func(b *broker) { b.up = false }) },
		"the sign-in lost":  func(h *house) { h.anna.fail(fitbit.ErrReauthRequired) },
		"the cloud is gone": func(h *house) { h.anna.fail(fitbit.ErrRetired) },
		"the cloud is away": func(h *house) { h.anna.fail(fitbit.ErrUnavailable) },
		"come back in an hour": func(h *house) {
			h.anna.fail(&fitbit.RateLimitError{Until: time.Now().Add(time.Hour)})
		},
		"a cloud that takes its time": func(h *house) {
			h.anna.set(func(c *cloud) {
				c.refuse = func(ctx context.Context, _ fitbit.Metric) error {
					return late(ctx, 5*time.Minute, fitbit.ErrUnavailable)
				}
			})
		},
		"a broker that takes its time": func(h *house) {
			h.broker.set(func(b *broker) {
				b.refuse = func(ctx context.Context, _ bridge.Message) error { return late(ctx, 25*time.Second, nil) }
			})
			for i := range 50 {
				h.weigh(fmt.Sprint("n", i), time.Duration(i)*time.Minute, 80, aria)
			}
		},
		"a broker that acknowledges nothing": func(h *house) {
			h.broker.set(func(b *broker) {
				b.refuse = func(ctx context.Context, _ bridge.Message) error { return late(ctx, time.Hour, nil) }
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inHouse(t, func(h *house) {
				withScale(h)
				h.open()
				h.people.set(anna(), ben()) // who has no pulse
				h.people.unknown = map[string]error{ben().Backend: fitbit.ErrSetup}
				trouble(h)
				h.stays(name, 6*time.Hour)
			})
		})
	}
}

// late answers after a while.
func late(ctx context.Context, after time.Duration, answer error) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(after):
		return answer
	}
}

func TestAHangIsNoticed(t *testing.T) {
	t.Parallel()
	t.Run("of a poller", func(t *testing.T) {
		t.Parallel()
		inHouse(t, func(h *house) {
			h.open()
			hold := make(chan struct{})
			h.anna.set(func(c *cloud) {
				c.refuse = func(context.Context, fitbit.Metric) error { <-hold; return nil }
			})
			h.hangs("polling for anna hangs", func() { close(hold) })
		})
	})
	t.Run("of the announcer", func(t *testing.T) {
		t.Parallel()
		inHouse(t, func(h *house) {
			h.open()
			hold := make(chan struct{})
			h.broker.set(func(b *broker) {
				b.refuse = func(context.Context, bridge.Message) error { <-hold; return nil }
			})
			h.hangs("publishing hangs", func() { close(hold) })
		})
	})
	t.Run("of the look at who is connected", func(t *testing.T) {
		t.Parallel()
		inHouse(t, func(h *house) {
			h.open()
			hold := make(chan struct{})
			h.people.onSource = func() { <-hold }
			h.people.clouds["u2"] = newCloud()
			h.people.set(anna(), ben())
			h.hangs("the look at who is connected hangs", func() { close(hold) })
		})
	})
}

// A bridge that has not begun, or has ended, owes nobody a sign of life.
func TestAliveWithoutRunning(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.bridge = bridge.New(h.o)
		h.wantAlive("before it runs")
		h.open()
		h.stop()
		h.pass(day)
		h.wantAlive("after it has run")
	})
}

func TestStates(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		lost := ben()
		lost.UID, lost.SignedIn = "u2", false
		h.people.clouds["u2"] = newCloud()
		strange := bridge.Account{Name: "carl", UID: "u3", Backend: "oura", SignedIn: true}
		h.people.unknown = map[string]error{"oura": fitbit.ErrSetup}
		h.people.set(anna(), lost, strange)
		h.open()
		got := h.bridge.States()
		if len(got) != 3 || got[bridge.StateOK] != 1 || got[bridge.StateSignInRequired] != 1 || got[bridge.StateError] != 1 {
			h.Errorf("states: %v", got)
		}
	})
}
