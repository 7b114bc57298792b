package bridge

import (
	"encoding/json"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// stats counts what the bridge does.
type stats struct {
	polls, pollErrors, published atomic.Int64
	lastError                    atomic.Pointer[string]

	mu      sync.Mutex
	errors  map[State]int64
	latency Latency
}

func newStats() *stats {
	return &stats{errors: make(map[State]int64), latency: Latency{Counts: make([]int64, len(latencyBounds()))}}
}

// latencyBounds are seconds: from a broker next door to one that hardly answers.
func latencyBounds() []float64 {
	return []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}
}

// Latency says how long the broker takes to acknowledge a message.
type Latency struct {
	Bounds []float64 // seconds, ascending
	Counts []int64   // messages acknowledged within each bound, the quicker ones included
	Count  int64     // all messages
	Sum    float64   // seconds
}

// failed counts a metric that could not be fetched, by what that means.
func (s *stats) failed(state State) {
	if state == StateOK {
		state = "permission_missing" // no trouble of the connection, but one of the metric
	}
	s.pollErrors.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errors[state]++
}

// acknowledged counts a message that the broker has.
func (s *stats) acknowledged(after time.Duration) {
	s.published.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, bound := range latencyBounds() {
		if after.Seconds() <= bound {
			s.latency.Counts[i]++
		}
	}
	s.latency.Count++
	s.latency.Sum += after.Seconds()
}

// healthState is the payload of bridge/health.
type healthState struct {
	UptimeS    int64         `json:"uptime_s"`
	RSSBytes   int64         `json:"rss_bytes"`
	Goroutines int           `json:"goroutines"`
	Accounts   map[State]int `json:"accounts"`
	Polls      int64         `json:"polls"`
	PollErrors int64         `json:"poll_errors"`
	Published  int64         `json:"published"`
	Pending    int           `json:"pending"`
	LastError  *string       `json:"last_error"`
}

// infoState is the payload of bridge/info.
type infoState struct {
	Version   string            `json:"version"`
	StartedAt string            `json:"started_at"`
	Accounts  []infoAccount     `json:"accounts"`
	Topics    map[string]string `json:"topics"`
	Config    json.RawMessage   `json:"config"`
	// Round is set if the bridge has done a single round and is gone, though it says online.
	Round bool `json:"round,omitempty"`
	// Leaving are the prefixes of topics that were used before, until nothing is left there.
	Leaving []string `json:"leaving,omitempty"`
}

type infoAccount struct {
	Name    string `json:"name"`
	Backend string `json:"backend"`
	UID     string `json:"uid"`
}

func (b *Bridge) publishInfo(accounts []Account) {
	info := infoState{
		Version: b.o.Version, StartedAt: b.started.Format(time.RFC3339), Accounts: []infoAccount{}, Config: b.o.Config,
		Round: b.visit != nil,
		Topics: map[string]string{
			"prefix": b.topics.prefix, "discovery": string(b.o.Discovery), "discovery_prefix": b.topics.hass,
			"home_assistant_status": b.topics.status, "state": b.topics.state(), "health": b.topics.health(),
			"settings": b.topics.settings(), "request": b.topics.of("bridge", "request/<name>"), "response": b.topics.response("<name>"),
		},
	}
	for _, name := range []string{"availability", "body", "heart", "device/<id>", "connection", "weigh_in", "command/poll"} {
		info.Topics[name] = b.topics.of("<account>", name)
	}
	for _, a := range accounts {
		info.Accounts = append(info.Accounts, infoAccount{Name: a.Name, Backend: a.Backend, UID: a.UID})
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	info.Leaving = b.info.Leaving
	b.info = info
	b.board.set(b.topics.info(), encode(info))
}

// publishLeaving says where we have published before, or that nothing is left there.
func (b *Bridge) publishLeaving(prefixes []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.info.Leaving = prefixes
	b.board.set(b.topics.info(), encode(b.info))
}

// publishHealth puts on the board how the bridge is, and returns it.
func (b *Bridge) publishHealth(pending int) []byte {
	h := healthState{
		UptimeS: int64(b.o.Now().Sub(b.started).Seconds()), RSSBytes: residentBytes(), Goroutines: runtime.NumGoroutine(),
		Accounts: make(map[State]int), Polls: b.stats.polls.Load(), PollErrors: b.stats.pollErrors.Load(),
		Published: b.stats.published.Load(), Pending: pending, LastError: b.stats.lastError.Load(),
	}
	b.mu.Lock()
	for _, p := range b.persons {
		h.Accounts[p.state()]++
	}
	b.mu.Unlock()
	payload := encode(h)
	b.board.set(b.topics.health(), payload)
	return payload
}

// residentBytes is the memory this process takes up, as far as the system tells.
func residentBytes() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if fields := strings.Fields(string(b)); err == nil && len(fields) > 1 {
		if pages, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
			return pages * int64(os.Getpagesize())
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(min(m.Sys, 1<<62))
}
