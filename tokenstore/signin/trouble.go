package signin

import (
	"context"
	"errors"
	"strings"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// Code names one way in which a sign-in goes wrong.
type Code string

// The ways that need more than their sentence, and what the rest comes down to.
const (
	Denied        Code = "denied"         // the person said no
	Over          Code = "over"           // expired, used, unknown, or another sign-in's
	OtherIdentity Code = "other_identity" // signed in as someone else than before
	Unconfirmed   Code = "unconfirmed"    // at another cloud, and perhaps somebody else
	IdentityTaken Code = "identity_taken" // connected under another name
	Reauth        Code = "reauth"         // the code is not good any more
	Setup         Code = "setup"          // cloud project or cloud account are not ready
	Retired       Code = "retired"        // the cloud is gone
	Away          Code = "away"           // time mends it
	Storage       Code = "storage"        // our own files
	Unexpected    Code = "unexpected"
)

// Trouble is a sign-in that came to nothing: one sentence and one next step, both
// safe to show. It matches fitbit's errors by who can mend it.
type Trouble struct { //nolint:errname // a thing that is shown and stored, and only then an error
	Code    Code   `json:"code"`
	Backend string `json:"backend,omitempty"` // the cloud that the sign-in was for
	Reason  string `json:"reason,omitempty"`  // the cloud's word for it
	Detail  string `json:"detail"`
	Hint    string `json:"hint"`

	cause error // what it is besides, if anything
}

// Error returns the sentence.
func (t *Trouble) Error() string {
	if t.Reason != "" {
		return t.Detail + " (" + t.Reason + ")"
	}
	return t.Detail
}

// Advice returns the next step, for [fitbit.Hint].
func (t *Trouble) Advice() string { return t.Hint }

// Unwrap makes one of fitbit's errors visible to errors.Is, and what it is besides.
func (t *Trouble) Unwrap() []error {
	if t.cause != nil {
		return []error{t.kind(), t.cause}
	}
	return []error{t.kind()}
}

func (t *Trouble) kind() error {
	switch t.Code {
	case Setup:
		return fitbit.ErrSetup
	case Retired:
		return fitbit.ErrRetired
	case Away:
		return fitbit.ErrUnavailable
	case Storage:
		return fitbit.ErrStorage
	case Unexpected:
		return fitbit.ErrProtocol
	case Denied, Over, OtherIdentity, Unconfirmed, IdentityTaken, Reauth:
	}
	return fitbit.ErrReauthRequired
}

// trouble explains whatever stopped a sign-in.
func trouble(err error, e errand) *Trouble {
	t := e.explain(err)
	t.Backend = e.backend
	return t
}

func (e errand) explain(err error) *Trouble {
	again := e.again()
	if t, ok := errors.AsType[*Trouble](err); ok {
		return &Trouble{Code: t.Code, Reason: t.Reason, Detail: t.Detail, Hint: e.named(t.Hint)}
	}
	ce, isCloud := errors.AsType[*fitbit.CloudError](err)
	_, limited := errors.AsType[*fitbit.RateLimitError](err)
	switch {
	case errors.Is(err, tokenstore.ErrOtherIdentity):
		return e.otherIdentity()
	case errors.Is(err, tokenstore.ErrUnconfirmed):
		return e.unconfirmed()
	case errors.Is(err, tokenstore.ErrIdentityTaken):
		return e.identityTaken(err)
	case errors.Is(err, fitbit.ErrStorage):
		t := &Trouble{Code: Storage, Detail: err.Error(), Hint: repair(err), cause: err}
		if e.imported { // its token may be spent, and the answer is repeated for a while only
			t.Hint += ", then " + again
		}
		return t
	case errors.Is(err, tokenstore.ErrNotFound):
		return &Trouble{
			Code: Over, Detail: e.name + " was removed while the sign-in was under way",
			Hint: "to connect " + e.name + " anew, " + again,
		}
	case limited:
		return &Trouble{Code: Away, Detail: "the cloud asks for patience: " + err.Error(), Hint: "wait until then, and " + again}
	case errors.Is(err, context.DeadlineExceeded):
		return &Trouble{Code: Away, Detail: "the cloud took too long to answer", Hint: "wait a moment, then " + again}
	case !isCloud:
		return &Trouble{Code: Unexpected, Detail: err.Error(), Hint: again}
	}
	t := &Trouble{Code: codeOf(err), Reason: ce.Reason, Detail: or(ce.Detail, ce.Kind.Error()), Hint: e.named(ce.Hint)}
	switch {
	case t.Code == Away: // a poll would come again by itself, as the error says; a sign-in does not
		t.Hint = "check the internet connection, wait a moment, then " + again
	case t.Code == Retired && e.successor != "":
		t.Hint = "go on with " + e.successorCloud + ": " + e.command(" --backend "+e.successor)
	case t.Hint != "":
	case t.Code == Retired, t.Code == Unexpected: // once more would end the same way
		t.Hint = "look for a newer version of fitbit2mqtt, or report this line"
	default:
		t.Hint = again
	}
	return t
}

// otherIdentity is a sign-in at the account's own cloud with an account there that is
// not the one of before.
func (e errand) otherIdentity() *Trouble {
	t := &Trouble{
		Code: OtherIdentity, Detail: "signed in as someone else than before: this is not the " + account(e.guide) + " that " + e.name + " is connected with",
		Hint: "sign in with the account used before, choose another name, or hand the name over with: " + e.command(" --move"),
	}
	if e.imported {
		t.Hint = "import it under another name, or hand the name over: run the same import again with --move"
	}
	return t
}

// unconfirmed is a sign-in at another cloud that may be somebody else's.
func (e errand) unconfirmed() *Trouble {
	at := " --backend " + e.backend
	t := &Trouble{
		Code: Unconfirmed,
		Detail: "the clouds do not say that this " + account(e.guide) + " is of the same person as the " + account(e.beforeGuide) +
			" that " + e.name + " is connected with",
		Hint: "sign in with the same person's account; or, if this is it, say so: " + e.command(at+" --same-person") +
			"; or hand the name over, with a history that starts anew: " + e.command(at+" --move"),
	}
	if e.imported {
		t.Hint = "import it under another name; or, if it is the same person's, run the same import again with --same-person; " +
			"or hand the name over, with a history that starts anew: with --move"
	}
	return t
}

// identityTaken is a sign-in that another name has; err says which.
func (e errand) identityTaken(err error) *Trouble {
	t := &Trouble{
		Code: IdentityTaken, Detail: err.Error(),
		Hint: "sign out of the browser's current account first, or use the name that is connected",
	}
	if e.imported {
		t.Hint = "import it under the name that is connected"
	}
	return t
}

// repair is what the store says of its file.
func repair(err error) string {
	return or(strings.TrimSuffix(fitbit.Hint(err), "."), "check the data folder and the disk")
}

func codeOf(err error) Code {
	switch {
	case errors.Is(err, fitbit.ErrReauthRequired):
		return Reauth
	case errors.Is(err, fitbit.ErrSetup), errors.Is(err, fitbit.ErrPermission):
		return Setup
	case errors.Is(err, fitbit.ErrRetired):
		return Retired
	case errors.Is(err, fitbit.ErrUnavailable):
		return Away
	}
	return Unexpected
}

func or(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}

// stopping refuses what would have to be finished after the end.
func stopping(then string) *Trouble {
	return &Trouble{Code: Away, Detail: "the program is being stopped", Hint: "start it again, then " + then}
}

// notOurs refuses a callback whose sign-in is not the one at hand.
func notOurs() *Trouble {
	return &Trouble{
		Code: Over, Detail: "this address belongs to another sign-in than this one",
		Hint: "open the address shown here, and use the one that the browser then ends up at",
	}
}

// unknown refuses a callback of a sign-in that nobody remembers.
func unknown() *Trouble {
	return &Trouble{
		Code: Over, Detail: "no sign-in that was begun here waits for this address",
		Hint: "start again, and use the address that the browser ends up at this time",
	}
}

// bareCode refuses a code that came without its sign-in.
func bareCode() *Trouble {
	return &Trouble{
		Code: Over, Detail: "this code does not say which sign-in it belongs to",
		Hint: "copy the whole address from the browser's address bar",
	}
}

// used refuses a callback that has come before; o is what became of it then, if that
// is known.
func (e errand) used(o *Outcome) *Trouble {
	t := &Trouble{Code: Over, Backend: e.backend, Detail: "this address was used before: the sign-in of " + e.name}
	switch {
	case o == nil:
		t.Detail, t.Hint = t.Detail+" is being finished", "wait a moment; if nothing comes of it, "+e.again()
	case o.Trouble != nil:
		t.Detail, t.Hint = t.Detail+" has failed", e.again()
	default:
		t.Detail, t.Hint = t.Detail+" has succeeded", "nothing is left to do; to sign in once more, "+e.again()
	}
	return t
}

func (e errand) tooLate() *Trouble {
	return &Trouble{
		Code: Over, Backend: e.backend, Detail: "this sign-in is over: nobody signed in within ten minutes",
		Hint: "open the address at once and finish within ten minutes; " + e.again(),
	}
}

// abandoned is a sign-in whose process has died over it.
func (e errand) abandoned() *Trouble {
	return &Trouble{
		Code: Over, Backend: e.backend, Detail: "this sign-in is over: the program was stopped in the middle of it",
		Hint: e.again(),
	}
}

// refused explains what the consent page sent back, or showed, instead of a code.
func refused(code, redirectURL string, g fitbit.Guide) *Trouble {
	const again = "start again: fitbit2mqtt connect ACCOUNT"
	if len(code) > 40 || strings.ContainsFunc(code, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' }) {
		code = "error"
	}
	switch code {
	case "access_denied":
		return &Trouble{
			Code: Denied, Detail: "consent was denied",
			Hint: "allow it and leave every box ticked; an app in test mode lets in nobody but its listed test users; " + again,
		}
	case "server_error", "temporarily_unavailable":
		return &Trouble{Code: Away, Reason: code, Detail: "the cloud's sign-in page is out of order", Hint: "wait a moment, then " + again}
	case "redirect_uri_mismatch":
		return &Trouble{
			Code: Setup, Reason: code, Detail: "the cloud's sign-in page does not know the address to come back to",
			Hint: "register " + redirectURL + ", letter by letter, as a redirect address of the OAuth client, then " + again,
		}
	case "invalid_client", "deleted_client":
		return &Trouble{
			Code: Setup, Reason: code, Detail: "the cloud's sign-in page does not know the OAuth client",
			Hint: "compare the client id with the console of " + or(g.Brand, "the cloud") + ", then " + again,
		}
	case "admin_policy_enforced", "org_internal":
		return &Trouble{
			Code: Setup, Reason: code, Detail: "the organisation that this account belongs to does not let it use this app",
			Hint: "use a private account, or set the audience of the " + or(g.App, "app") + " to External",
		}
	}
	return &Trouble{Code: Setup, Reason: code, Detail: "the cloud's sign-in page refuses", Hint: again}
}
