package rest_test

import (
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/rest"
)

func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Time{
		"":                               {},
		"0":                              noon(),
		"120":                            noon().Add(2 * time.Minute),
		" 120 ":                          noon().Add(2 * time.Minute),
		"86401":                          noon().Add(24 * time.Hour),
		"9223372036854775807":            noon().Add(24 * time.Hour),
		"99999999999999999999":           {},
		"-1":                             {},
		"1.5":                            {},
		"soon":                           {},
		"Fri, 20 Nov 2026 12:05:00 GMT":  noon().Add(5 * time.Minute),
		"Friday, 20-Nov-26 12:05:00 GMT": noon().Add(5 * time.Minute), // RFC 850
		"Fri Nov 20 12:05:00 2026":       noon().Add(5 * time.Minute), // asctime
		"Sat, 20 Nov 2027 12:05:00 GMT":  noon().Add(24 * time.Hour),
		"Thu, 19 Nov 2026 12:05:00 GMT":  noon().Add(5*time.Minute - 24*time.Hour), // passed: no need to wait
	} {
		if got := rest.RetryAfter(header, noon()); !got.Equal(want) {
			t.Errorf("%q means %v, want %v", header, got, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "120", "-1", "+5", "1e3", "9223372036854775808", "Fri, 20 Nov 2026 12:05:00 GMT", "Fri Nov 20 12:05:00 2026"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if got := rest.RetryAfter(header, noon()); got.After(noon().Add(24 * time.Hour)) {
			t.Errorf("%q means %v", header, got)
		}
	})
}
