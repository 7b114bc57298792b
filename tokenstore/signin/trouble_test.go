package signin_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// wrong is one way in which a sign-in goes wrong.
type wrong struct {
	name         string
	fail         func(l *lab) error
	code         signin.Code
	kind         error  // of fitbit's
	detail, hint string // parts
	// warnings of the log: one for each attempt that was used up, none for an
	// address that nobody waits for, which anybody may send.
	warnings int
}

// struck is a sign-in while something is wrong with the cloud.
func struck(f fakecloud.Fault) func(*lab) error {
	return func(l *lab) error {
		l.fake.Fail(f)
		return l.try()
	}
}

// in the state that Anna's cloud account may be in.
func unready(s fakecloud.State) func(*lab) error {
	return func(l *lab) error {
		l.fake.Person("anna").SetState(s)
		return l.try()
	}
}

// refusedWith is a consent page that sends the browser back with an error.
func refusedWith(code string) func(*lab) error {
	return func(l *lab) error {
		s := l.begin(signin.Request{Name: "anna"})
		_, err := l.desk.Finish(l.Context(), fitbit.Callback{Err: code, State: s.State}, "")
		return err
	}
}

func finish(l *lab, c fitbit.Callback, state string) error {
	_, err := l.desk.Finish(l.Context(), c, state)
	return err
}

// waysAtTheDesk fail before the cloud is asked.
func waysAtTheDesk() []wrong {
	again := func(l *lab, c fitbit.Callback) error {
		warned := l.log.warnings()
		err := finish(l, c, "")
		if l.log.warnings() != warned {
			l.Error("an address that comes again is worth no warning")
		}
		return err
	}
	return []wrong{
		{"denied", func(l *lab) error {
			s := l.begin(signin.Request{Name: "anna"})
			return finish(l, l.consent(s, fakecloud.Answer{Person: "anna", Deny: true}), s.State)
		}, signin.Denied, fitbit.ErrReauthRequired, "denied", "test user", 1},
		{"nothing ticked", func(l *lab) error {
			s := l.begin(signin.Request{Name: "anna"})
			all := []string{"health_metrics_and_measurements.readonly", "activity_and_fitness.readonly", "settings.readonly"}
			c := l.consent(s, fakecloud.Answer{Person: "anna", Untick: all})
			if c.Err != "access_denied" {
				l.Errorf("the page says %q", c.Err)
			}
			return finish(l, c, s.State)
		}, signin.Denied, fitbit.ErrReauthRequired, "denied", "every box", 1},
		{"consent page out of order", refusedWith("server_error"), signin.Away, fitbit.ErrUnavailable, "out of order", "wait", 1},
		{"organisation", refusedWith("admin_policy_enforced"), signin.Setup, fitbit.ErrSetup, "organisation", "private account", 1},
		{"consent page refuses", refusedWith("invalid_scope"), signin.Setup, fitbit.ErrSetup, "refuses", "connect anna", 1},
		{"redirect address not registered", func(l *lab) error {
			const elsewhere = "http://192.0.2.7:8099/oauth/callback"
			l.configure(func(c *signin.Cloud) { c.RedirectURL = elsewhere })
			s := l.begin(signin.Request{Name: "anna"})
			_, err := l.fake.Consent(l.Context(), s.URL, fakecloud.Answer{Person: "anna"})
			page, ok := errors.AsType[*fakecloud.PageError](err)
			if !ok || page.Code != "redirect_uri_mismatch" {
				l.Fatalf("the consent page says %v", err)
			}
			// The browser stays there. The attempt waits for another try, or for that page's address.
			if p, err := l.desk.Progress(l.Context(), s.ID); err != nil || p.URL != s.URL {
				l.Errorf("progress is %+v (%v)", p, err)
			}
			field := append([]byte{0x0a, byte(len(page.Code))}, page.Code...)
			pasted, err := fitbit.ParseCallback("https://accounts.google.com/signin/oauth/error?authError=" + base64.URLEncoding.EncodeToString(field))
			if err != nil {
				l.Fatal(err)
			}
			err = finish(l, pasted, s.State)
			if t, ok := errors.AsType[*signin.Trouble](err); !ok || !strings.Contains(t.Hint, elsewhere+",") {
				l.Errorf("the hint does not say which address: %+v", t)
			}
			return err
		}, signin.Setup, fitbit.ErrSetup, "address to come back to", "letter by letter", 1},
		{"client unknown to the page", refusedWith("invalid_client"), signin.Setup, fitbit.ErrSetup, "does not know the OAuth client", "console", 1},
		{"another sign-in's state", func(l *lab) error {
			a, b := l.begin(signin.Request{Name: "anna"}), l.begin(signin.Request{Name: "ben"})
			bens := l.allow(b, "ben")
			err := finish(l, bens, a.State)
			if err := finish(l, bens, b.State); err != nil {
				l.Errorf("it is not good any more for whom it belongs to: %v", err)
			}
			if err := finish(l, l.allow(a, "anna"), a.State); err != nil {
				l.Errorf("the sign-in at hand is not good any more: %v", err)
			}
			return err
		}, signin.Over, fitbit.ErrReauthRequired, "another sign-in", "shown here", 0},
		{"unknown state", func(l *lab) error {
			return finish(l, fitbit.Callback{Code: "4/0-a-code", State: "never begun"}, "")
		}, signin.Over, fitbit.ErrReauthRequired, "begun here", "start again", 1},
		{"a code without anything", func(l *lab) error {
			return finish(l, fitbit.Callback{Code: "4/0-a-code"}, "")
		}, signin.Over, fitbit.ErrReauthRequired, "which sign-in", "whole address", 0},
		{"too late", func(l *lab) error {
			s := l.begin(signin.Request{Name: "anna"})
			c := l.allow(s, "anna")
			l.clock.Advance(10*time.Minute + time.Second)
			return finish(l, c, s.State)
		}, signin.Over, fitbit.ErrReauthRequired, "ten minutes", "connect anna", 0},
		{"comes again after a success", func(l *lab) error {
			c := l.allow(l.begin(signin.Request{Name: "anna"}), "anna")
			if err := finish(l, c, ""); err != nil {
				l.Error(err)
			}
			err := again(l, c)
			if a := l.account("anna"); !a.SignedIn || a.Generation != 1 {
				l.Errorf("the account has suffered: %+v", a)
			}
			return err
		}, signin.Over, fitbit.ErrReauthRequired, "has succeeded", "nothing is left to do", 0},
		{"comes again after a failure", func(l *lab) error {
			c := l.consent(l.begin(signin.Request{Name: "anna"}), fakecloud.Answer{Deny: true})
			if err := finish(l, c, ""); err == nil {
				l.Error("no error")
			}
			return again(l, c)
		}, signin.Over, fitbit.ErrReauthRequired, "has failed", "connect anna", 1},
		{"comes again meanwhile", func(l *lab) error {
			c := l.allow(l.begin(signin.Request{Name: "anna"}), "anna")
			var err error
			l.atExchange = func() { err = again(l, c) }
			if err := finish(l, c, ""); err != nil {
				l.Errorf("the first one: %v", err)
			}
			return err
		}, signin.Over, fitbit.ErrReauthRequired, "being finished", "wait", 0},
		{"no OAuth client", func(l *lab) error {
			l.configure(func(c *signin.Cloud) { c.ClientID, c.ClientSecret = "", "" })
			_, err := l.desk.Begin(l.Context(), signin.Request{Name: "anna"})
			if !errors.Is(err, signin.ErrNoClient) {
				l.Errorf("error is %v", err)
			}
			return err
		}, signin.Setup, fitbit.ErrSetup, "no OAuth client", "google.client_id", 0},
		{"no such OAuth client", func(l *lab) error {
			_, err := l.desk.Begin(l.Context(), signin.Request{Name: "anna", Client: "other.apps.example"})
			if !errors.Is(err, tokenstore.ErrNoClient) {
				l.Errorf("error is %v", err)
			}
			return err
		}, signin.Setup, fitbit.ErrSetup, "other.apps.example", "enter", 0},
		{"OAuth client gone", func(l *lab) error {
			s := l.begin(signin.Request{Name: "anna"})
			c := l.allow(s, "anna")
			l.configure(func(c *signin.Cloud) { c.ClientID = "" })
			_, err := l.desk.Progress(l.Context(), s.ID)
			if t, ok := errors.AsType[*signin.Trouble](err); !ok || t.Code != signin.Setup {
				l.Errorf("progress: %v", err)
			}
			return finish(l, c, s.State)
		}, signin.Setup, fitbit.ErrSetup, "not configured any more", "google.client_id", 1},
		{"somebody else", func(l *lab) error {
			l.in(signin.Request{Name: "anna"}, fakecloud.Answer{Person: "anna"})
			before := l.account("anna")
			s := l.begin(signin.Request{Name: "anna"})
			err := finish(l, l.allow(s, "ben"), s.State)
			if a := l.account("anna"); a.User != before.User || a.Generation != before.Generation || !a.SignedIn {
				l.Errorf("the account is somebody else's now: %+v", a)
			}
			return err
		}, signin.OtherIdentity, fitbit.ErrReauthRequired, "anna is connected with", "--move", 1},
		{"connected already", func(l *lab) error {
			l.in(signin.Request{Name: "anna"}, fakecloud.Answer{Person: "anna"})
			s := l.begin(signin.Request{Name: "ben"})
			return finish(l, l.allow(s, "anna"), s.State)
		}, signin.IdentityTaken, fitbit.ErrReauthRequired, "another name: anna", "sign out", 1},
		{"store locked before", func(l *lab) error {
			s := l.begin(signin.Request{Name: "anna"})
			c := l.allow(s, "anna")
			l.encrypt()
			return finish(l, c, s.State)
		}, signin.Storage, fitbit.ErrStorage, "take sign-in attempt", "store.key", 1},
		{"store locked meanwhile", func(l *lab) error {
			l.atExchange = l.encrypt
			return l.try()
		}, signin.Storage, fitbit.ErrStorage, "encrypted", "store.key", 1},
	}
}

// encrypt does what another process with a key would: from then on the store cannot
// be read without it.
func (l *lab) encrypt() {
	l.Helper()
	s, err := tokenstore.Open(l.Context(), tokenstore.Options{Path: l.path, Key: []byte("a key"), Now: l.clock.Now})
	if err != nil {
		l.Fatal(err)
	}
	if err := s.Close(); err != nil {
		l.Fatal(err)
	}
}

// waysAtTheCloud fail on what the cloud answers.
func waysAtTheCloud() []wrong {
	const token, identity = "/token", "/identity"
	return []wrong{
		{"code expired", func(l *lab) error {
			s := l.begin(signin.Request{Name: "anna"})
			c := l.allow(s, "anna")
			l.clock.Advance(10 * time.Minute) // an attempt lives a moment longer
			return finish(l, c, s.State)
		}, signin.Reauth, fitbit.ErrReauthRequired, "code has expired", "within ten minutes", 1},
		{"redirect address not that of the code", struck(fakecloud.Fault{
			Path: token, Kind: fakecloud.Unauthorized, Status: http.StatusBadRequest, Reason: "redirect_uri_mismatch",
		}), signin.Setup, fitbit.ErrSetup, "not registered", "google.redirect_url", 1},
		{"wrong secret", func(l *lab) error {
			l.configure(func(c *signin.Cloud) { c.ClientSecret = "GOCSPX-wrong" })
			l.secret("GOCSPX-wrong")
			return l.try()
		}, signin.Setup, fitbit.ErrSetup, "client id or secret", "google.client_secret", 1},
		{"wrong type of client", struck(fakecloud.Fault{
			Path: token, Kind: fakecloud.Unauthorized, Reason: "unauthorized_client",
		}), signin.Setup, fitbit.ErrSetup, "may not sign in this way", "Web application", 1},
		{"no refresh token", func(l *lab) error {
			l.in(signin.Request{Name: "anna"}, fakecloud.Answer{Person: "anna"})
			s := l.begin(signin.Request{Name: "anna"})
			s.URL = strings.Replace(s.URL, "prompt=consent", "prompt=none", 1) // as if Google had not asked
			return finish(l, l.allow(s, "anna"), s.State)
		}, signin.Setup, fitbit.ErrSetup, "no refresh token", "myaccount.google.com/connections", 1},
		{
			"5xx", struck(fakecloud.Fault{Path: token, Kind: fakecloud.ServerError}),
			signin.Away, fitbit.ErrUnavailable, "sign-in server answers 503", "wait a moment, then start again: fitbit2mqtt connect anna", 1,
		},
		{
			"no answer", struck(fakecloud.Fault{Path: token, Kind: fakecloud.DropReply}),
			signin.Away, fitbit.ErrUnavailable, "sign-in server does not answer", "start again: fitbit2mqtt connect anna", 1,
		},
		{
			"no proper answer", struck(fakecloud.Fault{Path: token, Kind: fakecloud.Garbage}),
			signin.Away, fitbit.ErrUnavailable, "no proper answer", "start again", 1,
		},
		{
			"429", struck(fakecloud.Fault{Path: token, Kind: fakecloud.RateLimited, RetryAfter: 5 * time.Minute}),
			signin.Away, fitbit.ErrUnavailable, "2026-11-20T12:05:00Z", "wait until then", 1,
		},
		{
			"410", struck(fakecloud.Fault{Path: token, Kind: fakecloud.Gone}),
			signin.Retired, fitbit.ErrRetired, "sign-in server has been turned off", "newer version", 1,
		},
		{
			"a redirect", struck(fakecloud.Fault{Path: token, Kind: fakecloud.HTML, Status: http.StatusFound}),
			signin.Unexpected, fitbit.ErrProtocol, "302", "newer version", 1,
		},

		{"not linked", unready(fakecloud.NotLinked), signin.Setup, fitbit.ErrSetup, "not linked", "Google Health app", 1},
		{"no profile", unready(fakecloud.NoProfile), signin.Setup, fitbit.ErrSetup, "no Google Health profile", "finish its set-up", 1},
		{"old kind of account", unready(fakecloud.LegacyAccount), signin.Setup, fitbit.ErrSetup, "old kind", "move it to a Google account", 1},
		{
			"API not enabled", struck(fakecloud.Fault{Path: identity, Kind: fakecloud.Forbidden, Reason: "SERVICE_DISABLED"}),
			signin.Setup, fitbit.ErrSetup, "not enabled", "https://console.cloud.google.com/apis/library/health.googleapis.com", 1,
		},
		{
			"project not admitted", struck(fakecloud.Fault{Path: identity, Kind: fakecloud.Forbidden, Reason: "API_PRIVATE_PREVIEW_ACCESS_DENIED"}),
			signin.Setup, fitbit.ErrSetup, "not admitted", "apply for access", 1,
		},
		{
			"a scope the identity needs", struck(fakecloud.Fault{Path: identity, Kind: fakecloud.Forbidden, Reason: "MISSING_OAUTH_SCOPE"}),
			signin.Setup, fitbit.ErrSetup, "permission was not granted", "connect anna", 1,
		},
		{
			"new token refused", struck(fakecloud.Fault{Path: identity, Kind: fakecloud.Unauthorized}),
			signin.Reauth, fitbit.ErrReauthRequired, "just issued", "sign in again", 1,
		},
		{
			"API 5xx", struck(fakecloud.Fault{Path: identity, Kind: fakecloud.ServerError}),
			signin.Away, fitbit.ErrUnavailable, "Google answers 503", "start again: fitbit2mqtt connect anna", 1,
		},
		{
			"API cut short", struck(fakecloud.Fault{Path: identity, Kind: fakecloud.Truncated}),
			signin.Away, fitbit.ErrUnavailable, "no complete answer", "start again", 1,
		},
		{
			"API garbage", struck(fakecloud.Fault{Path: identity, Kind: fakecloud.Garbage}),
			signin.Unexpected, fitbit.ErrProtocol, "not the JSON", "newer version", 1,
		},
		{
			"API 410", struck(fakecloud.Fault{Path: identity, Kind: fakecloud.Gone}),
			signin.Retired, fitbit.ErrRetired, "v4 has been turned off", "newer version", 1,
		},
	}
}

// TestEveryWayOfGoingWrong: each has its own sentence and next step, says who can
// mend it, is told wherever somebody waits, and gives nothing away.
func TestEveryWayOfGoingWrong(t *testing.T) {
	ways := slices.Concat(waysAtTheDesk(), waysAtTheCloud(), waysBetweenClouds(), waysOfAnImport())
	seen := make(map[string]string)
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			l := newLab(t)
			err := w.fail(l)
			trouble, ok := errors.AsType[*signin.Trouble](err)
			if !ok {
				t.Fatalf("error is %v", err)
			}
			l.says(everythingOf(trouble))
			if trouble.Code != w.code || !strings.Contains(trouble.Detail, w.detail) || !strings.Contains(trouble.Hint, w.hint) {
				t.Errorf("got %s: %s\n%s\nwant %s: …%s…\n…%s…", trouble.Code, trouble.Detail, trouble.Hint, w.code, w.detail, w.hint)
			}
			if strings.Contains(trouble.Hint, "ACCOUNT") || strings.HasSuffix(trouble.Hint, " ") || strings.Contains(trouble.Hint, "by itself") {
				t.Errorf("the hint %q does not help", trouble.Hint)
			}
			wantKind(t, err, w.kind)
			if got := l.log.warnings(); got != w.warnings {
				t.Errorf("%d warnings, want %d:\n%s", got, w.warnings, l.log)
			}
			if before, known := seen[trouble.Detail]; known && w.name != "nothing ticked" { // that is a way to say no
				t.Errorf("says the same as %q: %s", before, trouble.Detail)
			}
			seen[trouble.Detail] = w.name
		})
	}
}

// wantKind checks that err is of one of fitbit's kinds and of no other.
func wantKind(t *testing.T, err, kind error) {
	t.Helper()
	for _, k := range []error{
		fitbit.ErrReauthRequired, fitbit.ErrPermission, fitbit.ErrSetup, fitbit.ErrRetired,
		fitbit.ErrUnavailable, fitbit.ErrProtocol, fitbit.ErrStorage, fitbit.ErrNoData,
	} {
		if got, want := errors.Is(err, k), errors.Is(kind, k); got != want {
			t.Errorf("%v is %v: %t, want %t", err, k, got, want)
		}
	}
}

// TestWhatIsToldElsewhere: whoever waits learns the same sentence, and an account
// without a sign-in says why it has none; one that works is left in peace.
func TestWhatIsToldElsewhere(t *testing.T) {
	l := newLab(t)
	page := l.another()
	denied := func() *signin.Trouble {
		t.Helper()
		s := l.begin(signin.Request{Name: "anna"})
		_, err := l.desk.Finish(t.Context(), l.consent(s, fakecloud.Answer{Deny: true}), s.State)
		trouble, ok := errors.AsType[*signin.Trouble](err)
		if !ok {
			t.Fatalf("error is %v", err)
		}
		o, err := page.Wait(t.Context(), s.ID)
		if told, ok := errors.AsType[*signin.Trouble](err); !ok || *told != *trouble || o.Account != "anna" || *o.Trouble != *trouble {
			t.Errorf("the other desk says %+v, %v", o, err)
		}
		return trouble
	}
	denied() // there is no such account yet
	l.in(signin.Request{Name: "anna"}, fakecloud.Answer{Person: "anna"})
	denied()
	if a := l.account("anna"); a.LostDetail+a.LostHint != "" || !a.SignedIn {
		t.Errorf("a sign-in that works was disturbed: %+v", a)
	}
	if told, err := l.desk.Disconnect(t.Context(), "anna"); err != nil || !told {
		t.Fatalf("told %t, %v", told, err)
	}
	if a := l.account("anna"); !strings.Contains(a.LostDetail, "on purpose") {
		t.Errorf("account is %+v", a)
	}
	trouble := denied()
	if a := l.account("anna"); a.LostDetail != "the last sign-in failed: "+trouble.Detail || a.LostHint != trouble.Hint {
		t.Errorf("account says %q, %q", a.LostDetail, a.LostHint)
	}
	l.in(signin.Request{Name: "anna"}, fakecloud.Answer{Person: "anna"})
	if a := l.account("anna"); a.LostDetail+a.LostHint != "" || !a.SignedIn {
		t.Errorf("a sign-in that works has a reason for being none: %+v", a)
	}
}

// silent is a cloud that never answers.
type silent struct{ fitbit.Authorizer }

func (silent) AuthCodeURL(fitbit.Attempt) string { return "https://cloud.example/" }

func (silent) Exchange(ctx context.Context, _ fitbit.Attempt, _ string) (fitbit.Grant, error) {
	<-ctx.Done()
	return fitbit.Grant{}, fmt.Errorf("exchange: %w", ctx.Err())
}

// TestACloudThatNeverAnswers: the time it used up is not that for writing it down.
func TestACloudThatNeverAnswers(t *testing.T) {
	path := newLab(t).path
	synctest.Test(t, func(t *testing.T) {
		store, err := tokenstore.Open(t.Context(), tokenstore.Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = store.Close() }()
		said := &journal{}
		desk := &signin.Desk{Store: store, Default: "silent", Log: said.logger(), Clouds: map[string]signin.Cloud{"silent": {
			ClientID: configured, ClientSecret: secretOf(configured),
			Authorizer: func(string, string) fitbit.Authorizer { return silent{} },
		}}}
		s, err := desk.Begin(t.Context(), signin.Request{Name: "anna"})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = desk.Finish(t.Context(), fitbit.Callback{Code: "4/0-a-code", State: s.State}, "")
		trouble, ok := errors.AsType[*signin.Trouble](err)
		if !ok || trouble.Code != signin.Away || !strings.Contains(trouble.Detail, "too long") {
			t.Errorf("error is %v", err)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("it took %s", took)
		}
		p, err := desk.Progress(t.Context(), s.ID)
		if err != nil || p.Outcome == nil || *p.Outcome.Trouble != *trouble {
			t.Errorf("progress is %+v (%v)", p, err)
		}
		if got := said.warnings(); got != 1 {
			t.Errorf("%d warnings:\n%s", got, said)
		}
	})
}
