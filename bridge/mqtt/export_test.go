package mqtt

import "time"

// Hurry makes a client, not yet started, wait no longer than d between attempts,
// than answer for acknowledgements and than a second for the network.
func (c *Client) Hurry(d, answer time.Duration) {
	c.pace.retryMin, c.pace.retryMax, c.pace.answer, c.pace.write = d, d, answer, time.Second
}
