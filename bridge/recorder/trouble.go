package recorder

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
	"unicode"

	"github.com/gorilla/websocket"
)

// The two kinds of trouble.
var (
	// ErrAway says that Home Assistant cannot be reached or is not ready.
	ErrAway = errors.New("no way to Home Assistant")
	// ErrRefused says that somebody has to change something in Home Assistant, or the token.
	ErrRefused = errors.New("refused by Home Assistant")
)

// HubError says why nothing can be written. All its fields are safe to show.
type HubError struct {
	Hub    string // its address without credentials
	Detail string // what happened, half a sentence
	Hint   string // what the person can do
	kind   error
	cause  error
}

// Error returns address and detail in one line, without the hint.
func (e *HubError) Error() string { return fmt.Sprintf("Home Assistant at %s: %s", e.Hub, e.Detail) }

// Advice returns the hint, for fitbit.Hint.
func (e *HubError) Advice() string { return e.Hint }

// Unwrap makes the kind and the cause visible to errors.Is and errors.As.
func (e *HubError) Unwrap() []error { return []error{e.kind, e.cause} }

const (
	makeToken    = "make a long-lived access token as an administrator (your profile in Home Assistant, Security), and give all of it"
	checkAddress = "give the address at which your browser shows Home Assistant, such as http://homeassistant.local:8123"
	otherVersion = "update Home Assistant or fitbit2mqtt, whichever is older"
)

var errClosed = net.ErrClosed

func (h *Hub) fail(kind error, detail, hint string, cause error) *HubError {
	return &HubError{Hub: h.address.String(), Detail: detail, Hint: hint, kind: kind, cause: cause}
}

// stranger is whoever answers otherwise than a Home Assistant.
func (h *Hub) stranger(how string) *HubError {
	return h.fail(ErrAway, "that is no Home Assistant: "+how, checkAddress, nil)
}

// notAWebSocket explains an answer to the request with which one begins.
func (h *Hub) notAWebSocket(status int, location string) *HubError {
	switch {
	case status == 502 || status == 503 || status == 504:
		return h.fail(ErrAway, fmt.Sprintf("it is not up yet (HTTP %d)", status), "wait until it has started, then run the same command again", nil)
	case status == 403:
		return h.fail(ErrRefused, "it lets nobody in from here (HTTP 403)", "look into ip_bans.yaml in Home Assistant's configuration folder", nil)
	case status == 401 || status == 407:
		return h.fail(ErrRefused, fmt.Sprintf("a proxy in front of it wants a user name and password (HTTP %d)", status), "put them into the address, as https://user:password@host", nil)
	case status == 400:
		return h.fail(ErrAway, "it does not take the request (HTTP 400)",
			"use https:// if that port is one for TLS; a proxy in front of Home Assistant belongs into http.trusted_proxies of its configuration", nil)
	case status >= 300 && status < 400:
		hint := checkAddress
		if a, err := ParseAddress(location); err == nil { // with a question behind it, it is a sign-in somewhere
			hint = printable("use " + a.String() + " instead")
		}
		return h.fail(ErrAway, fmt.Sprintf("it sends visitors elsewhere (HTTP %d)", status), hint, nil)
	}
	hint := checkAddress
	if path := h.address.path(); status == 404 && path != "" { // what a browser shows ends with the page that is open
		hint = printable("leave out " + path + ", unless Home Assistant is behind a proxy that puts it there")
	}
	return h.fail(ErrAway, printable(fmt.Sprintf("that is no Home Assistant: HTTP %d at %s", status, h.address.url.Path)), hint, nil)
}

// unreachable puts into words why a connection failed or ended.
func (h *Hub) unreachable(cause error) *HubError {
	var (
		unknown  *net.DNSError
		untrust  *tls.CertificateVerificationError
		noTLS    tls.RecordHeaderError
		network  *net.OpError
		timedOut net.Error
		closed   *websocket.CloseError
	)
	var detail string
	hint := "run the same command again when it is back: it goes on from there"
	switch {
	case errors.As(cause, &unknown) && unknown.IsNotFound:
		detail, hint = fmt.Sprintf("the host %q is unknown", unknown.Name), "check the name, or use the IP address"
	case errors.Is(cause, syscall.ECONNREFUSED):
		detail, hint = "nothing listens there", "check that Home Assistant runs, and the port: "+checkAddress
	case errors.As(cause, &untrust):
		detail = "its certificate is not accepted: " + untrust.Err.Error()
		hint = "set homeassistant.ca_file to the authority that signed it (or to the certificate, if it signed itself), or use the name it is made for"
	case errors.As(cause, &noTLS):
		detail, hint = "it does not speak TLS at this port", "use http:// instead of https://"
	case errors.Is(cause, websocket.ErrReadLimit):
		detail, hint = "its answer is larger than any should be", otherVersion
	case errors.Is(cause, context.DeadlineExceeded), errors.Is(cause, os.ErrDeadlineExceeded), errors.As(cause, &timedOut) && timedOut.Timeout():
		detail, hint = "it does not answer", "check the address and the network, or wait until it is less busy"
	case errors.As(cause, &closed), errors.Is(cause, io.EOF), errors.Is(cause, io.ErrUnexpectedEOF), errors.Is(cause, syscall.ECONNRESET), errors.Is(cause, syscall.EPIPE):
		detail = "it hung up"
		if h.conn == nil && h.address.url.Scheme == "ws" {
			hint = "use https:// if that port is one for TLS; otherwise check whether Home Assistant is up"
		}
	case errors.As(cause, &network):
		detail = network.Err.Error()
	default:
		detail, hint = "that is no Home Assistant: "+printable(strings.ReplaceAll(cause.Error(), h.token, "…")), checkAddress
	}
	return h.fail(ErrAway, detail, hint, cause)
}

// refusal explains a command's error.
func (h *Hub) refusal(command, code, message string) *HubError {
	switch code {
	case "unauthorized":
		return h.fail(ErrRefused, "the access token is not an administrator's", "make one as a user who is an administrator, or make this user one: Settings, People", nil)
	case "unknown_command":
		if strings.HasPrefix(command, "recorder/") {
			return h.fail(ErrRefused, "its recorder is not loaded", "add \"default_config:\" or \"recorder:\" to its configuration.yaml and restart it", nil)
		}
	case "timeout":
		return h.fail(ErrAway, "it was too busy to answer", "run the same command again later: it goes on from there", nil)
	}
	message = printable(strings.ReplaceAll(message, h.token, "…"))
	return h.fail(ErrRefused, fmt.Sprintf("it refused %s: %s (%s)", command, message, printable(code)), otherVersion, nil)
}

// printable is a stranger's text as it may be shown: one line, not too long.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
	if runes := []rune(s); len(runes) > 200 {
		s = string(runes[:200]) + "…"
	}
	return s
}
