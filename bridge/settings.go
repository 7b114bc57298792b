package bridge

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// What the body's interval can be set to. It is what discovery offers, too.
const (
	shortestInterval = time.Second
	longestInterval  = 24 * time.Hour
)

// holds is how long a setting holds: the configuration has the last word.
const holds = "until the next restart"

// settings are what can be changed while the bridge runs, and what was configured.
type settings struct {
	level      *slog.LevelVar
	body       atomic.Int64 // the interval, in nanoseconds
	configured settingsState
}

// settingsState is the payload of bridge/settings.
type settingsState struct {
	LogLevel                string  `json:"log_level"`
	LogLevelConfigured      string  `json:"log_level_configured"`
	PollIntervalS           float64 `json:"poll_interval_s"` // of the body
	PollIntervalConfiguredS float64 `json:"poll_interval_configured_s"`
	Holds                   string  `json:"holds"` // how long what is not as configured holds
}

func newSettings(level *slog.LevelVar, body time.Duration) *settings {
	if level == nil {
		level = new(slog.LevelVar)
	}
	s := &settings{level: level}
	s.body.Store(int64(body))
	s.configured = s.state()
	return s
}

// interval is how often the body is looked at.
func (s *settings) interval() time.Duration { return time.Duration(s.body.Load()) }

func (s *settings) state() settingsState {
	return settingsState{
		LogLevel: levelName(s.level.Level()), LogLevelConfigured: s.configured.LogLevel,
		PollIntervalS: s.interval().Seconds(), PollIntervalConfiguredS: s.configured.PollIntervalS, Holds: holds,
	}
}

func (b *Bridge) publishSettings() { b.board.set(b.topics.settings(), encode(b.settings.state())) }

// setLogLevel answers a request to change what is logged.
func (b *Bridge) setLogLevel(word string) ([]byte, error) {
	var level slog.Level
	switch strings.ToLower(word) {
	case "debug":
		level = slog.LevelDebug
	case "info":
		level = slog.LevelInfo
	case "warn", "warning":
		level = slog.LevelWarn
	case "error":
		level = slog.LevelError
	default:
		return nil, fmt.Errorf("log_level %q: use debug, info, warn or error", word)
	}
	old := b.settings.level.Level()
	if level < old {
		b.settings.level.Set(level) // first, or it would not be told
	}
	if level != old {
		b.o.Log.Info("log level changed", "from", levelName(old), "to", levelName(level), "holds", holds)
	}
	b.settings.level.Set(level)
	b.publishSettings()
	return encode(struct {
		LogLevel string `json:"log_level"`
		Holds    string `json:"holds"`
	}{levelName(level), holds}), nil
}

func levelName(l slog.Level) string { return strings.ToLower(l.String()) }

// setPollInterval answers a request to look at the body more or less often: a number of
// seconds, or a time span as in the configuration.
func (b *Bridge) setPollInterval(word string) ([]byte, error) {
	every, err := time.ParseDuration(word)
	if seconds, serr := strconv.ParseFloat(word, 64); serr == nil {
		every, err = time.Duration(min(seconds, 2*longestInterval.Seconds())*float64(time.Second)), nil
	}
	if err != nil || every < shortestInterval || every > longestInterval {
		return nil, fmt.Errorf("poll_interval %q: use %.0f to %.0f seconds, or a time span such as 90s", word, shortestInterval.Seconds(), longestInterval.Seconds())
	}
	if old := time.Duration(b.settings.body.Swap(int64(every))); old != every {
		b.o.Log.Info("poll interval changed", "from", old, "to", every, "holds", holds)
		b.mu.Lock()
		for _, p := range b.persons {
			p.retimed.raise()
		}
		b.mu.Unlock()
	}
	b.publishSettings()
	return encode(struct {
		PollIntervalS float64 `json:"poll_interval_s"`
		Holds         string  `json:"holds"`
	}{every.Seconds(), holds}), nil
}

// retime takes over a new interval of the body. A shorter one counts from now; before a
// longer one there is the look that is due.
func (p *person) retime() {
	j := p.jobs[bodyJob]
	j.every = p.b.settings.interval()
	if due := p.turn(j); j.failures == 0 && due.Before(j.due) && !due.Before(p.limited) {
		j.due = due
	}
}
