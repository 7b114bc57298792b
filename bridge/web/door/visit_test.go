package door_test

import (
	"net/http"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/web/door"
)

func TestWhoComesIn(t *testing.T) {
	const base = "https://home.example.org/fitbit"
	proxies := []string{"10.0.0.2/32", "172.30.32.2/32"}
	says := func(pairs ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	forwarded, ingressPath := says("X-Forwarded-For", "203.0.113.1"), says("X-Ingress-Path", "/api/hassio_ingress/x")
	for name, c := range map[string]struct {
		password bool
		proxies  []string
		k        knock
		want     int
	}{
		"nothing: localhost":              {k: knock{peer: local, host: "localhost:8099"}, want: 200},
		"nothing: LOCALHOST":              {k: knock{peer: local, host: "LOCALHOST"}, want: 200},
		"nothing: 127.1.2.3":              {k: knock{peer: local, host: "127.1.2.3:1"}, want: 200},
		"nothing: [::1]":                  {k: knock{peer: "[::1]:1", host: "[::1]:8099"}, want: 200},
		"nothing: [::1] without a port":   {k: knock{peer: "[::1]:1", host: "[::1]"}, want: 200},
		"nothing: base_url":               {k: knock{peer: local, host: "home.example.org"}, want: 200},
		"nothing: the local network":      {k: knock{host: "localhost"}, want: 403},
		"nothing: rebound name":           {k: knock{peer: local, host: "evil.example:8099"}, want: 403},
		"nothing: looks local":            {k: knock{peer: local, host: "localhost.evil.example"}, want: 403},
		"nothing: looks like an address":  {k: knock{peer: local, host: "127.0.0.1.evil.example"}, want: 403},
		"nothing: address of the network": {k: knock{peer: local, host: "192.168.1.2:8099"}, want: 403},
		"nothing: X-Forwarded-For":        {k: knock{peer: local, host: "localhost", header: forwarded}, want: 403},
		"nothing: X-Forwarded-Proto":      {k: knock{peer: local, host: "localhost", header: says("X-Forwarded-Proto", "https")}, want: 403},
		"nothing: Forwarded":              {k: knock{peer: local, host: "localhost", header: says("Forwarded", "for=x")}, want: 403},
		"nothing: X-Real-IP":              {k: knock{peer: local, host: "localhost", header: says("X-Real-IP", "1.2.3.4")}, want: 403},
		"nothing: Via":                    {k: knock{peer: local, host: "localhost", header: says("Via", "1.1 x")}, want: 403},
		"nothing: HTTP/1.0":               {k: knock{peer: local, host: "127.0.0.1:8099", old: true}, want: 403},
		"nothing: X-Ingress-Path":         {k: knock{peer: ingress, host: "localhost", header: ingressPath}, want: 403},
		"nothing: Unix socket":            {k: knock{peer: "@", host: "localhost"}, want: 403},

		"proxies: one of them":            {proxies: proxies, k: knock{peer: proxy, header: forwarded}, want: 200},
		"proxies: ingress":                {proxies: proxies, k: knock{peer: ingress, header: ingressPath}, want: 200},
		"proxies: the local network":      {proxies: proxies, k: knock{}, want: 403},
		"proxies: claims to be proxied":   {proxies: proxies, k: knock{header: ingressPath}, want: 403},
		"proxies: this machine":           {proxies: proxies, k: knock{peer: local, host: "localhost:8099"}, want: 200},
		"proxies: rebound name":           {proxies: proxies, k: knock{peer: local, host: "evil.example"}, want: 403},
		"proxies: another proxy here":     {proxies: proxies, k: knock{peer: local, host: "localhost", header: forwarded}, want: 403},
		"proxies: HTTP/1.0 from here":     {proxies: proxies, k: knock{peer: local, host: "127.0.0.1:8099", old: true}, want: 403},
		"proxies: one of them, HTTP/1.0":  {proxies: proxies, k: knock{peer: proxy, host: "127.0.0.1:8099", old: true}, want: 200},
		"proxies: base_url unproxied":     {proxies: proxies, k: knock{peer: local, host: "home.example.org"}, want: 403},
		"proxy here: passes on":           {proxies: []string{"127.0.0.1/32"}, k: knock{peer: local, host: "any.example", header: forwarded}, want: 200},
		"proxy here: says nothing":        {proxies: []string{"127.0.0.1/32"}, k: knock{peer: local, host: "home.example.org"}, want: 200},
		"proxy here: speaks HTTP/1.0":     {proxies: []string{"127.0.0.1/32"}, k: knock{peer: local, host: "127.0.0.1:8099", old: true}, want: 200},
		"proxy here: rebound name":        {proxies: []string{"127.0.0.1/32"}, k: knock{peer: local, host: "evil.example"}, want: 403},
		"proxies: written as mapped IPv4": {proxies: []string{"::ffff:10.0.0.0/120"}, k: knock{peer: proxy, header: forwarded}, want: 200},

		"password: this machine":         {password: true, k: knock{peer: local, host: "localhost"}, want: 401},
		"password: ingress untrusted":    {password: true, k: knock{peer: ingress, header: ingressPath}, want: 401},
		"password: HTTP/1.0":             {password: true, k: knock{peer: local, host: "localhost", old: true}, want: 401},
		"both: proxy":                    {password: true, proxies: proxies, k: knock{peer: proxy, header: forwarded}, want: 401},
		"both: ingress":                  {password: true, proxies: proxies, k: knock{peer: ingress, header: ingressPath}, want: 200},
		"both: ingress in a network":     {password: true, proxies: []string{"172.30.32.0/23"}, k: knock{peer: ingress, header: ingressPath}, want: 200},
		"both: neighbour of ingress":     {password: true, proxies: []string{"172.30.32.0/23"}, k: knock{peer: "172.30.32.3:1", header: ingressPath}, want: 401},
		"both: ingress without its path": {password: true, proxies: proxies, k: knock{peer: ingress, header: forwarded}, want: 401},
		"both: ingress with an odd path": {password: true, proxies: proxies, k: knock{peer: ingress, header: says("X-Ingress-Path", "//evil.example")}, want: 401},
		"both: client sends X-Ingress-Path": {password: true, proxies: proxies, k: knock{
			peer:   proxy,
			header: says("X-Ingress-Path", "/api/hassio_ingress/x", "X-Forwarded-For", "172.30.32.2"),
		}, want: 401},
	} {
		o := door.Options{BaseURL: base, TrustedProxies: networks(c.proxies...)}
		if c.password {
			o.Password = hashed(t)
		}
		h := build(t, o)
		want(t, name, h.send(c.k), c.want)
		if (h.reached == 1) != (c.want == 200) {
			t.Errorf("%s: %d requests came through", name, h.reached)
		}
		c.k.path, c.k.header = "/healthz", map[string]string{}
		want(t, name+", health", h.send(c.k), http.StatusOK)
	}
}
