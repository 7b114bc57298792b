package fakecloud

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// googleError is a refusal by the API, in Google's AIP-193 form.
type googleError struct {
	code            int
	status          string
	reason, message string
	header          map[string]string
}

func (e *googleError) Error() string { return e.message }

// newGoogleError returns a refusal with an HTTP code; reason may be empty.
func newGoogleError(code int, reason, message string) *googleError {
	return &googleError{code: code, status: rpcStatus(code), reason: reason, message: message}
}

// badRequest returns a 400. Without a reason it is Google's bare INVALID_ARGUMENT.
func badRequest(reason, message string) *googleError {
	return newGoogleError(http.StatusBadRequest, reason, message)
}

func rpcStatus(code int) string {
	switch code {
	case http.StatusBadRequest:
		return "INVALID_ARGUMENT"
	case http.StatusUnauthorized:
		return "UNAUTHENTICATED"
	case http.StatusForbidden:
		return "PERMISSION_DENIED"
	case http.StatusNotFound:
		return "NOT_FOUND"
	case http.StatusConflict:
		return "ABORTED"
	case http.StatusPreconditionFailed:
		return "FAILED_PRECONDITION"
	case http.StatusTooManyRequests:
		return "RESOURCE_EXHAUSTED"
	case http.StatusInternalServerError:
		return "INTERNAL"
	case http.StatusGatewayTimeout:
		return "DEADLINE_EXCEEDED"
	case http.StatusBadGateway, http.StatusServiceUnavailable:
		return "UNAVAILABLE"
	}
	return "UNKNOWN"
}

type errorBody struct {
	Error errorStatus `json:"error"`
}

type errorStatus struct {
	Code    int           `json:"code"`
	Message string        `json:"message"`
	Status  string        `json:"status"`
	Details []errorDetail `json:"details,omitempty"`
}

// errorDetail is a google.rpc.ErrorInfo or, with links, a google.rpc.Help.
type errorDetail struct {
	Type     string            `json:"@type"`
	Reason   string            `json:"reason,omitempty"`
	Domain   string            `json:"domain,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Links    []helpLink        `json:"links,omitempty"`
}

type helpLink struct {
	Description string `json:"description"`
	URL         string `json:"url"`
}

func (e *googleError) reply() reply {
	s := errorStatus{Code: e.code, Message: e.message, Status: e.status}
	if e.reason != "" {
		info := errorDetail{Type: "type.googleapis.com/google.rpc.ErrorInfo", Reason: e.reason, Domain: "health.googleapis.com"}
		switch e.reason {
		case "ACCOUNT_NOT_LINKED":
			info.Metadata = map[string]string{"redirect_uri": "https://fitbit.google.com/auth/signup"}
		case "SERVICE_DISABLED", "RATE_LIMIT_EXCEEDED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT": // Google's front end says these
			info.Domain = "googleapis.com"
			info.Metadata = map[string]string{"service": "health.googleapis.com"}
		}
		s.Details = append(s.Details, info)
	}
	if e.reason == "SERVICE_DISABLED" {
		s.Details = append(s.Details, errorDetail{
			Type:  "type.googleapis.com/google.rpc.Help",
			Links: []helpLink{{"Google developers console API activation", "https://console.cloud.google.com/apis/library/health.googleapis.com"}},
		})
	}
	rep := jsonReply(e.code, errorBody{s})
	rep.body, rep.header = indented(rep.body), e.header
	return rep
}

// oauthError is a refusal by an OAuth endpoint (RFC 6749, 5.2).
type oauthError struct {
	code              int
	name, description string
}

func (e oauthError) Error() string { return e.name + ": " + e.description }

func (e oauthError) reply() reply {
	return jsonReply(e.code, struct {
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{e.name, e.description})
}

// indented is how Google writes JSON unless it is asked not to.
func indented(body []byte) []byte {
	var b bytes.Buffer
	if json.Indent(&b, body, "", "  ") != nil {
		return body
	}
	b.WriteByte('\n')
	return b.Bytes()
}
