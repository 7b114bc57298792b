package googlehealth

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/oauth"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/rest"
)

// leastWait is how long a 429 holds requests back at least, whatever its
// Retry-After says: the quota is per minute.
const leastWait = 60 * time.Second

// apiError is the body of a refusal (AIP-193), as far as anything is decided by it.
type apiError struct {
	Error struct {
		Message string `json:"message"`
		Status  string `json:"status"`
		Details []struct {
			Reason   string `json:"reason"`
			Metadata struct {
				DetailedReasons string `json:"detailedReasons"`
			} `json:"metadata"`
			Links []struct {
				URL string `json:"url"`
			} `json:"links"`
		} `json:"details"`
	} `json:"error"`
}

// reason is the cloud's word for the refusal. Refused filters have a more telling
// one in their metadata.
func (e apiError) reason() string {
	for _, d := range e.Error.Details {
		if detailed := word(d.Metadata.DetailedReasons); detailed != "" {
			return detailed
		}
		if word(d.Reason) != "" {
			return d.Reason
		}
	}
	return ""
}

// consoleLink returns the console address Google sends along, if it is one of Google's.
func (e apiError) consoleLink() string {
	for _, d := range e.Error.Details {
		for _, l := range d.Links {
			if regexp.MustCompile(`^https://console\.(cloud|developers)\.google\.com/[\w./?=&%-]{0,200}$`).MatchString(l.URL) {
				return l.URL
			}
		}
	}
	return "https://console.cloud.google.com/apis/library/health.googleapis.com"
}

// word lets only what looks like one of Google's constants into an error text.
func word(s string) string {
	if regexp.MustCompile(`^[A-Z][A-Z0-9_]{2,63}$`).MatchString(s) {
		return s
	}
	return ""
}

// translate says in fitbit's words what a refusal means: by reason first, then
// status, then HTTP code. A 403 is never a lost sign-in.
func translate(f rest.Failure, now time.Time) error {
	var body apiError
	if f.JSON {
		_ = json.Unmarshal(f.Body, &body) // an unreadable body leaves the HTTP code to decide
	}
	reason, status := body.reason(), word(body.Error.Status)
	if e := byReason(reason, body); e != nil {
		return e
	}
	if reason == "" {
		reason = status
	}
	switch {
	case f.Status == http.StatusUnauthorized:
		return &fitbit.CloudError{
			Kind: fitbit.ErrReauthRequired, Reason: reason, Detail: "Google refuses a freshly renewed token", Hint: oauth.SignInAgain,
		}
	case f.Status == http.StatusTooManyRequests, status == "RESOURCE_EXHAUSTED":
		return &fitbit.RateLimitError{Until: patience(f.Header, now)}
	case f.Status == http.StatusGone:
		return &fitbit.CloudError{
			Kind: fitbit.ErrRetired, Reason: reason, Detail: "the Google Health API v4 has been turned off",
			Hint: "look for a newer version of fitbit2mqtt",
		}
	case f.Status == http.StatusPreconditionFailed, status == "FAILED_PRECONDITION":
		return &fitbit.CloudError{
			Kind: fitbit.ErrSetup, Reason: reason, Detail: "this Google account has no Google Health profile yet",
			Hint: "open the Google Health app with this Google account and finish its set-up",
		}
	case f.Status == http.StatusForbidden:
		return forbidden(reason, body)
	case f.Status >= 500, f.Status == http.StatusRequestTimeout:
		return &fitbit.CloudError{
			Kind: fitbit.ErrUnavailable, Reason: reason, Detail: "Google answers " + rest.Spelled(f.Status),
			Hint: "wait; https://status.healthapp.google.com/ says what is known",
		}
	}
	return &fitbit.CloudError{
		Kind: fitbit.ErrProtocol, Reason: reason, Detail: "Google refuses the request with " + rest.Spelled(f.Status),
		Hint: "look for a newer version of fitbit2mqtt, or report this line",
	}
}

// byReason knows the reasons that decide alone, whatever the HTTP code.
func byReason(reason string, body apiError) error {
	e := &fitbit.CloudError{Reason: reason, Kind: fitbit.ErrSetup}
	switch reason {
	case "ACCOUNT_NOT_LINKED":
		e.Detail = "this Google account is not linked to Google Health"
		e.Hint = "sign in to the Google Health app with this Google account, or connect the account that the scale uses"
	case "MISSING_OAUTH_SCOPE", "ACCESS_TOKEN_SCOPE_INSUFFICIENT":
		e.Kind, e.Detail = fitbit.ErrPermission, "a permission was not granted at sign-in"
		e.Hint = "sign in again and leave every box ticked: fitbit2mqtt connect ACCOUNT"
	case "DISALLOWED_OAUTH_SCOPES":
		e.Detail = "the sign-in carries permissions that the Google Health API refuses"
		e.Hint = "remove the app at https://myaccount.google.com/connections, then sign in again"
	case "SERVICE_DISABLED":
		e.Detail = "the Google Health API is not enabled in the Cloud project"
		e.Hint = "enable it at " + body.consoleLink()
	case "API_PRIVATE_PREVIEW_ACCESS_DENIED":
		e.Detail = "Google has not admitted this Cloud project to the Google Health API yet"
		e.Hint = "apply for access or use a project that has it; signing in again does not help"
	default:
		return nil
	}
	return e
}

// forbidden explains a 403 without one of the known reasons.
func forbidden(reason string, body apiError) error {
	e := &fitbit.CloudError{Kind: fitbit.ErrSetup, Reason: reason, Detail: "Google does not let this app read this account's data"}
	if m := body.Error.Message; strings.Contains(m, "UberMint") || strings.Contains(m, "GaiaMint") {
		e.Detail = "this is still a Fitbit account of the old kind"
		e.Hint = "move it to a Google account in the Google Health app, then sign in with that account"
		return e
	}
	e.Hint = "it often passes within hours; if not, remove the app at https://myaccount.google.com/connections and sign in again"
	return e
}
