package signin

import (
	"context"
	"errors"
)

// Import is a sign-in that another program made.
type Import struct {
	Name    string // of the account here
	Backend string // the cloud; empty: the account's, else the default one
	// Client and Secret are the OAuth client it was made with. Client may be empty: the
	// one that a sign-in here would choose.
	Client, Secret string
	RefreshToken   string
	Move           bool // hands the name over, as in [Request]
	SamePerson     bool // as in [Request]
}

// Import takes a sign-in over from another program. The error is a [*Trouble].
func (d *Desk) Import(context.Context, Import) (Outcome, error) {
	return Outcome{}, trouble(errors.New("not written yet"), "")
}
