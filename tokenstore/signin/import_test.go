package signin_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// foreign is a sign-in that another program made at the old cloud.
func (l *lab) foreign(name, user string) signin.Import {
	return signin.Import{
		Name: name, Backend: "old", Client: oldServer, Secret: secretOf(oldServer), RefreshToken: l.old.issue(user, oldServer),
	}
}

func (l *lab) imports(in signin.Import) signin.Outcome {
	l.Helper()
	o, err := l.desk.Import(l.Context(), in)
	if err != nil {
		l.Fatalf("import: %v", err)
	}
	return o
}

func TestImport(t *testing.T) {
	l := newLab(t)
	in := l.foreign("anna", "user-anna")
	o := l.imports(in)
	if o.Account != "anna" || o.Backend != "old" || !slices.Equal(o.Missing, []fitbit.Metric{fitbit.HRV}) || o.Trouble != nil {
		t.Errorf("outcome is %+v", o)
	}
	a := l.account("anna")
	if !a.SignedIn || a.Client != oldServer || a.Person != "old:user-anna" || a.Generation != 1 {
		t.Errorf("account is %+v", a)
	}
	if c, err := l.store.Client(t.Context(), "old", oldServer); err != nil || c.Secret != secretOf(oldServer) {
		t.Errorf("the client is not kept: %v", err)
	}
	l.old.graceOver = true
	l.clock.Advance(9 * hour)
	if err := l.poll("anna"); err != nil {
		t.Error(err)
	}
	again := l.imports(in) // the same command once more
	if again.Account != "anna" || l.account("anna").Generation != 1 || l.old.asked("refresh") != 2 {
		t.Errorf("outcome is %+v after %d refreshes", again, l.old.asked("refresh"))
	}
	if got := l.log.warnings(); got != 0 || !strings.Contains(l.log.String(), `msg="sign-in taken over" account=anna backend=old`) {
		t.Errorf("%d warnings:\n%s", got, l.log)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		l.says(fmt.Sprintf(format, in))
	}
}

// TestImportWithAnyApp: the files of other programs say more or less of the client.
func TestImportWithAnyApp(t *testing.T) {
	for name, c := range map[string]struct {
		known   func(l *lab)
		in      signin.Import
		through string
		stored  []string
	}{
		"public":                  {nil, signin.Import{Client: oldPublic}, oldPublic, []string{oldPublic}},
		"the only one known here": {func(l *lab) { l.begin(server("ben")) }, signin.Import{}, oldServer, []string{oldServer}},
		"known here, no secret":   {func(l *lab) { l.begin(server("ben")) }, signin.Import{Client: oldServer}, oldServer, []string{oldServer}},
		"configured": {func(l *lab) {
			l.configureOld(func(c *signin.Cloud) { c.ClientID, c.ClientSecret = oldServer, secretOf(oldServer) })
		}, signin.Import{Client: oldServer, Secret: "an old one"}, oldServer, nil},
		"stored with another secret": {func(l *lab) {
			wrong := tokenstore.Client{Backend: "old", ID: oldServer, Secret: "GOCSPX-wrong"}
			if err := l.store.SaveClient(l.Context(), wrong); err != nil {
				l.Error(err)
			}
		}, signin.Import{Client: oldServer, Secret: secretOf(oldServer)}, oldServer, []string{oldServer}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			if c.known != nil {
				c.known(l)
			}
			c.in.Name, c.in.Backend, c.in.RefreshToken = "anna", "old", l.old.issue("user-anna", c.through)
			l.imports(c.in)
			if a := l.account("anna"); a.Client != c.through {
				t.Errorf("client is %s", a.Client)
			}
			if ids, err := l.store.Clients(t.Context(), "old"); err != nil || !slices.Equal(ids, c.stored) {
				t.Errorf("stored are %v (%v)", ids, err)
			}
			l.clock.Advance(9 * hour)
			if err := l.poll("anna"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestImportOfSomebodyKnown follows the rules of any sign-in.
func TestImportOfSomebodyKnown(t *testing.T) {
	l := newLab(t)
	l.imports(l.foreign("anna", "user-anna"))
	before := l.account("anna")
	again := l.foreign("anna", "user-anna")
	again.Backend = "" // the account's
	l.imports(again)
	if a := l.account("anna"); a.Generation != 2 || a.Person != before.Person {
		t.Errorf("account is %+v", a)
	}
	handed := l.foreign("anna", "user-carl")
	handed.Move = true
	if o := l.imports(handed); o.Moved {
		t.Errorf("outcome is %+v, and the history is another", o)
	}
	if a := l.account("anna"); a.UID != before.UID || a.Person != "old:user-carl" {
		t.Errorf("account is %+v", a)
	}

	former := l.formerOf("ben")
	l.in(signin.Request{Name: "ben"}, fakecloud.Answer{Person: "ben"})
	if o := l.imports(l.foreign("ben", former)); !o.Moved {
		t.Errorf("outcome is %+v", o)
	}
	if b := l.account("ben"); b.Backend != "old" || !strings.HasPrefix(b.Person, "google:") {
		t.Errorf("account is %+v", b)
	}
	l.in(signin.Request{Name: "dora"}, fakecloud.Answer{Person: "anna"})
	confirmed := l.foreign("dora", "user-dora")
	confirmed.SamePerson = true
	l.imports(confirmed)
	if d := l.account("dora"); d.Backend != "old" || !strings.HasPrefix(d.Person, "google:") {
		t.Errorf("account is %+v", d)
	}
}

// TestAnImportGoesOn: whatever stops it once the token is spent, the next try goes on
// from what it was spent for, even when that is of yesterday.
func TestAnImportGoesOn(t *testing.T) {
	for name, stopped := range map[string]struct {
		by   func(l *lab)
		mend func(l *lab)
		code signin.Code
	}{
		"no answer about the identity": {
			func(l *lab) { l.old.identity = &fitbit.CloudError{Kind: fitbit.ErrUnavailable} },
			func(l *lab) { l.old.identity = nil },
			signin.Away,
		},
		"somebody else's name": {
			func(l *lab) { l.imports(l.foreign("anna", "user-ben")) },
			func(l *lab) {
				if err := l.store.Rename(l.Context(), "anna", "ben"); err != nil {
					l.Error(err)
				}
			},
			signin.OtherIdentity,
		},
	} {
		for _, pause := range []time.Duration{time.Minute, 24 * hour} {
			t.Run(fmt.Sprint(name, pause), func(t *testing.T) {
				l := newLab(t)
				in := l.foreign("anna", "user-anna")
				stopped.by(l)
				asked := l.old.asked("refresh")
				_, err := l.desk.Import(t.Context(), in)
				if trouble, ok := errors.AsType[*signin.Trouble](err); !ok || trouble.Code != stopped.code {
					t.Fatalf("error is %v", err)
				}
				l.old.graceOver = true
				l.clock.Advance(pause)
				stopped.mend(l)
				desk := l.another() // in another process
				in.Secret = "no longer known"
				if o, err := desk.Import(t.Context(), in); err != nil || o.Account != "anna" {
					t.Fatalf("outcome is %+v (%v)", o, err)
				}
				want := 1
				if pause > 8*hour {
					want = 2 // the access token of yesterday had to be renewed
				}
				if got := l.old.asked("refresh") - asked; got != want {
					t.Errorf("%d refreshes, want %d", got, want)
				}
				l.clock.Advance(9 * hour)
				if err := l.poll("anna"); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestAnImportWhoseTokenIsRefused: the reply is renewed once, as any token is.
func TestAnImportWhoseTokenIsRefused(t *testing.T) {
	l := newLab(t)
	in := l.foreign("anna", "user-anna")
	l.old.identity = &fitbit.CloudError{Kind: fitbit.ErrUnavailable}
	if _, err := l.desk.Import(t.Context(), in); err == nil {
		t.Fatal("no error")
	}
	l.old.identity, l.old.access = nil, map[string]string{} // forgotten there, for whatever reason
	l.imports(in)
	if got := l.old.asked("refresh"); got != 2 {
		t.Errorf("%d refreshes", got)
	}
	if err := l.poll("anna"); err != nil {
		t.Error(err)
	}
}

// TestTwoImportsOfOneFile make one account, and both say so.
func TestTwoImportsOfOneFile(t *testing.T) {
	l := newLab(t)
	in := l.foreign("anna", "user-anna")
	var all sync.WaitGroup
	for _, desk := range []*signin.Desk{l.desk, l.desk, l.another()} {
		all.Go(func() {
			if o, err := desk.Import(t.Context(), in); err != nil || o.Account != "anna" {
				t.Errorf("outcome is %+v (%v)", o, err)
			}
		})
	}
	all.Wait()
	if got := l.old.asked("refresh"); got != 1 || l.account("anna").Generation != 1 {
		t.Errorf("%d refreshes, account is %+v", got, l.account("anna"))
	}
}

// TestAnImportThatIsInterrupted: what is being spent is saved, and the rest can wait.
func TestAnImportThatIsInterrupted(t *testing.T) {
	l := newLab(t)
	in := l.foreign("anna", "user-anna")
	ctx, cancel := context.WithCancel(t.Context())
	l.old.atRefresh = cancel
	_, err := l.desk.Import(ctx, in)
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	l.desk.Close()
	l.old.graceOver = true
	if _, err := l.desk.Import(t.Context(), in); !errors.Is(err, fitbit.ErrUnavailable) || !strings.Contains(fitbit.Hint(err), "goes on") {
		t.Errorf("through a closed desk: %v", err)
	}
	if _, err := l.another().Import(t.Context(), in); err != nil || l.old.asked("refresh") != 1 {
		t.Errorf("%d refreshes (%v)", l.old.asked("refresh"), err)
	}
	cancelled, stop := context.WithCancel(t.Context())
	stop()
	if _, err := l.another().Import(cancelled, l.foreign("ben", "user-ben")); !errors.Is(err, context.Canceled) || l.old.asked("refresh") != 1 {
		t.Errorf("nobody waits for it any more: %v", err)
	}
}

// TestAnswersThatGetLost are fetched again with the same token.
func TestAnswersThatGetLost(t *testing.T) {
	l := newLab(t) // whose file is migrated outside of the bubble
	in := l.foreign("anna", "user-anna")
	synctest.Test(t, func(t *testing.T) {
		store, err := tokenstore.Open(t.Context(), tokenstore.Options{Path: l.path, Now: l.clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = store.Close() }()
		desk := &signin.Desk{Store: store, Clouds: l.desk.Clouds, Default: "google", Log: l.log.logger()}
		l.old.lose = 7
		_, err = desk.Import(t.Context(), in)
		trouble, ok := errors.AsType[*signin.Trouble](err)
		if !ok || trouble.Code != signin.Away || trouble.Backend != "old" || !strings.Contains(trouble.Hint, "run the same import again within two minutes") {
			t.Errorf("error is %v with the hint %q", err, fitbit.Hint(err))
		}
		if o, err := desk.Import(t.Context(), in); err != nil || o.Account != "anna" {
			t.Errorf("outcome is %+v (%v)", o, err)
		}
		if got := l.old.asked("refresh"); got != 8 {
			t.Errorf("%d refreshes", got)
		}
	})
}
