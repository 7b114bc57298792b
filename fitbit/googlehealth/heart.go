package googlehealth

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// One request may span 14 days of heart rates and 90 of anything else.
const (
	heartRollUpDays = 13
	zoneRollUpDays  = 89
)

const longestDay = 25 * 60 // minutes of a day on which the clocks are put back

// HeartDays fetches one daily metric. The rate's range and the zones of the
// running day are those up to now.
func (c *Client) HeartDays(ctx context.Context, metric fitbit.Metric, first, last fitbit.Date) ([]fitbit.HeartDay, error) {
	days := make(map[fitbit.Date]fitbit.HeartDay)
	add := func(d fitbit.HeartDay) { days[d.Date] = days[d.Date].Merge(d) }
	var err error
	switch metric {
	case fitbit.HeartRange:
		err = c.rollUp(ctx, heartRateType, heartRollUpDays, first, last, func(d fitbit.Date, p rollUpPoint) {
			if p.HeartRate != nil {
				day := fitbit.HeartDay{Date: d, MinBPM: p.HeartRate.Min.BPM(), MaxBPM: p.HeartRate.Max.BPM()}
				if avg, ok := p.HeartRate.Avg.Within(1, 300); ok {
					day.AvgBPM = &avg
				}
				if day.MinBPM != nil || day.AvgBPM != nil || day.MaxBPM != nil {
					add(day)
				}
			}
		})
	case fitbit.HeartZones:
		err = c.rollUp(ctx, "time-in-heart-rate-zone", zoneRollUpDays, first, last, func(d fitbit.Date, p rollUpPoint) {
			if p.TimeInHeartRateZone != nil {
				add(fitbit.HeartDay{Date: d, Zones: p.zones()})
			}
		})
	case fitbit.RestingHeartRate:
		err = c.eachDay(ctx, "daily-resting-heart-rate", first, last, func(p dataPoint) {
			if v := p.DailyRestingHeartRate; v != nil {
				if d, ok := v.Date.civil(); ok && v.BeatsPerMinute.BPM() != nil {
					add(fitbit.HeartDay{Date: d, RestingBPM: v.BeatsPerMinute.BPM()})
				}
			}
		})
	case fitbit.HRV:
		err = c.eachDay(ctx, "daily-heart-rate-variability", first, last, func(p dataPoint) {
			if v := p.DailyHeartRateVariability; v != nil {
				if ms, known := v.Average.Within(0.1, 1000); known {
					if d, ok := v.Date.civil(); ok {
						add(fitbit.HeartDay{Date: d, HRVMillis: &ms})
					}
				}
			}
		})
	default:
		return nil, fmt.Errorf("%q is not a daily heart metric", metric)
	}
	if err != nil {
		return nil, err
	}
	list := make([]fitbit.HeartDay, 0, len(days))
	for date, d := range days {
		if !date.Before(first) && !last.Before(date) {
			d.Date = date
			list = append(list, d)
		}
	}
	slices.SortStableFunc(list, func(a, b fitbit.HeartDay) int { return a.Date.Compare(b.Date) })
	return list, nil
}

func (c *Client) eachDay(ctx context.Context, path string, first, last fitbit.Date, visit func(dataPoint)) error {
	points, err := c.listDays(ctx, path, first, last)
	for _, p := range points {
		visit(p)
	}
	return err
}

// zones reads a day's row: a zone that is not in it was never entered.
func (p rollUpPoint) zones() *fitbit.ZoneMinutes {
	z := fitbit.ZoneMinutes{Light: new(0)}
	for _, e := range p.TimeInHeartRateZone.Zones {
		minutes := int(math.Round(min(max(e.Duration.Minutes(), 0), longestDay)))
		switch e.Zone {
		case "LIGHT":
			*z.Light += minutes
		case "MODERATE":
			z.Moderate += minutes
		case "VIGOROUS":
			z.Vigorous += minutes
		case "PEAK":
			z.Peak += minutes
		}
	}
	return &z
}

// HeartSamples lists the samples within the window.
func (c *Client) HeartSamples(ctx context.Context, in fitbit.Window) ([]fitbit.HeartSample, error) {
	var samples []fitbit.HeartSample
	err := c.list(ctx, heartRateType, in, func(p dataPoint) {
		if s, ok := p.asSample(); ok {
			samples = append(samples, s)
		}
	})
	if err != nil {
		return nil, err
	}
	return byTime(samples, func(s fitbit.HeartSample) time.Time { return s.Time },
		func(a, b fitbit.HeartSample) int { return a.BPM - b.BPM }), nil
}

// LatestHeartSample returns the newest sample not older than since. The bound is
// not optional: without it the API walks the whole history.
func (c *Client) LatestHeartSample(ctx context.Context, since time.Time) (fitbit.HeartSample, error) {
	r, err := c.page(ctx, heartRateType, query{filter: sampleFilter(heartRateType, fitbit.Window{From: since}), size: newestFew})
	if err != nil {
		return fitbit.HeartSample{}, err
	}
	for _, p := range r.DataPoints {
		if s, ok := p.asSample(); ok {
			return s, nil
		}
	}
	return fitbit.HeartSample{}, fitbit.ErrNoData
}

func (p dataPoint) asSample() (fitbit.HeartSample, bool) {
	if p.HeartRate == nil {
		return fitbit.HeartSample{}, false
	}
	at, ok := p.HeartRate.SampleTime.local()
	bpm := p.HeartRate.BeatsPerMinute.BPM()
	if !ok || bpm == nil {
		return fitbit.HeartSample{}, false
	}
	return fitbit.HeartSample{Time: at, BPM: *bpm}, true
}
