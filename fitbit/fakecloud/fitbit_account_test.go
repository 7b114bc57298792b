package fakecloud_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

func TestFitbitProfile(t *testing.T) {
	l := newFitbitLab(t)
	tok := l.fitbitSignIn("23FAKE", "anna")
	l.read("profile", tok.AccessToken).want(200).wantBody(`{"user":{"age":42,"dateOfBirth":"1984-01-01","displayName":"anna","distanceUnit":"METRIC","encodedId":"` + tok.UserID +
		`","fullName":"anna","gender":"NA","height":178,"heightUnit":"METRIC","locale":"en_GB","memberSince":"2020-01-02",` +
		`"offsetFromUTCMillis":3600000,"timezone":"Europe/Berlin","weight":0,"weightUnit":"METRIC"}}`)
	google := decode[map[string]string](l.get("/v4/users/me/identity", l.signIn("anna").AccessToken).want(200))
	if google["legacyUserId"] != tok.UserID || google["healthUserId"] == tok.UserID {
		t.Errorf("Google knows %v, Fitbit %s", google, tok.UserID)
	}
	l.cloud.AddPerson(fakecloud.PersonOptions{Name: "bert"}).WeighIn(l.clock.Now(), 70, 0) // who never entered a height
	bert := l.fitbitSignIn("23FAKE", "bert").AccessToken
	if body := l.read("body/log/weight/date/2026-11-20", bert).want(200).body; !strings.Contains(body, `"bmi":0,`) {
		t.Errorf("got %s", body)
	}
	if body := l.read("profile", bert).want(200).body; !strings.Contains(body, `"height":0,`) || !strings.Contains(body, `"timezone":"UTC"`) {
		t.Errorf("got %s", body)
	}
}

func TestFitbitDevices(t *testing.T) {
	l := newFitbitLab(t)
	tok := l.fitbitSignIn("23FAKE", "anna").AccessToken
	l.anna.SetDevice(fakecloud.Device{ID: "303", Type: "TRACKER", Version: "MobileTrack", BatteryStatus: "Empty"})
	l.anna.SetDevice(fakecloud.Device{
		ID: "302", Type: "TRACKER", Version: "Charge 5", BatteryLevel: 54, BatteryStatus: "Medium",
		LastSync: l.clock.Now().Add(1500 * time.Millisecond), MAC: "aa:11:bb:22:cc:33", Features: []string{"x"},
	})
	type device struct{ ID, Type, MAC, LastSyncTime, DeviceVersion, Battery string }
	body := l.read("devices", tok).want(200)
	list := decode[[]device](body)
	if len(list) != 3 {
		t.Fatalf("got %s", body.body)
	}
	if !regexp.MustCompile(`^[0-9A-Z]{16}$`).MatchString(list[0].ID) || !regexp.MustCompile(`^\d{10}$`).MatchString(list[1].ID) || list[1].ID == list[2].ID {
		t.Errorf("got ids %s, %s and %s", list[0].ID, list[1].ID, list[2].ID)
	}
	if want := (device{list[1].ID, "TRACKER", "AA11BB22CC33", "2026-11-20T13:00:01.500", "Charge 5", "Medium"}); list[1] != want {
		t.Errorf("got %+v, want %+v", list[1], want)
	}
	if list[0].Type != "SCALE" || list[0].DeviceVersion != "Aria Air" || list[0].LastSyncTime != "2026-11-20T13:00:00.000" || strings.Count(body.body, "batteryLevel") != 1 || strings.Count(body.body, "lastSyncTime") != 2 {
		t.Errorf("got %s", body.body)
	}
	for _, d := range list {
		if !l.anna.RemoveDevice(d.ID) {
			t.Errorf("nobody knows %s", d.ID)
		}
	}
	l.read("devices", tok).want(200).wantBody(`[]`)
}

// budget reads the headers, spelt as they are.
func budget(h http.Header) [3]string {
	get := func(name string) string { return strings.Join(h[name], ",") }
	return [3]string{get("Fitbit-rate-limit-limit"), get("Fitbit-rate-limit-remaining"), get("Fitbit-rate-limit-reset")}
}

func TestFitbitBudget(t *testing.T) {
	l := newFitbitLab(t)
	l.cloud.SetFitbit(fakecloud.FitbitOptions{PerHour: 3})
	l.clock.Advance(17*time.Minute + 30*time.Second)
	tok := l.fitbitSignIn("23FAKE", "anna", "settings").AccessToken
	other := l.fitbitSignIn("23SERV", "anna").AccessToken
	expect := func(a answer, limit, remaining, reset string) answer {
		t.Helper()
		if got := budget(a.header); got != [3]string{limit, remaining, reset} {
			t.Errorf("got %v, want %s, %s, %s", got, limit, remaining, reset)
		}
		return a
	}
	expect(l.read("profile", tok).want(200), "3", "2", "3600")
	l.clock.Advance(1500 * time.Millisecond)
	expect(l.read("devices", tok), "3", "1", "3599").fails(403, "insufficient_scope", "") // errors count
	expect(l.read("nothing", tok), "3", "0", "3599").fails(400, "validation", "resource")
	a := expect(l.read("profile", tok), "3", "0", "3599")
	if a.fails(429, "system", "n/a"); a.header.Get("Retry-After") != "" {
		t.Errorf("got %v", a.header)
	}
	expect(l.read("profile", other).want(200), "3", "2", "3600") // of another app
	expect(l.read("profile", "unknown"), "", "", "").want(401)
	l.cloud.SetFitbit(fakecloud.FitbitOptions{PerHour: 3, RetryAfter: 90 * time.Second, Behind: 2})
	if a := expect(l.read("profile", tok).want(429), "3", "0", "3599"); a.header.Get("Retry-After") != "90" {
		t.Errorf("got %v", a.header)
	}
	l.clock.Advance(time.Hour - 1500*time.Millisecond)
	for _, remaining := range []string{"3", "3", "2"} {
		expect(l.read("profile", tok).want(200), "3", remaining, "3600")
	}
	l.read("profile", tok).want(429)
	l.clock.Advance(-time.Minute) // a clock that was wrong
	l.read("profile", tok).want(200)
	l.cloud.SetFitbit(fakecloud.FitbitOptions{PerHour: -1})
	for range 200 {
		expect(l.read("profile", tok).want(200), "", "", "")
	}
	l.cloud.SetFitbit(fakecloud.FitbitOptions{})
	l.clock.Advance(time.Hour)
	expect(l.read("profile", tok).want(200), "150", "149", "3600")
	server := l.get("/1/user/-/profile.json", tok) // over a network, names are what they always are
	if got := server.want(200).header.Get("Fitbit-Rate-Limit-Remaining"); got != "148" {
		t.Errorf("got %v", server.header)
	}
}

func TestFitbitRetires(t *testing.T) {
	l := newFitbitLab(t)
	tok, google := l.fitbitSignIn("23FAKE", "anna"), l.signIn("anna").AccessToken
	l.cloud.RetireFitbit()
	l.read("profile", tok.AccessToken).want(410)
	l.read("nothing", "").want(410)
	l.refresh("23FAKE", tok.RefreshToken).want(410)
	l.send(http.MethodPost, "/oauth2/revoke", "").want(410)
	l.send(http.MethodPost, "/1.1/oauth2/introspect", "").want(410)
	l.get(fitbitPage+fitbitQuery("23FAKE").Encode(), "").want(410)
	if _, err := l.cloud.Consent(t.Context(), fitbitPage+fitbitQuery("23FAKE").Encode(), fakecloud.Answer{Person: "anna"}); err == nil {
		t.Error("somebody has consented")
	}
	l.list("weight", google).want(200)
}

func TestFitbitFaults(t *testing.T) {
	l := newFitbitLab(t)
	tok := l.fitbitSignIn("23FAKE", "anna").AccessToken
	once := func(f fakecloud.Fault) answer {
		f.Path, f.Times = "/body/log/weight/", 1
		l.cloud.Fail(f)
		l.read("devices", tok).want(200)
		return l.read("body/log/weight/date/2026-11-20", tok)
	}
	for _, c := range []struct {
		fault       fakecloud.Fault
		status      int
		kind, field string
	}{
		{fakecloud.Fault{Kind: fakecloud.Unauthorized}, 401, "expired_token", ""},
		{fakecloud.Fault{Kind: fakecloud.Unauthorized, Reason: "invalid_token"}, 401, "invalid_token", ""},
		{fakecloud.Fault{Kind: fakecloud.Forbidden}, 403, "insufficient_scope", ""},
		{fakecloud.Fault{Kind: fakecloud.Forbidden, Reason: "insufficient_permissions"}, 403, "insufficient_permissions", ""},
		{fakecloud.Fault{Kind: fakecloud.Forbidden, Status: 400, Reason: "validation"}, 400, "validation", ""},
		{fakecloud.Fault{Kind: fakecloud.RateLimited}, 429, "system", "n/a"},
		{fakecloud.Fault{Kind: fakecloud.ServerError}, 503, "request", "503"},
		{fakecloud.Fault{Kind: fakecloud.ServerError, Status: 500}, 500, "request", "500"},
	} {
		once(c.fault).fails(c.status, c.kind, c.field)
	}
	if a := once(fakecloud.Fault{Kind: fakecloud.RateLimited, RetryAfter: time.Minute}).want(429); a.header.Get("Retry-After") != "60" || budget(a.header) != [3]string{} {
		t.Errorf("got %v", a.header)
	}
	for status, kind := range map[int]fakecloud.FaultKind{410: fakecloud.Gone, 502: fakecloud.HTML} {
		if a := once(fakecloud.Fault{Kind: kind}).want(status); !strings.Contains(a.body, "<html") {
			t.Errorf("got %s", a.body)
		}
	}
	l.cloud.SetFitbit(fakecloud.FitbitOptions{GoogleErrors: true})
	once(fakecloud.Fault{Kind: fakecloud.Forbidden}).refused(403, "PERMISSION_DENIED", "")
	once(fakecloud.Fault{Kind: fakecloud.Unauthorized}).fails(401, "expired_token", "")
	l.read("body/log/weight/date/2026-11-20", tok).want(200)
}

func TestFitbitRequestsAreRecorded(t *testing.T) {
	l := newFitbitLab(t)
	tok := l.fitbitSignIn("23FAKE", "anna").AccessToken
	l.cloud.ResetRequests()
	want := map[string]string{
		"profile": "profile", "devices": "devices", "hrv/date/2026-11-20": "hrv",
		"body/log/weight/date/2026-11-20": "weight", "body/log/fat/date/2026-11-20": "fat", "body/bmi/date/today/7d": "bmi-series",
		"activities/heart/date/today/1d": "heart", "activities/heart/date/today/1d/1min": "heart-intraday", "nothing": "",
	}
	for path, kind := range want {
		status := l.read(path, tok).status
		got := l.cloud.Requests()
		if one := (fakecloud.Request{Time: l.clock.Now(), Method: "GET", Path: "/1/user/-/" + path + ".json", DataType: kind, Person: "anna", Status: status}); got[len(got)-1] != one {
			t.Errorf("recorded %+v, want %+v", got[len(got)-1], one)
		}
	}
}
