package fakecloud

import (
	"math"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// rhythm is the plan of one day of a heart. Times are seconds the wall clock shows
// since midnight, rates are bpm.
type rhythm struct {
	seed           seed
	day            int64
	resting        float64
	wake, sleep    int
	shower, walk   int
	train, trained int     // from and to; 0 on days off
	effort         float64 // share of the heart-rate reserve in training
}

func (p *Person) rhythm(at time.Time) rhythm {
	d := fitbit.DateOf(at)
	n := dayNumber(d)
	within := func(what string, span int) int { return p.seed.pick(what, n, span) }
	r := rhythm{
		seed: p.seed, day: n, resting: p.restingOn(d),
		wake: 22_800 + within("wake", 3000), sleep: 81_600 + within("sleep", 3600),
		walk: 43_200 + within("walk", 3600),
	}
	r.shower = r.wake + 2400
	if within("trains", 3) == 0 {
		r.train = 63_000 + within("training", 5400)
		r.trained = r.train + 1800 + within("trained", 1800)
		r.effort = 0.5 + 0.42*p.seed.unit("effort", n)
	}
	return r
}

// rate returns the heart rate at a second of the day; 0 while the tracker is off.
func (r rhythm) rate(second int) float64 {
	drift := r.seed.wave("drift", r.day*144+int64(second/600), 1)
	next := r.seed.wave("drift", r.day*144+int64(second/600)+1, 1)
	drift += (next - drift) * float64(second%600) / 600
	reserve := maxRate - r.resting
	switch {
	case second < r.wake || second >= r.sleep:
		return r.resting - 4 + 7*drift
	case second >= r.shower && second < r.shower+1200:
		return 0
	case second >= r.train && second < r.trained:
		warm := min(1, float64(second-r.train)/420, float64(r.trained-second)/240)
		return r.resting + 14 + (r.effort*reserve-8+12*drift)*warm
	case second >= r.walk && second < r.walk+1500:
		return r.resting + 0.36*reserve + 10*drift
	}
	return r.resting + 11 + 16*drift
}

// seed makes a person's chance: the same questions get the same answers.
type seed uint64

// hash answers with 64 bits (splitmix64 over an FNV-1a of the question).
func (s seed) hash(question string, n int64) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(question) {
		h = (h ^ uint64(question[i])) * 1099511628211
	}
	h ^= uint64(s) + uint64(n)*0x9e3779b97f4a7c15 //nolint:gosec // the bits of n count, not its value
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// pick answers with one of 0 to choices-1.
func (s seed) pick(question string, n int64, choices int) int {
	return int(s.unit(question, n) * float64(choices))
}

// unit answers with a number from 0 up to 1.
func (s seed) unit(question string, n int64) float64 {
	return float64(s.hash(question, n)>>11) / (1 << 53)
}

// wave answers with the mean of units from n-width+1 to n, which changes slowly with n.
func (s seed) wave(question string, n, width int64) float64 {
	sum := 0.0
	for i := range width {
		sum += s.unit(question, n-i)
	}
	return sum / float64(width)
}

// swing answers with a sine of n, from -1 to 1, whose phase is the person's own.
func (s seed) swing(question string, n, period int64) float64 {
	return math.Sin(2 * math.Pi * (float64(n)/float64(period) + s.unit(question, -1)))
}
