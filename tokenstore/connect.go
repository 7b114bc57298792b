package tokenstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// SignIn is a sign-in that has succeeded.
type SignIn struct {
	Name string
	// UID is the account that the sign-in was begun for, whatever it is called by now;
	// empty if there was none of that name.
	UID     string
	Backend string
	User    string // the cloud identity, from [fitbit.Identity], as is Former
	Former  string // empty if the cloud does not say
	// Grant may lack a refresh token, or the scopes, only if the same person
	// signed in before: then the saved ones stay.
	Grant  fitbit.Grant
	Client string // id of the OAuth client it was made with
	// Import names the import that has Grant and Client instead, see [Store.TakeOver].
	Import string
	// Move confirms that the account now belongs to somebody else, whose history starts anew.
	Move bool
	// SamePerson confirms that the account at another cloud is the same person's though the
	// clouds' ids do not say so: the history stays, even if Move is set.
	SamePerson bool
}

// person is the lineage that begins with this sign-in, see [Account].
func (in SignIn) person() string { return in.Backend + ":" + in.User }

// sameAs reports whether the clouds say that an identity at another one is the same
// person's: an id that either knows them by is also known to the other, or this is the
// identity that the history began with.
func (in SignIn) sameAs(old Account) bool {
	known := func(id string) bool { return id != "" && (id == in.User || id == in.Former) }
	return known(old.User) || known(old.Former) || in.person() == old.Person
}

// Connect stores a sign-in as a new account, or into the existing one of that
// name, which keeps its UID. Its history stays with the person, also at another cloud.
//
// Errors: those of [fitbit.CheckName]; ErrNotFound if the account was removed
// meanwhile, or one that has the import; unless Move is set, ErrOtherIdentity if it belongs to another identity at
// this cloud, and ErrUnconfirmed if it belongs to one at another cloud that need not be
// the same person's; ErrIdentityTaken, with the other name; [fitbit.ErrReauthRequired]
// if there is no refresh token; ErrStorage; ctx's own.
func (s *Store) Connect(ctx context.Context, in SignIn) (Account, error) {
	if err := fitbit.CheckName(in.Name); err != nil {
		return Account{}, err
	}
	if in.Backend == "" || in.User == "" || in.Grant.AccessToken == "" && in.Import == "" {
		return Account{}, errors.New("a sign-in needs a backend, a user and an access token")
	}
	var a Account
	err := s.write(ctx, func(tx *sql.Tx) error {
		old, person, err := admit(ctx, tx, in)
		if err != nil {
			return err
		}
		if in.Import != "" {
			kept, err := s.findImport(ctx, tx, in.Import)
			switch {
			case err != nil:
				return err
			case kept.uid != "" && kept.uid == old.UID: // another process was faster, and may have renewed it since
				a = old
				return nil
			case len(kept.sealed) == 0:
				return ErrNotFound
			}
			in.Grant, in.Client = kept.grant, kept.client
		}
		same := old.Backend == in.Backend && old.User == in.User
		if in.Grant.RefreshToken == "" && !same {
			return &fitbit.CloudError{
				Kind: fitbit.ErrReauthRequired, Detail: "the cloud sent no refresh token",
				Hint: "Remove this program's access in the settings of the cloud account, then sign in again.",
			}
		}
		if old.UID == "" {
			err = s.insert(ctx, tx, in)
		} else {
			err = s.replace(ctx, tx, old.UID, in, same, person)
		}
		if err != nil {
			return err
		}
		if a, err = findAccount(ctx, tx, "backend = ? AND user = ?", in.Backend, in.User); err != nil {
			return err
		}
		if in.Import != "" {
			if err := settleImport(ctx, tx, in.Import, a.UID); err != nil {
				return err
			}
		}
		return changed(ctx, tx)
	})
	if err != nil {
		return Account{}, err
	}
	s.at("connected")
	return a, nil
}

// admit returns the account that the sign-in goes to, if it exists, and whose history
// it has from now on, provided that it may go there.
func admit(ctx context.Context, tx *sql.Tx, in SignIn) (old Account, person string, err error) {
	if in.UID != "" {
		old, err = findAccount(ctx, tx, "uid = ?", in.UID)
	} else if old, err = findAccount(ctx, tx, "name = ?", in.Name); errors.Is(err, ErrNotFound) {
		err = nil // a new one
	}
	if err != nil {
		return Account{}, "", err
	}
	holder, err := findAccount(ctx, tx, "backend = ? AND user = ?", in.Backend, in.User)
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return Account{}, "", err
	case holder.UID != old.UID:
		return Account{}, "", fmt.Errorf("%w: %s", ErrIdentityTaken, holder.Name)
	}
	elsewhere := old.Backend != in.Backend
	switch {
	case old.UID == "":
	case !elsewhere && old.User == in.User, elsewhere && (in.SamePerson || in.sameAs(old)):
		return old, old.Person, nil
	case in.Move:
	case elsewhere:
		return Account{}, "", fmt.Errorf("%w: %s", ErrUnconfirmed, old.Name)
	default:
		return Account{}, "", fmt.Errorf("%w: %s", ErrOtherIdentity, old.Name)
	}
	return old, in.person(), nil
}

// insert starts the revisions somewhere else for every account, so that a renewal
// which outlives its account is not saved into the next one of the same UID.
func (s *Store) insert(ctx context.Context, tx *sql.Tx, in SignIn) error {
	uid, err := freeUID(ctx, tx, in.Backend, in.User)
	if err != nil {
		return err
	}
	g := in.Grant
	_, err = tx.ExecContext(ctx, `INSERT INTO accounts (uid, name, backend, user, scopes, access_token, refresh_token,
			expiry, sign_in_expires, signed_in, generation, revision, created_at, client, person, former)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 1, random() >> 2, ?, ?, ?, ?)`,
		uid, in.Name, in.Backend, in.User, strings.Join(g.Scopes, " "),
		s.box.seal(place{uid, "access_token"}, g.AccessToken), s.box.seal(place{uid, "refresh_token"}, g.RefreshToken),
		millis(g.Expiry), millis(g.SignInExpires), millis(s.now()), in.Client, in.person(), in.Former)
	if err != nil {
		return fmt.Errorf("add account: %w", err)
	}
	return nil
}

// replace ends whatever renewal is under way: its reply belongs to the old grant.
func (s *Store) replace(ctx context.Context, tx *sql.Tx, uid string, in SignIn, same bool, person string) error {
	g := in.Grant
	if !same && g.Scopes == nil {
		g.Scopes = []string{}
	}
	former := sql.NullString{String: in.Former, Valid: in.Former != "" || !same} // else the known one stays
	_, err := tx.ExecContext(ctx, `UPDATE accounts SET backend = ?, user = ?, scopes = coalesce(?, scopes), access_token = ?,
			refresh_token = coalesce(?, refresh_token), expiry = ?, sign_in_expires = ?, signed_in = 1,
			generation = generation + 1, revision = revision + 1, claimed_by = '', claimed_at = 0, unanswered_at = 0,
			client = ?, lost_detail = '', lost_hint = '', person = ?, former = coalesce(?, former), retired = 0
		WHERE uid = ?`,
		in.Backend, in.User, scopesOrKeep(g), s.box.seal(place{uid, "access_token"}, g.AccessToken),
		s.refreshTokenOrKeep(uid, g), millis(g.Expiry), millis(g.SignInExpires), in.Client, person, former, uid)
	if err != nil {
		return fmt.Errorf("replace sign-in: %w", err)
	}
	return nil
}

// scopesOrKeep is NULL where the cloud did not say.
func scopesOrKeep(g fitbit.Grant) sql.NullString {
	return sql.NullString{String: strings.Join(g.Scopes, " "), Valid: g.Scopes != nil}
}

// refreshTokenOrKeep is NULL where the cloud did not send a new one.
func (s *Store) refreshTokenOrKeep(uid string, g fitbit.Grant) []byte {
	if g.RefreshToken == "" {
		return nil
	}
	return s.box.seal(place{uid, "refresh_token"}, g.RefreshToken)
}

// freeUID derives the UID from the identity. It can only be taken if the account
// it was made for has moved to another identity since.
func freeUID(ctx context.Context, tx *sql.Tx, backend, user string) (string, error) {
	sum := sha256.Sum256([]byte("fitbit2mqtt:" + backend + ":" + user))
	base := hex.EncodeToString(sum[:6])
	uid := base
	for n := 2; ; n++ {
		_, err := findAccount(ctx, tx, "uid = ?", uid)
		if errors.Is(err, ErrNotFound) {
			return uid, nil
		}
		if err != nil {
			return "", err
		}
		uid = fmt.Sprintf("%s-%d", base, n)
	}
}
