package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/recorder"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// The exit codes.
const (
	exitOK         = 0 // done, or stopped by a signal
	exitUnexpected = 1
	exitUsage      = 2
	exitConfig     = 3
	exitStorage    = 4
	exitCloud      = 5 // sign-in, permission, set-up, retired; also at Home Assistant
	exitAway       = 6 // cloud unreachable or rate-limited
	exitBroker     = 7 // and Home Assistant: where things go to
)

// exitCode is the one table from errors to exit codes.
func exitCode(err error) int {
	h, isHinted := errors.AsType[*hinted](err)
	_, isUsage := errors.AsType[*usageError](err)
	_, isConfig := errors.AsType[*configError](err)
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, errStopped):
		return exitOK
	case isHinted:
		return h.code
	case isUsage, strings.HasPrefix(err.Error(), "unknown command"): // cobra has no type for it
		return exitUsage
	case isConfig:
		return exitConfig
	case errors.Is(err, bridge.ErrBrokerAway), errors.Is(err, recorder.ErrAway):
		return exitBroker
	case errors.Is(err, fitbit.ErrStorage):
		return exitStorage
	case errors.Is(err, fitbit.ErrReauthRequired), errors.Is(err, fitbit.ErrPermission),
		errors.Is(err, fitbit.ErrSetup), errors.Is(err, fitbit.ErrRetired), errors.Is(err, recorder.ErrRefused):
		return exitCloud
	case errors.Is(err, fitbit.ErrUnavailable):
		return exitAway
	}
	return exitUnexpected
}

// place says how soon one would mend what ends with a code: of several troubles a command
// ends with the one of the lowest place. First comes what is ours, because nothing that is
// mended stays without it; then what a person has to do; then the house's broker, what time
// mends, and what nobody expects.
func place(code int) int {
	order := []int{exitConfig, exitStorage, exitCloud, exitBroker, exitAway, exitUnexpected}
	if i := slices.Index(order, code); i >= 0 {
		return i
	}
	return len(order)
}

// report writes one line that says what is wrong and one that says what to do,
// and returns the exit code.
func report(w io.Writer, err error) int {
	code := exitCode(err)
	if code == exitOK {
		if e, ok := errors.AsType[*stoppedError](err); ok {
			_, _ = fmt.Fprintf(w, "Stopped: %s.\n", e.so)
		}
		return code
	}
	_, _ = fmt.Fprintf(w, "Error: %s\n", strings.TrimRight(err.Error(), "\n"))
	if h := advice(err, code); h != "" {
		_, _ = fmt.Fprintf(w, "Try: %s\n", h)
	}
	return code
}

// stoppedError is the end of a command that a signal has stopped. That is no failure, but
// whoever waits for what the command does is told how far it came.
type stoppedError struct {
	so  string
	err error
}

func (e *stoppedError) Error() string { return "stopped: " + e.so }
func (e *stoppedError) Unwrap() error { return e.err }

// stopped says what was done if err is that of a signal; any other it returns as it is.
func stopped(err error, so string) error {
	if !errors.Is(err, context.Canceled) {
		return err
	}
	return &stoppedError{so, err}
}

// advice finds the hint that comes with an error.
func advice(err error, code int) string {
	if h, ok := errors.AsType[*hinted](err); ok {
		return h.hint
	}
	if e, ok := errors.AsType[*usageError](err); ok {
		return e.command + " --help"
	}
	if h := fitbit.Hint(err); h != "" {
		return h
	}
	if _, limited := errors.AsType[*fitbit.RateLimitError](err); limited { // which says when
		return "there is nothing to mend: ask again at that moment, not before"
	}
	switch code {
	case exitUsage:
		return "fitbit2mqtt --help"
	case exitStorage:
		return "check the data folder and the disk"
	case exitAway:
		return "wait a moment, then try again"
	case exitBroker:
		return "check mqtt.url and whether the broker runs"
	}
	return "report this line, if it comes again"
}
