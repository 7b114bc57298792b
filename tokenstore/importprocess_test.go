package tokenstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// dieImporting kills the process at that point of an import.
func (c child) dieImporting(point string) {
	ctx := context.Background()
	s := c.open()
	s.At(func(at string) {
		if at == point {
			must(syscall.Kill(os.Getpid(), syscall.SIGKILL))
			select {} // until it arrives
		}
	})
	got, err := s.TakeOver(ctx, importOfAnna(), "", func(ctx context.Context, _, refreshToken string) (fitbit.Grant, error) {
		return c.refresh(ctx, refreshToken)
	})
	must(err)
	_, err = s.Connect(ctx, tokenstore.SignIn{Name: "anna", Backend: "fitbit", User: "user-anna", Import: got.ID})
	panic(fmt.Sprintf("still alive: %v", err))
}

func TestAProcessKilledDuringAnImport(t *testing.T) {
	for _, c := range []struct {
		name      string
		point     string
		graceOver bool
		requests  int   // after recovery
		want      error // of recovery
	}{
		{name: "before the request", point: "claimed", requests: 1},
		{name: "between reply and save", point: "answered", requests: 2},
		{name: "between reply and save, for long", point: "answered", graceOver: true, requests: 2, want: fitbit.ErrReauthRequired},
		{name: "after the save", point: "saved", graceOver: true, requests: 1},
		{name: "when all is done", point: "connected", graceOver: true, requests: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := storePath(t)
			s := open(t, tokenstore.Options{Path: path})
			var cloud cloud
			_, stderr, err := run(t, "import until "+c.point, child{path: path, cloud: startCloud(t, &cloud)})
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("child: %v\n%s", err, stderr)
			}
			cloud.graceOver = c.graceOver
			before, err := s.Accounts(t.Context())
			if err != nil || (len(before) == 1) != (c.point == "connected") {
				t.Errorf("accounts are %+v (%v)", before, err)
			}

			later := func() time.Time { return time.Now().Add(tokenstore.ClaimLife + time.Second) }
			next := open(t, tokenstore.Options{Path: path, Now: later})
			got, err := next.TakeOver(t.Context(), importOfAnna(), "", cloud.spend)
			if c.want != nil {
				wantErr(t, err, c.want)
			} else if err != nil {
				t.Error(err)
			} else if a := settle(t, next, got); a.Generation != 1 || storedRefreshToken(t, next) != grant(2).RefreshToken || a.Client != "23ABCD" {
				t.Errorf("account is %+v", a)
			}
			if requests, rotations := cloud.counts(); requests != c.requests || rotations != 1 {
				t.Errorf("%d requests, %d refresh tokens spent; want %d and 1", requests, rotations, c.requests)
			}
		})
	}
}

func (c child) diskFullForAnImport() {
	signal.Ignore(syscall.SIGXFSZ)
	s := c.open()
	var cloud cloud
	take := func(what string) {
		got, err := s.TakeOver(context.Background(), importOfAnna(), "", cloud.spend)
		requests, _ := cloud.counts()
		say("%s: %s after %d requests", what, outcome(got.Grant.AccessToken, err), requests)
	}
	setDiskFull(true)
	take("full before the claim")
	setDiskFull(false)

	s.SaveAgainAfter(time.Hour) // longer than it is tried
	cloud.before = func(context.Context) { setDiskFull(true) }
	take("full before the save")
	setDiskFull(false)

	s.SaveAgainAfter(50 * time.Millisecond)
	cloud.before = func(context.Context) {
		setDiskFull(true)
		time.AfterFunc(20*time.Millisecond, func() { setDiskFull(false) })
	}
	take("full for a moment")
	take("kept")
	must(s.Close())
}

func TestAFullDiskSpendsNoImport(t *testing.T) {
	path := storePath(t)
	open(t, tokenstore.Options{Path: path})
	out, stderr, err := run(t, "disk full for an import", child{path: path})
	want := `full before the claim: full after 0 requests
full before the save: full after 1 requests
full for a moment: access-2 after 2 requests
kept: access-2 after 2 requests
`
	if err != nil || out != want {
		t.Errorf("child: %v\n%s%s\nwant\n%s", err, out, stderr, want)
	}
}
