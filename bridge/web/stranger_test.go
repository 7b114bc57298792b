package web_test

import (
	"net/http"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// An account of a cloud that this version does not know, such as an older one left
// behind, is shown with every page and file there is of a person, and can be removed.
func TestAnAccountOfAnUnknownCloud(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	_, err := h.tokens.Connect(t.Context(), tokenstore.SignIn{
		Name: "carl", Backend: "fitbit", User: "user-carl", Grant: fitbit.Grant{AccessToken: "a", RefreshToken: "r"},
	})
	if err != nil {
		t.Fatal(err)
	}
	h.bridge.Sync(t.Context())
	b := h.browser()
	for _, path := range []string{"/", "/people/carl"} {
		b.get(path).wants(http.StatusOK, "⚠ Trouble", "This version knows no cloud called", "Remove the account, or use a version that knows this cloud.")
	}
	for _, path := range []string{"/people/carl/weigh-ins.csv", "/people/carl/weigh-ins.json", "/metrics"} {
		b.get(path).wants(http.StatusOK)
	}
	b.post("/people/carl/remove", "sure", "yes")
	if _, still := h.bridge.Person("carl"); still {
		t.Error("carl is still there")
	}
}
