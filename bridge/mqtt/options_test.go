package mqtt_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/mqtt"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	garbage := filepath.Join(t.TempDir(), "garbage.pem")
	if err := os.WriteFile(garbage, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	const address = "url: is no broker address"
	for _, tt := range []struct {
		o    mqtt.Options
		want []string // the beginning of each line
	}{
		{mqtt.Options{}, []string{address}},
		{mqtt.Options{URL: "broker"}, []string{address}},
		{mqtt.Options{URL: "broker:1883"}, []string{address}},
		{mqtt.Options{URL: "mqtt://"}, []string{address}},
		{mqtt.Options{URL: "mqtt://broker:port"}, []string{address}},
		{mqtt.Options{URL: "mqtt://anna:hunter2/x@broker"}, []string{address}},
		{mqtt.Options{URL: "mqtt://anna:12/hunter2@broker"}, []string{address}},
		{mqtt.Options{URL: "ws://anna:12?hunter2@broker"}, []string{address}},
		{mqtt.Options{URL: "mqtt://anna:12#hunter2@broker"}, []string{address}},
		{mqtt.Options{URL: "mqtt://anna:hunter2%zz@broker"}, []string{address}},
		{mqtt.Options{URL: "http://broker"}, []string{`url: scheme "http" is unknown`}},
		{mqtt.Options{URL: "mqtt://broker/path"}, []string{"url: has something behind the port"}},
		{mqtt.Options{URL: "mqtt://anna:hunter2@broker", Username: "bob"}, []string{"url: holds other credentials"}},
		{mqtt.Options{URL: "mqtt://anna:hunter2@broker", Password: "hunter3"}, []string{"url: holds other credentials"}},
		{mqtt.Options{URL: "mqtt://broker", Password: "hunter2"}, []string{"password: needs a username"}},
		{mqtt.Options{URL: "mqtt://broker", KeepAlive: time.Millisecond}, []string{"keepalive: 1ms is not between"}},
		{mqtt.Options{URL: "mqtt://broker", KeepAlive: 100 * time.Hour}, []string{"keepalive: "}},
		{mqtt.Options{URL: "mqtt://broker", Will: bridge.Message{Topic: "a/+"}}, []string{"will: "}},
		{mqtt.Options{URL: "mqtt://broker", Subscribe: []string{"a", "a/#/b"}}, []string{"subscribe: "}},
		{mqtt.Options{URL: "mqtt://broker", TLS: mqtt.TLS{CAFile: garbage}}, []string{"tls: set, but the url is not"}},
		{mqtt.Options{URL: "mqtts://broker", TLS: mqtt.TLS{CAFile: garbage}}, []string{"tls.ca_file: " + garbage}},
		{mqtt.Options{URL: "mqtts://broker", TLS: mqtt.TLS{CAFile: garbage + "x"}}, []string{"tls.ca_file: open "}},
		{mqtt.Options{URL: "mqtts://broker", TLS: mqtt.TLS{CertFile: garbage}}, []string{"tls.cert_file: and tls.key_file go together"}},
		{mqtt.Options{URL: "mqtts://broker", TLS: mqtt.TLS{CertFile: garbage, KeyFile: garbage}}, []string{"tls.cert_file: with tls.key_file: "}},
		{ // everything at once
			mqtt.Options{
				URL: "wss://broker/mqtt", Password: "hunter2", KeepAlive: -1, Will: bridge.Message{Topic: "#"},
				Subscribe: []string{""}, TLS: mqtt.TLS{CAFile: garbage, KeyFile: garbage},
			},
			[]string{"tls.ca_file: ", "tls.cert_file: ", "password: ", "keepalive: ", "will: ", "subscribe: "},
		},
	} {
		_, err := mqtt.New(tt.o)
		if err == nil {
			t.Errorf("%+v: accepted", tt.o)
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		for i, want := range tt.want {
			if len(lines) != len(tt.want) || !strings.HasPrefix(lines[i], want) {
				t.Errorf("%+v:\n%v\nwant %q", tt.o, err, tt.want)
				break
			}
		}
		if strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: the password shows: %v", tt.o.URL, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"mqtt://broker":                        "mqtt://broker:1883",
		"tcp://broker/":                        "tcp://broker:1883/",
		"mqtts://broker":                       "mqtts://broker:8883",
		"ssl://broker":                         "ssl://broker:8883",
		"tls://[2001:db8::1]":                  "tls://[2001:db8::1]:8883",
		"ws://broker/mqtt":                     "ws://broker:80/mqtt",
		"wss://anna:hunter2@broker/mqtt?key=1": "wss://broker:443/mqtt",
		"mqtt://anna:hunter2@broker:1234":      "mqtt://broker:1234",
	} {
		c, err := mqtt.New(mqtt.Options{URL: url})
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		c.Close(t.Context())
		if err := c.Connected(t.Context()); !strings.HasPrefix(err.Error(), "no connection to "+want+":") {
			t.Errorf("%s is shown as %q, want %s", url, err, want)
		}
	}
}
