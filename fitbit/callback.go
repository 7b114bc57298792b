package fitbit

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
)

// Callback is what the browser brings back from the consent page.
type Callback struct {
	Code  string
	State string // empty if only the bare code was given
	Err   string // the cloud's error code, such as "access_denied"; then Code is empty
}

// ErrNoCallback says that a text holds neither a code nor an error.
var ErrNoCallback = errors.New("no sign-in code in it")

// ParseCallback reads the address a browser ended up at after the consent page:
// the whole address, only its query, or the bare code, with whatever white space
// and "#_=_" got into it on the way. The address of the page on which Google keeps
// the browser will do, too: it names the error, though no state. What it returns is
// printable ASCII, as RFC 6749 (appendix A) has it. Error: [ErrNoCallback], which never
// quotes the text.
func ParseCallback(text string) (Callback, error) {
	text = strings.Join(strings.Fields(text), "")
	text = strings.Trim(text, `"'<>`)
	text, _, _ = strings.Cut(text, "#")
	// A query alone may hold addresses too: scopes look like some.
	query := text
	if before, after, ok := strings.Cut(text, "?"); ok && !strings.Contains(before, "=") {
		query = after
	}
	if !strings.Contains(query, "=") {
		return bareCode(query)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return Callback{}, ErrNoCallback
	}
	c := Callback{Code: values.Get("code"), State: values.Get("state"), Err: values.Get("error")}
	if c.Err != "" {
		c.Code = ""
	}
	if c.Code == "" && c.Err == "" {
		c.Err = shownError(values.Get("authError"))
	}
	if c.Code == "" && c.Err == "" || !printable(c.Code+c.State+c.Err) {
		return Callback{}, ErrNoCallback
	}
	return c, nil
}

// leastCode is shorter than any cloud's code (40 characters and more), and longer than
// what is pasted by mistake.
const leastCode = 16

// googleSecret is how Google's client secrets begin. One that is pasted by mistake goes
// nowhere.
const googleSecret = "GOCSPX-"

// bareCode accepts a code as it stands in an address ("4%2F0A…") or decoded.
func bareCode(s string) (Callback, error) {
	code, err := url.PathUnescape(s)
	foreign := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("/_-.~", r)
	}
	if err != nil || len(code) < leastCode || strings.ContainsFunc(code, foreign) || strings.HasPrefix(code, googleSecret) {
		return Callback{}, ErrNoCallback
	}
	return Callback{Code: code}, nil
}

// shownError reads the error code, such as "redirect_uri_mismatch", from the authError
// of Google's error page: Base64 of a protocol buffer whose first field it is. That is
// not documented, only seen, so whatever else it may be is no code.
func shownError(authError string) string {
	text := strings.NewReplacer("+", "-", " ", "-", "/", "_", "=", "").Replace(authError)
	if len(text)%4 == 1 { // cut off within a byte
		text = text[:len(text)-1]
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	const firstField, longest = 0x0a, 40
	if err != nil || len(b) < 2 || b[0] != firstField || b[1] > longest || int(b[1]) > len(b)-2 {
		return ""
	}
	code := string(b[2 : 2+b[1]])
	if strings.ContainsFunc(code, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' }) {
		return ""
	}
	return code
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}
