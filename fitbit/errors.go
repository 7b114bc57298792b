package fitbit

import (
	"errors"
	"time"
)

// What can go wrong with a cloud, by who can mend it. Match with [errors.Is].
var (
	// ErrReauthRequired: the sign-in is gone; the person signs in again.
	ErrReauthRequired = errors.New("sign-in required")
	// ErrPermission: the person did not grant this kind of data; the other kinds go on.
	ErrPermission = errors.New("permission missing")
	// ErrSetup: the cloud project or the person's cloud account is not ready. The
	// error is a [*CloudError] that says what to do.
	ErrSetup = errors.New("set-up required")
	// ErrRetired: this cloud has been turned off for good.
	ErrRetired = errors.New("source retired")
	// ErrUnavailable: network or cloud trouble; time mends it.
	ErrUnavailable = errors.New("cloud unavailable")
	// ErrProtocol: the cloud answered something we do not understand, or refused a
	// request of ours as malformed; only a new version mends it.
	ErrProtocol = errors.New("unexpected answer")
	// ErrStorage: the bridge's own files cannot be read or written; whoever runs it mends that.
	ErrStorage = errors.New("storage failed")
	// ErrNoToken: there is no access token to ask with, for the reason that the error is
	// besides; whatever else the person's source is asked would meet it too.
	ErrNoToken = errors.New("no access token")
	// ErrNoData: all is well, and there is no such value.
	ErrNoData = errors.New("no data")
)

// CloudError is one of the errors above with what the cloud said about it. All
// its fields are safe to show and to log.
type CloudError struct {
	Kind   error  // one of the Err values of this package
	Reason string // the cloud's word for it, such as "SERVICE_DISABLED"; may be empty
	Detail string // what happened, one sentence; may be empty
	Hint   string // what the person can do, one sentence; may be empty
	Cause  error  // may be nil
}

// Error returns kind, detail and reason in one line, never the hint.
func (e *CloudError) Error() string {
	s := e.Kind.Error()
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Reason != "" {
		s += " (" + e.Reason + ")"
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Advice returns the hint, for [Hint].
func (e *CloudError) Advice() string { return e.Hint }

// Unwrap makes kind and cause visible to errors.Is and errors.As.
func (e *CloudError) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

// RateLimitError says that the cloud's budget is used up.
type RateLimitError struct {
	Until time.Time // no request before this moment
}

// Error says until when to wait.
func (e *RateLimitError) Error() string {
	return "rate limit reached, next request at " + e.Until.Format(time.RFC3339)
}

// Is makes a rate limit one of the things that time mends.
func (e *RateLimitError) Is(target error) bool { return target == ErrUnavailable }

// Hint returns what a person can do about err: the Advice of the first error in its
// tree that has such a method, whatever room it comes from; else "".
func Hint(err error) string {
	e, ok := errors.AsType[interface {
		error
		Advice() string
	}](err)
	if !ok {
		return ""
	}
	return e.Advice()
}
