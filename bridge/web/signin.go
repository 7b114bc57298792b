package web

import (
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/web/door"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

type connectView struct {
	page
	First       bool // nobody is connected yet
	Problem     string
	Name        string
	Clients     []clientView
	Client      string // chosen; empty: the first
	NewClient   bool   // one is to be entered
	ClientID    string
	Forgettable []clientView
	Sealed      bool
	Scopes      []string
	RedirectURL string
	OwnAddress  bool // that is not on the person's machine
}

type clientView struct {
	ID, Words string
	Chosen    bool
}

// connectPage shows the form, filled in as far as whoever led here knows.
func (s *site) connectPage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.showConnect(w, r, http.StatusOK, connectView{Name: q.Get("name"), ClientID: q.Get("id"), NewClient: q.Get("id") != ""})
}

// showConnect shows the form, perhaps with what was wrong in it.
func (s *site) showConnect(w http.ResponseWriter, r *http.Request, code int, v connectView) {
	report, _ := s.Bridge.Report(r.Context()) // people can sign in whatever has become of the outbox
	clients, err := s.Desk.Clients(r.Context(), s.Desk.Default)
	if err != nil {
		s.trouble(w, r, "list clients", err)
		return
	}
	v.page = s.page(r, "Connect a person", "connect")
	if cloudUntold(r) { // of the last person, who has just been removed
		v.Notice, v.Live = untoldNotice, true
	}
	v.First, v.Sealed, v.Scopes, v.RedirectURL = len(report.People) == 0, s.Sealed, s.Scopes, s.redirect.String()
	v.OwnAddress = !door.Loopback(s.redirect.Hostname())
	for i, c := range clients {
		view := clientView{ID: c.ID, Words: "project " + short(c.ID), Chosen: !v.NewClient && (c.ID == v.Client || v.Client == "" && i == 0)}
		if c.Configured {
			view.Words = "the project in the configuration (" + short(c.ID) + ")"
		} else {
			v.Forgettable = append(v.Forgettable, view)
		}
		v.Clients = append(v.Clients, view)
	}
	render(s, w, r, code, "connect", v)
}

// short is a client id without what all of them end with.
func short(id string) string {
	id = strings.TrimSuffix(id, ".apps.googleusercontent.com")
	if len(id) > 24 {
		return id[:24] + "…"
	}
	return id
}

func (s *site) connect(w http.ResponseWriter, r *http.Request) {
	v := connectView{Name: nameIn(r, "name"), Client: r.PostForm.Get("client"), ClientID: strings.TrimSpace(r.PostForm.Get("id"))}
	v.NewClient = r.PostForm.Get("client") == "new" || v.ClientID != "" // who enters one means it, whatever is ticked above
	refuse := func(problem string) {
		v.Problem = problem
		s.showConnect(w, r, http.StatusBadRequest, v)
	}
	if fitbit.CheckName(v.Name) != nil {
		refuse("that name is not allowed: use " + fitbit.NameRule)
		return
	}
	request := signin.Request{Name: v.Name, Client: r.PostForm.Get("client"), Move: r.PostForm.Get("move") == "yes"}
	if v.NewClient {
		secret := strings.TrimSpace(r.PostForm.Get("secret"))
		if v.ClientID == "" || secret == "" || !plain(v.ClientID) || !plain(secret) {
			refuse("enter the client ID and the client secret of your Google Cloud project, as its console shows them")
			return
		}
		known, err := s.Desk.Clients(r.Context(), s.Desk.Default)
		if err != nil {
			s.trouble(w, r, "list clients", err)
			return
		}
		if slices.Contains(known, signin.KnownClient{ID: v.ClientID, Configured: true}) { // whose secret would win
			refuse("this project is in the configuration already: choose it above, and correct its secret there, if that is what is wrong")
			return
		}
		request.Client, request.Secret = v.ClientID, secret
	}
	started, err := s.Desk.Begin(r.Context(), request)
	switch {
	case errors.Is(err, signin.ErrNoClient), errors.Is(err, tokenstore.ErrNoClient):
		v.NewClient = true
		refuse("this project is not known; enter its client ID and secret")
	case errors.Is(err, fitbit.ErrSetup):
		refuse(err.Error() + "; " + fitbit.Hint(err))
	case err != nil:
		s.trouble(w, r, "begin sign-in", err)
	default:
		seeOther(w, r, "sign-in/"+started.ID)
	}
}

// plain reports whether a text is one word of printable ASCII.
func plain(text string) bool {
	return len(text) <= 200 && !strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' })
}

func (s *site) forgetClient(w http.ResponseWriter, r *http.Request) {
	err := s.Desk.ForgetClient(r.Context(), s.Desk.Default, r.PostForm.Get("id"))
	switch {
	case errors.Is(err, tokenstore.ErrClientInUse):
		s.showConnect(w, r, http.StatusConflict, connectView{Problem: err.Error() + "; remove that person first, or sign them in through another project"})
	case err != nil && !errors.Is(err, tokenstore.ErrNoClient):
		s.trouble(w, r, "forget client", err)
	default:
		seeOther(w, r, "connect")
	}
}

// signInAgain begins a sign-in of somebody who is known: one click, and the cloud's
// page is there. Where the browser could not come back to us by itself, our own page
// comes in between, with a place for the address.
//
// Whoever tries again says for whom: the name may be somebody else's by now.
func (s *site) signInAgain(w http.ResponseWriter, r *http.Request) {
	name, ok := s.known(w, r)
	if !ok {
		return
	}
	p, _ := s.Bridge.Person(name)
	if uid := r.PostForm.Get("uid"); uid != "" && uid != p.Account.UID {
		s.refuse(w, r, http.StatusConflict, "that name is somebody else's by now; look at the overview, and start again")
		return
	}
	move := r.PostForm.Get("move") == "yes"
	started, err := s.Desk.Begin(r.Context(), signin.Request{Name: name, Client: r.PostForm.Get("client"), Move: move})
	switch {
	case errors.Is(err, signin.ErrNoClient), errors.Is(err, tokenstore.ErrNoClient):
		s.showConnect(w, r, http.StatusConflict, connectView{Name: name, NewClient: true, Problem: "the project that " + name + " signed in with is not configured any more"})
	case errors.Is(err, fitbit.ErrSetup):
		s.refuse(w, r, http.StatusConflict, sentence(err.Error())+" "+sentence(fitbit.Hint(err)))
	case err != nil:
		s.trouble(w, r, "begin sign-in", err)
	case !move && s.catchable(r):
		w.Header().Set("Location", started.URL)
		w.WriteHeader(http.StatusSeeOther)
	default:
		seeOther(w, r, "sign-in/"+started.ID)
	}
}

// catchable reports whether a browser that is here now gets here again by the
// redirect address.
func (s *site) catchable(r *http.Request) bool {
	if r.Header.Get("X-Ingress-Path") != "" { // in Home Assistant's frame, in which the cloud does not let itself be shown
		return false
	}
	if _, ok := s.belowBase(s.redirect); ok {
		return true
	}
	if r.TLS != nil || s.redirect.Scheme != "http" || door.PassedOn(r) {
		return false
	}
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		host, port = strings.Trim(r.Host, "[]"), "80"
	}
	wanted := or(s.redirect.Port(), "80")
	same := host == s.redirect.Hostname() || door.Loopback(host) && door.Loopback(s.redirect.Hostname())
	return same && port == wanted
}

type signInView struct {
	page
	Name, Called  string
	ID, URL       string
	Problem       string // with the address that was pasted
	RedirectURL   string
	Catchable     bool
	Move          bool
	Connected     bool
	Missing       string
	Ends          *when
	Detail, Hint  string
	OtherIdentity bool
	UID           string // of the account; empty if there is none yet
	Client        string // through which it was tried
	Reenter       bool   // its secret, which was wrong
}

func (s *site) signInPage(w http.ResponseWriter, r *http.Request) {
	s.showSignIn(w, r, http.StatusOK, "")
}

// showSignIn shows how far a sign-in has come.
func (s *site) showSignIn(w http.ResponseWriter, r *http.Request, code int, problem string) {
	p, err := s.Desk.Progress(r.Context(), r.PathValue("id"))
	t, failed := errors.AsType[*signin.Trouble](err)
	if err != nil && !failed {
		s.trouble(w, r, "look at a sign-in", err)
		return
	}
	v := signInView{page: s.page(r, "Sign in", "connect"), Name: p.Name, Called: called(p.Name), ID: p.ID, URL: p.URL, Problem: problem, UID: p.UID, Client: p.Client}
	v.Move, v.Catchable, v.RedirectURL = p.Move, s.catchable(r), s.redirect.String()
	if o := p.Outcome; o != nil {
		v.Connected, t = o.Trouble == nil, o.Trouble
		v.Missing = fitbit.Words(o.Missing...)
		v.Ends = whenOf(o.SignInExpires.Local(), s.Now()) // of the machine, as long as nobody knows the person's
		if o.SignInExpires.IsZero() {
			v.Ends = nil
		}
	} else if p.URL == "" && t == nil { // the code is being redeemed
		v.Refresh = "5"
	}
	if t != nil {
		v.Detail, v.Hint, v.OtherIdentity = t.Error(), hint(t.Hint), t.Code == signin.OtherIdentity
		v.Reenter = t.Reason == "invalid_client" && p.Client != "" && p.Client != s.Desk.Clouds[s.Desk.Default].ClientID
		if t.Code == signin.Over && v.Name == "" {
			code = http.StatusNotFound
		}
	}
	v.Live = code == http.StatusOK // what went wrong stays to be read
	render(s, w, r, code, "signin", v)
}

// paste takes the address that a browser ended up at.
func (s *site) paste(w http.ResponseWriter, r *http.Request) {
	p, err := s.Desk.Progress(r.Context(), r.PathValue("id"))
	if err != nil || p.URL == "" { // over, or just being finished
		s.showSignIn(w, r, http.StatusOK, "")
		return
	}
	callback, err := fitbit.ParseCallback(r.PostForm.Get("address"))
	if err != nil {
		s.showSignIn(w, r, http.StatusBadRequest, "there is no sign-in code in that; copy the whole address from the browser's address bar")
		return
	}
	if callback.State != "" && callback.State != p.State {
		s.showSignIn(w, r, http.StatusBadRequest, "this address belongs to another sign-in, or to one that is over; use the one that the browser ends up at this time")
		return
	}
	s.finish(w, r, callback, p.State)
}

// back is where browsers come back from the cloud.
func (s *site) back(w http.ResponseWriter, r *http.Request) {
	callback, err := fitbit.ParseCallback("?" + r.URL.RawQuery)
	if err != nil {
		s.refuse(w, r, http.StatusBadRequest, "there is no sign-in code in this address")
		return
	}
	s.finish(w, r, callback, "")
}

// finish spends a code and shows how that went, at an address without it.
func (s *site) finish(w http.ResponseWriter, r *http.Request, c fitbit.Callback, state string) {
	o, err := s.Desk.Finish(r.Context(), c, state) // the outcome is stored, and shown from there
	if t, ok := errors.AsType[*signin.Trouble](err); ok && t.Code == signin.Storage {
		text := sentence(t.Detail) + " " + sentence(t.Hint)
		if o.Account == "" {
			text += " Then reload this page: the sign-in still waits."
		}
		s.refuse(w, r, http.StatusInternalServerError, text)
		return
	}
	s.sync(r)
	seeOther(w, r, "sign-in/"+signin.ID(or(c.State, state)))
}
