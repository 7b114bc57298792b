package fakecloud_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

func TestFitbitRefreshRotates(t *testing.T) {
	l := newFitbitLab(t)
	for _, client := range []string{"23FAKE", "23SERV", "23CLNT"} {
		first := l.fitbitSignIn(client, "anna", "heartrate")
		second := decode[fitbitTokens](l.refresh(client, first.RefreshToken).want(200))
		if second.AccessToken == first.AccessToken || second.RefreshToken == first.RefreshToken || second.Scope != first.Scope || second.UserID != first.UserID {
			t.Errorf("%s: got %+v after %+v", client, second, first)
		}
		l.read("profile", second.AccessToken).want(200)
		l.read("profile", first.AccessToken).fails(401, "invalid_token", "") // dead at once
		l.clock.Advance(365 * 24 * time.Hour)
		l.refresh(client, second.RefreshToken).want(200) // alive until it is used
	}
}

func TestFitbitRefreshCanBeRepeated(t *testing.T) {
	l := newFitbitLab(t)
	tok := l.fitbitSignIn("23FAKE", "anna")
	answer := l.refresh("23FAKE", tok.RefreshToken).want(200).body
	l.clock.Advance(2*time.Minute - 1)
	l.refresh("23FAKE", tok.RefreshToken).want(200).wantBody(answer)
	l.read("profile", decode[fitbitTokens](l.refresh("23FAKE", tok.RefreshToken)).AccessToken).want(200)
	l.clock.Advance(1)
	message := l.refresh("23FAKE", tok.RefreshToken).fails(400, "invalid_grant", "")
	if !strings.HasPrefix(message, "Refresh token invalid: "+tok.RefreshToken+". Visit ") {
		t.Errorf("got %s", message)
	}
}

func TestFitbitRefreshesAtOnce(t *testing.T) {
	l := newFitbitLab(t)
	tok := l.fitbitSignIn("23FAKE", "anna")
	answers := make(chan answer)
	for range 8 {
		go func() { answers <- l.refresh("23FAKE", tok.RefreshToken) }()
	}
	first := (<-answers).want(200).body
	for range 7 {
		(<-answers).want(200).wantBody(first)
	}
}

func TestFitbitRefreshRefused(t *testing.T) {
	l := newFitbitLab(t)
	tok := l.fitbitSignIn("23FAKE", "anna")
	l.refresh("23FAKE", "").fails(400, "invalid_request", "")
	l.refresh("23FAKE", "unknown").fails(400, "invalid_grant", "")
	l.refresh("23FAKE", tok.AccessToken).fails(400, "invalid_grant", "")
	l.refresh("23SERV", tok.RefreshToken).fails(400, "invalid_grant", "")
	l.refresh("23FAKE", tok.RefreshToken).want(200)
}

// TestFitbitRefreshTokenInTwoHands: a token that somebody uses again ends the grant.
func TestFitbitRefreshTokenInTwoHands(t *testing.T) {
	for name, again := range map[string]func(l *lab, spent string){
		"later": func(l *lab, spent string) {
			l.clock.Advance(2 * time.Minute)
			l.refresh("23FAKE", spent).fails(400, "invalid_grant", "")
		},
		"at once, but in other words": func(l *lab, spent string) {
			form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {spent}, "expires_in": {"28800"}}
			l.token("23FAKE", form.Encode()).fails(400, "invalid_grant", "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newFitbitLab(t)
			other := l.fitbitSignIn("23FAKE", "anna")
			tok := l.fitbitSignIn("23FAKE", "anna")
			renewed := decode[fitbitTokens](l.refresh("23FAKE", tok.RefreshToken).want(200))
			again(l, tok.RefreshToken)
			l.read("profile", renewed.AccessToken).fails(401, "invalid_token", "")
			l.refresh("23FAKE", renewed.RefreshToken).fails(400, "invalid_grant", "")
			l.refresh("23FAKE", other.RefreshToken).want(200) // of another sign-in
		})
	}
}

func TestFitbitRefreshMeetsFaults(t *testing.T) {
	l := newFitbitLab(t)
	token := l.fitbitSignIn("23FAKE", "anna").RefreshToken
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {"23FAKE"}}
	once := func(f fakecloud.Fault) answer {
		f.Path, f.Times = "/oauth2/token", 1
		l.cloud.Fail(f)
		return l.post("/oauth2/token", form)
	}
	if a := once(fakecloud.Fault{Kind: fakecloud.Conflict}).want(409); a.body != "" {
		t.Errorf("409: got %s", a.body)
	}
	once(fakecloud.Fault{Kind: fakecloud.Conflict, Reason: "request"}).fails(409, "request", "")
	once(fakecloud.Fault{Kind: fakecloud.HTML, Status: 500}).want(500)
	once(fakecloud.Fault{Kind: fakecloud.ServerError, Status: 500}).fails(500, "request", "500")
	once(fakecloud.Fault{Kind: fakecloud.Gone}).want(410)
	once(fakecloud.Fault{Kind: fakecloud.Unauthorized}).fails(401, "invalid_client", "")
	if m := once(fakecloud.Fault{Kind: fakecloud.Unauthorized, Status: 400, Reason: "invalid_grant"}).fails(400, "invalid_grant", ""); !strings.Contains(m, token) {
		t.Errorf("the message does not quote the token: %s", m)
	}
	if a := once(fakecloud.Fault{Kind: fakecloud.DropReply}); a.err == nil {
		t.Fatalf("got an answer: %+v", a)
	}
	next := decode[fitbitTokens](l.post("/oauth2/token", form).want(200)) // the one that was lost
	l.read("profile", next.AccessToken).want(200)
	l.clock.Advance(2 * time.Minute)
	l.post("/oauth2/token", form).fails(400, "invalid_grant", "")
}

func TestFitbitRevoke(t *testing.T) {
	l := newFitbitLab(t)
	for _, kind := range []string{"access", "refresh"} {
		first, second, elsewhere := l.fitbitSignIn("23FAKE", "anna"), l.fitbitSignIn("23FAKE", "anna"), l.fitbitSignIn("23SERV", "anna")
		token := first.AccessToken
		if kind == "refresh" {
			token = first.RefreshToken
		}
		revoke := func(client, secret string) answer {
			return l.send(http.MethodPost, "/oauth2/revoke", "token="+token, "Authorization", basic(client, secret))
		}
		revoke("23FAKE", "wrong").fails(401, "invalid_client", "")
		revoke("23SERV", fitbitSecret).want(200) // not theirs
		l.read("profile", second.AccessToken).want(200)
		if a := revoke("23FAKE", fitbitSecret).want(200); a.body != "" {
			t.Errorf("got %s", a.body)
		}
		for _, tok := range []fitbitTokens{first, second} {
			l.read("profile", tok.AccessToken).fails(401, "invalid_token", "")
			l.refresh("23FAKE", tok.RefreshToken).fails(400, "invalid_grant", "")
		}
		l.read("profile", elsewhere.AccessToken).want(200)
		revoke("23FAKE", fitbitSecret).want(200) // there is nothing left
	}
	public := l.fitbitSignIn("23CLNT", "anna")
	l.send(http.MethodPost, "/oauth2/revoke", "client_id=23CLNT").fails(400, "invalid_request", "")
	l.send(http.MethodPost, "/oauth2/revoke", "client_id=23CLNT&token="+public.RefreshToken).want(200)
	l.read("profile", public.AccessToken).fails(401, "invalid_token", "")
}

func TestPersonRevokesAtBothClouds(t *testing.T) {
	l := newFitbitLab(t)
	l.cloud.AddPerson(fakecloud.PersonOptions{Name: "bert"})
	old, now, other := l.fitbitSignIn("23FAKE", "anna"), l.signIn("anna"), l.fitbitSignIn("23FAKE", "bert")
	pending := l.fitbitCode(fakecloud.Answer{Person: "anna"}, fitbitQuery("23FAKE"))
	l.anna.Revoke()
	l.read("profile", old.AccessToken).fails(401, "invalid_token", "")
	l.refresh("23FAKE", old.RefreshToken).fails(400, "invalid_grant", "")
	l.token("23FAKE", fitbitCodeForm(pending)).fails(400, "invalid_grant", "")
	l.get("/v4/users/me/identity", now.AccessToken).refused(401, "UNAUTHENTICATED", "")
	l.read("profile", other.AccessToken).want(200)
}

func TestFitbitIntrospect(t *testing.T) {
	l := newFitbitLab(t)
	tok := l.fitbitSignIn("23FAKE", "anna", "activity", "profile", "settings")
	ask := func(bearer, token string) answer {
		t.Helper()
		return l.send(http.MethodPost, "/1.1/oauth2/introspect", "token="+token, "Authorization", "Bearer "+bearer)
	}
	const inactive = `{"active":false}`
	ask(tok.AccessToken, tok.AccessToken).want(200).wantBody(`{"active":true,"scope":"{HEARTRATE=READ, WEIGHT=READ}","client_id":"23FAKE","user_id":"` + tok.UserID +
		`","token_type":"access_token","exp":1795204800000,"iat":1795176000000}`)
	ask(tok.AccessToken, tok.RefreshToken).want(200).wantBody(inactive)
	ask(tok.AccessToken, "unknown").want(200).wantBody(inactive)
	ask(tok.AccessToken, l.fitbitSignIn("23SERV", "anna").AccessToken).want(200).wantBody(inactive)
	ask(tok.AccessToken, "").fails(400, "invalid_request", "")
	ask("unknown", tok.AccessToken).fails(401, "invalid_token", "")
	l.send(http.MethodPost, "/1.1/oauth2/introspect", "token="+tok.AccessToken).fails(400, "invalid_request", "")
	l.clock.Advance(8 * time.Hour)
	ask(tok.AccessToken, tok.AccessToken).fails(401, "expired_token", "")
	ask(l.fitbitSignIn("23FAKE", "anna").AccessToken, tok.AccessToken).want(200).wantBody(inactive)
}
