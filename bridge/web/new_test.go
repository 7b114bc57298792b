package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/web"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// TestWhatNewRefuses names the key of the configuration that is wrong.
func TestWhatNewRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	cloud := h.desk.Clouds["google"]
	cloud.RedirectURL = "http://[::1"
	spoilt := &signin.Desk{Clouds: map[string]signin.Cloud{"google": cloud}, Default: "google"}
	nowhere := &signin.Desk{Clouds: h.desk.Clouds, Default: "atlantis"}
	for want, o := range map[string]web.Options{
		"google.redirect_url": {Desk: spoilt},
		`called "atlantis"`:   {Desk: nowhere},
		"web.password":        {Desk: h.desk, Password: "$2a$10$too-short"},
		"web.base_url":        {Desk: h.desk, BaseURL: "home.example"},
	} {
		if pages, err := web.New(o); err == nil || pages != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := web.New(web.Options{Desk: h.desk}); err != nil { // clock and log may be left out
		t.Error(err)
	}
}

// TestStoreGone takes the token store away: whatever is sent, the page says that it did
// not work, and nothing else.
func TestStoreGone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	h.connect("anna")
	b := h.browser()
	begun := b.begin("name", "ben")
	back := h.consent(begun.consentLink(), fakecloud.Answer{Person: "ben"})
	if err := h.tokens.Close(); err != nil {
		t.Fatal(err)
	}
	const sorry = "This did not work; the log says why."
	for path, form := range formRoutes(strings.TrimPrefix(begun.at.Path, "/sign-in/")) {
		if path != "/people/anna/poll" && path != "/logout" {
			b.do(b.request(http.MethodPost, path, form)).wants(http.StatusInternalServerError, sorry)
		}
	}
	b.post("/connect", "name", "ben", "client", "new", "id", testingID, "secret", testingSecret).wants(http.StatusInternalServerError, sorry)
	b.get("/connect").wants(http.StatusInternalServerError, sorry)
	b.get(begun.at.Path).wants(http.StatusInternalServerError, sorry)
	b.get(back).follow().wants(http.StatusInternalServerError, sorry)
	b.get("/").wants(http.StatusOK, "Anna")
	b.get("/people/anna").wants(http.StatusOK, "Anna")
}
