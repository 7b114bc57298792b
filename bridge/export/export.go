// Package export hands out a person's own data: weigh-ins, days of the heart and single
// heart rates, as rows and as lines to draw, of any span and in any number.
//
// What is missing is fetched from the cloud, oldest first, and kept: one row per person,
// metric and day ([Shelf]). A day that was fetched [settling] after it was over everywhere
// is final and never asked for again; so whatever ends a run early, the next one goes on
// from there. What is fetched here is kept apart from the bridge's own diary: nothing that
// an export brings home can swallow an event that the bridge owes the house. The diary is
// read, though, and where it knows a reading, corrected or deleted, its word counts.
//
// A day is one of the person's calendar. A weigh-in belongs to the day that its own clock
// showed. Single heart rates belong to the day of the person's time zone as it was when
// they were fetched: of a journey, rows may carry other offsets than the day.
//
// It knows no HTTP, SQL, file or terminal: it reads a [fitbit.Source] and writes to an
// [io.Writer]. It refuses to change anything in the cloud or in the diary.
//
// The one invariant: nothing longer than a day of samples, or a person's weigh-ins, is
// ever in memory as a whole. A year of samples streams.
package export

import (
	"context"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// Samples is the metric of single heart rates.
const Samples fitbit.Metric = "heart_samples"

// settling is how long after a day's end trackers and scales may still bring something
// of it.
const settling = 48 * time.Hour

// Owner says whose days they are. The same name may be handed over to somebody else, with
// the UID: then Identity, as of [bridge.Account], is another one.
type Owner struct{ UID, Identity string }

// Day is what a cloud had of one metric on one day.
type Day struct {
	Date      fitbit.Date
	Cloud     string
	FetchedAt time.Time
	// Payload is in this package's own form; it may be empty if the cloud had nothing.
	Payload []byte
}

// final reports whether a day that was fetched then need not be fetched again.
func final(d fitbit.Date, fetchedAt time.Time) bool {
	const farthestWest = 12 * time.Hour // days end there last
	return !fetchedAt.Before(d.AddDays(1).Start(time.UTC).Add(farthestWest + settling))
}

// Shelf keeps fetched days. Its errors say that storage failed.
type Shelf interface {
	// FetchedAt says when the days from first to last were fetched; those that never
	// were are left out.
	FetchedAt(ctx context.Context, o Owner, m fitbit.Metric, first, last fitbit.Date) (map[fitbit.Date]time.Time, error)
	// Fetched returns the days from first to last, as far as they were fetched, oldest first.
	Fetched(ctx context.Context, o Owner, m fitbit.Metric, first, last fitbit.Date) ([]Day, error)
	// Keep takes in days, all of them or none, in place of what was kept of them.
	Keep(ctx context.Context, o Owner, m fitbit.Metric, days []Day) error
}

// Diary is what the bridge itself remembers. Its errors say that storage failed.
type Diary interface {
	// Recall returns all that is known of a person; of a new one, nothing.
	Recall(ctx context.Context, uid string) (bridge.Past, error)
	// Deleted lists readings that are known to be gone, or told by another cloud now.
	Deleted(ctx context.Context, uid string) (weights []bridge.KnownWeight, fats []bridge.KnownFat, err error)
	// HeartDays returns what is known of a person's heart since a day, oldest first.
	HeartDays(ctx context.Context, uid string, since fitbit.Date) ([]fitbit.HeartDay, error)
}

// Person is one person's data, from the shelf and the diary.
type Person struct {
	owner   Owner
	backend string
	shelf   Shelf
	diary   Diary
	now     func() time.Time
	opened  time.Time

	past bridge.Past // empty if the diary is somebody else's
	mine bool        // it is not
}

// Open reads what the diary knows of a person.
func Open(ctx context.Context, a bridge.Account, shelf Shelf, diary Diary, now func() time.Time) (*Person, error) {
	p := &Person{owner: Owner{a.UID, a.Identity}, backend: a.Backend, shelf: shelf, diary: diary, now: now, opened: now(), mine: true}
	past, err := diary.Recall(ctx, a.UID)
	if err != nil {
		return nil, err
	}
	if was := past.Profile.Identity; was != "" && was != a.Identity {
		p.mine = false // the name was handed over, and no bridge has noticed yet
		past = bridge.Past{}
	}
	p.past = past
	return p, p.recallSettings(ctx)
}

// Location is the person's time zone, as well as it is known.
func (p *Person) Location() *time.Location { return p.past.Location() }

// HeightMetres is 0 if it is not known.
func (p *Person) HeightMetres() float64 { return p.past.Profile.HeightMetres }

// Today is the day in the person's time zone.
func (p *Person) Today() fitbit.Date { return fitbit.DateOf(p.now().In(p.Location())) }
