package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// What can be said of a failure whose own text cannot.
var (
	errTimeout = errors.New("timed out")
	errCut     = errors.New("the connection was cut")
	errNotHTTP = errors.New("the answer is not HTTP")
)

// Unreachable says what stopped a request, in fitbit's words; detail is one
// sentence. Where ctx has ended it is ctx's own error.
//
// Errors of net/http may quote the address, with ids and times of measurement in
// it, or what the other side sent. Only what is known to quote neither gets through.
func Unreachable(ctx context.Context, err error, detail string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &fitbit.CloudError{
		Kind: fitbit.ErrUnavailable, Detail: detail, Cause: cause(err),
		Hint: "check the internet connection; the next attempt comes by itself",
	}
}

func cause(err error) error {
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e // such as "dial tcp: lookup health.googleapis.com: no such host"
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return e
	}
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	switch {
	case ok && timeout.Timeout(), errors.Is(err, os.ErrDeadlineExceeded):
		return errTimeout
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errCut
	}
	return errNotHTTP
}
