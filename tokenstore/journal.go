package tokenstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// loadRow is prepared once: it is all that a valid token costs.
const loadRow = `SELECT name, backend, access_token, refresh_token, expiry, signed_in, retired, lost_detail, lost_hint, revision,
		claimed_by, claimed_at, unanswered_at, key_check
	FROM accounts, store WHERE uid = ?`

// row is what a renewal knows of an account. Secrets are still sealed.
type row struct {
	uid, name, backend   string
	access, refresh      []byte
	expiry               time.Time
	signedIn, retired    bool
	lostDetail, lostHint string
	revision             int64
	claimedBy            string
	claimedAt            time.Time
	unansweredAt         time.Time
}

// reply is what the cloud answered to the refresh token of one revision.
type reply struct {
	revision int64
	grant    fitbit.Grant
}

func (s *Store) loadRow(ctx context.Context, uid string) (row, error) {
	r := row{uid: uid}
	var check []byte
	var expiry, claimed, unanswered int64
	err := s.load.QueryRowContext(ctx, uid).
		Scan(&r.name, &r.backend, &r.access, &r.refresh, &expiry, &r.signedIn, &r.retired, &r.lostDetail, &r.lostHint, &r.revision,
			&r.claimedBy, &claimed, &unanswered, &check)
	if errors.Is(err, sql.ErrNoRows) {
		return row{}, ErrNotFound
	}
	if err != nil {
		return row{}, s.classify(fmt.Errorf("read tokens: %w", err))
	}
	r.expiry, r.claimedAt, r.unansweredAt = fromMillis(expiry), fromMillis(claimed), fromMillis(unanswered)
	return r, s.sameKey(check)
}

// claimable reports whether nobody else can be spending what was claimed. Our own
// claim is free: within a store there is one renewal per account, and one import. A
// claim from the future was made before the clock was set back; its age is unknown,
// and too early a takeover does less harm than none.
func (s *Store) claimable(by string, at time.Time) bool {
	age := s.now().Sub(at)
	return by == "" || by == s.instance || age < -claimLife || age > claimLife
}

// claim writes into the journal that the renewal is ours, unless the row has
// changed since. A claim taken over counts as an unanswered refresh.
func (s *Store) claim(ctx context.Context, r *row) (ours bool, err error) {
	if r.claimedBy != "" {
		r.unansweredAt = r.claimedAt
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		ours, err = one(tx.ExecContext(ctx, `UPDATE accounts SET claimed_by = ?, claimed_at = ?, unanswered_at = ?
			WHERE uid = ? AND revision = ? AND signed_in = 1 AND retired = 0 AND claimed_by = ? AND claimed_at = ?`,
			s.instance, millis(s.now()), millis(r.unansweredAt), r.uid, r.revision, r.claimedBy, millis(r.claimedAt)))
		return err
	})
	return ours, err
}

// release lifts our claim after a refresh that went unanswered.
func (s *Store) release(ctx context.Context, uid string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE accounts SET claimed_by = '', claimed_at = 0, unanswered_at = ?
			WHERE uid = ? AND claimed_by = ?`, millis(s.now()), uid, s.instance)
		return err
	})
}

// save commits the reply and lifts the claim, whoever has it by now. It reports
// false if the row has been replaced or removed, and the reply with it.
func (s *Store) save(ctx context.Context, uid string, r reply) (saved bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		saved, err = one(tx.ExecContext(ctx, `UPDATE accounts SET access_token = ?, refresh_token = coalesce(?, refresh_token),
				expiry = ?, scopes = coalesce(?, scopes), sign_in_expires = coalesce(nullif(?, 0), sign_in_expires),
				signed_in = 1, revision = revision + 1, claimed_by = '', claimed_at = 0, unanswered_at = 0
			WHERE uid = ? AND revision = ?`,
			s.box.seal(place{uid, "access_token"}, r.grant.AccessToken), s.refreshTokenOrKeep(uid, r.grant),
			millis(r.grant.Expiry), scopesOrKeep(r.grant), millis(r.grant.SignInExpires), uid, r.revision))
		return err
	})
	return saved, err
}

// markLost keeps everything and notes that the person has to sign in again. It
// reports false if the row has been replaced or removed.
func (s *Store) markLost(ctx context.Context, r row) (lost bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		lost, err = one(tx.ExecContext(ctx, `UPDATE accounts SET signed_in = 0, claimed_by = '', claimed_at = 0
			WHERE uid = ? AND revision = ?`, r.uid, r.revision))
		if err != nil || !lost {
			return err
		}
		return changed(ctx, tx)
	})
	return lost, err
}

// one reports whether a statement has changed a row.
func one(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}
