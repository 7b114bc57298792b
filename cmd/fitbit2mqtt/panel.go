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
)

// firstLook is how long the first page waits for the bridge.
const firstLook = 5 * time.Second

// knockAgain is how soon a page's address that is in use is tried again.
const knockAgain = 2 * time.Second

// panel is the page for people, being served.
type panel struct {
	server *http.Server
	url    string // where it is found on this machine
	stop   context.CancelFunc
	done   chan struct{} // closed when nothing is served any more
}

// openPanel serves the page; nil if it is turned off.
func (h *house) openPanel(ctx context.Context, b *bridge.Bridge, broker *broker) (*panel, error) {
	c := h.config.Web
	if c.Listen == off {
		return nil, nil //nolint:nilnil // no page is no error
	}
	pages, err := web.New(web.Options{
		Bridge: b, Accounts: h.tokens, History: h.history, Desk: h.desk,
		Broker: broker.client, BrokerURL: broker.name(), Version: buildVersion().Version,
		Password: c.Password, TrustedProxies: c.proxies(), Ingress: c.Ingress, BaseURL: c.BaseURL, Sealed: h.config.StoreKey != "", Log: h.log,
	})
	if err != nil {
		return nil, &configError{problems: lines("", err)}
	}
	// Whoever came before the bridge has had its first look would be told that nobody is connected.
	looked := sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(ctx, firstLook)
		defer cancel()
		b.Sync(ctx)
	})
	p := &panel{done: make(chan struct{}), server: &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			looked()
			pages.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(h.log.Handler(), slog.LevelDebug),
	}}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	busy := errors.Is(err, syscall.EADDRINUSE)
	if err != nil && !busy {
		return nil, fail(exitConfig, "set web.listen to an address of this machine, or to \"off\"", "the page: %w", err)
	}
	if busy { // a sign-in at a terminal waits there, perhaps; weigh-ins do not wait for that
		h.log.Warn("the page cannot open yet", "error", "something else listens at "+c.Listen,
			"hint", "it opens as soon as that has ended; or set web.listen to another address, or to \"off\"")
	}
	if !busy {
		p.url = "http://" + reachable(listener.Addr()) + "/"
	}
	ctx, p.stop = context.WithCancel(ctx)
	go func() {
		defer close(p.done)
		if busy {
			if listener = await(ctx, c.Listen); listener == nil {
				return
			}
		}
		h.log.Info("the page is open", "url", "http://"+reachable(listener.Addr())+"/")
		_ = p.server.Serve(listener) // ends with close
	}()
	return p, nil
}

// await listens as soon as the address is free; nil if ctx ends before that.
func await(ctx context.Context, address string) net.Listener {
	knock := time.NewTicker(knockAgain)
	defer knock.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-knock.C:
		}
		if l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address); err == nil {
			return l
		}
	}
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
	p.stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if p.server.Shutdown(ctx) != nil {
		_ = p.server.Close()
	}
	<-p.done
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
