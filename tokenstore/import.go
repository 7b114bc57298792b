package tokenstore

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

const (
	// importTries is how often a token is sent to a cloud that gives no clear answer, and
	// importPatience the age of the first try after which it is not sent again. With
	// refreshLimit that stays within the two minutes for which the legacy cloud repeats
	// an answer.
	importTries    = 4
	importPatience = 45 * time.Second
	// saveImportLimit is how long it is tried to save what a token was spent for. With
	// refreshLimit it is no longer than a claim lives.
	saveImportLimit = 10 * time.Second
	// importPoll is how often another claim is looked at.
	importPoll = 100 * time.Millisecond
)

// Import is a sign-in that another program made. It prints as "redacted".
type Import struct {
	Backend      string
	RefreshToken string
	// Client is the OAuth client that the sign-in was made with. With Keep it is stored
	// once it has proven good.
	Client Client
	Keep   bool
}

// String keeps the token out of logs and error texts.
func (Import) String() string { return "redacted" }

// GoString does the same for %#v.
func (Import) GoString() string { return "redacted" }

// LogValue does the same for slog.
func (Import) LogValue() slog.Value { return slog.StringValue("redacted") }

// id names the import where its token must not show.
func (in Import) id() string {
	sum := sha256.Sum256([]byte("import:" + in.Backend + ":" + in.RefreshToken))
	return hex.EncodeToString(sum[:16])
}

// Imported is what has become of an import.
type Imported struct {
	ID    string       // for [SignIn]
	Grant fitbit.Grant // what the token was spent for; it is saved
	UID   string       // of the account that has it, if one does; then there is no Grant
}

// spendFunc spends a refresh token through the OAuth client of that id, which has proven
// good before; empty: the import's own.
type spendFunc func(ctx context.Context, client, refreshToken string) (fitbit.Grant, error)

// TakeOver spends the refresh token of an import, once: what it was spent for is kept
// until [Store.Connect] has put it into an account, and whoever imports the same token
// again, here or in another process, gets that. A kept grant whose access token is
// about to expire, or is the one that the cloud has refused as stale, is renewed. spend
// is called with a context that lasts 30 seconds whatever becomes of the caller, and
// once more if there is no clear answer.
//
// Errors: spend's own; ErrStorage; ctx's own. After all of them the same import can be
// tried again; only [fitbit.ErrReauthRequired] is definite.
func (s *Store) TakeOver(ctx context.Context, in Import, stale string, spend spendFunc) (Imported, error) {
	if err := s.enter(); err != nil {
		return Imported{}, err
	}
	defer s.work.Done()
	select {
	case s.importing <- struct{}{}:
		defer func() { <-s.importing }()
	case <-ctx.Done():
		return Imported{}, fmt.Errorf("import: %w", ctx.Err())
	case <-s.closing:
		return Imported{}, errClosed
	}
	began, pause, tries := time.Now(), s.importAgainAfter, 0
	for {
		c, err := s.waitForImport(ctx, in, stale)
		if err != nil || c.token == "" {
			return c.Imported, err
		}
		s.at("claimed")
		grant, err := s.spendImport(ctx, in, c, spend)
		if errors.Is(err, errReplaced) { // the row has what somebody else got
			stale = ""
			continue
		}
		if tries++; err == nil || !unclear(err) || tries == importTries || time.Since(began) > importPatience {
			return Imported{ID: c.ID, Grant: grant}, err
		}
		s.log.Info("no clear answer, the imported token will be sent again", "error", err)
		select {
		case <-ctx.Done():
			return Imported{}, fmt.Errorf("import: %w", ctx.Err())
		case <-s.closing:
			return Imported{}, errClosed
		case <-time.After(pause):
			pause *= 2
		}
	}
}

// enter counts the caller among those whom Close waits for. They say when they are done.
func (s *Store) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	s.work.Add(1)
	return nil
}

// unclear reports whether the cloud may have spent a token though it did not say so.
func unclear(err error) bool {
	_, limited := errors.AsType[*fitbit.RateLimitError](err)
	return !limited && (errors.Is(err, fitbit.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded))
}

// waitForImport returns what has become of the import, or a claim on its token once
// nobody else has one.
func (s *Store) waitForImport(ctx context.Context, in Import, stale string) (importClaim, error) {
	for waiting := false; ; waiting = true {
		c, err := s.claimImport(ctx, in, stale)
		if err != nil {
			return importClaim{}, fmt.Errorf("no import without a working disk: %w", err)
		}
		if !c.others {
			return c, nil
		}
		if !waiting {
			s.log.Info("another import of the same sign-in is under way, or was killed; waiting for it", "at_most", claimLife)
		}
		select {
		case <-ctx.Done():
			return importClaim{}, fmt.Errorf("wait for another import of the same sign-in: %w", ctx.Err())
		case <-s.closing:
			return importClaim{}, errClosed
		case <-time.After(importPoll):
		}
	}
}

// spendImport spends the claimed token and saves what it was spent for. Whatever else
// comes of it is written down, too. Errors: errReplaced if somebody else was faster.
func (s *Store) spendImport(ctx context.Context, in Import, c importClaim, spend spendFunc) (fitbit.Grant, error) {
	ctx = context.WithoutCancel(ctx)
	limited, cancel := context.WithTimeout(ctx, refreshLimit)
	defer cancel()
	grant, err := spend(limited, c.client, c.token)
	if err == nil && grant.AccessToken == "" {
		err = fmt.Errorf("%w: no access token in the reply", fitbit.ErrProtocol)
	}
	switch {
	case err == nil:
	case errors.Is(err, fitbit.ErrReauthRequired):
		ours, forgetErr := s.forgetImport(ctx, c)
		if forgetErr == nil && !ours {
			err = errReplaced
		}
		return fitbit.Grant{}, errors.Join(err, forgetErr)
	default:
		return fitbit.Grant{}, errors.Join(err, s.releaseImport(ctx, c))
	}
	s.at("answered")
	grant.RefreshToken = cmp.Or(grant.RefreshToken, c.token) // some clouds let it be used again
	if grant.Scopes == nil {
		grant.Scopes = c.Grant.Scopes
	}
	if grant.SignInExpires.IsZero() {
		grant.SignInExpires = c.Grant.SignInExpires
	}
	if err := s.keepImport(ctx, in, c, grant); err != nil {
		return fitbit.Grant{}, err
	}
	s.at("saved")
	return grant, nil
}

// keepImport saves what a token was spent for, if need be at the second or third try:
// nobody can get it a second time.
func (s *Store) keepImport(ctx context.Context, in Import, c importClaim, g fitbit.Grant) error {
	began := time.Now()
	for pause := s.saveAgainAfter; ; pause *= 2 {
		saved, err := s.saveImport(ctx, in, c, g)
		switch {
		case err == nil && saved:
			return nil
		case err == nil:
			return errReplaced
		case time.Since(began)+pause > saveImportLimit, errors.Is(err, ErrKeyMissing): // that takes a restart
			return fmt.Errorf("save imported sign-in: %w", err)
		}
		s.log.Error("imported sign-in not saved, trying again", "error", err)
		time.Sleep(pause) // Close waits, and so does the cloud's answer
	}
}
