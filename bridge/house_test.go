package bridge_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

var (
	aria = fitbit.Origin{Device: "Aria Air", Recorded: fitbit.RecordedByScale}
	hand = fitbit.Origin{Recorded: fitbit.RecordedByHand}
)

// house is a bridge with everything it talks to, in virtual time: a bubble of
// testing/synctest in which nobody waits. Anna lives there.
type house struct {
	*testing.T
	people *people
	anna   *cloud
	memory *memory
	broker *broker
	log    *journal
	o      bridge.Options
	bridge *bridge.Bridge
	stop   func() // ends the bridge and waits for it
	mark   int    // of the broker's log
}

// inHouse runs a test in a bubble.
func inHouse(t *testing.T, test func(h *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		h := &house{T: t, anna: newCloud(), memory: newMemory(), broker: newBroker(), log: &journal{}}
		h.people = &people{clouds: map[string]*cloud{"u1": h.anna}}
		h.people.set(anna())
		h.o = bridge.Options{
			People: h.people, Memory: h.memory, Version: "1.2.3",
			Log: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelInfo})),
		}
		time.Sleep(10 * 24 * time.Hour) // away from the beginning of the bubble's time
		test(h)
		if h.stop != nil {
			h.stop()
		}
	})
}

func anna() bridge.Account {
	return bridge.Account{Name: "anna", UID: "u1", Backend: "google", Generation: 1, SignedIn: true}
}

func ben() bridge.Account {
	return bridge.Account{Name: "ben", UID: "u2", Backend: "fitbit", Generation: 1, SignedIn: true}
}

// start runs the bridge, the broker still away.
func (h *house) start() {
	h.Helper()
	h.fence()
	h.bridge = bridge.New(h.o)
	ctx, cancel := context.WithCancel(h.Context())
	done := make(chan error, 1)
	go func() { done <- h.bridge.Run(ctx, h.broker) }()
	h.stop = sync.OnceFunc(func() {
		h.fence()
		cancel()
		if err := <-done; err != nil {
			h.Errorf("run: %v", err)
		}
	})
	synctest.Wait()
}

// connect brings the broker up.
func (h *house) connect() {
	h.broker.set(func(b *broker) { b.up = true })
	h.bridge.Connected()
	synctest.Wait()
}

// open starts the bridge, connects it and lets everything settle.
func (h *house) open() {
	h.Helper()
	h.start()
	h.connect()
	h.pass(10 * time.Second)
	h.news()
}

// pass lets time go by. In between, while nobody moves, a test may look at the
// fields of the fakes.
func (h *house) pass(d time.Duration) {
	h.fence()
	time.Sleep(d) // virtual
	synctest.Wait()
}

// fence tells the race detector that the test has stopped looking.
func (h *house) fence() {
	h.broker.set(func(*broker) {})
	h.memory.set(func(*memory) {})
	h.anna.set(func(*cloud) {})
}

// birth is Home Assistant coming up.
func (h *house) birth(payload string) {
	h.bridge.Received(bridge.Message{Topic: "homeassistant/status", Payload: []byte(payload)})
}

// heard returns what the broker has got since the last call.
func (h *house) heard() (list []heard) {
	h.broker.set(func(b *broker) {
		list = slices.Clone(b.log[h.mark:])
		h.mark = len(b.log)
	})
	return list
}

// news is heard without what changes with every poll, one line each: events and
// bodies in short, configs and withdrawals by topic.
func (h *house) news() []string {
	h.Helper()
	lines := []string{}
	for _, m := range h.heard() {
		topic := strings.TrimPrefix(strings.TrimPrefix(m.Topic, "fitbit2mqtt/"), "homeassistant/")
		switch name := topic[strings.LastIndexByte(topic, '/')+1:]; {
		case len(m.Payload) == 0:
			lines = append(lines, topic+" cleared")
		case name == "connection" || name == "health" || name == "info":
		case name == "config":
			lines = append(lines, topic)
		case name == "state" || name == "availability":
			lines = append(lines, topic+" "+string(m.Payload))
		case name == "weigh_in":
			e := decode[bridge.Event](h.T, m.Payload)
			lines = append(lines, fmt.Sprint(e.EventType, " ", e.ID, " ", e.WeightKg))
			if m.Retained {
				h.Errorf("a retained event: %s", m.Payload)
			}
		case name == "body":
			b := decode[body](h.T, m.Payload)
			lines = append(lines, fmt.Sprint("body ", b.ID, " ", b.WeightKg))
		default:
			lines = append(lines, topic)
		}
	}
	return lines
}

// body is the part of the body payload that tests look at.
type body struct {
	ID         string   `json:"id"`
	WeightKg   float64  `json:"weight_kg"`
	BMI        *float64 `json:"bmi"`
	BodyFatPct *float64 `json:"body_fat_pct"`
	MeasuredAt string   `json:"measured_at"`
}

// connection is the connection payload.
type connection struct {
	State       string   `json:"state"`
	Detail      *string  `json:"detail"`
	Hint        *string  `json:"hint"`
	LastSuccess *string  `json:"last_success"`
	NextPoll    *string  `json:"next_poll"`
	Missing     []string `json:"missing"`
	EndsSoon    bool     `json:"sign_in_expires_soon"`
}

// heart is the part of the heart payload that tests look at.
type heart struct {
	Date        *string `json:"date"`
	MinBPM      *int    `json:"min_bpm"`
	RestingBPM  *int    `json:"resting_bpm"`
	RestingDate *string `json:"resting_date"`
	LatestAt    *string `json:"latest_at"`
}

func decode[T any](t *testing.T, payload []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(payload, &v); err != nil {
		t.Fatalf("%s: %v", payload, err)
	}
	return v
}

// retained decodes what the broker holds on one of anna's topics.
func retained[T any](h *house, name string) T {
	h.Helper()
	return decode[T](h.T, []byte(h.holds("fitbit2mqtt/anna/"+name)))
}

// holds returns what the broker holds on a topic; "" is nothing.
func (h *house) holds(topic string) (payload string) {
	h.broker.set(func(b *broker) { payload = b.retained[topic] })
	return payload
}

func (h *house) wantState(want bridge.State, availability string) {
	h.Helper()
	if got := retained[connection](h, "connection"); got.State != string(want) {
		h.Errorf("connection is %s, want %s", got.State, want)
	}
	if got := h.holds("fitbit2mqtt/anna/availability"); got != availability {
		h.Errorf("availability is %s, want %s", got, availability)
	}
}

func (h *house) expect(what string, got []string, want ...string) {
	h.Helper()
	if !slices.Equal(got, want) {
		h.Errorf("%s:\ngot  %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// between checks a number against both ends.
func (h *house) between(what string, got, low, high int) {
	h.Helper()
	if got < low || got > high {
		h.Errorf("%s: %d, want %d to %d", what, got, low, high)
	}
}

// weigh puts a reading into anna's cloud, measured that long ago.
func (h *house) weigh(id string, ago time.Duration, kg float64, from fitbit.Origin) {
	w := fitbit.Weight{ID: id, Time: time.Now().Add(-ago).In(h.anna.zone), Kilograms: kg, Origin: from}
	h.anna.set(func(c *cloud) { c.weights = append(c.weights, w) })
}

// journal is where the bridge logs to.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// lines counts the lines with a text in them, and forgets them all.
func (j *journal) lines(text string) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range strings.Lines(j.text.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	j.text.Reset()
	return n
}
