package bridge_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// cloud is one person's source: what is in its fields, counted.
type cloud struct {
	mu      sync.Mutex
	weights []fitbit.Weight
	fats    []fitbit.BodyFat
	ever    *fitbit.Weight // LatestWeight; nil: no data
	days    map[fitbit.Metric][]fitbit.HeartDay
	latest  fitbit.HeartSample
	devices []fitbit.Device
	zone    *time.Location
	height  float64
	refuse  func(ctx context.Context, m fitbit.Metric) error // nil: all is well

	limit int           // requests in a window; 0: any number
	span  time.Duration // of a window, which begins with a request
	used  int           // in the window
	reset time.Time     // its end

	total int64 // requests ever
	asked map[fitbit.Metric]int
	spans []fitbit.Window // of the weight requests
	first map[fitbit.Metric]fitbit.Date
	last  map[fitbit.Metric]fitbit.Date
}

var (
	_ fitbit.Source  = (*cloud)(nil)
	_ fitbit.Metered = (*cloud)(nil)
)

func newCloud() *cloud {
	return &cloud{
		zone: time.FixedZone("", 3600), height: 1.785, days: make(map[fitbit.Metric][]fitbit.HeartDay),
		asked: make(map[fitbit.Metric]int), first: make(map[fitbit.Metric]fitbit.Date), last: make(map[fitbit.Metric]fitbit.Date),
	}
}

// set changes the cloud between two requests.
func (c *cloud) set(change func(*cloud)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c)
}

// fail makes the metrics, or all if there are none, fail with err from now on; nil ends that.
func (c *cloud) fail(err error, metrics ...fitbit.Metric) {
	c.set(func(c *cloud) {
		c.refuse = func(_ context.Context, m fitbit.Metric) error {
			if len(metrics) > 0 && !slices.Contains(metrics, m) {
				return nil
			}
			return err
		}
	})
}

// count returns how often a metric was asked for, or all of them together, since
// the last call, and forgets it.
func (c *cloud) count(metrics ...fitbit.Metric) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for m, asked := range c.asked {
		if len(metrics) == 0 || slices.Contains(metrics, m) {
			n += asked
			delete(c.asked, m)
		}
	}
	return n
}

func ask[T any](ctx context.Context, c *cloud, m fitbit.Metric, answer func() (T, error)) (T, error) {
	var nothing T
	c.mu.Lock()
	c.asked[m]++
	err := c.spend(1)
	refuse := c.refuse
	c.mu.Unlock()
	if err != nil {
		return nothing, err
	}
	if refuse != nil {
		if err := refuse(ctx, m); err != nil {
			return nothing, err
		}
	}
	if ctx.Err() != nil {
		return nothing, ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return answer()
}

// spend counts requests, and refuses what is more than the budget.
func (c *cloud) spend(requests int) error {
	c.total += int64(requests)
	if c.limit == 0 {
		return nil
	}
	if now := time.Now(); !c.reset.After(now) {
		c.used, c.reset = 0, now.Add(c.span)
	}
	if c.used += requests; c.used > c.limit {
		return &fitbit.RateLimitError{Until: c.reset}
	}
	return nil
}

// pages spends a request for each further month of a window.
func (c *cloud) pages(in fitbit.Window) error {
	return c.spend(int(time.Since(in.From) / (30 * day)))
}

func (c *cloud) Usage() fitbit.Usage {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := fitbit.Usage{Requests: c.total, Limit: c.limit, Remaining: c.limit}
	if c.reset.After(time.Now()) {
		u.Remaining, u.Reset = max(c.limit-c.used, 0), c.reset
	}
	return u
}

func (c *cloud) Identity(context.Context) (fitbit.Identity, error) { return fitbit.Identity{}, nil }

func (c *cloud) Settings(ctx context.Context) (fitbit.Settings, error) {
	return ask(ctx, c, fitbit.SettingsMetric, func() (fitbit.Settings, error) { return fitbit.Settings{Location: c.zone}, nil })
}

func (c *cloud) Devices(ctx context.Context) ([]fitbit.Device, error) {
	return ask(ctx, c, fitbit.DevicesMetric, func() ([]fitbit.Device, error) { return slices.Clone(c.devices), nil })
}

func (c *cloud) Weights(ctx context.Context, in fitbit.Window) ([]fitbit.Weight, error) {
	return ask(ctx, c, fitbit.WeightMetric, func() (list []fitbit.Weight, err error) {
		if err := c.pages(in); err != nil {
			return nil, err
		}
		c.spans = append(c.spans, in)
		for _, w := range c.weights {
			if in.Contains(w.Time) {
				list = append(list, w)
			}
		}
		return list, nil
	})
}

func (c *cloud) BodyFats(ctx context.Context, in fitbit.Window) ([]fitbit.BodyFat, error) {
	return ask(ctx, c, fitbit.BodyFatMetric, func() (list []fitbit.BodyFat, err error) {
		if err := c.pages(in); err != nil {
			return nil, err
		}
		for _, f := range c.fats {
			if in.Contains(f.Time) {
				list = append(list, f)
			}
		}
		return list, nil
	})
}

func (c *cloud) LatestWeight(ctx context.Context) (fitbit.Weight, error) {
	return ask(ctx, c, "latest_weight", func() (fitbit.Weight, error) {
		if c.ever == nil {
			return fitbit.Weight{}, fitbit.ErrNoData
		}
		return *c.ever, nil
	})
}

func (c *cloud) Height(ctx context.Context) (float64, error) {
	return ask(ctx, c, fitbit.HeightMetric, func() (float64, error) {
		if c.height == 0 {
			return 0, fitbit.ErrNoData
		}
		return c.height, nil
	})
}

func (c *cloud) HeartDays(ctx context.Context, m fitbit.Metric, first, last fitbit.Date) ([]fitbit.HeartDay, error) {
	return ask(ctx, c, m, func() (list []fitbit.HeartDay, err error) {
		if m == fitbit.HeartRange { // day by day
			if err := c.spend(last.Sub(first)); err != nil {
				return nil, err
			}
		}
		c.first[m], c.last[m] = first, last
		for _, d := range c.days[m] {
			if !d.Date.Before(first) && !last.Before(d.Date) {
				list = append(list, d)
			}
		}
		return list, nil
	})
}

func (c *cloud) HeartSamples(context.Context, fitbit.Window) ([]fitbit.HeartSample, error) {
	return nil, nil
}

func (c *cloud) LatestHeartSample(ctx context.Context, since time.Time) (fitbit.HeartSample, error) {
	return ask(ctx, c, fitbit.LatestHeartRate, func() (fitbit.HeartSample, error) {
		if c.latest.Time.Before(since) {
			return fitbit.HeartSample{}, fitbit.ErrNoData
		}
		return c.latest, nil
	})
}
