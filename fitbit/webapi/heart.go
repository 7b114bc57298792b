package webapi

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

const longestDay = 25 * 60 // minutes of a day on which the clocks are put back

// HeartDays fetches one daily metric. The rate's range costs a request for each day,
// the others one for thirty. Days are those of the person's calendar already.
func (c *Client) HeartDays(ctx context.Context, metric fitbit.Metric, first, last fitbit.Date) ([]fitbit.HeartDay, error) {
	days := make(map[fitbit.Date]fitbit.HeartDay)
	add := func(date text, d fitbit.HeartDay) {
		if on, ok := date.day(); ok && !on.Before(first) && !last.Before(on) {
			days[on] = days[on].Merge(d)
		}
	}
	var err error
	switch metric {
	case fitbit.HeartRange:
		err = c.ranges(ctx, first, last, add)
	case fitbit.RestingHeartRate:
		err = c.summaries(ctx, first, last, func(d heartDay) {
			if bpm := d.Value.v.Resting.BPM(); bpm != nil {
				add(d.Date, fitbit.HeartDay{RestingBPM: bpm})
			}
		})
	case fitbit.HeartZones:
		err = c.summaries(ctx, first, last, func(d heartDay) {
			if zones := d.zones(); zones != nil {
				add(d.Date, fitbit.HeartDay{Zones: zones})
			}
		})
	case fitbit.HRV:
		err = c.variabilities(ctx, first, last, add)
	default:
		return nil, fmt.Errorf("%q is not a daily heart metric", metric)
	}
	if err != nil {
		return nil, err
	}
	list := make([]fitbit.HeartDay, 0, len(days))
	for on, d := range days {
		d.Date = on
		list = append(list, d)
	}
	slices.SortStableFunc(list, func(a, b fitbit.HeartDay) int { return a.Date.Compare(b.Date) })
	return list, nil
}

// summaries hands the daily summaries from first to last to visit.
func (c *Client) summaries(ctx context.Context, first, last fitbit.Date, visit func(heartDay)) error {
	return eachWindow(first, last, func(start, end fitbit.Date) error {
		var r loose[heartAnswer]
		err := c.rest.Get(ctx, fmt.Sprintf("/1/user/-/activities/heart/date/%s/%s.json", start, end), "", &r)
		for _, d := range r.v.Days.v {
			visit(d)
		}
		return err
	})
}

// zones reads the minutes of a day, nil if there are none: then nothing was worn. What
// other clouds call light is part of the time out of range.
func (d heartDay) zones() *fitbit.ZoneMinutes {
	var z fitbit.ZoneMinutes
	total := 0
	for _, zone := range d.Value.v.Zones.v {
		v, ok := zone.Minutes.Within(0, longestDay)
		if !ok {
			continue
		}
		minutes := int(math.Round(v))
		switch zone.Name {
		case "Out of Range":
			z.OutOfRange = &minutes
		case "Fat Burn":
			z.Moderate = minutes
		case "Cardio":
			z.Vigorous = minutes
		case "Peak":
			z.Peak = minutes
		default:
			continue
		}
		total += minutes
	}
	if total == 0 {
		return nil
	}
	return &z
}

func (c *Client) variabilities(ctx context.Context, first, last fitbit.Date, add func(text, fitbit.HeartDay)) error {
	return eachWindow(first, last, func(start, end fitbit.Date) error {
		var r loose[hrvAnswer]
		err := c.rest.Get(ctx, fmt.Sprintf("/1/user/-/hrv/date/%s/%s.json", start, end), "", &r)
		for _, d := range r.v.Days.v {
			if ms, ok := d.Value.v.Daily.Within(0.1, 1000); ok {
				add(d.Date, fitbit.HeartDay{HRVMillis: &ms})
			}
		}
		return err
	})
}

// ranges reads lowest, mean and highest rate off the samples of each day. Samples
// come every second or every fifteen, so the mean is that of the minutes' means.
func (c *Client) ranges(ctx context.Context, first, last fitbit.Date, add func(text, fitbit.HeartDay)) error {
	if end := c.tomorrow(); end.Before(last) {
		last = end
	}
	if first.Before(firstDay()) {
		first = firstDay()
	}
	for d := first; !last.Before(d); d = d.AddDays(1) {
		points, err := c.intraday(ctx, d)
		if err != nil {
			return err
		}
		if day, ok := rangeOf(points); ok {
			add(text(d.String()), day)
		}
	}
	return nil
}

func rangeOf(points []intradayPoint) (day fitbit.HeartDay, ok bool) {
	type minute struct{ sum, n int }
	minutes := make(map[string]minute)
	var low, high int
	for _, p := range points {
		bpm := p.BPM.BPM()
		if bpm == nil || len(p.Time) < len("15:04") {
			continue
		}
		if len(minutes) == 0 {
			low, high = *bpm, *bpm
		}
		low, high = min(low, *bpm), max(high, *bpm)
		m := minutes[string(p.Time[:len("15:04")])]
		minutes[string(p.Time[:len("15:04")])] = minute{m.sum + *bpm, m.n + 1}
	}
	if len(minutes) == 0 {
		return day, false
	}
	mean := 0.0
	for _, m := range minutes {
		mean += float64(m.sum) / float64(m.n) / float64(len(minutes))
	}
	return fitbit.HeartDay{MinBPM: &low, AvgBPM: &mean, MaxBPM: &high}, true
}

// intraday fetches the samples of one day. An app that may not read them is told the
// day's summary alone.
func (c *Client) intraday(ctx context.Context, d fitbit.Date) ([]intradayPoint, error) {
	var r loose[intradayAnswer]
	if err := c.rest.Get(ctx, fmt.Sprintf("/1/user/-/activities/heart/date/%s/1d/1sec.json", d), "", &r); err != nil {
		return nil, err
	}
	if r.v.Days.said && !r.v.Intraday.said {
		return nil, &fitbit.CloudError{
			Kind: fitbit.ErrPermission, Detail: "this app may not read heart rates within a day",
			Hint: "only an app of type Personal may, and only those of its owner; set the type at https://dev.fitbit.com/apps",
		}
	}
	return r.v.Intraday.v.Points.v, nil
}

// HeartSamples lists the samples within the window, with a request for each of its days.
func (c *Client) HeartSamples(ctx context.Context, in fitbit.Window) ([]fitbit.HeartSample, error) {
	if !in.To.IsZero() && !in.From.Before(in.To) {
		return nil, nil
	}
	loc, err := c.location(ctx)
	if err != nil {
		return nil, err
	}
	last := fitbit.DateOf(c.now().In(loc))
	if to := fitbit.DateOf(in.To.Add(-1).In(loc)); !in.To.IsZero() && to.Before(last) {
		last = to
	}
	first := fitbit.DateOf(in.From.In(loc))
	if first.Before(firstDay()) {
		first = firstDay()
	}
	var samples []fitbit.HeartSample
	for d := first; !last.Before(d); d = d.AddDays(1) {
		points, err := c.intraday(ctx, d)
		if err != nil {
			return nil, err
		}
		for _, p := range points {
			if s, ok := p.sample(d, loc); ok && in.Contains(s.Time) {
				samples = append(samples, s)
			}
		}
	}
	slices.SortStableFunc(samples, func(a, b fitbit.HeartSample) int { return cmp.Or(a.Time.Compare(b.Time), a.BPM-b.BPM) })
	return slices.Compact(samples), nil
}

func (p intradayPoint) sample(d fitbit.Date, loc *time.Location) (fitbit.HeartSample, bool) {
	at, err := time.ParseInLocation(wallClock, d.String()+" "+string(p.Time), loc)
	bpm := p.BPM.BPM()
	if err != nil || bpm == nil {
		return fitbit.HeartSample{}, false
	}
	return fitbit.HeartSample{Time: at, BPM: *bpm}, true
}

// LatestHeartSample returns the newest sample of today, or else of yesterday, that
// is not older than since.
func (c *Client) LatestHeartSample(ctx context.Context, since time.Time) (fitbit.HeartSample, error) {
	loc, err := c.location(ctx)
	if err != nil {
		return fitbit.HeartSample{}, err
	}
	today := fitbit.DateOf(c.now().In(loc))
	for _, d := range []fitbit.Date{today, today.AddDays(-1)} {
		in := fitbit.Window{From: d.Start(loc), To: d.AddDays(1).Start(loc)}
		if since.After(in.From) {
			in.From = since
		}
		samples, err := c.HeartSamples(ctx, in)
		if err != nil {
			return fitbit.HeartSample{}, err
		}
		if len(samples) > 0 {
			return samples[len(samples)-1], nil
		}
	}
	return fitbit.HeartSample{}, fitbit.ErrNoData
}
