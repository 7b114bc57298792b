package export

import (
	"context"
	"encoding/json"
	"iter"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// heartDay is a day of the heart as it is kept: of one metric, the rest is absent.
type heartDay struct {
	MinBPM     *int     `json:"min_bpm,omitempty"`
	AvgBPM     *float64 `json:"avg_bpm,omitempty"`
	MaxBPM     *int     `json:"max_bpm,omitempty"`
	RestingBPM *int     `json:"resting_bpm,omitempty"`
	HRVMillis  *float64 `json:"hrv_rmssd_ms,omitempty"`
	Zones      *zones   `json:"zones_min,omitempty"`
}

type zones struct {
	OutOfRange *int `json:"out_of_range,omitempty"`
	Light      *int `json:"light,omitempty"`
	Moderate   int  `json:"moderate"`
	Vigorous   int  `json:"vigorous"`
	Peak       int  `json:"peak"`
}

func packHeart(list []fitbit.HeartDay) (map[fitbit.Date][]byte, error) {
	days := make(map[fitbit.Date]heartDay, len(list))
	for _, d := range list {
		days[d.Date] = heartDay{d.MinBPM, d.AvgBPM, d.MaxBPM, d.RestingBPM, d.HRVMillis, (*zones)(d.Zones)}
	}
	return encoded(days)
}

func (d Day) heart(m fitbit.Metric) (fitbit.HeartDay, error) {
	day := fitbit.HeartDay{Date: d.Date}
	if len(d.Payload) == 0 {
		return day, nil
	}
	var kept heartDay
	if err := json.Unmarshal(d.Payload, &kept); err != nil {
		return day, unreadable(m, d.Date, err)
	}
	day.MinBPM, day.AvgBPM, day.MaxBPM = kept.MinBPM, kept.AvgBPM, kept.MaxBPM
	day.RestingBPM, day.HRVMillis, day.Zones = kept.RestingBPM, kept.HRVMillis, (*fitbit.ZoneMinutes)(kept.Zones)
	return day, nil
}

// HeartDays are the days from first to last of which something is known, oldest first.
// They hold what was fetched of these metrics, and whatever the diary knows. Where both
// know a value, the fetched one counts if the day was over by then or it has only just
// been fetched; else the bridge has looked since. Errors: the shelf's and the diary's.
func (p *Person) HeartDays(ctx context.Context, metrics []fitbit.Metric, first, last fitbit.Date) iter.Seq2[fitbit.HeartDay, error] {
	return func(yield func(fitbit.HeartDay, error) bool) {
		days := make(map[fitbit.Date]fitbit.HeartDay)
		if err := p.heartDays(ctx, metrics, first, last, days); err != nil {
			yield(fitbit.HeartDay{}, err)
			return
		}
		for d := first; !last.Before(d); d = d.AddDays(1) {
			day := days[d]
			if day == (fitbit.HeartDay{Date: d}) || day.Date.IsZero() {
				continue
			}
			if !yield(day, nil) {
				return
			}
		}
	}
}

// heartDays fills in days. A year of them is small.
func (p *Person) heartDays(ctx context.Context, metrics []fitbit.Metric, first, last fitbit.Date, days map[fitbit.Date]fitbit.HeartDay) error {
	if p.mine {
		known, err := p.diary.HeartDays(ctx, p.owner.UID, first)
		if err != nil {
			return err
		}
		for _, d := range known {
			days[d.Date] = d
		}
	}
	for _, m := range metrics {
		fetched, err := p.shelf.Fetched(ctx, p.owner, m, first, last)
		if err != nil {
			return err
		}
		for _, f := range fetched {
			told, err := f.heart(m)
			if err != nil {
				return err
			}
			known := days[f.Date]
			known.Date = f.Date
			if final(f.Date, f.FetchedAt) || !f.FetchedAt.Before(p.opened) {
				days[f.Date] = known.Merge(told)
			} else {
				days[f.Date] = told.Merge(known)
			}
		}
	}
	return nil
}
