package webapi_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/webapi"
)

const access = `"access_token": "` + accessToken + `"`

// TestReadImport: what other programs keep, in the spellings that people use.
func TestReadImport(t *testing.T) {
	const refresh = `"refresh_token": "` + dead + `"`
	for _, c := range []struct {
		name           string
		files          map[string]string
		client, secret string
		access         bool
		rest           string // user, scopes, expiry
	}{
		{"everything in one", map[string]string{"fb_conf.json": `{"client_id": "23FAKE", "client_secret": "` + secret + `", ` + access + `, ` + refresh + `}`}, clientID, secret, true, " [] -"},
		{"without a secret", map[string]string{"fb_conf.json": `{"client_id": "23FAKE", ` + access + `, ` + refresh + `}`}, clientID, "", true, " [] -"},
		{
			"in two",
			map[string]string{
				"client_details.json": `{"client_id": "23FAKE", "client_secret": "` + secret + `"}`,
				"user_details.json": `{` + access + `, "expires_in": 28800, ` + refresh + `, "scope": ["weight", "heartrate"], "token_type": "Bearer", "user_id": "ZZ9PLU",
					"expires_at": 1795204800.123}`,
			},
			clientID, secret, true, "ZZ9PLU [heartrate weight] 2026-11-20T20:00:00Z",
		},
		{
			"as the token endpoint answers",
			map[string]string{"token.json": `{` + access + `,"expires_in":28800,` + refresh + `,"scope":"heartrate weight","token_type":"Bearer","user_id":"ZZ9PLU"}`},
			"", "", true, "ZZ9PLU [heartrate weight] -",
		},
		{"spelt otherwise", map[string]string{"c.json": `{"clientId": "23FAKE", "clientSecret": "` + secret + `", "refreshToken": "` + dead + `"}`}, clientID, secret, false, " [] -"},
		{"with a byte order mark", map[string]string{"c.json": "\ufeff" + `{"client_id": "23FAKE", "client_secret": "` + secret + `", ` + refresh + `}`}, clientID, secret, false, " [] -"},
		{"spelt loudly", map[string]string{"c.json": `{"CLIENT_ID": "23FAKE", "CLIENT-SECRET": " ` + secret + `\n", "REFRESH_TOKEN": "` + dead + `"}`}, clientID, secret, false, " [] -"},
		{"short", map[string]string{"c.json": `{"id": "23FAKE", "secret": "` + secret + `", "refresh": "` + dead + `"}`}, clientID, secret, false, " [] -"},
		{"a level down", map[string]string{"c.json": `{"fitbit": {"client_id": "23FAKE", "client_secret": "` + secret + `"}, "token": {` + access + `, ` + refresh + `}, "list": [7]}`}, clientID, secret, true, " [] -"},
		{"the exact spelling first", map[string]string{"c.json": `{"id": "7", "client_id": "23FAKE", "inner": {"client_id": "X"}, ` + refresh + `}`}, clientID, "", false, " [] -"},
		{"the same twice", map[string]string{"a.json": `{"client_id": "23FAKE", ` + refresh + `}`, "b.json": `{"client_id": "23FAKE"}`}, clientID, "", false, " [] -"},
	} {
		files := make(map[string][]byte)
		for name, text := range c.files {
			files[name] = []byte(text)
		}
		in, err := webapi.ReadImport(files)
		if err != nil || in.RefreshToken != dead || in.ClientID != c.client || in.ClientSecret != c.secret || (in.AccessToken == accessToken) != c.access {
			t.Errorf("%s: %v, client %q", c.name, err, in.ClientID)
			continue
		}
		expiry := "-"
		if !in.Expiry.IsZero() {
			expiry = in.Expiry.Format(time.RFC3339)
		}
		if got := fmt.Sprint(in.User, " ", in.Scopes, " ", expiry); got != c.rest {
			t.Errorf("%s: beside the tokens there is %q, want %q", c.name, got, c.rest)
		}
	}
}

// TestNoImport: what is refused, with what was expected and without what is there.
func TestNoImport(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		says  []string
	}{
		{"nothing", nil, []string{"refresh_token", "client_details.json", "fb_conf.json"}},
		{"not JSON", map[string]string{"notes.txt": "refresh_token = " + dead}, []string{"notes.txt", "not an object in JSON", "access_token and refresh_token", "client_id and client_secret"}},
		{"a list", map[string]string{"a.json": `["` + dead + `"]`}, []string{"a.json", "access_token and refresh_token"}},
		{"other keys", map[string]string{"a.json": `{"tok": "` + dead + `"}`}, []string{"a.json", "access_token", "refresh_token", "client_id", "client_secret"}},
		{"half of two", map[string]string{"client_details.json": `{"client_id": "23FAKE", "client_secret": "` + secret + `"}`}, []string{"there is no refresh_token", "user_details.json"}},
		{"half of a sign-in", map[string]string{"a.json": `{` + access + `}`}, []string{"there is no refresh_token"}},
		{"two people", map[string]string{"a.json": `{"refresh_token": "` + dead + `"}`, "b.json": `{"refresh_token": "another"}`}, []string{"two different values of refresh_token"}},
		{"one file too many", map[string]string{"a.json": `{"refresh_token": "` + dead + `"}`, "plot.json": `{"steps": 7}`}, []string{"plot.json"}},
		{"two lines", map[string]string{"a.json": `{"refresh_token": "` + dead + `\nX"}`}, []string{"a.json", "refresh_token"}},
		{"without end", map[string]string{"a.json": `{"refresh_token": "` + strings.Repeat(dead, 80) + `"}`}, []string{"a.json", "refresh_token"}},
		{"larger than any", map[string]string{"a.json": `{"refresh_token": "` + dead + `", "x": "` + strings.Repeat("x", 64<<10) + `"}`}, []string{"a.json", "larger"}},
	} {
		files := make(map[string][]byte)
		for name, text := range c.files {
			files[name] = []byte(text)
		}
		in, err := webapi.ReadImport(files)
		if !errors.Is(err, webapi.ErrNoImport) || in.RefreshToken != "" {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for _, says := range c.says {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %q does not say %q", c.name, err, says)
			}
		}
		if leaks(err) {
			t.Errorf("%s: a secret is in %v", c.name, err)
		}
	}
}

// TestImportIsShy: whatever prints it.
func TestImportIsShy(t *testing.T) {
	in, err := webapi.ReadImport(map[string][]byte{"a.json": []byte(`{"client_secret": "` + secret + `", "refresh_token": "` + dead + `"}`)})
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("read", "import", in)
	text := fmt.Sprintf("%v %+v %#v %s %s", in, in, in, in, logged.String())
	if strings.Contains(text, secret) || strings.Contains(text, dead) || !strings.Contains(text, "redacted") {
		t.Errorf("it prints as %s", text)
	}
}

// FuzzReadImport: whatever a file holds, nothing panics, and an error says nothing of it.
func FuzzReadImport(f *testing.F) {
	f.Add(`{"client_id": "23FAKE", "client_secret": "x", "access_token": "a", "refresh_token": "r", "expires_at": 1795204800.5, "scope": ["a"]}`)
	f.Add(`{"fitbit": {"clientId": "23FAKE", "refreshToken": 7}, "refresh_token": null}`)
	f.Add(`{"refresh_token": "r", "expires_at": "NaN", "scope": "{WEIGHT=READ}"}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, text string) {
		in, err := webapi.ReadImport(map[string][]byte{"a.json": []byte(text)})
		if err != nil {
			if !errors.Is(err, webapi.ErrNoImport) || len(err.Error()) > 400 {
				t.Errorf("error is %v", err)
			}
			return
		}
		odd := func(s string) bool { return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) }
		if in.RefreshToken == "" || slices.ContainsFunc([]string{in.ClientID, in.ClientSecret, in.AccessToken, in.RefreshToken, in.User}, odd) ||
			in.Expiry.Year() > 2300 {
			t.Errorf("%q, %q, %v", in.ClientID, in.User, in.Expiry)
		}
	})
}
