package tokenstore_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// secret begins every token, verifier and key of these tests, so that a leak of
// any of them into an error or a log is found.
const secret = "SECRET-"

// logs collects what stores log and fails the test if there is a secret in it.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newLogs(tb testing.TB) *logs {
	tb.Helper()
	l := &logs{}
	tb.Cleanup(func() {
		if strings.Contains(l.String(), secret) {
			tb.Errorf("a secret is in the log:\n%s", l)
		}
	})
	return l
}

// wantErr checks that err is target and holds no secret.
func wantErr(tb testing.TB, err, target error) {
	tb.Helper()
	if !errors.Is(err, target) {
		tb.Fatalf("error is %v, want %v", err, target)
	}
	if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, secret) {
		tb.Errorf("a secret is in the error %s", text)
	}
	if strings.Contains(err.Error(), "user-") {
		tb.Errorf("a person's cloud id is in the error %v", err)
	}
}

func storePath(tb testing.TB) string {
	tb.Helper()
	return filepath.Join(tb.TempDir(), "data", "tokens.db")
}

// open opens a store that logs; the options' zero values do.
func open(tb testing.TB, o tokenstore.Options) *tokenstore.Store {
	tb.Helper()
	if o.Path == "" {
		o.Path = storePath(tb)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(newLogs(tb), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	s, err := tokenstore.Open(tb.Context(), o)
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

// grant is good for another eight hours.
func grant(n int) fitbit.Grant {
	return fitbit.Grant{
		AccessToken:  fmt.Sprintf("%saccess-%d", secret, n),
		RefreshToken: fmt.Sprintf("%srefresh-%d", secret, n),
		Expiry:       time.Now().Add(8 * time.Hour).Truncate(time.Millisecond),
	}
}

// expired is grant 1 when its access token is not good any more.
func expired() fitbit.Grant {
	g := grant(1)
	g.Expiry = time.Now().Add(-time.Minute)
	return g
}

func connect(tb testing.TB, s *tokenstore.Store, in tokenstore.SignIn) tokenstore.Account {
	tb.Helper()
	if in.Backend == "" {
		in.Backend = "google"
	}
	if in.User == "" {
		in.User = "user-" + in.Name
	}
	a, err := s.Connect(tb.Context(), in)
	if err != nil {
		tb.Fatalf("connect %s: %v", in.Name, err)
	}
	return a
}

// account returns anna's account.
func account(tb testing.TB, s *tokenstore.Store) tokenstore.Account {
	tb.Helper()
	a, err := s.Account(tb.Context(), "anna")
	if err != nil {
		tb.Fatalf("account: %v", err)
	}
	return a
}

// token asks for a token that must be there.
func token(tb testing.TB, tokens fitbit.Tokens) string {
	tb.Helper()
	got, err := tokens.Token(tb.Context())
	if err != nil {
		tb.Fatalf("token: %v", err)
	}
	return got
}

// unexpected is the refresh of tests in which none may happen.
func unexpected(tb testing.TB) func(context.Context, string) (fitbit.Grant, error) {
	tb.Helper()
	return func(context.Context, string) (fitbit.Grant, error) {
		tb.Error("the cloud was asked for a token")
		return fitbit.Grant{}, fitbit.ErrUnavailable
	}
}

func TestStoreIsThereAfterReopening(t *testing.T) {
	path := storePath(t)
	s := open(t, tokenstore.Options{Path: path})
	want := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(1)})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	s = open(t, tokenstore.Options{Path: path})
	if got := account(t, s); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := token(t, s.Tokens(want.UID, "google", unexpected(t))); got != grant(1).AccessToken {
		t.Errorf("token is %q", got)
	}
}

func TestFolderAndFileArePrivate(t *testing.T) {
	path := storePath(t)
	open(t, tokenstore.Options{Path: path})
	for name, want := range map[string]os.FileMode{filepath.Dir(path): 0o700, path: 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("mode of %s is %v (%v), want %v", name, info.Mode(), err, want)
		}
	}
}

// Each file in testdata is what a released version left behind. They are never
// changed; a new schema adds the next one.
func TestEveryOldSchemaOpens(t *testing.T) {
	files, err := filepath.Glob("testdata/v*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no old schemas: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "tokens.db")
			raw, err := sql.Open("sqlite3", path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := raw.ExecContext(t.Context(), string(text)); err != nil {
				t.Fatal(err)
			}
			if err := raw.Close(); err != nil {
				t.Fatal(err)
			}
			s := open(t, tokenstore.Options{Path: path, Now: func() time.Time { return time.UnixMilli(1795000000000) }})
			a := account(t, s)
			if a.UID != "0123456789ab" || !a.SignedIn || a.Generation != 3 || len(a.Scopes) != 2 || a.User != "user-anna" ||
				a.Person != "google:user-anna" || a.Former != "" || a.Retired {
				t.Errorf("account is %+v", a)
			}
			if got := token(t, s.Tokens(a.UID, "google", unexpected(t))); got != "SECRET-access-v1" {
				t.Errorf("token is %q", got)
			}
			ben, err := s.Account(t.Context(), "ben")
			if err != nil || ben.SignedIn || !ben.Expiry.IsZero() || ben.Person != "fitbit:user-ben" {
				t.Errorf("ben is %+v (%v), want signed out, without expiry", ben, err)
			}
			attempt, err := s.TakeSignIn(t.Context(), "state-v1")
			if err != nil || attempt.Verifier != "SECRET-verifier-v1" {
				t.Errorf("attempt: %v", err)
			}
			if err := s.SaveClient(t.Context(), client()); err != nil { // whatever a newer schema has is there
				t.Error(err)
			}
			if _, err := s.Removed(t.Context()); err != nil {
				t.Error(err)
			}
			var c cloud
			got := takeOver(t, s, c.spend).Grant.AccessToken
			if imported := filepath.Base(file) == "v3.sql"; imported != (got == "SECRET-access-v3") {
				t.Errorf("an import under way, if there is one, yields %q", got)
			} else if imported {
				carl, err := s.Account(t.Context(), "carl")
				if err != nil || !carl.Retired || carl.LostDetail != "turned off" || carl.Person != "google:user-carla" || carl.Former != "user-former" {
					t.Errorf("carl is %+v (%v), want retired", carl, err)
				}
			}
		})
	}
}

func TestNoStoreNoNewOne(t *testing.T) {
	path := storePath(t)
	s := open(t, tokenstore.Options{Path: path})
	connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(1)})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 5000); err != nil {
		t.Fatal(err)
	}
	_, err := tokenstore.Open(t.Context(), tokenstore.Options{Path: path})
	wantErr(t, err, tokenstore.ErrStorage)
}
