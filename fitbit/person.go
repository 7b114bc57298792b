package fitbit

import (
	"fmt"
	"regexp"
	"time"
)

// Identity says whom a sign-in belongs to.
type Identity struct {
	// User is the cloud's own stable id of the person. It is personal: it may be
	// stored and hashed, but not shown or logged.
	User string
	// Former is the id by which the cloud before this one knew the same person;
	// empty if this cloud does not say. It is as personal as User.
	Former string
}

// Settings are the person's own settings in the cloud.
type Settings struct {
	// Location is the person's time zone; civil days are counted in it. Never nil.
	Location *time.Location
}

// Device is a scale or tracker paired with a person's account.
type Device struct {
	ID   string // the cloud's id, 1 to 128 of [A-Za-z0-9_-]
	Name string // the model people know it by, such as "Aria Air"
	Type DeviceType
	// BatteryPercent is nil where the device does not report it; so is Battery ("").
	BatteryPercent *int
	Battery        string    // "high", "medium", "low" or "empty"
	LastSync       time.Time // last contact with the cloud; zero if never
}

// DeviceType tells scales from everything worn.
type DeviceType string

// The types of paired devices.
const (
	Scale   DeviceType = "scale"
	Tracker DeviceType = "tracker"
)

// NameRule says in one sentence what an account may be called.
const NameRule = "1 to 32 of the characters a-z, 0-9, _ and -, and not \"bridge\""

// ReservedName is the one well-formed name no account may have: the bridge's own
// topics live under it.
const ReservedName = "bridge"

// CheckName refuses account names that [NameRule] does not allow. The error says the rule.
func CheckName(name string) error {
	if name == ReservedName || !regexp.MustCompile(`^[a-z0-9_-]{1,32}$`).MatchString(name) {
		return fmt.Errorf("account name %.40q is not allowed: use %s", name, NameRule)
	}
	return nil
}
