package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// program builds the binary that people run.
func program(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "fitbit2mqtt")
	build := exec.CommandContext(b.Context(), "../../docker/build.sh", "binary", path)
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// settled is a household of one with a year of weigh-ins whose bridge has run once.
func settled(b *testing.B) (w *world, o *observer, config string) {
	b.Helper()
	w = newWorld(b, "anna")
	today := fitbit.DateOf(time.Now())
	w.cloud.Person("anna").Generate(today.AddDays(-365), today.AddDays(-1))
	broker := ownBroker(b)
	config = w.config(broker)
	if r := w.connect(config, "anna"); r.code != exitOK {
		b.Fatalf("%+v", r)
	}
	o = observe(b, broker)
	first := begin(b, "run", "--config", config)
	o.heard("fitbit2mqtt/anna/connection", `"state":"ok"`)
	o.heard("fitbit2mqtt/anna/body", `"trend_kg"`)
	o.heard("fitbit2mqtt/anna/heart", `"date"`)
	first.end()
	return w, o, config
}

// From "poll now" to the event at a subscriber, while readings are in the cloud.
func BenchmarkPollNow(b *testing.B) {
	w, o, config := settled(b)
	for _, poll := range []string{"BODY", "HEART", "DEVICES"} { // the schedule must not get in first
		b.Setenv("FITBIT2MQTT_POLL_"+poll, "30m")
	}
	bridge := begin(b, "run", "--config", config)
	defer bridge.end()
	o.heard("fitbit2mqtt/bridge/state", "online")
	pace := time.NewTicker(1100 * time.Millisecond) // as often as the bridge obeys for long
	defer pace.Stop()
	<-pace.C // the second of silence behind discovery
	<-pace.C
	var took []time.Duration
	for b.Loop() {
		<-pace.C
		start := time.Now()
		id, _ := w.cloud.Person("anna").WeighIn(start, 80, 25)
		o.publish("fitbit2mqtt/anna/command/poll", "PRESS", false)
		o.heard("fitbit2mqtt/anna/weigh_in", id)
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// From the start of the process to its discovery and states at a subscriber.
func BenchmarkStart(b *testing.B) {
	exe := program(b)
	_, o, config := settled(b)
	for b.Loop() {
		b.StopTimer()
		o.until("the last run has gone", func() bool { return o.retained["fitbit2mqtt/bridge/state"] == offline })
		o.forget()
		b.StartTimer()
		c := exec.CommandContext(b.Context(), exe, "run", "--config", config)
		if err := c.Start(); err != nil {
			b.Fatal(err)
		}
		o.until("discovery and states", func() bool {
			configs := 0
			for topic, payload := range o.retained {
				if strings.HasPrefix(topic, "homeassistant/device/") && payload != "" {
					configs++
				}
			}
			return configs == 4 && o.retained["fitbit2mqtt/bridge/state"] == "online" && o.retained["fitbit2mqtt/anna/body"] != "" &&
				o.retained["fitbit2mqtt/anna/heart"] != "" && o.retained["fitbit2mqtt/anna/availability"] != ""
		})
		b.StopTimer()
		if err := c.Process.Signal(os.Interrupt); err != nil {
			b.Fatal(err)
		}
		if err := c.Wait(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// forget drops what has been heard so far.
func (o *observer) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.retained)
}

// What one account costs in steady state, without the embedded broker: memory,
// cloud requests, writes to the databases.
func BenchmarkSteadyState(b *testing.B) {
	exe := program(b)
	info, err := os.Stat(exe)
	if err != nil {
		b.Fatal(err)
	}
	w, o, config := settled(b)
	c := exec.CommandContext(b.Context(), exe, "run", "--config", config)
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
	o.heard("fitbit2mqtt/bridge/state", "online")
	w.waitForPoll(5)
	before, polls := w.written(), 0
	for b.Loop() {
		w.waitForPoll(1)
		polls++
	}
	rss := resident(b, c.Process.Pid)
	if after := w.written(); !after.Equal(before) {
		b.Log("a poll that found nothing new wrote to the database")
		b.ReportMetric(1, "writes")
	} else {
		b.ReportMetric(0, "writes")
	}
	b.ReportMetric(float64(rss)/1e6, "rss-MB")
	b.ReportMetric(float64(info.Size())/1e6, "binary-MB")
}

// written is when history or tokens were last written to.
func (w *world) written() (last time.Time) {
	w.t.Helper()
	for _, name := range []string{"tokens.db", "tokens.db-wal", "history.db", "history.db-wal"} {
		if info, err := os.Stat(filepath.Join(w.dir, name)); err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return last
}

// resident is the memory a process takes up, in bytes.
func resident(b *testing.B, pid int) int64 {
	b.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		b.Fatal(err)
	}
	for l := range strings.Lines(string(status)) {
		if f := strings.Fields(l); f[0] == "VmRSS:" {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			return kb * 1024
		}
	}
	b.Fatal("no VmRSS")
	return 0
}
