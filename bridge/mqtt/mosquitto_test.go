package mqtt_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/mqtt"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/mosquitto"
)

// child is the process that TestWillAfterKill kills.
func child(url string) {
	c, err := mqtt.New(mqtt.Options{URL: url, Will: bridge.Message{Topic: "x/state", Payload: []byte("offline")}})
	if err != nil {
		panic(err)
	}
	c.Start()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	if err := c.Connected(ctx); err != nil {
		panic(err)
	}
	if err := c.Publish(ctx, bridge.Message{Topic: "x/state", Payload: []byte("online"), Retained: true}); err != nil {
		panic(err)
	}
	os.Stdout.WriteString("online\n")
	<-ctx.Done()
}

func TestWillAfterKill(t *testing.T) {
	t.Parallel()
	url := mosquitto.Start(t, mosquitto.Options{}).URL()
	watcher := connect(t, mqtt.Options{URL: url, Subscribe: []string{"x/state"}})
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "MQTT_TEST_CHILD="+url)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "online\n" {
		t.Fatalf("child said %q, %v", line, err)
	}
	watcher.expect(t, "x/state online")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	watcher.expect(t, "x/state offline")
	late := connect(t, mqtt.Options{URL: url, Subscribe: []string{"x/state"}})
	late.expect(t, "x/state offline (retained)")
}

func TestBrokerRestart(t *testing.T) {
	t.Parallel()
	broker := mosquitto.Start(t, mosquitto.Options{Persistence: true})
	c := connect(t, mqtt.Options{URL: broker.URL(), Subscribe: []string{"x/command"}})
	next(t, c.connects, "OnConnect")
	c.mustPublish(t, "x/state", "1", true)
	for _, end := range []func(){func() {}, broker.Kill} { // a regular restart, a power cut
		end()
		broker.Restart()
		next(t, c.losses, "OnLost")
		next(t, c.connects, "OnConnect")
		c.mustPublish(t, "x/command", "poll", false)
		c.expect(t, "x/command poll")
		got, err := c.Retained(soon(t), "x/state")
		if err != nil || len(got) != 1 || show(got[0]) != "x/state 1 (retained)" {
			t.Errorf("Retained = %v, %v after a restart with persistence", got, err)
		}
	}
}

func TestWebSocket(t *testing.T) {
	t.Parallel()
	broker := mosquitto.Start(t, mosquitto.Options{Config: "protocol websockets"})
	c := connect(t, mqtt.Options{URL: "ws://" + broker.Addr() + "/mqtt", Subscribe: []string{"x"}})
	c.mustPublish(t, "x", strings.Repeat("long ", 2000), true)
	c.expect(t, "x "+strings.Repeat("long ", 2000))
	if got, err := c.Retained(soon(t), "x"); err != nil || len(got) != 1 {
		t.Errorf("Retained = %d messages, %v", len(got), err)
	}

	plain := newStation(t, mqtt.Options{URL: broker.URL()})
	plain.Start()
	if err := plain.whyNot(t); err.Detail == "" || !strings.Contains(err.Hint, "ws://") {
		t.Errorf("plain MQTT to a WebSocket port: %v, hint %q", err, err.Hint)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	house, stranger := newAuthority(t), newAuthority(t)
	serverCert, serverKey := house.issue(t, "broker", net.IPv4(127, 0, 0, 1))
	clientCert, clientKey := house.issue(t, "client")
	config := fmt.Sprintf("cafile %s\ncertfile %s\nkeyfile %s\n", house.file, serverCert, serverKey)
	open := mosquitto.Start(t, mosquitto.Options{Config: config}).Addr()
	closed := mosquitto.Start(t, mosquitto.Options{Config: config + "require_certificate true"}).Addr()
	web := mosquitto.Start(t, mosquitto.Options{Config: config + "protocol websockets"}).Addr()
	plain := mosquitto.Start(t, mosquitto.Options{}).Addr()
	trusting := mqtt.TLS{CAFile: house.file}
	for _, tt := range []struct {
		name, url string
		tls       mqtt.TLS
		want      string // of the error; "" for none
	}{
		{"own authority", "mqtts://" + open, trusting, ""},
		{"client certificate", "ssl://" + closed, mqtt.TLS{CAFile: house.file, CertFile: clientCert, KeyFile: clientKey}, ""},
		{"secure WebSocket", "wss://" + web, trusting, ""},
		{"any certificate", "tls://" + open, mqtt.TLS{Insecure: true}, ""},
		{"other name", "mqtts://" + open, mqtt.TLS{CAFile: house.file, ServerName: "broker"}, ""},
		{"no authority", "mqtts://" + open, mqtt.TLS{}, "certificate is not accepted: x509: certificate signed by unknown authority"},
		{"wrong authority", "mqtts://" + open, mqtt.TLS{CAFile: stranger.file}, "certificate is not accepted: x509"},
		{"wrong name", "mqtts://" + open, mqtt.TLS{CAFile: house.file, ServerName: "other"}, "certificate is not accepted: x509: certificate is valid for broker"},
		{"no certificate", "mqtts://" + closed, trusting, "|refused our side of TLS|hung up"},
		{"plain to TLS", "mqtt://" + open, mqtt.TLS{}, "hung up"},
		{"TLS to plain", "mqtts://" + plain, trusting, "hung up"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newStation(t, mqtt.Options{URL: tt.url, TLS: tt.tls})
			c.Start()
			if tt.want == "" {
				if err := c.Connected(soon(t)); err != nil {
					t.Fatal(err)
				}
				c.mustPublish(t, "x", "1", false)
				return
			}
			err := c.whyNot(t)
			for want := range strings.SplitSeq(strings.TrimPrefix(tt.want, "|"), "|") {
				if strings.Contains(err.Detail, want) && err.Hint != "" {
					return
				}
			}
			t.Errorf("%v, hint %q; want %q", err, err.Hint, tt.want)
		})
	}
}

func TestNoTLSAtThisPort(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			conn.Read(make([]byte, 1024))
			conn.Close()
		}
	}()
	c := newStation(t, mqtt.Options{URL: "mqtts://" + l.Addr().String()})
	c.Start()
	if err := c.whyNot(t); !strings.Contains(err.Detail, "does not speak TLS") || errors.Is(err, context.Canceled) {
		t.Errorf("TLS to a web server: %v", err)
	}
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // its own certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	a.cert = &x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.file, _ = a.sign(t, a.cert)
	return a
}

func (a *authority) issue(t *testing.T, name string, ips ...net.IP) (certFile, keyFile string) {
	t.Helper()
	return a.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: ips, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
}

func (a *authority) sign(t *testing.T, cert *x509.Certificate) (certFile, keyFile string) {
	t.Helper()
	cert.SerialNumber = big.NewInt(time.Now().UnixNano())
	cert.NotBefore, cert.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if a.key == nil {
		a.key = key // the authority's own certificate
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for _, f := range []struct {
		name, kind string
		der        []byte
	}{{certFile, "CERTIFICATE", der}, {keyFile, "PRIVATE KEY", secret}} {
		if err := os.WriteFile(f.name, pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.der}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}
