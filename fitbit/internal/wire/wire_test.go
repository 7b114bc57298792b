package wire_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/wire"
)

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		text  string
		value float64
		known bool
	}{
		{`58`, 58, true},
		{`"58"`, 58, true},
		{`-0.5e1`, -5, true},
		{`" 58 "`, 58, true},
		{`0`, 0, true},
		{`9007199254740993`, 9007199254740992, true},
		{`"9223372036854775807"`, 9223372036854775807, true},
		{`"NaN"`, 0, false},
		{`"Infinity"`, 0, false},
		{`"-Infinity"`, 0, false},
		{`1e999`, 0, false},
		{`null`, 0, false},
		{`""`, 0, false},
		{`"many"`, 0, false},
		{`"5\u0038"`, 0, false},
	} {
		var n wire.Number
		if err := json.Unmarshal([]byte(c.text), &n); err != nil || n != (wire.Number{Value: c.value, Known: c.known}) {
			t.Errorf("%s is %v (%v), want %v, %v", c.text, n, err, c.value, c.known)
		}
	}
	for _, text := range []string{`true`, `{}`, `[]`, `["58"]`} {
		if err := json.Unmarshal([]byte(text), new(wire.Number)); err == nil {
			t.Errorf("%s is taken for a number", text)
		}
	}
}

// TestID: what may stand in a topic stays, and anything else becomes something that may.
func TestID(t *testing.T) {
	for own, kept := range map[string]bool{
		"301": true, "a-Z_9": true, strings.Repeat("7", 128): true,
		"": false, "a/b": false, "#": false, "+": false, "ä": false, "a b": false, strings.Repeat("7", 129): false,
	} {
		id := wire.ID(own, func() string { return "what it says" })
		if (id == own) != kept || !kept && id != wire.ID("?", func() string { return "what it says" }) {
			t.Errorf("%.20q becomes %q", own, id)
		}
	}
	if a, b := wire.ID("", func() string { return "a" }), wire.ID("", func() string { return "b" }); a == b {
		t.Errorf("two things have the id %q", a)
	}
}

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"Aria Air": "Aria Air", " Aria\n\u0007\u202e Air ": "Aria Air", "": "", "Ärä": "Ärä", strings.Repeat("ä", 65): strings.Repeat("ä", 64),
	} {
		if got := wire.Printable(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
