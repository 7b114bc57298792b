package tokenstore

import (
	"database/sql"
	"time"
)

// At has f called at "claimed", "answered" and "saved" of every renewal and import, and
// when a sign-in is "connected".
func (s *Store) At(f func(point string)) { s.at = f }

// SaveAgainAfter sets the first pause before a failed save is repeated.
func (s *Store) SaveAgainAfter(d time.Duration) { s.saveAgainAfter = d }

// DB is the store's database, to look at what nobody should see.
func (s *Store) DB() *sql.DB { return s.db }

// Limits of a renewal.
const (
	RefreshLimit = refreshLimit
	ClaimLife    = claimLife
	AttemptLife  = attemptLife
	SettleLife   = settleLife
)
