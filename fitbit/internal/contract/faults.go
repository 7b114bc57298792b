package contract

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// metrics are all that a source is asked for, one request each.
func metrics() []fitbit.Metric {
	return append([]fitbit.Metric{
		fitbit.WeightMetric, fitbit.BodyFatMetric, fitbit.HeightMetric,
		fitbit.LatestHeartRate, fitbit.DevicesMetric, fitbit.SettingsMetric,
	}, dailyMetrics()...)
}

// fetch asks for one metric and forgets the value.
func (l *lab) fetch(src fitbit.Source, m fitbit.Metric) error {
	return l.fetchWith(l.Context(), src, m)
}

func (l *lab) fetchWith(ctx context.Context, src fitbit.Source, m fitbit.Metric) (err error) {
	now := l.clock.Now()
	switch week := (fitbit.Window{From: now.AddDate(0, 0, -7)}); m {
	case fitbit.WeightMetric:
		_, err = src.Weights(ctx, week)
	case fitbit.BodyFatMetric:
		_, err = src.BodyFats(ctx, week)
	case fitbit.HeightMetric:
		_, err = src.Height(ctx)
	case fitbit.LatestHeartRate:
		_, err = src.LatestHeartSample(ctx, now.Add(-12*time.Hour))
	case fitbit.DevicesMetric:
		_, err = src.Devices(ctx)
	case fitbit.SettingsMetric:
		_, err = src.Settings(ctx)
	default:
		_, err = src.HeartDays(ctx, m, fitbit.DateOf(now), fitbit.DateOf(now))
	}
	return err
}

// asked counts the requests for data since the last count.
func (l *lab) asked() int {
	n := 0
	for _, r := range l.fake.Requests() {
		if r.Grant == "" {
			n++
		}
	}
	l.fake.ResetRequests()
	return n
}

func tokenRefusedOnce(l *lab) {
	src, t := l.source()
	for i, m := range metrics() {
		if i%3 == 0 { // some metrics are preceded by a request for the zone
			src = l.cloud.Source(l.env, t)
		}
		l.fine(l.fetch(src, m))
		l.asked()
		l.fake.Fail(fakecloud.Fault{Kind: fakecloud.Unauthorized, Path: l.cloud.DataPath, Times: 1})
		before := t.renewals
		l.fine(l.fetch(src, m))
		if n := l.asked(); n < 2 || t.renewals != before+1 {
			l.Errorf("%s: %d requests and %d renewals, want a second and one", m, n, t.renewals-before)
		}
	}
}

func tokenRefusedForGood(l *lab) {
	src, t := l.source()
	l.fine(l.fetch(src, fitbit.WeightMetric))
	l.asked()
	l.fake.Fail(fakecloud.Fault{Kind: fakecloud.Unauthorized, Path: l.cloud.DataPath})
	err := l.fetch(src, fitbit.WeightMetric)
	l.fails(err, fitbit.ErrReauthRequired)
	if fitbit.Hint(err) == "" {
		l.Errorf("%v comes without a hint", err)
	}
	if n := l.asked(); n != 2 || t.renewals != 1 {
		l.Errorf("%d requests and %d renewals, want 2 and 1", n, t.renewals)
	}
}

func tokensFail(l *lab) {
	src, t := l.source()
	l.asked()
	t.fails = fmt.Errorf("tokens.db: %w", fitbit.ErrStorage)
	for _, m := range metrics() {
		l.fails(l.fetch(src, m), fitbit.ErrStorage)
	}
	if n := l.asked(); n != 0 {
		l.Errorf("%d requests were sent without a token", n)
	}
}

func rateLimit(l *lab) {
	for _, wait := range []time.Duration{0, time.Second, 10 * time.Minute, 90 * 24 * time.Hour} {
		src, _ := l.source()
		l.fake.Fail(fakecloud.Fault{Kind: fakecloud.RateLimited, Path: l.cloud.DataPath, Times: 1, RetryAfter: wait})
		now := l.clock.Now()
		err := l.fetch(src, fitbit.WeightMetric)
		l.fails(err, fitbit.ErrUnavailable)
		limit, ok := errors.AsType[*fitbit.RateLimitError](err)
		if !ok {
			l.Fatalf("error is %v, want a rate limit", err)
		}
		if !limit.Until.After(now) || wait < time.Hour && limit.Until.Before(now.Add(wait)) || limit.Until.After(now.AddDate(0, 0, 1)) {
			l.Errorf("after %v the next request may come at %v, now is %v", wait, limit.Until, now)
		}
		l.asked()
		l.clock.Set(limit.Until.Add(-time.Second))
		for _, m := range metrics() { // the budget is one for all
			again, ok := errors.AsType[*fitbit.RateLimitError](l.fetch(src, m))
			if !ok || !again.Until.Equal(limit.Until) {
				l.Errorf("%s: a second before its end the limit is %v, want %v", m, again, limit.Until)
			}
		}
		if n := l.asked(); n != 0 {
			l.Errorf("%d requests were sent in spite of the limit", n)
		}
		l.clock.Set(limit.Until)
		l.fine(l.fetch(src, fitbit.WeightMetric))
		if l.asked() == 0 {
			l.Error("no request was sent after the limit's end")
		}
		l.clock.Set(now)
	}
}

// faults strike one metric after the other, and those not struck go on.
func faults(l *lab) {
	l.anna.Generate(l.day("2026-11-17"), l.day("2026-11-20"))
	_, t := l.source()
	for _, c := range []struct {
		fault fakecloud.Fault
		kind  error
	}{
		{fakecloud.Fault{Kind: fakecloud.ServerError}, fitbit.ErrUnavailable},
		{fakecloud.Fault{Kind: fakecloud.ServerError, Status: http.StatusInternalServerError}, fitbit.ErrUnavailable},
		{fakecloud.Fault{Kind: fakecloud.HTML}, fitbit.ErrUnavailable},
		{fakecloud.Fault{Kind: fakecloud.HTML, Status: http.StatusOK}, fitbit.ErrProtocol},
		{fakecloud.Fault{Kind: fakecloud.HTML, Status: http.StatusNotFound}, fitbit.ErrProtocol},
		{fakecloud.Fault{Kind: fakecloud.Garbage}, fitbit.ErrProtocol},
		{fakecloud.Fault{Kind: fakecloud.Truncated}, fitbit.ErrUnavailable},
		{fakecloud.Fault{Kind: fakecloud.DropReply}, fitbit.ErrUnavailable},
		{fakecloud.Fault{Kind: fakecloud.Gone}, fitbit.ErrRetired},
	} {
		src := l.cloud.Source(l.env, t)
		c.fault.Path = l.cloud.DataPath
		cancel := l.fake.Fail(c.fault)
		for _, m := range metrics() {
			err := l.fetch(src, m)
			if !errors.Is(err, c.kind) {
				l.Errorf("%s, %s %d:", m, c.fault.Kind, c.fault.Status)
			}
			l.fails(err, c.kind)
		}
		cancel()
		c.fault.Path = l.cloud.WeightPath
		cancel = l.fake.Fail(c.fault)
		src = l.cloud.Source(l.env, t)
		l.fails(l.fetch(src, fitbit.WeightMetric), c.kind)
		l.fine(l.fetch(src, fitbit.DevicesMetric))
		cancel()
		l.fine(l.fetch(src, fitbit.WeightMetric))
		l.clock.Advance(time.Minute) // for the cloud's quota
	}
	defer l.fake.Fail(fakecloud.Fault{Kind: fakecloud.Oversized, Path: l.cloud.WeightPath})()
	l.fails(l.fetch(l.cloud.Source(l.env, t), fitbit.WeightMetric), fitbit.ErrProtocol)
}

func slow(l *lab) {
	src, _ := l.source()
	l.fake.Fail(fakecloud.Fault{Kind: fakecloud.Slow, Path: l.cloud.DataPath, Delay: time.Hour})
	ctx, cancel := context.WithTimeout(l.Context(), 30*time.Millisecond)
	defer cancel()
	l.fails(l.fetchWith(ctx, src, fitbit.WeightMetric), context.DeadlineExceeded)
	ctx, cancel = context.WithCancel(l.Context())
	time.AfterFunc(30*time.Millisecond, cancel)
	l.fails(l.fetchWith(ctx, src, fitbit.HeartRange), context.Canceled)
	l.asked()
	l.fails(l.fetchWith(ctx, src, fitbit.WeightMetric), context.Canceled)
	if n := l.asked(); n != 0 {
		l.Errorf("%d requests were sent after the end", n)
	}
}
