// Package contract is what every cloud of this project promises, as a test.
//
// A cloud's own tests describe it as a [Cloud] and call [Test]. The same people
// then weigh themselves, travel, cross a change of the clocks and revoke what
// they granted, against the fake cloud over real HTTP; and the same faults
// strike. What only one cloud does is tested beside that cloud.
//
// One thing holds all through a run: no error that comes out of it contains a
// token, a code, a verifier or the client's secret.
package contract

import (
	"net/http"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// Cloud is one cloud behind fitbit's interfaces.
type Cloud struct {
	// Authorizer returns the sign-in of an app.
	Authorizer func(Env) fitbit.Authorizer
	// Source returns a person's data. It remembers nothing of other sources.
	Source func(Env, fitbit.Tokens) fitbit.Source
	// DataPath and TokenPath are parts of the paths of all requests for data and
	// for tokens; WeightPath of those for weights alone.
	DataPath, WeightPath, TokenPath string
	Guide                           fitbit.Guide
	// Permissions are the boxes a person can leave unticked.
	Permissions []Permission
	// FloatingTime is set if the cloud keeps no UTC offsets: after a journey, what
	// was measured before it seems to have moved.
	FloatingTime bool
	// LightIsOutOfRange is set if the cloud has no light zone, and counts that time as
	// below all zones.
	LightIsOutOfRange bool
}

// Env is what a cloud's types are made with.
type Env struct {
	URL                    string // of the fake cloud, without trailing slash
	ClientID, ClientSecret string
	HTTP                   *http.Client
	Now                    func() time.Time
}

// Permission is a box on the consent page and what depends on it.
type Permission struct {
	Scope   string // as in fakecloud.Answer.Untick
	Metrics []fitbit.Metric
}

// Test runs the contract.
func Test(t *testing.T, c Cloud) {
	t.Helper()
	for _, s := range []struct {
		name string
		body func(*lab)
	}{
		{"nothing measured", nothingMeasured},
		{"two weigh-ins in one morning", twoInOneMorning},
		{"window", windowEdges},
		{"late arrival", lateArrival},
		{"edits and deletions", editsAndDeletions},
		{"a year", aYear},
		{"latest weight", latestWeight},
		{"heart days", heartDays},
		{"running day", runningDay},
		{"not worn", notWorn},
		{"heart samples", heartSamples},
		{"midnight of the person", personsMidnight},
		{"clocks put back", clocksPutBack},
		{"clocks put forward", clocksPutForward},
		{"travel", travel},
		{"identity and settings", identityAndSettings},
		{"devices", devices},
		{"guide", guide},
		{"sign-in", signIn},
		{"sign-in denied", signInDenied},
		{"sign-in fails", signInFails},
		{"refresh", refresh},
		{"revoke", revoke},
		{"token endpoint faults", tokenFaults},
		{"token refused once", tokenRefusedOnce},
		{"token refused for good", tokenRefusedForGood},
		{"tokens fail", tokensFail},
		{"permission", permission},
		{"rate limit", rateLimit},
		{"faults", faults},
		{"slow", slow},
	} {
		t.Run(s.name, func(t *testing.T) { s.body(newLab(t, c)) })
	}
}
