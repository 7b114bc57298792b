package tokenstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

const (
	// attemptLife is how long a person may take to consent: as long as the legacy
	// cloud's authorization code lives.
	attemptLife = 10 * time.Minute
	// settleLife is how long whoever took an attempt has to say what became of it:
	// longer than any cloud may take over a code.
	settleLife = time.Minute
	// outcomeLife is how long it is remembered what became of an attempt.
	outcomeLife = time.Hour
)

// Attempt is one sign-in under way, and which account it is for. It prints as "redacted".
type Attempt struct {
	fitbit.Attempt
	Name    string
	UID     string // of the account, which may be renamed meanwhile; empty for a new one
	Backend string
	Client  string // id of the OAuth client
	Secret  string // the client's, if it was entered for this attempt and is not proven yet
	Public  bool   // it was entered for this attempt, has no secret, and is not proven yet
	Move    bool   // somebody else may take over the account
	// SamePerson: the identity at another cloud is the same person's.
	SamePerson bool
}

// ID names the attempt where its state must not show, such as in our own addresses.
func (a Attempt) ID() string {
	sum := sha256.Sum256([]byte("attempt:" + a.State))
	return hex.EncodeToString(sum[:8])
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
		_, err := tx.ExecContext(ctx, "DELETE FROM attempts WHERE begun_at < ? OR taken_at = 0 AND begun_at < ?",
			millis(now.Add(-outcomeLife)), millis(now.Add(-attemptLife)))
		if err != nil {
			return fmt.Errorf("forget old attempts: %w", err)
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO attempts (state, id, verifier, redirect_url, name, uid, backend, client, secret, public,
				move, same_person, begun_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			a.State, a.ID(), s.box.seal(place{a.State, "verifier"}, a.Verifier), a.RedirectURL, a.Name, a.UID, a.Backend,
			a.Client, s.box.seal(place{a.State, "secret"}, a.Secret), a.Public, a.Move, a.SamePerson, millis(now))
		if err != nil {
			return fmt.Errorf("remember attempt: %w", err)
		}
		return nil
	})
}

// TakeSignIn returns the attempt that state names. It can be taken once; its secrets
// are gone from the store then. Errors: ErrNoAttempt, ErrStorage, ctx's own.
func (s *Store) TakeSignIn(ctx context.Context, state string) (Attempt, error) {
	var p Progress
	err := s.write(ctx, func(tx *sql.Tx) (err error) {
		if p, err = s.findAttempt(ctx, tx, "state = ?", state); err != nil {
			return err
		}
		if p.Taken() || p.Expired {
			return ErrNoAttempt
		}
		_, err = tx.ExecContext(ctx, "UPDATE attempts SET verifier = x'', secret = x'', taken_at = ? WHERE state = ?", millis(s.now()), state)
		return err
	})
	if errors.Is(err, ErrNoAttempt) {
		return Attempt{}, ErrNoAttempt
	}
	if err != nil {
		return Attempt{}, fmt.Errorf("take sign-in attempt: %w", err)
	}
	return p.Attempt, nil
}

// SettleSignIn writes down what became of an attempt, for whoever else waits for it.
// Errors: ErrStorage, ctx's own.
func (s *Store) SettleSignIn(ctx context.Context, a Attempt, outcome string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE attempts SET outcome = ? WHERE state = ?", outcome, a.State)
		return err
	})
}

// Progress is how far an attempt has come.
type Progress struct {
	Attempt Attempt // without secrets once it is taken
	TakenAt time.Time
	Outcome string // as it was settled; empty until then
	Expired bool   // nobody took it in time
	// Abandoned says that whoever took it is gone, and its code with them.
	Abandoned bool
}

// Taken reports whether a code has come back for the attempt.
func (p Progress) Taken() bool { return !p.TakenAt.IsZero() }

// SignInProgress returns how the attempt of that [Attempt.ID] is going.
// Errors: ErrNoAttempt, ErrStorage, ctx's own.
func (s *Store) SignInProgress(ctx context.Context, id string) (Progress, error) {
	p, err := s.findAttempt(ctx, s.db, "id = ?", id)
	return p, s.classify(err)
}

func (s *Store) findAttempt(ctx context.Context, q queryer, where, key string) (Progress, error) {
	var p Progress
	a := &p.Attempt
	var verifier, secret []byte
	var begun, taken int64
	err := q.QueryRowContext(ctx, `SELECT state, verifier, redirect_url, name, uid, backend, client, secret, public,
			move, same_person, begun_at, taken_at, outcome
		FROM attempts WHERE `+where, key).
		Scan(&a.State, &verifier, &a.RedirectURL, &a.Name, &a.UID, &a.Backend, &a.Client, &secret, &a.Public,
			&a.Move, &a.SamePerson, &begun, &taken, &p.Outcome)
	if errors.Is(err, sql.ErrNoRows) {
		return Progress{}, ErrNoAttempt
	}
	if err != nil {
		return Progress{}, fmt.Errorf("read attempt: %w", err)
	}
	p.TakenAt = fromMillis(taken)
	p.Expired = !p.Taken() && s.now().Sub(fromMillis(begun)) > attemptLife
	p.Abandoned = p.Taken() && p.Outcome == "" && s.now().Sub(p.TakenAt) > settleLife
	if a.Verifier, err = s.openUnlessEmpty(a.State, "verifier", verifier); err == nil {
		a.Secret, err = s.openUnlessEmpty(a.State, "secret", secret)
	}
	if err != nil {
		return Progress{}, err
	}
	return p, nil
}

// openUnlessEmpty opens a secret that may have been taken.
func (s *Store) openUnlessEmpty(row, column string, sealed []byte) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	return s.open(row, column, sealed)
}
