package webapi_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// TestRefusals: what each refusal means in either form, and what its hint names.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		kind   error
		reason string
		hint   string
	}{
		{"expired", refusal(401, "expired_token"), fitbit.ErrReauthRequired, "expired_token", "sign in again"},
		{"invalid", refusal(401, "invalid_token"), fitbit.ErrReauthRequired, "invalid_token", "sign in again"},
		{"401 in HTML", say(401, "text/html", "<html>"+dead), fitbit.ErrReauthRequired, "", "sign in again"},
		{"scope", refusal(403, "insufficient_scope"), fitbit.ErrPermission, "insufficient_scope", "ticked"},
		{"read-only app", refusal(403, "insufficient_permissions"), fitbit.ErrPermission, "insufficient_permissions", "ticked"},
		{"403 of the front end", googleRefusal(403, "PERMISSION_DENIED"), fitbit.ErrPermission, "PERMISSION_DENIED", "ticked"},
		{"403 in HTML", say(403, "text/html", "<html>no"), fitbit.ErrPermission, "", "ticked"},
		{"our range", refusal(400, "validation"), fitbit.ErrProtocol, "validation", "report"},
		{"too many points", refusal(422, "validation"), fitbit.ErrProtocol, "validation", "report"},
		{"not there", refusal(404, "not_found"), fitbit.ErrProtocol, "not_found", "report"},
		{"404 in HTML", say(404, "text/html", "<html>no"), fitbit.ErrProtocol, "", "report"},
		{"410 in HTML", say(410, "text/html", "<html>no"), fitbit.ErrRetired, "", "--backend google"},
		{"410 of the front end", googleRefusal(410, "NOT_FOUND"), fitbit.ErrRetired, "NOT_FOUND", "--backend google"},
		{"410, whatever it says", refusal(410, "invalid_token"), fitbit.ErrRetired, "invalid_token", "--backend google"},
		{"408", say(408, "text/html", ""), fitbit.ErrUnavailable, "", "wait"},
		{"500", refusal(500, "request"), fitbit.ErrUnavailable, "request", "wait"},
		{"502 in HTML", say(502, "text/html", "<html>no"), fitbit.ErrUnavailable, "", "wait"},
		{"503", googleRefusal(503, "UNAVAILABLE"), fitbit.ErrUnavailable, "UNAVAILABLE", "wait"},
		{"599", say(599, "", ""), fitbit.ErrUnavailable, "", "wait"},
		{"a redirect", say(302, "text/html", ""), fitbit.ErrProtocol, "", "report"},
		{"no content", say(204, "", ""), fitbit.ErrProtocol, "", "report"},
		{"several", say(400, "application/json", `{"errors": [null, {"errorType": 7}, {"errorType": "oauth"}]}`), fitbit.ErrProtocol, "oauth", "report"},
		{"no word", refusal(400, dead), fitbit.ErrProtocol, "", "report"},
		{"a sentence", refusal(400, "no such "+secret), fitbit.ErrProtocol, "", "report"},
		{"a long word", refusal(400, strings.Repeat("invalid_", 9)), fitbit.ErrProtocol, "", "report"},
		{"another form", say(400, "application/json", `{"errors": {"errorType": "x"}, "error": ["`+dead+`"]}`), fitbit.ErrProtocol, "", "report"},
	} {
		_, err := serve(t, c.answer).Weights(t.Context(), month())
		var ce *fitbit.CloudError
		if !errors.Is(err, c.kind) || !errors.As(err, &ce) {
			t.Errorf("%s: error is %v, want %v", c.name, err, c.kind)
			continue
		}
		if ce.Reason != c.reason || !strings.Contains(ce.Hint, c.hint) || ce.Detail == "" {
			t.Errorf("%s: %q, reason %q, with the hint %q; want %q and %q", c.name, ce, ce.Reason, ce.Hint, c.reason, c.hint)
		}
		if !errors.Is(c.kind, fitbit.ErrReauthRequired) && errors.Is(err, fitbit.ErrReauthRequired) {
			t.Errorf("%s is taken for a lost sign-in", c.name)
		}
		if leaks(err) {
			t.Errorf("%s: a secret is in %v", c.name, err)
		}
	}
}

// TestTooManyRequests: the budget's end counts for more than Retry-After, and neither
// keeps anybody waiting for ever.
func TestTooManyRequests(t *testing.T) {
	const reset, after = "fitbit-rate-limit-RESET", "Retry-After"
	limited := refusal(429, "system")
	for _, c := range []struct {
		answer http.HandlerFunc
		wait   time.Duration
	}{
		{limited, 15 * time.Minute},
		{say(429, "text/html", "<html>no"), 15 * time.Minute},
		{with(limited, reset, "1201"), 1201 * time.Second},
		{with(limited, reset, "1201", after, "5"), 1201 * time.Second},
		{with(limited, reset, "60", after, "3600"), time.Minute},
		{with(limited, after, "300"), 5 * time.Minute},
		{with(limited, after, "Fri, 20 Nov 2026 12:30:00 GMT"), 30 * time.Minute},
		{with(limited, after, "Fri, 20 Nov 2026 11:30:00 GMT"), 10 * time.Second}, // has passed
		{with(limited, reset, "soon", after, "soon"), 15 * time.Minute},
		{with(limited, reset, "-7"), 15 * time.Minute},
		{with(limited, reset, "0"), 10 * time.Second},
		{with(limited, reset, "99999999"), 65 * time.Minute},
		{with(limited, after, "99999999"), 65 * time.Minute},
		{with(googleRefusal(429, "RESOURCE_EXHAUSTED"), reset, "7"), 10 * time.Second},
	} {
		_, err := serve(t, c.answer).Weights(t.Context(), month())
		limit, ok := errors.AsType[*fitbit.RateLimitError](err)
		if !ok || !limit.Until.Equal(noon().Add(c.wait)) {
			t.Errorf("error is %v, want a rate limit of %v", err, c.wait)
		}
	}
}

// TestRetired: the whole service answers 410, and everything says where to go.
func TestRetired(t *testing.T) {
	l := newLab(t, fakecloud.FitbitOptions{})
	refresh := l.tokens.grant.RefreshToken
	l.fake.RetireFitbit()
	_, weights := l.client.Weights(t.Context(), month())
	_, identity := l.client.Identity(t.Context())
	_, renewed := l.tokens.app.Refresh(t.Context(), refresh)
	_, introspected := l.tokens.app.Introspect(t.Context(), l.tokens.grant.AccessToken)
	for _, err := range []error{weights, identity, renewed, introspected, l.tokens.app.Revoke(t.Context(), refresh)} {
		if !errors.Is(err, fitbit.ErrRetired) || !strings.Contains(fitbit.Hint(err), "connect ACCOUNT --backend google") ||
			!strings.Contains(err.Error(), "2 November 2026") {
			t.Errorf("error is %v with the hint %q", err, fitbit.Hint(err))
		}
	}
	if l.tokens.renewals != 0 {
		t.Error("a token was renewed because the service is gone")
	}
}

// TestBothFormsOfForbidden: a scope that was not granted, as it was always said and
// as it is since 2026; nothing else suffers.
func TestBothFormsOfForbidden(t *testing.T) {
	for _, google := range []bool{false, true} {
		l := newLab(t, fakecloud.FitbitOptions{GoogleErrors: google})
		l.signIn(t, l.tokens.app, "heartrate")
		_, err := l.client.HeartDays(t.Context(), fitbit.HRV, day(t, "2026-11-19"), day(t, "2026-11-20"))
		if !errors.Is(err, fitbit.ErrPermission) || fitbit.Hint(err) == "" {
			t.Errorf("error is %v, want ErrPermission", err)
		}
		if _, err := l.client.Weights(t.Context(), month()); err != nil {
			t.Errorf("weights are struck as well: %v", err)
		}
	}
}
