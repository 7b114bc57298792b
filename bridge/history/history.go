// Package history remembers every reading seen and the messages still owed to the
// broker, in one SQLite file (history.db).
//
// It is the bridge's [bridge.Memory]. A reading and the event it causes are
// written in one transaction: there is no reading whose event is lost. Rows of
// readings that were deleted, or that another cloud tells now, stay, marked. What exports
// have fetched is in a table of its own (bridge/export), which no event depends on. There
// are no secrets in the file: it is safe to copy and meant to be queried.
package history

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// applicationID is "f2mh" in ASCII: a history is not a token store.
const applicationID = 0x66326d68

// recalledDays is how many days of heart rates Recall returns.
const recalledDays = 31

// Options say where the history is.
type Options struct {
	Path   string
	Access sqlite.Access    // what opening may do to the file; zero: all of what Open says
	Now    func() time.Time // nil: time.Now
	Log    *slog.Logger     // nil: discarded
}

// Store is an open history.
type Store struct {
	db   *sql.DB
	path string
	now  func() time.Time
}

var _ bridge.Memory = (*Store)(nil)

// Open opens or creates the file and brings an older one up to date, leaving a
// copy beside it. Errors are internal/sqlite's and say what to do.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	file, err := fileAt(o.Path)
	if err != nil {
		return nil, err
	}
	file.Access, file.Log = o.Access, o.Log
	db, err := sqlite.Open(ctx, file)
	if err != nil {
		return nil, err
	}
	return &Store{db: db, path: o.Path, now: o.Now}, nil
}

// Inspect looks at the file of a history and changes nothing of it, see [sqlite.Inspect].
func Inspect(ctx context.Context, path string) (sqlite.Condition, error) {
	file, err := fileAt(path)
	if err != nil {
		return sqlite.Condition{}, err
	}
	return sqlite.Inspect(ctx, file)
}

func fileAt(path string) (sqlite.Options, error) {
	steps, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return sqlite.Options{}, fmt.Errorf("history: %w", err)
	}
	return sqlite.Options{Path: path, Migrations: steps, ApplicationID: applicationID}, nil
}

// Copy writes the history as it is at this moment to a new file, while everybody goes on.
// Errors are internal/sqlite's, and ctx's own.
func (s *Store) Copy(ctx context.Context, target string) error { return sqlite.Copy(ctx, s.db, target) }

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// classify gives an error its hint.
func (s *Store) classify(doing string, err error) error {
	if err == nil {
		return nil
	}
	return sqlite.Classify(s.path, fmt.Errorf("%s: %w", doing, err))
}

// Record remembers an entry, all of it or nothing.
func (s *Store) Record(ctx context.Context, uid string, e bridge.Entry) error {
	return s.classify("record", sqlite.InTx(ctx, s.db, func(tx *sql.Tx) error {
		w := writer{ctx: ctx, tx: tx, uid: uid, now: stamp(s.now())}
		w.readings(e)
		w.heart(e.Days)
		if e.Devices != nil {
			w.devices(*e.Devices)
		}
		if e.Profile != nil {
			w.profile(*e.Profile)
		}
		for _, event := range e.Events {
			payload, err := json.Marshal(event)
			if err != nil {
				return fmt.Errorf("encode event: %w", err)
			}
			w.exec("INSERT INTO event (uid, payload) VALUES (?, ?)", uid, string(payload))
		}
		return w.err
	}))
}

// Forget deletes all that is known of a person.
func (s *Store) Forget(ctx context.Context, uid string) error {
	return s.classify("forget", sqlite.InTx(ctx, s.db, func(tx *sql.Tx) error {
		w := writer{ctx: ctx, tx: tx, uid: uid}
		for _, table := range []string{"person", "weight", "body_fat", "heart_day", "device", "event", "fetched"} {
			w.exec("DELETE FROM "+table+" WHERE uid = ?", uid)
		}
		return w.err
	}))
}

// writer runs statements until one fails.
type writer struct {
	ctx context.Context //nolint:containedctx // lives for one call
	tx  *sql.Tx
	uid string
	now *string
	err error
}

func (w *writer) exec(query string, args ...any) {
	if w.err == nil {
		_, w.err = w.tx.ExecContext(w.ctx, query, args...)
	}
}

func (w *writer) readings(e bridge.Entry) {
	for _, r := range e.Weights {
		w.exec(`INSERT OR REPLACE INTO weight (uid, cloud, id, weigh_in, measured_at, kg, device, recorded) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			w.uid, r.Cloud, r.ID, r.WeighIn, stamp(r.Time), r.Kilograms, r.Device, string(r.Recorded))
	}
	for _, r := range e.Fats {
		w.exec(`INSERT OR REPLACE INTO body_fat (uid, cloud, id, measured_at, percent, device, recorded) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			w.uid, r.Cloud, r.ID, stamp(r.Time), r.Percent, r.Device, string(r.Recorded))
	}
	for _, r := range e.GoneWeights {
		w.exec(`UPDATE weight SET deleted_at = ? WHERE uid = ? AND cloud = ? AND id = ?`, w.now, w.uid, r.Cloud, r.ID)
	}
	for _, r := range e.GoneFats {
		w.exec(`UPDATE body_fat SET deleted_at = ? WHERE uid = ? AND cloud = ? AND id = ?`, w.now, w.uid, r.Cloud, r.ID)
	}
}

func (w *writer) heart(days []fitbit.HeartDay) {
	for _, d := range days {
		var z struct{ out, light, moderate, vigorous, peak *int }
		if d.Zones != nil {
			z.out, z.light, z.moderate, z.vigorous, z.peak = d.Zones.OutOfRange, d.Zones.Light, &d.Zones.Moderate, &d.Zones.Vigorous, &d.Zones.Peak
		}
		w.exec(`INSERT OR REPLACE INTO heart_day (uid, date, min_bpm, avg_bpm, max_bpm, resting_bpm, hrv_rmssd_ms,
			out_of_range_min, light_min, moderate_min, vigorous_min, peak_min) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			w.uid, d.Date.String(), d.MinBPM, d.AvgBPM, d.MaxBPM, d.RestingBPM, d.HRVMillis, z.out, z.light, z.moderate, z.vigorous, z.peak)
	}
}

func (w *writer) devices(devices []bridge.KnownDevice) {
	w.exec("DELETE FROM device WHERE uid = ?", w.uid)
	for _, d := range devices {
		w.exec(`INSERT INTO device (uid, id, name, type, battery_pct, battery, last_sync, cloud, cloud_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			w.uid, d.ID, d.Name, string(d.Type), d.BatteryPercent, d.Battery, stamp(d.LastSync), d.Cloud, d.CloudID)
	}
}

func (w *writer) profile(p bridge.Profile) {
	var date *string
	if !p.HeartDate.IsZero() {
		date = new(p.HeartDate.String())
	}
	w.exec(`INSERT OR REPLACE INTO person (uid, baseline_at, height_m, time_zone, heart_date, latest_bpm, latest_at, last_success,
		swept_at, identity, cloud, heart_cloud) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		w.uid, stamp(p.BaselineAt), p.HeightMetres, p.TimeZone, date, p.Latest.BPM, stamp(p.Latest.Time), stamp(p.LastSuccess), stamp(p.SweptAt),
		p.Identity, p.Cloud, p.HeartCloud)
}

// stamp writes a time with all its digits and its offset; nil for the zero time.
func stamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return new(t.Format(time.RFC3339Nano))
}
