package googlehealth_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// refusal is an error answer in Google's form.
func refusal(code int, status, reason, message string) http.HandlerFunc {
	details := ""
	if reason != "" {
		details = `{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "` + reason + `", "domain": "health.googleapis.com", "metadata": {"redirect_uri": "https://fitbit.google.com/auth/signup"}}`
	}
	return say(code, "application/json; charset=UTF-8", fmt.Sprintf(`{"error": {"code": %d, "message": %q, "status": %q, "details": [%s]}}`, code, message, status, details))
}

// TestRefusals: what each refusal means, and what its hint names.
func TestRefusals(t *testing.T) {
	const denied, failed = "PERMISSION_DENIED", "FAILED_PRECONDITION"
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		kind   error
		hint   string
	}{
		{"not linked", refusal(400, failed, "ACCOUNT_NOT_LINKED", "m"), fitbit.ErrSetup, "Google Health app"},
		{"our filter", refusal(400, "INVALID_ARGUMENT", "INVALID_DATA_POINT_FILTER_DATA_TYPE_MEMBER", "m"), fitbit.ErrProtocol, "report"},
		{"our range", refusal(400, "INVALID_ARGUMENT", "INVALID_ROLLUP_QUERY_DURATION", "m"), fitbit.ErrProtocol, "report"},
		{"our bug", refusal(400, "INVALID_ARGUMENT", "", "m"), fitbit.ErrProtocol, "report"},
		{"no profile, one way", refusal(412, failed, "", "Precondition check failed."), fitbit.ErrSetup, "set-up"},
		{"no profile, another way", refusal(400, failed, "", "Precondition check failed."), fitbit.ErrSetup, "set-up"},
		{"scope, says the service", refusal(403, denied, "MISSING_OAUTH_SCOPE", "m"), fitbit.ErrPermission, "ticked"},
		{"scope, says the front end", refusal(403, denied, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "m"), fitbit.ErrPermission, "ticked"},
		{"too many scopes", refusal(403, denied, "DISALLOWED_OAUTH_SCOPES", "m"), fitbit.ErrSetup, "myaccount.google.com/connections"},
		{"API off", refusal(403, denied, "SERVICE_DISABLED", "m"), fitbit.ErrSetup, "https://console.cloud.google.com/apis/library/health.googleapis.com"},
		{"not admitted", refusal(403, denied, "API_PRIVATE_PREVIEW_ACCESS_DENIED", "m"), fitbit.ErrSetup, "does not help"},
		{"resource", refusal(403, denied, "RESOURCE_PERMISSION_DENIED", "m"), fitbit.ErrSetup, "myaccount.google.com/connections"},
		{"data", refusal(403, denied, "DATA_ACCESS_DENIED", "m"), fitbit.ErrSetup, "myaccount.google.com/connections"},
		{"old account", refusal(403, denied, "", "UberMint says no"), fitbit.ErrSetup, "move it to a Google account"},
		{"any other 403", refusal(403, denied, "", "The caller does not have permission"), fitbit.ErrSetup, "hours"},
		{"403 in HTML", say(403, "text/html", "<html>no"), fitbit.ErrSetup, "hours"},
		{"404 in HTML", say(404, "text/html", "<html>no"), fitbit.ErrProtocol, "report"},
		{"404", refusal(404, "NOT_FOUND", "RESOURCE_NOT_FOUND", "m"), fitbit.ErrProtocol, "report"},
		{"410", say(410, "text/html", "<html>no"), fitbit.ErrRetired, "newer version"},
		{"408", say(408, "text/html", "<html>no"), fitbit.ErrUnavailable, "status"},
		{"500", refusal(500, "INTERNAL", "INTERNAL_ERROR", "m"), fitbit.ErrUnavailable, "status"},
		{"502 in HTML", say(502, "text/html", "<html>no"), fitbit.ErrUnavailable, "status"},
		{"503", refusal(503, "UNAVAILABLE", "", "m"), fitbit.ErrUnavailable, "status"},
		{"504", refusal(504, "DEADLINE_EXCEEDED", "", "m"), fitbit.ErrUnavailable, "status"},
		{"599", say(599, "", ""), fitbit.ErrUnavailable, "status"},
		{"a redirect", say(302, "text/html", ""), fitbit.ErrProtocol, "report"},
		{"no content", say(204, "", ""), fitbit.ErrProtocol, "report"},
		{"503, not the JSON it should be", say(503, "application/json", `{"error": {"code": "x", "details": {}}}`), fitbit.ErrUnavailable, "status"},
	} {
		_, err := serve(t, c.answer).Weights(t.Context(), year())
		var ce *fitbit.CloudError
		if !errors.Is(err, c.kind) || !errors.As(err, &ce) {
			t.Errorf("%s: error is %v, want %v", c.name, err, c.kind)
			continue
		}
		if !strings.Contains(ce.Hint, c.hint) || ce.Detail == "" {
			t.Errorf("%s: %q with the hint %q, want one that names %q", c.name, ce, ce.Hint, c.hint)
		}
		if !errors.Is(c.kind, fitbit.ErrReauthRequired) && errors.Is(err, fitbit.ErrReauthRequired) {
			t.Errorf("%s is taken for a lost sign-in", c.name)
		}
	}
}

// TestWhatARefusalMaySay: the cloud's constants and its console's address, and
// nothing else of what it sends.
func TestWhatARefusalMaySay(t *testing.T) {
	const console = "https://console.developers.google.com/apis/api/health.googleapis.com/overview?project=123456789012"
	disabled := func(link string) http.HandlerFunc {
		return say(403, "application/json", `{"error": {"code": 403, "message": "users/1112223334445556667 SECRET", "status": "PERMISSION_DENIED", "details": [
			{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED", "metadata": {"consumer": "projects/SECRET"}},
			{"@type": "type.googleapis.com/google.rpc.Help", "links": [{"description": "SECRET", "url": "`+link+`"}]}]}}`)
	}
	for _, c := range []struct {
		name     string
		answer   http.HandlerFunc
		says     string
		hintSays string
	}{
		{"console", disabled(console), "SERVICE_DISABLED", console},
		{"phishing", disabled("https://console.cloud.google.com.example/SECRET"), "SERVICE_DISABLED", "https://console.cloud.google.com/apis/library/"},
		{"script", disabled("javascript:SECRET"), "SERVICE_DISABLED", "https://console.cloud.google.com/apis/library/"},
		{"two lines", disabled(console + `\nSECRET`), "SERVICE_DISABLED", "https://console.cloud.google.com/apis/library/"},
		{"detailed", say(400, "application/json", `{"error": {"status": "INVALID_ARGUMENT", "message": "SECRET", "details": [
			{"reason": "INVALID_DATA_POINT_FILTER", "metadata": {"detailedReasons": "MIXED_TIME_RESTRICTIONS"}}]}}`), "MIXED_TIME_RESTRICTIONS", ""},
		{"words", refusal(400, "secret", "not a constant SECRET", "SECRET"), "400 Bad Request", ""},
		{"token", refusal(400, "INVALID_ARGUMENT", accessToken, accessToken), "INVALID_ARGUMENT", ""},
		{"no JSON", say(400, "text/plain", `{"error": {"status": "SECRET"}}`), "400 Bad Request", ""},
	} {
		_, err := serve(t, c.answer).Weights(t.Context(), year())
		text := fmt.Sprintf("%v %+v", err, err)
		if !strings.Contains(text, c.says) || !strings.Contains(fitbit.Hint(err), c.hintSays) {
			t.Errorf("%s: %q with the hint %q, want %q with %q", c.name, err, fitbit.Hint(err), c.says, c.hintSays)
		}
		for _, private := range []string{"SECRET", accessToken, "1112223334445556667", "physical_time", "2025-11-20"} {
			if strings.Contains(text+fitbit.Hint(err), private) {
				t.Errorf("%s: %q is in %s", c.name, private, text)
			}
		}
	}
}

// TestTooManyRequests: by code or by word, with and without a time.
func TestTooManyRequests(t *testing.T) {
	after := func(retryAfter string, h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", retryAfter)
			h(w, r)
		}
	}
	limited := refusal(429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED", "m")
	for _, c := range []struct {
		answer http.HandlerFunc
		wait   time.Duration
	}{
		{limited, time.Minute},
		{say(429, "text/html", "<html>no"), time.Minute},
		{refusal(403, "RESOURCE_EXHAUSTED", "", "m"), time.Minute},
		{after("5", limited), time.Minute}, // the quota is per minute
		{after("300", limited), 5 * time.Minute},
		{after("Fri, 20 Nov 2026 13:00:00 GMT", limited), time.Hour},
		{after("soon", limited), time.Minute},
		{after("31536000", limited), 24 * time.Hour},
	} {
		_, err := serve(t, c.answer).Weights(t.Context(), year())
		limit, ok := errors.AsType[*fitbit.RateLimitError](err)
		if !ok || !limit.Until.Equal(noon().Add(c.wait)) {
			t.Errorf("error is %v, want a rate limit of %v", err, c.wait)
		}
	}
}

func TestAccountThatIsNotReady(t *testing.T) {
	l := newLab(t, fakecloud.PersonOptions{})
	for state, hint := range map[fakecloud.State]string{
		fakecloud.NotLinked:     "the account that the scale uses",
		fakecloud.NoProfile:     "finish its set-up",
		fakecloud.LegacyAccount: "move it to a Google account",
	} {
		l.anna.SetState(state)
		_, err := l.client.Identity(t.Context())
		if !errors.Is(err, fitbit.ErrSetup) || !strings.Contains(fitbit.Hint(err), hint) {
			t.Errorf("state %d: %v with the hint %q, want ErrSetup with %q", state, err, fitbit.Hint(err), hint)
		}
	}
	l.anna.SetState(fakecloud.Linked)
	if id, err := l.client.Identity(t.Context()); err != nil || id.User != l.anna.User() {
		t.Errorf("identity is %v (%v), want %s", id, err, l.anna.User())
	}
}
