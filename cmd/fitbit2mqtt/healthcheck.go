package main

import (
	"context"
	"net"
	"net/http"
	"net/netip"

	"github.com/spf13/cobra"
)

func (a *app) newHealthcheck() *cobra.Command {
	return &cobra.Command{
		Use:   "healthcheck",
		Short: "Say whether the bridge here is well, for whatever watches over it",
		Long: `Asks the page of the bridge on this machine whether it is well. It is told so without
the page's password. Where the page is turned off, it looks whether a bridge runs with
the data folder.

A bridge is well if it can read its databases: a broker or a cloud that is away, or a
sign-in that is lost, is nothing that a restart would mend ("fitbit2mqtt doctor" says
how all that is).

It says one line and ends with 0 if the bridge is well, and with 1 if it is not.`,
		Example: `  fitbit2mqtt healthcheck
  docker compose exec fitbit2mqtt fitbit2mqtt healthcheck`,
		Args: usage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := a.loadConfig()
			if err != nil {
				return err
			}
			where, err := config.health(c.Context())
			if err != nil {
				return err
			}
			return a.printf("The bridge is well: %s.\n", where)
		},
	}
}

// health says where a bridge is that is well. The code of its errors is the only one that
// every container engine takes for "not well".
func (c config) health(ctx context.Context) (where string, err error) {
	const unwell = exitUnexpected
	address, known := c.Web.address()
	if !known {
		d := doctor{config: c}
		if d.lock(); !d.running {
			return "", fail(unwell, "start it: fitbit2mqtt run", "no bridge runs with the data folder %s", c.DataDir)
		}
		return "it runs with the data folder " + c.DataDir, nil
	}
	listen := c.Web.Listen
	status, body, err := healthOf(ctx, address)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return "", fail(unwell, "look at the bridge's log", "nothing answers at %s", listen)
	case status == http.StatusServiceUnavailable && body == healthStorage:
		return "", fail(unwell, "look at the bridge's log", "it answers at %s that the databases cannot be read", listen)
	case status != http.StatusOK || body != healthOK:
		return "", fail(unwell, "stop it, or set web.listen to another address, or to \"off\"", "another program answers at %s", listen)
	}
	return "it answers at " + listen, nil
}

// address is where this machine reaches the page; unknown if there is none, or if only the
// bridge knows its port.
func (c webConfig) address() (address string, known bool) {
	host, port, err := net.SplitHostPort(c.Listen)
	if c.Listen == off || err != nil || port == "0" {
		return "", false
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), true
}
