package googlehealth

import (
	"encoding/json"
	"testing"
	"time"
)

func TestSeconds(t *testing.T) {
	for _, c := range []struct {
		text  string
		value time.Duration
		known bool
	}{
		{`"3600s"`, time.Hour, true},
		{`"-14400s"`, -4 * time.Hour, true},
		{`"3.5s"`, 3500 * time.Millisecond, true},
		{`"0s"`, 0, true},
		{`"1500"`, 0, false},
		{`1500`, 0, false},
		{`"s"`, 0, false},
		{`"NaNs"`, 0, false},
		{`"infs"`, 0, false},
		{`"1e300s"`, 0, false},
		{`null`, 0, false},
		{`{}`, 0, false},
		{`"an hour"`, 0, false},
	} {
		var d seconds
		if err := json.Unmarshal([]byte(c.text), &d); err != nil || d != (seconds{c.value, c.known}) {
			t.Errorf("%s is %v, %v (%v), want %v, %v", c.text, d.Duration, d.known, err, c.value, c.known)
		}
	}
}

func TestTimestamp(t *testing.T) {
	for text, want := range map[string]string{
		`"2026-11-20T06:14:09Z"`:           "2026-11-20T06:14:09Z",
		`"2026-11-20T06:14:09.123456789Z"`: "2026-11-20T06:14:09.123456789Z",
		`"2026-11-20T07:14:09+01:00"`:      "2026-11-20T06:14:09Z",
		`"2024-02-29T00:00:00Z"`:           "2024-02-29T00:00:00Z",
		`"2026-02-29T00:00:00Z"`:           "",
		`"2026-11-20T06:14:09"`:            "",
		`"2026-11-20"`:                     "",
		`"0001-01-01T00:00:00Z"`:           "",
		`"1899-12-31T23:59:59Z"`:           "",
		`"9999-12-31T23:59:59Z"`:           "",
		`1763619249`:                       "",
		`""`:                               "",
		`null`:                             "",
		`{}`:                               "",
	} {
		var v timestamp
		err := json.Unmarshal([]byte(text), &v)
		got := ""
		if !v.IsZero() {
			got = v.UTC().Format(time.RFC3339Nano)
		}
		if err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", text, got, err, want)
		}
	}
}
