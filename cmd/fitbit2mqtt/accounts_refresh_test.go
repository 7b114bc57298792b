package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// refreshes counts what was spent of a person's sign-in.
func (w *world) refreshes(person string) (n int) {
	for _, r := range w.cloud.Requests() {
		if r.Grant == "refresh_token" && r.Person == person && r.Status == 200 {
			n++
		}
	}
	return n
}

// A token is renewed on demand, at either cloud and beside a bridge, which goes on with
// the new one.
func TestAccountsRefresh(t *testing.T) {
	t.Parallel()
	for _, b := range backends() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "anna", "ben")
			w.backend = b.name
			broker := ownBroker(t)
			config := w.config(broker)
			for _, name := range []string{"anna", "ben"} {
				w.cloud.Person(name).WeighIn(time.Now().Add(-time.Hour), 80, 25)
				if r := w.connect(config, name); r.code != exitOK {
					t.Fatalf("%+v", r)
				}
			}
			o := observe(t, broker)
			bridge := begin(t, "run", "--config", config)
			o.heard("fitbit2mqtt/anna/body", `"weight_kg":80`)
			works := regexp.MustCompile(`^anna: the token works until 20\d\d-\d\d-\d\d \d\d:\d\d \([+-]\d\d:\d\d\)\n$`)
			for n := range 2 {
				r := invoke(t, "accounts", "refresh", "anna", "--config", config)
				if r.code != exitOK || !works.MatchString(r.out) || r.err != "" || w.refreshes("anna") != n+1 {
					t.Errorf("after %d refreshes: %+v", w.refreshes("anna"), r)
				}
				w.secretless(r.out, r.err)
			}
			r := invoke(t, "accounts", "refresh", "--format", "json", "--config", config)
			var rows []refreshRow
			if err := json.Unmarshal([]byte(r.out), &rows); err != nil || r.code != exitOK || len(rows) != 2 || w.refreshes("ben") != 1 {
				t.Fatalf("%v: %+v", err, r)
			}
			for _, row := range rows {
				ends, err := time.Parse(time.RFC3339, *row.TokenWorksUntil)
				if err != nil || time.Until(ends) < 50*time.Minute || row.State != "ok" || row.Backend != b.name || row.Hint != nil {
					t.Errorf("%v: %+v", err, row)
				}
			}
			w.cloud.Person("anna").WeighIn(time.Now(), 79.5, 25)
			o.publish("fitbit2mqtt/anna/command/poll", "", false)
			o.heard("fitbit2mqtt/anna/weigh_in", `"weight_kg":79.5`)
			if r := bridge.end(); r.code != exitOK {
				t.Errorf("%+v", r)
			}
		})
	}
}

// How a sign-in in test mode ends is said as well.
func TestAccountsRefreshInTestMode(t *testing.T) {
	t.Parallel()
	redirect := "http://" + freeAddr(t) + "/oauth/callback"
	w := newWorldWith(t, []fakecloud.App{{ClientID: clientID, ClientSecret: clientSecret, RedirectURLs: []string{redirect}, Testing: true}}, "anna")
	config := w.config("")
	if r := invoke(t, "accounts", "refresh", "--config", config); r.code != exitOK || !strings.Contains(r.out, "Nobody is connected yet") {
		t.Errorf("%+v", r)
	}
	if r := w.connect(config, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	r := invoke(t, "accounts", "refresh", "--config", config)
	if r.code != exitOK || !strings.Contains(r.out, "; the sign-in ends by itself on 20") || !strings.Contains(r.out, "test mode\n") {
		t.Errorf("%+v", r)
	}
}

// What keeps a token from being renewed: one Error line, one Try line, the exit code of
// whoever can mend it, and no request for what is known.
func TestAccountsRefreshFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna", "ben")
	config := w.config("")
	for _, name := range []string{"anna", "ben"} {
		if r := w.connect(config, name); r.code != exitOK {
			t.Fatalf("%+v", r)
		}
	}
	var said strings.Builder
	try := func(name string, code int, args ...string) {
		t.Helper()
		r := invoke(t, append([]string{"accounts", "refresh", "--config", config}, args...)...)
		_, text, _ := strings.Cut("\n"+r.err, "\nError: ") // the log says it before
		text = "Error: " + text
		if r.code != code || strings.Count(text, "Error: ") != 1 || strings.Count(text, "Try: ") != 1 {
			t.Errorf("%s: exit %d, want %d: %s", name, r.code, code, r.err)
		}
		w.secretless(r.out, r.err)
		fmt.Fprintf(&said, "%s:\n%s%s\n", name, regexp.MustCompile(`20\d\d-\S+ \S+ \S+\)`).ReplaceAllString(r.out, "TIME"), text)
	}
	stop := w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.ServerError, Path: "/token"})
	try("cloud away", exitAway, "anna")
	try("cloud away for everybody", exitAway)
	stop()
	w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.ServerError, Path: "/identity", Times: 1})
	try("new token not proven", exitAway, "ben")
	w.cloud.Person("anna").Revoke()
	try("revoked", exitCloud, "anna")
	asked := len(w.cloud.Requests())
	try("known to be revoked", exitCloud, "anna")
	if n := len(w.cloud.Requests()); n != asked {
		t.Errorf("%d requests for what is known", n-asked)
	}
	try("one of two", exitCloud)
	w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.ServerError, Path: "/token", Times: 1})
	try("both, for different reasons", exitCloud)
	try("nobody of that name", exitUsage, "carla")
	golden(t, "testdata/refresh.txt", said.String())

	r := invoke(t, "accounts", "refresh", "--format", "json", "--config", config)
	var rows []refreshRow
	if err := json.Unmarshal([]byte(r.out), &rows); err != nil || len(rows) != 2 || r.code != exitCloud {
		t.Fatalf("%v: %+v", err, r)
	}
	if a := rows[0]; a.State != "signin_required" || a.TokenWorksUntil != nil || a.Hint == nil || rows[1].State != "ok" {
		t.Errorf("%+v", rows)
	}
}

// A cloud that has been turned off is told of with the way out.
func TestAccountsRefreshAtARetiredCloud(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	w.backend = "fitbit"
	config := w.config("")
	if r := w.connect(config, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	w.cloud.RetireFitbit()
	r := invoke(t, "accounts", "refresh", "anna", "--config", config)
	if r.code != exitCloud || !strings.Contains(r.err, "source retired") || !strings.Contains(r.err, "connect anna --backend google") {
		t.Errorf("%+v", r)
	}
}
