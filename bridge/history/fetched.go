package history

import (
	"context"
	"database/sql"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/export"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
)

var (
	_ export.Shelf = (*Store)(nil)
	_ export.Diary = (*Store)(nil)
)

// FetchedAt says when the days from first to last were fetched.
func (s *Store) FetchedAt(ctx context.Context, o export.Owner, m fitbit.Metric, first, last fitbit.Date) (map[fitbit.Date]time.Time, error) {
	days := make(map[fitbit.Date]time.Time)
	_, err := collect(ctx, s.db, func(rows *sql.Rows) (_ struct{}, err error) {
		var date, at string
		if err = rows.Scan(&date, &at); err != nil {
			return
		}
		d, err := fitbit.ParseDate(date)
		days[d] = parse(&at, &err)
		return struct{}{}, err
	}, `SELECT date, fetched_at FROM fetched WHERE uid = ? AND metric = ? AND date BETWEEN ? AND ? AND identity = ?`,
		o.UID, string(m), first.String(), last.String(), o.Identity)
	return days, s.classify("read what was fetched", err)
}

// Fetched returns the days from first to last, as far as they were fetched, oldest first.
func (s *Store) Fetched(ctx context.Context, o export.Owner, m fitbit.Metric, first, last fitbit.Date) ([]export.Day, error) {
	days, err := collect(ctx, s.db, func(rows *sql.Rows) (d export.Day, err error) {
		var date, at string
		if err = rows.Scan(&date, &d.Cloud, &at, &d.Payload); err != nil {
			return d, err
		}
		d.Date, err = fitbit.ParseDate(date)
		d.FetchedAt = parse(&at, &err)
		return d, err
	}, `SELECT date, cloud, fetched_at, payload FROM fetched
		WHERE uid = ? AND metric = ? AND date BETWEEN ? AND ? AND identity = ? ORDER BY date`,
		o.UID, string(m), first.String(), last.String(), o.Identity)
	return days, s.classify("read what was fetched", err)
}

// Keep takes in days, all of them or none, in place of what was kept of them.
func (s *Store) Keep(ctx context.Context, o export.Owner, m fitbit.Metric, days []export.Day) error {
	return s.classify("keep what was fetched", sqlite.InTx(ctx, s.db, func(tx *sql.Tx) error {
		w := writer{ctx: ctx, tx: tx, uid: o.UID}
		for _, d := range days {
			payload := d.Payload
			if payload == nil {
				payload = []byte{} // nil would be NULL
			}
			w.exec(`INSERT OR REPLACE INTO fetched (uid, metric, date, identity, cloud, fetched_at, payload) VALUES (?, ?, ?, ?, ?, ?, ?)`,
				o.UID, string(m), d.Date.String(), o.Identity, d.Cloud, stamp(d.FetchedAt), payload)
		}
		return w.err
	}))
}

// Deleted lists readings that are known to be gone, or told by another cloud now.
func (s *Store) Deleted(ctx context.Context, uid string) (w []bridge.KnownWeight, f []bridge.KnownFat, err error) {
	if w, err = weights(ctx, s.db, uid, true); err == nil {
		f, err = fats(ctx, s.db, uid, true)
	}
	return w, f, s.classify("read deletions", err)
}
