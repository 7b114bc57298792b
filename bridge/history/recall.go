package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// Recall returns all that is known of a person.
func (s *Store) Recall(ctx context.Context, uid string) (bridge.Past, error) {
	past, err := recall(ctx, s.db, uid)
	return past, s.classify("recall", err)
}

func recall(ctx context.Context, db *sql.DB, uid string) (past bridge.Past, err error) {
	if past.Profile, err = recallProfile(ctx, db, uid); err != nil {
		return past, err
	}
	if past.Weights, err = weights(ctx, db, uid, false); err != nil {
		return past, err
	}
	if past.Fats, err = fats(ctx, db, uid, false); err != nil {
		return past, err
	}
	past.Devices, err = collect(ctx, db, func(rows *sql.Rows) (d bridge.KnownDevice, err error) {
		var sync *string
		err = rows.Scan(&d.ID, &d.Name, &d.Type, &d.BatteryPercent, &d.Battery, &sync, &d.Cloud, &d.CloudID)
		d.LastSync = parse(sync, &err)
		return d, err
	}, `SELECT id, name, type, battery_pct, battery, last_sync, cloud, cloud_id FROM device WHERE uid = ? ORDER BY id`, uid)
	if err != nil {
		return past, err
	}
	past.Days, err = collect(ctx, db, scanDay,
		`SELECT date, min_bpm, avg_bpm, max_bpm, resting_bpm, hrv_rmssd_ms, out_of_range_min, light_min, moderate_min, vigorous_min, peak_min
		FROM heart_day WHERE uid = ? ORDER BY date DESC LIMIT ?`, uid, recalledDays)
	slices.Reverse(past.Days)
	return past, err
}

// weights are those that are there, or those that are deleted.
func weights(ctx context.Context, db *sql.DB, uid string, deleted bool) ([]bridge.KnownWeight, error) {
	return collect(ctx, db, func(rows *sql.Rows) (w bridge.KnownWeight, err error) {
		var at string
		err = rows.Scan(&w.Cloud, &w.ID, &w.WeighIn, &at, &w.Kilograms, &w.Device, &w.Recorded)
		w.Time = parse(&at, &err)
		return w, err
	}, `SELECT cloud, id, weigh_in, measured_at, kg, device, recorded FROM weight WHERE uid = ? AND (deleted_at IS NOT NULL) = ?`, uid, deleted)
}

// fats are those that are there, or those that are deleted.
func fats(ctx context.Context, db *sql.DB, uid string, deleted bool) ([]bridge.KnownFat, error) {
	return collect(ctx, db, func(rows *sql.Rows) (f bridge.KnownFat, err error) {
		var at string
		err = rows.Scan(&f.Cloud, &f.ID, &at, &f.Percent, &f.Device, &f.Recorded)
		f.Time = parse(&at, &err)
		return f, err
	}, `SELECT cloud, id, measured_at, percent, device, recorded FROM body_fat WHERE uid = ? AND (deleted_at IS NOT NULL) = ?`, uid, deleted)
}

func recallProfile(ctx context.Context, db *sql.DB, uid string) (p bridge.Profile, err error) {
	var baseline, date, latest, success, swept *string
	err = db.QueryRowContext(ctx,
		`SELECT baseline_at, height_m, time_zone, heart_date, latest_bpm, latest_at, last_success, swept_at, identity, cloud, heart_cloud
		FROM person WHERE uid = ?`, uid).
		Scan(&baseline, &p.HeightMetres, &p.TimeZone, &date, &p.Latest.BPM, &latest, &success, &swept, &p.Identity, &p.Cloud, &p.HeartCloud)
	if errors.Is(err, sql.ErrNoRows) {
		return bridge.Profile{}, nil
	}
	p.BaselineAt, p.Latest.Time = parse(baseline, &err), parse(latest, &err)
	p.LastSuccess, p.SweptAt = parse(success, &err), parse(swept, &err)
	if err == nil && date != nil {
		p.HeartDate, err = fitbit.ParseDate(*date)
	}
	return p, err
}

func scanDay(rows *sql.Rows) (d fitbit.HeartDay, err error) {
	var date string
	var z struct{ out, light, moderate, vigorous, peak *int }
	err = rows.Scan(&date, &d.MinBPM, &d.AvgBPM, &d.MaxBPM, &d.RestingBPM, &d.HRVMillis, &z.out, &z.light, &z.moderate, &z.vigorous, &z.peak)
	if err != nil {
		return d, err
	}
	if z.moderate != nil && z.vigorous != nil && z.peak != nil {
		d.Zones = &fitbit.ZoneMinutes{OutOfRange: z.out, Light: z.light, Moderate: *z.moderate, Vigorous: *z.vigorous, Peak: *z.peak}
	}
	d.Date, err = fitbit.ParseDate(date)
	return d, err
}

// collect reads all rows of a query.
func collect[T any](ctx context.Context, db *sql.DB, scan func(*sql.Rows) (T, error), query string, args ...any) (list []T, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// parse reads a stamp, unless something has failed already.
func parse(s *string, err *error) time.Time {
	if *err != nil || s == nil {
		return time.Time{}
	}
	t, perr := time.Parse(time.RFC3339Nano, *s)
	if perr != nil {
		*err = fmt.Errorf("stored time: %w", perr)
		return time.Time{}
	}
	return t
}

// HeartDays returns what is known of a person's heart since a day, oldest first.
func (s *Store) HeartDays(ctx context.Context, uid string, since fitbit.Date) ([]fitbit.HeartDay, error) {
	days, err := collect(ctx, s.db, scanDay, `SELECT date, min_bpm, avg_bpm, max_bpm, resting_bpm, hrv_rmssd_ms,
			out_of_range_min, light_min, moderate_min, vigorous_min, peak_min
		FROM heart_day WHERE uid = ? AND date >= ? ORDER BY date`, uid, since.String())
	return days, s.classify("read heart days", err)
}

// Events returns every event of a person in the order it became known, whether the
// broker has it yet or not.
func (s *Store) Events(ctx context.Context, uid string) ([]bridge.Event, error) {
	events, err := collect(ctx, s.db, func(rows *sql.Rows) (e bridge.Event, err error) {
		var payload string
		if err = rows.Scan(&payload); err == nil {
			err = json.Unmarshal([]byte(payload), &e)
		}
		return e, err
	}, `SELECT payload FROM event WHERE uid = ? ORDER BY seq`, uid)
	return events, s.classify("read events", err)
}
