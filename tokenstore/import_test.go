package tokenstore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// importOfAnna is what another program left behind: the cloud's first refresh token.
func importOfAnna() tokenstore.Import {
	return tokenstore.Import{
		Backend: "fitbit", RefreshToken: grant(1).RefreshToken, Keep: true,
		Client: tokenstore.Client{Backend: "fitbit", ID: "23ABCD", Secret: secret + "client"},
	}
}

// spend is the cloud as an import sees it.
func (c *cloud) spend(ctx context.Context, _, refreshToken string) (fitbit.Grant, error) {
	return c.refresh(ctx, refreshToken)
}

// unspent is the cloud of imports that must not ask it.
func unspent(tb testing.TB) func(context.Context, string, string) (fitbit.Grant, error) {
	tb.Helper()
	return func(ctx context.Context, _, refreshToken string) (fitbit.Grant, error) {
		return unexpected(tb)(ctx, refreshToken)
	}
}

// takeOver must succeed.
func takeOver(tb testing.TB, s *tokenstore.Store, spend func(context.Context, string, string) (fitbit.Grant, error)) tokenstore.Imported {
	tb.Helper()
	got, err := s.TakeOver(tb.Context(), importOfAnna(), "", spend)
	if err != nil {
		tb.Fatalf("take over: %v", err)
	}
	return got
}

// settle puts an import into anna's account.
func settle(tb testing.TB, s *tokenstore.Store, i tokenstore.Imported) tokenstore.Account {
	tb.Helper()
	return connect(tb, s, tokenstore.SignIn{Name: "anna", Backend: "fitbit", Import: i.ID})
}

// journal counts the imports of a store, and those with a reply.
func journal(tb testing.TB, s *tokenstore.Store) (imports, replies int) {
	tb.Helper()
	err := s.DB().QueryRowContext(tb.Context(), "SELECT count(*), count(nullif(length(reply), 0)) FROM imports").Scan(&imports, &replies)
	if err != nil {
		tb.Fatal(err)
	}
	return imports, replies
}

func TestAnImportIsSpentOnce(t *testing.T) {
	for name, k := range map[string][]byte{"plain": nil, "sealed": key()} {
		t.Run(name, func(t *testing.T) {
			path := storePath(t)
			s := open(t, tokenstore.Options{Path: path, Key: k})
			var c cloud
			first := takeOver(t, s, c.spend)
			if first.Grant.AccessToken != grant(2).AccessToken || first.UID != "" {
				t.Errorf("got %+v", first)
			}
			if got, err := s.Client(t.Context(), "fitbit", "23ABCD"); err != nil || got != importOfAnna().Client {
				t.Errorf("the client that has proven good is %v (%v)", got, err)
			}
			if onDisk(t, path) != (k == nil) {
				t.Errorf("secret readable in the file: %t", k == nil)
			}
			if err := s.Close(); err != nil { // whatever keeps the next step from happening
				t.Fatal(err)
			}
			s = open(t, tokenstore.Options{Path: path, Key: k})
			again := takeOver(t, s, unspent(t))
			if again.ID != first.ID || again.Grant.RefreshToken != grant(2).RefreshToken || !again.Grant.Expiry.Equal(first.Grant.Expiry) {
				t.Error("the second run got something else")
			}
			a := settle(t, s, again)
			if !a.SignedIn || a.Client != "23ABCD" || a.Generation != 1 || a.Person != "fitbit:user-anna" || storedRefreshTokenIs(t, s, k) != grant(2).RefreshToken {
				t.Errorf("account is %+v", a)
			}
			if imports, replies := journal(t, s); imports != 1 || replies != 0 {
				t.Errorf("%d imports with %d replies are left", imports, replies)
			}
			if done := takeOver(t, s, unspent(t)); done.UID != a.UID || done.Grant.AccessToken != "" {
				t.Errorf("a third run got %+v", done)
			}
			if after := settle(t, s, again); after.Generation != 1 { // by a process that was slower
				t.Errorf("account is %+v", after)
			}
			if requests, _ := c.counts(); requests != 1 {
				t.Errorf("%d requests", requests)
			}
		})
	}
}

// storedRefreshTokenIs reads it as a removal does, which opens it.
func storedRefreshTokenIs(t *testing.T, s *tokenstore.Store, k []byte) string {
	t.Helper()
	if k == nil {
		return storedRefreshToken(t, s)
	}
	removed, err := s.Remove(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	in := tokenstore.SignIn{Name: "anna", Backend: "fitbit", Grant: removed.Grant, Client: removed.Account.Client}
	connect(t, s, in)
	return removed.Grant.RefreshToken
}

// What is definite ends an import; a client is kept only if it has proven good.
func TestADefiniteRefusal(t *testing.T) {
	for name, c := range map[string]struct {
		err error
	}{
		"token spent": {&fitbit.CloudError{Kind: fitbit.ErrReauthRequired, Reason: "invalid_grant"}},
		"client":      {&fitbit.CloudError{Kind: fitbit.ErrSetup, Reason: "invalid_client"}},
		"cloud gone":  {&fitbit.CloudError{Kind: fitbit.ErrRetired}},
		"rate limit":  {&fitbit.RateLimitError{Until: time.Now()}},
		"our mistake": {fitbit.ErrProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, tokenstore.Options{})
			refused := cloud{err: c.err}
			_, err := s.TakeOver(t.Context(), importOfAnna(), "", refused.spend)
			wantErr(t, err, c.err)
			if requests, _ := refused.counts(); requests != 1 {
				t.Errorf("%d requests", requests)
			}
			_, err = s.Client(t.Context(), "fitbit", "23ABCD")
			wantErr(t, err, tokenstore.ErrNoClient)
			if _, replies := journal(t, s); replies != 0 {
				t.Errorf("there is a reply")
			}
			var good cloud // set right, or tried again, at once
			if got := takeOver(t, s, good.spend); got.Grant.AccessToken != grant(2).AccessToken {
				t.Error("no token")
			}
		})
	}
}

// A known client is not stored as one that was entered by hand.
func TestAKnownClientIsNotKept(t *testing.T) {
	s := open(t, tokenstore.Options{})
	in := importOfAnna()
	in.Keep = false
	var c cloud
	if _, err := s.TakeOver(t.Context(), in, "", c.spend); err != nil {
		t.Fatal(err)
	}
	_, err := s.Client(t.Context(), "fitbit", "23ABCD")
	wantErr(t, err, tokenstore.ErrNoClient)
}

// An answer that got lost is fetched again, with the same token, as long as the cloud
// repeats it.
func TestAnUnclearAnswerIsAskedForAgain(t *testing.T) {
	for name, c := range map[string]struct {
		lost, requests int
		silent         bool
		want           error
	}{
		"once":         {lost: 1, requests: 2},
		"three times":  {lost: 3, requests: 4},
		"every time":   {lost: 9, requests: 4, want: fitbit.ErrUnavailable},
		"never a word": {lost: 9, requests: 2, silent: true, want: context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			path := storePath(t)
			open(t, tokenstore.Options{Path: path}) // migrated outside of the bubble
			synctest.Test(t, func(t *testing.T) {
				s := open(t, tokenstore.Options{Path: path})
				began := time.Now()
				var legacy cloud
				got, err := s.TakeOver(t.Context(), importOfAnna(), "", func(ctx context.Context, _, refreshToken string) (fitbit.Grant, error) {
					g, err := legacy.refresh(ctx, refreshToken)
					requests, _ := legacy.counts()
					switch {
					case requests > c.lost:
						return g, err
					case c.silent:
						<-ctx.Done()
						return fitbit.Grant{}, ctx.Err()
					}
					return fitbit.Grant{}, &fitbit.CloudError{Kind: fitbit.ErrUnavailable}
				})
				if took := time.Since(began); took > 2*time.Minute {
					t.Errorf("it took %s, and the cloud does not repeat itself any more", took)
				}
				if c.want != nil {
					wantErr(t, err, c.want)
				} else if err != nil || got.Grant.AccessToken != grant(2).AccessToken {
					t.Errorf("got %+v (%v)", got, err)
				}
				if requests, rotations := legacy.counts(); requests != c.requests || rotations != 1 {
					t.Errorf("%d requests, %d refresh tokens spent", requests, rotations)
				}
				if c.want != nil { // the next run goes on from there
					if got := takeOver(t, s, legacy.spend); got.Grant.AccessToken != grant(2).AccessToken {
						t.Error("no token")
					}
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A Ctrl-C ends no spending, but any waiting.
func TestACancelledImport(t *testing.T) {
	s := open(t, tokenstore.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	c := cloud{before: func(context.Context) { cancel() }}
	if got, err := s.TakeOver(ctx, importOfAnna(), "", c.spend); err != nil || got.Grant.AccessToken != grant(2).AccessToken {
		t.Errorf("got %+v (%v)", got, err)
	}
	if _, replies := journal(t, s); replies != 1 {
		t.Error("the reply is not kept")
	}

	other := importOfAnna()
	other.RefreshToken = secret + "another"
	ctx, cancel = context.WithCancel(t.Context())
	_, err := s.TakeOver(ctx, other, "", func(context.Context, string, string) (fitbit.Grant, error) {
		cancel()
		return fitbit.Grant{}, fitbit.ErrUnavailable
	})
	wantErr(t, err, context.Canceled)
	_, err = s.TakeOver(ctx, other, "", unspent(t))
	wantErr(t, err, context.Canceled)
}

func TestAKeyEncryptsKeptRepliesToo(t *testing.T) {
	path := storePath(t)
	s := open(t, tokenstore.Options{Path: path})
	var c cloud
	takeOver(t, s, c.spend)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, tokenstore.Options{Path: path, Key: key()})
	settle(t, s, takeOver(t, s, unspent(t)))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if onDisk(t, path) {
		t.Error("a secret is still readable in the file")
	}
}

func TestAnImportDoesNotPrintItsToken(t *testing.T) {
	l := newLogs(t)
	logger(l).Info("import", "import", importOfAnna())
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, importOfAnna()); strings.Contains(text, secret) {
			t.Errorf("%s prints %s", format, text)
		}
	}
}
