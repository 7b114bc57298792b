package signin_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// TestMovingOn: whose clouds know each other's ids needs no confirmation, not even back.
func TestMovingOn(t *testing.T) {
	l := newLab(t)
	former := l.formerOf("anna")
	l.inOld(server("anna"), former)
	before := l.account("anna")
	if o := l.in(signin.Request{Name: "anna", Backend: "google", Move: true}, fakecloud.Answer{Person: "anna"}); !o.Moved {
		t.Errorf("outcome is %+v", o)
	}
	if o := l.in(signin.Request{Name: "anna"}, fakecloud.Answer{Person: "anna"}); o.Moved {
		t.Errorf("outcome is %+v, and nobody has moved", o)
	}
	a := l.account("anna")
	if a.UID != before.UID || a.Person != before.Person || a.Backend != "google" || a.Client != configured || a.Former != former {
		t.Errorf("account is %+v, was %+v", a, before)
	}
	if l.old.asked("revoke") != 0 {
		t.Error("a grant that may serve another name was revoked")
	}
	if err := l.poll("anna"); err != nil {
		t.Error(err)
	}
	l.inOld(server("anna"), former)
	if a = l.account("anna"); a.UID != before.UID || a.Person != before.Person || a.Backend != "old" || a.Generation != 4 {
		t.Errorf("account is %+v, was %+v", a, before)
	}
}

// TestUnconfirmed: where the ids say nothing, the person does; and whoever waits, or
// looks at the page, learns what was said.
func TestUnconfirmed(t *testing.T) {
	l := newLab(t)
	l.inOld(server("anna"), "user-anna")
	before := l.account("anna")
	s := l.begin(signin.Request{Name: "anna", Backend: "google"})
	_, err := l.desk.Finish(t.Context(), l.allow(s, "anna"), "")
	trouble, ok := errors.AsType[*signin.Trouble](err)
	if !ok || trouble.Code != signin.Unconfirmed || trouble.Backend != "google" {
		t.Errorf("error is %v", err)
	}
	if a := l.account("anna"); a.Backend != "old" || a.Generation != before.Generation || !a.SignedIn {
		t.Errorf("account is %+v", a)
	}
	s = l.begin(signin.Request{Name: "anna", Backend: "google", SamePerson: true})
	if p, err := l.another().Progress(t.Context(), s.ID); err != nil || !p.SamePerson || p.Move || p.Backend != "google" {
		t.Errorf("progress is %+v (%v)", p, err)
	}
	if o, err := l.another().Finish(t.Context(), l.allow(s, "anna"), ""); err != nil || !o.Moved {
		t.Errorf("outcome is %+v (%v)", o, err)
	}
	if a := l.account("anna"); a.Person != before.Person || a.UID != before.UID || a.Backend != "google" {
		t.Errorf("account is %+v", a)
	}
	if o := l.inOld(signin.Request{Name: "anna", Backend: "old", Move: true}, "user-carl"); o.Moved {
		t.Errorf("outcome is %+v, and the history is another", o)
	}
	if a := l.account("anna"); a.Person != "old:user-carl" || a.UID != before.UID {
		t.Errorf("account is %+v", a)
	}
	if s := l.begin(signin.Request{Name: "anna", SamePerson: true}); s.SamePerson {
		t.Error("within one cloud there is nothing to confirm")
	}
}

// TestAMoveUnderWay: whoever still polls the old cloud gets no token of the new one,
// gives it none, and has no trouble to report.
func TestAMoveUnderWay(t *testing.T) {
	l := newLab(t)
	former := l.formerOf("anna")
	l.inOld(server("anna"), former)
	stale, err := l.desk.Source(l.account("anna").UID, "old")
	if err != nil {
		t.Fatal(err)
	}
	l.clock.Advance(9 * hour)
	move := l.begin(signin.Request{Name: "anna", Backend: "google"})
	callback := l.allow(move, "anna")
	moved := make(chan error, 1)
	l.old.atRefresh = func() { // while a token is being renewed
		_, err := l.desk.Finish(t.Context(), callback, "")
		moved <- err
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	waited := make(chan error, 1)
	go func() {
		_, err := stale.Identity(ctx)
		waited <- err
	}()
	if err := <-moved; err != nil {
		t.Fatal(err)
	}
	soon, done := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer done()
	if _, err := stale.Identity(soon); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
	cancel()
	if err := <-waited; !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if got := l.old.asked("identity"); got != 1 {
		t.Errorf("the old cloud was asked %d times", got)
	}
	if got := l.old.asked("refresh"); got != 1 {
		t.Errorf("%d tokens were sent to the old cloud", got)
	}
	if err := l.poll("anna"); err != nil {
		t.Error(err)
	}
}
