package web

import (
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/web/door"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// signInAgain begins a sign-in of somebody who is known: one click, and the cloud's
// page is there. Our own page comes in between where there is something to be said
// first: a name is about to be handed over, somebody moves to another cloud, or the
// browser could not come back to us by itself and needs a place for the address.
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
	v := filledIn(r.PostForm)
	v.Name, v.Backend = name, or(v.Backend, p.Account.Backend)
	elsewhere := v.Backend != p.Account.Backend
	started, err := s.Desk.Begin(r.Context(), signin.Request{Name: name, Backend: v.Backend, Client: v.Client, Move: v.Move, SamePerson: v.Same})
	switch noClient := errors.Is(err, signin.ErrNoClient) || errors.Is(err, tokenstore.ErrNoClient); {
	case noClient && elsewhere: // nobody has been there yet
		seeOther(w, r, v.address())
	case noClient:
		v.NewClient, v.Problem = true, "the client that "+name+" signed in with is not configured any more"
		s.showConnect(w, r, http.StatusConflict, v)
	case errors.Is(err, fitbit.ErrSetup):
		s.refuse(w, r, http.StatusConflict, sentence(err.Error())+" "+sentence(fitbit.Hint(err)))
	case err != nil:
		s.trouble(w, r, "begin sign-in", err)
	case !v.Move && !elsewhere && s.catchable(r, v.Backend):
		w.Header().Set("Location", started.URL)
		w.WriteHeader(http.StatusSeeOther)
	default:
		seeOther(w, r, "sign-in/"+started.ID)
	}
}

// catchable reports whether a browser that is here now gets here again by the
// redirect address of that cloud.
func (s *site) catchable(r *http.Request, backend string) bool {
	redirect := s.redirects[backend]
	if redirect == nil || r.Header.Get("X-Ingress-Path") != "" { // in Home Assistant's frame, in which the cloud does not let itself be shown
		return false
	}
	if _, ok := s.belowBase(redirect); ok {
		return true
	}
	if r.TLS != nil || redirect.Scheme != "http" || door.PassedOn(r) {
		return false
	}
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		host, port = strings.Trim(r.Host, "[]"), "80"
	}
	same := host == redirect.Hostname() || door.Loopback(host) && door.Loopback(redirect.Hostname())
	return same && port == or(redirect.Port(), "80")
}

type signInView struct {
	page
	Name, Called string
	ID, URL      string
	Problem      string // with the address that was pasted
	Guide        guide  // of the cloud that is signed in to
	Catchable    bool
	From         string // the cloud that the person's readings come from so far, if it is another
	Move         bool   // the name is about to be handed over
	Connected    bool
	Kept         bool // the history, on the way from another cloud
	Missing      string
	Ends         *when
	Detail, Hint string
	Other        bool   // somebody else's account, as it seems
	Unconfirmed  bool   // or perhaps not somebody else's
	Retired      bool   // the cloud has been turned off
	UID          string // of the account; empty if there is none yet
	Client       string // through which it was tried
	Reenter      bool   // its secret, which was wrong
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
	v := signInView{
		page: s.page(r, "Sign in", "connect"), Name: p.Name, Called: called(p.Name), ID: p.ID, URL: p.URL, Problem: problem, UID: p.UID, Client: p.Client,
		Guide: s.guide(p.Backend), Catchable: s.catchable(r, p.Backend), Move: p.Move,
	}
	if known, _ := s.Bridge.Person(p.Name); known.Account.UID == p.UID {
		v.From = s.from(known, p.Backend)
	}
	if o := p.Outcome; o != nil {
		v.Connected, t, v.Kept = o.Trouble == nil, o.Trouble, o.Moved
		v.Missing = fitbit.Words(o.Missing...)
		if !o.SignInExpires.IsZero() {
			v.Ends = whenOf(o.SignInExpires.Local(), s.Now()) // of the machine, as long as nobody knows the person's
		}
	} else if p.URL == "" && t == nil { // the code is being redeemed
		v.Refresh = "5"
	}
	if t != nil {
		v.Detail, v.Hint = t.Error(), hint(t.Hint)
		v.Other, v.Unconfirmed = t.Code == signin.OtherIdentity, t.Code == signin.Unconfirmed
		v.Retired = t.Code == signin.Retired
		v.Reenter = t.Reason == "invalid_client" && p.Client != "" && p.Client != s.Desk.Clouds[p.Backend].ClientID
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
