package tokenstore

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// keptGrant is a grant as the journal of imports has it.
type keptGrant struct {
	AccessToken   string    `json:"access_token"`
	RefreshToken  string    `json:"refresh_token"`
	Expiry        time.Time `json:"expiry,omitzero"`
	Scopes        []string  `json:"scopes"`
	SignInExpires time.Time `json:"sign_in_expires,omitzero"`
}

// importRow is one import in the journal.
type importRow struct {
	client, uid string // uid is that of the account that has the reply
	sealed      []byte // the reply as it is stored; empty if there is none, or not any more
	grant       fitbit.Grant
	claimedBy   string
	claimedAt   time.Time
}

// importClaim is what has become of an import, or, with a token, the claim on it.
type importClaim struct {
	Imported
	others bool // somebody else has a claim

	sealed []byte // the reply that the token is from; empty if it is the imported one
	client string // that the reply was got through; empty likewise
	token  string
}

// claimImport looks an import up, and writes into the journal that its token is ours
// to spend, if that has to be done and nobody else does it.
func (s *Store) claimImport(ctx context.Context, in Import, stale string) (c importClaim, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		c = importClaim{Imported: Imported{ID: in.id()}}
		r, err := s.findImport(ctx, tx, c.ID)
		if err != nil {
			return err
		}
		if r.uid != "" {
			_, err := findAccount(ctx, tx, "uid = ? AND backend = ? AND signed_in = 1 AND retired = 0", r.uid, in.Backend)
			if err == nil {
				c.UID = r.uid
			}
			if !errors.Is(err, ErrNotFound) {
				return err
			}
		}
		if len(r.sealed) > 0 {
			c.Grant = r.grant
			fresh := c.Grant.Expiry.IsZero() || c.Grant.Expiry.Sub(s.now()) >= leastLife
			if fresh && c.Grant.AccessToken != stale {
				return nil
			}
		}
		if c.others = !s.claimable(r.claimedBy, r.claimedAt); c.others {
			return nil
		}
		c.token = in.RefreshToken
		if len(r.sealed) > 0 {
			c.sealed, c.client, c.token = r.sealed, r.client, r.grant.RefreshToken
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO imports (id, backend, client, claimed_by, claimed_at, begun_at) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET uid = '', claimed_by = excluded.claimed_by, claimed_at = excluded.claimed_at`,
			c.ID, in.Backend, in.Client.ID, s.instance, millis(s.now()), millis(s.now()))
		return err
	})
	return c, err
}

// findImport returns a zero row for an import that is not in the journal.
func (s *Store) findImport(ctx context.Context, q queryer, id string) (importRow, error) {
	var r importRow
	var claimed int64
	err := q.QueryRowContext(ctx, "SELECT client, uid, reply, claimed_by, claimed_at FROM imports WHERE id = ?", id).
		Scan(&r.client, &r.uid, &r.sealed, &r.claimedBy, &claimed)
	if errors.Is(err, sql.ErrNoRows) {
		return importRow{}, nil
	}
	if err != nil {
		return importRow{}, fmt.Errorf("read import: %w", err)
	}
	r.claimedAt = fromMillis(claimed)
	text, err := s.openUnlessEmpty(id, "reply", r.sealed)
	if err != nil || text == "" {
		return r, err
	}
	var k keptGrant
	if err := json.Unmarshal([]byte(text), &k); err != nil {
		return importRow{}, errors.New("stored reply to an import: not readable") // json's error could quote it
	}
	r.grant = fitbit.Grant(k)
	return r, nil
}

// saveImport commits what the claimed token was spent for, and the import's client if
// that has just proven good, and lifts the claim, whoever has it by now. It reports
// false if the token was no longer the one to be spent.
func (s *Store) saveImport(ctx context.Context, in Import, c importClaim, g fitbit.Grant) (saved bool, err error) {
	text, err := json.Marshal(keptGrant(g)) //nolint:gosec // it is sealed, if anything is
	if err != nil {
		return false, fmt.Errorf("import: %w", err)
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		saved, err = one(tx.ExecContext(ctx, `UPDATE imports SET reply = ?, client = ?, claimed_by = '', claimed_at = 0
			WHERE id = ? AND uid = '' AND reply = ?`,
			s.box.seal(place{c.ID, "reply"}, string(text)), cmp.Or(c.client, in.Client.ID), c.ID, notNull(c.sealed)))
		if err != nil || !saved || !in.Keep || c.client != "" {
			return err
		}
		return s.saveClient(ctx, tx, in.Client)
	})
	return saved, err
}

// notNull is a blob that SQLite takes for one even if it is empty.
func notNull(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// releaseImport lifts our claim after a token that went unanswered.
func (s *Store) releaseImport(ctx context.Context, c importClaim) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE imports SET claimed_by = '', claimed_at = 0 WHERE id = ? AND claimed_by = ?", c.ID, s.instance)
		return err
	})
}

// forgetImport drops an import whose token the cloud refuses for good. It reports false
// if somebody else has claimed it meanwhile.
func (s *Store) forgetImport(ctx context.Context, c importClaim) (ours bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		ours, err = one(tx.ExecContext(ctx, "DELETE FROM imports WHERE id = ? AND claimed_by = ?", c.ID, s.instance))
		return err
	})
	return ours, err
}

// settleImport notes in the journal which account has what an import was spent for, and
// removes that from it.
func settleImport(ctx context.Context, tx *sql.Tx, id, uid string) error {
	_, err := tx.ExecContext(ctx, "UPDATE imports SET reply = x'', uid = ?, claimed_by = '', claimed_at = 0 WHERE id = ?", uid, id)
	if err != nil {
		return fmt.Errorf("settle import: %w", err)
	}
	return nil
}
