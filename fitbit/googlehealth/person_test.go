package googlehealth_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

func TestIdentityInEveryForm(t *testing.T) {
	for body, want := range map[string]string{
		`{"name": "users/1/identity", "healthUserId": "1112223334445556667", "legacyUserId": "ABC123"}`: "1112223334445556667",
		`{"name": "users/1/identity", "legacyUserId": "ABC123"}`:                                        "",
		`{"healthUserId": "` + strings.Repeat("1", 129) + `"}`:                                          "",
		`{"healthUserId": 7}`: "",
	} {
		id, err := serve(t, sayJSON(body)).Identity(t.Context())
		if id.User != want || want == "" != errors.Is(err, fitbit.ErrProtocol) {
			t.Errorf("%s: identity is %q (%v), want %q", body, id.User, err, want)
		}
	}
}

func TestSettingsInEveryForm(t *testing.T) {
	at := noon()
	for body, want := range map[string]string{
		`{"timeZone": "Europe/Berlin", "utcOffset": "3600s", "weightUnit": "WEIGHT_UNIT_POUNDS"}`: "Europe/Berlin +0100",
		`{"timeZone": "Europe/Berlin"}`:                             "Europe/Berlin +0100",
		`{"timeZone": "UTC"}`:                                       "UTC +0000",
		`{"timeZone": "Mars/Olympus_Mons", "utcOffset": "5400s"}`:   " +0130",
		`{"timeZone": "../../etc/passwd", "utcOffset": "-12600s"}`:  " -0330",
		`{"timeZone": "Local", "utcOffset": "0s"}`:                  " +0000", // not the machine's
		`{"utcOffset": "3600s"}`:                                    " +0100",
		`{"timeZone": "Local"}`:                                     "",
		`{}`:                                                        "",
		`{"timeZone": "Mars/Olympus_Mons", "utcOffset": "soon"}`:    "",
		`{"timeZone": "Mars/Olympus_Mons", "utcOffset": "864000s"}`: "",
	} {
		s, err := serve(t, sayJSON(body)).Settings(t.Context())
		got := ""
		if err == nil {
			got = s.Location.String() + " " + at.In(s.Location).Format("-0700")
		}
		if got != want || want == "" && !errors.Is(err, fitbit.ErrNoData) {
			t.Errorf("%s: the zone is %q (%v), want %q", body, got, err, want)
		}
	}
}

func TestDeviceInEveryForm(t *testing.T) {
	const name = `"name": "users/1/pairedDevices/301", `
	for _, c := range []struct{ device, want string }{
		{`{` + name + `"deviceType": "SCALE", "deviceVersion": "Aria Air", "lastSyncTime": "2026-11-20T06:14:09.5Z", "macAddress": "00:00:5E:00:53:01"}`, "301 Aria Air scale - \"\" 06:14:09"},
		{`{` + name + `"deviceType": "TRACKER", "deviceVersion": "Inspire 3", "batteryLevel": 72, "batteryStatus": "High"}`, "301 Inspire 3 tracker 72 \"high\" 00:00:00"},
		{`{` + name + `"deviceType": "TRACKER", "batteryStatus": "Empty"}`, "301  tracker 0 \"empty\" 00:00:00"}, // a zero is left out
		{`{` + name + `"deviceType": "TRACKER", "batteryStatus": "Low"}`, "301  tracker - \"low\" 00:00:00"},
		{`{` + name + `"deviceType": "TRACKER", "batteryLevel": 101, "batteryStatus": "Exploding"}`, "301  tracker - \"\" 00:00:00"},
		{`{` + name + `"deviceType": "TRACKER", "batteryLevel": "NaN"}`, "301  tracker - \"\" 00:00:00"},
		{`{` + name + `"deviceType": "TOASTER", "deviceVersion": "T\n800", "lastSyncTime": "yesterday"}`, "301 T800 tracker - \"\" 00:00:00"},
	} {
		list, err := serve(t, sayJSON(`{"pairedDevices": [`+c.device+`,`+c.device+`]}`)).Devices(t.Context())
		if err != nil || len(list) != 1 {
			t.Errorf("%s: devices are %v (%v), want one", c.device, list, err)
			continue
		}
		d := list[0]
		got := fmt.Sprintf("%s %s %s %s %q %s", d.ID, d.Name, d.Type, known(d.BatteryPercent), d.Battery, d.LastSync.Format("15:04:05"))
		if got != c.want || strings.Contains(fmt.Sprintf("%+v", d), "5E:00") {
			t.Errorf("%s: the device is %s, want %s", c.device, got, c.want)
		}
	}
	list, err := serve(t, sayJSON(`{"pairedDevices": [{"deviceVersion": "A"}, {"deviceVersion": "B"}]}`)).Devices(t.Context())
	if err != nil || len(list) != 2 || list[0].ID == list[1].ID || list[0].ID == "" {
		t.Errorf("devices without names are %v (%v), want two with ids", list, err)
	}
}

func TestDevicesOnSeveralPages(t *testing.T) {
	var sizes []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		sizes = append(sizes, q.Get("pageSize"))
		page := `{"pairedDevices": [{"name": "users/1/pairedDevices/302"}], "nextPageToken": "2 &="}`
		if q.Get("pageToken") == "2 &=" {
			page = `{"pairedDevices": [{"name": "users/1/pairedDevices/301"}]}`
		}
		sayJSON(page)(w, r)
	})
	list, err := c.Devices(t.Context())
	if err != nil || len(list) != 2 || list[0].ID != "301" || list[1].ID != "302" {
		t.Errorf("devices are %v (%v), want two", list, err)
	}
	if !slices.Equal(sizes, []string{"100", "100"}) { // by default it is 5
		t.Errorf("page sizes are %q", sizes)
	}
}
