package fakecloud_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

const (
	clientID = "web.apps.example"
	secret   = "a secret"
	callback = "http://localhost:8099/oauth/callback"
	prefix   = "https://www.googleapis.com/auth/googlehealth."
	allScope = prefix + "health_metrics_and_measurements.readonly " + prefix + "activity_and_fitness.readonly " +
		prefix + "settings.readonly " + prefix + "profile.readonly"
)

// lab is a cloud behind a real port, with a clock at noon (UTC) of 20 November
// 2026 and a person called anna in Berlin.
type lab struct {
	*testing.T
	cloud *fakecloud.Cloud
	clock *fakecloud.Clock
	anna  *fakecloud.Person
	url   string
}

func newLab(t *testing.T) *lab {
	t.Helper()
	clock := fakecloud.NewClock(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
	cloud := fakecloud.New(fakecloud.Options{
		Now: clock.Now,
		Apps: []fakecloud.App{
			{ClientID: clientID, ClientSecret: secret, RedirectURLs: []string{callback}},
			{ClientID: "testing", ClientSecret: secret, RedirectURLs: []string{callback}, Testing: true},
			{ClientID: "desktop", ClientSecret: secret, Desktop: true},
		},
	})
	anna := cloud.AddPerson(fakecloud.PersonOptions{Name: "anna", Location: zone(t, "Europe/Berlin"), HeightMetres: 1.78, Seed: 7})
	l := &lab{T: t, cloud: cloud, clock: clock, anna: anna}
	l.serve()
	return l
}

// serve puts the cloud behind a port.
func (l *lab) serve() {
	server := httptest.NewServer(l.cloud)
	l.Cleanup(server.Close)
	l.url = server.URL
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func day(t *testing.T, s string) fitbit.Date {
	t.Helper()
	d, err := fitbit.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func at(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// answer is a raw HTTP answer.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   string
	err    error // of reading it
}

func (l *lab) do(method, path, token, contentType, body string) answer {
	l.Helper()
	r, err := http.NewRequestWithContext(l.Context(), method, l.url+path, strings.NewReader(body))
	if err != nil {
		l.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	client := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(r)
	if err != nil {
		return answer{t: l.T, err: err}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{l.T, resp.StatusCode, resp.Header, string(b), err}
}

func (l *lab) get(path, token string) answer {
	l.Helper()
	return l.do(http.MethodGet, path, token, "", "")
}

func (l *lab) post(path string, form url.Values) answer {
	l.Helper()
	return l.do(http.MethodPost, path, "", "application/x-www-form-urlencoded", form.Encode())
}

func (l *lab) rollUp(dataType, verb, token, body string) answer {
	l.Helper()
	return l.do(http.MethodPost, "/v4/users/me/dataTypes/"+dataType+"/dataPoints:"+verb, token, "application/json", body)
}

// list asks for data points; params are pairs of names and values.
func (l *lab) list(dataType, token string, params ...string) answer {
	l.Helper()
	q := url.Values{}
	for i := 0; i < len(params); i += 2 {
		q.Set(params[i], params[i+1])
	}
	return l.get("/v4/users/me/dataTypes/"+dataType+"/dataPoints?"+strings.ReplaceAll(q.Encode(), "+", "%20"), token)
}

func authQuery(changes ...string) url.Values {
	q := url.Values{
		"client_id": {clientID}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {allScope},
		"access_type": {"offline"}, "prompt": {"consent"}, "state": {"s1"},
	}
	for i := 0; i < len(changes); i += 2 {
		q.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			q.Del(changes[i])
		}
	}
	return q
}

func (l *lab) consent(a fakecloud.Answer, q url.Values) url.Values {
	l.Helper()
	back, err := l.cloud.Consent(l.Context(), l.url+"/o/oauth2/v2/auth?"+q.Encode(), a)
	if err != nil {
		l.Fatal(err)
	}
	return back.Query()
}

func codeForm(client, code string, changes ...string) url.Values {
	f := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback},
		"client_id": {client}, "client_secret": {secret},
	}
	for i := 0; i < len(changes); i += 2 {
		f.Set(changes[i], changes[i+1])
	}
	return f
}

func refreshForm(client, token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {client}, "client_secret": {secret}}
}

type tokens struct {
	AccessToken      string `json:"access_token"`
	RefreshToken     string `json:"refresh_token"`
	ExpiresIn        int    `json:"expires_in"`
	RefreshExpiresIn *int   `json:"refresh_token_expires_in"`
	Scope            string `json:"scope"`
	TokenType        string `json:"token_type"`
}

// signIn lets the person consent; untick are scope suffixes.
func (l *lab) signIn(person string, untick ...string) tokens {
	l.Helper()
	code := l.consent(fakecloud.Answer{Person: person, Untick: untick}, authQuery()).Get("code")
	return decode[tokens](l.post("/token", codeForm(clientID, code)).want(http.StatusOK))
}

func (a answer) want(status int) answer {
	a.t.Helper()
	if a.err != nil || a.status != status {
		a.t.Fatalf("got %d, want %d: %v %s", a.status, status, a.err, a.body)
	}
	return a
}

func (a answer) wantBody(body string) {
	a.t.Helper()
	if a.err != nil || a.body != body {
		a.t.Errorf("got %s %v\nwant %s", a.body, a.err, body)
	}
}

// refused checks an AIP-193 error.
func (a answer) refused(status int, rpc, reason string) {
	a.t.Helper()
	a.want(status)
	e := decode[struct {
		Error struct {
			Code    int
			Status  string
			Message string
			Details []struct {
				Type, Reason, Domain string
				AtType               string `json:"@type"`
			}
		}
	}](a).Error
	if e.Code != status || e.Status != rpc || e.Message == "" {
		a.t.Errorf("got %+v, want %d %s", e, status, rpc)
	}
	got := ""
	if len(e.Details) > 0 {
		got = e.Details[0].Reason
		if e.Details[0].AtType != "type.googleapis.com/google.rpc.ErrorInfo" || e.Details[0].Domain == "" {
			a.t.Errorf("got detail %+v", e.Details[0])
		}
	}
	if got != reason {
		a.t.Errorf("got reason %q, want %q", got, reason)
	}
}

// refusedOAuth checks an OAuth error.
func (a answer) refusedOAuth(status int, code string) {
	a.t.Helper()
	a.want(status)
	e := decode[map[string]string](a)
	if e["error"] != code || e["error_description"] == "" {
		a.t.Errorf("got %v, want %s", e, code)
	}
}

func decode[T any](a answer) T {
	a.t.Helper()
	var v T
	if ct := a.header.Get("Content-Type"); !strings.HasPrefix(ct, "application/json") {
		a.t.Errorf("got Content-Type %q", ct)
	}
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		a.t.Fatalf("%v in %s", err, a.body)
	}
	return v
}

// page is a list answer, as far as most tests care.
type page struct {
	DataPoints []struct {
		Name       string
		DataSource map[string]any
		Weight     struct{ WeightGrams any }
		HeartRate  struct {
			BeatsPerMinute string
			SampleTime     struct{ PhysicalTime time.Time }
		}
		TimeInHeartRateZone struct{ HeartRateZoneType string }
	}
	NextPageToken string
}
