package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// status is how a thing is that the doctor looks at.
type status string

const (
	well    status = "ok"
	warning status = "warning"
	failed  status = "failed"
	skipped status = "skipped" // not looked at, or nothing to be seen
)

// sign is how a status is shown.
func (s status) sign() string {
	switch s {
	case well:
		return "✓"
	case warning:
		return "!"
	case failed:
		return "✗"
	case skipped:
	}
	return "–"
}

// finding is what the doctor says of one thing. All of it may be shown to anybody.
type finding struct {
	Check   string  `json:"check"`
	Account *string `json:"account"`
	Status  status  `json:"status"`
	Detail  string  `json:"detail"`
	Hint    *string `json:"hint"`

	code int // that the command ends with if this is the worst
}

func fine(check, format string, args ...any) finding {
	return finding{Check: check, Status: well, Detail: fmt.Sprintf(format, args...)}
}

func skip(check, format string, args ...any) finding {
	return finding{Check: check, Status: skipped, Detail: fmt.Sprintf(format, args...)}
}

func warn(check, hint, format string, args ...any) finding {
	return finding{Check: check, Status: warning, Hint: &hint, Detail: fmt.Sprintf(format, args...)}
}

func bad(check string, code int, hint, format string, args ...any) finding {
	return finding{Check: check, Status: failed, Hint: &hint, code: code, Detail: fmt.Sprintf(format, args...)}
}

// trouble puts an error into a finding, with the advice and the code it has elsewhere.
func trouble(check string, err error) finding {
	if exitCode(err) == exitUnexpected && errors.Is(err, context.DeadlineExceeded) {
		err = &fitbit.CloudError{Kind: fitbit.ErrUnavailable, Detail: "no answer in time", Hint: "check the network, wait a moment, then try again"}
	}
	code := exitCode(err)
	return bad(check, code, advice(err, code), "%s", err)
}

// of says whom a finding is about. Clouds do not know names.
func (f finding) of(account string) finding {
	f.Account = &account
	if f.Hint != nil {
		f.Hint = new(strings.ReplaceAll(*f.Hint, "ACCOUNT", account))
	}
	return f
}

// plain shows findings to people, one line each.
func plain(found []finding) string {
	var b strings.Builder
	for _, f := range found {
		title := titleOf(f.Check)
		if f.Account != nil {
			title = *f.Account + ", " + title
		}
		line := f.Status.sign() + " " + title + ": " + f.Detail
		if f.Hint != nil {
			line += " → " + *f.Hint
		}
		b.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
	}
	return b.String()
}

// titleOf names a check as people know it.
func titleOf(check string) string {
	switch check {
	case "tokens_db", "history_db":
		return strings.ReplaceAll(check, "_", ".")
	case "sign_in":
		return "sign-in"
	case "time_zone":
		return "time-zone data"
	case "home_assistant":
		return "Home Assistant"
	}
	return strings.ReplaceAll(fitbit.Metric(check).Words(), "_", " ")
}

// conclusion is the error that the command ends with; nil if nothing is wrong.
func conclusion(found []finding) error {
	n, worst := 0, exitOK
	for _, f := range found {
		if f.Status != failed {
			continue
		}
		n++
		code := f.code
		if code == exitOK { // an error that is none elsewhere, such as a cancellation
			code = exitUnexpected
		}
		if worst == exitOK || place(code) < place(worst) {
			worst = code
		}
	}
	switch n {
	case 0:
		return nil
	case 1:
		return fail(worst, "do what the line marked ✗ says", "one thing is wrong")
	}
	return fail(worst, "do what the lines marked ✗ say, the first one first", "%d things are wrong", n)
}
