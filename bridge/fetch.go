package bridge

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// latestWindow is how old the newest heart rate may be.
const latestWindow = 24 * time.Hour

// try fetches one metric and keeps its trouble apart from the others'. A metric
// without permission is left alone for hours.
func (p *person) try(ctx context.Context, m fitbit.Metric, fetch func() error) error {
	if since, denied := p.denied[m]; denied && p.now().Sub(since) < deniedRetry {
		return p.troubles[m]
	}
	p.pulse.within(fetchTime)
	began := p.now()
	err := fetch()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil || errors.Is(err, fitbit.ErrNoData) {
		p.b.stats.polls.Add(1)
		p.answered[m] = true
		delete(p.denied, m)
		delete(p.troubles, m)
		p.profile.LastSuccess = p.now()
		p.log.Debug("cloud asked", "metric", string(m), "empty", err != nil, "took", p.now().Sub(began))
		return err
	}
	p.b.stats.failed(StateOf(err))
	if errors.Is(err, fitbit.ErrPermission) {
		p.denied[m] = p.now()
	}
	if StateOf(p.troubles[m]) != StateOf(err) || p.troubles[m] == nil {
		p.log.Debug("metric failed", "metric", string(m), "error", err)
	}
	p.troubles[m] = err
	return err
}

// stops reports whether an error ends a round: the other metrics would meet it too.
func stops(err error) bool {
	switch StateOf(err) {
	case StateSignInRequired, StateSourceRetired, StateRateLimited, StateStorageError:
		return true
	case StateSetupRequired:
		return errors.Is(err, fitbit.ErrNoToken)
	case StateOK, StateUnavailable, StateError:
	}
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// worse returns the more urgent of two errors.
func worse(a, b error) error {
	if a == nil || errors.Is(a, fitbit.ErrNoData) || b != nil && urgency(StateOf(b)) > urgency(StateOf(a)) {
		return b
	}
	return a
}

// fetchProfile asks for the time zone and the height.
func (p *person) fetchProfile(ctx context.Context) error {
	next := p.profile
	worst := p.try(ctx, fitbit.SettingsMetric, func() error {
		s, err := p.source.Settings(ctx)
		if err == nil {
			next.TimeZone = ZoneName(s.Location, p.now())
		}
		return err
	})
	if stops(worst) {
		return worst
	}
	err := p.try(ctx, fitbit.HeightMetric, func() error {
		metres, err := p.source.Height(ctx)
		if err == nil {
			next.HeightMetres = metres
		}
		return err
	})
	next.LastSuccess = p.profile.LastSuccess
	if next.TimeZone != p.profile.TimeZone || next.HeightMetres != p.profile.HeightMetres {
		err = worse(err, p.record(ctx, p.ledger, Entry{Profile: &next}))
	}
	if errors.Is(err, fitbit.ErrNoData) {
		err = nil
	}
	return worse(worst, err)
}

// dailyHeart lists what there is of the heart once a day. The range comes first.
func dailyHeart() []fitbit.Metric {
	return []fitbit.Metric{fitbit.HeartRange, fitbit.HeartZones, fitbit.RestingHeartRate, fitbit.HRV}
}

// fetchHeart asks for the day's heart rates and what comes once a day.
func (p *person) fetchHeart(ctx context.Context) error {
	now := p.now().In(p.location())
	today := fitbit.DateOf(now)
	first := today.AddDays(-1) // yesterday's numbers become final after a late sync
	if p.profile.HeartCloud != p.account.Backend {
		first = today.AddDays(1 - heartHistoryDays)
	}
	week := today.AddDays(1 - freshDays)
	if first.Before(week) {
		week = first
	}
	next, worst := p.profile, error(nil)
	var fetched []fitbit.HeartDay
	for _, m := range dailyHeart() {
		from := first
		if m == fitbit.RestingHeartRate || m == fitbit.HRV {
			from = week
		}
		err := p.try(ctx, m, func() error {
			days, err := p.source.HeartDays(ctx, m, from, today)
			fetched = append(fetched, days...)
			return err
		})
		_, rangeless := p.denied[fitbit.HeartRange]
		if worst = worse(worst, err); err == nil && (rangeless || m == fitbit.HeartRange) {
			next.HeartDate = today
		}
		if stops(err) {
			break // what has been fetched counts
		}
	}
	if !stops(worst) {
		err := p.try(ctx, fitbit.LatestHeartRate, func() error {
			s, err := p.source.LatestHeartSample(ctx, now.Add(-latestWindow))
			if err == nil {
				next.Latest = s
			}
			return err
		})
		if !errors.Is(err, fitbit.ErrNoData) {
			worst = worse(worst, err)
		}
	}
	if ctx.Err() != nil && p.b.visit == nil {
		return ctx.Err()
	}
	next.LastSuccess = p.profile.LastSuccess
	if !stops(worst) && !errors.Is(worst, fitbit.ErrUnavailable) { // what time mends is asked for again as a whole
		next.HeartCloud = p.account.Backend
	}
	return worse(worst, p.learnHeart(ctx, next, fetched, today))
}

func (p *person) learnHeart(ctx context.Context, next Profile, fetched []fitbit.HeartDay, today fitbit.Date) error {
	days := maps.Clone(p.days)
	changed := days.add(fetched)
	same := next.HeartDate == p.profile.HeartDate && next.Latest.Time.Equal(p.profile.Latest.Time) &&
		next.Latest.BPM == p.profile.Latest.BPM && next.HeartCloud == p.profile.HeartCloud
	if len(changed) == 0 && same {
		return nil
	}
	if err := p.record(ctx, p.ledger, Entry{Days: changed, Profile: &next}); err != nil {
		return err
	}
	days.forgetBefore(today.AddDays(-heartHistoryDays))
	p.days = days
	return nil
}
