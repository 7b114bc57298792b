package signin

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// KnownClient is an OAuth client that people can sign in with.
type KnownClient struct {
	ID         string
	Configured bool // in the configuration, not entered by hand
}

// Offered lists the clouds that somebody new can choose: the default one, then those
// which have an OAuth client here or somebody connected, by name. Errors: the store's.
func (d *Desk) Offered(ctx context.Context) ([]string, error) {
	accounts, err := d.Store.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	list := []string{d.Default}
	for _, backend := range slices.Sorted(maps.Keys(d.Clouds)) {
		if backend == d.Default {
			continue
		}
		clients, err := d.Clients(ctx, backend)
		if err != nil {
			return nil, err
		}
		connected := slices.ContainsFunc(accounts, func(a tokenstore.Account) bool { return a.Backend == backend })
		if connected || len(clients) > 0 {
			list = append(list, backend)
		}
	}
	return list, nil
}

// Clients lists the OAuth clients of a cloud, in the order in which they are chosen:
// the configured one, then those entered by hand, the newest first. Errors: a
// [*Trouble] if there is no such cloud; the store's.
func (d *Desk) Clients(ctx context.Context, backend string) (list []KnownClient, err error) {
	cloud, err := d.cloud(backend)
	if err != nil {
		return nil, err
	}
	if cloud.configured() {
		list = append(list, KnownClient{ID: cloud.ClientID, Configured: true})
	}
	ids, err := d.Store.Clients(ctx, backend)
	for _, id := range slices.Backward(ids) {
		if id != cloud.ClientID {
			list = append(list, KnownClient{ID: id})
		}
	}
	return list, err
}

// ForgetClient forgets one. Errors: [tokenstore.ErrClientInUse], [tokenstore.ErrNoClient], the store's.
func (d *Desk) ForgetClient(ctx context.Context, backend, id string) error {
	return d.Store.RemoveClient(ctx, backend, id)
}

// configured reports whether there is an OAuth client in the configuration.
func (c Cloud) configured() bool {
	return c.ClientID != "" && (c.ClientSecret != "" || c.Guide.NoSecret)
}

// choose finds the OAuth client for a new attempt.
func (d *Desk) choose(ctx context.Context, backend string, cloud Cloud, wanted, before string) (tokenstore.Client, error) {
	if wanted != "" {
		c, err := d.client(ctx, backend, cloud, wanted)
		if errors.Is(err, tokenstore.ErrNoClient) {
			err = &Trouble{
				Code: Setup, Backend: backend, Detail: "there is no such OAuth client here: " + wanted, cause: err,
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
	if cloud.configured() {
		return d.client(ctx, backend, cloud, cloud.ClientID)
	}
	ids, err := d.Store.Clients(ctx, backend)
	if err != nil {
		return tokenstore.Client{}, err
	}
	if len(ids) == 0 {
		return tokenstore.Client{}, &Trouble{
			Code: Setup, Backend: backend, Detail: ErrNoClient.Error(), cause: ErrNoClient,
			Hint: "create one in the console of " + or(cloud.Guide.Brand, "the cloud") + ", then set " + settings(backend, cloud) + ", or enter it by hand",
		}
	}
	return d.client(ctx, backend, cloud, ids[len(ids)-1])
}

// client returns the OAuth client of that id; "" is the configured one.
func (d *Desk) client(ctx context.Context, backend string, cloud Cloud, id string) (tokenstore.Client, error) {
	if id == "" || id == cloud.ClientID {
		if !cloud.configured() {
			return tokenstore.Client{}, tokenstore.ErrNoClient
		}
		return tokenstore.Client{Backend: backend, ID: cloud.ClientID, Secret: cloud.ClientSecret}, nil
	}
	return d.Store.Client(ctx, backend, id)
}

// settings are the keys under which a client is configured.
func settings(backend string, cloud Cloud) string {
	keys := backend + ".client_id and " + backend + ".client_secret"
	if cloud.Guide.NoSecret {
		keys += " (if it has one)"
	}
	return keys
}

// introduce stores a client that is entered for the first time: its secret is shown
// once, and whoever entered it may need several attempts. Where it is stored with
// another secret, through which people may be signed in, it stays to be proven first.
func (d *Desk) introduce(ctx context.Context, cloud Cloud, c tokenstore.Client) (unproven bool, err error) {
	if c.Secret == "" && !cloud.Guide.NoSecret {
		return false, needsSecret(c, cloud)
	}
	stored, err := d.Store.Client(ctx, c.Backend, c.ID)
	if errors.Is(err, tokenstore.ErrNoClient) {
		return false, d.Store.SaveClient(ctx, c)
	}
	return err == nil && stored.Secret != c.Secret, err
}

// needsSecret refuses a client without a secret where all have one.
func needsSecret(c tokenstore.Client, cloud Cloud) *Trouble {
	return &Trouble{
		Code: Setup, Backend: c.Backend, Detail: "the client secret of " + c.ID + " is missing",
		Hint: "enter it as the console of " + or(cloud.Guide.Brand, "the cloud") + " shows it",
	}
}

// attempted is the sign-in of an attempt, whose OAuth client may not be stored yet.
func (d *Desk) attempted(ctx context.Context, a tokenstore.Attempt) (fitbit.Authorizer, error) {
	cloud, err := d.cloud(a.Backend)
	if err != nil {
		return nil, err
	}
	if a.Secret != "" || a.Public {
		return cloud.Authorizer(a.Client, a.Secret), nil
	}
	return d.app(ctx, a.Backend, a.Client)
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
			Hint: "put " + settings(backend, cloud) + " back, or sign in again: fitbit2mqtt connect ACCOUNT",
		}
	}
	if err != nil {
		return nil, err
	}
	return cloud.Authorizer(c.ID, c.Secret), nil
}
