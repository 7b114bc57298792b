package tokenstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// setDiskFull stops all writes of this process to files, or allows them again.
// It binds every user, root included.
func setDiskFull(full bool) {
	var limit syscall.Rlimit
	must(syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	limit.Cur = limit.Max
	if full {
		limit.Cur = 0
	}
	must(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
}

// say writes one line that the parent compares.
func say(format string, args ...any) {
	_, err := fmt.Fprintf(os.Stdout, format+"\n", args...)
	must(err)
}

// outcome puts a token or an error into one word, and finds secrets in errors.
func outcome(token string, err error) string {
	switch {
	case err == nil:
		return strings.TrimPrefix(token, secret)
	case strings.Contains(fmt.Sprintf("%v %#v", err, err), secret):
		return "leak"
	case errors.Is(err, sqlite.ErrFull) && errors.Is(err, tokenstore.ErrStorage):
		return "full"
	case errors.Is(err, sqlite.ErrReadOnly) && errors.Is(err, tokenstore.ErrStorage):
		return "read-only"
	default:
		return err.Error()
	}
}

func (c child) diskFull() {
	signal.Ignore(syscall.SIGXFSZ)
	ctx := context.Background()
	s := c.open()
	s.SaveAgainAfter(time.Hour)
	saved := make(chan struct{}, 1)
	s.At(func(point string) {
		if point == "saved" {
			saved <- struct{}{}
		}
	})
	awaitSaved := func() {
		select {
		case <-saved:
		case <-time.After(10 * time.Second): // a child must not outlive a test that has given up
			panic("not saved")
		}
	}
	var cloud cloud
	tokens := s.Tokens(c.uid, "google", cloud.refresh)
	ask := func(what string, get func() (string, error)) {
		got := outcome(get())
		requests, _ := cloud.counts()
		say("%s: %s after %d requests", what, got, requests)
	}
	get := func() (string, error) { return tokens.Token(ctx) }

	setDiskFull(true)
	ask("full before the claim", get)
	setDiskFull(false)
	ask("space again", get)
	awaitSaved()

	cloud.before = func(context.Context) { setDiskFull(true) }
	cloud.err = fitbit.ErrUnavailable
	ask("full and no answer", func() (string, error) { return tokens.Renew(ctx, grant(2).AccessToken) })
	setDiskFull(false)
	cloud.err = nil
	// The claim could not be lifted, but it is our own.
	ask("full before the save", func() (string, error) { return tokens.Renew(ctx, grant(2).AccessToken) })
	ask("still full", get)
	setDiskFull(false)
	ask("space at last", get)
	awaitSaved()

	s.SaveAgainAfter(time.Millisecond)
	ask("full once more", func() (string, error) { return tokens.Renew(ctx, grant(3).AccessToken) })
	setDiskFull(false)
	awaitSaved() // nobody asks for the token: the store does it by itself
	ask("saved by itself", get)

	s.SaveAgainAfter(time.Hour)
	ask("full at the end", func() (string, error) { return tokens.Renew(ctx, grant(4).AccessToken) })
	setDiskFull(false)
	must(s.Close()) // saves it
	ask("closed with space", c.lastToken)

	s = c.open()
	tokens = s.Tokens(c.uid, "google", cloud.refresh)
	ask("full to the end", func() (string, error) { return tokens.Renew(ctx, grant(5).AccessToken) })
	ask("closing", func() (string, error) { return "", s.Close() })
	setDiskFull(false)
	ask("closed without space", c.lastToken)
}

// lastToken reads the token as the next process does.
func (c child) lastToken() (string, error) {
	s := c.open()
	return s.Tokens(c.uid, "google", func(context.Context, string) (fitbit.Grant, error) {
		return fitbit.Grant{}, fitbit.ErrUnavailable
	}).Token(context.Background())
}

func TestAFullDiskSpendsNothingAndLosesNothing(t *testing.T) {
	path := storePath(t)
	s := open(t, tokenstore.Options{Path: path})
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: expired()})
	out, stderr, err := run(t, "disk full", child{path: path, uid: a.UID})
	want := `full before the claim: full after 0 requests
space again: access-2 after 1 requests
full and no answer: full after 2 requests
full before the save: full after 3 requests
still full: full after 3 requests
space at last: access-3 after 3 requests
full once more: full after 4 requests
saved by itself: access-4 after 4 requests
full at the end: full after 5 requests
closed with space: access-5 after 5 requests
full to the end: full after 6 requests
closing: full after 6 requests
closed without space: access-5 after 6 requests
`
	if err != nil || out != want {
		t.Errorf("child: %v\n%s%s\nwant\n%s", err, out, stderr, want)
	}
}

func (c child) readOnly() {
	if os.Geteuid() == 0 { // modes do not bind root
		must(syscall.Setuid(65534))
	}
	s := c.open()
	var cloud cloud
	tokens := s.Tokens(c.uid, "google", cloud.refresh)
	say("valid: %s", outcome(tokens.Token(context.Background())))
	say("stale: %s", outcome(tokens.Renew(context.Background(), grant(1).AccessToken)))
	requests, _ := cloud.counts()
	say("requests: %d", requests)
}

func TestAReadOnlyFolderSpendsNothing(t *testing.T) {
	path := storePath(t)
	s := open(t, tokenstore.Options{Path: path}) // stays open, as that of another process
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: grant(1)})
	folder := filepath.Dir(path)
	for name, mode := range map[string]os.FileMode{
		path: 0o444, path + "-wal": 0o444, path + "-shm": 0o444, folder: 0o555,
		filepath.Dir(folder): 0o755, filepath.Dir(filepath.Dir(folder)): 0o755, // for the way there
	} {
		must(os.Chmod(name, mode))
	}
	t.Cleanup(func() { must(os.Chmod(folder, 0o755)) })
	out, stderr, err := run(t, "read-only", child{path: path, uid: a.UID})
	if want := "valid: access-1\nstale: read-only\nrequests: 0\n"; err != nil || out != want {
		t.Errorf("child: %v\n%s%s\nwant\n%s", err, out, stderr, want)
	}
}
