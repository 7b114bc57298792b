package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/rest"
)

// SignInAgain is the hint for a sign-in that is lost.
const SignInAgain = "sign in again: fitbit2mqtt connect ACCOUNT"

const maxRefusal = 64 << 10 // of a refusal's body, bytes

// phase tells what an invalid_grant means.
type phase int

const (
	refreshing phase = iota
	exchanging
)

// explain turns a failed request into fitbit's words.
func (s Server) explain(ctx context.Context, err error, p phase) error {
	if re, answered := errors.AsType[*oauth2.RetrieveError](err); answered {
		return s.refusal(re.Response.StatusCode, re.Response.Header, re.Body, p)
	}
	if ue, ok := errors.AsType[*url.Error](err); ok {
		return rest.Unreachable(ctx, ue.Err, s.Name+" does not answer")
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	// Cut short, or from somebody in between: either passes.
	return &fitbit.CloudError{
		Kind: fitbit.ErrUnavailable, Detail: s.Name + " gave no proper answer",
		Hint: "check the internet connection; the next attempt comes by itself",
	}
}

// refusal says what an answer means that is no success.
func (s Server) refusal(status int, header http.Header, body []byte, p phase) error {
	word := s.Word(body)
	switch {
	case status == http.StatusTooManyRequests:
		return &fitbit.RateLimitError{Until: s.Patience(header, s.now())}
	case status >= http.StatusInternalServerError: // whatever it says: nothing definite comes with these
		return &fitbit.CloudError{
			Kind: fitbit.ErrUnavailable, Reason: word, Detail: s.Name + " answers " + rest.Spelled(status),
			Hint: "wait; the next attempt comes by itself",
		}
	}
	if e := s.Refused(word, status); e != nil {
		e.Reason = word
		return e
	}
	e := &fitbit.CloudError{
		Kind: fitbit.ErrProtocol, Reason: word, Detail: s.Name + " answers " + rest.Spelled(status),
		Hint: "look for a newer version of fitbit2mqtt, or report this line",
	}
	switch {
	case status == http.StatusGone:
		e.Kind, e.Detail = fitbit.ErrRetired, s.Name+" has been turned off"
		e.Hint = "look for a newer version of fitbit2mqtt"
	case word == "invalid_grant" && p == refreshing:
		e.Kind, e.Detail, e.Hint = fitbit.ErrReauthRequired, "the sign-in has expired or was revoked", SignInAgain
	case word == "invalid_grant":
		e.Kind, e.Detail = fitbit.ErrReauthRequired, "the code has expired, was already used, or belongs to another sign-in"
		e.Hint = "start the sign-in again and finish it within ten minutes"
	}
	return e
}

// StandardWord is the error code of RFC 6749 in a refusal's body.
func StandardWord(body []byte) string {
	var r struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &r) != nil { // then the status has to do
		return ""
	}
	return Code(r.Error)
}

// Code lets only what looks like an error code into an error text.
func Code(s string) string {
	const longest = 40
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '_' {
			return ""
		}
	}
	if len(s) > longest {
		return ""
	}
	return s
}
