package fakecloud_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

func TestPeople(t *testing.T) {
	l := newLab(t)
	bert := l.cloud.AddPerson(fakecloud.PersonOptions{Name: "bert"})
	if l.cloud.Person("bert") != bert || l.cloud.Person("anna") != l.anna || l.cloud.Person("carl") != nil {
		t.Error("people are not found by their names")
	}
	if bert.User() == l.anna.User() || bert.User() == "" {
		t.Errorf("got users %q and %q", bert.User(), l.anna.User())
	}
	defer func() {
		if recover() == nil {
			t.Error("a second bert was let in")
		}
	}()
	l.cloud.AddPerson(fakecloud.PersonOptions{Name: "bert"})
}

func TestRequestsAreRecordedWithoutSecrets(t *testing.T) {
	l := newLab(t)
	tok := l.signIn("anna")
	l.cloud.ResetRequests()
	filter := `weight.sample_time.physical_time >= "2026-11-01T00:00:00Z"`
	l.list("weight", tok.AccessToken, "filter", filter).want(http.StatusOK)
	l.post("/token", refreshForm(clientID, tok.RefreshToken)).want(http.StatusOK)
	l.get("/v4/users/me/settings", "unknown").want(http.StatusUnauthorized)

	got := l.cloud.Requests()
	want := []fakecloud.Request{
		{Method: "GET", Path: "/v4/users/me/dataTypes/weight/dataPoints", DataType: "weight", Filter: filter, Person: "anna", Status: 200},
		{Method: "POST", Path: "/token", Grant: "refresh_token", Person: "anna", Status: 200},
		{Method: "GET", Path: "/v4/users/me/settings", Status: 401},
	}
	if len(got) != len(want) {
		t.Fatalf("got %d requests: %+v", len(got), got)
	}
	for i := range want {
		want[i].Time = l.clock.Now()
		if got[i] != want[i] {
			t.Errorf("got %+v\nwant %+v", got[i], want[i])
		}
	}
}

func TestEverythingAtOnce(t *testing.T) {
	l := newFitbitLab(t)
	tok, legacy := l.signIn("anna"), l.fitbitSignIn("23FAKE", "anna")
	l.anna.Generate(day(t, "2026-11-01"), day(t, "2026-11-30"))
	done := make(chan int)
	for worker := range 8 {
		go func() {
			for i := range 10 {
				when := l.clock.Advance(time.Second)
				id, _ := l.anna.WeighIn(when, 70+float64(worker), 20)
				l.anna.EditWeight(id, 71)
				l.anna.AddHeartSample(when, 60)
				l.anna.SetResting(fitbit.DateOf(when), 50+i)
				l.cloud.Fail(fakecloud.Fault{Kind: fakecloud.ServerError, Path: "/nowhere"})()
				l.list("weight", tok.AccessToken, "pageSize", "5")
				l.list("heart-rate", tok.AccessToken, "pageSize", "5")
				l.refresh("23FAKE", legacy.RefreshToken)
				l.read("body/log/weight/date/2026-11-20", legacy.AccessToken)
				l.cloud.SetFitbit(fakecloud.FitbitOptions{PerHour: -1})
				l.cloud.Requests()
			}
			done <- worker
		}()
	}
	for range 8 {
		<-done
	}
	if got := len(decode[page](l.list("weight", tok.AccessToken, "filter", `weight.sample_time.physical_time >= "2026-11-20T12:00:00Z"`).want(200)).DataPoints); got != 80 {
		t.Errorf("got %d weights of 80", got)
	}
}
