package fakecloud_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

func TestAccount(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna").AccessToken
	id := decode[map[string]string](l.get("/v4/users/me/identity", tok).want(200))
	if id["healthUserId"] != l.anna.User() || id["name"] != "users/"+l.anna.User()+"/identity" || len(id["legacyUserId"]) != 6 {
		t.Errorf("got %v", id)
	}
	if age := decode[map[string]any](l.get("/v4/users/me/profile", tok).want(200))["age"]; age != 42.0 {
		t.Errorf("got age %v", age)
	}
	settings := func() string {
		s := decode[map[string]string](l.get("/v4/users/me/settings", tok).want(200))
		if s["weightUnit"] != "WEIGHT_UNIT_KILOGRAMS" {
			t.Errorf("got %v", s)
		}
		return s["timeZone"] + " " + s["utcOffset"]
	}
	if got := settings(); got != "Europe/Berlin 3600s" {
		t.Errorf("at home: %s", got)
	}
	before, _ := l.anna.WeighIn(l.clock.Now(), 78, 0)
	l.clock.Advance(30 * time.Minute)
	l.anna.SetLocation(zone(t, "America/New_York"))
	if got := settings(); got != "America/New_York -18000s" {
		t.Errorf("abroad: %s", got)
	}
	after, _ := l.anna.WeighIn(l.clock.Now(), 78, 0)
	body := l.list("weight", tok, "prettyPrint", "false").want(200).body
	for id, offset := range map[string]string{before: "3600s", after: "-18000s"} {
		_, point, _ := strings.Cut(body, id)
		_, got, _ := strings.Cut(point, `"utcOffset":"`)
		if !strings.HasPrefix(got, offset+`"`) {
			t.Errorf("got %.30s, want %s", got, offset)
		}
	}
}

func TestOnlyBearerTokensAreTaken(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna")
	a := l.get("/v4/users/me/identity?key=AIza", "")
	a.refused(401, "UNAUTHENTICATED", "CREDENTIALS_MISSING")
	l.get("/v4/users/me/identity?access_token="+tok.AccessToken, "").refused(401, "UNAUTHENTICATED", "CREDENTIALS_MISSING")
	a = l.get("/v4/users/me/identity", tok.RefreshToken)
	a.refused(401, "UNAUTHENTICATED", "")
	if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer ") {
		t.Errorf("got %v", a.header)
	}
}

func TestStatesOfAnAccount(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna").AccessToken
	ask := func(s fakecloud.State) answer {
		l.anna.SetState(s)
		return l.get("/v4/users/me/identity", tok)
	}
	ask(fakecloud.NotLinked).refused(400, "FAILED_PRECONDITION", "ACCOUNT_NOT_LINKED")
	if body := ask(fakecloud.NotLinked).body; !strings.Contains(body, `"redirect_uri": "https://fitbit.google.com/auth/signup"`) {
		t.Errorf("got %s", body)
	}
	ask(fakecloud.NoProfile).refused(412, "FAILED_PRECONDITION", "")
	a := ask(fakecloud.LegacyAccount)
	a.refused(403, "PERMISSION_DENIED", "")
	if !strings.Contains(a.body, "UberMint") {
		t.Errorf("got %s", a.body)
	}
	ask(fakecloud.Linked).want(200)
}

func TestQuota(t *testing.T) {
	l := newLab(t)
	l.cloud.AddPerson(fakecloud.PersonOptions{Name: "bert"})
	anna, bert := l.signIn("anna").AccessToken, l.signIn("bert").AccessToken
	for range 300 {
		l.get("/v4/users/me/identity", anna).want(200)
	}
	a := l.get("/v4/users/me/identity", anna)
	a.refused(429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED")
	if a.header.Get("Retry-After") != "" {
		t.Error("Google documents no Retry-After")
	}
	l.get("/v4/users/me/identity", bert).want(200)
	l.clock.Advance(time.Minute)
	l.get("/v4/users/me/identity", anna).want(200)
}

func TestPairedDevices(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna").AccessToken
	l.anna.WeighIn(l.clock.Now(), 78, 0)
	name := `{"name":"users/` + l.anna.User() + `/pairedDevices/`
	scale := name + `301","deviceType":"SCALE","deviceVersion":"Aria Air","lastSyncTime":"2026-11-20T12:00:00Z","macAddress":"00:00:5E:00:53:01"}`
	l.get("/v4/users/me/pairedDevices?prettyPrint=false", tok).want(200).wantBody(`{"pairedDevices":[` + scale + `,` +
		name + `302","deviceType":"TRACKER","deviceVersion":"Inspire 3","batteryLevel":72,"batteryStatus":"High","lastSyncTime":"2026-11-20T12:00:00Z","macAddress":"00:00:5E:00:53:02"}]}`)

	l.anna.SetDevice(fakecloud.Device{ID: "302", Type: "TOASTER", BatteryStatus: "Empty"})
	l.get("/v4/users/me/pairedDevices?prettyPrint=false", tok).want(200).wantBody(`{"pairedDevices":[` + scale + `,` +
		name + `302","deviceType":"TOASTER","batteryStatus":"Empty"}]}`)
	if !l.anna.RemoveDevice("302") || l.anna.RemoveDevice("302") || !l.anna.RemoveDevice("301") {
		t.Error("devices were not removed once")
	}
	l.get("/v4/users/me/pairedDevices", tok).want(200).wantBody("{}\n")

	for i := range 7 {
		l.anna.SetDevice(fakecloud.Device{ID: strconv.Itoa(i), Type: "TRACKER"})
	}
	type devices struct {
		PairedDevices []struct{ Name string }
		NextPageToken string
	}
	first := decode[devices](l.get("/v4/users/me/pairedDevices", tok).want(200))
	second := decode[devices](l.get("/v4/users/me/pairedDevices?pageToken="+first.NextPageToken, tok).want(200))
	if len(first.PairedDevices) != 5 || len(second.PairedDevices) != 2 || second.NextPageToken != "" || !strings.HasSuffix(second.PairedDevices[1].Name, "/6") {
		t.Errorf("got %+v and %+v", first, second)
	}
	l.get("/v4/users/me/pairedDevices?pageSize=6&pageToken="+first.NextPageToken, tok).refused(400, "INVALID_ARGUMENT", "INVALID_PAGE_TOKEN")
	if got := len(decode[devices](l.get("/v4/users/me/pairedDevices?pageSize=200", tok).want(200)).PairedDevices); got != 7 {
		t.Errorf("got %d devices of 7", got)
	}
}
