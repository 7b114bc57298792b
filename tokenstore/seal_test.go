package tokenstore_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// key is any key material; its length does not matter.
func key() []byte { return []byte(secret + "key") }

// onDisk reports whether a secret is in the file or in any beside it.
func onDisk(t *testing.T, path string) bool {
	t.Helper()
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte(secret)) {
			return true
		}
	}
	return false
}

func TestSealedTokens(t *testing.T) {
	path := storePath(t)
	s := open(t, tokenstore.Options{Path: path, Key: key()})
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: expired()})
	if err := s.BeginSignIn(t.Context(), attempt("a")); err != nil {
		t.Fatal(err)
	}
	var c cloud
	if got := token(t, s.Tokens(a.UID, "google", c.refresh)); got != grant(2).AccessToken {
		t.Errorf("token is %q", got)
	}
	if onDisk(t, path) {
		t.Error("a secret is on the disk in plain text")
	}
	other := open(t, tokenstore.Options{Path: path, Key: key()})
	if got := token(t, other.Tokens(a.UID, "google", unexpected(t))); got != grant(2).AccessToken {
		t.Errorf("token is %q in another store", got)
	}
	removed, err := other.Remove(t.Context(), "anna")
	if err != nil || removed.Grant.RefreshToken != grant(2).RefreshToken {
		t.Errorf("removed without its refresh token (%v)", err)
	}
}

func TestASealedStoreNeedsItsKey(t *testing.T) {
	path := storePath(t)
	s := open(t, tokenstore.Options{Path: path, Key: key()})
	connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(1)})
	for _, c := range []struct {
		key  []byte
		want error
		hint string
	}{
		{nil, tokenstore.ErrKeyMissing, "store.key"},
		{[]byte{}, tokenstore.ErrKeyMissing, "store.key"},
		{[]byte(secret + "other key"), tokenstore.ErrWrongKey, "before"},
	} {
		_, err := tokenstore.Open(t.Context(), tokenstore.Options{Path: path, Key: c.key})
		wantErr(t, err, c.want)
		wantErr(t, err, tokenstore.ErrStorage)
		var e *sqlite.Error
		if !errors.As(err, &e) || !strings.Contains(e.Hint, c.hint) || e.Path != path {
			t.Errorf("%v: hint %q does not help with %s", err, e.Hint, path)
		}
	}
	if account(t, s).Generation != 1 {
		t.Error("the refused keys have changed something")
	}
}

func TestAKeyEncryptsAPlainStore(t *testing.T) {
	path := storePath(t)
	s := open(t, tokenstore.Options{Path: path})
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(1)})
	connect(t, s, tokenstore.SignIn{Name: "ben", Grant: grant(2)})
	if err := s.BeginSignIn(t.Context(), attempt("a")); err != nil {
		t.Fatal(err)
	}
	backup := path + ".v0.bak" // as a migration would have left it
	if err := os.WriteFile(backup, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if !onDisk(t, path) {
		t.Fatal("there is nothing to encrypt, this test proves nothing")
	}

	l := newLogs(t)
	sealed := open(t, tokenstore.Options{Path: path, Key: key(), Log: logger(l)})
	if onDisk(t, path) {
		t.Error("a secret is still on the disk in plain text")
	}
	if !strings.Contains(l.String(), backup) {
		t.Errorf("the log does not name the copy with plain tokens:\n%s", l)
	}
	if got := token(t, sealed.Tokens(a.UID, "google", unexpected(t))); got != grant(1).AccessToken {
		t.Errorf("token is %q", got)
	}
	if got, err := sealed.TakeSignIn(t.Context(), "a"); err != nil || got != attempt("a") {
		t.Errorf("another attempt: %v", err)
	}

	// A process that runs without the key since before must notice, and stop.
	_, err := s.Tokens(a.UID, "google", unexpected(t)).Token(t.Context())
	wantErr(t, err, tokenstore.ErrKeyMissing)
	_, err = s.Connect(t.Context(), tokenstore.SignIn{Name: "carl", Backend: "google", User: "user-carl", Grant: grant(3)})
	wantErr(t, err, tokenstore.ErrKeyMissing)
	wantErr(t, s.BeginSignIn(t.Context(), attempt("b")), tokenstore.ErrKeyMissing)
	if onDisk(t, path) {
		t.Error("the process without a key has written a secret in plain text")
	}
}

func TestAnInterruptedScrubIsRepeated(t *testing.T) {
	path := storePath(t)
	s := open(t, tokenstore.Options{Path: path, Key: key()})
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(1)})
	for _, q := range []string{ // what a power cut right after the encryption leaves: the mark, and plain text in unused space
		"UPDATE store SET scrub = 1",
		"PRAGMA secure_delete = OFF",
		"CREATE TABLE residue (x TEXT)",
		"INSERT INTO residue VALUES ('" + secret + "residue')",
		"DROP TABLE residue",
	} {
		if _, err := s.DB().ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	if !onDisk(t, path) {
		t.Fatal("there is nothing to scrub, this test proves nothing")
	}
	again := open(t, tokenstore.Options{Path: path, Key: key()})
	if onDisk(t, path) {
		t.Error("a secret is still on the disk in plain text")
	}
	var scrub int
	if err := again.DB().QueryRowContext(t.Context(), "SELECT scrub FROM store").Scan(&scrub); err != nil || scrub != 0 {
		t.Errorf("the mark is %d (%v), want 0", scrub, err)
	}
	if got := token(t, again.Tokens(a.UID, "google", unexpected(t))); got != grant(1).AccessToken {
		t.Errorf("token is %q", got)
	}
}

func TestASealedTokenOpensOnlyInItsPlace(t *testing.T) {
	for name, tamper := range map[string]string{
		"swapped columns": "UPDATE accounts SET access_token = refresh_token",
		"swapped rows":    "UPDATE accounts SET access_token = (SELECT access_token FROM accounts WHERE name = 'ben')",
		"plain text":      "UPDATE accounts SET access_token = CAST('" + secret + "mine' AS BLOB)",
		"empty":           "UPDATE accounts SET access_token = x''",
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, tokenstore.Options{Key: key()})
			a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(1)})
			connect(t, s, tokenstore.SignIn{Name: "ben", Grant: grant(2)})
			if _, err := s.DB().ExecContext(t.Context(), tamper); err != nil {
				t.Fatal(err)
			}
			_, err := s.Tokens(a.UID, "google", unexpected(t)).Token(t.Context())
			wantErr(t, err, sqlite.ErrCorrupt)
			removed, err := s.Remove(t.Context(), "anna") // must be possible all the same
			if err != nil || removed.Grant.AccessToken != "" || removed.Grant.RefreshToken != grant(1).RefreshToken {
				t.Errorf("removed %+v (%v)", removed, err)
			}
		})
	}
}

// Whoever may not maintain a store leaves it unencrypted, renews tokens in it all the
// same, and cannot open an encrypted one without its key.
func TestNothingIsSealedWithoutMaintenance(t *testing.T) {
	path := storePath(t)
	s := open(t, tokenstore.Options{Path: path})
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: expired()})
	asIs := open(t, tokenstore.Options{Path: path, Key: key(), Access: sqlite.AsIs})
	var c cloud
	if got := token(t, asIs.Tokens(a.UID, "google", c.refresh)); got != grant(2).AccessToken || asIs.Sealed() {
		t.Errorf("token is %q, sealed %v", got, asIs.Sealed())
	}
	if got := token(t, s.Tokens(a.UID, "google", unexpected(t))); got != grant(2).AccessToken {
		t.Errorf("token is %q in the store that was open before", got)
	}
	if !open(t, tokenstore.Options{Path: path, Key: key()}).Sealed() {
		t.Error("the store is not sealed")
	}
	if _, err := tokenstore.Open(t.Context(), tokenstore.Options{Path: path, Access: sqlite.ReadOnly}); !errors.Is(err, tokenstore.ErrKeyMissing) {
		t.Errorf("without a key: %v", err)
	}
	readOnly := open(t, tokenstore.Options{Path: path, Key: key(), Access: sqlite.ReadOnly})
	if list, err := readOnly.Accounts(t.Context()); err != nil || len(list) != 1 || !readOnly.Sealed() {
		t.Errorf("%v, %v", list, err)
	}
	if c, err := tokenstore.Inspect(t.Context(), path); err != nil || c.Outdated() {
		t.Errorf("%+v, %v", c, err)
	}
}
