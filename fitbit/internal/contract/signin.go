package contract

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

func signIn(l *lab) {
	g := l.grant("anna")
	if g.AccessToken == "" || g.RefreshToken == "" || len(g.Scopes) == 0 {
		l.Errorf("the grant lacks a token or scopes: %d scopes", len(g.Scopes))
	}
	if lasts := g.Expiry.Sub(l.clock.Now()); lasts < 30*time.Minute || lasts > 9*time.Hour {
		l.Errorf("the access token lasts %v", lasts)
	}
	src := l.cloud.Source(l.env, &tokens{lab: l, grant: g})
	_, err := src.Identity(l.Context())
	l.fine(err)
}

func signInDenied(l *lab) {
	_, callback := l.consent(fakecloud.Answer{Person: "anna", Deny: true})
	if callback.Err != "access_denied" || callback.Code != "" {
		l.Errorf("after a refusal the browser brings back %+v", callback)
	}
}

func signInFails(l *lab) {
	exchange := func(app fitbit.Authorizer, a fitbit.Attempt, code string, kind error) {
		l.Helper()
		g, err := app.Exchange(l.Context(), a, code)
		l.fails(err, kind)
		if fitbit.Hint(err) == "" {
			l.Errorf("%v comes without a hint", err)
		}
		l.secret(g.AccessToken, g.RefreshToken)
	}
	attempt, callback := l.consent(fakecloud.Answer{Person: "anna"})
	for _, change := range []func(*fitbit.Attempt){
		func(a *fitbit.Attempt) { a.Verifier = "another-verifier-of-at-least-forty-three-characters" },
		func(a *fitbit.Attempt) { a.RedirectURL += "/" },
	} {
		other := attempt
		change(&other)
		exchange(l.app, other, callback.Code, fitbit.ErrReauthRequired)
	}
	for _, change := range []func(*Env){
		func(e *Env) { e.ClientSecret = "GOCSPX-another-secret" },
		func(e *Env) { e.ClientID = "nobody.apps.example" },
	} {
		other := l.env
		change(&other)
		l.secret(other.ClientSecret)
		exchange(l.cloud.Authorizer(other), attempt, callback.Code, fitbit.ErrSetup)
	}
	exchange(l.app, attempt, "no-such-code-as-this", fitbit.ErrReauthRequired)

	attempt, callback = l.consent(fakecloud.Answer{Person: "anna"})
	_, err := l.app.Exchange(l.Context(), attempt, callback.Code)
	l.fine(err)
	exchange(l.app, attempt, callback.Code, fitbit.ErrReauthRequired) // used

	attempt, callback = l.consent(fakecloud.Answer{Person: "anna"})
	l.clock.Advance(11 * time.Minute)
	exchange(l.app, attempt, callback.Code, fitbit.ErrReauthRequired) // too late
}

func refresh(l *lab) {
	src, t := l.source()
	old := t.grant
	l.clock.Set(old.Expiry)
	_, err := src.Identity(l.Context()) // the token has expired: 401, renewed, once more
	l.fine(err)
	if t.renewals != 1 || t.grant.AccessToken == old.AccessToken || !t.grant.Expiry.After(l.clock.Now()) {
		l.Errorf("after %d renewals the access token lasts until %v", t.renewals, t.grant.Expiry)
	}
	for _, dead := range []string{"", "1//0no-such-refresh-token"} {
		l.secret(dead)
		_, err = l.app.Refresh(l.Context(), dead)
		l.fails(err, fitbit.ErrReauthRequired)
		if fitbit.Hint(err) == "" {
			l.Errorf("%v comes without a hint", err)
		}
	}
}

func revoke(l *lab) {
	src, t := l.source()
	l.fine(l.app.Revoke(l.Context(), t.grant.RefreshToken))
	_, err := src.Identity(l.Context())
	l.fails(err, fitbit.ErrReauthRequired)
	l.fine(l.app.Revoke(l.Context(), t.grant.RefreshToken)) // there is nothing left

	src, t = l.source()
	l.anna.Revoke() // from the cloud's own settings page
	_, err = src.Identity(l.Context())
	l.fails(err, fitbit.ErrReauthRequired)
	_, err = l.app.Refresh(l.Context(), t.grant.RefreshToken)
	l.fails(err, fitbit.ErrReauthRequired)
}

// tokenFaults: whatever befalls the token endpoint, the sign-in is not lost.
func tokenFaults(l *lab) {
	g := l.grant("anna")
	for _, f := range []fakecloud.Fault{
		{Kind: fakecloud.ServerError},
		{Kind: fakecloud.ServerError, Status: http.StatusInternalServerError},
		{Kind: fakecloud.ServerError, Reason: "invalid_grant"},
		{Kind: fakecloud.HTML},
		{Kind: fakecloud.HTML, Status: http.StatusOK}, // a hotel's log-in page
		{Kind: fakecloud.Garbage},
		{Kind: fakecloud.Truncated},
		{Kind: fakecloud.DropReply},
		{Kind: fakecloud.RateLimited},
		{Kind: fakecloud.RateLimited, RetryAfter: 10 * time.Minute},
	} {
		f.Path = l.cloud.TokenPath
		cancel := l.fake.Fail(f)
		lost, err := l.app.Refresh(l.Context(), g.RefreshToken)
		l.secret(lost.AccessToken, lost.RefreshToken)
		if !errors.Is(err, fitbit.ErrUnavailable) {
			l.Errorf("%s %d:", f.Kind, f.Status)
		}
		l.fails(err, fitbit.ErrUnavailable)
		if limit, ok := errors.AsType[*fitbit.RateLimitError](err); f.Kind == fakecloud.RateLimited &&
			(!ok || !limit.Until.After(l.clock.Now()) || limit.Until.Before(l.clock.Now().Add(f.RetryAfter))) {
			l.Errorf("after %v the error is %v", f.RetryAfter, err)
		}
		cancel()
		next, err := l.app.Refresh(l.Context(), g.RefreshToken)
		if err != nil {
			l.Fatalf("after %s the refresh token is dead: %v", f.Kind, err)
		}
		l.secret(next.AccessToken, next.RefreshToken)
		if next.RefreshToken != "" {
			g.RefreshToken = next.RefreshToken
		}
	}
	l.fake.Fail(fakecloud.Fault{Kind: fakecloud.Slow, Path: l.cloud.TokenPath, Delay: time.Hour, Times: 1})
	ctx, cancel := context.WithTimeout(l.Context(), 30*time.Millisecond)
	defer cancel()
	_, err := l.app.Refresh(ctx, g.RefreshToken)
	l.fails(err, context.DeadlineExceeded)

	l.fake.Fail(fakecloud.Fault{Kind: fakecloud.Gone, Path: l.cloud.TokenPath})
	_, err = l.app.Refresh(l.Context(), g.RefreshToken)
	l.fails(err, fitbit.ErrRetired)
}

func permission(l *lab) {
	l.anna.Generate(l.day("2026-11-17"), l.day("2026-11-20"))
	if len(l.cloud.Permissions) == 0 {
		l.Fatal("the cloud has no permissions")
	}
	for _, p := range l.cloud.Permissions {
		g := l.grant("anna", p.Scope)
		src := l.cloud.Source(l.env, &tokens{lab: l, grant: g})
		for _, m := range metrics() {
			err := l.fetch(src, m)
			if !slices.Contains(p.Metrics, m) {
				l.fine(err)
				continue
			}
			l.fails(err, fitbit.ErrPermission)
			if fitbit.Hint(err) == "" {
				l.Errorf("%v comes without a hint", err)
			}
		}
	}
}
