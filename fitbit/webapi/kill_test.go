package webapi_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/rest"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// childEnv names the variable that turns this test binary into another process on the
// same file, which is killed at that point of a renewal.
const childEnv = "WEBAPI_TEST_CHILD_DIES"

// The points at which a child dies.
const (
	beforeAsking = "before asking"
	beforeSaving = "before saving"
	afterSaving  = "after saving"
)

func TestMain(m *testing.M) {
	point := os.Getenv(childEnv)
	if point == "" {
		m.Run()
		return
	}
	dyingChild(point, os.Args[1], os.Args[2], os.Args[3], os.Args[4])
}

// dyingChild renews the token, at the time that its parent's house has.
func dyingChild(point, path, uid, url, now string) {
	at, err := time.Parse(time.RFC3339Nano, now)
	must(err)
	clock := func() time.Time { return at }
	ctx := context.Background()
	s, err := tokenstore.Open(ctx, tokenstore.Options{Path: path, Now: clock})
	must(err)
	app := chaosApp(url, rest.NewHTTPClient(), clock)
	tokens := s.Tokens(uid, "fitbit", func(ctx context.Context, refreshToken string) (fitbit.Grant, error) {
		if point == beforeAsking {
			die()
		}
		g, err := app.Refresh(ctx, refreshToken)
		must(err)
		if point == beforeSaving {
			die()
		}
		return g, nil
	})
	access, err := tokens.Token(ctx)
	must(err)
	_, err = tokens.Renew(ctx, access) // if it was good still
	must(err)
	die()
}

// must ends a child with a stack trace, which its parent shows.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func die() {
	must(syscall.Kill(os.Getpid(), syscall.SIGKILL))
	select {} // until it arrives
}

// kill lets another process die in the middle of a renewal. Its claim is taken over
// once it is too old, or the clock says so.
func (h *household) kill() {
	h.Helper()
	h.pass(8 * time.Hour)
	h.house.Set(h.cloud.Now())
	point := []string{beforeAsking, beforeSaving, beforeSaving, afterSaving}[h.rng.IntN(4)]
	cmd := exec.CommandContext(h.Context(), os.Args[0], h.path, h.uid, h.url, h.house.Now().Format(time.RFC3339Nano))
	cmd.Env = append(os.Environ(), childEnv+"="+point, "GORACE=atexit_sleep_ms=0")
	var problems strings.Builder
	cmd.Stderr = &problems
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		h.Fatalf("the child that was to die %s: %v\n%s", point, err, problems.String())
	}
	h.tally.kills++
	if point == afterSaving {
		h.tally.byChildren++
	}
	switch h.rng.IntN(3) {
	case 0:
		h.pass(41 * time.Second)
	case 1: // set back by just too little to tell
		h.house.Advance(-39 * time.Second)
		h.pass(80 * time.Second)
	default:
		for h.house.Now().Equal(h.cloud.Now()) {
			h.jump()
		}
	}
	h.settle()
}
