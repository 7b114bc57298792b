package webapi

import (
	"encoding/json"
	"net/http"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/oauth"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/rest"
)

// tickAll is the hint for a permission that is missing.
const tickAll = "sign in again and leave every box ticked: fitbit2mqtt connect ACCOUNT"

// refusalBody is both forms that a refusal has: Fitbit's own, and since 2026 Google's
// (AIP-193). Their messages quote tokens and stay unread.
type refusalBody struct {
	Errors list[struct {
		Type text `json:"errorType"`
	}] `json:"errors"`
	Error json.RawMessage `json:"error"`
}

// word returns the cloud's word for a refusal, such as "insufficient_scope" or
// "PERMISSION_DENIED", if the body has one that looks like a word.
func word(body []byte) string {
	var r refusalBody
	if json.Unmarshal(body, &r) != nil { // HTML, or nothing: the status has to do
		return ""
	}
	for _, e := range r.Errors.v {
		if w := oauth.Code(string(e.Type)); w != "" {
			return w
		}
	}
	var google struct {
		Status text `json:"status"`
	}
	if json.Unmarshal(r.Error, &google) == nil {
		return oauth.Code(string(google.Status))
	}
	var standard text // RFC 6749's own form
	_ = json.Unmarshal(r.Error, &standard)
	return oauth.Code(string(standard))
}

// retired says that the cloud is off, and where to go.
func retired() *fitbit.CloudError {
	return &fitbit.CloudError{
		Kind: fitbit.ErrRetired, Detail: "the Fitbit Web API was turned off on 2 November 2026",
		Hint: "move to Google Health: fitbit2mqtt connect ACCOUNT --backend google",
	}
}

// translate says in fitbit's words what a refusal means. The status decides: its
// words have changed over the years. A 403 is never a lost sign-in.
func (c *Client) translate(f rest.Failure) error {
	e := &fitbit.CloudError{Kind: fitbit.ErrProtocol, Reason: word(f.Body)}
	switch {
	case f.Status == http.StatusTooManyRequests:
		until := patience(f.Header, c.now(), usualWait)
		c.budget.mu.Lock()
		defer c.budget.mu.Unlock()
		c.budget.until = until
		return &fitbit.RateLimitError{Until: until}
	case f.Status == http.StatusUnauthorized:
		e.Kind, e.Detail, e.Hint = fitbit.ErrReauthRequired, "Fitbit refuses a freshly renewed token", oauth.SignInAgain
	case f.Status == http.StatusForbidden:
		e.Kind, e.Detail, e.Hint = fitbit.ErrPermission, "Fitbit does not let this app read such data", tickAll
	case f.Status == http.StatusGone:
		gone := retired()
		gone.Reason = e.Reason
		return gone
	case f.Status >= http.StatusInternalServerError, f.Status == http.StatusRequestTimeout:
		e.Kind, e.Detail = fitbit.ErrUnavailable, "Fitbit answers "+rest.Spelled(f.Status)
		e.Hint = "wait; the next attempt comes by itself"
	default:
		e.Detail = "Fitbit refuses the request with " + rest.Spelled(f.Status)
		e.Hint = "look for a newer version of fitbit2mqtt, or report this line"
	}
	return e
}
