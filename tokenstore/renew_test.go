package tokenstore_test

import (
	"context"
	"slices"
	"strings"
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
			if got := token(t, s.Tokens(a.UID, "google", cloud.refresh)); got != want {
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
	tokens := s.Tokens(a.UID, "google", c.refresh)
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
	tokens := s.Tokens(a.UID, "google", c.refresh)
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

func TestALostSignInIsAskedForOnce(t *testing.T) {
	path := storePath(t)
	s := open(t, tokenstore.Options{Path: path})
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: expired()})
	c := cloud{err: &fitbit.CloudError{Kind: fitbit.ErrReauthRequired, Reason: "invalid_grant"}}
	tokens := s.Tokens(a.UID, "google", c.refresh)
	other := open(t, tokenstore.Options{Path: path}).Tokens(a.UID, "google", unexpected(t))
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
			_, err := s.Tokens(a.UID, "google", lost).Token(t.Context())
			wantErr(t, err, failure)
			wantErr(t, err, fitbit.ErrNoToken)
			if err.Error() != failure.Error() {
				t.Errorf("error is %q, want %q", err, failure)
			}
			if !account(t, s).SignedIn {
				t.Error("signed out by an unclear answer")
			}
			var claimedBy string
			var unanswered int64
			err = s.DB().QueryRowContext(t.Context(), "SELECT claimed_by, unanswered_at FROM accounts").Scan(&claimedBy, &unanswered)
			if err != nil || claimedBy != "" || unanswered == 0 {
				t.Errorf("journal: claimed by %q, unanswered at %d (%v)", claimedBy, unanswered, err)
			}
			if got := token(t, s.Tokens(a.UID, "google", c.refresh)); got != grant(2).AccessToken {
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
	_, err := s.Tokens(a.UID, "google", c.refresh).Token(t.Context())
	wantErr(t, err, fitbit.ErrProtocol)
	c.change = nil
	if got := token(t, s.Tokens(a.UID, "google", c.refresh)); got != grant(2).AccessToken {
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
	if got := token(t, s.Tokens(a.UID, "google", c.refresh)); got != grant(9).AccessToken {
		t.Errorf("token is %q, want that of the new sign-in", got)
	}
	if got := storedRefreshToken(t, s); got != grant(9).RefreshToken {
		t.Errorf("refresh token is %q, want that of the new sign-in", got)
	}
}

// claimAsAnother writes the claim of a process that will never come back.
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
	if got := token(t, s.Tokens(a.UID, "google", c.refresh)); got != grant(9).AccessToken {
		t.Errorf("token is %q, want that of the new account", got)
	}
}

// TestARefusalThatCameTooLate: what happens to a sign-in while its refresh token is
// on the way to the cloud, which then refuses it.
func TestARefusalThatCameTooLate(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(t *testing.T, s *tokenstore.Store) error
		token     string
		err       error
	}{
		"signed in again": {func(t *testing.T, s *tokenstore.Store) error {
			t.Helper()
			connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(7)})
			return nil
		}, grant(7).AccessToken, nil},
		"disconnected": {func(t *testing.T, s *tokenstore.Store) error {
			t.Helper()
			_, err := s.Disconnect(t.Context(), "anna")
			return err
		}, "", fitbit.ErrReauthRequired},
		"removed": {func(t *testing.T, s *tokenstore.Store) error {
			t.Helper()
			_, err := s.Remove(t.Context(), "anna")
			return err
		}, "", tokenstore.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLogs(t)
			s := open(t, tokenstore.Options{Log: logger(l)})
			a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: expired()})
			refused := cloud{
				err: &fitbit.CloudError{Kind: fitbit.ErrReauthRequired, Reason: "invalid_grant"},
				before: func(context.Context) {
					if err := c.meanwhile(t, s); err != nil {
						t.Error(err)
					}
				},
			}
			got, err := s.Tokens(a.UID, "google", refused.refresh).Token(t.Context())
			if got != c.token || c.err == nil && err != nil {
				t.Errorf("token is %q (%v), want %q", got, err, c.token)
			}
			if c.err != nil {
				wantErr(t, err, c.err)
			}
			if strings.Contains(l.String(), "sign-in lost") {
				t.Errorf("nothing was lost:\n%s", l)
			}
			if requests, _ := refused.counts(); requests != 1 {
				t.Errorf("%d requests", requests)
			}
		})
	}
}

// TestRenewNow: a token that would still last is replaced all the same, and what makes a
// renewal impossible is known without asking.
func TestRenewNow(t *testing.T) {
	path := storePath(t)
	s := open(t, tokenstore.Options{Path: path})
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(1)})
	var c cloud
	for n := range 2 {
		if err := s.Renew(t.Context(), a.UID, "google", c.refresh); err != nil {
			t.Fatal(err)
		}
		if got := token(t, s.Tokens(a.UID, "google", c.refresh)); got != grant(n+2).AccessToken {
			t.Errorf("token is %q after %d renewals", got, n+1)
		}
	}
	if requests, rotations := c.counts(); requests != 2 || rotations != 2 {
		t.Errorf("%d requests, %d refresh tokens spent; want 2 and 2", requests, rotations)
	}
	wantErr(t, s.Renew(t.Context(), a.UID, "fitbit", unexpected(t)), tokenstore.ErrMoved)
	wantErr(t, s.Renew(t.Context(), "nobody", "google", unexpected(t)), tokenstore.ErrNotFound)
	if _, err := s.Disconnect(t.Context(), "anna"); err != nil {
		t.Fatal(err)
	}
	wantErr(t, s.Renew(t.Context(), a.UID, "google", unexpected(t)), fitbit.ErrReauthRequired)
}

// TestRenewNowBesideAnother: whoever comes while another process renews gets what that one got.
func TestRenewNowBesideAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := storePath(t)
		s, other := open(t, tokenstore.Options{Path: path}), open(t, tokenstore.Options{Path: path})
		a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(1)})
		answer, done := make(chan struct{}), make(chan error, 2)
		c := cloud{before: func(context.Context) { <-answer }}
		go func() { done <- s.Renew(t.Context(), a.UID, "google", c.refresh) }()
		synctest.Wait() // the cloud thinks
		go func() { done <- other.Renew(t.Context(), a.UID, "google", unexpected(t)) }()
		synctest.Wait() // and the other one waits
		close(answer)
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if requests, _ := c.counts(); requests != 1 {
			t.Errorf("%d requests, want 1", requests)
		}
		for _, s := range []*tokenstore.Store{s, other} {
			if err := s.Close(); err != nil { // its connections belong to this bubble
				t.Error(err)
			}
		}
	})
}
