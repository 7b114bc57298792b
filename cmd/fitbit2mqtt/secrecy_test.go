package main

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// Nothing that opens an account shows anywhere, with everything logged, while the
// cloud renews, refuses, takes the sign-in back, and quotes requests in its errors.
func TestNothingSecretShows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna", "ben")
	way := w.listenIn(t)
	broker := ownBroker(t)
	config := w.config(broker)
	anna := w.cloud.Person("anna")
	o := observe(t, broker)
	var said []result
	must := func(r result, code int) {
		t.Helper()
		said = append(said, r)
		if r.code != code {
			t.Errorf("%+v", r)
		}
	}
	debug := []string{"--log-level", "debug"}
	anna.WeighIn(time.Now().Add(-time.Hour), 80, 25)
	must(w.connectAs(config, "anna", fakecloud.Answer{Person: "anna"}, debug...), exitOK)
	way.refuse(3) // one sign-in, however often it asks
	must(w.connectAs(config, "ben", fakecloud.Answer{Person: "ben"}, debug...), exitAway)
	way.refuse(0)
	must(w.connectElsewhere(way, config, debug...), exitOK)

	bridge := begin(t, append([]string{"run", "--config", config}, debug...)...)
	o.heard("fitbit2mqtt/anna/connection", `"state":"ok"`)
	stop := w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Unauthorized, Path: "/dataTypes/weight/", Every: 2})
	renewed := way.count("access_token") + 2
	for way.count("access_token") < renewed {
		w.waitForPoll(1)
	}
	stop()
	way.refuse(1000)
	stop = w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Unauthorized, Path: "/dataTypes/weight/"})
	o.publish("fitbit2mqtt/anna/command/poll", "PRESS", false) // a poll in between may have met one fault after the other
	o.heard("fitbit2mqtt/anna/connection", `"state":"cloud_unavailable"`)
	must(invoke(t, "accounts", "list", "--config", config), exitOK)
	way.refuse(0)
	stop()
	o.publish("fitbit2mqtt/anna/command/poll", "PRESS", false)
	o.heard("fitbit2mqtt/anna/connection", `"state":"ok"`)
	anna.Revoke()
	o.publish("fitbit2mqtt/anna/command/poll", "PRESS", false)
	o.heard("fitbit2mqtt/anna/connection", `"state":"signin_required"`)
	must(invoke(t, "accounts", "list", "--format", "json", "--config", config), exitOK)
	must(bridge.end(), exitOK)

	for _, kind := range []string{"access_token", "refresh_token", "code", "code_verifier", "client_secret"} {
		if way.count(kind) == 0 {
			t.Errorf("no %s has passed: this test proves nothing about it", kind)
		}
	}
	for _, name := range []string{"anna", "ben"} {
		way.hold("healthUserId", w.cloud.Person(name).User())
	}
	for i, r := range said {
		way.unspoken(fmt.Sprintf("stdout of command %d", i+1), r.out)
		way.unspoken(fmt.Sprintf("stderr of command %d", i+1), r.err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range o.log {
		way.unspoken(m.Topic, m.Topic+" "+string(m.Payload))
	}
}

// connectElsewhere pastes the address of another sign-in, with a code in it.
func (w *world) connectElsewhere(way *tap, config string, extra ...string) result {
	w.t.Helper()
	c := begin(w.t, append([]string{"connect", "ben", "--config", config}, extra...)...)
	address, err := url.Parse(strings.Fields(c.waitFor("http"))[0])
	if err != nil {
		w.t.Fatal(err)
	}
	q := address.Query()
	q.Set("state", "somebody-elses")
	address.RawQuery = q.Encode()
	back, err := w.cloud.Consent(w.t.Context(), address.String(), fakecloud.Answer{Person: "ben"})
	if err != nil {
		w.t.Fatalf("consent: %v", err)
	}
	way.hold("code", back.Query().Get("code"))
	c.paste(back.String() + "\n")
	c.waitFor("belongs to another sign-in") // and it goes on waiting for its own
	return c.end()
}
