package mqtt

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
)

// Options says which broker, and what to do with it. Only URL or Locate is needed.
type Options struct {
	// URL begins with mqtt:// or tcp:// (port 1883 if none is given), mqtts://,
	// ssl:// or tls:// (8883), ws:// (80) or wss:// (443). User name and password
	// may be part of it.
	URL                string
	Username, Password string
	// Locate, if there is one, is asked before every attempt to connect where the broker
	// is, in place of the three above: somebody may have set up another one since. A
	// *ConnectError of its own is shown as it is.
	Locate func(context.Context) (Place, error)
	// ClientID must be the only one of its name at the broker. Empty means
	// "fitbit2mqtt_" and some random letters.
	ClientID string
	TLS      TLS
	// Will is what the broker publishes, retained and at QoS 1, when we are gone
	// without a goodbye. No topic, no will.
	Will bridge.Message
	// Subscribe holds the topic filters whose messages OnMessage gets.
	Subscribe []string
	KeepAlive time.Duration // how soon a silent broker is noticed, from 1 s; 0 means 30 s
	Log       *slog.Logger  // nil means none

	// OnConnect is called after every connection and its subscriptions, OnLost
	// when that connection is lost: by turns and from one goroutine. Both may
	// publish, and must return when that fails.
	OnConnect func()
	OnLost    func(error) // gets a *ConnectError
	// OnMessage gets inbound messages in order and must not block. Retained marks
	// replays. A message may come twice; one above 256 KiB never comes.
	OnMessage func(bridge.Message)
}

// Place is where a broker is, and who we are there.
type Place struct {
	Host               string
	Port               uint16
	Secure             bool // with TLS; without, the options for TLS do not count
	Username, Password string
}

// at puts a place into the options.
func (o Options) at(p Place) Options {
	u := url.URL{Scheme: "mqtt", Host: net.JoinHostPort(p.Host, strconv.Itoa(int(p.Port)))}
	if p.Secure {
		u.Scheme = "mqtts"
	} else {
		o.TLS = TLS{}
	}
	o.Locate, o.URL, o.Username, o.Password = nil, u.String(), p.Username, p.Password
	return o
}

// TLS is for mqtts:// and wss://. Empty means the system's authorities.
type TLS struct {
	CAFile            string // PEM; these authorities instead of the system's
	CertFile, KeyFile string // PEM; our certificate, for brokers that ask for one
	ServerName        string // the name in the broker's certificate, if not the host's
	Insecure          bool   // takes any certificate
}

// target is what the options come down to.
type target struct {
	url       url.URL // without credentials, with port
	web       bool    // WebSocket
	tls       *tls.Config
	username  string
	password  string
	clientID  string
	keepAlive time.Duration
}

// String returns the address as it may be shown: no credentials, and no query,
// which at some brokers holds one.
func (t *target) String() string {
	u := t.url
	u.RawQuery = ""
	return u.String()
}

func (o Options) check() (target, error) {
	t := target{username: o.Username, password: o.Password, clientID: o.ClientID, keepAlive: o.KeepAlive}
	var err error
	secure := true // for all that can be said before the broker is located
	if o.Locate == nil {
		secure, err = t.parse(o.URL)
	}
	problems := []error{err}
	if err == nil {
		t.tls, err = o.TLS.check(secure)
		problems = append(problems, err)
		if t.password != "" && t.username == "" {
			problems = append(problems, errors.New("password: needs a username beside it"))
		}
	}
	if t.clientID == "" {
		t.clientID = "fitbit2mqtt_" + strings.ToLower(rand.Text()[:8])
	}
	if t.keepAlive == 0 {
		t.keepAlive = 30 * time.Second
	}
	if t.keepAlive < time.Second || t.keepAlive > math.MaxUint16*time.Second {
		problems = append(problems, fmt.Errorf("keepalive: %v is not between 1s and %v", t.keepAlive, math.MaxUint16*time.Second))
	}
	if o.Will.Topic != "" {
		if err := checkTopic(o.Will.Topic); err != nil {
			problems = append(problems, fmt.Errorf("will: %w", err))
		}
	}
	for _, filter := range o.Subscribe {
		if err := checkFilter(filter); err != nil {
			problems = append(problems, fmt.Errorf("subscribe: %w", err))
		}
	}
	return t, errors.Join(problems...)
}

// parse reads the address. What url.Parse says about it is not passed on: it
// quotes the address, password included.
func (t *target) parse(address string) (secure bool, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Fragment != "" || strings.ContainsRune(u.Path+u.RawQuery, '@') {
		return false, errors.New("url: is no broker address; write it as mqtt://host:1883, " +
			"and give a password with special characters as an option of its own")
	}
	var port string
	switch u.Scheme {
	case "mqtt", "tcp":
		port = "1883"
	case "mqtts", "ssl", "tls":
		port, secure = "8883", true
	case "ws":
		port, t.web = "80", true
	case "wss":
		port, t.web, secure = "443", true, true
	default:
		return false, fmt.Errorf("url: scheme %.20q is unknown; use mqtt, mqtts, ws or wss", u.Scheme)
	}
	if !t.web && (strings.Trim(u.Path, "/") != "" || u.RawQuery != "") {
		return false, errors.New("url: has something behind the port; only ws:// and wss:// have a path")
	}
	if u.Port() != "" {
		port = u.Port()
	}
	name := u.User.Username()
	password, _ := u.User.Password()
	if conflict(t.username, name) || conflict(t.password, password) {
		return false, errors.New("url: holds other credentials than the options username and password")
	}
	t.username, t.password = cmp.Or(t.username, name), cmp.Or(t.password, password)
	t.url = url.URL{Scheme: u.Scheme, Host: net.JoinHostPort(u.Hostname(), port), Path: u.Path, RawQuery: u.RawQuery}
	return secure, nil
}

func conflict(a, b string) bool { return a != "" && b != "" && a != b }

func (o TLS) check(secure bool) (*tls.Config, error) {
	if !secure {
		if o != (TLS{}) {
			return nil, errors.New("tls: set, but the url is not one of mqtts:// and wss://")
		}
		return nil, nil
	}
	c := &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: o.ServerName,
		InsecureSkipVerify: o.Insecure, //nolint:gosec // as the user asked
	}
	var problems []error
	if o.CAFile != "" {
		pem, err := os.ReadFile(filepath.Clean(o.CAFile))
		c.RootCAs = x509.NewCertPool()
		if err != nil {
			problems = append(problems, fmt.Errorf("tls.ca_file: %w", err))
		} else if !c.RootCAs.AppendCertsFromPEM(pem) {
			problems = append(problems, fmt.Errorf("tls.ca_file: %s holds no PEM certificate", o.CAFile))
		}
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		problems = append(problems, errors.New("tls.cert_file: and tls.key_file go together; one is missing"))
	} else if o.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			problems = append(problems, fmt.Errorf("tls.cert_file: with tls.key_file: %w", err))
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, errors.Join(problems...)
}
