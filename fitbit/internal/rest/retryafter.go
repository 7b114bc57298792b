package rest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// longestWait bounds what a cloud may ask for: a slip in a header must not
// silence a household for a year.
const longestWait = 24 * time.Hour

// RetryAfter reads a Retry-After header (RFC 9110 §10.2.3: seconds or an HTTP
// date) and returns the moment it means, at most a day after now, or the zero
// time if it says nothing.
func RetryAfter(header string, now time.Time) time.Time {
	header = strings.TrimSpace(header)
	if header == "" {
		return time.Time{}
	}
	var at time.Time
	if seconds, err := strconv.ParseInt(header, 10, 64); err == nil {
		if seconds < 0 {
			return time.Time{}
		}
		at = now.Add(time.Duration(min(seconds, int64(longestWait/time.Second))) * time.Second)
	} else if at, err = http.ParseTime(header); err != nil {
		return time.Time{}
	}
	if latest := now.Add(longestWait); at.After(latest) {
		return latest
	}
	return at
}
