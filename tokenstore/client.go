package tokenstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// Client is an OAuth client: how one cloud project signs people in. It prints as
// its id.
type Client struct {
	Backend string
	ID      string // not a secret: it is part of every consent page's address
	Secret  string // empty for a public client, which has none
}

// String keeps the secret out of logs and error texts.
func (c Client) String() string { return c.ID }

// GoString does the same for %#v.
func (c Client) GoString() string { return c.ID }

// LogValue does the same for slog.
func (c Client) LogValue() slog.Value { return slog.StringValue(c.ID) }

// What can go wrong with OAuth clients. Match with [errors.Is].
var (
	// ErrNoClient: no such OAuth client is stored.
	ErrNoClient = errors.New("no such OAuth client")
	// ErrClientInUse: somebody's sign-in was made with the OAuth client.
	ErrClientInUse = errors.New("this OAuth client is in use")
)

func (c Client) place() place { return place{c.Backend + "/" + c.ID, "secret"} }

// SaveClient stores an OAuth client, or another secret for it. Errors: ErrStorage, ctx's own.
func (s *Store) SaveClient(ctx context.Context, c Client) error {
	if c.Backend == "" || c.ID == "" {
		return errors.New("an OAuth client needs a backend and an id")
	}
	return s.write(ctx, func(tx *sql.Tx) error { return s.saveClient(ctx, tx, c) })
}

func (s *Store) saveClient(ctx context.Context, tx *sql.Tx, c Client) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO clients (backend, id, secret, added_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (backend, id) DO UPDATE SET secret = excluded.secret`,
		c.Backend, c.ID, s.box.seal(c.place(), c.Secret), millis(s.now()))
	if err != nil {
		return fmt.Errorf("save OAuth client: %w", err)
	}
	return nil
}

// Client returns a stored OAuth client. Errors: ErrNoClient, ErrStorage, ctx's own.
func (s *Store) Client(ctx context.Context, backend, id string) (Client, error) {
	c := Client{Backend: backend, ID: id}
	var sealed []byte
	err := s.db.QueryRowContext(ctx, "SELECT secret FROM clients WHERE backend = ? AND id = ?", backend, id).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return Client{}, ErrNoClient
	}
	if err != nil {
		return Client{}, s.classify(fmt.Errorf("read OAuth client: %w", err))
	}
	at := c.place()
	c.Secret, err = s.open(at.row, at.column, sealed)
	return c, err
}

// Clients lists the ids of a cloud's stored OAuth clients, oldest first. Errors:
// ErrStorage, ctx's own.
func (s *Store) Clients(ctx context.Context, backend string) (ids []string, err error) {
	rows, err := s.db.QueryContext(ctx, "SELECT id FROM clients WHERE backend = ? ORDER BY added_at, id", backend)
	if err != nil {
		return nil, s.classify(fmt.Errorf("list OAuth clients: %w", err))
	}
	defer func() { err = s.classify(errors.Join(err, rows.Close())) }()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("list OAuth clients: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// RemoveClient forgets an OAuth client that no account signs in with. Errors:
// ErrNoClient, ErrClientInUse with a name, ErrStorage, ctx's own.
func (s *Store) RemoveClient(ctx context.Context, backend, id string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		user, err := findAccount(ctx, tx, "backend = ? AND client = ?", backend, id)
		if err == nil {
			return fmt.Errorf("%w by %s", ErrClientInUse, user.Name)
		}
		if !errors.Is(err, ErrNotFound) {
			return err
		}
		gone, err := one(tx.ExecContext(ctx, "DELETE FROM clients WHERE backend = ? AND id = ?", backend, id))
		if err == nil && !gone {
			err = ErrNoClient
		}
		return err
	})
}

// Disconnect ends a sign-in here and keeps everything else of the account. What it
// returns is for revoking. Errors: ErrNotFound, ErrStorage, ctx's own.
func (s *Store) Disconnect(ctx context.Context, name string) (Removed, error) {
	return s.withdraw(ctx, name, func(tx *sql.Tx, a Account) error {
		empty := func(column string) []byte { return s.box.seal(place{a.UID, column}, "") }
		_, err := tx.ExecContext(ctx, `UPDATE accounts SET access_token = ?, refresh_token = ?, signed_in = 0, sign_in_expires = 0, retired = 0,
				revision = revision + 1, claimed_by = '', claimed_at = 0, unanswered_at = 0,
				lost_detail = 'disconnected here on purpose', lost_hint = ?
			WHERE uid = ?`, empty("access_token"), empty("refresh_token"), "sign in to go on: fitbit2mqtt connect "+a.Name, a.UID)
		if err != nil {
			return fmt.Errorf("disconnect: %w", err)
		}
		return nil
	})
}

// NoteRetired writes down that the cloud of an account's sign-in has been turned off, in
// its words. From then on it is not asked any more, until there is a new sign-in; the
// tokens stay. The first note counts, and one of a sign-in that is not the account's any
// more counts for nothing: it may be at another cloud by now. Errors: ErrStorage, ctx's own.
func (s *Store) NoteRetired(ctx context.Context, uid string, generation int64, why *fitbit.CloudError) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		noted, err := one(tx.ExecContext(ctx, `UPDATE accounts SET retired = 1, lost_detail = ?, lost_hint = ?
			WHERE uid = ? AND generation = ? AND retired = 0`, why.Detail, why.Hint, uid, generation))
		if err != nil || !noted {
			return err
		}
		return changed(ctx, tx)
	})
}

// NoteFailure writes down why an attempt to sign in again has failed. It is said of
// an account without a sign-in; one that works is not disturbed, and a cloud that is
// gone stays the reason. Errors: ErrStorage, ctx's own.
func (s *Store) NoteFailure(ctx context.Context, uid string, why *fitbit.CloudError) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		noted, err := one(tx.ExecContext(ctx, `UPDATE accounts SET lost_detail = ?, lost_hint = ?
			WHERE uid = ? AND signed_in = 0 AND retired = 0`, why.Detail, why.Hint, uid))
		if err != nil || !noted {
			return err
		}
		return changed(ctx, tx)
	})
}
