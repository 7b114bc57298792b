package signin

import (
	"cmp"
	"context"
	"strings"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// errand is who signs in where, as far as the words for its troubles depend on it. The
// zero errand is one that nobody knows.
type errand struct {
	name, backend string
	before        tokenstore.Account // as it was; zero if there is none yet
	flags         string             // what the command that begins it anew needs besides the name
	next          string             // how to begin it anew
	imported      bool               // it is another program's sign-in that is taken over
	guide         fitbit.Guide       // of the cloud
	beforeGuide   fitbit.Guide       // of the one that the account is at
	// successor is the backend that has taken over from the cloud, if one has, and
	// successorCloud what people call it.
	successor, successorCloud string
}

// errand is that of an attempt.
func (d *Desk) errand(a tokenstore.Attempt, before tokenstore.Account) errand {
	cloud := d.Clouds[a.Backend]
	e := errand{name: a.Name, backend: a.Backend, before: before, guide: cloud.Guide, beforeGuide: d.Clouds[before.Backend].Guide}
	if next, known := d.Clouds[cloud.Successor]; known {
		e.successor, e.successorCloud = cloud.Successor, or(next.Guide.Cloud, cloud.Successor)
	}
	if e.backend != cmp.Or(before.Backend, d.Default) {
		e.flags += " --backend " + e.backend
	}
	if a.SamePerson {
		e.flags += " --same-person"
	}
	if a.Move {
		e.flags += " --move"
	}
	e.next = "start again: " + e.command(e.flags)
	return e
}

// current is an attempt under the name that its account has now, and its errand. One
// whose account is gone, or cannot be looked up, keeps the name it was begun under.
func (d *Desk) current(ctx context.Context, a tokenstore.Attempt) (tokenstore.Attempt, errand) {
	if a.UID == "" {
		return a, d.errand(a, tokenstore.Account{})
	}
	before, err := d.Store.AccountOf(ctx, a.UID)
	if err == nil {
		a.Name = before.Name
	}
	return a, d.errand(a, before)
}

// command signs the account in at a terminal.
func (e errand) command(flags string) string { return "fitbit2mqtt connect " + e.name + flags }

// again is the next step of whoever has to begin anew.
func (e errand) again() string { return or(e.next, "start again") }

// named puts the account into a hint; clouds do not know names.
func (e errand) named(hint string) string {
	if e.name == "" {
		return hint
	}
	return strings.ReplaceAll(hint, "ACCOUNT", e.name+e.flags)
}

// account is what people call what they have at the cloud.
func account(g fitbit.Guide) string { return or(g.Account, "cloud account") }
