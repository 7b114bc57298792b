package tokenstore_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

func attempt(state string) tokenstore.Attempt {
	return tokenstore.Attempt{
		Attempt: fitbit.Attempt{State: state, Verifier: secret + "verifier", RedirectURL: "http://127.0.0.1:8080/"},
		Name:    "anna", Backend: "google", Client: "client", Public: true, Move: true, SamePerson: true,
	}
}

func TestAnAttemptIsTakenOnce(t *testing.T) {
	for name, key := range map[string][]byte{"plain": nil, "sealed": []byte(secret + "key")} {
		t.Run(name, func(t *testing.T) {
			path := storePath(t)
			s := open(t, tokenstore.Options{Path: path, Key: key})
			if err := s.BeginSignIn(t.Context(), attempt("a")); err != nil {
				t.Fatal(err)
			}
			other := open(t, tokenstore.Options{Path: path, Key: key}) // the callback may reach another process
			got, err := other.TakeSignIn(t.Context(), "a")
			if err != nil || got != attempt("a") {
				t.Errorf("got another attempt: %v", err)
			}
			for _, state := range []string{"a", "never begun", ""} {
				_, err = s.TakeSignIn(t.Context(), state)
				wantErr(t, err, tokenstore.ErrNoAttempt)
			}
		})
	}
}

func TestAnAttemptExpires(t *testing.T) {
	now := time.Now().Truncate(time.Millisecond) // as times are stored
	s := open(t, tokenstore.Options{Now: func() time.Time { return now }})
	for _, state := range []string{"a", "b", "c"} {
		if err := s.BeginSignIn(t.Context(), attempt(state)); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(tokenstore.AttemptLife)
	if _, err := s.TakeSignIn(t.Context(), "a"); err != nil {
		t.Errorf("after ten minutes: %v", err)
	}
	now = now.Add(time.Second)
	if p, err := s.SignInProgress(t.Context(), attempt("b").ID()); err != nil || !p.Expired || p.Taken() {
		t.Errorf("after that it is %+v (%v), want expired", p, err)
	}
	_, err := s.TakeSignIn(t.Context(), "b")
	wantErr(t, err, tokenstore.ErrNoAttempt)
	if err := s.BeginSignIn(t.Context(), attempt("d")); err != nil {
		t.Fatal(err)
	}
	// One that was taken is remembered for whoever waits for its outcome.
	if p, err := s.SignInProgress(t.Context(), attempt("a").ID()); err != nil || !p.Taken() || p.Expired {
		t.Errorf("a taken one is %+v (%v)", p, err)
	}
	now = now.Add(time.Hour)
	if err := s.BeginSignIn(t.Context(), attempt("e")); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := s.DB().QueryRowContext(t.Context(), "SELECT count(*) FROM attempts").Scan(&left); err != nil || left != 1 {
		t.Errorf("%d attempts are kept (%v), want only the new one", left, err)
	}
}

func TestAnAttemptNeedsAnAllowedName(t *testing.T) {
	a := attempt("a")
	a.Name = "bridge"
	if err := open(t, tokenstore.Options{}).BeginSignIn(t.Context(), a); err == nil {
		t.Error("accepted")
	}
}

func TestAnAttemptDoesNotPrintItsVerifier(t *testing.T) {
	l := newLogs(t)
	logger(l).Info("attempt", "attempt", attempt("a"))
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, attempt("a")); strings.Contains(text, secret) {
			t.Errorf("%s prints %s", format, text)
		}
	}
}

// Whoever waits learns it, too, when the process that had the code has died.
func TestAnAttemptIsAbandoned(t *testing.T) {
	now := time.Now().Truncate(time.Millisecond)
	s := open(t, tokenstore.Options{Now: func() time.Time { return now }})
	for _, state := range []string{"a", "b"} {
		if err := s.BeginSignIn(t.Context(), attempt(state)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.TakeSignIn(t.Context(), state); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SettleSignIn(t.Context(), attempt("b"), "done"); err != nil {
		t.Fatal(err)
	}
	expect := func(want bool) {
		t.Helper()
		for state, want := range map[string]bool{"a": want, "b": false} {
			if p, err := s.SignInProgress(t.Context(), attempt(state).ID()); err != nil || p.Abandoned != want || p.Expired {
				t.Errorf("%s is %+v (%v), want abandoned: %t", state, p, err, want)
			}
		}
	}
	now = now.Add(tokenstore.SettleLife)
	expect(false)
	now = now.Add(time.Millisecond)
	expect(true)
}

// A terminal and a page may wait for the same attempt; one finishes it, both learn how.
func TestAnAttemptTellsWhatBecameOfIt(t *testing.T) {
	path := storePath(t)
	here, there := open(t, tokenstore.Options{Path: path, Key: key()}), open(t, tokenstore.Options{Path: path, Key: key()})
	a := attempt("a")
	if err := here.BeginSignIn(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	expect := func(what string, want tokenstore.Progress) {
		t.Helper()
		got, err := there.SignInProgress(t.Context(), a.ID())
		if err != nil || got.Taken() != want.Taken() || got.Outcome != want.Outcome || got.Attempt != want.Attempt {
			t.Errorf("%s: %+v (%v)", what, got, err)
		}
	}
	expect("begun", tokenstore.Progress{Attempt: a})
	taken, err := here.TakeSignIn(t.Context(), a.State)
	if err != nil || taken != a {
		t.Fatalf("taken: %v", err)
	}
	a.Verifier = "" // nobody needs it any more
	expect("taken", tokenstore.Progress{Attempt: a, TakenAt: time.Now()})
	if err := here.SettleSignIn(t.Context(), a, "anna is connected"); err != nil {
		t.Fatal(err)
	}
	expect("settled", tokenstore.Progress{Attempt: a, TakenAt: time.Now(), Outcome: "anna is connected"})
	_, err = there.SignInProgress(t.Context(), "another")
	wantErr(t, err, tokenstore.ErrNoAttempt)
	if strings.Contains(a.ID(), a.State) {
		t.Error("the id shows the state")
	}
}
