package bridge

import (
	"context"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// Memory is what the bridge knows across restarts. Its errors say that storage
// failed; nothing is remembered in part.
type Memory interface {
	Diary
	Outbox
	Tombs
}

// Diary remembers what has been seen of each person.
type Diary interface {
	// Recall returns all that is known of a person; of a new one, nothing.
	Recall(ctx context.Context, uid string) (Past, error)
	// Record remembers an entry, all of it or nothing.
	Record(ctx context.Context, uid string, e Entry) error
	// Forget deletes all that is known of a person, messages owed included.
	Forget(ctx context.Context, uid string) error
}

// Outbox keeps the events that the broker has not acknowledged yet.
type Outbox interface {
	// Owed returns up to limit unpublished events of a person, in the order they
	// were recorded.
	Owed(ctx context.Context, uid string, limit int) ([]Owed, error)
	// Settle marks an event as acknowledged by the broker.
	Settle(ctx context.Context, seq int64) error
	// Pending counts the unpublished events.
	Pending(ctx context.Context) (int, error)
}

// Tombs keeps discovery configs that were withdrawn while Home Assistant may not
// have been looking.
type Tombs interface {
	// Bury keeps a config as it last was.
	Bury(ctx context.Context, m Message) error
	// Buried returns the configs as they last were, non-empty.
	Buried(ctx context.Context) ([]Message, error)
	// Exhume forgets a config again.
	Exhume(ctx context.Context, topic string) error
}

// Past is all that is known of a person.
type Past struct {
	Weights []KnownWeight
	Fats    []KnownFat
	Days    []fitbit.HeartDay
	Devices []KnownDevice
	Profile Profile
}

// Ref names a reading: an id means something in its own cloud only.
type Ref struct {
	Cloud string // as [Account.Backend]
	ID    string
}

// KnownWeight is a weight reading, the cloud that tells of it and the weigh-in it
// belongs to.
type KnownWeight struct {
	fitbit.Weight
	Cloud   string
	WeighIn string // id of the weigh-in
}

// Ref returns the reading's name.
func (w KnownWeight) Ref() Ref { return Ref{w.Cloud, w.ID} }

// KnownFat is a body-fat reading and the cloud that tells of it.
type KnownFat struct {
	fitbit.BodyFat
	Cloud string
}

// Ref returns the reading's name.
func (f KnownFat) Ref() Ref { return Ref{f.Cloud, f.ID} }

// KnownDevice is a paired device. Its ID is the one it was first published under, which
// its topic and its entities keep whatever a cloud calls it.
type KnownDevice struct {
	fitbit.Device
	Cloud   string // that lists it
	CloudID string // its id there
}

// Profile holds the single values of a person. Zero fields are not known.
type Profile struct {
	// BaselineAt is when the first complete listing was stored; before that,
	// nothing that is found is an event.
	BaselineAt   time.Time
	HeightMetres float64
	TimeZone     string // IANA name, or "+01:00"
	HeartDate    fitbit.Date
	Latest       fitbit.HeartSample
	LastSuccess  time.Time
	// SweptAt is when the body was last looked at thoroughly.
	SweptAt time.Time
	// Identity is whose readings these are, as [Account.Identity].
	Identity string
	// Cloud is the one that the body was last looked at thoroughly in, and HeartCloud
	// the one that the last month of the heart was fetched from. Where they are not the
	// account's, the person has moved and the first look is still to come.
	Cloud, HeartCloud string
}

// Entry is one step of what became known. Nil fields change nothing.
type Entry struct {
	Weights     []KnownWeight // new or changed
	Fats        []KnownFat    // new or changed
	GoneWeights []Ref         // deleted in their cloud, or told by another one now
	GoneFats    []Ref
	Days        []fitbit.HeartDay // replace what was known of the day
	Devices     *[]KnownDevice    // replaces the list
	Profile     *Profile
	Events      []Event // owed to the broker from now on
}

// Owed is an event that has to be published.
type Owed struct {
	Seq   int64
	Event Event
}
