package signin_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/googlehealth"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

func TestSignIn(t *testing.T) {
	l := newLab(t)
	s := l.begin(signin.Request{Name: "anna"})
	if s.Name != "anna" || strings.Contains(s.ID, s.State) || !strings.HasPrefix(s.URL, l.url) {
		t.Errorf("started: %q, %q", s.Name, s.ID)
	}
	o, err := l.desk.Finish(t.Context(), l.allow(s, "anna"), s.State)
	if err != nil || o.Account != "anna" || o.Missing != nil || !o.SignInExpires.IsZero() || o.Trouble != nil {
		t.Errorf("outcome is %+v (%v)", o, err)
	}
	a := l.account("anna")
	if !a.SignedIn || a.User != l.fake.Person("anna").User() || a.Client != configured || len(l.desk.Missing(a)) > 0 {
		t.Errorf("account is %+v", a)
	}
	if err := l.poll("anna"); err != nil {
		t.Error(err)
	}
	if got := l.log.warnings(); got > 0 {
		t.Errorf("%d warnings:\n%s", got, l.log)
	}
	if _, err := l.desk.Begin(t.Context(), signin.Request{Name: "bridge"}); err == nil || !strings.Contains(err.Error(), fitbit.NameRule) {
		t.Errorf("a name that is not allowed: %v", err)
	}
}

// TestUntickedBoxes: a sign-in succeeds without them, and says what will be missing.
func TestUntickedBoxes(t *testing.T) {
	for scope, want := range map[string][]fitbit.Metric{
		"health_metrics_and_measurements.readonly": {
			fitbit.WeightMetric, fitbit.BodyFatMetric, fitbit.HeightMetric,
			fitbit.HeartRange, fitbit.RestingHeartRate, fitbit.HRV, fitbit.LatestHeartRate,
		},
		"activity_and_fitness.readonly": {fitbit.HeartZones},
		"settings.readonly":             {fitbit.DevicesMetric, fitbit.SettingsMetric},
	} {
		l := newLab(t)
		s := l.begin(signin.Request{Name: "anna"})
		o, err := l.desk.Finish(t.Context(), l.consent(s, fakecloud.Answer{Person: "anna", Untick: []string{scope}}), s.State)
		if err != nil || !slices.Equal(o.Missing, want) {
			t.Errorf("without %s the outcome is %+v (%v), want %v missing", scope, o, err, want)
		}
		if got := l.desk.Missing(l.account("anna")); !slices.Equal(got, want) {
			t.Errorf("without %s the account lacks %v, want %v", scope, got, want)
		}
		if p, err := l.another().Progress(t.Context(), s.ID); err != nil || p.Outcome == nil || !slices.Equal(p.Outcome.Missing, want) {
			t.Errorf("another desk says %+v (%v)", p, err)
		}
	}
}

func TestTestMode(t *testing.T) {
	l := newLab(t)
	l.configure(func(c *signin.Cloud) { c.ClientID, c.ClientSecret = inTesting, secretOf(inTesting) })
	s := l.begin(signin.Request{Name: "anna"})
	o, err := l.desk.Finish(t.Context(), l.allow(s, "anna"), s.State)
	week := l.clock.Now().Add(7 * 24 * time.Hour)
	if err != nil || week.Sub(o.SignInExpires) > 2*time.Second || o.SignInExpires.After(week) {
		t.Errorf("outcome is %+v (%v), want an end at %s", o, err, week)
	}
	if p, err := l.another().Progress(t.Context(), s.ID); err != nil || !p.Outcome.SignInExpires.Equal(o.SignInExpires) {
		t.Errorf("another desk says %+v (%v)", p, err)
	}
	if a := l.account("anna"); !a.SignInExpires.Equal(o.SignInExpires) {
		t.Errorf("the account says %s", a.SignInExpires)
	}
}

// TestHandingOver: only who says so gives a name to another cloud account.
func TestHandingOver(t *testing.T) {
	l := newLab(t)
	l.in(signin.Request{Name: "anna"}, fakecloud.Answer{Person: "anna"})
	before := l.account("anna")
	l.in(signin.Request{Name: "anna", Move: true}, fakecloud.Answer{Person: "ben"})
	if a := l.account("anna"); a.User != l.fake.Person("ben").User() || a.UID != before.UID || a.Generation != 2 {
		t.Errorf("account is %+v", a)
	}
	l.in(signin.Request{Name: "another"}, fakecloud.Answer{Person: "anna"}) // who is free again
	if a := l.account("another"); a.UID == before.UID {
		t.Error("two accounts have one UID")
	}
}

// TestManyAtOnce: sign-ins of two people, and two of the same person, begun before
// any is finished and finished together.
func TestManyAtOnce(t *testing.T) {
	l := newLab(t)
	var all sync.WaitGroup
	for _, name := range []string{"anna", "ben", "anna"} {
		s := l.begin(signin.Request{Name: name})
		c := l.allow(s, name)
		all.Go(func() {
			if o, err := l.desk.Finish(t.Context(), c, s.State); err != nil || o.Account != name {
				t.Errorf("%s: %+v, %v", name, o, err)
			}
		})
	}
	all.Wait()
	if a, b := l.account("anna"), l.account("ben"); a.Generation != 2 || b.Generation != 1 || a.User == b.User {
		t.Errorf("accounts are %+v, %+v", a, b)
	}
	for _, name := range []string{"anna", "ben"} {
		if err := l.poll(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOneCodeForTwo: a page and a terminal that get the same callback do not both
// spend it.
func TestOneCodeForTwo(t *testing.T) {
	l := newLab(t)
	s := l.begin(signin.Request{Name: "anna"})
	c := l.allow(s, "anna")
	var all sync.WaitGroup
	good := make(chan signin.Outcome, 2)
	for _, desk := range []*signin.Desk{l.desk, l.another()} {
		all.Go(func() {
			o, err := desk.Finish(t.Context(), c, "")
			if err == nil {
				good <- o
				return
			}
			if trouble, ok := errors.AsType[*signin.Trouble](err); !ok || trouble.Code != signin.Over {
				t.Errorf("error is %v", err)
			}
		})
	}
	all.Wait()
	if len(good) != 1 {
		t.Errorf("%d of two succeeded", len(good))
	}
	spent := 0
	for _, r := range l.fake.Requests() {
		if r.Path == "/token" {
			spent++
		}
	}
	if spent != 1 {
		t.Errorf("the code was sent %d times", spent)
	}
}

func TestABareCode(t *testing.T) {
	l := newLab(t)
	s := l.begin(signin.Request{Name: "anna"})
	c := l.allow(s, "anna")
	bare, err := fitbit.ParseCallback(c.Code)
	if err != nil || bare.State != "" {
		t.Fatalf("callback is %+v (%v)", bare, err)
	}
	if o, err := l.desk.Finish(t.Context(), bare, s.State); err != nil || o.Account != "anna" {
		t.Errorf("outcome is %+v (%v)", o, err)
	}
}

// TestTwoDesks: a page begins, a terminal waits, and any of them finishes.
func TestTwoDesks(t *testing.T) {
	l := newLab(t)
	page, terminal := l.desk, l.another()
	s := l.begin(signin.Request{Name: "anna"})
	if p, err := terminal.Progress(t.Context(), s.ID); err != nil || p.Started != s || p.Outcome != nil {
		t.Errorf("begun: %+v (%v)", p, err)
	}
	waited := make(chan signin.Outcome, 1)
	go func() {
		o, err := terminal.Wait(t.Context(), s.ID)
		if err != nil {
			t.Errorf("wait: %v", err)
		}
		waited <- o
	}()
	l.atExchange = func() {
		if p, err := terminal.Progress(t.Context(), s.ID); err != nil || p.URL+p.State != "" || p.Outcome != nil || p.Name != "anna" {
			t.Errorf("being finished: %+v (%v)", p, err)
		}
	}
	if _, err := page.Finish(t.Context(), l.allow(s, "anna"), ""); err != nil {
		t.Error(err)
	}
	if o := <-waited; o.Account != "anna" || o.Trouble != nil {
		t.Errorf("the terminal learns %+v", o)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := terminal.Wait(ctx, l.begin(signin.Request{Name: "ben"}).ID); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits any more: %v", err)
	}
}

// TestWhoeverWaitsLearnsThatItIsOver, by the store's clock.
func TestWhoeverWaitsLearnsThatItIsOver(t *testing.T) {
	l := newLab(t)
	over := func(what, id, detail string) {
		t.Helper()
		_, err := l.desk.Wait(t.Context(), id)
		if trouble, ok := errors.AsType[*signin.Trouble](err); !ok || trouble.Code != signin.Over || !strings.Contains(trouble.Detail, detail) {
			t.Errorf("%s: %v", what, err)
		} else {
			l.says(everythingOf(trouble))
		}
	}
	over("unknown", "0123456789abcdef", "no sign-in that was begun here")
	late, dead := l.begin(signin.Request{Name: "anna"}), l.begin(signin.Request{Name: "ben"})
	l.clock.Advance(9 * time.Minute)
	if _, err := l.store.TakeSignIn(t.Context(), dead.State); err != nil { // as a process that dies then
		t.Fatal(err)
	}
	if p, err := l.desk.Progress(t.Context(), dead.ID); err != nil || p.Outcome != nil || p.URL != "" {
		t.Errorf("taken: %+v (%v)", p, err)
	}
	l.clock.Advance(2*time.Minute + time.Second)
	over("too late", late.ID, "within ten minutes")
	over("its process has died", dead.ID, "was stopped in the middle")
}

// TestWhoeverCalledMayGo: a browser that closes its connection loses no sign-in.
func TestWhoeverCalledMayGo(t *testing.T) {
	l := newLab(t)
	l.fake.Fail(fakecloud.Fault{Path: "/token", Kind: fakecloud.Slow, Delay: 20 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	l.atExchange = cancel
	s := l.begin(signin.Request{Name: "anna"})
	if o, err := l.desk.Finish(ctx, l.allow(s, "anna"), ""); err != nil || o.Account != "anna" {
		t.Errorf("outcome is %+v (%v)", o, err)
	}
	if o, err := l.another().Wait(t.Context(), s.ID); err != nil || o.Account != "anna" {
		t.Errorf("another desk says %+v (%v)", o, err)
	}
	if err := l.poll("anna"); err != nil {
		t.Error(err)
	}
	s = l.begin(signin.Request{Name: "ben"}) // and not if it was gone before, either
	if o, err := l.desk.Finish(ctx, l.allow(s, "ben"), ""); err != nil || o.Account != "ben" {
		t.Errorf("outcome is %+v (%v)", o, err)
	}
}

// TestTwoProjects: each account is renewed with the OAuth client of its own sign-in.
// The fake cloud refuses a refresh token that comes with another one.
func TestTwoProjects(t *testing.T) {
	l := newLab(t)
	l.saved(stored, secretOf(stored))
	l.in(signin.Request{Name: "anna", Client: stored}, fakecloud.Answer{Person: "anna"})
	l.in(signin.Request{Name: "ben"}, fakecloud.Answer{Person: "ben"})
	if a, b := l.account("anna"), l.account("ben"); a.Client != stored || b.Client != configured {
		t.Errorf("clients are %s and %s", a.Client, b.Client)
	}
	later := func() { l.clock.Advance(2 * time.Hour) } // access tokens are no good any more
	works := func(what string, names ...string) {
		t.Helper()
		for _, name := range names {
			if err := l.poll(name); err != nil {
				t.Errorf("%s: %s: %v", what, name, err)
			}
		}
	}
	fails := func(what, name, hint string) {
		t.Helper()
		err := l.poll(name)
		if !errors.Is(err, fitbit.ErrSetup) || !strings.Contains(fitbit.Hint(err), hint) {
			t.Errorf("%s: %v with the hint %q", what, err, fitbit.Hint(err))
		}
		if !l.account(name).SignedIn {
			t.Errorf("%s: the sign-in is lost", what)
		}
	}
	later()
	works("renewed", "anna", "ben")

	l.saved(stored, "GOCSPX-wrong")
	later()
	fails("wrong secret", "anna", "client_secret")
	works("the other project", "ben")
	l.saved(stored, secretOf(stored))
	works("right secret", "anna")

	l.configure(func(c *signin.Cloud) { c.ClientID, c.ClientSecret = "", "" })
	later()
	fails("not configured any more", "ben", "put google.client_id and google.client_secret back")
	works("not concerned", "anna")
	l.configure(func(c *signin.Cloud) { c.ClientID, c.ClientSecret = stored, secretOf(stored) })
	fails("another one configured", "ben", "put google.client_id")
	l.configure(func(c *signin.Cloud) { c.ClientID, c.ClientSecret = configured, secretOf(configured) })
	works("back again", "ben")

	// Signing in again stays with the account's client, unless another one is asked for.
	l.in(signin.Request{Name: "anna"}, fakecloud.Answer{Person: "anna"})
	if a := l.account("anna"); a.Client != stored {
		t.Errorf("client is %s", a.Client)
	}
	l.in(signin.Request{Name: "anna", Client: configured}, fakecloud.Answer{Person: "anna"})
	if a := l.account("anna"); a.Client != configured {
		t.Errorf("client is %s", a.Client)
	}
	if err := l.store.RemoveClient(t.Context(), "google", stored); err != nil {
		t.Errorf("nobody uses it any more: %v", err)
	}
	later()
	works("after all that", "anna", "ben")
}

// TestTheNewestStoredClient serves where none is configured.
func TestTheNewestStoredClient(t *testing.T) {
	l := newLab(t)
	l.configure(func(c *signin.Cloud) { c.ClientID, c.ClientSecret = "", "" })
	l.saved(inTesting, secretOf(inTesting))
	l.clock.Advance(time.Second)
	l.saved(stored, secretOf(stored))
	l.in(signin.Request{Name: "anna"}, fakecloud.Answer{Person: "anna"})
	if a := l.account("anna"); a.Client != stored {
		t.Errorf("client is %s", a.Client)
	}
}

// TestTakingLeave: the cloud is told, or it is said that it was not.
func TestTakingLeave(t *testing.T) {
	for _, away := range []bool{false, true} {
		l := newLab(t)
		l.in(signin.Request{Name: "anna"}, fakecloud.Answer{Person: "anna"})
		l.in(signin.Request{Name: "ben"}, fakecloud.Answer{Person: "ben"})
		a := l.account("anna")
		tokens := l.store.Tokens(a.UID, a.Backend, nil)
		access, err := tokens.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if away {
			l.fake.Fail(fakecloud.Fault{Path: "/revoke", Kind: fakecloud.ServerError})
		}
		ctx, cancel := context.WithCancel(t.Context())
		told, err := l.desk.Disconnect(ctx, "anna")
		if err != nil || told == away {
			t.Errorf("disconnected while away is %t: told %t, %v", away, told, err)
		}
		cancel()
		if a = l.account("anna"); a.SignedIn || l.desk.Missing(a) != nil {
			t.Errorf("account is %+v", a)
		}
		if err := l.poll("anna"); !errors.Is(err, fitbit.ErrReauthRequired) {
			t.Errorf("a poll ends with %v", err)
		}
		if told, err := l.desk.Disconnect(t.Context(), "anna"); err != nil || !told { // nothing is left to tell
			t.Errorf("a second time: told %t, %v", told, err)
		}
		gone, told, err := l.desk.Remove(t.Context(), "ben")
		if err != nil || told == away || gone.Name != "ben" {
			t.Errorf("removed while away is %t: %+v, told %t, %v", away, gone, told, err)
		}
		if _, err := l.store.Account(t.Context(), "ben"); !errors.Is(err, tokenstore.ErrNotFound) {
			t.Errorf("ben is still there: %v", err)
		}
		if got := l.knows(access); got != away {
			t.Errorf("while away is %t the cloud still accepts the token: %t", away, got)
		}
		if got, want := l.log.warnings(), map[bool]int{true: 2}[away]; got != want {
			t.Errorf("%d warnings, want %d:\n%s", got, want, l.log)
		}
		for _, name := range []string{"ben", "nobody"} {
			if _, err := l.desk.Disconnect(t.Context(), name); !errors.Is(err, tokenstore.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
			if _, _, err := l.desk.Remove(t.Context(), name); !errors.Is(err, tokenstore.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestTakingLeaveWithoutTheClient: a token is given back without a secret.
func TestTakingLeaveWithoutTheClient(t *testing.T) {
	l := newLab(t)
	l.in(signin.Request{Name: "anna"}, fakecloud.Answer{Person: "anna"})
	l.configure(func(c *signin.Cloud) { c.ClientID, c.ClientSecret = "", "" })
	if told, err := l.desk.Disconnect(t.Context(), "anna"); err != nil || !told {
		t.Errorf("told %t, %v", told, err)
	}
}

// holder is the access token of a grant, taken from the store.
type holder string

func (h holder) Token(context.Context) (string, error) { return string(h), nil }

func (holder) Renew(context.Context, string) (string, error) {
	return "", &fitbit.CloudError{Kind: fitbit.ErrReauthRequired}
}

// knows reports whether the cloud accepts a token.
func (l *lab) knows(access string) bool {
	client := googlehealth.New(googlehealth.Options{Endpoint: l.url, Tokens: holder(access), Now: l.clock.Now})
	_, err := client.Identity(l.Context())
	return err == nil
}

// TestARemovedAccountHasNoTrouble: whoever polls it is about to be stopped.
func TestARemovedAccountHasNoTrouble(t *testing.T) {
	l := newLab(t)
	l.in(signin.Request{Name: "anna"}, fakecloud.Answer{Person: "anna"})
	source, err := l.desk.Source(l.account("anna").UID, "google")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.desk.Remove(t.Context(), "anna"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := source.Identity(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
	if _, err := l.desk.Source("0123456789ab", "elsewhere"); err == nil {
		t.Error("there is no such cloud")
	}
}

// Once the desk is closed, no code is taken: it stays good for the next start.
func TestAClosedDeskTakesNothing(t *testing.T) {
	l := newLab(t)
	s := l.begin(signin.Request{Name: "anna"})
	c := l.allow(s, "anna")
	l.desk.Close()
	_, err := l.desk.Finish(t.Context(), c, s.State)
	trouble, ok := errors.AsType[*signin.Trouble](err)
	if !ok || trouble.Code != signin.Away || !strings.Contains(trouble.Hint, "still waits") {
		t.Fatalf("error is %v", err)
	}
	next := &signin.Desk{Store: l.store, Clouds: l.desk.Clouds, Default: l.desk.Default, Log: l.desk.Log}
	if o, err := next.Finish(t.Context(), c, ""); err != nil || o.Account != "anna" {
		t.Errorf("after the next start: %+v, %v", o, err)
	}
}
