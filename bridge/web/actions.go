package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// syncLimit is how long a page waits for the bridge to take in a change.
const syncLimit = 3 * time.Second

// sync lets the next page show what has just changed.
func (s *site) sync(r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), syncLimit)
	defer cancel()
	s.Bridge.Sync(ctx)
}

// known refuses a form about somebody who is not connected.
func (s *site) known(w http.ResponseWriter, r *http.Request) (name string, ok bool) {
	name = r.PathValue("name")
	if _, ok = s.Bridge.Person(name); !ok {
		s.refuse(w, r, http.StatusNotFound, "nobody of that name is connected")
	}
	return name, ok
}

// failed says that something could not be done to somebody, who may have been removed
// elsewhere in the meantime.
func (s *site) failed(w http.ResponseWriter, r *http.Request, doing string, err error) {
	if errors.Is(err, tokenstore.ErrNotFound) {
		s.refuse(w, r, http.StatusNotFound, "nobody of that name is connected any more")
		return
	}
	s.trouble(w, r, doing, err)
}

func (s *site) poll(w http.ResponseWriter, r *http.Request) {
	name, ok := s.known(w, r)
	if !ok {
		return
	}
	s.Bridge.PollNow(name)
	if r.PostForm.Get("from") == "person" {
		seeOther(w, r, "people/"+name+"?asked=yes")
		return
	}
	seeOther(w, r, "?asked="+name)
}

// nameIn reads an account name as people type it.
func nameIn(form url.Values, field string) string {
	return strings.ToLower(strings.TrimSpace(form.Get(field)))
}

func (s *site) rename(w http.ResponseWriter, r *http.Request) {
	name, ok := s.known(w, r)
	if !ok {
		return
	}
	to := nameIn(r.PostForm, "to")
	if err := fitbit.CheckName(to); err != nil {
		s.personPage(w, r, http.StatusBadRequest, "that name is not allowed: use "+fitbit.NameRule, false)
		return
	}
	err := s.Accounts.Rename(r.Context(), name, to)
	switch {
	case errors.Is(err, tokenstore.ErrNameTaken):
		s.personPage(w, r, http.StatusConflict, to+" is somebody else's name already", false)
		return
	case err != nil:
		s.failed(w, r, "rename", err)
		return
	}
	s.Log.Info("account renamed", "account", name, "to", to)
	s.sync(r)
	if _, ok := s.Bridge.Person(to); !ok { // not taken in yet: nobody of that name would be there
		seeOther(w, r, "")
		return
	}
	seeOther(w, r, "people/"+to+"?renamed=yes")
}

func (s *site) disconnect(w http.ResponseWriter, r *http.Request) {
	name, ok := s.known(w, r)
	if !ok {
		return
	}
	p, _ := s.Bridge.Person(name)
	told, err := s.Desk.Disconnect(r.Context(), name)
	if err != nil {
		s.failed(w, r, "disconnect", err)
		return
	}
	s.sync(r)
	seeOther(w, r, "people/"+name+untold(told, p.Account.Backend))
}

func (s *site) remove(w http.ResponseWriter, r *http.Request) {
	name, ok := s.known(w, r)
	if !ok {
		return
	}
	if r.PostForm.Get("sure") != "yes" {
		s.personPage(w, r, http.StatusBadRequest, "tick the box to confirm that "+name+" is to be removed", true)
		return
	}
	a, told, err := s.Desk.Remove(r.Context(), name)
	if err != nil {
		s.failed(w, r, "remove", err)
		return
	}
	s.sync(r) // the bridge withdraws topics and entities, and forgets the history
	seeOther(w, r, untold(told, a.Backend))
}

// untold is the part of an address that says which cloud could not be told.
func untold(told bool, backend string) string {
	if told {
		return ""
	}
	return "?untold=" + url.QueryEscape(backend)
}

// untoldNotice is what to do then; empty if the address does not say so.
func (s *site) untoldNotice(r *http.Request) string {
	q := r.URL.Query()
	cloud, known := s.Desk.Clouds[q.Get("untold")]
	switch {
	case known:
		return cloud.Guide.Brand + " could not be told. Remove the app at " + cloud.Guide.Permits + ", if nobody else here uses that account."
	case q.Has("untold"): // a cloud of another version
		return "The cloud could not be told. Remove the app there, if nobody else here uses that account."
	}
	return ""
}
