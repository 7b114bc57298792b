package tokenstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

const (
	// leastLife is how long a token handed out stays valid at least.
	leastLife = time.Minute
	// refreshLimit is how long a cloud may take to answer. With claimLife it stays
	// well within the two minutes for which the legacy cloud repeats an answer.
	refreshLimit = 30 * time.Second
	// claimLife is the age at which a claim's owner must be dead: the time limit
	// and as much again as it takes to save on a slow card.
	claimLife = 40 * time.Second
	// claimPoll is how often another store's claim is looked at.
	claimPoll = 25 * time.Millisecond
	// saveAgainAtMost is the longest pause between two attempts at a failed save.
	saveAgainAtMost = time.Minute
)

// Tokens hands out the access token of the account with that UID, as long as it is at
// that backend. It renews through refresh, which is called for one account at a time,
// with a context that lasts 30 seconds whatever becomes of the caller.
//
// Errors: refresh's own, as [fitbit.ErrNoToken]; [fitbit.ErrReauthRequired] and
// [fitbit.ErrRetired], without asking the cloud once it has said so; ErrNotFound;
// ErrMoved; ErrStorage; ctx's own, while the renewal goes on.
func (s *Store) Tokens(uid, backend string, refresh func(ctx context.Context, refreshToken string) (fitbit.Grant, error)) fitbit.Tokens {
	return &tokens{store: s, uid: uid, backend: backend, refresh: refresh}
}

type tokens struct {
	store        *Store
	uid, backend string
	refresh      refreshFunc
}

type refreshFunc func(ctx context.Context, refreshToken string) (fitbit.Grant, error)

var _ fitbit.Tokens = (*tokens)(nil)

func (t *tokens) Token(ctx context.Context) (string, error) { return t.get(ctx, "") }

func (t *tokens) Renew(ctx context.Context, stale string) (string, error) { return t.get(ctx, stale) }

// Renew renews the tokens of the account with that UID now, however long they would
// still last, unless somebody else just does. Everything else is as of [Store.Tokens].
func (s *Store) Renew(ctx context.Context, uid, backend string, refresh func(ctx context.Context, refreshToken string) (fitbit.Grant, error)) error {
	t := &tokens{store: s, uid: uid, backend: backend, refresh: refresh}
	r, err := s.loadRow(ctx, uid)
	if err != nil {
		return err
	}
	if err := t.refusal(r); err != nil {
		return err
	}
	access, err := s.open(uid, "access_token", r.access)
	if err != nil {
		return err
	}
	_, err = t.get(ctx, access)
	return err
}

// get returns the stored token if it is good and not stale, or renews it. It
// looks again after a renewal that has found another row than it wanted, or that
// was under way already and of another row than ours: its token may be the stale one.
func (t *tokens) get(ctx context.Context, stale string) (string, error) {
	s := t.store
	for {
		r, err := s.loadRow(ctx, t.uid)
		if err != nil {
			return "", err
		}
		if err := t.refusal(r); err != nil {
			return "", err
		}
		access, err := s.open(t.uid, "access_token", r.access)
		if err != nil {
			return "", err
		}
		fresh := r.expiry.IsZero() || r.expiry.Sub(s.now()) >= leastLife
		if fresh && access != stale && !s.hasUnsaved(t.uid) {
			return access, nil
		}
		w, err := s.startRenewal(ctx, t.uid, r.revision, t.refresh)
		if err != nil {
			return "", err
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("wait for a new token: %w", ctx.Err())
		case <-w.done:
		}
		if w.revision == r.revision && (w.err != nil || w.token != "") {
			return w.token, w.err
		}
	}
}

// refusal says why there is no token, whatever the cloud would answer.
func (t *tokens) refusal(r row) error {
	switch {
	case r.backend != t.backend:
		return ErrMoved
	case r.retired:
		return noTokenError{&fitbit.CloudError{Kind: fitbit.ErrRetired, Detail: r.lostDetail, Hint: r.lostHint}}
	case !r.signedIn:
		return &fitbit.CloudError{
			Kind: fitbit.ErrReauthRequired, Detail: "the cloud no longer accepts the sign-in of " + r.name,
			Hint: fmt.Sprintf("Sign in again on the web page or with \"fitbit2mqtt connect %s\".", r.name),
		}
	}
	return nil
}

// renewal is one under way. After done is closed there is an error, or a token
// that is on the disk, or neither: then the row has changed in the meantime.
type renewal struct {
	revision int64 // of the tokens it replaces
	done     chan struct{}
	token    string
	err      error
}

// startRenewal returns the renewal of that account which is under way, or begins
// one that replaces the tokens of the given revision.
func (s *Store) startRenewal(ctx context.Context, uid string, revision int64, refresh refreshFunc) (*renewal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w, ok := s.renewals[uid]; ok {
		return w, nil
	}
	if s.closed {
		return nil, errClosed
	}
	w := &renewal{revision: revision, done: make(chan struct{})}
	s.renewals[uid] = w
	s.work.Go(func() {
		w.token, w.err = s.renew(context.WithoutCancel(ctx), uid, revision, refresh)
		s.mu.Lock()
		delete(s.renewals, uid)
		s.mu.Unlock()
		close(w.done)
	})
	return w, nil
}

// renew returns a token that is on the disk, or "" if the row is of another
// revision by now. It is called for one account at a time.
func (s *Store) renew(ctx context.Context, uid string, revision int64, refresh refreshFunc) (string, error) {
	s.mu.Lock()
	answer, waiting := s.unsaved[uid]
	s.mu.Unlock()
	if waiting {
		return s.keep(ctx, uid, answer, refresh)
	}
	r, ours, err := s.waitForClaim(ctx, uid, revision)
	if err != nil || !ours {
		return "", err
	}
	s.at("claimed")
	grant, err := s.ask(ctx, r, refresh)
	if errors.Is(err, errReplaced) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	s.at("answered")
	return s.keep(ctx, uid, reply{revision, grant}, refresh)
}

// waitForClaim claims the row once nobody else has it, and reports false if it
// changes before that.
func (s *Store) waitForClaim(ctx context.Context, uid string, revision int64) (r row, ours bool, err error) {
	for {
		r, err = s.loadRow(ctx, uid)
		if err != nil || r.revision != revision || !r.signedIn || r.retired {
			return row{}, false, err
		}
		if s.claimable(r.claimedBy, r.claimedAt) {
			ours, err = s.claim(ctx, &r)
			if err != nil {
				return row{}, false, fmt.Errorf("no renewal without a working disk: %w", err)
			}
			if ours {
				return r, true, nil
			}
		}
		select {
		case <-s.closing:
			return row{}, false, errClosed
		case <-time.After(claimPoll):
		}
	}
}

// errReplaced says that a refused refresh token was not that of the account any more.
var errReplaced = errors.New("there is another sign-in by now")

// ask spends the refresh token, and writes down the outcome if there is no grant.
func (s *Store) ask(ctx context.Context, r row, refresh refreshFunc) (fitbit.Grant, error) {
	token, err := s.open(r.uid, "refresh_token", r.refresh)
	if err != nil {
		return fitbit.Grant{}, errors.Join(err, s.release(ctx, r.uid))
	}
	limited, cancel := context.WithTimeout(ctx, refreshLimit)
	defer cancel()
	grant, err := refresh(limited, token)
	switch {
	case err == nil && grant.AccessToken != "":
		return grant, nil
	case err == nil:
		err = fmt.Errorf("%w: no access token in the reply", fitbit.ErrProtocol)
		return fitbit.Grant{}, errors.Join(err, s.release(ctx, r.uid))
	case errors.Is(err, fitbit.ErrReauthRequired):
		logger := s.log.With("account", r.name)
		if !r.unansweredAt.IsZero() { // the journal: an answer that never arrived may have been the cause
			logger = logger.With("unanswered_refresh_at", r.unansweredAt)
		}
		lost, markErr := s.markLost(ctx, r)
		if markErr == nil && !lost { // signed in again, disconnected or removed meanwhile
			return fitbit.Grant{}, errReplaced
		}
		logger.Warn("sign-in lost")
		return fitbit.Grant{}, errors.Join(err, markErr)
	default:
		s.log.Info("token not renewed, the same refresh token will be sent again", "account", r.name, "error", err)
		return fitbit.Grant{}, errors.Join(noTokenError{err}, s.release(ctx, r.uid))
	}
}

// noTokenError is what a renewal failed with, and [fitbit.ErrNoToken] besides: the
// same refusal means one thing of a token and another of a single kind of data.
type noTokenError struct{ error }

func (e noTokenError) Unwrap() error { return e.error }

// Is makes it one of the things that no other request would be spared.
func (noTokenError) Is(target error) bool { return target == fitbit.ErrNoToken }

// keep saves the reply and returns its access token. What cannot be saved is not
// used: it stays in memory, and is saved as soon as that is possible.
func (s *Store) keep(ctx context.Context, uid string, answer reply, refresh refreshFunc) (string, error) {
	saved, err := s.save(ctx, uid, answer)
	s.mu.Lock()
	_, again := s.unsaved[uid]
	if err != nil {
		s.unsaved[uid] = answer
	} else {
		delete(s.unsaved, uid)
	}
	s.mu.Unlock()
	switch {
	case err != nil:
		if !again {
			s.log.Error("renewed token not saved, trying again until it is", "uid", uid, "error", err)
			s.work.Go(func() { s.saveAgain(ctx, uid, answer.revision, refresh) })
		}
		return "", fmt.Errorf("save renewed token: %w", err)
	case !saved:
		return "", nil
	case again:
		s.log.Info("renewed token saved at last", "uid", uid)
	}
	s.at("saved")
	return answer.grant.AccessToken, nil
}

// saveAgain repeats a failed save at growing intervals until it succeeds or the
// store closes. It goes through renewals so that nothing else happens meanwhile.
func (s *Store) saveAgain(ctx context.Context, uid string, revision int64, refresh refreshFunc) {
	for pause := s.saveAgainAfter; s.hasUnsaved(uid); pause = min(2*pause, saveAgainAtMost) {
		select {
		case <-s.closing:
			return
		case <-time.After(pause):
		}
		w, err := s.startRenewal(ctx, uid, revision, refresh)
		if err != nil {
			return // closed
		}
		<-w.done
	}
}

func (s *Store) hasUnsaved(uid string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.unsaved[uid]
	return ok
}
