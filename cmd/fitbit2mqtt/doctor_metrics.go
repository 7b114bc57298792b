package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// question is how a metric is asked for; the answer itself is nobody's business.
type question struct {
	metric fitbit.Metric
	ask    func(context.Context, fitbit.Source) error // fitbit.ErrNoData if there is none
}

// questions are those about a day that has just begun or is about to end.
func questions(today fitbit.Date, now time.Time) []question {
	month := fitbit.Window{From: now.AddDate(0, 0, -30)}
	days := func(m fitbit.Metric, back int) question {
		return question{m, func(ctx context.Context, s fitbit.Source) error {
			list, err := s.HeartDays(ctx, m, today.AddDays(-back), today)
			return orNoData(len(list), err)
		}}
	}
	return []question{
		{fitbit.WeightMetric, func(ctx context.Context, s fitbit.Source) error {
			list, err := s.Weights(ctx, month)
			return orNoData(len(list), err)
		}},
		{fitbit.BodyFatMetric, func(ctx context.Context, s fitbit.Source) error {
			list, err := s.BodyFats(ctx, month)
			return orNoData(len(list), err)
		}},
		{fitbit.HeightMetric, func(ctx context.Context, s fitbit.Source) error {
			_, err := s.Height(ctx)
			return err
		}},
		days(fitbit.HeartRange, 1),
		days(fitbit.HeartZones, 1),
		days(fitbit.RestingHeartRate, 6),
		days(fitbit.HRV, 6),
		{fitbit.LatestHeartRate, func(ctx context.Context, s fitbit.Source) error {
			_, err := s.LatestHeartSample(ctx, now.AddDate(0, 0, -1))
			return err
		}},
		{fitbit.DevicesMetric, func(ctx context.Context, s fitbit.Source) error {
			list, err := s.Devices(ctx)
			return orNoData(len(list), err)
		}},
		{fitbit.SettingsMetric, func(ctx context.Context, s fitbit.Source) error {
			_, err := s.Settings(ctx)
			return err
		}},
	}
}

func orNoData(n int, err error) error {
	if err == nil && n == 0 {
		return fitbit.ErrNoData
	}
	return err
}

// metrics asks once for each kind of data, until the cloud has enough of it.
func (d *doctor) metrics(ctx context.Context, s subject, source fitbit.Source) []finding {
	missing := d.house.desk.Missing(s.Account)
	now := d.now()
	if loc, err := time.LoadLocation(s.past.Profile.TimeZone); err == nil {
		now = now.In(loc) // else this machine's day: it is off by one at most
	}
	list := questions(fitbit.DateOf(now), now)
	found := make([]finding, 0, len(list))
	enough := ""
	for _, q := range list {
		check := string(q.metric)
		switch {
		case slices.Contains(missing, q.metric):
			found = append(found, skip(check, "it was not granted"))
			continue
		case enough != "":
			continue
		}
		asking, cancel := context.WithTimeout(ctx, answerTime)
		err := q.ask(asking, source)
		cancel()
		switch {
		case err == nil:
			found = append(found, fine(check, "it comes"))
		case errors.Is(err, fitbit.ErrNoData):
			found = append(found, fine(check, "there is none at the moment"))
		default:
			found = append(found, trouble(check, err))
			if inVain(err) {
				enough = q.metric.Words()
			}
		}
	}
	if enough != "" {
		found = append(found, skip("metrics", "the others were not asked for: %s comes first", enough))
	}
	return found
}

// inVain reports whether the cloud would answer the next question in the same way.
func inVain(err error) bool {
	_, limited := errors.AsType[*fitbit.RateLimitError](err)
	return limited || errors.Is(err, fitbit.ErrNoToken) || errors.Is(err, fitbit.ErrReauthRequired) || errors.Is(err, fitbit.ErrRetired) ||
		errors.Is(err, fitbit.ErrStorage) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
