package door

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

const (
	textProxy = "A proxy stands in front of this page, and nothing protects the page. Set web.password, " +
		"or name the proxy in web.trusted_proxies if it asks for a sign-in itself."
	textMachine = "This page is open to the machine it runs on only. Set web.password to open it to others."
	textProxies = "This page is open to the proxies in web.trusted_proxies only. Come through one of them, " +
		"or set web.password."
	textApp = "This page is open inside Home Assistant only. Open it there, or give it a password in the app's " +
		"configuration."
	textName = "This page does not answer to the name it was asked for. Use localhost, or set web.base_url " +
		"to the address that people use."
)

// hopLimit is far more proxies than stand in a row anywhere.
const hopLimit = 32

// visit is what is known about a request before anybody decides about it.
type visit struct {
	peer    netip.Addr   // the other end of the connection; invalid on a Unix socket
	from    netip.Prefix // whom guesses are counted against
	trusted bool         // the peer is a trusted proxy
	proxied bool         // somebody passed the request on
	ingress bool         // Home Assistant has asked for a sign-in
	https   bool         // as far as anybody can tell
	host    string       // as the browser wrote it
	prefix  string       // of the path, as the browser sees it
}

// look reads a request. Headers that a client can write itself count only from a trusted peer.
func (d *Door) look(r *http.Request) visit {
	v := visit{peer: parsePeer(r.RemoteAddr), host: r.Host, https: r.TLS != nil}
	v.proxied = PassedOn(r)
	v.trusted = slices.ContainsFunc(d.proxies, func(p netip.Prefix) bool { return p.Contains(v.peer) })
	v.from = neighbours(v.peer)
	if v.trusted {
		v.from = neighbours(d.client(v.peer, r.Header.Values("X-Forwarded-For")))
		if host := first(r.Header, "X-Forwarded-Host"); host != "" {
			v.host = host
		}
		v.https = v.https || strings.EqualFold(first(r.Header, "X-Forwarded-Proto"), "https")
		ingress, ok := cleanPrefix(first(r.Header, "X-Ingress-Path"))
		// The Supervisor overwrites the header.
		v.ingress = ok && ingress != "" && v.peer == d.ingress
		if v.prefix = ingress; v.prefix == "" {
			v.prefix, _ = cleanPrefix(first(r.Header, "X-Forwarded-Prefix"))
		}
	}
	atBase := d.atBase(v.host)
	v.https = v.https || atBase && d.base.Scheme == "https"
	if v.prefix == "" && (atBase || below(r.URL.Path, d.prefix)) {
		v.prefix = d.prefix
	}
	return v
}

// stranger tells why somebody is not even asked for a password; empty: nobody is.
func (d *Door) stranger(v visit) string {
	local := v.peer.IsLoopback()
	switch {
	case d.lock != nil:
		return ""
	case v.trusted && (v.proxied || !local):
		// On this machine a browser has the proxy's address; what tells them apart is proxied.
		return ""
	case d.inApp && (v.proxied || !local):
		return textApp
	case v.proxied:
		return textProxy
	case !local && len(d.proxies) > 0:
		return textProxies
	case !local:
		return textMachine
	case ownName(v.host) || d.atBase(v.host) && (len(d.proxies) == 0 || v.trusted):
		return ""
	default:
		// A name that somebody else made point to this machine: a page of theirs, open
		// in a browser here, could read ours.
		return textName
	}
}

// client is the nearest address in X-Forwarded-For that is no trusted proxy: what stands
// to the left of it could have been written by anybody.
func (d *Door) client(peer netip.Addr, headers []string) netip.Addr {
	nearest := peer
	rest := strings.Join(headers, ",")
	for range hopLimit {
		comma := strings.LastIndexByte(rest, ',')
		hop, ok := parseHop(strings.TrimSpace(rest[comma+1:]))
		if !ok {
			break
		}
		nearest = hop
		if comma < 0 || !slices.ContainsFunc(d.proxies, func(p netip.Prefix) bool { return p.Contains(hop) }) {
			break
		}
		rest = rest[:comma]
	}
	return nearest
}

// parseHop reads an address as proxies write it: bare, in brackets, with a port.
func parseHop(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")); err == nil {
		return a.Unmap().WithZone(""), true
	}
	a := parsePeer(s)
	return a, a.IsValid()
}

func parsePeer(s string) netip.Addr {
	a, _ := netip.ParseAddrPort(s)
	return a.Addr().Unmap().WithZone("")
}

// neighbours are the addresses that count as one client: a household has a /64 of IPv6.
func neighbours(a netip.Addr) netip.Prefix {
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return p
}

// first is the value that the proxy nearest to the browser wrote. Who sends such a
// header through a proxy deceives only themselves: no page can make a browser do it.
func first(h http.Header, name string) string {
	s, _, _ := strings.Cut(h.Get(name), ",")
	return strings.TrimSpace(s)
}

// PassedOn reports whether a proxy has passed a request on, so that its Host may not be
// what the browser asked for: a header says so, or the request is of HTTP/1.0. That is
// what nginx speaks to what is behind it unless it is told otherwise, without any header
// and with a Host of its own; no browser speaks it.
func PassedOn(r *http.Request) bool {
	if !r.ProtoAtLeast(1, 1) {
		return true
	}
	for name := range r.Header {
		switch name {
		case "Forwarded", "Via", "X-Real-Ip", "X-Ingress-Path":
			return true
		}
		if strings.HasPrefix(name, "X-Forwarded-") {
			return true
		}
	}
	return false
}

func (d *Door) atBase(host string) bool {
	return d.base.Host != "" && strings.EqualFold(hostname(host), d.base.Hostname())
}

// ownName reports whether a Host header is a name of this machine that nobody else can
// make point elsewhere.
func ownName(host string) bool {
	name := strings.ToLower(hostname(host))
	return Loopback(name) && !strings.Contains(name, "%") // a zone, which no browser sends
}

// Loopback reports whether a host, without port and brackets, is the machine that asks
// for it: what is sent there stays there.
func Loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

func hostname(host string) string { return (&url.URL{Host: host}).Hostname() }
