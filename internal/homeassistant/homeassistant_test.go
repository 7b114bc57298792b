package homeassistant_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/homeassistant"
)

// line is a connection on which anything can be said.
type line struct {
	*testing.T
	conn *websocket.Conn
	id   int
}

func dial(t *testing.T, h *homeassistant.Hub) *line {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	conn, r, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(s.URL, "http")+"/api/websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	return &line{T: t, conn: conn}
}

func (l *line) say(text string) {
	l.Helper()
	if err := l.conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		l.Fatal(err)
	}
}

func (l *line) hear() string {
	l.Helper()
	_, b, err := l.conn.ReadMessage()
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (l *line) signIn(token string) {
	l.Helper()
	l.hear()
	l.say(fmt.Sprintf(`{"type":"auth","access_token":%q}`, token))
	if got := l.hear(); !strings.Contains(got, "auth_ok") {
		l.Fatal(got)
	}
}

// ask says a command and returns the error's code, or the result.
func (l *line) ask(command string) string {
	l.Helper()
	l.id++
	l.say(fmt.Sprintf(`{"id":%d,%s`, l.id, command[1:]))
	answer := l.hear()
	var m struct {
		Success bool            `json:"success"`
		Result  json.RawMessage `json:"result"`
		Error   struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal([]byte(answer), &m); err != nil {
		return answer
	}
	if !m.Success {
		return m.Error.Code + ": " + m.Error.Message
	}
	return string(m.Result)
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	h := homeassistant.New("2026.11.0")
	token := h.Token(true)
	for said, want := range map[string]string{
		fmt.Sprintf(`{"type":"auth","access_token":%q}`, token):         "auth_ok",
		`{"type":"auth","access_token":"another"}`:                      "Invalid access token",
		fmt.Sprintf(`{"type":"auth","access_token":%q,"id":1}`, token):  "incorrectly formatted",
		`{"id":1,"type":"recorder/info"}`:                               "incorrectly formatted",
		fmt.Sprintf(`{"id":1,"type":"hello","access_token":%q}`, token): "incorrectly formatted",
	} {
		l := dial(t, h)
		if got := l.hear(); !strings.Contains(got, `"auth_required"`) || !strings.Contains(got, "2026.11.0") {
			t.Errorf("it begins with %s", got)
		}
		l.say(said)
		if got := l.hear(); !strings.Contains(got, want) {
			t.Errorf("%s: %s", said, got)
		}
		if want != "auth_ok" && !strings.Contains(l.hear(), "close") {
			t.Errorf("%s: the line stays open", said)
		}
	}
}

const (
	stats    = `"stats":[{"start":"2026-11-20T06:00:00+00:00","mean":78,"min":78,"max":78}]`
	common   = `"has_sum":false,"name":null,"source":"recorder","statistic_id":"sensor.w","unit_of_measurement":"kg"`
	metadata = `"metadata":{` + common + `,"mean_type":1,"unit_class":"mass"}`
	order    = `{"type":"recorder/import_statistics",`
)

// Each rule of an import, broken.
func TestImportRules(t *testing.T) {
	t.Parallel()
	old, middle := `"metadata":{`+common+`,"has_mean":true}`, `"metadata":{`+common+`}`
	for _, c := range []struct{ version, metadata, stats, want string }{
		{"2026.11.0", metadata, stats, "null"},
		{"2026.11.0", strings.Replace(metadata, "}", `,"has_mean":true}`, 1), stats, "null"},
		{"2025.11.1", metadata, stats, "null"},
		{"2025.11.1", middle, stats, "null"},
		{"2025.10.4", old, stats, "null"},
		{"2025.10.4", strings.Replace(metadata, "}", `,"has_mean":true}`, 1), stats, "invalid_format: extra keys not allowed"},
		{"2025.10.4", middle, stats, "invalid_format: required key not provided @ data['has_mean']"},
		{"2026.11.0", old, stats, "invalid_format: required key not provided @ data['mean_type']"},
		{"2026.11.0", strings.Replace(metadata, `"mean_type":1`, `"mean_type":7`, 1), stats, "invalid_format"},
		{"2026.11.0", strings.Replace(metadata, `"kg"`, "5", 1), stats, "invalid_format"},
		{"2026.11.0", strings.Replace(metadata, "recorder", "fitbit", 1), stats, "home_assistant_error: Invalid source"},
		{"2026.11.0", strings.Replace(metadata, "sensor.w", "fitbit:w", 1), stats, "home_assistant_error: Invalid source"},
		{"2026.11.0", strings.Replace(metadata, `"mass"`, `"unitless"`, 1), stats, "home_assistant_error: Unit kg"},
		{"2026.11.0", metadata, strings.Replace(stats, "+00:00", "", 1), "home_assistant_error: Naive timestamp"},
		{"2026.11.0", metadata, strings.Replace(stats, "06:00:00+00:00", "06:30:00+00:00", 1), "home_assistant_error: Invalid timestamp"},
		{"2026.11.0", metadata, strings.Replace(stats, "06:00:00+00:00", "06:00:01+00:00", 1), "home_assistant_error: Invalid timestamp"},
		{"2026.11.0", metadata, strings.Replace(stats, "2026-11-20T", "yesterday ", 1), "invalid_format: Invalid datetime"},
		{"2026.11.0", metadata, strings.Replace(stats, `"mean":78`, `"mean":"78"`, 1), "invalid_format"},
		{"2026.11.0", metadata, strings.Replace(stats, `"mean"`, `"median"`, 1), "invalid_format: extra keys"},
		{"2026.11.0", metadata, `"stats":{}`, "invalid_format"},
		{"2026.11.0", metadata, stats + `,"more":1`, "invalid_format: extra keys"},
	} {
		h := homeassistant.New(c.version)
		l := dial(t, h)
		l.signIn(h.Token(true))
		if got := l.ask(order + c.metadata + "," + c.stats + "}"); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s %s %s: %s", c.version, c.metadata, c.stats, got)
		}
		l.ask(`{"type":"recorder/info"}`) // a moment passes
		if got := len(h.Rows("sensor.w")); (got == 1) != (c.want == "null") {
			t.Errorf("%s %s %s: %d rows", c.version, c.metadata, c.stats, got)
		}
	}
}

func TestOtherRules(t *testing.T) {
	t.Parallel()
	h := homeassistant.New("2026.11.0")
	guest := dial(t, h)
	guest.signIn(h.Token(false))
	if got := guest.ask(order + metadata + "," + stats + "}"); !strings.HasPrefix(got, "unauthorized") {
		t.Error(got)
	}
	l := dial(t, h)
	l.signIn(h.Token(true))
	for command, want := range map[string]string{
		`{"type":"recorder/clear_everything"}`:                                      "unknown_command",
		`{"type":"recorder/info","now":true}`:                                       "invalid_format",
		`{"type":"recorder/statistics_during_period","period":"hour"}`:              "invalid_format",
		`{"type":"recorder/get_statistics_metadata","statistic_ids":["sensor.no"]}`: "[]",
	} {
		if got := l.ask(command); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", command, got)
		}
	}
	l.id -= 2
	if got := l.ask(`{"type":"recorder/info"}`); !strings.HasPrefix(got, "id_reuse") {
		t.Error(got)
	}
	l.id += 2
	h.Break(homeassistant.Trouble{NoRecorder: true})
	if got := l.ask(`{"type":"recorder/info"}`); !strings.HasPrefix(got, "unknown_command") {
		t.Error(got)
	}
	if got := l.ask(`{"type":"x","pad":"` + strings.Repeat("x", 4<<20) + `"}`); strings.HasPrefix(got, "unknown_command") {
		t.Error("a message above 4 MiB is taken")
	}
}

// An import is answered before it is done, replaces the hour, and relabels without
// converting; who asks for another unit gets values in that.
func TestImportIsDoneLater(t *testing.T) {
	t.Parallel()
	h := homeassistant.New("2026.11.0")
	h.Put(homeassistant.Entity{ID: "sensor.w", UniqueID: "w", Shown: "lb"})
	h.Break(homeassistant.Trouble{Lag: 2})
	l := dial(t, h)
	l.signIn(h.Token(true))
	ask := `{"type":"recorder/statistics_during_period","start_time":"2026-11-20T00:00:00Z","statistic_ids":["sensor.w"],"period":"hour","types":["mean"]`
	l.ask(order + metadata + "," + stats + "}")
	for range 2 {
		if got := l.ask(ask + "}"); got != "{}" {
			t.Errorf("too early: %s", got)
		}
	}
	if got := l.ask(ask + `,"units":{"mass":"kg"}}`); !strings.Contains(got, `"mean":78,`) || !strings.Contains(got, `"start":1795154400000`) {
		t.Error(got)
	}
	if got := l.ask(ask + "}"); !strings.Contains(got, `"mean":171.9`) {
		t.Error(got)
	}
	h.Break(homeassistant.Trouble{})
	l.ask(order + strings.Replace(metadata, `"kg"`, `"g"`, 1) + "," + strings.ReplaceAll(stats, "78", "79") + "}")
	l.ask(`{"type":"recorder/info"}`)
	m, _ := h.Metadata("sensor.w")
	if rows := h.Rows("sensor.w"); len(rows) != 1 || rows[0].Mean != 79 || m.Unit != "g" {
		t.Errorf("%v, %+v", rows, m)
	}
}
