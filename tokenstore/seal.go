package tokenstore

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
)

// place is where a secret is stored; a sealed one opens nowhere else.
type place struct{ row, column string }

// box seals and opens secrets. A nil box leaves them as they are.
type box struct{ aead cipher.AEAD }

func newBox(key []byte) (*box, error) {
	derived, err := hkdf.Key(sha256.New, key, nil, "fitbit2mqtt tokens", 32)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	return &box{aead}, nil
}

func (p place) bytes() []byte { return []byte(p.row + "\x00" + p.column) }

func (b *box) seal(at place, secret string) []byte {
	if b == nil {
		return []byte(secret)
	}
	return b.aead.Seal(nil, nil, []byte(secret), at.bytes()) //nolint:gosec // no nonce is given: the AEAD makes a random one
}

// open's error says nothing about what is inside.
func (b *box) open(at place, sealed []byte) (string, error) {
	if b == nil {
		return string(sealed), nil
	}
	secret, err := b.aead.Open(nil, nil, sealed, at.bytes())
	if err != nil {
		return "", fmt.Errorf("%s of %s does not open", at.column, at.row)
	}
	return string(secret), nil
}

// open reads one secret; one that does not open although the key is right has been tampered with.
func (s *Store) open(row, column string, sealed []byte) (string, error) {
	secret, err := s.box.open(place{row, column}, sealed)
	if err != nil {
		return "", &sqlite.Error{
			Path: s.path, Kind: sqlite.ErrCorrupt, Err: err,
			Hint: "Sign in again to replace the damaged token.",
		}
	}
	return secret, nil
}

// sealedText is what a store's check value holds. It proves the key, nothing else.
const sealedText = "fitbit2mqtt"

func checkPlace() place { return place{"store", "key_check"} }

// Sealed reports whether the store was encrypted when it was opened.
func (s *Store) Sealed() bool { return s.keyCheck != nil }

// unlock finds out whether the store is encrypted, proves the key, and if it may change
// the store encrypts a plain one that is opened with a key.
func (s *Store) unlock(ctx context.Context, key []byte, mayChange bool) error {
	if len(key) > 0 {
		b, err := newBox(key)
		if err != nil {
			return err
		}
		s.box = b
	}
	scrub, err := s.readKeyCheck(ctx, s.db)
	if err != nil {
		return err
	}
	if s.keyCheck == nil && !mayChange {
		s.box = nil
	}
	if s.keyCheck == nil && s.box != nil {
		err := sqlite.InTx(ctx, s.db, func(tx *sql.Tx) error {
			var err error
			if scrub, err = s.readKeyCheck(ctx, tx); err != nil || s.keyCheck != nil {
				return err // another process was faster
			}
			scrub = true
			return s.sealAll(ctx, tx)
		})
		if err != nil {
			return err
		}
	}
	if err := s.proveKey(); err != nil || !scrub || !mayChange {
		return err
	}
	return s.scrub(ctx)
}

// queryer is a pool or a transaction.
type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (s *Store) readKeyCheck(ctx context.Context, q queryer) (scrub bool, err error) {
	err = q.QueryRowContext(ctx, "SELECT key_check, scrub FROM store").Scan(&s.keyCheck, &scrub)
	if err != nil {
		err = fmt.Errorf("read store: %w", err)
	}
	return scrub, err
}

// proveKey compares the key with the store's check value.
func (s *Store) proveKey() error {
	if s.keyCheck == nil {
		return nil
	}
	if s.box == nil {
		return s.keyError(ErrKeyMissing)
	}
	if _, err := s.box.open(checkPlace(), s.keyCheck); err != nil {
		return s.keyError(ErrWrongKey)
	}
	return nil
}

// sameKey notices that another process has encrypted the store since we opened it.
func (s *Store) sameKey(check []byte) error {
	if bytes.Equal(check, s.keyCheck) {
		return nil
	}
	return s.keyError(ErrKeyMissing)
}

func (s *Store) keyError(kind error) error {
	hint := "Set store.key or store.key_file to the key that the file was encrypted with."
	if errors.Is(kind, ErrWrongKey) {
		hint = "Set the key that was in use before; without it, move " + s.path + " away and sign everyone in again."
	}
	return &sqlite.Error{Path: s.path, Kind: kind, Hint: hint}
}

// sealAll encrypts every secret of a plain store.
func (s *Store) sealAll(ctx context.Context, tx *sql.Tx) error {
	s.keyCheck = s.box.seal(checkPlace(), sealedText)
	for _, secrets := range []struct{ column, read, write string }{
		{"access_token", "SELECT uid, access_token FROM accounts", "UPDATE accounts SET access_token = ? WHERE uid = ?"},
		{"refresh_token", "SELECT uid, refresh_token FROM accounts", "UPDATE accounts SET refresh_token = ? WHERE uid = ?"},
		{"verifier", "SELECT state, verifier FROM attempts WHERE taken_at = 0", "UPDATE attempts SET verifier = ? WHERE state = ?"},
		{"secret", "SELECT state, secret FROM attempts WHERE taken_at = 0 AND length(secret) > 0", "UPDATE attempts SET secret = ? WHERE state = ?"},
		{"secret", "SELECT backend || '/' || id, secret FROM clients", "UPDATE clients SET secret = ? WHERE backend || '/' || id = ?"},
		{"reply", "SELECT id, reply FROM imports WHERE length(reply) > 0", "UPDATE imports SET reply = ? WHERE id = ?"},
	} {
		plain, err := readAll(ctx, tx, secrets.read)
		if err != nil {
			return fmt.Errorf("encrypt: %w", err)
		}
		for id, secret := range plain {
			if _, err := tx.ExecContext(ctx, secrets.write, s.box.seal(place{id, secrets.column}, secret), id); err != nil {
				return fmt.Errorf("encrypt: %w", err)
			}
		}
	}
	if _, err := tx.ExecContext(ctx, "UPDATE store SET key_check = ?, scrub = 1", s.keyCheck); err != nil {
		return fmt.Errorf("encrypt: %w", err)
	}
	return nil
}

// readAll returns the second column of a query by the first.
func readAll(ctx context.Context, tx *sql.Tx, query string) (_ map[string]string, err error) {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	all := map[string]string{}
	for rows.Next() {
		var id, value string
		if err := rows.Scan(&id, &value); err != nil {
			return nil, err
		}
		all[id] = value
	}
	return all, rows.Err()
}

// scrub rewrites the file and empties its log, so that no plain text is left in
// either. If another process is in the way, the next start tries again.
func (s *Store) scrub(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, "VACUUM")
	if err == nil {
		var busy, pages, moved int
		err = s.db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved)
		if err == nil && busy != 0 {
			err = sqlite.ErrBusy
		}
	}
	if err == nil {
		_, err = s.db.ExecContext(ctx, "UPDATE store SET scrub = 0")
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		s.log.Warn("unencrypted tokens may linger in unused parts of the file until the next start", "file", s.path, "error", err)
		return nil
	}
	s.log.Info("tokens encrypted", "file", s.path)
	for _, copied := range sqlite.Backups(s.path) {
		s.log.Warn("this copy may hold unencrypted tokens; delete it when it is no longer needed", "file", copied)
	}
	return nil
}
