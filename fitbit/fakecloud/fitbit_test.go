package fakecloud_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

const (
	fitbitSecret = "fake-secret-000"
	fitbitScopes = "weight heartrate profile settings activity"
	fitbitPage   = "/oauth2/authorize?"
	verifier     = "bridge-test-verifier-0123456789-abcdefghijklmnop"
)

// newFitbitLab is a lab with an app of each kind: "23FAKE" is a Personal one of
// anna's, "23SERV" a Server, "23CLNT" a Client.
func newFitbitLab(t *testing.T) *lab {
	t.Helper()
	l := newLab(t)
	l.cloud = fakecloud.New(fakecloud.Options{Now: l.clock.Now, Apps: []fakecloud.App{
		{ClientID: "23FAKE", ClientSecret: fitbitSecret, RedirectURLs: []string{callback}},
		{ClientID: "23SERV", ClientSecret: fitbitSecret, RedirectURLs: []string{callback, callback + "2"}, Kind: fakecloud.ServerApp},
		{ClientID: "23CLNT", RedirectURLs: []string{callback}, Kind: fakecloud.ClientApp},
		{ClientID: "23OKAY", RedirectURLs: []string{callback}, Kind: fakecloud.ClientApp, Intraday: true},
		{ClientID: "23MINE", ClientSecret: fitbitSecret, RedirectURLs: []string{callback}, Owner: "bert"},
		{ClientID: clientID, ClientSecret: secret, RedirectURLs: []string{callback}}, // for Google
	}})
	l.anna = l.cloud.AddPerson(fakecloud.PersonOptions{Name: "anna", Location: zone(t, "Europe/Berlin"), HeightMetres: 1.78, Seed: 7})
	l.serve()
	return l
}

func fitbitQuery(client string, changes ...string) url.Values {
	q := url.Values{
		"client_id": {client}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {fitbitScopes}, "state": {"s1"},
		"code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"},
	}
	return with(q, changes...)
}

// with changes a form; an empty value takes a name out.
func with(q url.Values, changes ...string) url.Values {
	for i := 0; i < len(changes); i += 2 {
		q.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			q.Del(changes[i])
		}
	}
	return q
}

// fitbitCode lets a person consent and returns the code.
func (l *lab) fitbitCode(a fakecloud.Answer, q url.Values) string {
	l.Helper()
	back, err := l.cloud.Consent(l.Context(), l.url+fitbitPage+q.Encode(), a)
	if err != nil {
		l.Fatal(err)
	}
	return back.Query().Get("code")
}

func basic(client, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(client+":"+secret))
}

// send asks without a network and with headers, which are pairs of names and values.
func (l *lab) send(method, path, body string, headers ...string) answer {
	l.Helper()
	r := httptest.NewRequestWithContext(l.Context(), method, path, strings.NewReader(body))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	l.cloud.ServeHTTP(w, r)
	return answer{t: l.T, status: w.Code, header: w.Header(), body: w.Body.String()}
}

type fitbitTokens struct {
	AccessToken  string `json:"access_token"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token"`
	Scope        string `json:"scope"`
	TokenType    string `json:"token_type"`
	UserID       string `json:"user_id"`
}

func fitbitCodeForm(code string, changes ...string) string {
	return with(url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier},
	}, changes...).Encode()
}

// token asks the token endpoint as an app that sends its secret; others have none.
func (l *lab) token(client, form string) answer {
	l.Helper()
	if client == "23CLNT" || client == "23OKAY" {
		return l.send(http.MethodPost, "/oauth2/token", form+"&client_id="+client)
	}
	return l.send(http.MethodPost, "/oauth2/token", form, "Authorization", basic(client, fitbitSecret))
}

func (l *lab) refresh(client, token string) answer {
	l.Helper()
	return l.token(client, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}.Encode())
}

// fitbitSignIn signs a person in to an app.
func (l *lab) fitbitSignIn(client, person string, untick ...string) fitbitTokens {
	l.Helper()
	code := l.fitbitCode(fakecloud.Answer{Person: person, Untick: untick}, fitbitQuery(client))
	return decode[fitbitTokens](l.token(client, fitbitCodeForm(code)).want(http.StatusOK))
}

// read asks for data of the person of a token; a path such as "profile".
func (l *lab) read(path, token string, headers ...string) answer {
	l.Helper()
	return l.send(http.MethodGet, "/1/user/-/"+path+".json", "", append(headers, "Authorization", "Bearer "+token)...)
}

// fails checks an error of the legacy cloud and returns its message.
func (a answer) fails(status int, kind, field string) string {
	a.t.Helper()
	a.want(status)
	e := decode[struct {
		Errors  []struct{ ErrorType, FieldName, Message string }
		Success *bool
	}](a)
	if len(e.Errors) != 1 || e.Errors[0].ErrorType != kind || e.Errors[0].FieldName != field || e.Errors[0].Message == "" {
		a.t.Errorf("got %s, want one %s of %q", a.body, kind, field)
		return ""
	}
	if (e.Success == nil) != (status == http.StatusUnprocessableEntity) || e.Success != nil && *e.Success {
		a.t.Errorf("got success %v in %s", e.Success, a.body)
	}
	return e.Errors[0].Message
}

// The last argument of each is a path as read takes it.
func TestFitbitKnowsNoOtherEndpoints(t *testing.T) {
	l := newFitbitLab(t)
	tok := l.fitbitSignIn("23FAKE", "anna").AccessToken
	for _, path := range []string{
		"nothing", "profile/1", "devices/alarms", "body/log/weight", "body/log/weight/date/", "body/log/weight/date/2026-11-20/7d/1d",
		"body/weight/date/2026-11-20", "body/log/muscle/date/2026-11-20", "activities/heart/date/2026-11-20", "hrv/date/2026-11-20/2026-11-20/all",
		"activities/heart/date/2026-11-20/1d/1min/time/10:00", "sleep/date/2026-11-20",
	} {
		l.read(path, tok).fails(400, "validation", "resource")
	}
	authorized := []string{"Authorization", "Bearer " + tok}
	l.send(http.MethodGet, "/1/user/-/profile", "", authorized...).fails(400, "validation", "resource")
	l.send(http.MethodGet, "/1/user/"+l.fitbitSignIn("23FAKE", "anna").UserID+"/profile.json", "", authorized...).fails(400, "validation", "resource")
	l.send(http.MethodPost, "/1/user/-/body/log/weight.json", "weight=70", authorized...).fails(400, "validation", "resource")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/1/user/-/body/log/weight.json", io.MultiReader(strings.NewReader("weight=70")))
	w := httptest.NewRecorder()
	if l.cloud.ServeHTTP(w, r); w.Code != http.StatusLengthRequired {
		t.Errorf("a POST of unknown length is answered %d", w.Code)
	}
	l.send(http.MethodGet, "/1/user/-/activities/heart/date/today/1d.json?timezone=UTC", "", authorized...).fails(400, "validation", "query")
}
