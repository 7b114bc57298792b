package signin_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// begun is a sign-in that is not even begun.
func begun(r signin.Request) func(*lab) error {
	return func(l *lab) error {
		_, err := l.desk.Begin(l.Context(), r)
		return err
	}
}

// waysBetweenClouds fail because there is more than one.
func waysBetweenClouds() []wrong {
	return []wrong{
		{
			"no such cloud", begun(signin.Request{Name: "anna", Backend: "elsewhere"}),
			signin.Setup, fitbit.ErrSetup, `no cloud called "elsewhere"`, "choose one of these: google, old", 0,
		},
		{
			"no secret where all have one", begun(signin.Request{Name: "anna", Client: "new.apps.example", Public: true}),
			signin.Setup, fitbit.ErrSetup, "secret of new.apps.example is missing", "console of Google", 0,
		},
		{"somebody else at the old cloud", func(l *lab) error {
			l.inOld(server("anna"), "user-anna")
			s := l.begin(signin.Request{Name: "anna"})
			return finish(l, l.old.allow(s, "user-ben"), s.State)
		}, signin.OtherIdentity, fitbit.ErrReauthRequired, "not the Old account that anna", "connect anna --move", 1},
		{"perhaps somebody else", func(l *lab) error {
			l.inOld(server("anna"), "user-anna")
			s := l.begin(signin.Request{Name: "anna", Backend: "google"})
			return finish(l, l.allow(s, "anna"), s.State)
		}, signin.Unconfirmed, fitbit.ErrReauthRequired, "this Google account is of the same person as the Old account that anna", "connect anna --backend google --same-person; or", 1},
		{"perhaps somebody else, on the way back", func(l *lab) error {
			l.in(signin.Request{Name: "anna"}, fakecloud.Answer{Person: "anna"})
			s := l.begin(server("anna"))
			return finish(l, l.old.allow(s, "user-anna"), s.State)
		}, signin.Unconfirmed, fitbit.ErrReauthRequired, "this Old account is of the same person as the Google account", "connect anna --backend old --move", 1},
		{"connected at the other cloud", func(l *lab) error {
			l.inOld(server("anna"), "user-anna")
			l.in(signin.Request{Name: "dora"}, fakecloud.Answer{Person: "anna"})
			s := l.begin(signin.Request{Name: "anna", Backend: "google", SamePerson: true})
			return finish(l, l.allow(s, "anna"), s.State)
		}, signin.IdentityTaken, fitbit.ErrReauthRequired, "another name: dora", "sign out", 1},
		{"wrong secret of another cloud", func(l *lab) error {
			l.in(signin.Request{Name: "anna"}, fakecloud.Answer{Person: "anna"})
			r := server("anna")
			r.Secret = "GOCSPX-wrong"
			s := l.begin(r)
			l.secret(r.Secret)
			return finish(l, l.old.allow(s, "user-anna"), s.State)
		}, signin.Setup, fitbit.ErrSetup, "Old does not accept", "connect anna --backend old", 1},
		{"a cloud that is gone", func(l *lab) error {
			s := l.begin(server("anna"))
			l.old.gone = true
			return finish(l, l.old.allow(s, "user-anna"), s.State)
		}, signin.Retired, fitbit.ErrRetired, "Old API has been turned off", "go on with Google Health: fitbit2mqtt connect anna --backend google", 1},
	}
}

// imported is the import of a sign-in of the old cloud while something is wrong.
func imported(with func(l *lab, in *signin.Import)) func(*lab) error {
	return func(l *lab) error {
		in := l.foreign("anna", "user-anna")
		with(l, &in)
		_, err := l.desk.Import(l.Context(), in)
		return err
	}
}

// waysOfAnImport fail while a sign-in is taken over.
func waysOfAnImport() []wrong {
	const goesOn = "run the same import again: it goes on from here"
	return []wrong{
		{
			"import: no such cloud", imported(func(_ *lab, in *signin.Import) { in.Backend = "atlantis" }),
			signin.Setup, fitbit.ErrSetup, `no cloud called "atlantis"`, "choose one of these", 1,
		},
		{
			"import: no refresh token", imported(func(_ *lab, in *signin.Import) { in.RefreshToken = "" }),
			signin.Setup, fitbit.ErrSetup, "no refresh token to take over", "sign in instead: fitbit2mqtt connect anna --backend old", 1,
		},
		{"import: no secret where all have one", imported(func(_ *lab, in *signin.Import) {
			in.Backend, in.Client, in.Secret = "google", "foreign.apps.example", ""
		}), signin.Setup, fitbit.ErrSetup, "secret of foreign.apps.example is missing", "console of Google", 1},
		{"import: used by the other program", imported(func(l *lab, in *signin.Import) {
			if _, err := l.desk.Clouds["old"].Authorizer(in.Client, in.Secret).Refresh(l.Context(), in.RefreshToken); err != nil {
				l.Error(err)
			}
			l.old.graceOver = true
		}), signin.Reauth, fitbit.ErrReauthRequired, "has used it meanwhile", "sign in anew instead: fitbit2mqtt connect anna --backend old", 1},
		{"import: rate limit", imported(func(l *lab, _ *signin.Import) {
			l.old.refusal = &fitbit.RateLimitError{Until: l.clock.Now().Add(7 * time.Minute)}
		}), signin.Away, fitbit.ErrUnavailable, "2026-11-20T12:07:00Z", "wait until then, and run the same import again", 1},
		{"import: a strange answer", imported(func(l *lab, _ *signin.Import) {
			l.old.refusal = &fitbit.CloudError{Kind: fitbit.ErrProtocol, Detail: "Old answers 418"}
		}), signin.Unexpected, fitbit.ErrProtocol, "418", "newer version", 1},
		{"import: a cloud that is gone", imported(func(l *lab, _ *signin.Import) {
			l.old.refusal = &fitbit.CloudError{Kind: fitbit.ErrRetired, Detail: "Old has no tokens any more"}
		}), signin.Retired, fitbit.ErrRetired, "no tokens any more", "go on with Google Health: fitbit2mqtt connect anna --backend google", 1},
		{"import: no identity", imported(func(l *lab, _ *signin.Import) {
			l.old.identity = &fitbit.CloudError{Kind: fitbit.ErrUnavailable, Detail: "Old answers 503"}
		}), signin.Away, fitbit.ErrUnavailable, "503", goesOn, 1},
		{"import: the reply is refused", imported(func(l *lab, _ *signin.Import) {
			l.old.identity = &fitbit.CloudError{Kind: fitbit.ErrReauthRequired, Detail: "Old refuses what it has just issued"}
		}), signin.Reauth, fitbit.ErrReauthRequired, "just issued", goesOn, 1},
		{"import: somebody else's name", imported(func(l *lab, in *signin.Import) {
			l.imports(l.foreign("ben", "user-ben"))
			in.Name = "ben"
		}), signin.OtherIdentity, fitbit.ErrReauthRequired, "Old account that ben", "import it under another name", 1},
		{"import: perhaps somebody else's name", imported(func(l *lab, in *signin.Import) {
			l.in(signin.Request{Name: "ben"}, fakecloud.Answer{Person: "ben"})
			in.Name = "ben"
		}), signin.Unconfirmed, fitbit.ErrReauthRequired, "Google account that ben", "run the same import again with --same-person; or", 1},
		{"import: connected already", imported(func(l *lab, _ *signin.Import) {
			l.inOld(server("carl"), "user-anna")
		}), signin.IdentityTaken, fitbit.ErrReauthRequired, "another name: carl", "import it under the name", 1},
		{"import: taken over already", imported(func(l *lab, in *signin.Import) {
			in.Name = "ben"
			l.imports(*in)
			l.old.graceOver = true
			in.Name = "anna"
		}), signin.IdentityTaken, fitbit.ErrReauthRequired, "another name: ben", "import it under the name", 1},
		{"import: removed meanwhile", imported(func(l *lab, in *signin.Import) {
			l.imports(l.foreign("ben", "user-anna"))
			in.Name = "ben"
			l.old.atRefresh = func() {
				if _, _, err := l.desk.Remove(l.Context(), "ben"); err != nil {
					l.Error(err)
				}
			}
		}), signin.Over, fitbit.ErrReauthRequired, "ben was removed", goesOn, 1},
		{
			"import: store locked before", imported(func(l *lab, _ *signin.Import) { l.encrypt() }),
			signin.Storage, fitbit.ErrStorage, "no import without a working disk", "run the same import again", 1,
		},
		{
			"import: store locked meanwhile", imported(func(l *lab, _ *signin.Import) { l.old.atRefresh = l.encrypt }),
			signin.Storage, fitbit.ErrStorage, "save imported sign-in", "encrypted with, then run the same import again within two minutes", 1,
		},
		{
			"import: through a closed desk", imported(func(l *lab, _ *signin.Import) { l.desk.Close() }),
			signin.Away, fitbit.ErrUnavailable, "being stopped", "goes on from where it was", 0,
		},
	}
}

// TestWithoutAClient: each cloud says which settings are missing there.
func TestWithoutAClient(t *testing.T) {
	l := newLab(t)
	_, begin := l.desk.Begin(t.Context(), signin.Request{Name: "anna", Backend: "old"})
	_, imp := l.desk.Import(t.Context(), signin.Import{Name: "anna", Backend: "old", RefreshToken: "any"})
	for what, err := range map[string]error{"begin": begin, "import": imp} {
		trouble, ok := errors.AsType[*signin.Trouble](err)
		if !ok || trouble.Code != signin.Setup || trouble.Backend != "old" || !strings.Contains(trouble.Hint, "old.client_secret (if it has one)") {
			t.Errorf("%s: %v with the hint %q", what, err, fitbit.Hint(err))
		}
	}
	if !errors.Is(begin, signin.ErrNoClient) {
		t.Errorf("error is %v", begin)
	}
	for _, name := range []string{"Anna!", "bridge", ""} {
		if _, err := l.desk.Import(t.Context(), signin.Import{Name: name, Backend: "old", RefreshToken: "any"}); err == nil || !strings.Contains(err.Error(), fitbit.NameRule) {
			t.Errorf("a name that is not allowed: %v", err)
		}
	}
}

// TestTheNextStepOfAMove is the same move once more, for whoever tries it again and for
// whoever wonders why there is no sign-in.
func TestTheNextStepOfAMove(t *testing.T) {
	for want, r := range map[string]signin.Request{
		"start again: fitbit2mqtt connect anna":                                 {},
		"start again: fitbit2mqtt connect anna --move":                          {Move: true},
		"start again: fitbit2mqtt connect anna --backend google":                {Backend: "google"},
		"start again: fitbit2mqtt connect anna --backend google --move":         {Backend: "google", Move: true},
		"start again: fitbit2mqtt connect anna --backend google --same-person":  {Backend: "google", SamePerson: true},
		"start again: fitbit2mqtt connect anne --backend google --same-person ": {Backend: "google", SamePerson: true},
	} {
		t.Run(want, func(t *testing.T) {
			l := newLab(t)
			l.inOld(server("anna"), "user-anna")
			if _, err := l.desk.Disconnect(t.Context(), "anna"); err != nil {
				t.Fatal(err)
			}
			r.Name = "anna"
			s := l.begin(r)
			name := "anna"
			if strings.Contains(want, "anne") { // renamed meanwhile
				name = "anne"
				if err := l.store.Rename(t.Context(), "anna", name); err != nil {
					t.Fatal(err)
				}
			}
			_, err := l.desk.Finish(t.Context(), fitbit.Callback{State: s.State, Err: "access_denied"}, "")
			if hint := fitbit.Hint(err); !strings.HasSuffix(hint, strings.TrimSpace(want)) || l.account(name).LostHint != hint {
				t.Errorf("the hint is %q, the account says %q", hint, l.account(name).LostHint)
			}
			l.clock.Advance(11 * time.Minute)
		})
	}
	// Somebody new at another cloud than the default one.
	l := newLab(t)
	s := l.begin(server("ben"))
	l.clock.Advance(11 * time.Minute)
	_, err := l.desk.Progress(t.Context(), s.ID)
	if hint := fitbit.Hint(err); !strings.HasSuffix(hint, "connect ben --backend old") {
		t.Errorf("the hint is %q", hint)
	}
	_, err = l.desk.Finish(t.Context(), l.old.allow(s, "user-ben"), "")
	if hint := fitbit.Hint(err); !strings.HasSuffix(hint, "connect ben --backend old") {
		t.Errorf("the hint is %q", hint)
	}
}

// TestWhatFailsIsNotKept: a secret that an import did not prove is worth nothing.
func TestWhatFailsIsNotKept(t *testing.T) {
	l := newLab(t)
	in := l.foreign("anna", "user-anna")
	in.Secret = "GOCSPX-wrong"
	l.secret(in.Secret)
	if _, err := l.desk.Import(t.Context(), in); !errors.Is(err, fitbit.ErrSetup) {
		t.Errorf("error is %v", err)
	}
	if _, err := l.store.Client(t.Context(), "old", oldServer); !errors.Is(err, tokenstore.ErrNoClient) {
		t.Errorf("the client is kept (%v)", err)
	}
	in.Secret = secretOf(oldServer)
	l.imports(in)
}
