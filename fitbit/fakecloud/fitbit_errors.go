package fakecloud

import (
	"cmp"
	"net/http"
	"strconv"
)

// seeDocs is how the legacy cloud's messages about sign-ins end.
const seeDocs = " Visit https://dev.fitbit.com/docs/oauth2 for more information on the Fitbit Web API authorization process."

// fitbitError is a refusal by the legacy cloud, its OAuth endpoints included. The
// message may quote a token.
type fitbitError struct {
	status               int
	kind, field, message string
}

func invalid(field, message string) *fitbitError {
	return &fitbitError{http.StatusBadRequest, "validation", field, message}
}

func invalidRequest(message string) *fitbitError {
	return &fitbitError{http.StatusBadRequest, "invalid_request", "", message + seeDocs}
}

func missing(parameter string) *fitbitError {
	return invalidRequest("Missing parameters: " + parameter)
}

func unauthorized(kind, message string) *fitbitError {
	return &fitbitError{http.StatusUnauthorized, kind, "", message + seeDocs}
}

func badGrant(message string) *fitbitError {
	return &fitbitError{http.StatusBadRequest, "invalid_grant", "", message + seeDocs}
}

func unknownEndpoint() *fitbitError {
	return invalid("resource", "The API you are requesting could not be found.")
}

func insufficientScope(scope string) *fitbitError {
	return &fitbitError{http.StatusForbidden, "insufficient_scope", "", "This application does not have permission to access " + scope + " data." + seeDocs}
}

func tooManyPoints() *fitbitError {
	return &fitbitError{http.StatusUnprocessableEntity, "validation", "Request", "The number of data points queried exceeds limit."}
}

func tooManyRequests() *fitbitError {
	return &fitbitError{http.StatusTooManyRequests, "system", "n/a", "Too Many Requests"}
}

type fitbitErrors struct {
	Errors  []fitbitErrorBody `json:"errors"`
	Success *bool             `json:"success,omitempty"`
}

type fitbitErrorBody struct {
	Type    string `json:"errorType"`
	Field   string `json:"fieldName,omitempty"`
	Message string `json:"message"`
}

// fitbitRefusal writes an error. Too many points have no "success", as has been seen.
func (c *Cloud) fitbitRefusal(e *fitbitError) reply {
	if e.status == http.StatusForbidden && c.fitbit.options.GoogleErrors {
		return newGoogleError(e.status, "", "The caller does not have permission").reply()
	}
	body := fitbitErrors{Errors: []fitbitErrorBody{{e.kind, e.field, e.message}}}
	if e.status != http.StatusUnprocessableEntity {
		body.Success = new(bool)
	}
	return jsonReply(e.status, body)
}

// fitbitStruck refuses in the name of a fault. What the real messages quote, these do.
func (c *Cloud) fitbitStruck(r *http.Request, f Fault, status int) reply {
	e := &fitbitError{status: status, kind: f.Reason, message: http.StatusText(status) + "." + seeDocs}
	atToken := r.URL.Path == fitbitTokenPath || r.URL.Path == fitbitRevokePath
	switch {
	case f.Kind == Conflict && f.Reason == "": // what it says is not known
		return reply{status: status, contentType: "text/plain"}
	case f.Kind == RateLimited:
		e = tooManyRequests()
		e.kind = cmp.Or(f.Reason, e.kind)
	case f.Kind == ServerError:
		e.kind, e.field = cmp.Or(f.Reason, "request"), strconv.Itoa(status)
		e.message = "An error occurred. Error id: 1"
	case atToken:
		e.kind = cmp.Or(f.Reason, "invalid_client")
		e.message = "Refresh token invalid: " + r.Form.Get("refresh_token") + "." + seeDocs
	case status == http.StatusUnauthorized:
		e.kind = cmp.Or(f.Reason, "expired_token")
		e.message = "Access token expired: " + bearer(r) + "." + seeDocs
	default:
		e.kind = cmp.Or(f.Reason, "insufficient_scope")
	}
	e.status = status
	return c.fitbitRefusal(e)
}
