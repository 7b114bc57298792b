package tokenstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

func TestTwentyCallersOverTwoStoresMakeOneRefresh(t *testing.T) {
	path := storePath(t)
	stores := []*tokenstore.Store{open(t, tokenstore.Options{Path: path}), open(t, tokenstore.Options{Path: path})}
	a := connect(t, stores[0], tokenstore.SignIn{Name: "anna", Grant: expired()})
	var c cloud
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			tokens := stores[i%2].Tokens(a.UID, "google", c.refresh)
			get := tokens.Token
			if i%4 > 1 {
				get = func(ctx context.Context) (string, error) { return tokens.Renew(ctx, grant(1).AccessToken) }
			}
			if got, err := get(t.Context()); err != nil || got != grant(2).AccessToken {
				t.Errorf("got %q (%v), want the new token", got, err)
			}
		})
	}
	wg.Wait()
	if requests, _ := c.counts(); requests != 1 {
		t.Errorf("%d requests, want 1", requests)
	}
}

func TestACancelledCallerLeavesAndTheRenewalIsSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := storePath(t)
		s := open(t, tokenstore.Options{Path: path})
		a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: expired()})
		answer := make(chan struct{})
		c := cloud{before: func(context.Context) { <-answer }}
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() {
			_, err := s.Tokens(a.UID, "google", c.refresh).Token(ctx)
			left <- err
		}()
		synctest.Wait() // the cloud thinks
		cancel()
		wantErr(t, <-left, context.Canceled)

		closed := make(chan error, 1)
		go func() { closed <- s.Close() }()
		synctest.Wait() // Close does what it does without an answer
		close(answer)
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
		s = open(t, tokenstore.Options{Path: path})
		if got := token(t, s.Tokens(a.UID, "google", unexpected(t))); got != grant(2).AccessToken {
			t.Errorf("token is %q, want the renewed one", got)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestASignInLiftsTheClaimOnTheOldOne(t *testing.T) {
	s := open(t, tokenstore.Options{})
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: expired()})
	claimAsAnother(t, s, time.Now())
	connect(t, s, tokenstore.SignIn{Name: "anna", Grant: expired()})
	var c cloud
	soon, cancel := context.WithTimeout(t.Context(), tokenstore.ClaimLife/4)
	defer cancel()
	if got, err := s.Tokens(a.UID, "google", c.refresh).Token(soon); err != nil || got != grant(2).AccessToken {
		t.Errorf("got %q (%v), want a renewal at once", got, err)
	}
}

func TestAClaimFromTheFutureIsNotWaitedFor(t *testing.T) {
	s := open(t, tokenstore.Options{})
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: expired()})
	claimAsAnother(t, s, time.Now().Add(24*time.Hour)) // and then the clock was set right
	var c cloud
	soon, cancel := context.WithTimeout(t.Context(), tokenstore.ClaimLife/4)
	defer cancel()
	if got, err := s.Tokens(a.UID, "google", c.refresh).Token(soon); err != nil || got != grant(2).AccessToken {
		t.Errorf("got %q (%v), want a renewal at once", got, err)
	}
}

func claimAsAnother(t *testing.T, s *tokenstore.Store, at time.Time) {
	t.Helper()
	_, err := s.DB().ExecContext(t.Context(), "UPDATE accounts SET claimed_by = 'another', claimed_at = ?", at.UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
}

func TestATokenRefusedBeforeItsRenewalHasReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, tokenstore.Options{})
		a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: expired()})
		var c cloud
		tokens := s.Tokens(a.UID, "google", c.refresh)
		second := make(chan string, 1)
		s.At(func(point string) {
			if requests, _ := c.counts(); point != "saved" || requests != 1 {
				return
			}
			go func() { // has read the saved token, tried it, and finds the renewal still there
				got, err := tokens.Renew(t.Context(), grant(2).AccessToken)
				if err != nil {
					t.Error(err)
				}
				second <- got
			}()
			synctest.Wait()
		})
		if got := token(t, tokens); got != grant(2).AccessToken {
			t.Errorf("token is %q, want the first new one", got)
		}
		if got := <-second; got != grant(3).AccessToken {
			t.Errorf("token is %q, want another than the refused one", got)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestNobodyWaitsForEverForTheCloud(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, tokenstore.Options{})
		a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: expired()})
		c := cloud{before: func(ctx context.Context) { <-ctx.Done() }}
		start := time.Now()
		_, err := s.Tokens(a.UID, "google", c.refresh).Token(t.Context())
		wantErr(t, err, context.DeadlineExceeded)
		if took := time.Since(start); took != tokenstore.RefreshLimit {
			t.Errorf("gave up after %v, want %v", took, tokenstore.RefreshLimit)
		}
	})
}

func TestADeadOwnersClaimIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := storePath(t)
		frozen, next := open(t, tokenstore.Options{Path: path}), open(t, tokenstore.Options{Path: path})
		a := connect(t, frozen, tokenstore.SignIn{Name: "anna", Grant: expired()})
		thaw, claimed := make(chan struct{}), make(chan struct{})
		frozen.At(func(point string) {
			if point == "claimed" {
				close(claimed)
				<-thaw
			}
		})
		var c cloud
		late := make(chan string)
		go func() {
			got, err := frozen.Tokens(a.UID, "google", c.refresh).Token(t.Context())
			if err != nil {
				t.Errorf("the frozen store, thawed: %v", err)
			}
			late <- got
		}()
		<-claimed

		start := time.Now()
		impatient, cancel := context.WithTimeout(t.Context(), tokenstore.ClaimLife-time.Second)
		defer cancel()
		_, err := next.Tokens(a.UID, "google", c.refresh).Token(impatient)
		wantErr(t, err, context.DeadlineExceeded)
		if requests, _ := c.counts(); requests != 0 {
			t.Errorf("%d requests while somebody else had the claim", requests)
		}
		if got := token(t, next.Tokens(a.UID, "google", c.refresh)); got != grant(2).AccessToken {
			t.Errorf("token is %q, want the new one", got)
		}
		if took := time.Since(start); took < tokenstore.ClaimLife || took > tokenstore.ClaimLife+time.Second {
			t.Errorf("took over after %v, want %v", took, tokenstore.ClaimLife)
		}
		close(thaw) // it asks with the old token, hears the same again, and must not harm
		if got := <-late; got != grant(2).AccessToken {
			t.Errorf("the frozen store got %q", got)
		}
		if got := token(t, next.Tokens(a.UID, "google", unexpected(t))); got != grant(2).AccessToken {
			t.Errorf("token is %q at last", got)
		}
		if err := errors.Join(frozen.Close(), next.Close()); err != nil {
			t.Error(err)
		}
	})
}

func TestClosingEndsTheWaitForAClaim(t *testing.T) {
	path := storePath(t)
	holder, waiter := open(t, tokenstore.Options{Path: path}), open(t, tokenstore.Options{Path: path})
	a := connect(t, holder, tokenstore.SignIn{Name: "anna", Grant: expired()})
	asked, answer := make(chan struct{}), make(chan struct{})
	c := cloud{before: func(context.Context) { close(asked); <-answer }}
	held := make(chan error)
	go func() {
		_, err := holder.Tokens(a.UID, "google", c.refresh).Token(t.Context())
		held <- err
	}()
	<-asked
	waited := make(chan error)
	go func() {
		_, err := waiter.Tokens(a.UID, "google", unexpected(t)).Token(t.Context())
		waited <- err
	}()
	if err := waiter.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err == nil {
		t.Error("a token from a closed store")
	}
	close(answer)
	if err := <-held; err != nil {
		t.Error(err)
	}
}
