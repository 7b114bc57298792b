package tokenstore_test

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

func TestConnectANewAccount(t *testing.T) {
	now := time.Date(2026, 11, 20, 7, 0, 0, 0, time.UTC)
	s := open(t, tokenstore.Options{Now: func() time.Time { return now }})
	g := grant(1)
	g.Scopes, g.SignInExpires = []string{"weight", "heart"}, now.Add(7*24*time.Hour)
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: g})

	sum := sha256.Sum256([]byte("fitbit2mqtt:google:user-anna"))
	if want := hex.EncodeToString(sum[:])[:12]; a.UID != want {
		t.Errorf("UID is %s, want %s", a.UID, want)
	}
	if a.Name != "anna" || a.Backend != "google" || a.User != "user-anna" || !slices.Equal(a.Scopes, g.Scopes) ||
		!a.SignedIn || a.Retired || a.Person != "google:user-anna" || a.Generation != 1 || !a.CreatedAt.Equal(now) ||
		!a.Expiry.Equal(g.Expiry) || !a.SignInExpires.Equal(g.SignInExpires) {
		t.Errorf("account is %+v", a)
	}
	connect(t, s, tokenstore.SignIn{Name: "aaron", Grant: grant(2)})
	all, err := s.Accounts(t.Context())
	if err != nil || len(all) != 2 || all[0].Name != "aaron" || all[1].UID != a.UID {
		t.Errorf("accounts are %+v (%v), want aaron, anna", all, err)
	}
}

func TestSignInAgainKeepsTheAccount(t *testing.T) {
	s := open(t, tokenstore.Options{})
	g := grant(1)
	g.Scopes, g.SignInExpires = []string{"weight"}, time.Now().Add(time.Hour)
	first := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: g})

	again := grant(2)
	again.RefreshToken = "" // as when a cloud thinks that the old one will do
	second := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: again})
	if second.UID != first.UID || second.Generation != 2 || !second.SignInExpires.IsZero() || !slices.Equal(second.Scopes, first.Scopes) {
		t.Errorf("account is %+v, was %+v", second, first)
	}
	if got := token(t, s.Tokens(first.UID, "google", unexpected(t))); got != again.AccessToken {
		t.Errorf("token is %q, want the new one", got)
	}
	removed, err := s.Remove(t.Context(), "anna")
	if err != nil || removed.Grant.RefreshToken != g.RefreshToken || removed.Grant.AccessToken != again.AccessToken {
		t.Errorf("removed %+v (%v), want the first refresh token, the second access token", removed, err)
	}
}

func TestConnectRefusals(t *testing.T) {
	s := open(t, tokenstore.Options{})
	anna := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(1)})
	connect(t, s, tokenstore.SignIn{Name: "ben", Grant: grant(2)})
	without := grant(4)
	without.RefreshToken = ""
	for name, c := range map[string]struct {
		in   tokenstore.SignIn
		want error
	}{
		"other identity":          {tokenstore.SignIn{Name: "anna", Backend: "google", User: "user-carl", Grant: grant(3)}, tokenstore.ErrOtherIdentity},
		"identity elsewhere":      {tokenstore.SignIn{Name: "carl", Backend: "google", User: "user-ben", Grant: grant(3)}, tokenstore.ErrIdentityTaken},
		"moved to one elsewhere":  {tokenstore.SignIn{Name: "anna", Backend: "google", User: "user-ben", Grant: grant(3), Move: true}, tokenstore.ErrIdentityTaken},
		"no refresh token":        {tokenstore.SignIn{Name: "carl", Backend: "google", User: "user-carl", Grant: without}, fitbit.ErrReauthRequired},
		"moved, no refresh token": {tokenstore.SignIn{Name: "anna", Backend: "google", User: "user-carl", Grant: without, Move: true}, fitbit.ErrReauthRequired},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Connect(t.Context(), c.in)
			wantErr(t, err, c.want)
			if c.want == tokenstore.ErrIdentityTaken && !strings.Contains(err.Error(), "ben") { //nolint:errorlint // a table entry
				t.Errorf("error %q does not tell the other name", err)
			}
		})
	}
	for _, in := range []tokenstore.SignIn{
		{Name: "Anna!", Backend: "google", User: "user-carl", Grant: grant(3)},
		{Name: "bridge", Backend: "google", User: "user-carl", Grant: grant(3)},
		{Name: "carl", User: "user-carl", Grant: grant(3)},
		{Name: "carl", Backend: "google", Grant: grant(3)},
		{Name: "carl", Backend: "google", User: "user-carl"},
	} {
		if _, err := s.Connect(t.Context(), in); err == nil {
			t.Errorf("accepted name %q backend %q user %q", in.Name, in.Backend, in.User)
		}
	}
	if all, err := s.Accounts(t.Context()); err != nil || len(all) != 2 || all[0].Generation != 1 {
		t.Errorf("refused sign-ins left traces: %+v (%v)", all, err)
	}
	if got := token(t, s.Tokens(anna.UID, "google", unexpected(t))); got != grant(1).AccessToken {
		t.Errorf("token is %q, want the first", got)
	}
}

func TestMoveAndRenameKeepTheUID(t *testing.T) {
	s := open(t, tokenstore.Options{})
	old := grant(1)
	old.Scopes = []string{"weight"}
	first := connect(t, s, tokenstore.SignIn{Name: "anna", Backend: "fitbit", User: "user-old", Grant: old})
	moved := connect(t, s, tokenstore.SignIn{Name: "anna", Backend: "google", User: "user-new", Grant: grant(2), Move: true})
	if moved.UID != first.UID || moved.Backend != "google" || moved.User != "user-new" || moved.Generation != 2 || len(moved.Scopes) != 0 ||
		moved.Person != "google:user-new" {
		t.Errorf("moved account is %+v, was %+v", moved, first)
	}
	if err := s.Rename(t.Context(), "anna", "annabel"); err != nil {
		t.Fatal(err)
	}
	if a, err := s.Account(t.Context(), "annabel"); err != nil || a.UID != first.UID {
		t.Errorf("renamed account is %+v (%v)", a, err)
	}
	_, err := s.Account(t.Context(), "anna")
	wantErr(t, err, tokenstore.ErrNotFound)

	// The identity that the UID was made for comes back: it needs another.
	back := connect(t, s, tokenstore.SignIn{Name: "anna", Backend: "fitbit", User: "user-old", Grant: grant(3)})
	if back.UID != first.UID+"-2" {
		t.Errorf("UID is %s, want %s-2", back.UID, first.UID)
	}
}

func TestRenameRefusals(t *testing.T) {
	s := open(t, tokenstore.Options{})
	connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(1)})
	connect(t, s, tokenstore.SignIn{Name: "ben", Grant: grant(2)})
	wantErr(t, s.Rename(t.Context(), "anna", "ben"), tokenstore.ErrNameTaken)
	wantErr(t, s.Rename(t.Context(), "carl", "dora"), tokenstore.ErrNotFound)
	if err := s.Rename(t.Context(), "anna", "bridge"); err == nil {
		t.Error("renamed to the reserved name")
	}
	if err := s.Rename(t.Context(), "anna", "anna"); err != nil {
		t.Errorf("renamed to itself: %v", err)
	}
}

func TestRemove(t *testing.T) {
	s := open(t, tokenstore.Options{})
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(1)})
	removed, err := s.Remove(t.Context(), "anna")
	if err != nil || removed.Account.UID != a.UID || removed.Grant.RefreshToken != grant(1).RefreshToken {
		t.Errorf("removed %+v (%v)", removed, err)
	}
	_, err = s.Remove(t.Context(), "anna")
	wantErr(t, err, tokenstore.ErrNotFound)
	_, err = s.Tokens(a.UID, "google", unexpected(t)).Token(t.Context())
	wantErr(t, err, tokenstore.ErrNotFound)
	if again := connect(t, s, tokenstore.SignIn{Name: "annabel", User: "user-anna", Grant: grant(2)}); again.UID != a.UID {
		t.Errorf("the same person has UID %s now, had %s", again.UID, a.UID)
	}
}

// A removal is remembered, through a restart and a new sign-in, until whoever keeps
// something of the account has let go of it. Nothing else leaves such a trace.
func TestRemovalsAreRemembered(t *testing.T) {
	path := storePath(t)
	s := open(t, tokenstore.Options{Path: path})
	expect := func(want ...string) {
		t.Helper()
		if got, err := s.Removed(t.Context()); err != nil || !slices.Equal(got, want) {
			t.Errorf("removed: %v (%v), want %v", got, err, want)
		}
	}
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(1)})
	connect(t, s, tokenstore.SignIn{Name: "ben", Grant: grant(2)})
	if _, err := s.Disconnect(t.Context(), "ben"); err != nil {
		t.Fatal(err)
	}
	expect()
	if _, err := s.Remove(t.Context(), "anna"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, tokenstore.Options{Path: path})
	expect(a.UID)
	connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(3)})
	expect(a.UID)
	if _, err := s.Remove(t.Context(), "anna"); err != nil { // once more, before anybody has forgotten the first
		t.Fatal(err)
	}
	expect(a.UID)
	for range 2 {
		if err := s.Forgotten(t.Context(), a.UID); err != nil {
			t.Fatal(err)
		}
		expect()
	}
}

func TestVersionFollowsAccountsInEveryStore(t *testing.T) {
	path := storePath(t)
	here, there := open(t, tokenstore.Options{Path: path}), open(t, tokenstore.Options{Path: path})
	last := int64(-1)
	expect := func(what string, change bool) {
		t.Helper()
		v, err := there.Version(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if (v != last) != change {
			t.Errorf("%s: version went from %d to %d", what, last, v)
		}
		last = v
	}
	expect("start", true)
	expect("nothing", false)
	a := connect(t, here, tokenstore.SignIn{Name: "anna", Grant: expired()})
	expect("connect", true)
	c := &cloud{}
	token(t, here.Tokens(a.UID, "google", c.refresh))
	expect("renewed token", false)
	if err := here.Rename(t.Context(), "anna", "annabel"); err != nil {
		t.Fatal(err)
	}
	expect("rename", true)
	c.err = fitbit.ErrReauthRequired
	_, err := here.Tokens(a.UID, "google", c.refresh).Renew(t.Context(), grant(2).AccessToken)
	wantErr(t, err, fitbit.ErrReauthRequired)
	expect("sign-in lost", true)
	if _, err := here.Remove(t.Context(), "annabel"); err != nil {
		t.Fatal(err)
	}
	expect("remove", true)
}
