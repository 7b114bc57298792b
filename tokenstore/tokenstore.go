// Package tokenstore keeps accounts and their tokens through crashes.
//
// A refresh token is the only thing here that nobody can fetch again: the legacy
// cloud lets it be used once, and forgives a repetition for two minutes. So
// everything turns on one invariant: a refresh token is spent only when the disk
// has just proved that it writes, and what replaces it is on the disk before
// anybody uses it.
//
// A renewal therefore claims the account in the database (which proves the disk,
// keeps other processes out and leaves a journal), asks the cloud with a time
// limit of its own that no caller's cancellation shortens, saves the reply and
// lifts the claim in one commit, and only then hands out the token. After that,
// by what goes wrong:
//
//   - The claim cannot be written: no request is sent, nothing is spent.
//   - No clear answer: the row stays, and the next renewal sends the same refresh
//     token, as a cloud that did answer will then answer again.
//   - The cloud says that the sign-in is gone: the row stays, the account is
//     marked, and nobody asks again until the person has signed in.
//   - The reply cannot be saved: it is kept in memory and saved as soon as
//     possible; until then there is no token, only [ErrStorage].
//   - The process dies: its claim is taken over when it has become older than any
//     renewal can take.
//
// A refresh token that another program leaves to us is spent in the same way, before
// anybody knows whose it is: what it was spent for is kept in a journal of its own
// until an account has it, so that whatever stops an import, the next try goes on.
//
// An account is one person's. It keeps its UID, and the lineage of its history, when
// that person moves to another cloud: if the clouds' ids say that both identities are
// one person's, or somebody has confirmed it. Tokens are handed out for one cloud, so
// that none ever gets to see another one's.
//
// With a key, tokens, code verifiers and client secrets are sealed with AES-256-GCM,
// bound to their row and column; a store is wholly sealed or not at all. What it refuses:
// to open a sealed store without its key, to show a token in an error or a log,
// and to remember one person's cloud account under two names.
package tokenstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
)

// Options says where the store is and how it is locked.
type Options struct {
	Path string
	// Key encrypts the tokens; empty leaves them in plain text. It is not
	// stretched: use 32 random bytes, in whatever form. Given for a store that is
	// not encrypted yet, it encrypts it.
	Key []byte
	// Access is what opening may do to the file; zero means all of the above. Where it
	// may do nothing, a store that is not encrypted yet stays so, key or not.
	Access sqlite.Access
	Now    func() time.Time // nil is time.Now
	Log    *slog.Logger     // nil discards
}

// What can go wrong here, besides what [fitbit.CheckName] refuses. Match with [errors.Is].
var (
	// ErrStorage: the file cannot be read or written; an [*sqlite.Error] says why
	// and what to do. So are ErrKeyMissing and ErrWrongKey.
	ErrStorage = sqlite.ErrStorage
	// ErrKeyMissing: the store is encrypted, and there is no key.
	ErrKeyMissing = errors.New("file is encrypted and there is no key for it")
	// ErrWrongKey: the store is encrypted with another key.
	ErrWrongKey = errors.New("file is encrypted with another key")
	// ErrNotFound: there is no such account.
	ErrNotFound = errors.New("no such account")
	// ErrMoved: the account is at another cloud by now.
	ErrMoved = errors.New("account has moved to another cloud")
	// ErrNameTaken: another account has this name.
	ErrNameTaken = errors.New("there is already an account of this name")
	// ErrOtherIdentity: the account belongs to another cloud identity.
	ErrOtherIdentity = errors.New("signed in as someone else than before")
	// ErrUnconfirmed: the account belongs to an identity at another cloud.
	ErrUnconfirmed = errors.New("another cloud account, and the clouds do not say that both are one person's")
	// ErrIdentityTaken: the cloud identity is connected under another name.
	ErrIdentityTaken = errors.New("this person is already connected under another name")
	// ErrNoAttempt: the sign-in attempt is unknown, used or more than ten minutes old.
	ErrNoAttempt = errors.New("sign-in attempt expired or already used")
)

// errClosed is met by renewals that come, or still wait, when the store closes.
var errClosed = errors.New("token store is closed")

// applicationID marks the file as a token store: "f2mt" in ASCII.
const applicationID = 0x66326d74

//go:embed migrations/*.sql
var migrations embed.FS

// Store is an open token store. Its methods may be called from several
// goroutines, and several processes may have the same file open.
type Store struct {
	path     string
	db       *sql.DB
	load     *sql.Stmt
	box      *box   // nil leaves everything plain
	keyCheck []byte // as in the database when the store was opened
	now      func() time.Time
	log      *slog.Logger
	instance string // names this store in claims

	saveAgainAfter   time.Duration      // first wait before a failed save is repeated
	importAgainAfter time.Duration      // and before an imported token is sent again
	at               func(point string) // tests only: called at points of a renewal or an import

	closing   chan struct{}
	importing chan struct{}  // full while an import is under way
	work      sync.WaitGroup // renewals, repeated saves and imports

	mu       sync.Mutex
	closed   bool
	renewals map[string]*renewal // under way, by account
	unsaved  map[string]reply    // replies that are not on the disk yet, by account
}

// Open opens the store, creating, migrating or encrypting it if need be.
// Errors: ErrStorage, ErrKeyMissing, ErrWrongKey, ctx's own.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, fmt.Errorf("token store: %w", err)
	}
	file, err := fileAt(path)
	if err != nil {
		return nil, err
	}
	file.Access, file.Log = o.Access, o.Log
	db, err := sqlite.Open(ctx, file)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown" // it only helps whoever reads the journal
	}
	s := &Store{
		path: path, db: db, now: o.Now, log: o.Log,
		instance:         fmt.Sprintf("%s/%d/%s", host, os.Getpid(), rand.Text()),
		saveAgainAfter:   time.Second,
		importAgainAfter: time.Second,
		at:               func(string) {},
		closing:          make(chan struct{}),
		importing:        make(chan struct{}, 1),
		renewals:         map[string]*renewal{},
		unsaved:          map[string]reply{},
	}
	err = s.unlock(ctx, o.Key, o.Access == sqlite.Maintain)
	if err == nil {
		s.load, err = db.PrepareContext(ctx, loadRow)
	}
	if err != nil {
		return nil, s.classify(errors.Join(err, db.Close()))
	}
	return s, nil
}

// Inspect looks at the file of a store and changes nothing of it, see [sqlite.Inspect].
func Inspect(ctx context.Context, path string) (sqlite.Condition, error) {
	file, err := fileAt(path)
	if err != nil {
		return sqlite.Condition{}, err
	}
	return sqlite.Inspect(ctx, file)
}

func fileAt(path string) (sqlite.Options, error) {
	schema, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return sqlite.Options{}, fmt.Errorf("token store: %w", err)
	}
	return sqlite.Options{Path: path, Migrations: schema, ApplicationID: applicationID}, nil
}

// Copy writes the store as it is at this moment, sealed if it is, to a new file, while
// everybody goes on. Errors: ErrStorage, ctx's own.
func (s *Store) Copy(ctx context.Context, target string) error { return sqlite.Copy(ctx, s.db, target) }

// Close waits for renewals and imports under way, at most as long as one may take,
// tries once more to save what could not be saved, and closes the file. The error, if
// any, is ErrStorage.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.closing)
	s.mu.Unlock()
	s.work.Wait()
	var errs []error
	for uid, r := range s.unsaved { // nobody else is left to touch it
		if _, err := s.save(context.Background(), uid, r); err != nil {
			errs = append(errs, fmt.Errorf("a renewed token is lost: %w", err))
		}
	}
	errs = append(errs, s.load.Close(), s.db.Close())
	return s.classify(errors.Join(errs...))
}

// write runs do in a transaction, provided that the store is still locked with
// the key it was opened with.
func (s *Store) write(ctx context.Context, do func(*sql.Tx) error) error {
	return s.classify(sqlite.InTx(ctx, s.db, func(tx *sql.Tx) error {
		var check []byte
		if err := tx.QueryRowContext(ctx, "SELECT key_check FROM store").Scan(&check); err != nil {
			return fmt.Errorf("read store: %w", err)
		}
		if err := s.sameKey(check); err != nil {
			return err
		}
		return do(tx)
	}))
}

func (s *Store) classify(err error) error { return sqlite.Classify(s.path, err) }

// millis and fromMillis are how times are stored.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
