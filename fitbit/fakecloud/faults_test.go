package fakecloud_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

func TestFaultsRefuse(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna").AccessToken
	for _, c := range []struct {
		fault       fakecloud.Fault
		status      int
		rpc, reason string
	}{
		{fakecloud.Fault{Kind: fakecloud.Unauthorized}, 401, "UNAUTHENTICATED", ""},
		{fakecloud.Fault{Kind: fakecloud.Forbidden, Reason: "RESOURCE_PERMISSION_DENIED"}, 403, "PERMISSION_DENIED", "RESOURCE_PERMISSION_DENIED"},
		{fakecloud.Fault{Kind: fakecloud.Forbidden, Reason: "SERVICE_DISABLED"}, 403, "PERMISSION_DENIED", "SERVICE_DISABLED"},
		{fakecloud.Fault{Kind: fakecloud.RateLimited}, 429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED"},
		{fakecloud.Fault{Kind: fakecloud.ServerError}, 503, "UNAVAILABLE", ""},
		{fakecloud.Fault{Kind: fakecloud.Conflict}, 409, "ABORTED", ""},
		{fakecloud.Fault{Kind: fakecloud.ServerError, Status: 500, Reason: "INTERNAL_ERROR"}, 500, "INTERNAL", "INTERNAL_ERROR"},
		{fakecloud.Fault{Kind: fakecloud.ServerError, Status: 504}, 504, "DEADLINE_EXCEEDED", ""},
	} {
		cancel := l.cloud.Fail(c.fault)
		l.list("weight", tok).refused(c.status, c.rpc, c.reason)
		cancel()
		l.list("weight", tok).want(200)
	}
	l.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Forbidden, Reason: "SERVICE_DISABLED"})
	if body := l.list("weight", tok).body; !strings.Contains(body, "type.googleapis.com/google.rpc.Help") {
		t.Errorf("no help: %s", body)
	}
}

func TestFaultsAtTheTokenEndpoint(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna")
	l.cloud.Fail(fakecloud.Fault{Kind: fakecloud.ServerError, Path: "/token", Times: 1})
	l.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Forbidden, Path: "/token", Status: 400, Reason: "invalid_grant", Times: 1})
	l.get("/tokeninfo?access_token="+tok.AccessToken, "").refusedOAuth(503, "internal_failure") // contains "/token"
	l.post("/token", refreshForm(clientID, tok.RefreshToken)).refusedOAuth(400, "invalid_grant")
	l.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Unauthorized, Path: "/token", Times: 1})
	l.post("/token", refreshForm(clientID, tok.RefreshToken)).refusedOAuth(401, "invalid_client")
	l.post("/token", refreshForm(clientID, tok.RefreshToken)).want(200)
}

func TestFaultsSpoilAnswers(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna").AccessToken
	l.anna.WeighIn(l.clock.Now(), 78, 24)
	whole := l.list("weight", tok).want(200).body
	once := func(f fakecloud.Fault) answer {
		f.Times = 1
		l.cloud.Fail(f)
		return l.list("weight", tok)
	}
	for status, a := range map[int]answer{
		502: once(fakecloud.Fault{Kind: fakecloud.HTML}),
		200: once(fakecloud.Fault{Kind: fakecloud.HTML, Status: 200}),
		410: once(fakecloud.Fault{Kind: fakecloud.Gone}),
	} {
		if a.want(status); !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || !strings.Contains(a.body, "<html") {
			t.Errorf("got %s", a.body)
		}
	}
	if a := once(fakecloud.Fault{Kind: fakecloud.Garbage}).want(200); !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") || a.body == whole {
		t.Errorf("garbage: got %v %s", a.header, a.body)
	}
	if a := once(fakecloud.Fault{Kind: fakecloud.Truncated}); a.status != 200 || a.err == nil || a.body != whole[:len(whole)/2] {
		t.Errorf("truncated: got %v, %q", a.err, a.body)
	}
	if a := once(fakecloud.Fault{Kind: fakecloud.Oversized}).want(200); len(a.body) < 20<<20 || !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		t.Errorf("oversized: got %d bytes", len(a.body))
	}
	if a := once(fakecloud.Fault{Kind: fakecloud.RateLimited, RetryAfter: 1500 * time.Millisecond}); a.header.Get("Retry-After") != "2" {
		t.Errorf("Retry-After: got %v", a.header)
	}
	if a := once(fakecloud.Fault{Kind: fakecloud.RateLimited}); a.header.Get("Retry-After") != "" {
		t.Errorf("Retry-After: got %v", a.header)
	}
	l.list("weight", tok).want(200).wantBody(whole)
}

func TestDroppedReplyIsActedOn(t *testing.T) {
	l := newLab(t)
	code := l.consent(fakecloud.Answer{Person: "anna"}, authQuery()).Get("code")
	l.cloud.ResetRequests()
	l.cloud.Fail(fakecloud.Fault{Kind: fakecloud.DropReply, Path: "/token", Times: 1})
	if a := l.post("/token", codeForm(clientID, code)); a.err == nil || a.status != 0 {
		t.Fatalf("got an answer: %+v", a)
	}
	l.post("/token", codeForm(clientID, code)).refusedOAuth(400, "invalid_grant")
	got := l.cloud.Requests()
	if len(got) != 2 || got[0].Status != 0 || got[0].Fault != fakecloud.DropReply || got[0].Person != "anna" || got[1].Fault != "" {
		t.Errorf("recorded %+v", got)
	}
}

func TestWhichRequestsAreStruck(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna").AccessToken
	struck := func(dataTypes ...string) string {
		var pattern strings.Builder
		for _, dataType := range dataTypes {
			pattern.WriteString(map[int]string{200: ".", 503: "x"}[l.list(dataType, tok).status])
		}
		return pattern.String()
	}
	for _, c := range []struct {
		fault fakecloud.Fault
		want  string
	}{
		{fakecloud.Fault{}, "xxxxxx"},
		{fakecloud.Fault{Path: "/weight/"}, "x.x.x."},
		{fakecloud.Fault{Path: "/v4/users/*/dataTypes/body-*/dataPoints"}, ".x.x.x"},
		{fakecloud.Fault{Path: "/settings"}, "......"},
		{fakecloud.Fault{Times: 2}, "xx...."},
		{fakecloud.Fault{Every: 3}, "..x..x"},
		{fakecloud.Fault{Every: 2, Times: 1}, ".x...."},
		{fakecloud.Fault{Every: 2, Path: "/weight/"}, "..x..."},
	} {
		c.fault.Kind = fakecloud.ServerError
		cancel := l.cloud.Fail(c.fault)
		if got := struck("weight", "body-fat", "weight", "body-fat", "weight", "body-fat"); got != c.want {
			t.Errorf("%+v struck %s, want %s", c.fault, got, c.want)
		}
		cancel()
	}
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cloud := fakecloud.New(fakecloud.Options{})
		cloud.Fail(fakecloud.Fault{Kind: fakecloud.Slow, Delay: time.Minute})
		start := time.Now()
		w := httptest.NewRecorder()
		cloud.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v4/users/me/identity", http.NoBody))
		if took := time.Since(start); took != time.Minute || w.Code != 401 {
			t.Errorf("got %d after %v", w.Code, took)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		if _, err := cloud.Consent(ctx, "/o/oauth2/v2/auth", fakecloud.Answer{}); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
	})
}

func TestSlowBody(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna").AccessToken
	whole := l.list("weight", tok).want(200).body
	cancel := l.cloud.Fail(fakecloud.Fault{Kind: fakecloud.SlowBody, Delay: time.Nanosecond})
	l.list("weight", tok).want(200).wantBody(whole)
	cancel()
	l.cloud.Fail(fakecloud.Fault{Kind: fakecloud.SlowBody, Delay: time.Hour})
	ctx, stop := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url+"/v4/users/me/dataTypes/weight/dataPoints", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+tok)
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	half := make([]byte, len(whole)/2)
	if _, err := io.ReadFull(resp.Body, half); err != nil || string(half) != whole[:len(half)] {
		t.Errorf("got %q: %v", half, err)
	}
	stop()
	if rest, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("got the rest at once: %q", rest)
	}
}
