package web_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// TestPagesWhileThingsChange reads everything while people come, go and change their
// names: each page is there or is not, and none is half of both.
func TestPagesWhileThingsChange(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	h.cloud.Person("anna").Generate(fitbit.DateOf(morning()).AddDays(-20), fitbit.DateOf(morning()))
	h.connect("anna")
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		b := h.browser()
		readers.Go(func() {
			for {
				for _, path := range []string{"/", "/connect", "/people/anna", "/people/anne", "/people/anna/charts/weight", "/people/anne/weigh-ins.csv", "/metrics", "/healthz"} {
					a := b.get(path)
					if a.status != http.StatusOK && a.status != http.StatusNotFound && a.status != http.StatusSeeOther {
						t.Errorf("%s: status %d", path, a.status)
					}
					if a.status == http.StatusOK && strings.HasPrefix(path, "/people/ann") && len(a.body) < 50 {
						t.Errorf("%s: %q", path, a.body)
					}
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	b := h.browser()
	for i := range 3 {
		b.post("/people/anna/rename", "to", "anne").wants(http.StatusSeeOther)
		b.post("/people/anne/poll").wants(http.StatusSeeOther)
		b.post("/people/anne/rename", "to", "anna").wants(http.StatusSeeOther)
		b.post("/people/anna/disconnect").wants(http.StatusSeeOther)
		if i%2 == 0 {
			b.post("/people/anna/remove", "sure", "yes").wants(http.StatusSeeOther)
		}
		b.begin("name", "anna").comeBack(fakecloud.Answer{Person: "anna"}).wants(http.StatusOK, "Anna is connected")
	}
	close(stop)
	readers.Wait()
	b.get("/people/anna").wants(http.StatusOK, "Anna")
}

// TestHEAD asks for the head of every address. It is not what a browser does that
// comes back: nothing is spent.
func TestHEAD(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	h.connect("anna")
	b := h.browser()
	begun := b.begin("name", "ben")
	back := h.consent(begun.consentLink(), fakecloud.Answer{Person: "ben"})
	for path, want := range map[string]int{
		"/": http.StatusOK, "/connect": http.StatusOK, "/people/anna": http.StatusOK, "/people/anna/charts/hrv": http.StatusOK,
		"/people/anna/weigh-ins.csv": http.StatusOK, "/people/anna/weigh-ins.json": http.StatusOK, "/metrics": http.StatusOK,
		begun.at.Path: http.StatusOK, "/people/nobody": http.StatusNotFound, "/none": http.StatusNotFound, "/people/anna/poll": http.StatusNotFound,
		strings.TrimPrefix(back, h.url): http.StatusNotFound,
	} {
		head := b.do(b.request(http.MethodHead, path, ""))
		if head.status != want || head.body != "" {
			t.Errorf("%s: status %d, %d bytes", path, head.status, len(head.body))
		}
		if path == strings.TrimPrefix(back, h.url) {
			continue
		}
		whole := b.get(path)
		if whole.status != head.status || whole.header.Get("Content-Type") != head.header.Get("Content-Type") {
			t.Errorf("%s: %d and %d, %v and %v", path, head.status, whole.status, head.header, whole.header)
		}
		if length := head.header.Get("Content-Length"); path != "/metrics" && path != "/" && length != strconv.Itoa(len(whole.body)) {
			t.Errorf("%s: length %s, want %d", path, length, len(whole.body))
		}
	}
	b.get(back).follow().wants(http.StatusOK, "Ben is connected")
}

// TestWhatIsSecret makes sure that the tests know what they look for.
func TestWhatIsSecret(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	h.connect("anna")
	removed, err := h.tokens.Remove(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	for what, secret := range map[string]string{"access token": removed.Grant.AccessToken, "refresh token": removed.Grant.RefreshToken, "client secret": clientSecret, "user": removed.Account.User} {
		if secret == "" || !h.secrets.list[secret] {
			t.Errorf("the %s is not known", what)
		}
	}
	if len(h.secrets.list) < 8 { // and two users, three clients' secrets, a code and its verifier
		t.Errorf("%d secrets", len(h.secrets.list))
	}
}
