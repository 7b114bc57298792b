package signin_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

const hour = time.Hour

// server is a request of somebody who enters the old cloud's client with a secret.
func server(name string) signin.Request {
	return signin.Request{Name: name, Backend: "old", Client: oldServer, Secret: secretOf(oldServer)}
}

// inOld signs somebody in at the old cloud, who must succeed.
func (l *lab) inOld(r signin.Request, user string) signin.Outcome {
	l.Helper()
	s := l.begin(r)
	o, err := l.desk.Finish(l.Context(), l.old.allow(s, user), s.State)
	if err != nil {
		l.Fatalf("sign in: %v", err)
	}
	return o
}

// formerOf is the id by which the cloud before knew a person of the fake one.
func (l *lab) formerOf(person string) string {
	l.Helper()
	l.in(signin.Request{Name: "probe"}, fakecloud.Answer{Person: person})
	former := l.account("probe").Former
	if _, _, err := l.desk.Remove(l.Context(), "probe"); err != nil || former == "" {
		l.Fatalf("former id %q (%v)", former, err)
	}
	l.secret(former)
	return former
}

// TestTwoClouds: everybody is renewed, asked about and signed out at their own one.
func TestTwoClouds(t *testing.T) {
	l := newLab(t)
	l.in(signin.Request{Name: "anna"}, fakecloud.Answer{Person: "anna"})
	s := l.begin(server("ben"))
	if s.Backend != "old" || s.Client != oldServer || !strings.HasPrefix(s.URL, "https://old.example/") {
		t.Errorf("started: %+v", s)
	}
	o, err := l.desk.Finish(t.Context(), l.old.allow(s, "user-ben"), "")
	if err != nil || o.Backend != "old" || !slices.Equal(o.Missing, []fitbit.Metric{fitbit.HRV}) {
		t.Errorf("outcome is %+v (%v)", o, err)
	}
	if p, err := l.another().Progress(t.Context(), s.ID); err != nil || p.Backend != "old" || p.Outcome == nil || p.Outcome.Backend != "old" {
		t.Errorf("another desk says %+v (%v)", p, err)
	}
	if !strings.Contains(l.log.String(), `msg="signed in" account=ben backend=old`) {
		t.Errorf("the log does not say where:\n%s", l.log)
	}
	if a, b := l.account("anna"), l.account("ben"); a.Backend != "google" || b.Backend != "old" || b.Person != "old:user-ben" || b.Client != oldServer {
		t.Errorf("accounts are %+v, %+v", a, b)
	}
	l.clock.Advance(9 * hour) // access tokens are no good any more
	for _, name := range []string{"anna", "ben"} {
		if err := l.poll(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if again := l.begin(signin.Request{Name: "ben"}); again.Backend != "old" || again.Client != oldServer {
		t.Errorf("again: %+v", again)
	}
	if told, err := l.desk.Disconnect(t.Context(), "ben"); err != nil || !told || l.old.asked("revoke") != 1 {
		t.Errorf("told %t (%v), %d requests", told, err, l.old.asked("revoke"))
	}
	if got := l.desk.ConsentOrigins(); !slices.Equal(got, []string{l.url, "https://old.example"}) {
		t.Errorf("origins are %v", got)
	}
}

// TestClientsOfTwoClouds: each cloud has its own, and an account's own one counts
// there only.
func TestClientsOfTwoClouds(t *testing.T) {
	l := newLab(t)
	l.saved(stored, secretOf(stored))
	l.in(signin.Request{Name: "anna", Client: stored}, fakecloud.Answer{Person: "anna"})
	offered := func(want ...string) {
		t.Helper()
		if got, err := l.desk.Offered(t.Context()); err != nil || !slices.Equal(got, want) {
			t.Errorf("offered are %v (%v), want %v", got, err, want)
		}
	}
	offered("google")
	l.configureOld(func(c *signin.Cloud) { c.ClientID = oldPublic })
	offered("google", "old")
	namesake := tokenstore.Client{Backend: "old", ID: stored} // of anna's, at another cloud
	if err := l.store.SaveClient(t.Context(), namesake); err != nil {
		t.Fatal(err)
	}
	if s := l.begin(signin.Request{Name: "anna", Backend: "old"}); s.Client != oldPublic {
		t.Errorf("started with %s", s.Client)
	}
	if err := l.desk.ForgetClient(t.Context(), "old", stored); err != nil {
		t.Error(err)
	}
	l.configureOld(func(c *signin.Cloud) { c.ClientID = "" })
	offered("google")
	l.inOld(signin.Request{Name: "ben", Backend: "old", Client: oldPublic, Public: true}, "user-ben")
	l.begin(server("carl"))
	offered("google", "old")
	for backend, want := range map[string][]signin.KnownClient{
		"google": {{ID: configured, Configured: true}, {ID: stored}},
		"old":    {{ID: oldServer}, {ID: oldPublic}},
	} {
		if got, err := l.desk.Clients(t.Context(), backend); err != nil || !slices.Equal(got, want) {
			t.Errorf("clients of %s are %v (%v), want %v", backend, got, err, want)
		}
	}
	if _, err := l.desk.Clients(t.Context(), "elsewhere"); !errors.Is(err, fitbit.ErrSetup) {
		t.Errorf("clients of no cloud: %v", err)
	}
	if err := l.desk.ForgetClient(t.Context(), "old", oldPublic); !errors.Is(err, tokenstore.ErrClientInUse) {
		t.Errorf("in use: %v", err)
	}
	if err := l.desk.ForgetClient(t.Context(), "google", oldServer); !errors.Is(err, tokenstore.ErrNoClient) {
		t.Errorf("another cloud's: %v", err)
	}
	for _, id := range []string{oldServer, oldPublic} { // ben is connected there all the same
		_ = l.desk.ForgetClient(t.Context(), "old", id)
	}
	offered("google", "old")
}

// TestWithoutASecret: an app of the old cloud may have none, configured or entered.
func TestWithoutASecret(t *testing.T) {
	l := newLab(t)
	public := signin.Request{Name: "anna", Backend: "old", Client: oldPublic, Public: true}
	l.inOld(public, "user-anna")
	if a := l.account("anna"); a.Client != oldPublic {
		t.Errorf("client is %s", a.Client)
	}
	l.clock.Advance(9 * hour)
	if err := l.poll("anna"); err != nil {
		t.Error(err)
	}
	l.inOld(signin.Request{Name: "anna"}, "user-anna") // again, as it is stored
	if _, _, err := l.desk.Remove(t.Context(), "anna"); err != nil {
		t.Fatal(err)
	}
	if err := l.desk.ForgetClient(t.Context(), "old", oldPublic); err != nil {
		t.Fatal(err)
	}
	l.configureOld(func(c *signin.Cloud) { c.ClientID = oldPublic })
	l.inOld(signin.Request{Name: "anna", Backend: "old"}, "user-anna")
	l.clock.Advance(9 * hour)
	if err := l.poll("anna"); err != nil {
		t.Error(err)
	}
}

// TestASecretThatComesAndGoes: what is stored is replaced only by what has proven good.
func TestASecretThatComesAndGoes(t *testing.T) {
	l := newLab(t)
	wrong := func(id, secret string) signin.Request {
		l.secret(secret)
		return signin.Request{Name: "anna", Backend: "old", Client: id, Secret: secret, Public: secret == ""}
	}
	kept := func(id, want string) {
		t.Helper()
		if c, err := l.store.Client(t.Context(), "old", id); err != nil || c.Secret != want {
			t.Errorf("another secret of %s is stored (%v)", id, err)
		}
	}
	l.inOld(server("anna"), "user-anna")
	l.inOld(signin.Request{Name: "ben", Backend: "old", Client: oldPublic, Public: true}, "user-ben")
	for id, r := range map[string]signin.Request{oldServer: wrong(oldServer, ""), oldPublic: wrong(oldPublic, "GOCSPX-needless")} {
		s := l.begin(r)
		_, err := l.desk.Finish(t.Context(), l.old.allow(s, "user-anna"), "")
		if trouble, ok := errors.AsType[*signin.Trouble](err); !ok || trouble.Reason != "invalid_client" {
			t.Errorf("%s: %v", id, err)
		}
	}
	kept(oldServer, secretOf(oldServer))
	kept(oldPublic, "")
	// Each the other way round: stored wrongly, entered rightly.
	if err := l.store.SaveClient(t.Context(), tokenstore.Client{Backend: "old", ID: oldServer}); err != nil {
		t.Fatal(err)
	}
	if err := l.store.SaveClient(t.Context(), tokenstore.Client{Backend: "old", ID: oldPublic, Secret: "GOCSPX-needless"}); err != nil {
		t.Fatal(err)
	}
	l.inOld(server("anna"), "user-anna")
	l.inOld(signin.Request{Name: "ben", Client: oldPublic, Public: true}, "user-ben")
	kept(oldServer, secretOf(oldServer))
	kept(oldPublic, "")
}

// TestARetiredCloud: it is asked no more, nor told anything, and says so to whoever
// would sign in there again.
func TestARetiredCloud(t *testing.T) {
	l := newLab(t)
	former := l.formerOf("anna")
	l.inOld(server("anna"), former)
	l.inOld(server("ben"), "user-ben")
	before := l.account("anna")
	l.old.gone = true
	l.clock.Advance(9 * hour)
	err := l.poll("anna")
	gone, ok := errors.AsType[*fitbit.CloudError](err)
	if !ok || !errors.Is(err, fitbit.ErrRetired) || !errors.Is(err, fitbit.ErrNoToken) {
		t.Fatalf("error is %v", err)
	}
	if err := l.store.NoteRetired(t.Context(), before.UID, before.Generation, gone); err != nil {
		t.Fatal(err)
	}
	asked := len(l.old.requests)
	if err := l.poll("anna"); !errors.Is(err, fitbit.ErrRetired) || fitbit.Hint(err) != gone.Hint {
		t.Errorf("error is %v", err)
	}
	if got := len(l.old.requests); got != asked {
		t.Errorf("%d more requests", got-asked)
	}
	if _, told, err := l.desk.Remove(t.Context(), "ben"); err != nil || !told { // that it is gone was not known of ben's
		t.Errorf("told %t (%v)", told, err)
	}
	l.in(signin.Request{Name: "anna", Backend: "google"}, fakecloud.Answer{Person: "anna"})
	if a := l.account("anna"); a.Retired || a.Person != before.Person || a.LostDetail != "" {
		t.Errorf("account is %+v", a)
	}
	if err := l.poll("anna"); err != nil {
		t.Error(err)
	}
	if got := l.old.asked("revoke"); got != 1 {
		t.Errorf("%d grants were given back", got)
	}
}

// A cloud that is known to be gone is told nothing.
func TestTakingLeaveOfARetiredCloud(t *testing.T) {
	l := newLab(t)
	l.inOld(server("anna"), "user-anna")
	if err := l.store.NoteRetired(t.Context(), l.account("anna").UID, l.account("anna").Generation, &fitbit.CloudError{Kind: fitbit.ErrRetired}); err != nil {
		t.Fatal(err)
	}
	if told, err := l.desk.Disconnect(t.Context(), "anna"); err != nil || !told || l.old.asked("revoke") != 0 {
		t.Errorf("told %t (%v), %d requests", told, err, l.old.asked("revoke"))
	}
	if got := l.log.warnings(); got != 0 {
		t.Errorf("%d warnings:\n%s", got, l.log)
	}
}
