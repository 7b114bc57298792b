// Package signin leads a person through a sign-in, wherever it began and wherever
// the code comes back, and says what became of it.
//
// A sign-in is begun at one place (a page, a terminal), consented to at the cloud,
// and finished at any place that gets hold of the code: it lives in the token store
// meanwhile, and so does its outcome, so that whoever waits for it, in this process
// or another, learns how it ended. Two sign-ins never get in each other's way, even
// for the same person.
//
// It promises one sentence and one next step for every way it can go wrong, as a
// [*Trouble]. It refuses to spend a code twice, to finish what it did not begin, and
// to put somebody else's readings under a name without being told to. No token, code
// or secret gets into a log, an outcome or an error.
package signin

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
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
	ClientID, ClientSecret string
	RedirectURL            string // where browsers come back, the same for all clients
	// Authorizer returns the sign-in of one OAuth client.
	Authorizer func(id, secret string) fitbit.Authorizer
	Source     func(fitbit.Tokens) fitbit.Source
	// Missing lists what a grant of these scopes does not cover.
	Missing func(scopes []string) []fitbit.Metric
}

// Desk is where people sign in. Store and Clouds are required.
type Desk struct {
	Store   *tokenstore.Store
	Clouds  map[string]Cloud // by the name of the backend
	Default string           // the backend of new people
	Log     *slog.Logger     // required
}

// ErrNoClient says that there is no OAuth client to sign in with.
var ErrNoClient = errors.New("no OAuth client is known yet")

// Request says who wants to sign in. Only Name is needed.
type Request struct {
	Name   string
	Client string // id of the OAuth client; empty: the account's, else the configured one, else the newest stored
	// Move lets another cloud identity take over the name.
	Move bool
}

// Started is a sign-in that waits for its code.
type Started struct {
	ID  string // names it, see [Desk.Progress]
	URL string // where the person consents
	// State is what the callback must bring; nobody else may see it.
	State string `json:"-"`
	Name  string
	// Client is the id of the OAuth client.
	Client string
	Move   bool // the name will be handed over
}

// Begin starts a sign-in, which then waits for ten minutes. Errors: those of
// [fitbit.CheckName]; a [*Trouble] that is [ErrNoClient], or [tokenstore.ErrNoClient]
// if the wanted one is not known; the store's.
func (d *Desk) Begin(ctx context.Context, r Request) (Started, error) {
	if err := fitbit.CheckName(r.Name); err != nil {
		return Started{}, err
	}
	backend := d.Default
	account, err := d.Store.Account(ctx, r.Name)
	switch {
	case err == nil:
		backend = account.Backend
	case !errors.Is(err, tokenstore.ErrNotFound):
		return Started{}, err
	}
	cloud, err := d.cloud(backend)
	if err != nil {
		return Started{}, err
	}
	client, err := d.choose(ctx, backend, cloud, r.Client, account.Client)
	if err != nil {
		return Started{}, err
	}
	a := tokenstore.Attempt{
		Attempt: fitbit.Attempt{State: rand.Text(), Verifier: oauth2.GenerateVerifier(), RedirectURL: cloud.RedirectURL},
		Name:    r.Name, Backend: backend, Client: client.ID, Move: r.Move,
	}
	if err := d.Store.BeginSignIn(ctx, a); err != nil {
		return Started{}, err
	}
	return started(a, cloud.Authorizer(client.ID, client.Secret)), nil
}

func started(a tokenstore.Attempt, app fitbit.Authorizer) Started {
	return Started{ID: a.ID(), URL: app.AuthCodeURL(a.Attempt), State: a.State, Name: a.Name, Client: a.Client, Move: a.Move}
}

func (d *Desk) cloud(backend string) (Cloud, error) {
	c, ok := d.Clouds[backend]
	if !ok {
		return Cloud{}, fmt.Errorf("this version knows no cloud called %q", backend)
	}
	return c, nil
}

// choose finds the OAuth client for a new attempt.
func (d *Desk) choose(ctx context.Context, backend string, cloud Cloud, wanted, before string) (tokenstore.Client, error) {
	if wanted != "" {
		c, err := d.client(ctx, backend, cloud, wanted)
		if errors.Is(err, tokenstore.ErrNoClient) {
			err = &Trouble{
				Code: Setup, Detail: "there is no such OAuth client here: " + wanted, cause: err,
				Hint: "choose one that is listed, or enter its id and secret first",
			}
		}
		return c, err
	}
	if before != "" {
		if c, err := d.client(ctx, backend, cloud, before); !errors.Is(err, tokenstore.ErrNoClient) {
			return c, err
		}
	}
	if cloud.ClientID != "" && cloud.ClientSecret != "" {
		return d.client(ctx, backend, cloud, cloud.ClientID)
	}
	ids, err := d.Store.Clients(ctx, backend)
	if err != nil {
		return tokenstore.Client{}, err
	}
	if len(ids) == 0 {
		return tokenstore.Client{}, &Trouble{
			Code: Setup, Detail: ErrNoClient.Error(), cause: ErrNoClient,
			Hint: "create one in the cloud's console, then set " + backend + ".client_id and " + backend + ".client_secret, or enter both by hand",
		}
	}
	return d.client(ctx, backend, cloud, ids[len(ids)-1])
}

// client returns the OAuth client of that id; "" is the configured one.
func (d *Desk) client(ctx context.Context, backend string, cloud Cloud, id string) (tokenstore.Client, error) {
	if id == "" || id == cloud.ClientID {
		if cloud.ClientID == "" || cloud.ClientSecret == "" {
			return tokenstore.Client{}, tokenstore.ErrNoClient
		}
		return tokenstore.Client{Backend: backend, ID: cloud.ClientID, Secret: cloud.ClientSecret}, nil
	}
	return d.Store.Client(ctx, backend, id)
}

// app is the sign-in that an existing grant or attempt belongs to.
func (d *Desk) app(ctx context.Context, backend, client string) (fitbit.Authorizer, error) {
	cloud, err := d.cloud(backend)
	if err != nil {
		return nil, err
	}
	c, err := d.client(ctx, backend, cloud, client)
	if errors.Is(err, tokenstore.ErrNoClient) {
		return nil, &fitbit.CloudError{
			Kind: fitbit.ErrSetup, Detail: "the OAuth client of this sign-in is not configured any more",
			Hint: "put " + backend + ".client_id and " + backend + ".client_secret back, or sign in again: fitbit2mqtt connect ACCOUNT",
		}
	}
	if err != nil {
		return nil, err
	}
	return cloud.Authorizer(c.ID, c.Secret), nil
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

// KnownClient is an OAuth client that people can sign in with.
type KnownClient struct {
	ID         string
	Configured bool // in the configuration, not entered by hand
}

// Clients lists the OAuth clients of the default cloud, the configured one first.
// Errors: the store's.
func (d *Desk) Clients(ctx context.Context) (list []KnownClient, err error) {
	cloud := d.Clouds[d.Default]
	if cloud.ClientID != "" && cloud.ClientSecret != "" {
		list = append(list, KnownClient{ID: cloud.ClientID, Configured: true})
	}
	ids, err := d.Store.Clients(ctx, d.Default)
	for _, id := range ids {
		if id != cloud.ClientID {
			list = append(list, KnownClient{ID: id})
		}
	}
	return list, err
}

// SaveClient stores an OAuth client of the default cloud. Errors: the store's.
func (d *Desk) SaveClient(ctx context.Context, id, secret string) error {
	return d.Store.SaveClient(ctx, tokenstore.Client{Backend: d.Default, ID: id, Secret: secret})
}

// ForgetClient forgets one. Errors: [tokenstore.ErrClientInUse], [tokenstore.ErrNoClient], the store's.
func (d *Desk) ForgetClient(ctx context.Context, id string) error {
	return d.Store.RemoveClient(ctx, d.Default, id)
}

// Source returns the source of the account with that UID, whose tokens are renewed
// through the OAuth client that its sign-in was made with.
func (d *Desk) Source(uid, backend string) (fitbit.Source, error) {
	cloud, err := d.cloud(backend)
	if err != nil {
		return nil, err
	}
	tokens := d.Store.Tokens(uid, func(ctx context.Context, refreshToken string) (fitbit.Grant, error) {
		a, err := d.Store.AccountOf(ctx, uid)
		if err != nil {
			return fitbit.Grant{}, err
		}
		app, err := d.app(ctx, a.Backend, a.Client)
		if err != nil {
			return fitbit.Grant{}, err
		}
		return app.Refresh(ctx, refreshToken)
	})
	return cloud.Source(patient{tokens}), nil
}

// Missing lists what an account's grant does not cover.
func (d *Desk) Missing(a tokenstore.Account) []fitbit.Metric {
	if cloud, ok := d.Clouds[a.Backend]; ok && a.SignedIn {
		return cloud.Missing(a.Scopes)
	}
	return nil
}

// patient are the tokens of an account that may be removed at any moment. Whoever
// asks then is about to be stopped, and has no trouble to report.
type patient struct{ fitbit.Tokens }

func (p patient) Token(ctx context.Context) (string, error) {
	token, err := p.Tokens.Token(ctx)
	if errors.Is(err, tokenstore.ErrNotFound) {
		<-ctx.Done()
		return "", ctx.Err()
	}
	return token, err
}

// Outcome is what became of a sign-in that succeeded.
type Outcome struct {
	Account string          `json:"account"`
	Missing []fitbit.Metric `json:"missing,omitempty"` // what was not granted
	// SignInExpires is when the sign-in ends by itself: the cloud project is in
	// test mode. Zero if it does not.
	SignInExpires time.Time `json:"sign_in_expires,omitzero"`
	Trouble       *Trouble  `json:"trouble,omitempty"` // why it failed; nil if it did not
}

// ID names the sign-in of that state, see [Desk.Progress].
func ID(state string) string {
	return tokenstore.Attempt{Attempt: fitbit.Attempt{State: state}}.ID()
}

// Progress is how far a sign-in has come. Exactly one of Started's address, Outcome
// and neither (somebody is at it) is there.
type Progress struct {
	Started
	Outcome *Outcome
}

// Progress says how the sign-in of that ID is going. Errors: a [*Trouble] if it is
// unknown, or nothing can come of it any more; the store's.
func (d *Desk) Progress(ctx context.Context, id string) (Progress, error) {
	p, err := d.Store.SignInProgress(ctx, id)
	switch {
	case errors.Is(err, tokenstore.ErrNoAttempt):
		return Progress{}, tooLate("")
	case err != nil:
		return Progress{}, err
	case p.Expired:
		return Progress{Started: Started{Name: p.Attempt.Name, Client: p.Attempt.Client}}, tooLate(p.Attempt.Name)
	case p.Outcome != "":
		var o Outcome
		if err := json.Unmarshal([]byte(p.Outcome), &o); err != nil {
			return Progress{}, fmt.Errorf("stored outcome: %w", err)
		}
		return Progress{Started: Started{ID: id, Name: p.Attempt.Name, Client: p.Attempt.Client}, Outcome: &o}, nil
	case p.Abandoned:
		return Progress{Started: Started{Name: p.Attempt.Name, Client: p.Attempt.Client}}, abandoned(p.Attempt.Name)
	case p.Taken():
		return Progress{Started: Started{ID: id, Name: p.Attempt.Name, Client: p.Attempt.Client}}, nil
	}
	app, err := d.app(ctx, p.Attempt.Backend, p.Attempt.Client)
	if errors.Is(err, fitbit.ErrSetup) {
		err = trouble(err, p.Attempt.Name)
	}
	if err != nil {
		return Progress{}, err
	}
	return Progress{Started: started(p.Attempt, app)}, nil
}
