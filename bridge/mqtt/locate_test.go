package mqtt_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/mqtt"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/mosquitto"
)

// guide is somebody who knows where the broker is.
type guide struct {
	mu    sync.Mutex
	place mqtt.Place
	err   error
}

func (g *guide) locate(context.Context) (mqtt.Place, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.place, g.err
}

func (g *guide) know(p mqtt.Place, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.place, g.err = p, err
}

func placeOf(tb testing.TB, b *mosquitto.Broker, username, password string) mqtt.Place {
	tb.Helper()
	host, port, err := net.SplitHostPort(b.Addr())
	if err != nil {
		tb.Fatal(err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		tb.Fatal(err)
	}
	return mqtt.Place{Host: host, Port: uint16(n), Username: username, Password: password}
}

// Where the broker is is asked before each attempt: one that is not there yet is found
// once it is, and one that was replaced is found again under its new password.
func TestLocate(t *testing.T) {
	t.Parallel()
	first := mosquitto.Start(t, mosquitto.Options{Username: "addons", Password: "one"})
	second := mosquitto.Start(t, mosquitto.Options{Username: "addons", Password: "two"})
	why := &mqtt.ConnectError{Broker: "the hub's broker", Detail: "the hub has none", Hint: "Install one.", Cause: errors.New("none"), Lasting: true}
	g := &guide{err: why}
	s := newStation(t, mqtt.Options{Locate: g.locate, TLS: mqtt.TLS{Insecure: true}}) // TLS is for a place that has it
	s.Start()
	if got := s.whyNot(t); got != why {
		t.Errorf("the reason is %v, want the hub's own", got)
	}
	if detail, hint := s.Trouble(); detail != why.Detail || hint != why.Hint {
		t.Errorf("trouble is %q, %q", detail, hint)
	}

	g.know(placeOf(t, first, "addons", "one"), nil)
	next(t, s.connects, "OnConnect")
	s.mustPublish(t, "x", "here", false)

	first.Kill()
	next(t, s.losses, "OnLost")
	g.know(placeOf(t, second, "addons", "two"), nil)
	next(t, s.connects, "OnConnect at the other broker")
	s.mustPublish(t, "x", "there", false)
	if log := s.log.String(); strings.Contains(log, "=one") || strings.Contains(log, "=two") || !strings.Contains(log, second.Addr()) {
		t.Errorf("the log:\n%s", log)
	}
}

// A place that cannot be is trouble like any other, and so is a password that is wrong.
func TestLocateNonsense(t *testing.T) {
	t.Parallel()
	broker := mosquitto.Start(t, mosquitto.Options{Username: "addons", Password: "one"})
	secure := placeOf(t, broker, "", "")
	secure.Secure = true
	for want, place := range map[string]mqtt.Place{
		"url: is no broker address":            {Port: 1883},
		"refused the user name or password":    placeOf(t, broker, "addons", "wrong"),
		"the broker wants a user name":         placeOf(t, broker, "", ""),
		"password: needs a username beside it": placeOf(t, broker, "", "one"),
		"the broker hung up":                   secure, // it expected no TLS
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			s := newStation(t, mqtt.Options{Locate: (&guide{place: place}).locate})
			s.Start()
			if got := s.whyNot(t); !strings.Contains(got.Detail, want) || !errors.Is(got, bridge.ErrBrokerAway) {
				t.Errorf("%v", got)
			}
		})
	}
}

// What can be said without a place is said at once.
func TestLocateChecksTheRest(t *testing.T) {
	t.Parallel()
	_, err := mqtt.New(mqtt.Options{Locate: (&guide{}).locate, TLS: mqtt.TLS{CAFile: "/nowhere/ca.pem"}})
	if err == nil || !strings.Contains(err.Error(), "tls.ca_file: ") || strings.Contains(err.Error(), "url") {
		t.Errorf("%v", err)
	}
}
