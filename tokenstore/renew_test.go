package tokenstore_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

func TestATokenIsRenewedInTime(t *testing.T) {
	now := time.Now().Truncate(time.Millisecond) // as times are stored
	for name, c := range map[string]struct {
		expiry time.Time
		renew  bool
	}{
		"long ago":       {now.Add(-time.Hour), true},
		"59 seconds":     {now.Add(59 * time.Second), true},
		"60 seconds":     {now.Add(60 * time.Second), false},
		"never, it says": {time.Time{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, tokenstore.Options{Now: func() time.Time { return now }})
			g := grant(1)
			g.Expiry = c.expiry
			a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: g})
			var cloud cloud
			want := grant(1).AccessToken
			if c.renew {
				want = grant(2).AccessToken
			}
			if got := token(t, s.Tokens(a.UID, cloud.refresh)); got != want {
				t.Errorf("token is %q, want %q", got, want)
			}
			if requests, _ := cloud.counts(); (requests == 1) != c.renew {
				t.Errorf("%d requests", requests)
			}
		})
	}
}

func TestRenewReplacesARefusedTokenOnce(t *testing.T) {
	s := open(t, tokenstore.Options{})
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(1)})
	var c cloud
	tokens := s.Tokens(a.UID, c.refresh)
	for range 2 { // the second caller was refused as well, and finds it done
		got, err := tokens.Renew(t.Context(), grant(1).AccessToken)
		if err != nil || got != grant(2).AccessToken {
			t.Errorf("got %q (%v), want the second token", got, err)
		}
	}
	if requests, _ := c.counts(); requests != 1 {
		t.Errorf("%d requests, want 1", requests)
	}
}

func TestAReplyKeepsWhatItDoesNotSay(t *testing.T) {
	s := open(t, tokenstore.Options{})
	first := expired()
	first.Scopes, first.SignInExpires = []string{"heart", "weight"}, time.Now().Add(time.Hour)
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: first})
	c := cloud{change: func(g *fitbit.Grant) { g.RefreshToken = "" }}
	tokens := s.Tokens(a.UID, c.refresh)
	token(t, tokens)
	after := account(t, s)
	if !slices.Equal(after.Scopes, first.Scopes) || !after.SignInExpires.Equal(a.SignInExpires) || after.Generation != 1 {
		t.Errorf("account is %+v, was %+v", after, a)
	}
	later := time.Now().Add(48 * time.Hour).Truncate(time.Millisecond)
	c.change = func(g *fitbit.Grant) { g.Scopes, g.SignInExpires = []string{"weight"}, later }
	if _, err := tokens.Renew(t.Context(), grant(2).AccessToken); err != nil { // spends refresh-1, the saved one
		t.Fatal(err)
	}
	if after = account(t, s); !slices.Equal(after.Scopes, []string{"weight"}) || !after.SignInExpires.Equal(later) {
		t.Errorf("account is %+v, want what the reply says", after)
	}
}

func TestTwentyCallersOverTwoStoresMakeOneRefresh(t *testing.T) {
	path := storePath(t)
	stores := []*tokenstore.Store{open(t, tokenstore.Options{Path: path}), open(t, tokenstore.Options{Path: path})}
	a := connect(t, stores[0], tokenstore.SignIn{Name: "anna", Grant: expired()})
	var c cloud
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			tokens := stores[i%2].Tokens(a.UID, c.refresh)
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
			_, err := s.Tokens(a.UID, c.refresh).Token(ctx)
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
		if got := token(t, s.Tokens(a.UID, unexpected(t))); got != grant(2).AccessToken {
			t.Errorf("token is %q, want the renewed one", got)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestALostSignInIsAskedForOnce(t *testing.T) {
	path := storePath(t)
	s := open(t, tokenstore.Options{Path: path})
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: expired()})
	c := cloud{err: &fitbit.CloudError{Kind: fitbit.ErrReauthRequired, Reason: "invalid_grant"}}
	tokens := s.Tokens(a.UID, c.refresh)
	other := open(t, tokenstore.Options{Path: path}).Tokens(a.UID, unexpected(t))
	for _, get := range []func(context.Context) (string, error){tokens.Token, tokens.Token, other.Token} {
		_, err := get(t.Context())
		wantErr(t, err, fitbit.ErrReauthRequired)
	}
	if requests, _ := c.counts(); requests != 1 {
		t.Errorf("%d requests, want 1", requests)
	}
	if after := account(t, s); after.SignedIn || after.Generation != 1 {
		t.Errorf("account is %+v, want it signed out", after)
	}
	if got := storedRefreshToken(t, s); got != grant(1).RefreshToken {
		t.Errorf("the refresh token has changed to %q", got)
	}
	connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(5)})
	if got, err := other.Token(t.Context()); err != nil || got != grant(5).AccessToken {
		t.Errorf("after signing in: %q (%v)", got, err)
	}
}

func storedRefreshToken(t *testing.T, s *tokenstore.Store) string {
	t.Helper()
	var got string
	if err := s.DB().QueryRowContext(t.Context(), "SELECT refresh_token FROM accounts").Scan(&got); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAnUnclearAnswerKeepsTheRefreshToken(t *testing.T) {
	for name, failure := range map[string]error{
		"network":    fitbit.ErrUnavailable,
		"set-up":     &fitbit.CloudError{Kind: fitbit.ErrSetup, Reason: "invalid_client"},
		"rate limit": &fitbit.RateLimitError{Until: time.Now()},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, tokenstore.Options{})
			a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: expired()})
			var c cloud
			lost := func(ctx context.Context, refreshToken string) (fitbit.Grant, error) {
				if _, err := c.refresh(ctx, refreshToken); err != nil {
					return fitbit.Grant{}, err
				}
				return fitbit.Grant{}, failure // the cloud did rotate, and nobody heard
			}
			_, err := s.Tokens(a.UID, lost).Token(t.Context())
			wantErr(t, err, failure)
			if !account(t, s).SignedIn {
				t.Error("signed out by an unclear answer")
			}
			var claimedBy string
			var unanswered int64
			err = s.DB().QueryRowContext(t.Context(), "SELECT claimed_by, unanswered_at FROM accounts").Scan(&claimedBy, &unanswered)
			if err != nil || claimedBy != "" || unanswered == 0 {
				t.Errorf("journal: claimed by %q, unanswered at %d (%v)", claimedBy, unanswered, err)
			}
			if got := token(t, s.Tokens(a.UID, c.refresh)); got != grant(2).AccessToken {
				t.Errorf("token is %q, want what the cloud repeats", got)
			}
			if _, rotations := c.counts(); rotations != 1 {
				t.Errorf("%d refresh tokens spent, want 1", rotations)
			}
		})
	}
}

func TestAReplyWithoutATokenIsNone(t *testing.T) {
	s := open(t, tokenstore.Options{})
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: expired()})
	c := cloud{change: func(g *fitbit.Grant) { *g = fitbit.Grant{} }}
	_, err := s.Tokens(a.UID, c.refresh).Token(t.Context())
	wantErr(t, err, fitbit.ErrProtocol)
	c.change = nil
	if got := token(t, s.Tokens(a.UID, c.refresh)); got != grant(2).AccessToken {
		t.Errorf("token is %q", got)
	}
}

func TestASignInDuringARenewalWins(t *testing.T) {
	s := open(t, tokenstore.Options{})
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: expired()})
	in := tokenstore.SignIn{Name: "anna", Backend: a.Backend, User: a.User, Grant: grant(9)}
	c := cloud{before: func(ctx context.Context) {
		if _, err := s.Connect(ctx, in); err != nil {
			t.Error(err)
		}
	}}
	if got := token(t, s.Tokens(a.UID, c.refresh)); got != grant(9).AccessToken {
		t.Errorf("token is %q, want that of the new sign-in", got)
	}
	if got := storedRefreshToken(t, s); got != grant(9).RefreshToken {
		t.Errorf("refresh token is %q, want that of the new sign-in", got)
	}
}

func TestASignInLiftsTheClaimOnTheOldOne(t *testing.T) {
	s := open(t, tokenstore.Options{})
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: expired()})
	claimAsAnother(t, s, time.Now())
	connect(t, s, tokenstore.SignIn{Name: "anna", Grant: expired()})
	var c cloud
	soon, cancel := context.WithTimeout(t.Context(), tokenstore.ClaimLife/4)
	defer cancel()
	if got, err := s.Tokens(a.UID, c.refresh).Token(soon); err != nil || got != grant(2).AccessToken {
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
	if got, err := s.Tokens(a.UID, c.refresh).Token(soon); err != nil || got != grant(2).AccessToken {
		t.Errorf("got %q (%v), want a renewal at once", got, err)
	}
}

// claimAsAnother writes the claim of a process that will never come back.
func claimAsAnother(t *testing.T, s *tokenstore.Store, at time.Time) {
	t.Helper()
	_, err := s.DB().ExecContext(t.Context(), "UPDATE accounts SET claimed_by = 'another', claimed_at = ?", at.UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
}

func TestARemovalDuringARenewalWins(t *testing.T) {
	s := open(t, tokenstore.Options{})
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: expired()})
	in := tokenstore.SignIn{Name: "anna", Backend: a.Backend, User: a.User, Grant: grant(9)}
	c := cloud{before: func(ctx context.Context) {
		_, rerr := s.Remove(ctx, "anna")
		again, cerr := s.Connect(ctx, in)
		if rerr != nil || cerr != nil || again.UID != a.UID {
			t.Errorf("the account again: %+v %v %v", again, rerr, cerr)
		}
	}}
	if got := token(t, s.Tokens(a.UID, c.refresh)); got != grant(9).AccessToken {
		t.Errorf("token is %q, want that of the new account", got)
	}
}

func TestATokenRefusedBeforeItsRenewalHasReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, tokenstore.Options{})
		a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: expired()})
		var c cloud
		tokens := s.Tokens(a.UID, c.refresh)
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
		_, err := s.Tokens(a.UID, c.refresh).Token(t.Context())
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
			got, err := frozen.Tokens(a.UID, c.refresh).Token(t.Context())
			if err != nil {
				t.Errorf("the frozen store, thawed: %v", err)
			}
			late <- got
		}()
		<-claimed

		start := time.Now()
		impatient, cancel := context.WithTimeout(t.Context(), tokenstore.ClaimLife-time.Second)
		defer cancel()
		_, err := next.Tokens(a.UID, c.refresh).Token(impatient)
		wantErr(t, err, context.DeadlineExceeded)
		if requests, _ := c.counts(); requests != 0 {
			t.Errorf("%d requests while somebody else had the claim", requests)
		}
		if got := token(t, next.Tokens(a.UID, c.refresh)); got != grant(2).AccessToken {
			t.Errorf("token is %q, want the new one", got)
		}
		if took := time.Since(start); took < tokenstore.ClaimLife || took > tokenstore.ClaimLife+time.Second {
			t.Errorf("took over after %v, want %v", took, tokenstore.ClaimLife)
		}
		close(thaw) // it asks with the old token, hears the same again, and must not harm
		if got := <-late; got != grant(2).AccessToken {
			t.Errorf("the frozen store got %q", got)
		}
		if got := token(t, next.Tokens(a.UID, unexpected(t))); got != grant(2).AccessToken {
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
		_, err := holder.Tokens(a.UID, c.refresh).Token(t.Context())
		held <- err
	}()
	<-asked
	waited := make(chan error)
	go func() {
		_, err := waiter.Tokens(a.UID, unexpected(t)).Token(t.Context())
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
