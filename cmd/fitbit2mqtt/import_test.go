package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/googlehealth"
)

// grant is a sign-in as another program has it.
func (w *world) grant(t *testing.T, person string) fitbit.Grant {
	t.Helper()
	b := backendOf(w.backend)
	own := cloudConfig{Endpoint: w.server.URL}.beside(b)
	app := b.authorizer(own, googlehealth.NewHTTPClient(), clientID, clientSecret)
	attempt := fitbit.Attempt{State: "s", Verifier: oauth2.GenerateVerifier(), RedirectURL: w.redirect}
	back, err := w.cloud.Consent(t.Context(), app.AuthCodeURL(attempt), fakecloud.Answer{Person: person})
	if err != nil {
		t.Fatal(err)
	}
	callback, err := fitbit.ParseCallback(back.String())
	if err != nil {
		t.Fatal(err)
	}
	g, err := app.Exchange(t.Context(), attempt, callback.Code)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// write puts a file beside the configuration.
func (w *world) write(t *testing.T, name string, content map[string]any) string {
	t.Helper()
	b, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Each form in which the programs of old keep a sign-in is taken over, and lives on.
func TestImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna", "ben", "carla")
	w.backend = "fitbit"
	broker := ownBroker(t)
	config := w.config(broker)
	o := observe(t, broker)
	bridge := begin(t, "run", "--config", config)
	for i, name := range []string{"anna", "ben", "carla"} {
		w.cloud.Person(name).WeighIn(time.Now().Add(-time.Hour), 60+float64(i), 0)
		g := w.grant(t, name)
		files := [][]string{
			{w.write(t, "fb_conf.json", map[string]any{"client_id": clientID, "client_secret": clientSecret, "access_token": g.AccessToken, "refresh_token": g.RefreshToken})},
			{
				w.write(t, "details.json", map[string]any{"client_id": clientID, "client_secret": clientSecret}), // of the same name, in two folders
				w.write(t, "details.json", map[string]any{"access_token": g.AccessToken, "refresh_token": g.RefreshToken, "user_id": "ZZ9PLU"}),
			},
			{w.write(t, "token.json", map[string]any{"access_token": g.AccessToken, "refresh_token": g.RefreshToken, "expires_in": 28800, "token_type": "Bearer", "user_id": "ZZ9PLU"})},
		}[i]
		r := invoke(t, append([]string{"accounts", "import", "--name", name, "--config", config}, files...)...)
		if r.code != exitOK || !strings.Contains(r.out, "stop the program that it comes from") || !strings.Contains(r.out, name+" is connected.") {
			t.Fatalf("%s: %+v", name, r)
		}
		if strings.Contains(r.out+r.err, g.RefreshToken) || strings.Contains(r.out+r.err, g.AccessToken) {
			t.Error("a token shows")
		}
		w.secretless(r.out, r.err)
		o.heard("fitbit2mqtt/"+name+"/body", fmt.Sprintf(`"weight_kg":%d`, 60+i))
		spent := 0
		for _, q := range w.cloud.Requests() {
			if q.Grant == "refresh_token" && q.Person == name {
				spent++
			}
		}
		if spent != 1 {
			t.Errorf("%s: %d refreshes, want one", name, spent)
		}
	}
	if r := bridge.end(); r.code != exitOK {
		t.Errorf("%+v", r)
	}
}

// Files that nobody understands, and sign-ins that cannot be taken over: one Error line
// and one Try line, and nothing is lost.
func TestImportRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna", "ben")
	w.backend = "fitbit"
	config := w.config("")
	if r := w.connect(config, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	g := w.grant(t, "ben")
	good := w.write(t, "fb_conf.json", map[string]any{"client_id": clientID, "client_secret": clientSecret, "refresh_token": g.RefreshToken})
	var said strings.Builder
	for _, c := range []struct {
		name string
		args []string
		code int
	}{
		{"no such file", []string{filepath.Join(t.TempDir(), "absent.json"), "--name", "ben"}, exitUsage},
		{"a folder", []string{t.TempDir(), "--name", "ben"}, exitUsage},
		{"not JSON", []string{config, "--name", "ben"}, exitUsage},
		{"something else", []string{w.write(t, "results.json", map[string]any{"steps": 1}), "--name", "ben"}, exitUsage},
		{"half of two", []string{w.write(t, "client_details.json", map[string]any{"client_id": clientID, "client_secret": clientSecret}), "--name", "ben"}, exitUsage},
		{"a secret without its app", []string{good, "--name", "ben", "--client-secret-file", config}, exitUsage},
		{"no name", []string{good}, exitUsage},
		{"a name that is not allowed", []string{good, "--name", "Ben"}, exitUsage},
		{"unknown to the cloud", []string{w.write(t, "token.json", map[string]any{"refresh_token": strings.Repeat("0", 64)}), "--name", "ben"}, exitCloud},
		{"through an app that the cloud does not know", []string{w.write(t, "token.json", map[string]any{"refresh_token": g.RefreshToken}), "--name", "ben", "--client-id", "23XXXX", "--client-secret-file", config}, exitCloud},
		{"somebody else's name", []string{good, "--name", "anna"}, exitCloud},
	} {
		r := invoke(t, append([]string{"accounts", "import", "--config", config}, c.args...)...)
		if r.code != c.code || strings.Count(r.err, "Error: ") != 1 || strings.Count(r.err, "Try: ") != 1 {
			t.Errorf("%s: exit %d, want %d: %s", c.name, r.code, c.code, r.err)
		}
		w.secretless(r.out, r.err)
		_, text, _ := strings.Cut("\n"+r.err, "\nError: ") // the log says it before
		text = "Error: " + text
		for i, arg := range c.args {
			if i == 0 {
				text = strings.ReplaceAll(text, arg, filepath.Base(arg))
			}
		}
		fmt.Fprintf(&said, "%s:\n%s\n", c.name, text)
	}
	golden(t, "testdata/import.txt", said.String())
	// The sign-in that came under the wrong name is still good under the right one.
	if r := invoke(t, "accounts", "import", "--config", config, good, "--name", "ben"); r.code != exitOK {
		t.Errorf("%+v", r)
	}
}

// Where no cloud takes sign-ins over, that is what is said.
func TestImportWhereNoCloudTakesThem(t *testing.T) {
	t.Parallel()
	for _, err := range []error{notUnderstood(nil), notUnderstood([]error{errors.New("no token in it")})} {
		if exitCode(err) != exitUsage || strings.Contains(err.Error(), "%!") || err.Error() == "" {
			t.Errorf("%d: %s", exitCode(err), err)
		}
	}
}
