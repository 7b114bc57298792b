package door

import (
	"net/http"
	"net/url"
	"strings"
)

const textOrigin = "This was not sent by a form of this page, so nothing was done. Open the page itself and try again. " +
	"If that does not help, a proxy hides the page's address: set web.base_url to the one in the browser."

// sameOrigin reports whether a request that changes something comes from the page itself.
//
// [http.CrossOriginProtection] is not used: it lets in what has neither header, compares
// Origin with the Host that a proxy may have rewritten, and does not look at Origin where
// Sec-Fetch-Site is given. Browsers leave Sec-Fetch-Site out towards plain http on the
// local network, so that Origin has to be enough there.
func (d *Door) sameOrigin(r *http.Request, v visit) bool {
	sites, origins := r.Header.Values("Sec-Fetch-Site"), r.Header.Values("Origin")
	if len(sites) > 1 || len(origins) > 1 || len(sites)+len(origins) == 0 {
		return false
	}
	if len(sites) == 1 && sites[0] != "same-origin" && sites[0] != "none" { // none: typed, or sent again by the browser
		return false
	}
	if len(origins) == 0 {
		return true
	}
	o, ok := parseOrigin(origins[0])
	if !ok {
		return false
	}
	if o.Scheme == d.base.Scheme && sameHost(o.Scheme, o.Host, d.base.Host) {
		return true
	}
	// A page that came unencrypted may be anybody's. The other way round is let pass: a
	// proxy may have decrypted the request without telling.
	if v.https && o.Scheme != "https" {
		return false
	}
	return sameHost(o.Scheme, o.Host, r.Host) || sameHost(o.Scheme, o.Host, v.host)
}

// parseOrigin reads scheme://host[:port] and nothing else; "null" is none.
func parseOrigin(s string) (*url.URL, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, false
	}
	return u, s == u.Scheme+"://"+u.Host
}

// sameHost compares hosts; the port of the scheme may be left out.
func sameHost(scheme, a, b string) bool {
	port := ":80"
	if scheme == "https" {
		port = ":443"
	}
	return a != "" && strings.EqualFold(strings.TrimSuffix(a, port), strings.TrimSuffix(b, port))
}
