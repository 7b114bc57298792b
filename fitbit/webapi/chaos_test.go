package webapi_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

var (
	chaosSeed   = flag.Uint64("chaos.seed", 0, "of the chaos test; 0 is another one each time")
	chaosRounds = flag.Int("chaos.rounds", 1000, "refresh tokens that the chaos test spends")
)

// tally is what became of it all.
type tally struct {
	requests, acted, rotations      int // of refreshes, as the cloud saw them
	faults                          map[fakecloud.FaultKind]int
	calls, failed, lockedOut        int // requests of the household for its data
	givenUp, jumps, reopened, kills int
	byChildren                      int // refresh tokens that only a child sent, and saved the reply
}

// TestChaos: a thousand single-use refresh tokens through faults of the cloud, wrong
// clocks, two programs, impatient callers and kills. No sign-in is ever lost, because
// every repetition comes within the cloud's two minutes.
func TestChaos(t *testing.T) {
	const households = 4 // at the same time: they wait more than they work
	seed := *chaosSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-chaos.seed %d", seed)
	start := time.Now()
	tallies := make([]*tally, households)
	t.Run("households", func(t *testing.T) {
		for i := range households {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				h := newHousehold(t, seed+uint64(i))
				tallies[i] = &h.tally
				for n := 1; h.tally.rotations < *chaosRounds/households && !t.Failed(); n++ {
					if n%80 == 0 {
						h.kill()
					} else {
						h.round()
					}
				}
				h.atTheEnd()
			})
		}
	})
	sum := tally{faults: map[fakecloud.FaultKind]int{}}
	for _, y := range tallies {
		sum.add(*y)
	}
	t.Log(&sum, time.Since(start).Round(time.Millisecond))
}

func (y *tally) add(other tally) {
	y.requests, y.acted, y.rotations = y.requests+other.requests, y.acted+other.acted, y.rotations+other.rotations
	y.calls, y.failed, y.lockedOut = y.calls+other.calls, y.failed+other.failed, y.lockedOut+other.lockedOut
	y.givenUp, y.jumps, y.reopened, y.kills = y.givenUp+other.givenUp, y.jumps+other.jumps, y.reopened+other.reopened, y.kills+other.kills
	for kind, n := range other.faults {
		y.faults[kind] += n
	}
}

// String says it all in a few lines.
func (y *tally) String() string {
	var faults []string
	for _, kind := range slices.Sorted(maps.Keys(y.faults)) {
		if kind != "" {
			faults = append(faults, fmt.Sprintf("%s %d", kind, y.faults[kind]))
		}
	}
	return fmt.Sprintf("%d refresh tokens spent in %d requests, of which the cloud answered %d as repetitions; faults: %s\n"+
		"%d calls for data: %d failed, %d given up; clocks set %d times, stores reopened %d times, processes killed %d times\nlocked out: %d",
		y.rotations, y.requests, y.acted-y.rotations, strings.Join(faults, ", "),
		y.calls, y.failed, y.givenUp, y.jumps, y.reopened, y.kills, y.lockedOut)
}

// TestTooLate: the fake cloud is as strict as the real one, or the chaos would prove
// nothing. A reply that is lost for two minutes is a sign-in that is lost.
func TestTooLate(t *testing.T) {
	h := newHousehold(t, 1)
	h.pass(8 * time.Hour)
	h.fake.Fail(fakecloud.Fault{Kind: fakecloud.DropReply, Path: "/oauth2/token", Times: 1})
	if _, err := h.people[0].Settings(t.Context()); !errors.Is(err, fitbit.ErrUnavailable) {
		t.Fatalf("error is %v, want ErrUnavailable", err)
	}
	h.pass(2 * time.Minute)
	if _, err := h.people[1].Settings(t.Context()); !errors.Is(err, fitbit.ErrReauthRequired) {
		t.Errorf("error is %v, want ErrReauthRequired", err)
	}
}
