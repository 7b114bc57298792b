package web

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// status is a state in a word, a sign and a colour; no meaning hangs on one alone.
type status struct{ Word, Icon, Tone string }

// statusOf says how a connection is.
func statusOf(c bridge.ConnectionState) status {
	switch c.State {
	case bridge.StateOK:
		switch {
		case c.ExpiresSoon:
			return status{"Sign-in ends soon", "⚠", "warn"}
		case len(c.Missing) > 0:
			return status{"Connected in part", "⚠", "warn"}
		}
		return status{"Connected", "✓", "good"}
	case bridge.StateSignInRequired:
		return status{"Sign-in required", "✗", "bad"}
	case bridge.StateSetupRequired:
		return status{"Set-up required", "✗", "bad"}
	case bridge.StateSourceRetired:
		return status{"Cloud turned off", "✗", "bad"}
	case bridge.StateRateLimited:
		return status{"Waiting for the cloud", "…", "warn"}
	case bridge.StateUnavailable:
		return status{"Cloud not reachable", "…", "warn"}
	case bridge.StateStorageError:
		return status{"Storage trouble", "✗", "bad"}
	case bridge.StateError:
	}
	return status{"Trouble", "⚠", "warn"}
}

// detail is what happened, without the kind of error that the badge says already.
func detail(c bridge.ConnectionState) string {
	if c.Detail == nil {
		return ""
	}
	for _, kind := range []error{
		fitbit.ErrReauthRequired, fitbit.ErrSetup, fitbit.ErrRetired, fitbit.ErrUnavailable, fitbit.ErrProtocol, fitbit.ErrStorage,
	} {
		if rest, ok := strings.CutPrefix(*c.Detail, kind.Error()+": "); ok {
			return rest
		}
	}
	return *c.Detail
}

// hint is what to do, without the command and the address that the page has a button
// for. The command may name somebody by the name they had when it was written down.
func hint(text string) string {
	return strings.TrimSpace(regexp.MustCompile(`( at https?://\S+, or with| with)?: fitbit2mqtt connect\b( [\w-]+)?( --backend [\w-]+| --[a-z-]+)*`).ReplaceAllString(text, ""))
}

// signInLabel is what the button of a connection in trouble says; empty for none.
func signInLabel(c bridge.ConnectionState) string {
	switch {
	case c.State == bridge.StateSignInRequired, c.State == bridge.StateOK && c.ExpiresSoon:
		return "Sign in again"
	case c.State == bridge.StateOK && len(c.Missing) > 0:
		return "Grant it now"
	}
	return ""
}

// when is a moment for people and for machines.
type when struct{ Machine, Words string }

// whenOf words a moment in the zone it carries, seen from now; nil for the zero time.
func whenOf(t, now time.Time) *when {
	if t.IsZero() {
		return nil
	}
	today, day := fitbit.DateOf(now.In(t.Location())), fitbit.DateOf(t)
	clock := t.Format("15:04")
	words := t.Format("2 Jan 2006, ") + clock
	switch days := day.Sub(today); {
	case days == 0:
		words = "today, " + clock
	case days == -1:
		words = "yesterday, " + clock
	case days == 1:
		words = "tomorrow, " + clock
	case t.Year() == now.Year():
		words = t.Format("2 Jan, ") + clock
	}
	return &when{Machine: t.Format(time.RFC3339), Words: words}
}

// whenStamped is whenOf for a time as payloads write it.
func whenStamped(stamp *string, now time.Time) *when {
	if stamp == nil {
		return nil
	}
	t, err := time.Parse(time.RFC3339, *stamp)
	if err != nil {
		return nil
	}
	return whenOf(t, now)
}

const minus = "−" // U+2212, as wide as a plus

// number writes a value with so many decimals; empty if it is not known.
func number(v *float64, decimals int) string {
	if v == nil {
		return ""
	}
	s := strconv.FormatFloat(*v, 'f', decimals, 64)
	if rest, negative := strings.CutPrefix(s, "-"); negative {
		return minus + rest
	}
	return s
}

// signed is number with a sign, by what is left of it after rounding.
func signed(v *float64, decimals int) string {
	s := strings.TrimPrefix(number(v, decimals), minus)
	switch {
	case s == "":
		return ""
	case strings.Trim(s, "0.") == "":
		return "±" + s
	case *v > 0:
		return "+" + s
	}
	return minus + s
}

// called is an account's name as people write it.
func called(name string) string {
	if name == "" {
		return ""
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

func whole(v *int) string {
	if v == nil {
		return ""
	}
	return strconv.Itoa(*v)
}

func or(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}

// battery is what is known of a device's battery, or when it was last heard of.
func battery(d fitbit.Device, loc *time.Location, now time.Time) (words string, low bool) {
	low = d.Battery == "low" || d.Battery == "empty" || d.BatteryPercent != nil && *d.BatteryPercent <= 15
	switch {
	case d.BatteryPercent != nil:
		words = whole(d.BatteryPercent) + " %"
	case d.Battery != "":
		words = d.Battery
	case !d.LastSync.IsZero():
		return "synced " + whenOf(d.LastSync.In(loc), now).Words, false
	default:
		return "battery not reported", false
	}
	if low {
		words += ", charge it"
	}
	return words, low
}
