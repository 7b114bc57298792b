package fitbit

import (
	"context"
	"strings"
	"time"
)

// Source fetches one person's readings from one cloud.
//
// Every method sends its requests at once, keeps nothing but the person's time zone
// where readings are meaningless without it, repeats nothing but a single request
// after a renewed token, and may be called from several goroutines. Lists are oldest first, without gaps and without duplicates; an
// empty list is no error.
//
// Errors: ctx's own; [ErrReauthRequired], [ErrPermission], [ErrSetup],
// [ErrRetired], [*RateLimitError], [ErrUnavailable], [ErrProtocol]; and where a
// single value is asked for, [ErrNoData]. Whatever kept [Tokens] from handing out
// a token passes through, [ErrStorage] among it; what a renewal failed with is
// [ErrNoToken] besides.
type Source interface {
	PersonSource
	BodySource
	HeartSource
}

// PersonSource fetches who the person is and what they own.
type PersonSource interface {
	// Identity says whom the sign-in belongs to.
	Identity(ctx context.Context) (Identity, error)
	// Settings returns the person's time zone.
	Settings(ctx context.Context) (Settings, error)
	// Devices lists paired scales and trackers, ordered by ID.
	Devices(ctx context.Context) ([]Device, error)
}

// BodySource fetches body measurements.
type BodySource interface {
	// Weights lists the readings measured within the window.
	Weights(ctx context.Context, in Window) ([]Weight, error)
	// BodyFats lists the readings measured within the window.
	BodyFats(ctx context.Context, in Window) ([]BodyFat, error)
	// LatestWeight returns the newest reading ever, or ErrNoData.
	LatestWeight(ctx context.Context) (Weight, error)
	// Height returns the person's height in metres, or ErrNoData.
	Height(ctx context.Context) (metres float64, err error)
}

// HeartSource fetches heart rates.
type HeartSource interface {
	// HeartDays fetches one daily metric ([HeartRange], [RestingHeartRate], [HRV]
	// or [HeartZones]) for the days from first to last, both included. Days
	// without a value are left out.
	HeartDays(ctx context.Context, metric Metric, first, last Date) ([]HeartDay, error)
	// HeartSamples lists the samples within the window, at the finest resolution
	// the cloud offers. Keep the window to a day: one day may be 17,000 samples.
	HeartSamples(ctx context.Context, in Window) ([]HeartSample, error)
	// LatestHeartSample returns the newest sample not older than since, or ErrNoData.
	LatestHeartSample(ctx context.Context, since time.Time) (HeartSample, error)
}

// Metered is a source that counts what it asks its cloud.
type Metered interface{ Usage() Usage }

// Usage is what was asked of a cloud on one person's behalf.
type Usage struct {
	Requests  int64 // ever, by this source
	Limit     int   // requests that the cloud allows in a window
	Remaining int   // of them, in the window that runs, as far as this source knows
	// Reset is when the window that runs ends; zero if none runs or nobody knows.
	Reset  time.Time
	Window time.Duration // how long a whole one is
}

// Window is a span of time: From is included, To is not. A zero To is open.
type Window struct{ From, To time.Time }

// Contains reports whether t lies within the window.
func (w Window) Contains(t time.Time) bool {
	return !t.Before(w.From) && (w.To.IsZero() || t.Before(w.To))
}

// Metric names one kind of data a cloud is asked for. Permission is granted and
// failure is reported per metric.
type Metric string

// The metrics.
const (
	WeightMetric     Metric = "weight"
	BodyFatMetric    Metric = "body_fat"
	HeightMetric     Metric = "height"
	HeartRange       Metric = "heart_rate" // lowest, mean, highest of a day
	RestingHeartRate Metric = "resting_heart_rate"
	HRV              Metric = "hrv"
	HeartZones       Metric = "heart_zones"
	LatestHeartRate  Metric = "latest_heart_rate"
	DevicesMetric    Metric = "devices"
	SettingsMetric   Metric = "settings"
)

// Words lists metrics as people know them.
func Words(metrics ...Metric) string {
	list := make([]string, len(metrics))
	for i, m := range metrics {
		list[i] = m.Words()
	}
	return strings.Join(list, ", ")
}

// Words names the metric as people know it.
func (m Metric) Words() string {
	switch m {
	case BodyFatMetric:
		return "body fat"
	case HeartRange:
		return "daily heart rate"
	case RestingHeartRate:
		return "resting heart rate"
	case HRV:
		return "heart rate variability"
	case HeartZones:
		return "minutes in heart-rate zones"
	case LatestHeartRate:
		return "latest heart rate"
	case DevicesMetric:
		return "batteries of scale and tracker"
	case SettingsMetric:
		return "time zone"
	case WeightMetric, HeightMetric:
	}
	return string(m)
}
