package bridge_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// wantWords checks detail and hint of the connection.
func (h *house) wantWords(detail, hint string) {
	h.Helper()
	c := retained[connection](h, "connection")
	if c.Detail == nil || c.Hint == nil || !strings.Contains(*c.Detail, detail) || !strings.Contains(*c.Hint, hint) {
		h.Errorf("connection is %+v, want …%s… with the hint …%s…", c, detail, hint)
	}
}

// The house is told two days before a sign-in ends, to the second.
func TestTheEndOfASignInIsAnnounced(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		ends := time.Now().Add(3 * day)
		a := anna()
		a.SignInExpires = ends
		h.people.set(a)
		h.open()
		h.pass(time.Until(ends.Add(-48*time.Hour)) - time.Nanosecond)
		if c := retained[connection](h, "connection"); c.EndsSoon || c.Detail != nil || h.log.lines("ends soon") > 0 {
			h.Errorf("before: %+v", c)
		}
		h.pass(time.Nanosecond)
		if c := retained[connection](h, "connection"); !c.EndsSoon {
			h.Errorf("two days before: %+v", c)
		}
		h.wantState(bridge.StateOK, "online")
		h.wantWords("the sign-in ends on "+ends.In(h.anna.zone).Format("2 January at 15:04"), "sign in again: fitbit2mqtt connect anna")
		h.pass(36 * time.Hour)
		if n := h.log.lines("sign-in ends soon"); n != 1 {
			h.Errorf("logged %d times", n)
		}

		// A new sign-in takes the warning back.
		a.SignInExpires, a.Generation = ends.Add(7*day), 2
		h.people.set(a)
		h.pass(time.Minute)
		if c := retained[connection](h, "connection"); c.EndsSoon || c.Detail != nil {
			h.Errorf("after a new sign-in: %+v", c)
		}
	})
}

// It comes in time though nothing is fetched, because the cloud is resting.
func TestTheAnnouncementDoesNotWaitForAPoll(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		a := anna()
		a.SignInExpires = time.Now().Add(2*day + time.Hour)
		h.people.set(a)
		h.anna.fail(&fitbit.RateLimitError{Until: time.Now().Add(6 * time.Hour)})
		h.open()
		h.anna.count()
		h.pass(time.Until(a.SignInExpires.Add(-48 * time.Hour)))
		if c := retained[connection](h, "connection"); !c.EndsSoon || c.State != string(bridge.StateRateLimited) {
			h.Errorf("connection: %+v", c)
		}
		if n := h.anna.count(); n > 0 || h.log.lines("sign-in ends soon") != 1 {
			h.Errorf("%d requests", n)
		}
	})
}

// Who has just lost the sign-in is not told that it ends soon.
func TestALostSignInIsNotAboutToEnd(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		a := anna()
		a.SignInExpires = time.Now().Add(3 * day)
		h.people.set(a)
		h.open()
		h.anna.fail(&fitbit.CloudError{Kind: fitbit.ErrReauthRequired}) // the store, too, will say so in a moment
		h.pass(day + time.Hour)
		h.wantState(bridge.StateSignInRequired, "offline")
		if c := retained[connection](h, "connection"); c.EndsSoon || h.log.lines("ends soon") > 0 {
			h.Errorf("connection: %+v", c)
		}
		h.anna.fail(nil) // it was not gone after all
		h.pass(time.Hour)
		if c := retained[connection](h, "connection"); !c.EndsSoon || h.log.lines("ends soon") != 1 {
			h.Errorf("connection: %+v", c)
		}
	})
}

func TestWhyASignInIsGone(t *testing.T) {
	t.Parallel()
	const testMode = "has ended as announced, because the cloud project is in test mode"
	for name, c := range map[string]struct {
		change       func(a *bridge.Account)
		detail, hint string
	}{
		"nothing more is known": {func(*bridge.Account) {}, "sign-in required: the sign-in has expired or was revoked", "sign in again: fitbit2mqtt connect anna"},
		"before its time": {
			func(a *bridge.Account) { a.SignInExpires = time.Now().Add(day) },
			"has expired or was revoked", "sign in again: fitbit2mqtt connect anna",
		},
		"in test mode": {
			func(a *bridge.Account) { a.SignInExpires = time.Now() },
			testMode, "publish the app (Google Auth Platform, Audience), then sign in again: fitbit2mqtt connect anna",
		},
		"the last attempt failed": {
			func(a *bridge.Account) {
				a.SignInExpires = time.Now().Add(-day)
				a.LostDetail, a.LostHint = "the last sign-in failed: consent was denied", "start again: fitbit2mqtt connect anna"
			},
			"the last sign-in failed: consent was denied", "start again: fitbit2mqtt connect anna",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inHouse(t, func(h *house) {
				h.weigh("a", time.Hour, 78, hand)
				h.open()
				gone := anna()
				gone.SignedIn = false
				c.change(&gone)
				h.people.set(gone)
				h.bridge.Sync(h.Context())
				h.pass(0)
				h.wantState(bridge.StateSignInRequired, "offline")
				h.wantWords(c.detail, c.hint)
				if c := retained[connection](h, "connection"); c.NextPoll != nil || c.EndsSoon {
					h.Errorf("connection: %+v", c)
				}
				if b := retained[body](h, "body"); b.ID != "a" {
					h.Errorf("body: %+v", b)
				}
				if p, _ := h.bridge.Person("anna"); p.Available || p.Connection.State != bridge.StateSignInRequired {
					h.Errorf("report: %+v", p)
				}
			})
		})
	}
}

// What the sign-in does not cover is said before anything has been asked for.
func TestWhatWasNotGrantedIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		a := anna()
		a.Missing = []fitbit.Metric{fitbit.SettingsMetric, fitbit.HeartZones, fitbit.DevicesMetric}
		h.people.set(a)
		h.anna.set(func(c *cloud) {
			c.refuse = func(ctx context.Context, _ fitbit.Metric) error { <-ctx.Done(); return ctx.Err() }
		})
		h.open()
		h.wantState(bridge.StateOK, "online")
		h.wantWords("not granted at sign-in: batteries of scale and tracker, minutes in heart-rate zones, time zone",
			"leave every box ticked: fitbit2mqtt connect anna")
		c := retained[connection](h, "connection")
		if !slices.Equal(c.Missing, []string{"devices", "heart_zones", "settings"}) || c.LastSuccess != nil {
			h.Errorf("connection: %+v", c)
		}

		h.anna.fail(nil)
		a.Missing, a.Generation = nil, 2
		h.people.set(a)
		h.pass(10 * time.Second)
		if c := retained[connection](h, "connection"); len(c.Missing) > 0 || c.Detail != nil {
			h.Errorf("after a sign-in with every box ticked: %+v", c)
		}
	})
}

// Where another sign-in would not help, the house is told what does.
func TestWhatIsMissingMayTakeMoreThanASignIn(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.people.set(anna())
		h.anna.fail(&fitbit.CloudError{Kind: fitbit.ErrPermission, Hint: "change the type of the app"}, fitbit.HeartRange, fitbit.LatestHeartRate)
		h.open()
		h.pass(time.Minute)
		h.wantWords("daily heart rate, latest heart rate", "change the type of the app")
		h.anna.fail(&fitbit.CloudError{Kind: fitbit.ErrPermission}, fitbit.DevicesMetric)
		h.pass(2 * time.Hour)
		h.wantWords("batteries of scale and tracker, daily heart rate, latest heart rate", "leave every box ticked") // no advice fits all
	})
}
