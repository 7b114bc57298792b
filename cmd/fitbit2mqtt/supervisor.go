package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/mqtt"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/googlehealth"
)

// What Home Assistant's Supervisor gives an app (once called add-on) on its way.
const (
	// tokenEnv holds the token that the Supervisor knows the app by. No other program
	// has such a variable, so that it also tells that this is an app.
	tokenEnv = "SUPERVISOR_TOKEN"
	// optionsEnv and supervisorEnv say where to find what an app has at a fixed place,
	// to try an app without Home Assistant.
	optionsEnv    = envPrefix + "OPTIONS"
	supervisorEnv = envPrefix + "SUPERVISOR"

	supervisorURL = "http://supervisor"
	// hubBroker is what the broker is called as long as its address is not known.
	hubBroker = "Home Assistant's broker"
	// answerLimit is far more than the Supervisor has to say.
	answerLimit = 64 << 10
)

// supervisor is Home Assistant's Supervisor, as it shows itself to an app.
type supervisor struct {
	url, token string
	http       *http.Client
}

func newSupervisor() *supervisor {
	return &supervisor{
		url: cmp.Or(os.Getenv(supervisorEnv), supervisorURL), token: os.Getenv(tokenEnv), http: googlehealth.NewHTTPClient(),
	}
}

// address is where its requests to the page come from: the same place on every machine.
func (s *supervisor) address() netip.Addr {
	if u, err := url.Parse(s.url); err == nil {
		if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
			return ip
		}
	}
	return netip.AddrFrom4([4]byte{172, 30, 32, 2})
}

// broker asks which broker there is. Home Assistant's own is the only one that it sees,
// so whoever has none waits until somebody installs it. The error is an [*mqtt.ConnectError].
func (s *supervisor) broker(ctx context.Context) (mqtt.Place, error) {
	status, body, err := s.get(ctx, "/services/mqtt")
	trouble := &mqtt.ConnectError{Broker: hubBroker, Cause: cmp.Or(err, fmt.Errorf("HTTP %d", status)), Lasting: true}
	switch {
	case err != nil:
		trouble.Detail, trouble.Hint = "the Supervisor does not answer", "This app asks again by itself; if it stays so, restart Home Assistant's host."
		trouble.Lasting = false
	case status == http.StatusBadRequest:
		trouble.Detail = "Home Assistant has no MQTT broker yet"
		trouble.Hint = "Install the Mosquitto broker app and start it: this app looks for it every minute, and keeps the readings until then. " +
			"For another broker, enter its address in the app's configuration."
	case status == http.StatusForbidden:
		trouble.Detail = "the Supervisor does not let this app ask for the broker"
		trouble.Hint = "Its manifest lacks the service mqtt:want: install the app anew, or enter the broker's address in its configuration."
	case status == http.StatusUnauthorized:
		trouble.Detail, trouble.Hint = "the Supervisor does not know this app", "Restart the app."
	case status != http.StatusOK:
		trouble.Detail, trouble.Hint = fmt.Sprintf("the Supervisor answers with HTTP %d", status), "Look at the Supervisor's log."
		trouble.Lasting = false
	default:
		place, err := parseService(body)
		if err == nil {
			return place, nil
		}
		trouble.Detail, trouble.Hint, trouble.Cause = "the Supervisor's answer makes no sense: "+err.Error(), "Update Home Assistant and this app.", err
	}
	return mqtt.Place{}, trouble
}

func (s *supervisor) get(ctx context.Context, path string) (status int, body []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(s.url, "/")+path, nil)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	res, err := s.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err = io.ReadAll(io.LimitReader(res.Body, answerLimit))
	return res.StatusCode, body, err
}

// service is the Supervisor's answer about a broker. There is more in it; protocol, for
// one, says 3.1.1 whatever the broker speaks.
type service struct {
	Data struct {
		Host     string `json:"host"`
		Port     port   `json:"port"`
		SSL      yes    `json:"ssl"`
		Username string `json:"username"`
		Password string `json:"password"`
	} `json:"data"`
}

// port is written as a number, or as one in quotes.
type port uint16

// UnmarshalJSON takes both.
func (p *port) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseUint(strings.Trim(string(b), `"`), 10, 16)
	if err != nil || n == 0 {
		return errNoPort
	}
	*p = port(n)
	return nil
}

// yes is written as a truth value, or as one in quotes.
type yes bool

// UnmarshalJSON takes both.
func (y *yes) UnmarshalJSON(b []byte) error {
	switch s := strings.Trim(string(b), `"`); s {
	case "true", "false", "null":
		*y = s == "true"
		return nil
	}
	return errNoJSON
}

var (
	errNoHost = errors.New("there is no host in it")
	errNoPort = errors.New("there is no port in it")
	errNoJSON = errors.New("it is not the JSON that was expected")
)

// parseService reads where the broker is. Errors quote nothing: there is a password in it.
func parseService(body []byte) (mqtt.Place, error) {
	var s service
	err := json.Unmarshal(body, &s)
	d := s.Data
	switch {
	case errors.Is(err, errNoPort):
		return mqtt.Place{}, errNoPort
	case err != nil:
		return mqtt.Place{}, errNoJSON
	case d.Host == "":
		return mqtt.Place{}, errNoHost
	case d.Port == 0:
		return mqtt.Place{}, errNoPort
	}
	return mqtt.Place{Host: d.Host, Port: uint16(d.Port), Secure: bool(d.SSL), Username: d.Username, Password: d.Password}, nil
}
