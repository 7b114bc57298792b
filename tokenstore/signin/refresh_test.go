package signin_test

import (
	"errors"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// A token is replaced while it is good, and the new one has been proven at the cloud,
// single-use or not.
func TestRefresh(t *testing.T) {
	l := newLab(t)
	l.in(signin.Request{Name: "anna"}, fakecloud.Answer{Person: "anna"})
	l.inOld(server("ben"), "user-ben")
	for _, name := range []string{"anna", "ben"} {
		before := l.account(name)
		for range 2 {
			l.clock.Advance(time.Minute)
			after, err := l.desk.Refresh(t.Context(), name)
			if err != nil || !after.Expiry.After(before.Expiry) || after.Generation != before.Generation {
				t.Errorf("%s: the token ended at %s, and ends at %s (%v)", name, before.Expiry, after.Expiry, err)
			}
			before = after
		}
	}
	if n := l.old.asked("refresh"); n != 2 {
		t.Errorf("%d refreshes at the old cloud, want 2", n)
	}
	l.old.identity = &fitbit.CloudError{Kind: fitbit.ErrUnavailable, Detail: "Old answers 503"}
	if a, err := l.desk.Refresh(t.Context(), "ben"); !errors.Is(err, fitbit.ErrUnavailable) || a.Name != "ben" {
		t.Errorf("a cloud that refuses the new token: %+v, %v", a, err)
	}
	if _, err := l.desk.Refresh(t.Context(), "nobody"); !errors.Is(err, tokenstore.ErrNotFound) {
		t.Errorf("error is %v", err)
	}
}

// What is known to be over is said without asking, in the words in which it is known.
func TestRefreshOfWhatIsOver(t *testing.T) {
	l := newLab(t)
	l.inOld(server("anna"), "user-anna")
	l.inOld(server("ben"), "user-ben")
	if _, err := l.desk.Disconnect(t.Context(), "anna"); err != nil {
		t.Fatal(err)
	}
	s := l.begin(signin.Request{Name: "anna"})
	_, _ = l.desk.Finish(t.Context(), fitbit.Callback{State: s.State, Err: "access_denied"}, "")
	ben := l.account("ben")
	if err := l.store.NoteRetired(t.Context(), ben.UID, ben.Generation, &fitbit.CloudError{Kind: fitbit.ErrRetired, Detail: "Old is gone"}); err != nil {
		t.Fatal(err)
	}
	asked := len(l.old.requests)
	for name, want := range map[string]error{"anna": fitbit.ErrReauthRequired, "ben": fitbit.ErrRetired} {
		if _, err := l.desk.Refresh(t.Context(), name); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	if _, err := l.desk.Refresh(t.Context(), "anna"); fitbit.Hint(err) != l.account("anna").LostHint || fitbit.Hint(err) == "" {
		t.Errorf("the hint is %q", fitbit.Hint(err))
	}
	if n := len(l.old.requests); n != asked {
		t.Errorf("%d requests for what is known", n-asked)
	}
	delete(l.desk.Clouds, "old")
	if _, err := l.desk.Refresh(t.Context(), "ben"); !errors.Is(err, fitbit.ErrSetup) {
		t.Errorf("error is %v", err)
	}
}
