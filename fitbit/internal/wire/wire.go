// Package wire reads what clouds send without trusting it: numbers in every form
// in which they come, and names and ids of strangers made fit for a topic.
package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// Number reads a JSON number, a number in a string, "NaN", null or nothing at all.
// The last three are unknown.
type Number struct {
	Value float64
	Known bool
}

// UnmarshalJSON refuses only what is neither. No number has anything to unescape.
func (n *Number) UnmarshalJSON(b []byte) error {
	if !bytes.ContainsRune([]byte(`"-0123456789n`), rune(b[0])) {
		return errors.New("not a number")
	}
	// What was not computed ("NaN"), or is a text nobody can read, stays unknown.
	v, err := strconv.ParseFloat(strings.TrimSpace(strings.Trim(string(b), `"`)), 64)
	if err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
		n.Value, n.Known = v, true
	}
	return nil
}

// Within returns the value if it is known and plausible.
func (n Number) Within(low, high float64) (float64, bool) {
	return n.Value, n.Known && n.Value >= low && n.Value <= high
}

// BPM returns the value as a heart rate, nil if unknown or impossible.
func (n Number) BPM() *int {
	if v, ok := n.Within(1, 300); ok {
		return new(int(math.Round(v)))
	}
	return nil
}

// MaxID is how long an id may be.
const MaxID = 128

// ID returns an id that may stand in a topic or a file: the stranger's own if it
// may, else one made of what otherwise says.
func ID(own string, otherwise func() string) string {
	if own != "" && len(own) <= MaxID && !strings.ContainsFunc(own, unfit) {
		return own
	}
	sum := sha256.Sum256([]byte(otherwise()))
	return "x" + hex.EncodeToString(sum[:8])
}

func unfit(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
}

// Printable makes a stranger's text fit for a topic's payload: one line, at most
// 64 characters.
func Printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	if r := []rune(strings.TrimSpace(s)); len(r) > 64 {
		return string(r[:64])
	}
	return strings.TrimSpace(s)
}
