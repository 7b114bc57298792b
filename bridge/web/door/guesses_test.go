package door_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/web/door"
)

func TestTenThousandGuesses(t *testing.T) {
	h := build(t, door.Options{Password: hashed(t)})
	const guesses, many = 10_000, 8
	var crowd sync.WaitGroup
	for worker := range many {
		crowd.Go(func() {
			for i := range guesses / many {
				a := h.send(knock{form: word(fmt.Sprint("guess", worker, i))})
				if len(a.cookies) != 0 || a.status != http.StatusUnauthorized && a.status != http.StatusTooManyRequests {
					t.Errorf("a guess is answered %d with %v", a.status, a.cookies)
				}
				if i == guesses/many/2 {
					h.signIn(t, knock{peer: fmt.Sprintf("192.168.2.%d:1", worker)})
				}
			}
		})
	}
	crowd.Wait()
	lines := h.lines()
	if len(lines) != 1 || !strings.Contains(h.log.String(), `level=WARN msg="page refused a wrong password`) || !strings.Contains(h.log.String(), "from=192.168.1.20") {
		t.Errorf("logged %d lines:\n%s", len(lines), h.log.String())
	}
	if strings.Contains(h.log.String(), "guess0") || h.reached != 0 {
		t.Errorf("%d requests came through; log:\n%s", h.reached, h.log.String())
	}
	a := h.send(knock{form: word(secret)})
	want(t, "the right password, held off", a, http.StatusTooManyRequests)
	if a.header.Get("Retry-After") != "10" || h.form().Wait != 10*time.Second || h.form().Failed {
		t.Errorf("Retry-After %q, form %+v", a.header.Get("Retry-After"), h.form())
	}
}

func TestGuessesOverTime(t *testing.T) {
	h := build(t, door.Options{Password: hashed(t)})
	statuses := func(n int) (s []int) {
		for range n {
			s = append(s, h.send(knock{form: word("wrong")}).status)
		}
		return s
	}
	for _, step := range []struct {
		after time.Duration
		want  string
		lines int
	}{
		{0, "[401 401 401 401 401 429 429]", 1},
		{9 * time.Second, "[429]", 1},
		{1 * time.Second, "[401 429]", 1},
		{14 * time.Minute, "[401 401 401 401 401 429]", 1},
		{15 * time.Minute, "[401 401 401 401 401 429]", 2},
	} {
		h.pass(step.after)
		if got := fmt.Sprint(statuses(strings.Count(step.want, " ") + 1)); got != step.want || len(h.lines()) != step.lines {
			t.Errorf("after %s: %s, want %s; %d lines", step.after, got, step.want, len(h.lines()))
		}
	}
	h.pass(10 * time.Second)
	h.signIn(t, knock{})
	if got := fmt.Sprint(statuses(5)); got != "[401 401 401 401 401]" {
		t.Errorf("after the right password: %s", got)
	}
}

func TestWhoIsCounted(t *testing.T) {
	trusted := networks("10.0.0.0/30", "fd00::/64")
	heldOff := knock{peer: "198.51.100.7:1"}
	for name, c := range map[string]struct {
		k    knock
		same bool
	}{
		"itself":                  {k: knock{peer: "198.51.100.7:2"}, same: true},
		"its neighbour":           {k: knock{peer: "198.51.100.8:1"}},
		"in IPv6 notation":        {k: knock{peer: "[::ffff:198.51.100.7]:1"}, same: true},
		"names another":           {k: knock{peer: "198.51.100.7:2", header: map[string]string{"X-Forwarded-For": "198.51.100.9"}}, same: true},
		"through a proxy":         {k: knock{peer: proxy, header: map[string]string{"X-Forwarded-For": "198.51.100.7"}}, same: true},
		"with a port":             {k: knock{peer: proxy, header: map[string]string{"X-Forwarded-For": "198.51.100.7:4711"}}, same: true},
		"through two proxies":     {k: knock{peer: proxy, header: map[string]string{"X-Forwarded-For": "203.0.113.1, 198.51.100.7,10.0.0.1"}}, same: true},
		"claims another":          {k: knock{peer: proxy, header: map[string]string{"X-Forwarded-For": "203.0.113.1, 198.51.100.7"}}, same: true},
		"another through a proxy": {k: knock{peer: proxy, header: map[string]string{"X-Forwarded-For": "198.51.100.7, 203.0.113.1"}}},
		"writes nonsense":         {k: knock{peer: proxy, header: map[string]string{"X-Forwarded-For": "198.51.100.7, unknown"}}},
		"only proxies":            {k: knock{peer: proxy, header: map[string]string{"X-Forwarded-For": "10.0.0.1"}}},
	} {
		h := build(t, door.Options{Password: hashed(t), TrustedProxies: trusted})
		for range 5 {
			heldOff.form = word("wrong")
			h.send(heldOff)
		}
		c.k.form = word("wrong")
		status := http.StatusUnauthorized
		if c.same {
			status = http.StatusTooManyRequests
		}
		want(t, name, h.send(c.k), status)
	}
}

func TestHouseholdOfIPv6CountsOnce(t *testing.T) {
	h := build(t, door.Options{Password: hashed(t)})
	for i := range 6 {
		a := h.send(knock{peer: fmt.Sprintf("[2001:db8:1:2::%x]:1", i+1), form: word("wrong")})
		want(t, "guess", a, map[bool]int{true: http.StatusUnauthorized, false: http.StatusTooManyRequests}[i < 5])
	}
	want(t, "the neighbours", h.send(knock{peer: "[2001:db8:1:3::1]:1", form: word("wrong")}), http.StatusUnauthorized)
	if !strings.Contains(h.log.String(), "from=2001:db8:1:2::/64") {
		t.Errorf("log: %s", h.log.String())
	}
}
