package webapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// TestIdentity: the token says whose it is, and where that cannot be asked, the profile.
func TestIdentity(t *testing.T) {
	for _, c := range []struct {
		name       string
		introspect http.HandlerFunc
		profile    http.HandlerFunc
		want       string
		err        error
	}{
		{"as documented", sayJSON(`{"active":true,"scope":"{WEIGHT=READ}","client_id":"23FAKE","user_id":"ZZ9PLU","exp":1927900000000}`), nil, "ZZ9PLU", nil},
		{"not active", sayJSON(`{"active":false}`), nil, "", fitbit.ErrReauthRequired},
		{"not there", say(404, "text/html", "<html>no"), sayJSON(berlinProfile), "ZZ9PLU", nil},
		{"not there, in other words", refusal(400, "validation"), sayJSON(berlinProfile), "ZZ9PLU", nil},
		{"not for this app", refusal(403, "insufficient_permissions"), sayJSON(berlinProfile), "ZZ9PLU", nil},
		{"nothing", sayJSON(`{}`), sayJSON(berlinProfile), "ZZ9PLU", nil},
		{"nothing, in other words", sayJSON(`[]`), sayJSON(berlinProfile), "ZZ9PLU", nil},
		{"not there, and no profile", say(404, "text/html", "<html>no"), refusal(403, "insufficient_scope"), "", fitbit.ErrPermission},
		{"nobody", sayJSON(`{"active":true}`), sayJSON(berlinProfile), "ZZ9PLU", nil},
		{"a number", sayJSON(`{"active":true,"user_id":1234567}`), nil, "1234567", nil},
		{"nobody at all", sayJSON(`{"active":true,"user_id":["7"]}`), sayJSON(`{"user":{}}`), "", fitbit.ErrProtocol},
		{"a name without end", sayJSON(`{"active":true,"user_id":"` + strings.Repeat("Z", 129) + `"}`), sayJSON(`{}`), "", fitbit.ErrProtocol},
		{"not now", refusal(500, "request"), nil, "", fitbit.ErrUnavailable},
		{"the form of before", sayJSON(`{"active":1,"user_id":"ZZ9PLU"}`), nil, "ZZ9PLU", nil},
	} {
		id, err := serveAll(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/1.1/oauth2/introspect" {
				_ = r.ParseForm()
				if r.Method != http.MethodPost || r.PostForm.Get("token") != accessToken {
					t.Errorf("%s: %s without the token", c.name, r.Method)
				}
				c.introspect(w, r)
				return
			}
			if c.profile == nil {
				t.Errorf("%s: the profile was asked for", c.name)
				return
			}
			c.profile(w, r)
		}).Identity(t.Context())
		if id.User != c.want || !errors.Is(err, c.err) || id.Former != "" || leaks(err) {
			t.Errorf("%s: identity is %q (%v), want %q (%v)", c.name, id.User, err, c.want, c.err)
		}
	}
}

func TestSettingsInEveryForm(t *testing.T) {
	for body, want := range map[string]string{
		berlinProfile: "Europe/Berlin +0100",
		`{"user":{"timezone":"Europe/London","offsetFromUTCMillis":-25200000}}`:      "Europe/London +0000",
		`{"user":{"timezone":"Mars/Olympus_Mons","offsetFromUTCMillis":5400000}}`:    " +0130",
		`{"user":{"timezone":"../../etc/passwd","offsetFromUTCMillis":"-12600000"}}`: " -0330",
		`{"user":{"timezone":"Local","offsetFromUTCMillis":0}}`:                      " +0000", // not the machine's
		`{"user":{"offsetFromUTCMillis":3600000}}`:                                   " +0100",
		`{"user":{"timezone":"Local"}}`:                                              "",
		`{"user":{"timezone":7,"offsetFromUTCMillis":864000000}}`:                    "",
		`{"user":{}}`: "", `{}`: "", `[]`: "", `{"user":null}`: "",
	} {
		client := serveAll(t, sayJSON(body))
		s, err := client.Settings(t.Context())
		got := ""
		if err == nil {
			got = s.Location.String() + " " + noon().In(s.Location).Format("-0700")
		}
		if got != want || want == "" && !errors.Is(err, fitbit.ErrNoData) {
			t.Errorf("%s: the zone is %q (%v), want %q", body, got, err, want)
		}
		if _, err = client.Weights(t.Context(), month()); want == "" && (!errors.Is(err, fitbit.ErrProtocol) || fitbit.Hint(err) == "") {
			t.Errorf("%s: without a zone the weights are %v", body, err)
		}
	}
}

// TestHeightInEveryForm: centimetres, or nothing.
func TestHeightInEveryForm(t *testing.T) {
	for body, want := range map[string]float64{
		berlinProfile: 1.781, `{"user":{"height":"178"}}`: 1.78,
		`{"user":{"height":0}}`: 0, `{"user":{"height":null}}`: 0, `{"user":{"height":70.1}}`: 0.701, `{"user":{"height":1781}}`: 0, `{"user":{}}`: 0, `{}`: 0,
	} {
		metres, err := serveAll(t, sayJSON(body)).Height(t.Context())
		if metres != want || want == 0 && !errors.Is(err, fitbit.ErrNoData) {
			t.Errorf("%s: the height is %v (%v), want %v", body, metres, err, want)
		}
	}
}

func TestDeviceInEveryForm(t *testing.T) {
	for _, c := range []struct{ device, want string }{
		{
			`{"battery":"High","batteryLevel":95,"deviceVersion":"Aria","features":[],"id":"Q7FAKE2SCALE9XYZ","lastSyncTime":"2026-11-20T07:12:50.000","mac":"DD44EE55FF66","type":"SCALE"}`,
			`Q7FAKE2SCALE9XYZ Aria scale 95 "high" 2026-11-20T07:12:50+01:00`,
		},
		{`{"battery":"Medium","batteryLevel":"54","deviceVersion":"Charge 5","id":"2230001112","lastSyncTime":"2026-07-20T07:20:31","type":"TRACKER"}`, `2230001112 Charge 5 tracker 54 "medium" 2026-07-20T07:20:31+02:00`},
		{`{"deviceVersion":"One","id":2230001112,"type":"TRACKER"}`, `2230001112 One tracker - "" -`},
		{`{"battery":"Empty","deviceVersion":"One","id":"7","type":"TRACKER"}`, `7 One tracker - "empty" -`},
		{`{"battery":"Exploding","batteryLevel":101,"deviceVersion":"T\n800","id":"7","lastSyncTime":"yesterday","type":"TOASTER"}`, `7 T800 tracker - "" -`},
		{`{"id":"7","lastSyncTime":"0001-01-01T00:00:00.000"}`, `7  tracker - "" -`},
		{`{"battery":"Empty","deviceVersion":"MobileTrack","id":"8","type":"TRACKER"}`, ""}, // a phone
		{`null`, ""},
	} {
		list, err := serve(t, sayJSON(`[`+c.device+`,`+c.device+`]`)).Devices(t.Context())
		if c.want == "" && err == nil && len(list) == 0 {
			continue
		}
		if err != nil || len(list) != 1 {
			t.Errorf("%s: devices are %v (%v), want one", c.device, list, err)
			continue
		}
		d, sync := list[0], "-"
		if !d.LastSync.IsZero() {
			sync = d.LastSync.Format(time.RFC3339)
		}
		got := fmt.Sprintf("%s %s %s %s %q %s", d.ID, d.Name, d.Type, known(d.BatteryPercent), d.Battery, sync)
		if got != c.want || strings.Contains(fmt.Sprintf("%+v", d), "DD44EE") {
			t.Errorf("%s: the device is %s, want %s", c.device, got, c.want)
		}
	}
	list, err := serve(t, sayJSON(`[{"id":"#","deviceVersion":"A"},{"id":"","deviceVersion":"B"}]`)).Devices(t.Context())
	if err != nil || len(list) != 2 || strings.ContainsAny(list[0].ID+list[1].ID, "#") || list[1].ID == "" {
		t.Errorf("devices without ids are %v (%v), want two with some", list, err)
	}
	for _, body := range []string{`[]`, `{}`, `null`} {
		if list, err := serve(t, sayJSON(body)).Devices(t.Context()); err != nil || len(list) > 0 {
			t.Errorf("%s: %v (%v), want no devices", body, list, err)
		}
	}
}

// TestZoneIsKept: readings need it, one request in an hour and a half is for it, and
// whoever asks for the settings or the height renews it on the way.
func TestZoneIsKept(t *testing.T) {
	l := newLab(t, fakecloud.FitbitOptions{})
	profiles := func() int {
		n := 0
		for _, path := range l.asked() {
			if strings.HasSuffix(path, "/profile.json") {
				n++
			}
		}
		return n
	}
	l.asked()
	ask := func() {
		t.Helper()
		if _, err := l.client.Weights(t.Context(), month()); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		ask()
	}
	if n := profiles(); n != 1 {
		t.Errorf("%d requests for the zone, want 1", n)
	}
	for range 4 {
		l.clock.Advance(time.Hour)
		if _, err := l.client.Settings(t.Context()); err != nil {
			t.Fatal(err)
		}
		ask()
	}
	if n := profiles(); n != 4 {
		t.Errorf("%d requests for the zone, want those for the settings alone: 4", n)
	}
	l.clock.Advance(90 * time.Minute)
	ask()
	l.clock.Advance(-3 * time.Hour) // a clock that was wrong
	ask()
	if n := profiles(); n != 2 {
		t.Errorf("%d requests for the zone, want 2", n)
	}
}

// TestFloatingTime: after a journey the wall clock of what was before reads the same.
func TestFloatingTime(t *testing.T) {
	l := newLab(t, fakecloud.FitbitOptions{})
	l.anna.WeighIn(at(t, "2026-11-20T07:00:00+01:00"), 78.4, 0)
	before, err := l.client.Weights(t.Context(), month())
	if err != nil {
		t.Fatal(err)
	}
	york, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	l.anna.SetLocation(york)
	l.clock.Advance(2 * time.Hour)
	after, err := l.client.Weights(t.Context(), month())
	if err != nil || len(before) != 1 || len(after) != 1 || before[0].ID != after[0].ID {
		t.Fatalf("%v became %v (%v)", before, after, err)
	}
	got := []string{before[0].Time.Format(time.RFC3339), after[0].Time.Format(time.RFC3339)}
	if want := []string{"2026-11-20T07:00:00+01:00", "2026-11-20T07:00:00-05:00"}; !slices.Equal(got, want) {
		t.Errorf("times are %q, want %q", got, want)
	}
}
