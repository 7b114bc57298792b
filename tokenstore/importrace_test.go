package tokenstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// Two that import the same file make one account out of it.
func TestTwoImportsAtOnce(t *testing.T) {
	path := storePath(t)
	open(t, tokenstore.Options{Path: path}) // migrated outside of the bubble
	synctest.Test(t, func(t *testing.T) {
		stores := []*tokenstore.Store{open(t, tokenstore.Options{Path: path}), open(t, tokenstore.Options{Path: path})}
		c := cloud{before: func(context.Context) { time.Sleep(time.Second) }} // until all have come
		var all sync.WaitGroup
		for i := range 6 { // three in each
			all.Go(func() {
				got, err := stores[i%2].TakeOver(t.Context(), importOfAnna(), "", c.spend)
				if err != nil {
					t.Errorf("take over: %v", err)
					return
				}
				a, err := stores[i%2].Connect(t.Context(), tokenstore.SignIn{Name: "anna", Backend: "fitbit", User: "user-anna", Import: got.ID})
				if err != nil || !a.SignedIn || a.Generation != 1 {
					t.Errorf("account is %+v (%v)", a, err)
				}
			})
		}
		all.Wait()
		if requests, _ := c.counts(); requests != 1 {
			t.Errorf("%d requests", requests)
		}
		if got := storedRefreshToken(t, stores[0]); got != grant(2).RefreshToken {
			t.Errorf("refresh token is %q", got)
		}
		if err := errors.Join(stores[0].Close(), stores[1].Close()); err != nil {
			t.Error(err)
		}
	})
}

// Whoever is slower must not put back what has been renewed since.
func TestASlowerImportChangesNothing(t *testing.T) {
	s := open(t, tokenstore.Options{})
	c := cloud{change: func(g *fitbit.Grant) { g.Expiry = time.Now().Add(-time.Minute) }}
	slow := takeOver(t, s, c.spend)
	a := settle(t, s, slow)
	c.change = nil
	token(t, s.Tokens(a.UID, "fitbit", c.refresh))
	if a := settle(t, s, slow); a.Generation != 1 || storedRefreshToken(t, s) != grant(3).RefreshToken {
		t.Errorf("account is %+v", a)
	}
	for name, want := range map[string]error{"ben": tokenstore.ErrIdentityTaken} {
		_, err := s.Connect(t.Context(), tokenstore.SignIn{Name: name, Backend: "fitbit", User: "user-anna", Import: slow.ID})
		wantErr(t, err, want)
	}
	if _, err := s.Remove(t.Context(), "anna"); err != nil {
		t.Fatal(err)
	}
	_, err := s.Connect(t.Context(), tokenstore.SignIn{Name: "anna", Backend: "fitbit", User: "user-anna", Import: slow.ID})
	wantErr(t, err, tokenstore.ErrNotFound)
}

// Once its account is gone, or has no sign-in any more, the cloud decides about a token.
func TestAnImportComesAgain(t *testing.T) {
	for name, ended := range map[string]func(t *testing.T, s *tokenstore.Store, a tokenstore.Account) error{
		"removed": func(t *testing.T, s *tokenstore.Store, _ tokenstore.Account) error {
			t.Helper()
			_, err := s.Remove(t.Context(), "anna")
			return err
		},
		"disconnected": func(t *testing.T, s *tokenstore.Store, _ tokenstore.Account) error {
			t.Helper()
			_, err := s.Disconnect(t.Context(), "anna")
			return err
		},
		"cloud gone": func(t *testing.T, s *tokenstore.Store, a tokenstore.Account) error {
			t.Helper()
			return s.NoteRetired(t.Context(), a.UID, a.Generation, &fitbit.CloudError{Kind: fitbit.ErrRetired})
		},
		"moved": func(t *testing.T, s *tokenstore.Store, a tokenstore.Account) error {
			t.Helper()
			in := tokenstore.SignIn{Name: "anna", Backend: "google", User: "user-G", Former: a.User, Grant: grant(9)}
			_, err := s.Connect(t.Context(), in)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, tokenstore.Options{})
			var c cloud
			a := settle(t, s, takeOver(t, s, c.spend))
			if err := ended(t, s, a); err != nil {
				t.Fatal(err)
			}
			back := settle(t, s, takeOver(t, s, c.spend)) // within the grace
			if back.UID != a.UID || !back.SignedIn || back.Retired || back.Backend != "fitbit" {
				t.Errorf("account is %+v", back)
			}
			if requests, _ := c.counts(); requests != 2 {
				t.Errorf("%d requests", requests)
			}
		})
	}
}

// An import that cannot go to an account keeps its reply for another name.
func TestAnImportWaitsForTheRightName(t *testing.T) {
	s := open(t, tokenstore.Options{})
	connect(t, s, tokenstore.SignIn{Name: "ben", Backend: "fitbit", Grant: grant(7)})
	var c cloud
	got := takeOver(t, s, c.spend)
	_, err := s.Connect(t.Context(), tokenstore.SignIn{Name: "ben", Backend: "fitbit", User: "user-anna", Import: got.ID})
	wantErr(t, err, tokenstore.ErrOtherIdentity)
	if _, replies := journal(t, s); replies != 1 {
		t.Error("the reply is gone")
	}
	settle(t, s, takeOver(t, s, unspent(t)))
	_, err = s.Connect(t.Context(), tokenstore.SignIn{Name: "carl", Backend: "fitbit", User: "user-carl", Import: "never begun"})
	wantErr(t, err, tokenstore.ErrNotFound)
}

// A dead process's claim on an import is taken over; if it was not dead after all, it
// does no harm.
func TestADeadOwnersImportIsTakenOver(t *testing.T) {
	path := storePath(t)
	open(t, tokenstore.Options{Path: path})
	for name, graceOver := range map[string]bool{"within the grace": false, "after it": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := importOfAnna()
				in.Backend = name // another import each time
				frozen, next := open(t, tokenstore.Options{Path: path}), open(t, tokenstore.Options{Path: path})
				claimed, thaw := make(chan struct{}), make(chan struct{})
				frozen.At(func(point string) {
					if point == "claimed" {
						close(claimed)
						<-thaw
					}
				})
				var c cloud
				late := make(chan tokenstore.Imported)
				go func() {
					got, err := frozen.TakeOver(t.Context(), in, "", c.spend)
					if err != nil {
						t.Errorf("the frozen one, thawed: %v", err)
					}
					late <- got
				}()
				<-claimed
				began := time.Now()
				got, err := next.TakeOver(t.Context(), in, "", c.spend)
				if took := time.Since(began); err != nil || took < tokenstore.ClaimLife || took > tokenstore.ClaimLife+time.Second {
					t.Errorf("took over after %s: %v", took, err)
				}
				c.graceOver = graceOver
				close(thaw)
				if again := <-late; again.ID != got.ID || again.Grant.AccessToken != got.Grant.AccessToken {
					t.Error("the frozen one got something else")
				}
				if err := errors.Join(frozen.Close(), next.Close()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Nor does one whose answer comes when an account has everything.
func TestALateAnswerToAnImport(t *testing.T) {
	path := storePath(t)
	open(t, tokenstore.Options{Path: path})
	synctest.Test(t, func(t *testing.T) {
		frozen, next := open(t, tokenstore.Options{Path: path}), open(t, tokenstore.Options{Path: path})
		answered, thaw := make(chan struct{}), make(chan struct{})
		frozen.At(func(point string) {
			if point == "answered" {
				close(answered)
				<-thaw
			}
		})
		var c cloud
		late := make(chan tokenstore.Imported)
		go func() { late <- takeOver(t, frozen, c.spend) }()
		<-answered
		a := settle(t, next, takeOver(t, next, c.spend))
		close(thaw)
		if got := <-late; got.UID != a.UID || got.Grant.AccessToken != "" {
			t.Errorf("got %+v, want that it is done", got)
		}
		if _, replies := journal(t, next); replies != 0 {
			t.Error("a reply is left that an account has")
		}
		if err := errors.Join(frozen.Close(), next.Close()); err != nil {
			t.Error(err)
		}
	})
}

func TestClosingAndImports(t *testing.T) {
	path := storePath(t)
	holder, waiter := open(t, tokenstore.Options{Path: path}), open(t, tokenstore.Options{Path: path})
	asked, answer := make(chan struct{}), make(chan struct{})
	c := cloud{before: func(context.Context) { close(asked); <-answer }}
	held := make(chan error)
	go func() {
		_, err := holder.TakeOver(t.Context(), importOfAnna(), "", c.spend)
		held <- err
	}()
	<-asked
	waited := make(chan error)
	go func() {
		_, err := waiter.TakeOver(t.Context(), importOfAnna(), "", unspent(t))
		waited <- err
	}()
	if err := waiter.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err == nil {
		t.Error("an import through a closed store")
	}
	if _, err := waiter.TakeOver(t.Context(), importOfAnna(), "", unspent(t)); err == nil {
		t.Error("another one")
	}
	closed := make(chan error)
	go func() { closed <- holder.Close() }()
	close(answer)
	if err := errors.Join(<-held, <-closed); err != nil {
		t.Error(err)
	}
	if _, replies := journal(t, open(t, tokenstore.Options{Path: path})); replies != 1 {
		t.Error("the reply is not kept")
	}
}
