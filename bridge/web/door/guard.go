package door

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	healthPath = "/healthz"
	logoutPath = "/logout"
	// passwordField is all that the login form sends.
	passwordField = "password"
	// bodyLimit is far more than any form of the page sends.
	bodyLimit = 64 << 10
	// userLimit is how much of a user's name is noted.
	userLimit = 64
)

const (
	textPath   = "This address cannot be right. Go to the page's start and find your way from there."
	textMethod = "The page can only be read, or be sent a form."
	textLarge  = "This is more than any form of the page would send."
)

// Guard stands in front of the pages. They see paths below the page's root, whatever the
// proxies in front call it, and bodies of 64 KB at most. [Root] tells them the way back.
//
// A password that was given to a POST of the pages leads to a GET of the same path, and
// a POST that meets a session which has ended is lost: the form has to be sent again.
func (d *Door) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := d.look(r)
		user := remoteUser(r.Header)
		if !v.ingress {
			user = ""
			r.Header.Del("X-Ingress-Path") // the pages believe it
		}
		clean := cleanPath(r.URL)
		r, bare := strip(r, v.prefix)
		d.setHeaders(w.Header(), r)
		if !clean {
			d.refuse(w, r, http.StatusBadRequest, textPath)
			return
		}
		switch r.Method {
		case http.MethodGet, http.MethodHead, http.MethodPost:
		default:
			w.Header().Set("Allow", "GET, HEAD, POST")
			d.refuse(w, r, http.StatusMethodNotAllowed, textMethod)
			return
		}
		if r.URL.Path == healthPath && reads(r) {
			next.ServeHTTP(w, r)
			return
		}
		if text := d.stranger(v); text != "" {
			d.refuse(w, r, http.StatusForbidden, text)
			return
		}
		if bare {
			// The browser has to be inside the folder for relative links to work.
			w.Header().Set("Location", "."+v.prefix[strings.LastIndexByte(v.prefix, '/'):]+"/")
			w.WriteHeader(http.StatusTemporaryRedirect)
			return
		}
		if !reads(r) && !d.sameOrigin(r, v) {
			d.refuse(w, r, http.StatusForbidden, textOrigin)
			return
		}
		if !readForm(w, r) {
			d.refuse(w, r, http.StatusRequestEntityTooLarge, textLarge)
			return
		}
		if user != "" && !reads(r) {
			d.log.Info("a form was sent through Home Assistant", "user", user, "form", formOf(r.URL.Path))
		}
		d.admit(w, r, v, next)
	})
}

// remoteUser is who uses Home Assistant, as its Supervisor says: anybody in a house may,
// and the log is to tell who has changed something.
func remoteUser(h http.Header) string {
	name := cmp.Or(h.Get("X-Remote-User-Name"), h.Get("X-Remote-User-Display-Name"), h.Get("X-Remote-User-Id"))
	return name[:min(len(name), userLimit)]
}

// formOf is the path of a form without what may be the number of a sign-in.
func formOf(path string) string {
	if step, rest, ok := strings.Cut(path[1:], "/"); ok && !strings.Contains(rest, "/") {
		return "/" + step
	}
	return path
}

// readForm limits the body and reads a form from it, if there is one. What is wrong in
// the query or in the form shows as a field that is missing.
func readForm(w http.ResponseWriter, r *http.Request) (fits bool) {
	if r.ContentLength > bodyLimit {
		return false
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	r.Body = http.MaxBytesReader(w, r.Body, bodyLimit)
	_, tooLarge := errors.AsType[*http.MaxBytesError](r.ParseForm())
	return !tooLarge
}

// admit asks for the password where one is needed.
func (d *Door) admit(w http.ResponseWriter, r *http.Request, v visit, next http.Handler) {
	switch {
	case r.URL.Path == logoutPath && r.Method == http.MethodPost:
		d.leave(w, r, v)
	case d.lock == nil || v.ingress:
		next.ServeHTTP(w, r)
	case d.known(r):
		if len(r.PostForm) == 1 && r.PostForm.Has(passwordField) {
			d.enter(w, r, next) // a second window that showed the login page
			return
		}
		next.ServeHTTP(w, r)
	case d.assets != "" && strings.HasPrefix(r.URL.Path, d.assets) && reads(r):
		next.ServeHTTP(w, r)
	case reads(r) && hasBasic(r):
		d.answerProgram(w, r, v, next)
	case r.Method != http.MethodPost:
		d.ask(w, r, LoginForm{Status: http.StatusUnauthorized})
	default:
		d.receive(w, r, v, next)
	}
}

func hasBasic(r *http.Request) bool {
	_, _, ok := r.BasicAuth()
	return ok
}

// answerProgram lets a program read that sends the password with each request, such as
// Prometheus. The user name does not matter.
func (d *Door) answerProgram(w http.ResponseWriter, r *http.Request, v visit, next http.Handler) {
	_, attempt, _ := r.BasicAuth()
	f, ok := d.try(r.Context(), v.from, attempt)
	if !ok {
		w.Header().Set("WWW-Authenticate", `Basic realm="fitbit2mqtt", charset="UTF-8"`)
		d.ask(w, r, f)
		return
	}
	next.ServeHTTP(w, r)
}

// receive takes a form from somebody without a session: an attempt at the password, or a
// form of a page whose session has ended.
func (d *Door) receive(w http.ResponseWriter, r *http.Request, v visit, next http.Handler) {
	if !r.PostForm.Has(passwordField) {
		// What was sent is lost, and its address may answer to nothing but a POST.
		d.ask(w, r, LoginForm{Status: http.StatusUnauthorized, Action: Root(r)})
		return
	}
	f, ok := d.try(r.Context(), v.from, r.PostForm.Get(passwordField))
	if !ok {
		d.ask(w, r, f)
		return
	}
	http.SetCookie(w, d.cookie(v, d.sessions.open(d.now()), longestSession))
	d.enter(w, r, next)
}

// enter leads from the login form to what was asked for.
func (d *Door) enter(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if d.atCallback(r) {
		// A redirect would lose the code of the sign-in, or copy it somewhere.
		next.ServeHTTP(w, asGet(r))
		return
	}
	redirect(w, here(r))
}

// asGet is the request that led to the login page.
func asGet(r *http.Request) *http.Request {
	r = r.Clone(r.Context())
	r.Method, r.Body, r.ContentLength, r.TransferEncoding = http.MethodGet, http.NoBody, 0, nil
	r.Form, r.PostForm, r.MultipartForm = nil, nil, nil
	for _, name := range []string{"Content-Type", "Content-Length", "Content-Encoding"} {
		r.Header.Del(name)
	}
	return r
}

// leave ends a session. Whoever has none is taken to the start as well.
func (d *Door) leave(w http.ResponseWriter, r *http.Request, v visit) {
	for _, c := range r.CookiesNamed(cookieName) {
		d.sessions.end(c.Value)
	}
	if d.lock != nil {
		http.SetCookie(w, d.cookie(v, "", -time.Second))
	}
	redirect(w, Root(r))
}

func (d *Door) atCallback(r *http.Request) bool {
	return slices.Contains(d.callbacks, r.URL.Path)
}

func reads(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead
}

// redirect leads to a path that is relative to the one asked for. [http.Redirect] would
// make it absolute, and lose the prefix that a proxy has taken away.
func redirect(w http.ResponseWriter, relative string) {
	w.Header().Set("Location", relative)
	w.WriteHeader(http.StatusSeeOther)
}
