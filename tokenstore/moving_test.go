package tokenstore_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// TestAcrossClouds: whose history an account has once it is at another cloud, by what
// the clouds say of the two identities and what the person does.
func TestAcrossClouds(t *testing.T) {
	legacy := tokenstore.SignIn{Backend: "fitbit", User: "user-F", Grant: grant(1)}
	for name, c := range map[string]struct {
		before, after tokenstore.SignIn
		want          error
		person        string
	}{
		"the new cloud knows the old id": {
			legacy, tokenstore.SignIn{Backend: "google", User: "user-G", Former: "user-F"}, nil, "fitbit:user-F",
		},
		"and back": {
			tokenstore.SignIn{Backend: "google", User: "user-G", Former: "user-F"}, legacy, nil, "google:user-G",
		},
		"both know an older one": {
			tokenstore.SignIn{Backend: "google", User: "user-G", Former: "user-F"},
			tokenstore.SignIn{Backend: "third", User: "user-T", Former: "user-F"},
			nil, "google:user-G",
		},
		"told to hand over what is the same person's": {
			legacy, tokenstore.SignIn{Backend: "google", User: "user-G", Former: "user-F", Move: true}, nil, "fitbit:user-F",
		},
		"nobody says": {
			legacy, tokenstore.SignIn{Backend: "google", User: "user-G"}, tokenstore.ErrUnconfirmed, "fitbit:user-F",
		},
		"somebody else": {
			legacy, tokenstore.SignIn{Backend: "google", User: "user-G", Former: "user-X"}, tokenstore.ErrUnconfirmed, "fitbit:user-F",
		},
		"confirmed": {
			legacy, tokenstore.SignIn{Backend: "google", User: "user-G", SamePerson: true}, nil, "fitbit:user-F",
		},
		"handed over": {
			legacy, tokenstore.SignIn{Backend: "google", User: "user-G", Move: true}, nil, "google:user-G",
		},
		"confirmed within one cloud": { // where the ids do say that it is somebody else
			legacy, tokenstore.SignIn{Backend: "fitbit", User: "user-X", SamePerson: true}, tokenstore.ErrOtherIdentity, "fitbit:user-F",
		},
		"the same former id within one cloud": {
			tokenstore.SignIn{Backend: "google", User: "user-G", Former: "user-F"},
			tokenstore.SignIn{Backend: "google", User: "user-X", Former: "user-F"},
			tokenstore.ErrOtherIdentity, "google:user-G",
		},
		"no refresh token": {
			legacy, tokenstore.SignIn{
				Backend: "google", User: "user-G", Former: "user-F", Grant: fitbit.Grant{AccessToken: secret + "access"},
			}, fitbit.ErrReauthRequired, "fitbit:user-F",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, tokenstore.Options{})
			c.before.Name, c.after.Name = "anna", "anna"
			c.before.Grant = grant(1)
			if c.after.Grant.AccessToken == "" {
				c.after.Grant = grant(2)
			}
			first := connect(t, s, c.before)
			if _, err := s.Connect(t.Context(), c.after); c.want != nil || err != nil {
				wantErr(t, err, c.want)
			}
			want := first
			if c.want == nil {
				want.Backend, want.User, want.Former, want.Generation = c.after.Backend, c.after.User, c.after.Former, 2
			}
			if a := account(t, s); a.UID != want.UID || a.Backend != want.Backend || a.User != want.User || a.Former != want.Former ||
				a.Generation != want.Generation || !a.SignedIn || a.Person != c.person {
				t.Errorf("account is %+v, want %+v with the history of %s", a, want, c.person)
			}
		})
	}
}

// The identity that a history began with is always that person's, however the account
// came to be elsewhere.
func TestBackToWhereItBegan(t *testing.T) {
	s := open(t, tokenstore.Options{})
	first := connect(t, s, tokenstore.SignIn{Name: "anna", Backend: "fitbit", User: "user-F", Grant: grant(1)})
	connect(t, s, tokenstore.SignIn{Name: "anna", Backend: "google", User: "user-G", Grant: grant(2), SamePerson: true})
	back := connect(t, s, tokenstore.SignIn{Name: "anna", Backend: "fitbit", User: "user-F", Grant: grant(3)})
	if back.UID != first.UID || back.Person != first.Person || back.Generation != 3 {
		t.Errorf("account is %+v, was %+v", back, first)
	}
	connect(t, s, tokenstore.SignIn{Name: "anna", Backend: "google", User: "user-G", Grant: grant(4), Move: true})
	_, err := s.Connect(t.Context(), tokenstore.SignIn{Name: "anna", Backend: "fitbit", User: "user-F", Grant: grant(5)})
	wantErr(t, err, tokenstore.ErrUnconfirmed) // the name is somebody else's by now
}

// An identity is remembered under one name, whatever cloud the name comes from.
func TestAnIdentityTakenAtAnotherCloud(t *testing.T) {
	s := open(t, tokenstore.Options{})
	connect(t, s, tokenstore.SignIn{Name: "anna", Backend: "fitbit", User: "user-F", Grant: grant(1)})
	connect(t, s, tokenstore.SignIn{Name: "ben", Backend: "google", User: "user-G", Grant: grant(2)})
	for _, in := range []tokenstore.SignIn{{SamePerson: true}, {Move: true}, {Former: "user-F"}} {
		in.Name, in.Backend, in.User, in.Grant = "anna", "google", "user-G", grant(3)
		_, err := s.Connect(t.Context(), in)
		wantErr(t, err, tokenstore.ErrIdentityTaken)
	}
}

// What a cloud said of the person's former id stays if it does not say it again.
func TestTheFormerIDIsKept(t *testing.T) {
	s := open(t, tokenstore.Options{})
	in := tokenstore.SignIn{Name: "anna", User: "user-G", Former: "user-F", Grant: grant(1)}
	connect(t, s, in)
	in.Former = ""
	if a := connect(t, s, in); a.Former != "user-F" {
		t.Errorf("former id is %q", a.Former)
	}
	in.Former = "user-E"
	if a := connect(t, s, in); a.Former != "user-E" {
		t.Errorf("former id is %q", a.Former)
	}
	in.User, in.Former, in.Move = "user-H", "", true
	if a := connect(t, s, in); a.Former != "" {
		t.Errorf("somebody else's former id is %q", a.Former)
	}
}

// Whoever still has the tokens of the cloud before gets none of the new one's.
func TestTokensAreForOneCloud(t *testing.T) {
	s := open(t, tokenstore.Options{})
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Backend: "fitbit", User: "user-F", Grant: expired()})
	moved := tokenstore.SignIn{Name: "anna", Backend: "google", User: "user-G", Former: "user-F", Grant: grant(9)}
	c := cloud{before: func(ctx context.Context) { // while a renewal is under way, too
		if _, err := s.Connect(ctx, moved); err != nil {
			t.Error(err)
		}
	}}
	old := s.Tokens(a.UID, "fitbit", c.refresh)
	for range 2 {
		_, err := old.Token(t.Context())
		wantErr(t, err, tokenstore.ErrMoved)
		_, err = old.Renew(t.Context(), grant(1).AccessToken)
		wantErr(t, err, tokenstore.ErrMoved)
	}
	if got := token(t, s.Tokens(a.UID, "google", unexpected(t))); got != grant(9).AccessToken {
		t.Errorf("token is %q", got)
	}
	if requests, _ := c.counts(); requests != 1 {
		t.Errorf("%d requests", requests)
	}
}

// TestRetired: a cloud that is gone is asked no more, and nothing of the account is
// lost but the way to it.
func TestRetired(t *testing.T) {
	path := storePath(t)
	s := open(t, tokenstore.Options{Path: path, Key: key()})
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(1)})
	gone := &fitbit.CloudError{Kind: fitbit.ErrRetired, Detail: "turned off", Hint: "move on"}
	before, _ := s.Version(t.Context())
	for range 2 {
		if err := s.NoteRetired(t.Context(), a.UID, a.Generation, gone); err != nil {
			t.Fatal(err)
		}
		if after, _ := s.Version(t.Context()); after != before+1 {
			t.Errorf("version went from %d to %d", before, after)
		}
		gone = &fitbit.CloudError{Kind: fitbit.ErrRetired, Detail: "still turned off"} // the first note counts
	}
	other := open(t, tokenstore.Options{Path: path, Key: key()})
	if a = account(t, other); !a.Retired || !a.SignedIn || a.LostDetail != "turned off" || a.LostHint != "move on" {
		t.Errorf("account is %+v", a)
	}
	tokens := other.Tokens(a.UID, "google", unexpected(t))
	for _, get := range []func() (string, error){
		func() (string, error) { return tokens.Token(t.Context()) },
		func() (string, error) { return tokens.Renew(t.Context(), grant(1).AccessToken) },
	} {
		_, err := get()
		wantErr(t, err, fitbit.ErrRetired)
		wantErr(t, err, fitbit.ErrNoToken) // for all kinds of data
		if e, ok := errors.AsType[*fitbit.CloudError](err); !ok || e.Detail != "turned off" || e.Hint != "move on" {
			t.Errorf("error is %v with the hint %q", err, fitbit.Hint(err))
		}
	}
	if err := s.NoteRetired(t.Context(), "nobody", 1, gone); err != nil {
		t.Errorf("somebody who is not there any more: %v", err)
	}
	if a = connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(2)}); a.Retired || a.LostDetail+a.LostHint != "" {
		t.Errorf("signed in again: %+v", a)
	}
	if got := token(t, tokens); got != grant(2).AccessToken {
		t.Errorf("token is %q", got)
	}
	// Word of the sign-in before comes late.
	if err := s.NoteRetired(t.Context(), a.UID, a.Generation-1, gone); err != nil || account(t, s).Retired {
		t.Errorf("a sign-in pays for the one before it (%v)", err)
	}
}

// That a cloud is gone is worse than a lost sign-in, and no failure to sign in there
// again is worth telling instead.
func TestRetiredAndLost(t *testing.T) {
	s := open(t, tokenstore.Options{})
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: expired()})
	c := cloud{err: fitbit.ErrReauthRequired}
	tokens := s.Tokens(a.UID, "google", c.refresh)
	_, err := tokens.Token(t.Context())
	wantErr(t, err, fitbit.ErrReauthRequired)
	if err := s.NoteRetired(t.Context(), a.UID, a.Generation, &fitbit.CloudError{Kind: fitbit.ErrRetired, Detail: "turned off"}); err != nil {
		t.Fatal(err)
	}
	note := &fitbit.CloudError{Kind: fitbit.ErrReauthRequired, Detail: "consent was denied"}
	if err := s.NoteFailure(t.Context(), a.UID, note); err != nil {
		t.Fatal(err)
	}
	if a = account(t, s); a.SignedIn || !a.Retired || a.LostDetail != "turned off" {
		t.Errorf("account is %+v", a)
	}
	_, err = tokens.Token(t.Context())
	wantErr(t, err, fitbit.ErrRetired)
}

// Whoever waits for another process's renewal learns that the cloud is gone.
func TestRetiredWhileWaiting(t *testing.T) {
	path := storePath(t)
	open(t, tokenstore.Options{Path: path}) // migrated outside of the bubble
	synctest.Test(t, func(t *testing.T) {
		s := open(t, tokenstore.Options{Path: path})
		a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: expired()})
		claimAsAnother(t, s, time.Now())
		waited := make(chan error, 1)
		go func() {
			_, err := s.Tokens(a.UID, "google", unexpected(t)).Token(t.Context())
			waited <- err
		}()
		synctest.Wait()
		if err := s.NoteRetired(t.Context(), a.UID, a.Generation, &fitbit.CloudError{Kind: fitbit.ErrRetired}); err != nil {
			t.Fatal(err)
		}
		wantErr(t, <-waited, fitbit.ErrRetired)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A sign-in that is ended on purpose is no matter of its cloud any more.
func TestARetiredAccountIsDisconnected(t *testing.T) {
	s := open(t, tokenstore.Options{})
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(1)})
	if err := s.NoteRetired(t.Context(), a.UID, a.Generation, &fitbit.CloudError{Kind: fitbit.ErrRetired, Detail: "turned off"}); err != nil {
		t.Fatal(err)
	}
	removed, err := s.Disconnect(t.Context(), "anna")
	if err != nil || !removed.Account.Retired {
		t.Errorf("what was known of it: %+v (%v)", removed, err)
	}
	if a = account(t, s); a.Retired || a.SignedIn || a.LostDetail == "turned off" {
		t.Errorf("account is %+v", a)
	}
}

// A renewal that finds its cloud gone keeps the refresh token, and so does one that is
// under way when that becomes known.
func TestARenewalAtARetiredCloud(t *testing.T) {
	s := open(t, tokenstore.Options{})
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: expired()})
	c := cloud{err: &fitbit.CloudError{Kind: fitbit.ErrRetired, Detail: "turned off"}}
	_, err := s.Tokens(a.UID, "google", c.refresh).Token(t.Context())
	wantErr(t, err, fitbit.ErrRetired)
	wantErr(t, err, fitbit.ErrNoToken)
	if got := storedRefreshToken(t, s); got != grant(1).RefreshToken || !account(t, s).SignedIn {
		t.Errorf("refresh token is %q", got)
	}
	c.err = nil
	c.before = func(ctx context.Context) {
		if err := s.NoteRetired(ctx, a.UID, a.Generation, &fitbit.CloudError{Kind: fitbit.ErrRetired, Detail: "turned off"}); err != nil {
			t.Error(err)
		}
	}
	_, _ = s.Tokens(a.UID, "google", c.refresh).Token(t.Context()) // it may still hand out what it got
	if got := storedRefreshToken(t, s); got != grant(2).RefreshToken || !account(t, s).Retired {
		t.Errorf("refresh token is %q", got)
	}
}
