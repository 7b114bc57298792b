package recorder

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// Supervisor is where an app of Home Assistant's finds it.
const Supervisor = "ws://supervisor/core/websocket"

// Address is where a Home Assistant is.
type Address struct{ url url.URL }

// ParseAddress takes what people see in their browser, such as http://homeassistant.local:8123
// with or without a path, or the address of the WebSocket itself. User name and password
// in it are for a proxy on the way. The error does not quote it: there may be a password.
func ParseAddress(s string) (Address, error) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || strings.ContainsRune(u.Path, '@') {
		return Address{}, errors.New("is no address; write it as http://homeassistant.local:8123")
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return Address{}, errors.New("has a port that there is not; write it as http://homeassistant.local:8123")
		}
	}
	switch u.Scheme {
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	case "ws", "wss":
	default:
		return Address{}, errors.New("begins with neither http:// nor https://; write it as http://homeassistant.local:8123")
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return Address{}, errors.New("has something behind the path; the access token is no part of it")
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), ""
	if !strings.HasSuffix(u.Path, "/websocket") {
		u.Path += "/api/websocket"
	}
	return Address{*u}, nil
}

// IsZero reports whether there is none.
func (a Address) IsZero() bool { return a.url.Host == "" }

// path is what there is between the host and the API; empty if nothing.
func (a Address) path() string {
	path, _ := strings.CutSuffix(a.url.Path, "/api/websocket")
	return path
}

// String is the address as people know it, without credentials.
func (a Address) String() string {
	u := a.url
	u.User = nil
	if path := a.path(); path != u.Path {
		u.Scheme, u.Path = map[string]string{"ws": "http", "wss": "https"}[u.Scheme], path
	}
	return u.String()
}

func (a Address) endpoint() string {
	u := a.url
	u.User = nil
	return u.String()
}

// header lets us past a proxy.
func (a Address) header() map[string][]string {
	if a.url.User == nil {
		return nil
	}
	password, _ := a.url.User.Password()
	pair := base64.StdEncoding.EncodeToString([]byte(a.url.User.Username() + ":" + password))
	return map[string][]string{"Authorization": {"Basic " + pair}}
}
