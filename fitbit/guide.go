package fitbit

// Guide is what people have to be told of a cloud to sign in there. Its texts are
// sentences for people. In Steps, Warning, Ends and Refusals, *so* marks what a page is
// labelled with, `so` what is typed or copied, and [so](https://…) a link; {redirect}
// stands for the address to come back to and {scopes} for the list of scopes.
type Guide struct {
	Cloud   string // "Google Health"
	Brand   string // who asks for consent: "Google"
	Account string // what people have there: "Google account"
	App     string // what an OAuth client belongs to there: "Google Cloud project"
	Why     string // why one needs an app of one's own, and what that costs
	Steps   []string
	// ClientID shows what an id looks like.
	ClientID string
	// NoSecret is set where an app may do without a client secret.
	NoSecret bool
	// Warning is what the consent page says though all is well; may be empty.
	Warning string
	// Ends is why a sign-in ends by itself where it does, and what to do about it; empty
	// where none does.
	Ends     string
	Refusals []Refusal
	// Permits is the address at which a person takes back what they have granted.
	Permits string
}

// Refusal is an error that a consent page shows to the person instead of sending them
// back, and what to do about it.
type Refusal struct{ Shown, Means string }
