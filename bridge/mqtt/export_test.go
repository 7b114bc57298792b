package mqtt

import "time"

// Hurry makes a client, not yet started, wait no longer than d between attempts
// and no longer than answer for acknowledgements.
func (c *Client) Hurry(d, answer time.Duration) {
	c.pace.retryMin, c.pace.retryMax, c.pace.answer = d, d, answer
}
