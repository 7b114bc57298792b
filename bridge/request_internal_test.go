package bridge

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
)

func TestReadRequest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, payload, value, transaction, problem string }{
		{"poll", ``, "", "", ""},
		{"poll", " \n", "", "", ""},
		{"poll", `PRESS`, "", "", ""},
		{"poll", `anna`, "anna", "", ""},
		{"poll", ` anna `, "anna", "", ""},
		{"poll", `"anna"`, "anna", "", ""},
		{"poll", `007`, "007", "", ""},
		{"poll", `{}`, "", "", ""},
		{"poll", `{"account":"anna"}`, "anna", "", ""},
		{"poll", `{"value":"anna","transaction":7}`, "anna", "7", ""},
		{"poll", `{"account":null,"transaction":null}`, "", "null", ""},
		{"poll", `{"transaction":{"b":[1e400,"<&>\u00e4"],"a":12345678901234567890}}`, "", `{"b":[1e400,"<&>\u00e4"],"a":12345678901234567890}`, ""},
		{"log_level", `debug`, "debug", "", ""},
		{"log_level", `{"log_level":"debug"}`, "debug", "", ""},
		{"log_level", `{"value":"debug"}`, "debug", "", ""},
		{"poll_interval", `90`, "90", "", ""},
		{"poll_interval", `{"poll_interval":90.5}`, "90.5", "", ""},
		{"poll_interval", `{"value":"2m"}`, "2m", "", ""},
		{"health", `anything`, "anything", "", ""},
		{"republish", `{"transaction":"t"}`, "", `"t"`, ""},

		{"poll", `{"acount":"anna","transaction":1}`, "", "1", `unknown key "acount"; use account`},
		{"poll", `{"account":"anna","value":"ben"}`, "anna", "", "say either value or account, not both"},
		{"poll", `{"account":["anna"],"transaction":1}`, "", "1", "account: must be a text or a number"},
		{"poll", `{"account":{"name":"anna"}}`, "", "", "account: must be a text or a number"},
		{"poll", `{"account":"an na"}`, "an na", "", errGarbage.Error()},
		{"poll", `{"account":"anna"`, "", "", "the payload is no JSON object: unexpected end of JSON input"},
		{"poll", `{"account":"anna"}}`, "", "", "the payload is no JSON object: invalid character '}' after top-level value"},
		{"poll", `[1,2]`, "[1,2]", "", errGarbage.Error()},
		{"poll", `"anna`, "", "", "must be a text or a number"},
		{"poll", "\x00\x01", "\x00\x01", "", errGarbage.Error()},
		{"poll", "\xff\xfe", "", "", errGarbage.Error()},
		{"poll", strings.Repeat("a", 65), strings.Repeat("a", 65), "", errGarbage.Error()},
		{"poll", strings.Repeat(" ", 4097), "", "", "the payload is too long: a request has at most 4096 bytes"},
		{"health", `{"account":"anna","transaction":1}`, "", "1", `unknown key "account"; health takes none but transaction`},
		{"frobnicate", `{"x":1,"transaction":1}`, "", "1", `there is no request "frobnicate"; there are health, log_level, poll, poll_interval, republish`},
		{"device/remove", `whatever`, "whatever", "", `there is no request "device/remove"; there are health, log_level, poll, poll_interval, republish`},
	} {
		r, err := readRequest(c.name, []byte(c.payload))
		problem := ""
		if err != nil {
			problem = err.Error()
		}
		if r.name != c.name || r.value != c.value || string(r.transaction) != c.transaction || problem != c.problem {
			t.Errorf("%s %.80q:\ngot  %q %s %q\nwant %q %s %q", c.name, c.payload, r.value, r.transaction, problem, c.value, c.transaction, c.problem)
		}
	}
}

func TestAnswerGivesTheTransactionBack(t *testing.T) {
	t.Parallel()
	for _, transaction := range []string{`null`, `0`, `"<é&>"`, `{"b":[1e400],"a":"\u00e4"}`, "[1, 2,\n\t{ } ]"} {
		r, err := readRequest("poll", []byte(`{"transaction":`+transaction+`}`))
		if err != nil {
			t.Fatal(err)
		}
		for problem, want := range map[error]string{
			nil:        `{"data":{},"status":"ok","transaction":` + transaction + `}`,
			errGarbage: `{"data":{},"status":"error","error":"` + errGarbage.Error() + `","transaction":` + transaction + `}`,
		} {
			if m := r.answer("t", nil, problem); string(m.Payload) != want || m.Topic != "t" || m.Retained {
				t.Errorf("got %+v\n%s, want\n%s", m, m.Payload, want)
			}
		}
	}
}

func FuzzRequest(f *testing.F) {
	for _, payload := range []string{``, `PRESS`, `anna`, `90`, `{"value":"debug","transaction":[{}]}`, `{"account":1e999}`, "{\"transaction\":\"\xff\"}", `"\ud800"`} {
		f.Add("poll", []byte(payload))
		f.Add("poll_interval", []byte(payload))
	}
	f.Fuzz(func(t *testing.T, name string, payload []byte) {
		if len(name) > nameLimit {
			t.Skip()
		}
		r, err := readRequest(name, payload)
		if err == nil && (!wordy(r.value) || len(payload) > requestLimit) {
			t.Errorf("%q became %q", payload, r.value)
		}
		m := r.answer("t", nil, err)
		if !json.Valid(m.Payload) || !utf8.Valid(m.Payload) || len(m.Payload) > requestLimit+1024 {
			t.Errorf("%.200q is answered with %.200q", payload, m.Payload)
		}
	})
}

// What Home Assistant offers, a request takes; and nothing beside it.
func TestSettingsAreWhatDiscoveryOffers(t *testing.T) {
	t.Parallel()
	b := New(Options{})
	components := hass.Bridge{Prefix: "fitbit2mqtt"}.Device().Components
	for _, level := range components["log_level"].Options {
		if _, err := b.setLogLevel(level); err != nil || b.settings.state().LogLevel != level {
			t.Errorf("%s: %v, then it is %s", level, err, b.settings.state().LogLevel)
		}
	}
	number := components["poll_interval"]
	if *number.Min != int(shortestInterval.Seconds()) || *number.Max != int(longestInterval.Seconds()) {
		t.Errorf("offered: %d to %d", *number.Min, *number.Max)
	}
	for word, want := range map[string]float64{"1": 1, "86400": 86400, "90.0": 90, "1.5": 1.5, "2m": 120, "24h": 86400} {
		if _, err := b.setPollInterval(word); err != nil || b.settings.state().PollIntervalS != want {
			t.Errorf("%s: %v, then it is %v", word, err, b.settings.state().PollIntervalS)
		}
	}
	for _, word := range []string{"", "0", "0.5", "-1", "86401", "25h", "1e300", "NaN", "Inf", "-Inf", "soon", "90 s"} {
		if data, err := b.setPollInterval(word); err == nil {
			t.Errorf("%q became %s", word, data)
		}
	}
	for _, word := range []string{"", "trace", "debug+1", "0"} {
		if data, err := b.setLogLevel(word); err == nil {
			t.Errorf("%q became %s", word, data)
		}
	}
}

// The manual of the topics has a row for each request, and for no other.
func TestRequestsManual(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/mqtt.md")
	if err != nil {
		t.Fatal(err)
	}
	_, chapter, _ := bytes.Cut(text, []byte("\n## Requests\n"))
	chapter, _, _ = bytes.Cut(chapter, []byte("\n## "))
	var rows []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllSubmatch(chapter, -1) {
		rows = append(rows, string(row[1]))
	}
	slices.Sort(rows)
	if names := slices.Sorted(maps.Keys(requestKeys())); !slices.Equal(rows, names) {
		t.Errorf("docs/mqtt.md knows the requests %v, the bridge %v", rows, names)
	}
}
