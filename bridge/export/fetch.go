package export

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// floating is how far from a day in one zone a moment of the same day may lie in another.
const floating = 26 * time.Hour

// span is how many days one fetch of a metric covers: what both clouds answer with one
// request, as far as they do; what has come is kept after each.
func span(m fitbit.Metric) int {
	switch m {
	case fitbit.WeightMetric, fitbit.BodyFatMetric:
		return 26 // and the 26 hours on either side
	case fitbit.HeartRange:
		return 13 // at the legacy cloud it is a request for each day
	case Samples:
		return 1
	default:
		return 30
	}
}

// Step is a piece of what is missing.
type Step struct {
	Metric      fitbit.Metric
	First, Last fitbit.Date
}

// Days counts them.
func (s Step) Days() int { return s.Last.Sub(s.First) + 1 }

// Missing lists what has to be fetched of the days from first to last, oldest first.
func (p *Person) Missing(ctx context.Context, metrics []fitbit.Metric, first, last fitbit.Date) ([]Step, error) {
	var steps []Step
	for _, m := range metrics {
		fetched, err := p.shelf.FetchedAt(ctx, p.owner, m, first, last)
		if err != nil {
			return nil, err
		}
		open := -1 // the step that the next day may join
		for d := first; !last.Before(d); d = d.AddDays(1) {
			at, known := fetched[d]
			switch {
			case known && final(d, at):
				open = -1
			case open >= 0 && steps[open].Days() < span(m):
				steps[open].Last = d
			default:
				open = len(steps)
				steps = append(steps, Step{m, d, d})
			}
		}
	}
	slices.SortStableFunc(steps, func(a, b Step) int { return a.First.Compare(b.First) })
	return steps, nil
}

// Unfetched lists the days from first to last of which something was never fetched,
// oldest first.
func (p *Person) Unfetched(ctx context.Context, metrics []fitbit.Metric, first, last fitbit.Date) ([]fitbit.Date, error) {
	fetched := make([]map[fitbit.Date]time.Time, len(metrics))
	for i, m := range metrics {
		var err error
		if fetched[i], err = p.shelf.FetchedAt(ctx, p.owner, m, first, last); err != nil {
			return nil, err
		}
	}
	var days []fitbit.Date
	for d := first; !last.Before(d); d = d.AddDays(1) {
		if slices.ContainsFunc(fetched, func(at map[fitbit.Date]time.Time) bool { return at[d].IsZero() }) {
			days = append(days, d)
		}
	}
	return days, nil
}

// Errand says how to fetch.
type Errand struct {
	Source  fitbit.Source
	Metrics []fitbit.Metric // all that was asked for, even where nothing of it is missing
	// Wait sleeps until the cloud's budget is there again, or returns why it will not:
	// then the errand ends with that.
	Wait func(ctx context.Context, until time.Time) error
	// Progress is told how many days of all are there, and for how long the rest will have
	// to wait for the cloud's budget, as far as that can be foreseen; may be nil.
	Progress func(done, all int, waits time.Duration)
}

// Fetch fetches steps and keeps each as soon as it is there. What was not granted is
// left out and listed, unless it is all, or the weight. Errors: the source's, Wait's and
// the shelf's; what was fetched before stays.
func (p *Person) Fetch(ctx context.Context, e Errand, steps []Step) (denied []fitbit.Metric, err error) {
	done, all := 0, 0
	for _, s := range steps {
		all += s.Days()
	}
	before := usage(e.Source).Requests
	for _, s := range steps {
		if !slices.Contains(denied, s.Metric) {
			err := p.step(ctx, e, s)
			switch {
			case errors.Is(err, fitbit.ErrPermission):
				denied = append(denied, s.Metric)
				if s.Metric == fitbit.WeightMetric || len(denied) == len(e.Metrics) {
					return denied, err
				}
			case err != nil:
				return denied, err
			}
		}
		if done += s.Days(); e.Progress != nil {
			u := usage(e.Source)
			e.Progress(done, all, p.waits(u, int(u.Requests-before)*(all-done)/done))
		}
	}
	return denied, nil
}

// step fetches and keeps one step, when the cloud allows it.
func (p *Person) step(ctx context.Context, e Errand, s Step) error {
	for {
		if until := p.spent(e.Source); !until.IsZero() {
			if err := e.Wait(ctx, until); err != nil {
				return err
			}
		}
		days, err := p.fetch(ctx, e.Source, s)
		if limit, ok := errors.AsType[*fitbit.RateLimitError](err); ok {
			if err := e.Wait(ctx, limit.Until); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		return p.shelf.Keep(ctx, p.owner, s.Metric, days)
	}
}

// usage is a source's; the zero value if it does not count.
func usage(source fitbit.Source) fitbit.Usage {
	if metered, ok := source.(fitbit.Metered); ok {
		return metered.Usage()
	}
	return fitbit.Usage{}
}

// reserved is the tenth of a cloud's budget that is for the bridge, whose weigh-ins will
// not wait: with less than that left, nothing is asked for.
func reserved(u fitbit.Usage) int { return (u.Limit + 9) / 10 }

// spent is when to ask again if the budget is nearly used up. Zero: now.
func (p *Person) spent(source fitbit.Source) time.Time {
	if u := usage(source); u.Remaining < reserved(u) && u.Reset.After(p.now()) {
		return u.Reset
	}
	return time.Time{}
}

// waits is for how long so many requests have to wait for the budget.
func (p *Person) waits(u fitbit.Usage, requests int) time.Duration {
	window := u.Limit - reserved(u) + 1 // requests that we may send in one
	beyond := requests - max(u.Remaining-reserved(u)+1, 0)
	if u.Limit == 0 || beyond <= 0 {
		return 0
	}
	return max(u.Reset.Sub(p.now()), 0) + time.Duration((beyond-1)/window)*u.Window
}

// fetch asks for one step, and returns all of its days: those without anything are known
// to have nothing.
func (p *Person) fetch(ctx context.Context, source fitbit.Source, s Step) ([]Day, error) {
	loc, asked := p.Location(), p.now()
	wide := fitbit.Window{From: s.First.Start(loc).Add(-floating), To: s.Last.AddDays(1).Start(loc).Add(floating)}
	var payloads map[fitbit.Date][]byte
	var err error
	switch s.Metric {
	case fitbit.WeightMetric:
		var list []fitbit.Weight
		if list, err = source.Weights(ctx, wide); err == nil {
			payloads, err = packBody(list, weightBody)
		}
	case fitbit.BodyFatMetric:
		var list []fitbit.BodyFat
		if list, err = source.BodyFats(ctx, wide); err == nil {
			payloads, err = packBody(list, fatBody)
		}
	case Samples:
		payloads, err = p.fetchSamples(ctx, source, s.First)
	default:
		var list []fitbit.HeartDay
		if list, err = source.HeartDays(ctx, s.Metric, s.First, s.Last); err == nil {
			payloads, err = packHeart(list)
		}
	}
	if err != nil {
		return nil, err
	}
	days := make([]Day, 0, s.Days())
	for d := s.First; !s.Last.Before(d); d = d.AddDays(1) {
		days = append(days, Day{Date: d, Cloud: p.backend, FetchedAt: asked, Payload: payloads[d]})
	}
	return days, nil
}

// fetchSamples asks for a day of samples.
func (p *Person) fetchSamples(ctx context.Context, source fitbit.Source, d fitbit.Date) (map[fitbit.Date][]byte, error) {
	in, err := p.sampleWindow(ctx, d)
	if err != nil {
		return nil, err
	}
	list, err := source.HeartSamples(ctx, in)
	if err != nil {
		return nil, err
	}
	payload, err := packSampleDay(in, list)
	return map[fitbit.Date][]byte{d: payload}, err
}

// unreadable is what a payload is that nobody of ours has written.
func unreadable(m fitbit.Metric, d fitbit.Date, err error) error {
	return fmt.Errorf("%w: %s of %s, kept from an export: %w", fitbit.ErrStorage, cmp.Or(m.Words(), string(m)), d, err)
}
