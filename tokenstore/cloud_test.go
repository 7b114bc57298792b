package tokenstore_test

import (
	"context"
	"log/slog"
	"sync"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// cloud refreshes as the legacy cloud does: refresh-1 is replaced by refresh-2
// and so on, each works once, and the last one that was used gets the same answer
// again for as long as the grace lasts.
type cloud struct {
	mu        sync.Mutex
	requests  int
	rotations int
	graceOver bool
	err       error                 // answered instead, if set
	before    func(context.Context) // called before each answer, if set
	change    func(*fitbit.Grant)   // changes each answer, if set
}

func (c *cloud) refresh(ctx context.Context, refreshToken string) (fitbit.Grant, error) {
	if c.before != nil {
		c.before(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	if ctx.Err() != nil {
		return fitbit.Grant{}, ctx.Err()
	}
	if c.err != nil {
		return fitbit.Grant{}, c.err
	}
	switch {
	case refreshToken == grant(c.rotations+1).RefreshToken:
		c.rotations++
	case refreshToken == grant(c.rotations).RefreshToken && c.rotations > 0 && !c.graceOver:
	default:
		return fitbit.Grant{}, &fitbit.CloudError{Kind: fitbit.ErrReauthRequired, Reason: "invalid_grant"}
	}
	g := grant(c.rotations + 1)
	if c.change != nil {
		c.change(&g)
	}
	return g, nil
}

// counts returns how often the cloud was asked, and how often it gave a new token.
func (c *cloud) counts() (requests, rotations int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests, c.rotations
}

func logger(l *logs) *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }
