package door

import (
	"net/http"
	"net/url"
	"strings"
)

// prefixLimit is more than Home Assistant's ingress paths, the longest known, need.
const prefixLimit = 256

// Root is the way from the page that was asked for back to the page's root: "./", "../",
// "../../". Links that start with it work under every path that proxies put in front.
func Root(r *http.Request) string {
	depth := strings.Count(r.URL.EscapedPath(), "/") - 1
	if depth < 1 {
		return "./"
	}
	return strings.Repeat("../", depth)
}

// here is the relative way to the path that was asked for, without its query. The dot
// keeps a colon in the name from being read as a scheme.
func here(r *http.Request) string {
	path := r.URL.EscapedPath()
	return "./" + path[strings.LastIndexByte(path, '/')+1:]
}

// cleanPrefix checks a path that a header or the configuration puts in front of the
// page, and takes its last slash away. It ends up in cookies and in Location, so only
// what means nothing special in either may be in it.
func cleanPrefix(s string) (prefix string, ok bool) {
	s = strings.TrimSuffix(s, "/")
	if s == "" {
		return "", true
	}
	const alphabet = "/-._~ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	if len(s) > prefixLimit || s[0] != '/' || strings.Trim(s, alphabet) != "" || !plainSegments(s) {
		return "", false
	}
	return s, true
}

// strip takes the prefix away that a proxy left in place; a proxy that takes it away
// itself leaves nothing to do. With bare, the prefix was asked for without the slash
// after it. A page of our own must not be named like the prefix.
func strip(r *http.Request, prefix string) (stripped *http.Request, bare bool) {
	if prefix == "" || !below(r.URL.Path, prefix) {
		return r, false
	}
	rest := r.URL.Path[len(prefix):]
	u := *r.URL
	u.Path, u.RawPath = rest, ""
	if raw, found := strings.CutPrefix(r.URL.RawPath, prefix); found {
		u.RawPath = raw // spelled in another way, it says nothing that the path does not: see cleanPath
	}
	if rest == "" {
		u.Path, u.RawPath = "/", ""
	}
	r = r.WithContext(r.Context())
	r.URL = &u
	return r, rest == ""
}

// below reports whether a path is the prefix or lies in it.
func below(path, prefix string) bool {
	rest, found := strings.CutPrefix(path, prefix)
	return found && (rest == "" || rest[0] == '/')
}

// cleanPath reports whether every reader of a path understands the same: no way up, no
// empty step, no encoded slash, nothing that cannot be printed.
func cleanPath(u *url.URL) bool {
	path := u.Path
	if !strings.HasPrefix(path, "/") || encodesSlash(u.RawPath) {
		return false
	}
	if strings.ContainsFunc(path, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\\' }) {
		return false
	}
	return plainSegments(path)
}

func encodesSlash(raw string) bool {
	raw = strings.ToLower(raw)
	return strings.Contains(raw, "%2f") || strings.Contains(raw, "%5c")
}

func plainSegments(path string) bool {
	steps := strings.Split(path[1:], "/")
	for i, s := range steps {
		if s == "." || s == ".." || s == "" && i < len(steps)-1 {
			return false
		}
	}
	return true
}
