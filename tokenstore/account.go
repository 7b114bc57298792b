package tokenstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// Account is one person at one cloud.
type Account struct {
	Name string
	// UID names the account where its name may not, such as in Home Assistant: 12
	// hexadecimal digits, in rare cases with "-2" or so behind them. It is derived
	// from the first identity and survives everything but removal.
	UID     string
	Backend string
	User    string // the cloud's own id; personal, see [fitbit.Identity]
	Former  string // the person's id at the cloud before, as far as this one says; as personal
	// Person says whose history this is: "backend:user" of the identity that it began
	// with. It stays when that person moves to another cloud, and changes when the name
	// is handed over to somebody else. As personal as User.
	Person string
	Scopes []string
	// SignedIn is false once the cloud has refused the refresh token for good.
	SignedIn      bool
	SignInExpires time.Time // zero if the sign-in does not end by itself
	Expiry        time.Time // of the access token; zero if the cloud did not say
	CreatedAt     time.Time
	Generation    int64 // +1 at every sign-in, from 1
	// Client is the id of the OAuth client that the sign-in was made with; empty
	// for one made by a version that knew only the configured one.
	Client string
	// Retired says that the account's cloud has been turned off for good, see [Store.NoteRetired].
	Retired bool
	// LostDetail and LostHint say why there is no sign-in, or no cloud any more, and what
	// to do, where more is known than that the cloud refuses it.
	LostDetail, LostHint string
}

const accountColumns = `name, uid, backend, user, scopes, signed_in, sign_in_expires, expiry, created_at, generation,
	client, lost_detail, lost_hint, person, former, retired`

// Accounts lists all accounts by name. Errors: ErrStorage, ctx's own.
func (s *Store) Accounts(ctx context.Context) (_ []Account, err error) {
	rows, err := s.db.QueryContext(ctx, "SELECT "+accountColumns+" FROM accounts ORDER BY name")
	if err != nil {
		return nil, s.classify(fmt.Errorf("list accounts: %w", err))
	}
	defer func() { err = s.classify(errors.Join(err, rows.Close())) }()
	var all []Account
	for rows.Next() {
		a, err := scanAccount(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, rows.Err()
}

// Account returns the account of that name. Errors: ErrNotFound, ErrStorage, ctx's own.
func (s *Store) Account(ctx context.Context, name string) (Account, error) {
	a, err := findAccount(ctx, s.db, "name = ?", name)
	return a, s.classify(err)
}

// AccountOf returns the account of that UID. Errors: ErrNotFound, ErrStorage, ctx's own.
func (s *Store) AccountOf(ctx context.Context, uid string) (Account, error) {
	a, err := findAccount(ctx, s.db, "uid = ?", uid)
	return a, s.classify(err)
}

// Version returns a number that changes whenever an account is connected,
// renamed, removed or loses its sign-in, here or in another process; renewed
// tokens do not count. It is cheap enough to ask every second.
// Errors: ErrStorage, ctx's own.
func (s *Store) Version(ctx context.Context) (int64, error) {
	var v int64
	if err := s.db.QueryRowContext(ctx, "SELECT version FROM store").Scan(&v); err != nil {
		return 0, s.classify(fmt.Errorf("read version: %w", err))
	}
	return v, nil
}

// Rename gives an account another name. Errors: ErrNotFound, ErrNameTaken, those
// of [fitbit.CheckName], ErrStorage, ctx's own.
func (s *Store) Rename(ctx context.Context, from, to string) error {
	if err := fitbit.CheckName(to); err != nil {
		return err
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		if _, err := findAccount(ctx, tx, "name = ?", from); err != nil || from == to {
			return err
		}
		if _, err := findAccount(ctx, tx, "name = ?", to); err == nil {
			return fmt.Errorf("%w: %s", ErrNameTaken, to)
		} else if !errors.Is(err, ErrNotFound) {
			return err
		}
		// The step that is shown may be a command with the name in it.
		const step = "fitbit2mqtt connect "
		_, err := tx.ExecContext(ctx, "UPDATE accounts SET name = ?, lost_hint = replace(lost_hint, ?, ?) WHERE name = ?",
			to, step+from, step+to, from)
		if err != nil {
			return fmt.Errorf("rename: %w", err)
		}
		return changed(ctx, tx)
	})
}

// Removed is what was known of an account, so that its grant can be revoked.
type Removed struct {
	Account Account
	Grant   fitbit.Grant
}

// Remove forgets an account and overwrites its tokens. That it was removed is
// remembered until [Store.Forgotten]. Tokens that do not open are removed without
// being returned. Errors: ErrNotFound, ErrStorage, ctx's own.
func (s *Store) Remove(ctx context.Context, name string) (Removed, error) {
	return s.withdraw(ctx, name, func(tx *sql.Tx, a Account) error {
		for _, step := range []string{"DELETE FROM accounts WHERE uid = ?", "INSERT OR IGNORE INTO removed (uid) VALUES (?)"} {
			if _, err := tx.ExecContext(ctx, step, a.UID); err != nil {
				return fmt.Errorf("remove: %w", err)
			}
		}
		return nil
	})
}

// Removed lists the UIDs of accounts that were removed and of which something may
// still be kept elsewhere; they may be connected again. Errors: ErrStorage, ctx's own.
func (s *Store) Removed(ctx context.Context) (uids []string, err error) {
	rows, err := s.db.QueryContext(ctx, "SELECT uid FROM removed ORDER BY uid")
	if err != nil {
		return nil, s.classify(fmt.Errorf("list removed accounts: %w", err))
	}
	defer func() { err = s.classify(errors.Join(err, rows.Close())) }()
	for rows.Next() {
		var uid string
		if err := rows.Scan(&uid); err != nil {
			return nil, fmt.Errorf("read removed account: %w", err)
		}
		uids = append(uids, uid)
	}
	return uids, rows.Err()
}

// Forgotten notes that nothing is kept of a removed account any more. It is no
// error if that is known. Errors: ErrStorage, ctx's own.
func (s *Store) Forgotten(ctx context.Context, uid string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM removed WHERE uid = ?", uid); err != nil {
			return fmt.Errorf("note that an account is forgotten: %w", err)
		}
		return nil
	})
}

// withdraw returns what is known of an account's grant once do has taken it away.
func (s *Store) withdraw(ctx context.Context, name string, do func(*sql.Tx, Account) error) (Removed, error) {
	var r Removed
	err := s.write(ctx, func(tx *sql.Tx) error {
		var err error
		if r.Account, err = findAccount(ctx, tx, "name = ?", name); err != nil {
			return err
		}
		var access, refresh []byte
		err = tx.QueryRowContext(ctx, "SELECT access_token, refresh_token FROM accounts WHERE name = ?", name).Scan(&access, &refresh)
		if err != nil {
			return fmt.Errorf("read tokens: %w", err)
		}
		r.Grant = fitbit.Grant{Expiry: r.Account.Expiry, Scopes: r.Account.Scopes, SignInExpires: r.Account.SignInExpires}
		r.Grant.AccessToken = s.openOrWarn(r.Account, "access_token", access)
		r.Grant.RefreshToken = s.openOrWarn(r.Account, "refresh_token", refresh)
		if err := do(tx, r.Account); err != nil {
			return err
		}
		return changed(ctx, tx)
	})
	if err != nil {
		return Removed{}, err
	}
	return r, nil
}

// openOrWarn returns "" for a token that does not open: it can still be removed.
func (s *Store) openOrWarn(a Account, column string, sealed []byte) string {
	secret, err := s.open(a.UID, column, sealed)
	if err != nil {
		s.log.Warn("a token is damaged and cannot be revoked", "account", a.Name, "error", err)
	}
	return secret
}

// changed tells everyone who watches [Store.Version].
func changed(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, "UPDATE store SET version = version + 1"); err != nil {
		return fmt.Errorf("count change: %w", err)
	}
	return nil
}

func findAccount(ctx context.Context, q queryer, where string, args ...any) (Account, error) {
	a, err := scanAccount(q.QueryRowContext(ctx, "SELECT "+accountColumns+" FROM accounts WHERE "+where, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return Account{}, ErrNotFound
	}
	return a, err
}

// scanner is one row or the current one of several.
type scanner interface{ Scan(dest ...any) error }

func scanAccount(row scanner) (Account, error) {
	var a Account
	var scopes string
	var signInExpires, expiry, created int64
	err := row.Scan(&a.Name, &a.UID, &a.Backend, &a.User, &scopes, &a.SignedIn, &signInExpires, &expiry, &created, &a.Generation,
		&a.Client, &a.LostDetail, &a.LostHint, &a.Person, &a.Former, &a.Retired)
	if err != nil {
		return Account{}, fmt.Errorf("read account: %w", err)
	}
	a.Scopes = strings.Fields(scopes)
	a.SignInExpires, a.Expiry, a.CreatedAt = fromMillis(signInExpires), fromMillis(expiry), fromMillis(created)
	return a, nil
}
