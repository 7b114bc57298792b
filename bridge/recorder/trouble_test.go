package recorder_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/recorder"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/homeassistant"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"http://homeassistant.local:8123":              "http://homeassistant.local:8123",
		"http://homeassistant.local:8123/":             "http://homeassistant.local:8123",
		"https://user:secret@home.example.org/ha/":     "https://home.example.org/ha",
		"ws://192.168.1.2:8123/api/websocket":          "http://192.168.1.2:8123",
		"wss://[fd00::1]/":                             "https://[fd00::1]",
		recorder.Supervisor:                            recorder.Supervisor,
		"homeassistant.local:8123":                     "",
		"homeassistant.local":                          "",
		"http://":                                      "",
		"mqtt://homeassistant.local":                   "",
		"http://user:se/cret@home.example.org":         "",
		"http://user:se#cret@home.example.org":         "",
		"http://home.example.org/?access_token=secret": "",
		"http://homeassistant.local:81230":             "",
		"http://homeassistant.local:0":                 "",
		"":                                             "",
	} {
		a, err := recorder.ParseAddress(given)
		switch {
		case err == nil && a.String() != want:
			t.Errorf("%s became %q", given, a)
		case err != nil && (want != "" || strings.Contains(err.Error(), "cret") || !a.IsZero()):
			t.Errorf("%s: %v", given, err)
		case err == nil && (strings.Contains(a.String(), "secret") || a.IsZero()):
			t.Errorf("%s became %s", given, a)
		}
	}
}

// answering is a server that is anything but a Home Assistant.
func answering(status int, location string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if location != "" {
			w.Header().Set("Location", location)
		}
		w.WriteHeader(status)
	})
}

// talking is a WebSocket that sends one message and listens.
func talking(messages ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var u websocket.Upgrader
		conn, err := u.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		for _, m := range messages {
			if conn.WriteMessage(websocket.TextMessage, []byte(m)) != nil {
				return
			}
		}
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				return
			}
		}
	})
}

const token = "long-lived-token-that-must-never-show"

func TestWhoeverElseAnswers(t *testing.T) {
	t.Parallel()
	type answer struct {
		handler       http.Handler
		kind          error
		says, advises string
	}
	for name, a := range map[string]answer{
		"a page":               {answering(404, ""), recorder.ErrAway, "that is no Home Assistant: HTTP 404 at /api/websocket", "the address at which your browser"},
		"a page that is there": {answering(200, ""), recorder.ErrAway, "that is no Home Assistant: HTTP 200", "the address"},
		"a proxy":              {answering(502, ""), recorder.ErrAway, "it is not up yet (HTTP 502)", "wait until it has started"},
		"a gate":               {answering(401, ""), recorder.ErrRefused, "wants a user name and password", "into the address"},
		"a ban":                {answering(403, ""), recorder.ErrRefused, "lets nobody in from here", "ip_bans.yaml"},
		"TLS elsewhere":        {answering(301, "https://u:secret@home.example.org/a?b=secret"), recorder.ErrAway, "sends visitors elsewhere (HTTP 301)", "the address at which"},
		"TLS at the root":      {answering(301, "https://u:secret@home.example.org/"), recorder.ErrAway, "sends visitors elsewhere (HTTP 301)", "use https://home.example.org instead"},
		"TLS below a path":     {answering(308, "https://home.example.org:8443/ha/api/websocket"), recorder.ErrAway, "elsewhere (HTTP 308)", "use https://home.example.org:8443/ha instead"},
		"a gate with a page":   {answering(302, "https://sso.example.org/login?rd=https%3A%2F%2Fhome"), recorder.ErrAway, "elsewhere (HTTP 302)", "the address at which"},
		"nowhere":              {answering(302, "/login"), recorder.ErrAway, "elsewhere (HTTP 302)", "the address at which"},
		"confusion":            {answering(400, ""), recorder.ErrAway, "HTTP 400", "use https://"},
		"another socket":       {talking(`{"hello":1}`), recorder.ErrAway, "that is no Home Assistant: it begins with another message", "the address"},
		"no JSON":              {talking(`hello`), recorder.ErrAway, "that is no Home Assistant: it sends something else", "the address"},
		"an echo":              {talking(`{"type":"auth_required","ha_version":"2026.11.0"}`, `{"type":"auth_invalid","message":"`+token+`"}`), recorder.ErrRefused, "the access token is not accepted", "long-lived access token"},
		"half of one":          {talking(`{"type":"auth_required"}`, `{"type":"auth_later"}`), recorder.ErrAway, "it answers the sign-in with another message", "the address"},
		"silence":              {talking(), recorder.ErrAway, "it does not answer", "the network"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			where := strings.Replace(serve(t, a.handler), "://", "://user:secret@", 1)
			_, err := recorder.Dial(t.Context(), recorder.Options{Address: address(t, where), Token: token, Patience: 2 * time.Second})
			wantTrouble(t, err, a.kind, a.says, a.advises, token, "secret")
		})
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = recorder.Dial(t.Context(), recorder.Options{Address: address(t, "http://"+free), Token: token})
	wantTrouble(t, err, recorder.ErrAway, "nothing listens there", "check that Home Assistant runs", token)

	// Something that is no web server at all.
	l, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = fmt.Fprint(c, "SSH-2.0-OpenSSH_9.2\r\n")
			_ = c.Close()
		}
	}()
	_, err = recorder.Dial(t.Context(), recorder.Options{Address: address(t, "http://"+l.Addr().String()), Token: token})
	if !errors.Is(err, recorder.ErrAway) {
		t.Errorf("got %v", err)
	}
	_, err = recorder.Dial(t.Context(), recorder.Options{Address: address(t, "https://"+l.Addr().String()), Token: token})
	wantTrouble(t, err, recorder.ErrAway, "it does not speak TLS", "http://", token)
}

// What the browser shows ends with the page that is open.
func TestAddressOfAPage(t *testing.T) {
	t.Parallel()
	where := serve(t, answering(404, "")) + "/lovelace/0"
	_, err := recorder.Dial(t.Context(), recorder.Options{Address: address(t, where), Token: token})
	wantTrouble(t, err, recorder.ErrAway, "HTTP 404 at /lovelace/0/api/websocket", "leave out /lovelace/0", token)
}

// A port for TLS hangs up on whoever does not speak it.
func TestTLSIsMissing(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1))
			_ = c.Close()
		}
	}()
	_, err = recorder.Dial(t.Context(), recorder.Options{Address: address(t, "http://"+l.Addr().String()), Token: token})
	wantTrouble(t, err, recorder.ErrAway, "it hung up", "use https:// if that port is one for TLS", token)
}

// Whoever talks of everything but the answer is not listened to for ever.
func TestChatter(t *testing.T) {
	t.Parallel()
	where := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var u websocket.Upgrader
		conn, err := u.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		say := func(m string) bool { return conn.WriteMessage(websocket.TextMessage, []byte(m)) == nil }
		say(`{"type":"auth_required","ha_version":"2026.11.0"}`)
		for say(`{"type":"auth_ok"}`) {
			time.Sleep(50 * time.Millisecond)
		}
	}))
	hub, err := recorder.Dial(t.Context(), recorder.Options{Address: address(t, where), Token: token, Patience: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hub.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	wantTrouble(t, hub.Ready(ctx), recorder.ErrAway, "it does not answer", "less busy", token)
}

func TestTLS(t *testing.T) {
	t.Parallel()
	hub := homeassistant.New("2026.11.0")
	s := httptest.NewTLSServer(hub)
	t.Cleanup(s.Close)
	o := recorder.Options{Address: address(t, s.URL), Token: hub.Token(true)}
	_, err := recorder.Dial(t.Context(), o)
	wantTrouble(t, err, recorder.ErrAway, "its certificate is not accepted", "homeassistant.ca_file", o.Token)
	o.TLS = &tls.Config{RootCAs: x509.NewCertPool()}
	o.TLS.RootCAs.AddCert(s.Certificate())
	h, err := recorder.Dial(t.Context(), o)
	if err != nil || h.Version() != "2026.11.0" || h.Close() != nil {
		t.Errorf("%v", err)
	}
	_, err = recorder.Dial(t.Context(), recorder.Options{Address: address(t, strings.Replace(s.URL, "https", "http", 1)), Token: token})
	wantTrouble(t, err, recorder.ErrAway, "HTTP 400", "use https://", token)
}

// A token that cannot be one is not sent anywhere.
func TestNoToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "2026.11.0")
	for _, bad := range []string{"", "two words", "two\nlines", "ключ"} {
		o := h.options()
		o.Token = bad
		_, err := recorder.Dial(t.Context(), o)
		wantTrouble(t, err, recorder.ErrRefused, "what was given is no access token", "long-lived")
	}
	if h.Tally().Largest != 0 {
		t.Error("something was sent")
	}
	o := h.options()
	o.Token = "somebody-elses"
	_, err := recorder.Dial(t.Context(), o)
	wantTrouble(t, err, recorder.ErrRefused, "the access token is not accepted", "long-lived", o.Token)
}

func TestNoAdministrator(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "2026.11.0")
	h.token = h.Token(false)
	_, err := h.push(mornings(3))
	wantTrouble(t, err, recorder.ErrRefused, "the access token is not an administrator's", "administrator", h.token)
	if h.Tally().Written != 0 {
		t.Error("something was written")
	}
}

// The recorder says itself why it takes nothing.
func TestReady(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "2026.11.0")
	hub := h.dial()
	if err := hub.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		trouble       homeassistant.Trouble
		kind          error
		says, advises string
	}{
		{homeassistant.Trouble{NoRecorder: true}, recorder.ErrRefused, "its recorder is not loaded", "default_config:"},
		{homeassistant.Trouble{Paused: true}, recorder.ErrRefused, "its recorder is switched off", "recorder.enable"},
		{homeassistant.Trouble{Migrating: true}, recorder.ErrAway, "migrating its database", "wait"},
		{homeassistant.Trouble{Dead: true}, recorder.ErrRefused, "its recorder has stopped", "log"},
	} {
		h.Break(c.trouble)
		wantTrouble(t, hub.Ready(t.Context()), c.kind, c.says, c.advises)
	}
	h.Break(homeassistant.Trouble{Silent: "recorder/info"})
	o := h.options()
	o.Patience = 200 * time.Millisecond
	hub, err := recorder.Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	wantTrouble(t, hub.Ready(t.Context()), recorder.ErrAway, "it does not answer", "network")
}

// Entities are found by what discovery says, whatever they are called now.
func TestEntities(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "2026.11.0")
	h.Put(homeassistant.Entity{ID: "sensor.my_own_name", UniqueID: "fitbit2mqtt_1_weight"})
	h.Put(homeassistant.Entity{ID: "sensor.body_fat", UniqueID: "fitbit2mqtt_1_body_fat", DisabledBy: "user"})
	h.Put(homeassistant.Entity{ID: "sensor.impostor", UniqueID: "fitbit2mqtt_1_body_fat", Platform: "template"})
	h.Put(homeassistant.Entity{ID: "sensor.\x1b]0;somebody", UniqueID: "fitbit2mqtt_1_hrv"}) // it would be printed
	h.Put(homeassistant.Entity{ID: "event.weigh_in", UniqueID: "fitbit2mqtt_1_weigh_in"})
	got, err := h.dial().Entities(t.Context())
	want := map[string]recorder.Entity{"fitbit2mqtt_1_weight": {ID: "sensor.my_own_name"}, "fitbit2mqtt_1_body_fat": {ID: "sensor.body_fat", Disabled: true}}
	if err != nil || len(got) != len(want) || got["fitbit2mqtt_1_weight"] != want["fitbit2mqtt_1_weight"] || got["fitbit2mqtt_1_body_fat"] != want["fitbit2mqtt_1_body_fat"] {
		t.Errorf("%v, %v", got, err)
	}
}

// A path before the API, and a proxy that asks for a password, are passed.
func TestBehindAProxy(t *testing.T) {
	t.Parallel()
	hub := homeassistant.New("2026.11.0")
	proxy := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); !ok || user != "anna" || password != "p w" || r.URL.Path != "/ha/api/websocket" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		hub.ServeHTTP(w, r)
	})
	where := strings.Replace(serve(t, proxy), "://", "://anna:p%20w@", 1) + "/ha/"
	h, err := recorder.Dial(t.Context(), recorder.Options{Address: address(t, where), Token: hub.Token(true)})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}
