package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

type connectView struct {
	page
	First       bool   // nobody is connected yet
	Away        string // why there is no broker, for the first, who may have forgotten it
	Problem     string
	Backend     string // of the chosen cloud; empty: the one that is offered first
	Guide       guide  // of that cloud
	Clouds      []guide
	From        string // the cloud that the person of this name is connected with, if it is another
	Name        string
	Called      string
	Same, Move  bool // see [signin.Request]
	Clients     []clientView
	Client      string // chosen; empty: the first
	NewClient   bool   // one is to be entered
	ClientID    string
	Forgettable []clientView
	Sealed      bool
}

type clientView struct {
	ID, Words string
	Chosen    bool
}

// filledIn is the form as an address has it, or as it was sent.
func filledIn(q url.Values) connectView {
	v := connectView{
		Backend: q.Get("cloud"), Name: nameIn(q, "name"), Same: q.Get("same") == "yes", Move: q.Get("move") == "yes",
		Client: q.Get("client"), ClientID: strings.TrimSpace(q.Get("id")),
	}
	v.NewClient = v.Client == "new" || v.ClientID != "" // who enters one means it, whatever is ticked above
	return v
}

// connectPage shows the form, filled in as far as whoever led here knows.
func (s *site) connectPage(w http.ResponseWriter, r *http.Request) {
	s.showConnect(w, r, http.StatusOK, filledIn(r.URL.Query()))
}

// address leads to the form as it is filled in here.
func (v connectView) address() string {
	q := url.Values{"cloud": {v.Backend}, "name": {v.Name}}
	for name, set := range map[string]bool{"same": v.Same, "move": v.Move} {
		if set {
			q.Set(name, "yes")
		}
	}
	return "connect?" + q.Encode()
}

// showConnect shows the form, perhaps with what was wrong in it.
func (s *site) showConnect(w http.ResponseWriter, r *http.Request, code int, v connectView) {
	report, _ := s.Bridge.Report(r.Context()) // people can sign in whatever has become of the outbox
	offered, err := s.Desk.Offered(r.Context())
	if err != nil {
		s.trouble(w, r, "list clouds", err)
		return
	}
	if _, known := s.Desk.Clouds[v.Backend]; !known {
		v.Backend = s.Desk.Default
	}
	if !slices.Contains(offered, v.Backend) {
		offered = append(offered, v.Backend)
	}
	clients, err := s.Desk.Clients(r.Context(), v.Backend)
	if err != nil {
		s.trouble(w, r, "list clients", err)
		return
	}
	v.page = s.page(r, "Connect a person", "connect")
	if v.Notice = s.untoldNotice(r); v.Notice != "" { // of the last person, who has just been removed
		v.Live = true
	}
	v.First, v.Sealed, v.Guide, v.Called = len(report.People) == 0, s.Sealed, s.guide(v.Backend), called(v.Name)
	if detail, hint := s.Broker.Trouble(); detail != "" {
		v.Away = sentence(detail) + " " + sentence(hint)
	}
	p, known := s.Bridge.Person(v.Name)
	v.From, v.Same, v.Move = s.from(p, v.Backend), v.Same && known, v.Move && known
	for _, backend := range offered {
		v.Clouds = append(v.Clouds, s.guide(backend))
	}
	for i, c := range clients {
		view := clientView{ID: c.ID, Words: v.Guide.App + " " + short(c.ID), Chosen: !v.NewClient && (c.ID == v.Client || v.Client == "" && i == 0)}
		if c.Configured {
			view.Words = "the " + v.Guide.App + " in the configuration (" + short(c.ID) + ")"
		} else {
			v.Forgettable = append(v.Forgettable, view)
		}
		v.Clients = append(v.Clients, view)
	}
	render(s, w, r, code, "connect", v)
}

// short is as much of a client id as tells it from others.
func short(id string) string {
	if len(id) > 24 {
		return id[:24] + "…"
	}
	return id
}

func (s *site) connect(w http.ResponseWriter, r *http.Request) {
	v := filledIn(r.PostForm)
	v.Backend = or(v.Backend, s.Desk.Default)
	refuse := func(problem string) {
		v.Problem = problem
		s.showConnect(w, r, http.StatusBadRequest, v)
	}
	if fitbit.CheckName(v.Name) != nil {
		refuse("that name is not allowed: use " + fitbit.NameRule)
		return
	}
	request := signin.Request{Name: v.Name, Backend: v.Backend, Client: v.Client, Move: v.Move, SamePerson: v.Same}
	if v.NewClient {
		secret, guide := strings.TrimSpace(r.PostForm.Get("secret")), s.guide(v.Backend)
		request.Client, request.Secret, request.Public = v.ClientID, secret, secret == "" && guide.NoSecret
		if v.ClientID == "" || secret == "" && !guide.NoSecret || !plain(v.ClientID) || !plain(secret) {
			refuse("enter the client ID" + map[bool]string{false: " and the client secret"}[guide.NoSecret] + " of your " + guide.App + ", letter by letter")
			return
		}
		known, err := s.Desk.Clients(r.Context(), v.Backend)
		if err != nil {
			s.trouble(w, r, "list clients", err)
			return
		}
		if slices.Contains(known, signin.KnownClient{ID: v.ClientID, Configured: true}) { // whose secret would win
			refuse("this client is in the configuration already: choose it above, and correct its secret there, if that is what is wrong")
			return
		}
	}
	started, err := s.Desk.Begin(r.Context(), request)
	switch {
	case errors.Is(err, signin.ErrNoClient), errors.Is(err, tokenstore.ErrNoClient):
		v.NewClient = true
		refuse("this client is not known; enter its ID and its secret")
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
	backend := or(r.PostForm.Get("cloud"), s.Desk.Default)
	err := s.Desk.ForgetClient(r.Context(), backend, r.PostForm.Get("id"))
	switch {
	case errors.Is(err, tokenstore.ErrClientInUse):
		s.showConnect(w, r, http.StatusConflict, connectView{Backend: backend, Problem: err.Error() + "; remove that person first, or sign them in through another client"})
	case err != nil && !errors.Is(err, tokenstore.ErrNoClient):
		s.trouble(w, r, "forget client", err)
	default:
		seeOther(w, r, "connect?cloud="+url.QueryEscape(backend))
	}
}
