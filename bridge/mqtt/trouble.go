package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
)

// ConnectError says why there is no connection. It is [bridge.ErrBrokerAway];
// all its fields are safe to show.
type ConnectError struct {
	Broker string // its address without credentials
	Detail string // what happened, half a sentence
	Hint   string // what the person can do, one sentence; may be empty
	Cause  error
	// Lasting is set if only a person can mend it: the next attempt takes its time.
	Lasting bool
}

// Error returns address and detail in one line, without the hint.
func (e *ConnectError) Error() string {
	return fmt.Sprintf("no connection to %s: %s", e.Broker, e.Detail)
}

// Advice returns the hint, for fitbit.Hint.
func (e *ConnectError) Advice() string { return e.Hint }

// Unwrap makes bridge.ErrBrokerAway and the cause visible to errors.Is and errors.As.
func (e *ConnectError) Unwrap() []error { return []error{bridge.ErrBrokerAway, e.Cause} }

const wrongPort = "Check the port: one for TLS needs mqtts://, one for WebSocket ws:// and perhaps a path."

var errNoAnswer = errors.New("no answer yet")

// explain puts into words why a connection failed or ended. The words hold
// nothing that differs from one attempt to the next, such as our own port.
func (t *target) explain(cause error) *ConnectError {
	if own, ok := errors.AsType[*ConnectError](cause); ok { // of Options.Locate
		return own
	}
	e := &ConnectError{Broker: t.String(), Cause: cause}
	var (
		unknown  *net.DNSError
		untrust  *tls.CertificateVerificationError
		noTLS    tls.RecordHeaderError
		network  *net.OpError
		timedOut net.Error
	)
	switch {
	case errors.Is(cause, packets.ErrorRefusedBadUsernameOrPassword), errors.Is(cause, packets.ErrorRefusedNotAuthorised):
		e.Detail, e.Hint, e.Lasting = "the broker refused the user name or password", "Check both; they are the broker's own, not the cloud's.", true
		if t.username == "" {
			e.Detail, e.Hint = "the broker wants a user name and password", "Give those of one of the broker's users."
		}
	case errors.Is(cause, packets.ErrorRefusedIDRejected):
		e.Detail, e.Hint, e.Lasting = "the broker refused the client id", "Choose another, or none.", true
	case errors.Is(cause, packets.ErrorRefusedBadProtocolVersion):
		e.Detail, e.Lasting = "the broker does not speak MQTT 3.1.1", true
	case errors.As(cause, &unknown) && unknown.IsNotFound:
		e.Detail, e.Hint = fmt.Sprintf("the host %q is unknown", unknown.Name), "Check the name, or use the broker's IP address."
	case errors.Is(cause, syscall.ECONNREFUSED):
		e.Detail, e.Hint = "nothing listens there", "Check that the broker runs, and its port."
	case errors.As(cause, &untrust):
		e.Detail, e.Lasting = "the broker's certificate is not accepted: "+untrust.Err.Error(), true
		e.Hint = "Give the authority that signed it as the CA file, or the name it is made for as the server name."
	case errors.As(cause, &network) && network.Op == "remote error": // as crypto/tls says that the other side gave up
		e.Detail, e.Lasting = "the broker refused our side of TLS: "+network.Err.Error(), true
		e.Hint = "Check our certificate; the broker may ask for one."
	case errors.As(cause, &noTLS):
		e.Detail, e.Hint, e.Lasting = "the broker does not speak TLS at this port", "Use mqtt:// or ws://, or its TLS port.", true
	case errors.Is(cause, io.EOF), errors.Is(cause, syscall.ECONNRESET), errors.Is(cause, syscall.EPIPE):
		e.Detail, e.Hint = "the broker hung up", wrongPort
		if t.tls != nil {
			e.Hint = "Check that the port is one for TLS, and whether the broker asks for a certificate of ours."
		}
	case errors.Is(cause, context.DeadlineExceeded), errors.Is(cause, os.ErrDeadlineExceeded), errors.As(cause, &timedOut) && timedOut.Timeout():
		e.Detail, e.Hint = "the broker does not answer", "Check the address and the network."
	case errors.As(cause, &network):
		e.Detail = network.Err.Error()
	case errors.Is(cause, packets.ErrorNetworkError): // how paho begins every error before the broker's own answer
		e.Detail = "that is no MQTT broker: " + strings.TrimPrefix(cause.Error(), packets.ErrorNetworkError.Error()+" : ")
		e.Hint = wrongPort
	default:
		e.Detail = cause.Error()
	}
	return e
}
