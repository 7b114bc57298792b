package web

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// Every state has a word, a sign and a tone of its own kind, and only those that the
// person can mend by signing in have the button.
func TestStatusOfEveryState(t *testing.T) {
	t.Parallel()
	want := map[bridge.State]status{
		bridge.StateOK: {"Connected", "✓", "good"}, bridge.StateSignInRequired: {"Sign-in required", "✗", "bad"},
		bridge.StateSetupRequired: {"Set-up required", "✗", "bad"}, bridge.StateSourceRetired: {"Cloud turned off", "✗", "bad"},
		bridge.StateRateLimited: {"Waiting for the cloud", "…", "warn"}, bridge.StateUnavailable: {"Cloud not reachable", "…", "warn"},
		bridge.StateStorageError: {"Storage trouble", "✗", "bad"}, bridge.StateError: {"Trouble", "⚠", "warn"},
	}
	for _, s := range bridge.States() {
		if got := statusOf(bridge.ConnectionState{State: s}); got != want[s] || got.Word == "" {
			t.Errorf("%s: %v", s, got)
		}
		label := signInLabel(bridge.ConnectionState{State: s, Missing: []fitbit.Metric{"hrv"}})
		if wanted := map[bridge.State]string{bridge.StateOK: "Grant it now", bridge.StateSignInRequired: "Sign in again"}[s]; label != wanted {
			t.Errorf("%s: button %q", s, label)
		}
	}
	if got := statusOf(bridge.ConnectionState{State: "of a later version"}); got.Word != "Trouble" {
		t.Errorf("unknown state: %v", got)
	}
	soon := bridge.ConnectionState{State: bridge.StateOK, ExpiresSoon: true, Missing: []fitbit.Metric{"hrv"}}
	if statusOf(soon).Word != "Sign-in ends soon" || signInLabel(soon) != "Sign in again" {
		t.Error("what ends soon is not the first thing to be said")
	}
	if got := statusOf(bridge.ConnectionState{State: bridge.StateOK, Missing: []fitbit.Metric{"hrv"}}); got.Word != "Connected in part" {
		t.Errorf("in part: %v", got)
	}
}

func TestDetail(t *testing.T) {
	t.Parallel()
	for _, kind := range []error{fitbit.ErrReauthRequired, fitbit.ErrSetup, fitbit.ErrRetired, fitbit.ErrUnavailable, fitbit.ErrProtocol, fitbit.ErrStorage} {
		e := (&fitbit.CloudError{Kind: kind, Detail: "this and that", Reason: "WHY"}).Error()
		if got := detail(bridge.ConnectionState{Detail: &e}); got != "this and that (WHY)" {
			t.Errorf("%v: %q", kind, got)
		}
	}
	bare := fitbit.ErrSetup.Error()
	if got := detail(bridge.ConnectionState{Detail: &bare}); got != bare {
		t.Errorf("bare kind: %q", got)
	}
	if got := detail(bridge.ConnectionState{}); got != "" {
		t.Errorf("nothing: %q", got)
	}
}

func TestHint(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "wait": "wait", "look for a newer version of fitbit2mqtt": "look for a newer version of fitbit2mqtt",
		"start again: fitbit2mqtt connect anna": "start again", "start again: fitbit2mqtt connect ": "start again", "start again: fitbit2mqtt connect": "start again",
		"start again: fitbit2mqtt connect a-b_2": "start again", "start again: fitbit2mqtt connect ACCOUNT": "start again",
		"go on with Elsewhere: fitbit2mqtt connect anna --backend elsewhere":                                                                "go on with Elsewhere",
		"or hand it over with: fitbit2mqtt connect anna --move":                                                                             "or hand it over",
		"if this is it, say so: fitbit2mqtt connect a --backend b --same-person; or hand it over: fitbit2mqtt connect a --backend b --move": "if this is it, say so; or hand it over",
		"sign in again at https://home.example/fitbit/people/anna, or with: fitbit2mqtt connect anna":                                       "sign in again",
		"publish the app (Audience), then sign in again at http://nas:8080/people/a, or with: fitbit2mqtt connect a":                        "publish the app (Audience), then sign in again",
	} {
		if got := hint(text); got != want {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		v              float64
		number, signed string
	}{
		{0, "0.0", "±0.0"},
		{0.04, "0.0", "±0.0"},
		{-0.04, "−0.0", "±0.0"},
		{0.06, "0.1", "+0.1"},
		{-0.06, "−0.1", "−0.1"},
		{math.Copysign(0, -1), "−0.0", "±0.0"},
		{12.34, "12.3", "+12.3"},
		{-12.36, "−12.4", "−12.4"},
		{100, "100.0", "+100.0"},
	} {
		if n, s := number(&c.v, 1), signed(&c.v, 1); n != c.number || s != c.signed {
			t.Errorf("%v: %q, %q", c.v, n, s)
		}
	}
	ten := 10.0
	if got := signed(&ten, 0); got != "+10" {
		t.Errorf("10 without decimals: %q", got)
	}
	if number(nil, 1) != "" || signed(nil, 1) != "" || percent(nil) != "–" || whole(nil) != "" {
		t.Error("what is not known is shown")
	}
}

func TestWhen(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 2*3600)
	now := time.Date(2031, time.January, 1, 23, 30, 0, 0, time.UTC) // 2 January, half past one, there
	for stamp, want := range map[string]string{
		"2031-01-02T00:00:00+02:00": "today, 00:00", "2031-01-01T23:59:59+02:00": "yesterday, 23:59", "2031-01-03T08:00:00+02:00": "tomorrow, 08:00",
		"2030-12-31T08:00:00+02:00": "31 Dec 2030, 08:00", "2031-07-04T08:00:00+02:00": "4 Jul, 08:00", "2032-01-02T00:00:00+02:00": "2 Jan 2032, 00:00",
		"2031-01-01T23:00:00Z": "today, 23:00",
	} {
		at, err := time.Parse(time.RFC3339, stamp)
		if err != nil {
			t.Fatal(err)
		}
		got := whenOf(at, now)
		if stamped := whenStamped(&stamp, now); got == nil || got.Words != want || *stamped != *got {
			t.Errorf("%s: %v, want %s", stamp, got, want)
		}
	}
	bad := "yesterday"
	if whenOf(time.Time{}, now) != nil || whenOf(time.Time{}.In(zone), now) != nil || whenStamped(nil, now) != nil || whenStamped(&bad, now) != nil {
		t.Error("what is no time has words")
	}
}

func TestBattery(t *testing.T) {
	t.Parallel()
	now := time.Date(2031, time.March, 14, 7, 30, 0, 0, time.UTC)
	for words, d := range map[string]fitbit.Device{
		"72 %":                    {BatteryPercent: new(72), Battery: "high"},
		"15 %, charge it":         {BatteryPercent: new(15)},
		"0 %, charge it":          {BatteryPercent: new(0)},
		"30 %, charge it":         {BatteryPercent: new(30), Battery: "low"},
		"medium":                  {Battery: "medium"},
		"empty, charge it":        {Battery: "empty"},
		"synced yesterday, 08:00": {LastSync: now.Add(-24*time.Hour - 30*time.Minute)},
		"battery not reported":    {},
	} {
		got, low := battery(d, time.FixedZone("", 3600), now)
		if got != words || low != strings.Contains(words, "charge") {
			t.Errorf("%+v: %q, %v", d, got, low)
		}
	}
}

func TestShort(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"plain": "plain", strings.Repeat("x", 30): strings.Repeat("x", 24) + "…",
	} {
		if got := short(id); got != want {
			t.Errorf("%s: %s", id, got)
		}
	}
}

// FuzzLinks takes texts apart: nothing is lost, and only https is followed.
func FuzzLinks(f *testing.F) {
	for _, s := range []string{"", "enable it at https://console.cloud.google.com/x?y=z.", "https://a/ https://b/-", "javascript:alert(1)", `https://x"><script>`, "http://plain/", "https://\xff", "https://"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var all strings.Builder
		for _, seg := range links(s) {
			all.WriteString(seg.Text)
			if seg.URL != "" && (seg.URL != seg.Text || !strings.HasPrefix(seg.URL, "https://") || strings.ContainsAny(seg.URL, " \t\r\n<>\"")) {
				t.Errorf("leads to %q", seg.URL)
			}
		}
		if all.String() != s {
			t.Errorf("%q became %q", s, all.String())
		}
	})
}

// FuzzSentence makes sentences of whatever comes.
func FuzzSentence(f *testing.F) {
	for _, s := range []string{"", "a", "ä", "ßx", "Done.", "why?", "\xff", "😀", "."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := sentence(s)
		if s == "" {
			if got != "" {
				t.Errorf("nothing became %q", got)
			}
			return
		}
		if !strings.ContainsAny(got[len(got)-1:], ".!?") || utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Errorf("%q became %q", s, got)
		}
		if again := sentence(got); utf8.ValidString(s) && again != got {
			t.Errorf("%q became %q, and then %q", s, got, again)
		}
	})
}

// FuzzWhen words any moment, seen from any other.
func FuzzWhen(f *testing.F) {
	f.Add(int64(0), int64(1<<40), 0)
	f.Add(int64(-1<<40), int64(253402300799), 14*3600)
	f.Fuzz(func(t *testing.T, at, now int64, offset int) {
		const longest = 1 << 45
		moment := time.Unix(at%longest, 0).In(time.FixedZone("", offset%(18*3600)/60*60))
		if moment.Year() < 1 || moment.Year() > 9999 {
			return // not what this is about
		}
		w := whenOf(moment, time.Unix(now%longest, 0).UTC())
		if w == nil {
			return
		}
		if back, err := time.Parse(time.RFC3339, w.Machine); err != nil || !back.Equal(moment) || !strings.HasSuffix(w.Words, moment.Format(", 15:04")) {
			t.Errorf("%v became %+v, %v", moment, w, err)
		}
	})
}

// FuzzHint never leaves a command behind, whatever a cloud or an old file says.
func FuzzHint(f *testing.F) {
	f.Add("start again: fitbit2mqtt connect anna --move")
	f.Add(": fitbit2mqtt connect: fitbit2mqtt connect")
	f.Fuzz(func(t *testing.T, s string) {
		if got := hint(s); len(got) > len(s) || strings.TrimSpace(got) != got {
			t.Errorf("%q became %q", s, got)
		}
	})
}
