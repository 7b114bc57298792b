package door_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/web/door"
)

// In an app of Home Assistant the page is for its Supervisor, wherever that is, and for
// nobody else on the network that all apps share.
func TestApp(t *testing.T) {
	t.Parallel()
	const supervisor = "172.16.0.9"
	path := map[string]string{"X-Ingress-Path": "/api/hassio_ingress/x", "X-Remote-User-Name": "paula", "X-Forwarded-For": supervisor}
	for name, c := range map[string]struct {
		password bool
		k        knock
		want     int
	}{
		"the Supervisor":                     {k: knock{peer: supervisor + ":1", header: path}, want: 200},
		"the Supervisor, with a password":    {password: true, k: knock{peer: supervisor + ":1", header: path}, want: 200},
		"where it usually is":                {k: knock{peer: ingress, header: path}, want: 403},
		"another app":                        {k: knock{peer: "172.16.0.10:1", host: "172.16.0.11:8099"}, want: 403},
		"another app, with its headers":      {k: knock{peer: "172.16.0.10:1", header: path}, want: 403},
		"another app, where a password is":   {password: true, k: knock{peer: "172.16.0.10:1", header: path}, want: 401},
		"the network, through an open port":  {k: knock{}, want: 403},
		"this machine, with its headers":     {k: knock{peer: local, host: "localhost:8099", header: path}, want: 403},
		"this machine":                       {k: knock{peer: local, host: "localhost:8099"}, want: 200},
		"the Supervisor without its headers": {password: true, k: knock{peer: supervisor + ":1"}, want: 401},
	} {
		o := door.Options{TrustedProxies: networks(supervisor + "/32"), Ingress: netip.MustParseAddr(supervisor)}
		if c.password {
			o.Password = hashed(t)
		}
		var text string
		o.Refuse = func(w http.ResponseWriter, _ *http.Request, status int, said string) {
			text = said
			w.WriteHeader(status)
		}
		h := build(t, o)
		want(t, name, h.send(c.k), c.want)
		if (h.reached == 1) != (c.want == 200) || (c.want == 403) != strings.Contains(text, "inside Home Assistant only") {
			t.Errorf("%s: %d requests came through; %q", name, h.reached, text)
		}
	}
}

// Many people use one Home Assistant: the log says who has sent a form, as its
// Supervisor says, and believes nobody else.
func TestRemoteUser(t *testing.T) {
	t.Parallel()
	says := func(name, value string) map[string]string {
		return map[string]string{"X-Ingress-Path": "/api/hassio_ingress/x", name: value}
	}
	for name, c := range map[string]struct {
		k    knock
		want string // in the log; empty: nothing
	}{
		"a form":         {knock{peer: ingress, path: "/people/anna/remove", form: "sure=yes", header: says("X-Remote-User-Name", "paula")}, "user=paula form=/people/anna/remove"},
		"a sign-in":      {knock{peer: ingress, path: "/sign-in/4711", form: "address=x", header: says("X-Remote-User-Display-Name", "Paula P.")}, `user="Paula P." form=/sign-in`},
		"only an id":     {knock{peer: ingress, path: "/connect", form: "name=x", header: says("X-Remote-User-Id", "c0ffee")}, "user=c0ffee form=/connect"},
		"broken lines":   {knock{peer: ingress, path: "/connect", form: "name=x", header: says("X-Remote-User-Name", "a\nlevel=ERROR"+strings.Repeat("b", 100))}, `user="a\nlevel=ERRORb`},
		"only looking":   {knock{peer: ingress, path: "/people/anna", header: says("X-Remote-User-Name", "paula")}, ""},
		"somebody else":  {knock{peer: proxy, path: "/connect", form: "name=x", header: says("X-Remote-User-Name", "paula")}, ""},
		"nobody is said": {knock{peer: ingress, path: "/connect", form: "name=x", header: says("X-Other", "paula")}, ""},
	} {
		h := build(t, door.Options{TrustedProxies: networks("10.0.0.2/32", "172.30.32.2/32")})
		want(t, name, h.send(c.k), http.StatusOK)
		log := h.log.String()
		if (c.want == "") != !strings.Contains(log, "user=") || !strings.Contains(log, c.want) || strings.Contains(log, strings.Repeat("b", 80)) {
			t.Errorf("%s: the log says %q", name, log)
		}
	}
}
