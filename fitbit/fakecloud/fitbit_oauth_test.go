package fakecloud_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

func TestFitbitVectors(t *testing.T) {
	if got := challenge(verifier); got != "FI0HitfFw0hIrbVi1SjZei-g5SU6nTNY5cnLiVbg4M8" {
		t.Errorf("the challenge is %s", got)
	}
	if got := basic("23FAKE", fitbitSecret); got != "Basic MjNGQUtFOmZha2Utc2VjcmV0LTAwMA==" {
		t.Errorf("the header is %s", got)
	}
	l := newFitbitLab(t)
	code := l.fitbitCode(fakecloud.Answer{Person: "anna"}, fitbitQuery("23FAKE", "code_challenge", "FI0HitfFw0hIrbVi1SjZei-g5SU6nTNY5cnLiVbg4M8"))
	l.send(http.MethodPost, "/oauth2/token", fitbitCodeForm(code), "Authorization", "Basic MjNGQUtFOmZha2Utc2VjcmV0LTAwMA==").want(200)
}

func TestFitbitTokens(t *testing.T) {
	l := newFitbitLab(t)
	tok := l.fitbitSignIn("23FAKE", "anna")
	if tok.ExpiresIn != 28800 || tok.TokenType != "Bearer" || tok.Scope != "activity heartrate profile settings weight" {
		t.Errorf("got %+v", tok)
	}
	if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(tok.RefreshToken) || !regexp.MustCompile(`^[0-9A-Z]{6}$`).MatchString(tok.UserID) {
		t.Errorf("got refresh token %q of %q", tok.RefreshToken, tok.UserID)
	}
	parts := strings.Split(tok.AccessToken, ".")
	if len(parts) != 3 || parts[0] != "eyJhbGciOiJIUzI1NiJ9" {
		t.Fatalf("got %s, no JWT", tok.AccessToken)
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(b, &claims); err != nil {
		t.Fatal(err)
	}
	now := float64(l.clock.Now().Unix())
	for name, want := range map[string]any{
		"iss": "Fitbit", "aud": "23FAKE", "sub": tok.UserID, "typ": "access_token", "scopes": "ract rhr rpro rset rwei", "iat": now, "exp": now + 28800,
	} {
		if claims[name] != want {
			t.Errorf("claim %s is %v, want %v", name, claims[name], want)
		}
	}
	l.clock.Advance(28800*time.Second - 1)
	l.read("profile", tok.AccessToken).want(200)
	l.clock.Advance(1)
	message := l.read("profile", tok.AccessToken).fails(401, "expired_token", "")
	if !strings.HasPrefix(message, "Access token expired: "+tok.AccessToken) {
		t.Errorf("got %s", message)
	}
	l.read("profile", "unknown").fails(401, "invalid_token", "")
	l.send(http.MethodGet, "/1/user/-/profile.json", "").fails(400, "invalid_request", "")
	l.get("/v4/users/me/identity", tok.AccessToken).refused(401, "UNAUTHENTICATED", "")
	l.read("profile", l.signIn("anna").AccessToken).fails(401, "invalid_token", "")
}

func TestFitbitCodeIsRefused(t *testing.T) {
	l := newFitbitLab(t)
	anna := fakecloud.Answer{Person: "anna"}
	code := func(changes ...string) string { return l.fitbitCode(anna, fitbitQuery("23FAKE", changes...)) }
	for _, c := range []struct {
		asked, sent  []string
		kind, starts string
	}{
		{nil, []string{"code", "none"}, "invalid_grant", "Authorization code invalid: none."},
		{nil, []string{"code", ""}, "invalid_request", "Missing parameters: code"},
		{nil, []string{"grant_type", ""}, "invalid_request", "Missing parameters: grant_type"},
		{nil, []string{"grant_type", "client_credentials"}, "invalid_request", "Invalid grant_type parameter value"},
		{nil, []string{"expires_in", "3600"}, "invalid_request", "Invalid expires_in parameter value"},
		{nil, []string{"code_verifier", ""}, "invalid_request", "Missing parameters: code_verifier"},
		{nil, []string{"code_verifier", verifier + "x"}, "invalid_grant", "Code verifier invalid: "},
		{nil, []string{"code_verifier", verifier[:42]}, "invalid_request", "Invalid code_verifier parameter value"},
		{[]string{"code_challenge", "", "code_challenge_method", ""}, nil, "invalid_grant", "Code verifier invalid: "},
	} {
		form := fitbitCodeForm(code(c.asked...), c.sent...)
		if message := l.token("23FAKE", form).fails(400, c.kind, ""); !strings.HasPrefix(message, c.starts) {
			t.Errorf("%q %q: got %s", c.asked, c.sent, message)
		}
	}
	used := code()
	l.token("23SERV", fitbitCodeForm(used)).fails(400, "invalid_grant", "") // it is not theirs
	l.token("23FAKE", fitbitCodeForm(used)).want(200)
	l.token("23FAKE", fitbitCodeForm(used)).fails(400, "invalid_grant", "")
	late := code()
	l.clock.Advance(10*time.Minute - 1)
	l.token("23FAKE", fitbitCodeForm(code())).want(200)
	l.clock.Advance(1)
	l.token("23FAKE", fitbitCodeForm(late)).fails(400, "invalid_grant", "")
}

func TestFitbitPlainChallenge(t *testing.T) {
	l := newFitbitLab(t)
	for _, method := range []string{"", "plain"} { // the default is plain
		q := fitbitQuery("23FAKE", "code_challenge", verifier, "code_challenge_method", method)
		code := l.fitbitCode(fakecloud.Answer{Person: "anna"}, q)
		l.token("23FAKE", fitbitCodeForm(code, "code_verifier", challenge(verifier))).fails(400, "invalid_grant", "")
		l.token("23FAKE", fitbitCodeForm(code)).want(200)
	}
}

// TestFitbitAppsAuthenticate tries every kind of app with every way to say who it is.
func TestFitbitAppsAuthenticate(t *testing.T) {
	l := newFitbitLab(t)
	const ok, noClient, noRequest = "", "invalid_client", "invalid_request"
	ways := []struct {
		header string // where %s is the client
		secret string
		body   string
		want   map[string]string
	}{
		{"basic", fitbitSecret, "", map[string]string{"23FAKE": ok, "23SERV": ok, "23CLNT": noClient}},
		{"basic", fitbitSecret, "same", map[string]string{"23FAKE": ok, "23SERV": ok, "23CLNT": noClient}},
		{"basic", fitbitSecret, "23OKAY", map[string]string{"23FAKE": noClient, "23SERV": noClient, "23CLNT": noClient}},
		{"basic", "", "", map[string]string{"23FAKE": noClient, "23SERV": noClient, "23CLNT": noClient}},
		{"basic", "wrong", "same", map[string]string{"23FAKE": noClient, "23SERV": noClient, "23CLNT": noClient}},
		{"", "", "same", map[string]string{"23FAKE": ok, "23SERV": noClient, "23CLNT": ok}},
		{"", "", "", map[string]string{"23FAKE": noRequest, "23SERV": noRequest, "23CLNT": noRequest}},
		{"", "", "nobody", map[string]string{"23FAKE": noClient}},
		{"Basic !", "", "same", map[string]string{"23FAKE": noClient, "23SERV": noClient}},
		{"Bearer abc", "", "same", map[string]string{"23FAKE": noClient, "23SERV": noClient}},
	}
	for _, way := range ways {
		for client, want := range way.want {
			form := fitbitCodeForm(l.fitbitCode(fakecloud.Answer{Person: "anna"}, fitbitQuery(client)))
			if way.body != "" {
				form += "&client_id=" + strings.ReplaceAll(way.body, "same", client)
			}
			var headers []string
			if way.header == "basic" {
				headers = append(headers, "Authorization", basic(client, way.secret))
			} else if way.header != "" {
				headers = append(headers, "Authorization", way.header)
			}
			a := l.send(http.MethodPost, "/oauth2/token", form, headers...)
			t.Logf("%s: %q, %q, client_id %q", client, way.header, way.secret, way.body)
			switch want {
			case ok:
				a.want(200)
			case noClient:
				a.fails(401, want, "")
			default:
				a.fails(400, want, "")
			}
		}
	}
	code := l.fitbitCode(fakecloud.Answer{Person: "anna"}, fitbitQuery("23FAKE", "code_challenge", "", "code_challenge_method", ""))
	form := fitbitCodeForm(code, "code_verifier", "", "client_id", "23FAKE")
	l.send(http.MethodPost, "/oauth2/token", form).fails(400, "invalid_request", "") // neither secret nor PKCE
	l.token("23FAKE", form).want(200)
}

func TestFitbitTokenRequestForm(t *testing.T) {
	l := newFitbitLab(t)
	code := l.fitbitCode(fakecloud.Answer{Person: "anna"}, fitbitQuery("23SERV"))
	headers := []string{"Authorization", basic("23SERV", fitbitSecret), "Content-Length", "0"}
	tok := decode[fitbitTokens](l.send(http.MethodPost, "/oauth2/token?"+fitbitCodeForm(code), "", headers...).want(200))
	query := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok.RefreshToken}}
	l.send(http.MethodPost, "/oauth2/token?"+query.Encode(), "", headers...).want(200)
	l.send(http.MethodPost, "/oauth2/token?"+query.Encode(), "", headers[:2]...).want(411)
	l.send(http.MethodGet, "/oauth2/token?"+query.Encode(), "").fails(400, "invalid_request", "")
	got := l.cloud.Requests()
	for i, want := range []fakecloud.Request{
		{Path: "/oauth2/authorize", Status: 200},
		{Path: "/oauth2/authorize", Status: 302},
		{Path: "/oauth2/token", Grant: "authorization_code", Person: "anna", Status: 200},
		{Path: "/oauth2/token", Grant: "refresh_token", Person: "anna", Status: 200},
	} {
		got[i].Time, got[i].Method = want.Time, ""
		if got[i] != want {
			t.Errorf("recorded %+v, want %+v", got[i], want)
		}
	}
}
