package main

import (
	"html"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// Every kind of app that the legacy cloud has, from the terminal (pasted and caught)
// and from the page: people sign in, and their tokens are renewed.
func TestAppsOfAllKinds(t *testing.T) {
	t.Parallel()
	for name, app := range map[string]fakecloud.App{
		"personal":                {Kind: fakecloud.PersonalApp, ClientSecret: clientSecret},
		"personal without secret": {Kind: fakecloud.PersonalApp},
		"server":                  {Kind: fakecloud.ServerApp, ClientSecret: clientSecret},
		"client":                  {Kind: fakecloud.ClientApp},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app.ClientID, app.RedirectURLs = clientID, []string{"http://" + freeAddr(t) + "/"} // as those apps had it: no path but the slash
			w := newWorldWith(t, []fakecloud.App{app}, "anna", "ben", "carla")
			w.backend = "fitbit"
			for _, person := range []string{"anna", "ben", "carla"} {
				w.cloud.Person(person).WeighIn(time.Now().Add(-time.Hour), 61.5, 30)
			}
			broker := ownBroker(t)
			config := w.config(broker)
			if r := w.connect(config, "anna"); r.code != exitOK { // pasted
				t.Fatalf("%+v", r)
			}

			caught := begin(t, "connect", "ben", "--backend", "fitbit", "--config", config)
			address := strings.TrimSpace(caught.waitFor("http"))
			caught.waitFor("Waiting for the browser")
			res, err := http.Get(strings.TrimSuffix(w.redirect, "/") + "/" + w.comeBack(address, fakecloud.Answer{Person: "ben"})) //nolint:forbidigo // the test is the browser
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if r := caught.wait(); r.code != exitOK {
				t.Fatalf("%+v", r)
			}

			v := visit(t, w.withPageAt(config, freeAddr(t))) // elsewhere than where browsers come back to
			bridge := begin(t, "run", "--config", config)
			v.open()
			end, body := v.post("connect", map[string][]string{"name": {"carla"}, "cloud": {"fitbit"}, "client": {clientID}})
			if !strings.HasPrefix(end, "sign-in/") {
				t.Fatalf("connecting leads to %q:\n%s", end, body)
			}
			_, link, _ := strings.Cut(body, `href="`+w.server.URL)
			link, _, _ = strings.Cut(link, `"`)
			back := w.comeBack(html.UnescapeString(link), fakecloud.Answer{Person: "carla"})
			if _, body := v.post(end, map[string][]string{"address": {w.redirect + back}}); !strings.Contains(body, "Carla is connected") {
				t.Errorf("pasting leads to:\n%s", body)
			}

			o := observe(t, broker)
			for _, person := range []string{"anna", "ben", "carla"} {
				o.heard("fitbit2mqtt/"+person+"/body", `"weight_kg":61.5`)
				o.heard("fitbit2mqtt/"+person+"/connection", `"state":"ok"`)
			}
			w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Unauthorized, Path: "/1/user/", Times: 1}) // renewed
			w.waitForPoll(3)
			o.heard("fitbit2mqtt/anna/connection", `"state":"ok"`)
			r := bridge.end()
			if r.code != exitOK {
				t.Errorf("%+v", r)
			}
			w.secretless(r.out, r.err)
		})
	}
}
