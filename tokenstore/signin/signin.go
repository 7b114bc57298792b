// Package signin leads a person through a sign-in, wherever it began and wherever
// the code comes back, and says what became of it.
//
// A sign-in is begun at one place (a page, a terminal), consented to at the cloud,
// and finished at any place that gets hold of the code: it lives in the token store
// meanwhile, and so does its outcome, so that whoever waits for it, in this process
// or another, learns how it ended. Two sign-ins never get in each other's way, even
// for the same person.
//
// There may be several clouds. An account is at one of them, and is renewed, asked about
// and signed out there, through the OAuth client that its sign-in was made with; signing
// in at another cloud moves it. A sign-in that another program has made is taken over
// rather than begun, see [Desk.Import].
//
// It promises one sentence and one next step for every way it can go wrong, as a
// [*Trouble]. It refuses to spend a code twice, to finish what it did not begin, and
// to put somebody else's readings under a name without being told to. No token, code
// or secret gets into a log, an outcome or an error.
package signin

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// finishLimit is how long a cloud may take over a code once it has come back.
const finishLimit = 40 * time.Second

// Cloud is one cloud that people can sign in to.
type Cloud struct {
	// ClientID and ClientSecret are the configured OAuth client; empty if there is none.
	// Where the Guide says that there need not be a secret, the id suffices.
	ClientID, ClientSecret string
	RedirectURL            string       // where browsers come back, the same for all clients
	Guide                  fitbit.Guide // what people are told of it
	Scopes                 []string     // what is asked for
	// Successor is the backend that has taken over; empty while this cloud is in force.
	Successor string
	// Authorizer returns the sign-in of one OAuth client.
	Authorizer func(id, secret string) fitbit.Authorizer
	Source     func(fitbit.Tokens) fitbit.Source
	// Missing lists what a grant of these scopes does not cover.
	Missing func(scopes []string) []fitbit.Metric
}

// Desk is where people sign in. Store and Clouds are required. Before the store is
// closed, [Desk.Close] waits for what is under way.
type Desk struct {
	Store   *tokenstore.Store
	Clouds  map[string]Cloud // by the name of the backend
	Default string           // the backend of new people
	Log     *slog.Logger     // required

	mu        sync.Mutex
	closed    bool
	finishing sync.WaitGroup
}

// ErrNoClient says that there is no OAuth client to sign in with.
var ErrNoClient = errors.New("no OAuth client is known yet")

// Request says who wants to sign in. Only Name is needed.
type Request struct {
	Name string
	// Backend is the cloud; empty: the account's, else the default one. One that is not
	// the account's moves the account there.
	Backend string
	Client  string // id of the OAuth client; empty: the account's, else the configured one, else the newest stored
	// Secret is that of a client which is not known yet, or has another one by now.
	// Where it would replace one, it is kept only once it has proven good.
	Secret string
	Public bool // so is this one, and has no secret
	// Move hands the name over to somebody else, whose history starts anew.
	Move bool
	// SamePerson confirms that the account at another cloud is the same person's though
	// the clouds' ids do not say so: the history stays, even if Move is set.
	SamePerson bool
}

// Started is a sign-in that waits for its code.
type Started struct {
	ID  string // names it, see [Desk.Progress]
	URL string // where the person consents
	// State is what the callback must bring; nobody else may see it.
	State string `json:"-"`
	Name  string // what the account is called now
	UID   string // of the account; empty if it is a new one
	// Backend is the cloud, Client the id of the OAuth client there.
	Backend, Client string
	Move            bool // the name will be handed over
	SamePerson      bool // it was confirmed that both cloud accounts are one person's
}

// Begin starts a sign-in, which then waits for ten minutes. Errors: those of
// [fitbit.CheckName]; a [*Trouble] if there is no such cloud, if a client without a secret
// needs one, that is [ErrNoClient], or [tokenstore.ErrNoClient] if the wanted one is not
// known; the store's.
func (d *Desk) Begin(ctx context.Context, r Request) (Started, error) {
	if err := fitbit.CheckName(r.Name); err != nil {
		return Started{}, err
	}
	account, err := d.Store.Account(ctx, r.Name)
	if err != nil && !errors.Is(err, tokenstore.ErrNotFound) {
		return Started{}, err
	}
	backend := cmp.Or(r.Backend, account.Backend, d.Default)
	cloud, err := d.cloud(backend)
	if err != nil {
		return Started{}, err
	}
	client := tokenstore.Client{Backend: backend, ID: r.Client, Secret: r.Secret}
	unproven := false
	if r.Secret != "" || r.Public && r.Client != "" {
		unproven, err = d.introduce(ctx, cloud, client)
	} else {
		client, err = d.choose(ctx, backend, cloud, r.Client, clientAt(account, backend))
	}
	if err != nil {
		return Started{}, err
	}
	a := tokenstore.Attempt{
		Attempt: fitbit.Attempt{State: rand.Text(), Verifier: oauth2.GenerateVerifier(), RedirectURL: cloud.RedirectURL},
		Name:    r.Name, UID: account.UID, Backend: backend, Client: client.ID,
		Move: r.Move && account.UID != "", SamePerson: r.SamePerson && account.UID != "" && account.Backend != backend,
	}
	if unproven {
		a.Secret, a.Public = client.Secret, client.Secret == ""
	}
	if err := d.Store.BeginSignIn(ctx, a); err != nil {
		return Started{}, err
	}
	return started(a, cloud.Authorizer(client.ID, client.Secret)), nil
}

// clientAt is the client that an account signs in with, if that is at this cloud.
func clientAt(a tokenstore.Account, backend string) string {
	if a.Backend != backend {
		return ""
	}
	return a.Client
}

func started(a tokenstore.Attempt, app fitbit.Authorizer) Started {
	s := known(a)
	s.URL, s.State = app.AuthCodeURL(a.Attempt), a.State
	return s
}

// known is a sign-in as everybody may see it.
func known(a tokenstore.Attempt) Started {
	return Started{ID: a.ID(), Name: a.Name, UID: a.UID, Backend: a.Backend, Client: a.Client, Move: a.Move, SamePerson: a.SamePerson}
}

func (d *Desk) cloud(backend string) (Cloud, error) {
	c, ok := d.Clouds[backend]
	if !ok {
		return Cloud{}, &Trouble{
			Code: Setup, Detail: fmt.Sprintf("this version knows no cloud called %.40q", backend),
			Hint: "choose one of these: " + strings.Join(slices.Sorted(maps.Keys(d.Clouds)), ", ") +
				"; if somebody is connected there, use a version that knows it, or sign in elsewhere",
		}
	}
	return c, nil
}

// ConsentOrigins are the origins of the clouds' consent pages, such as
// "https://accounts.google.com".
func (d *Desk) ConsentOrigins() (list []string) {
	for _, name := range slices.Sorted(maps.Keys(d.Clouds)) {
		u, err := url.Parse(d.Clouds[name].Authorizer("any", "any").AuthCodeURL(fitbit.Attempt{Verifier: "any"}))
		if err == nil {
			list = append(list, u.Scheme+"://"+u.Host)
		}
	}
	return list
}

// Source returns the source of the account with that UID, whose tokens are renewed
// through the OAuth client that its sign-in was made with.
func (d *Desk) Source(uid, backend string) (fitbit.Source, error) {
	cloud, err := d.cloud(backend)
	if err != nil {
		return nil, err
	}
	return cloud.Source(patient{d.Store.Tokens(uid, backend, d.renewal(uid, backend))}), nil
}

// renewal spends the refresh token of the account with that UID.
func (d *Desk) renewal(uid, backend string) func(ctx context.Context, refreshToken string) (fitbit.Grant, error) {
	return func(ctx context.Context, refreshToken string) (fitbit.Grant, error) {
		a, err := d.Store.AccountOf(ctx, uid)
		if err != nil {
			return fitbit.Grant{}, err
		}
		if a.Backend != backend { // since a moment ago; no cloud gets to see another one's token
			return fitbit.Grant{}, tokenstore.ErrMoved
		}
		app, err := d.app(ctx, a.Backend, a.Client)
		if err != nil {
			return fitbit.Grant{}, err
		}
		return app.Refresh(ctx, refreshToken)
	}
}

// Missing lists what an account's grant does not cover.
func (d *Desk) Missing(a tokenstore.Account) []fitbit.Metric {
	if cloud, ok := d.Clouds[a.Backend]; ok && a.SignedIn {
		return cloud.Missing(a.Scopes)
	}
	return nil
}

// patient are the tokens of an account that may be removed, or moved to another cloud,
// at any moment. Whoever asks then is about to be stopped, and has no trouble to report.
type patient struct{ fitbit.Tokens }

func (p patient) Token(ctx context.Context) (string, error) {
	token, err := p.Tokens.Token(ctx)
	return token, untroubled(ctx, err)
}

func (p patient) Renew(ctx context.Context, stale string) (string, error) {
	token, err := p.Tokens.Renew(ctx, stale)
	return token, untroubled(ctx, err)
}

func untroubled(ctx context.Context, err error) error {
	if errors.Is(err, tokenstore.ErrNotFound) || errors.Is(err, tokenstore.ErrMoved) {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}
