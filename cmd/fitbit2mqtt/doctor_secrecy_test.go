package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// What the doctor says may be shown to anybody, in every form and whatever is wrong: no
// token, secret, password, id of a person, weight or zone.
func TestDoctorKeepsSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.completePerson(t, "anna")
	way := w.listenIn(t)
	broker := ownBroker(t)
	config := w.settle(broker, freeAddr(t))
	o := observe(t, broker)
	w.atHome(t, config, o, "anna").end()
	way.hold("user", anna.User())
	way.hold("client_secret", clientSecret)
	for i := range 7 {
		way.hold("weight", fmt.Sprintf("%.2f", 80-float64(i)/3))
	}
	way.hold("zone", midday(t).String())
	for _, word := range []string{"page-password", "broker-password", "query-token", "store-key"} {
		way.hold("password", word)
	}
	said := 0
	look := func(what string, extra ...string) {
		t.Helper()
		for _, format := range []string{"text", "json"} {
			for _, more := range [][]string{nil, {"--offline"}, {"--log-level", "debug"}} {
				args := append([]string{"doctor", "--format", format, "--config", config}, append(more, extra...)...)
				r := invoke(t, args...)
				if r.out == "" {
					t.Errorf("%s: %+v", what, r)
				}
				way.unspoken(what+": stdout", r.out)
				way.unspoken(what+": stderr", r.err)
				said++
			}
		}
	}
	look("all is well")
	for _, f := range []fakecloud.Fault{
		{Kind: fakecloud.Garbage},
		{Kind: fakecloud.Forbidden, Reason: "SERVICE_DISABLED"},
		{Kind: fakecloud.DropReply},
		{Kind: fakecloud.Unauthorized, Path: "/v4/"},
		{Kind: fakecloud.HTML},
	} {
		stop := w.cloud.Fail(f)
		look(string(f.Kind))
		stop()
	}
	way.refuse(1000)
	stop := w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Unauthorized, Path: "/v4/"})
	look("the cloud quotes requests")
	stop()
	way.refuse(0)
	anna.Revoke()
	look("revoked")
	edit(t, config, func(b []byte) []byte {
		b = bytes.Replace(b, []byte("web: {"), []byte("web: {password: page-password, "), 1)
		b = bytes.Replace(b, []byte("url: \"mqtt://"), []byte("url: \"mqtt://somebody:broker-password@"), 1)
		return append(b, "store: {key: store-key}\n"...)
	})
	look("with passwords")
	look("at a broker with a token", "--mqtt-url", "ws://"+strings.TrimPrefix(broker, "mqtt://")+"/mqtt?token=query-token")
	look("at a broker that is none", "--mqtt-url", "mqtt://somebody:broker-password@nowhere:port/x")
	if way.count("access_token") == 0 || way.count("refresh_token") == 0 || said != 66 {
		t.Errorf("%d looks: this test proves nothing", said)
	}
}
