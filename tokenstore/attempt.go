package tokenstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// attemptLife is how long a person may take to consent: as long as the legacy
// cloud's authorization code lives.
const attemptLife = 10 * time.Minute

// Attempt is one sign-in under way, and which account it is for. It prints as "redacted".
type Attempt struct {
	fitbit.Attempt
	Name    string
	Backend string
}

// String keeps the verifier out of logs and error texts.
func (Attempt) String() string { return "redacted" }

// GoString does the same for %#v.
func (Attempt) GoString() string { return "redacted" }

// LogValue does the same for slog.
func (Attempt) LogValue() slog.Value { return slog.StringValue("redacted") }

// BeginSignIn remembers an attempt until it is taken or ten minutes have passed.
// Errors: those of [fitbit.CheckName], ErrStorage, ctx's own.
func (s *Store) BeginSignIn(ctx context.Context, a Attempt) error {
	if err := fitbit.CheckName(a.Name); err != nil {
		return err
	}
	now := s.now()
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM attempts WHERE begun_at < ?", millis(now.Add(-attemptLife)))
		if err != nil {
			return fmt.Errorf("forget old attempts: %w", err)
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO attempts (state, verifier, redirect_url, name, backend, begun_at)
			VALUES (?, ?, ?, ?, ?, ?)`,
			a.State, s.box.seal(place{a.State, "verifier"}, a.Verifier), a.RedirectURL, a.Name, a.Backend, millis(now))
		if err != nil {
			return fmt.Errorf("remember attempt: %w", err)
		}
		return nil
	})
}

// TakeSignIn returns the attempt that state names and forgets it, so that it can
// be taken once. Errors: ErrNoAttempt, ErrStorage, ctx's own.
func (s *Store) TakeSignIn(ctx context.Context, state string) (Attempt, error) {
	a := Attempt{Attempt: fitbit.Attempt{State: state}}
	var sealed []byte
	var begun int64
	err := s.write(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `DELETE FROM attempts WHERE state = ?
			RETURNING verifier, redirect_url, name, backend, begun_at`, state).
			Scan(&sealed, &a.RedirectURL, &a.Name, &a.Backend, &begun)
	})
	if errors.Is(err, sql.ErrNoRows) || (err == nil && s.now().Sub(fromMillis(begun)) > attemptLife) {
		return Attempt{}, ErrNoAttempt
	}
	if err != nil {
		return Attempt{}, fmt.Errorf("take sign-in attempt: %w", err)
	}
	if a.Verifier, err = s.open(state, "verifier", sealed); err != nil {
		return Attempt{}, err
	}
	return a, nil
}
