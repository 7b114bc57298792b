package bridge_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

func TestLogLevelRequest(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.o.Level = new(slog.LevelVar)
		h.o.Log = slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: h.o.Level}))
		h.open()
		const topic = "fitbit2mqtt/bridge/settings"
		if got, want := h.holds(topic), `{"log_level":"info","log_level_configured":"info","poll_interval_s":60,"poll_interval_configured_s":60,"holds":"until the next restart"}`; got != want {
			h.Errorf("settings: %s", got)
		}
		a := h.answer("log_level", `{"value":"debug","transaction":1}`, 0)
		if a.Status != "ok" || a.Data.LogLevel != "debug" || a.Data.Holds != "until the next restart" || h.o.Level.Level() != slog.LevelDebug {
			h.Errorf("%+v, and the level is %s", a, h.o.Level.Level())
		}
		if got := decode[map[string]any](h.T, []byte(h.holds(topic))); got["log_level"] != "debug" || got["log_level_configured"] != "info" {
			h.Errorf("settings: %v", got)
		}
		if n := h.log.lines(`msg="log level changed" from=info to=debug`); n != 1 {
			h.Errorf("told %d times", n)
		}
		for _, line := range []string{`msg="cloud asked" account=anna metric=weight`, `msg="message published" topic=fitbit2mqtt/anna/connection retained=true`} {
			h.pass(2 * time.Minute)
			if h.log.lines(line) == 0 {
				h.Errorf("the log does not say %s", line)
			}
		}
		h.answer("log_level", "error", 0)
		if n := h.log.lines(`msg="log level changed" from=debug to=error`); n != 1 || h.o.Level.Level() != slog.LevelError {
			h.Errorf("told %d times, and the level is %s", n, h.o.Level.Level())
		}
		for _, payload := range []string{"", "loud", `{"value":3}`} {
			if a := h.answer("log_level", payload, 0); a.Status != "error" || !strings.Contains(a.Error, "use debug, info, warn or error") {
				h.Errorf("%s: %+v", payload, a)
			}
		}
		if h.o.Level.Level() != slog.LevelError {
			h.Errorf("the level is %s", h.o.Level.Level())
		}
		h.ask("log_level", "warning") // as others call it
		h.pass(0)
		if h.o.Level.Level() != slog.LevelWarn {
			h.Errorf("the level is %s", h.o.Level.Level())
		}
	})
}

func TestPollIntervalRequest(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.o.Poll.Body = 10 * time.Hour
		h.open()
		h.anna.count()
		looks := func() int { return h.anna.count(fitbit.WeightMetric) }
		h.pass(time.Hour)
		h.between("hourly", looks(), 1, 2) // the thorough look
		if a := h.answer("poll_interval", "120", 0); a.Status != "ok" || a.Data.PollIntervalS != 120 {
			h.Errorf("%+v", a)
		}
		if next := retained[connection](h, "connection").NextPoll; next == nil || *next > time.Now().Add(2*time.Minute).In(h.anna.zone).Format(time.RFC3339) {
			h.Errorf("next poll at %v", next)
		}
		h.pass(2 * time.Minute)
		h.between("at once", looks(), 1, 2)
		h.pass(time.Hour)
		h.between("every two minutes", looks(), 29, 36)

		h.people.clouds["u2"] = newCloud()
		h.people.set(anna(), ben())
		h.pass(time.Hour)
		h.between("of somebody who came later", h.people.clouds["u2"].count(fitbit.WeightMetric), 29, 36)

		h.answer("poll_interval", `{"poll_interval":"3h"}`, 0)
		h.pass(3 * time.Minute)
		looks()
		h.pass(time.Hour)
		h.between("rarely", looks(), 1, 2)
		if a := h.answer("poll_interval", "0.1", 0); a.Status != "error" || !strings.Contains(a.Error, "use 1 to 86400 seconds") {
			h.Errorf("%+v", a)
		}
		if got := decode[map[string]any](h.T, []byte(h.holds("fitbit2mqtt/bridge/settings"))); got["poll_interval_s"] != 10800.0 || got["poll_interval_configured_s"] != 36000.0 {
			h.Errorf("settings: %v", got)
		}
		h.stop()
		h.open()
		if got := decode[map[string]any](h.T, []byte(h.holds("fitbit2mqtt/bridge/settings"))); got["poll_interval_s"] != 36000.0 {
			h.Errorf("after a restart: %v", got)
		}
	})
}

// The bridge's device shows what can be set, in both forms of discovery.
func TestSettingsAreOffered(t *testing.T) {
	t.Parallel()
	for mode, topics := range map[hass.Mode][]string{
		hass.ModeDevice: {"device/fitbit2mqtt_bridge/config"},
		hass.ModeEntity: {
			"select/fitbit2mqtt_bridge/log_level/config", "number/fitbit2mqtt_bridge/poll_interval/config", "button/fitbit2mqtt_bridge/republish/config",
		},
	} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			inHouse(t, func(h *house) {
				h.o.Discovery = mode
				h.open()
				for _, topic := range topics {
					if !strings.Contains(h.holds("homeassistant/"+topic), `"command_topic":"fitbit2mqtt/bridge/request/`) {
						h.Errorf("%s: %s", topic, h.holds("homeassistant/"+topic))
					}
				}
			})
		})
	}
}
