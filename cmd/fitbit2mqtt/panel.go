package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/web"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/googlehealth"
)

// firstLook is how long the first page waits for the bridge.
const firstLook = 5 * time.Second

// panel is the page for people, being served.
type panel struct {
	server *http.Server
	url    string // where it is found on this machine
}

// openPanel serves the page; nil if it is turned off.
func (h *house) openPanel(ctx context.Context, b *bridge.Bridge, broker *broker) (*panel, error) {
	c := h.config.Web
	if c.Listen == off {
		return nil, nil //nolint:nilnil // no page is no error
	}
	pages, err := web.New(web.Options{
		Bridge: b, Accounts: h.tokens, History: h.history, Desk: h.desk,
		Broker: broker.client, BrokerURL: redactURL(broker.url), Scopes: googlehealth.Scopes(), Version: buildVersion().Version,
		Password: c.Password, TrustedProxies: c.proxies(), BaseURL: c.BaseURL, Sealed: h.config.StoreKey != "", Log: h.log,
	})
	if err != nil {
		return nil, &configError{problems: lines("", err)}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		what := "listen: %w"
		if errors.Is(err, syscall.EADDRINUSE) {
			what = "the page: something else listens at " + c.Listen + ": %w"
		}
		return nil, fail(exitConfig, "stop what listens there, or set web.listen to another address, or to \"off\"", what, err)
	}
	// Whoever came before the bridge has had its first look would be told that nobody is connected.
	looked := sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(ctx, firstLook)
		defer cancel()
		b.Sync(ctx)
	})
	p := &panel{url: "http://" + reachable(listener.Addr()) + "/", server: &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			looked()
			pages.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(h.log.Handler(), slog.LevelDebug),
	}}
	go func() { _ = p.server.Serve(listener) }() // ends with close
	h.log.Info("the page is open", "url", p.url)
	return p, nil
}

// reachable is where a browser on this machine finds a listener.
func reachable(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip, err := netip.ParseAddr(host); err == nil && (ip.IsUnspecified() || ip.IsLoopback()) {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// close lets pages under way finish for a moment.
func (p *panel) close() {
	if p == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if p.server.Shutdown(ctx) != nil {
		_ = p.server.Close()
	}
}

// proxies are the trusted ones as networks; they are checked when they are read.
func (c webConfig) proxies() []netip.Prefix {
	list := make([]netip.Prefix, 0, len(c.TrustedProxies))
	for _, s := range c.TrustedProxies {
		p, err := netip.ParsePrefix(s)
		if ip, isAddr := netip.ParseAddr(s); err != nil && isAddr == nil {
			p = netip.PrefixFrom(ip, ip.BitLen())
		}
		list = append(list, p.Masked())
	}
	return list
}
