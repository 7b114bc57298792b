package mqtt

import (
	"context"
	"errors"
)

// Connected waits until there is a connection. When ctx ends before that it
// returns a [*ConnectError], which says why the last attempt failed.
func (c *Client) Connected(ctx context.Context) error {
	select {
	case <-c.online():
		return nil
	case <-c.done:
	case <-ctx.Done():
	}
	return c.away()
}

// online is closed while there is a connection.
func (c *Client) online() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.up
}

// Dial is Start for those who would not wait for a broker that is away: it returns when
// there is a connection, and with a [*ConnectError] as soon as one attempt has failed, or
// ctx has ended. The client keeps at it all the same, until Close.
func (c *Client) Dial(ctx context.Context) error {
	c.Start() //nolint:contextcheck // what is started outlives ctx
	select {
	case <-c.online():
		return nil
	case <-c.tried:
	case <-c.done:
	case <-ctx.Done():
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.target.explain(ctx.Err())
	}
	return c.away()
}

// Trouble says why there is no connection and what to do; both are empty if there
// is one.
func (c *Client) Trouble() (detail, hint string) {
	c.mu.Lock()
	connected := c.session != nil
	c.mu.Unlock()
	if connected {
		return "", ""
	}
	if e, ok := errors.AsType[*ConnectError](c.away()); ok {
		return e.Detail, e.Hint
	}
	return "there is no connection yet", ""
}

func (c *Client) away() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trouble == nil {
		return c.target.explain(errNoAnswer)
	}
	return c.trouble
}
