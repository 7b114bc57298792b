package tokenstore_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

func client() tokenstore.Client {
	return tokenstore.Client{Backend: "google", ID: "1234.apps", Secret: secret + "client"}
}

func TestClientsAreKept(t *testing.T) {
	for name, k := range map[string][]byte{"plain": nil, "sealed": key()} {
		t.Run(name, func(t *testing.T) {
			path := storePath(t)
			s := open(t, tokenstore.Options{Path: path, Key: k})
			if err := s.SaveClient(t.Context(), client()); err != nil {
				t.Fatal(err)
			}
			other := client()
			other.ID = "5678.apps"
			if err := s.SaveClient(t.Context(), other); err != nil {
				t.Fatal(err)
			}
			if ids, err := s.Clients(t.Context(), "google"); err != nil || !slices.Equal(ids, []string{"1234.apps", "5678.apps"}) {
				t.Errorf("clients are %v (%v)", ids, err)
			}
			if got, err := open(t, tokenstore.Options{Path: path, Key: k}).Client(t.Context(), "google", "1234.apps"); err != nil || got != client() {
				t.Errorf("got another client: %v", err)
			}
			corrected := client()
			corrected.Secret = secret + "corrected"
			if err := s.SaveClient(t.Context(), corrected); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Client(t.Context(), "google", "1234.apps"); err != nil || got != corrected {
				t.Errorf("the secret was not replaced: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if onDisk(t, path) != (k == nil) {
				t.Errorf("secret readable in the file: %t", k == nil)
			}
		})
	}
}

func TestAKeyEncryptsStoredClientsToo(t *testing.T) {
	path := storePath(t)
	s := open(t, tokenstore.Options{Path: path})
	if err := s.SaveClient(t.Context(), client()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, tokenstore.Options{Path: path, Key: key()})
	if got, err := s.Client(t.Context(), "google", "1234.apps"); err != nil || got != client() {
		t.Errorf("got another client: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if onDisk(t, path) {
		t.Error("the secret is still readable in the file")
	}
}

func TestRemoveClient(t *testing.T) {
	s := open(t, tokenstore.Options{})
	if err := s.SaveClient(t.Context(), client()); err != nil {
		t.Fatal(err)
	}
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(1), Client: client().ID})
	if a.Client != client().ID {
		t.Errorf("the account does not know its client: %+v", a)
	}
	err := s.RemoveClient(t.Context(), "google", client().ID)
	wantErr(t, err, tokenstore.ErrClientInUse)
	if err == nil || !strings.Contains(err.Error(), "anna") {
		t.Errorf("%v does not say whose", err)
	}
	if a = connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(2)}); a.Client != "" {
		t.Errorf("the new sign-in was made with another client: %+v", a)
	}
	if err := s.RemoveClient(t.Context(), "google", client().ID); err != nil {
		t.Error(err)
	}
	wantErr(t, s.RemoveClient(t.Context(), "google", client().ID), tokenstore.ErrNoClient)
	_, err = s.Client(t.Context(), "google", client().ID)
	wantErr(t, err, tokenstore.ErrNoClient)
}

func TestAClientDoesNotPrintItsSecret(t *testing.T) {
	l := newLogs(t)
	logger(l).Info("client", "client", client())
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, client()); strings.Contains(text, secret) {
			t.Errorf("%s prints %s", format, text)
		}
	}
}

func TestDisconnectKeepsTheAccount(t *testing.T) {
	s := open(t, tokenstore.Options{Key: key()})
	before := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(1)})
	removed, err := s.Disconnect(t.Context(), "anna")
	if err != nil || removed.Grant.RefreshToken != grant(1).RefreshToken {
		t.Fatalf("%+v (%v)", removed, err)
	}
	a := account(t, s)
	if a.SignedIn || a.UID != before.UID || a.Name != "anna" || !strings.Contains(a.LostDetail, "on purpose") || !strings.Contains(a.LostHint, "connect anna") {
		t.Errorf("account is %+v", a)
	}
	_, err = s.Tokens(a.UID, "google", unexpected(t)).Token(t.Context())
	wantErr(t, err, fitbit.ErrReauthRequired)
	if again, err := s.Disconnect(t.Context(), "anna"); err != nil || again.Grant.RefreshToken != "" {
		t.Errorf("a second time there is a token: %v", err)
	}
	if err := s.Rename(t.Context(), "anna", "anne"); err != nil {
		t.Fatal(err)
	}
	if a, err := s.Account(t.Context(), "anne"); err != nil || a.LostHint != "sign in to go on: fitbit2mqtt connect anne" {
		t.Errorf("renamed: %+v (%v)", a, err)
	}
	if err := s.Rename(t.Context(), "anne", "anna"); err != nil {
		t.Fatal(err)
	}
	if a = connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(2)}); !a.SignedIn || a.LostDetail+a.LostHint != "" || a.UID != before.UID {
		t.Errorf("signed in again: %+v", a)
	}
	_, err = s.Disconnect(t.Context(), "ben")
	wantErr(t, err, tokenstore.ErrNotFound)
}

// A client without a secret is kept like any other, and may get one, or lose it.
func TestPublicClients(t *testing.T) {
	for name, k := range map[string][]byte{"plain": nil, "sealed": key()} {
		t.Run(name, func(t *testing.T) {
			path := storePath(t)
			s := open(t, tokenstore.Options{Path: path, Key: k})
			c := client()
			for _, c.Secret = range []string{"", secret + "client", ""} {
				if err := s.SaveClient(t.Context(), c); err != nil {
					t.Fatal(err)
				}
				if got, err := open(t, tokenstore.Options{Path: path, Key: k}).Client(t.Context(), c.Backend, c.ID); err != nil || got != c {
					t.Errorf("got another client: %v", err)
				}
			}
			if err := s.SaveClient(t.Context(), tokenstore.Client{Backend: "google", Secret: c.Secret}); err == nil {
				t.Error("saved a client without an id")
			}
		})
	}
	path := storePath(t) // and one that was there before the key
	c := tokenstore.Client{Backend: "google", ID: "public"}
	if err := open(t, tokenstore.Options{Path: path}).SaveClient(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if got, err := open(t, tokenstore.Options{Path: path, Key: key()}).Client(t.Context(), c.Backend, c.ID); err != nil || got != c {
		t.Errorf("got another client: %v", err)
	}
}

// The commands in a hint are those of the account's name of now, whatever follows it.
func TestRenameKeepsTheCommands(t *testing.T) {
	s := open(t, tokenstore.Options{})
	uid := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(1)}).UID
	if _, err := s.Disconnect(t.Context(), "anna"); err != nil {
		t.Fatal(err)
	}
	hint := func(name string) string {
		return "confirm it with: fitbit2mqtt connect " + name + " --backend google --same-person; or hand the name over: " +
			"fitbit2mqtt connect " + name + " --backend google --move"
	}
	if err := s.NoteFailure(t.Context(), uid, &fitbit.CloudError{Detail: "the last sign-in failed", Hint: hint("anna")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Rename(t.Context(), "anna", "anne-marie"); err != nil {
		t.Fatal(err)
	}
	if a, err := s.Account(t.Context(), "anne-marie"); err != nil || a.LostHint != hint("anne-marie") {
		t.Errorf("the hint is %q (%v)", a.LostHint, err)
	}
}

// Why signing in again failed is said where it matters, and nowhere else.
func TestNoteFailure(t *testing.T) {
	s := open(t, tokenstore.Options{})
	uid := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(1)}).UID
	note := func() tokenstore.Account {
		t.Helper()
		if err := s.NoteFailure(t.Context(), uid, &fitbit.CloudError{Kind: fitbit.ErrReauthRequired, Detail: "consent was denied", Hint: "try again"}); err != nil {
			t.Fatal(err)
		}
		return account(t, s)
	}
	if a := note(); a.LostDetail != "" || !a.SignedIn {
		t.Errorf("a sign-in that works was disturbed: %+v", a)
	}
	if _, err := s.Disconnect(t.Context(), "anna"); err != nil {
		t.Fatal(err)
	}
	before, _ := s.Version(t.Context())
	if a := note(); a.LostDetail != "consent was denied" || a.LostHint != "try again" {
		t.Errorf("account is %+v", a)
	}
	if after, _ := s.Version(t.Context()); after == before {
		t.Error("nobody is told")
	}
}
