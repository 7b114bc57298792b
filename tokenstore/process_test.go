package tokenstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// childEnv names the variable that turns this test binary into another process
// on the same store.
const childEnv = "TOKENSTORE_TEST_CHILD"

// child is what such a process has to work with.
type child struct {
	path, uid, cloud string
}

func TestMain(m *testing.M) {
	name := os.Getenv(childEnv)
	if name == "" {
		m.Run()
		return
	}
	c := child{path: os.Args[1], uid: os.Args[2], cloud: os.Args[3]}
	point, dies := strings.CutPrefix(name, "die when ")
	switch {
	case dies:
		c.die(point)
	case strings.HasPrefix(name, "import until "):
		c.dieImporting(strings.TrimPrefix(name, "import until "))
	case name == "callers":
		c.callers()
	case name == "disk full":
		c.diskFull()
	case name == "disk full for an import":
		c.diskFullForAnImport()
	case name == "read-only":
		c.readOnly()
	}
}

// must ends a child with a stack trace, which its parent shows.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func (c child) open() *tokenstore.Store {
	s, err := tokenstore.Open(context.Background(), tokenstore.Options{Path: c.path})
	must(err)
	return s
}

// wireGrant is a grant between parent and child.
type wireGrant struct {
	AccessToken  string    `json:"access_token"`
	RefreshToken string    `json:"refresh_token"`
	Expiry       time.Time `json:"expiry"`
}

// refresh asks the parent's cloud.
func (c child) refresh(ctx context.Context, refreshToken string) (fitbit.Grant, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cloud, strings.NewReader(refreshToken))
	must(err)
	client := http.Client{Timeout: 10 * time.Second}
	res, err := client.Do(req)
	must(err)
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fitbit.Grant{}, fitbit.ErrReauthRequired
	}
	var w wireGrant
	must(json.NewDecoder(res.Body).Decode(&w))
	return fitbit.Grant{AccessToken: w.AccessToken, RefreshToken: w.RefreshToken, Expiry: w.Expiry}, nil
}

// die kills the process at that point of a renewal.
func (c child) die(point string) {
	s := c.open()
	s.At(func(at string) {
		if at == point {
			must(syscall.Kill(os.Getpid(), syscall.SIGKILL))
			select {} // until it arrives
		}
	})
	_, err := s.Tokens(c.uid, "google", c.refresh).Token(context.Background())
	panic(fmt.Sprintf("still alive: %v", err))
}

// callers asks ten times at once, as soon as its input says so.
func (c child) callers() {
	s := c.open()
	_, err := fmt.Fprintln(os.Stdout, "ready")
	must(err)
	_, err = io.ReadAll(os.Stdin)
	must(err)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			got, err := s.Tokens(c.uid, "google", c.refresh).Token(context.Background())
			must(err)
			_, err = fmt.Fprintln(os.Stdout, got)
			must(err)
		})
	}
	wg.Wait()
	must(s.Close())
}

// startCloud serves the cloud to child processes.
func startCloud(t *testing.T, c *cloud) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refreshToken, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		g, err := c.refresh(r.Context(), string(refreshToken))
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		if err := json.NewEncoder(w).Encode(wireGrant{g.AccessToken, g.RefreshToken, g.Expiry}); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func command(t *testing.T, name string, c child) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], c.path, c.uid, c.cloud)
	cmd.Env = append(os.Environ(), childEnv+"="+name, "GORACE=atexit_sleep_ms=0") // else each child lingers for a second
	return cmd
}

// run runs a child to its end. What it says is on stdout: a coverage run
// complains about its own files on stderr.
func run(t *testing.T, name string, c child) (stdout, stderr string, err error) {
	t.Helper()
	cmd := command(t, name, c)
	var out, problems strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &problems
	err = cmd.Run()
	return out.String(), problems.String(), err
}

func TestTwoProcessesMakeOneRefresh(t *testing.T) {
	path := storePath(t)
	s := open(t, tokenstore.Options{Path: path})
	a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: expired()})
	var cloud cloud
	c := child{path: path, uid: a.UID, cloud: startCloud(t, &cloud)}
	start := make(chan struct{})
	ready, done := make(chan error, 2), make(chan error, 2)
	for range 2 {
		cmd := command(t, "callers", c)
		in, err := cmd.StdinPipe()
		must(err)
		out, err := cmd.StdoutPipe()
		must(err)
		cmd.Stderr = os.Stderr
		must(cmd.Start())
		go func() {
			_, err := io.ReadFull(out, make([]byte, len("ready\n")))
			ready <- err
			<-start
			must(in.Close())
			tokens, rerr := io.ReadAll(out)
			if want := strings.Repeat(grant(2).AccessToken+"\n", 10); string(tokens) != want {
				t.Errorf("ten callers got\n%swant\n%s", tokens, want)
			}
			done <- errors.Join(err, rerr, cmd.Wait())
		}()
	}
	for range 2 {
		if err := <-ready; err != nil {
			t.Fatal(err)
		}
	}
	close(start)
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if requests, _ := cloud.counts(); requests != 1 {
		t.Errorf("%d requests, want 1", requests)
	}
}

func TestAProcessKilledDuringARenewal(t *testing.T) {
	for _, c := range []struct {
		name      string
		point     string
		graceOver bool
		rotations int   // after recovery
		requests  int   // after recovery
		want      error // of recovery
	}{
		{name: "before the request", point: "claimed", rotations: 1, requests: 1},
		{name: "between reply and save", point: "answered", rotations: 1, requests: 2},
		{name: "between reply and save, for long", point: "answered", graceOver: true, rotations: 1, requests: 2, want: fitbit.ErrReauthRequired},
		{name: "after the save", point: "saved", rotations: 1, requests: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := storePath(t)
			s := open(t, tokenstore.Options{Path: path})
			a := connect(t, s, tokenstore.SignIn{Name: "anna", Grant: expired()})
			var cloud cloud
			_, stderr, err := run(t, "die when "+c.point, child{path, a.UID, startCloud(t, &cloud)})
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("child: %v\n%s", err, stderr)
			}
			cloud.graceOver = c.graceOver

			later := func() time.Time { return time.Now().Add(tokenstore.ClaimLife + time.Second) }
			next := open(t, tokenstore.Options{Path: path, Now: later})
			got, err := next.Tokens(a.UID, "google", cloud.refresh).Token(t.Context())
			if c.want != nil {
				wantErr(t, err, c.want)
				if account(t, next).SignedIn || storedRefreshToken(t, next) != grant(1).RefreshToken {
					t.Error("want the account signed out and its row intact")
				}
			} else if err != nil || got != grant(2).AccessToken {
				t.Errorf("got %q (%v), want the token the cloud gave", got, err)
			}
			if requests, rotations := cloud.counts(); requests != c.requests || rotations != c.rotations {
				t.Errorf("%d requests, %d refresh tokens spent; want %d and %d", requests, rotations, c.requests, c.rotations)
			}
		})
	}
}
