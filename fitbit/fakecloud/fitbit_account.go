package fakecloud

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

type fitbitUser struct {
	Age           int      `json:"age"`
	DateOfBirth   string   `json:"dateOfBirth"`
	DisplayName   string   `json:"displayName"`
	DistanceUnit  string   `json:"distanceUnit"`
	EncodedID     string   `json:"encodedId"`
	FullName      string   `json:"fullName"`
	Gender        string   `json:"gender"`
	Height        nullable `json:"height"`
	HeightUnit    string   `json:"heightUnit"`
	Locale        string   `json:"locale"`
	MemberSince   string   `json:"memberSince"`
	OffsetFromUTC int      `json:"offsetFromUTCMillis"`
	Timezone      string   `json:"timezone"`
	Weight        nullable `json:"weight"`
	WeightUnit    string   `json:"weightUnit"`
}

// fitbitProfile shows a height and a weight that nobody ever entered as 0. Its units
// are those of the website and have no say here.
func fitbitProfile(c fitbitCall) (reply, *fitbitError) {
	here := c.person.local(c.now)
	_, offset := here.Zone()
	user := fitbitUser{
		Age: 42, DateOfBirth: fmt.Sprintf("%04d-01-01", here.Year()-42), DisplayName: c.person.name, FullName: c.person.name,
		EncodedID: c.person.legacyUser, Gender: "NA", Locale: "en_GB", MemberSince: "2020-01-02",
		DistanceUnit: "METRIC", HeightUnit: "METRIC", WeightUnit: "METRIC",
		Timezone: here.Location().String(), OffsetFromUTC: offset * 1000,
		Height: c.units.height(c.person.heightNow(c.now)),
	}
	for r := range stored(weightType)(c.person, limits{}, c.now) {
		user.Weight = c.units.weight(r.value)
		break
	}
	return jsonReply(http.StatusOK, map[string]fitbitUser{"user": user}), nil
}

type fitbitDevice struct {
	Battery       string   `json:"battery,omitempty"`
	BatteryLevel  int      `json:"batteryLevel,omitempty"`
	DeviceVersion string   `json:"deviceVersion"`
	Features      []string `json:"features"`
	ID            string   `json:"id"`
	LastSyncTime  string   `json:"lastSyncTime,omitempty"`
	MAC           string   `json:"mac,omitempty"`
	Type          string   `json:"type"`
}

func fitbitDevices(c fitbitCall) (reply, *fitbitError) {
	list := []fitbitDevice{}
	for _, d := range c.person.devices {
		w := fitbitDevice{
			Battery: d.BatteryStatus, BatteryLevel: d.BatteryLevel, DeviceVersion: d.Version, ID: c.person.fitbitDeviceID(d),
			Features: append([]string{}, d.Features...), MAC: strings.ToUpper(strings.ReplaceAll(d.MAC, ":", "")), Type: d.Type,
		}
		if !d.LastSync.IsZero() {
			w.LastSyncTime = c.person.local(d.LastSync).Format("2006-01-02T15:04:05.000")
		}
		list = append(list, w)
	}
	return jsonReply(http.StatusOK, list), nil
}

// fitbitDeviceID returns the legacy cloud's id of a device: digits, or 16 letters and
// digits if it is a scale. It has nothing in common with Google's.
func (p *Person) fitbitDeviceID(d Device) string {
	h := seed(0).hash(p.name+" "+d.ID, 0)
	if d.Type != "SCALE" {
		return strconv.FormatUint(1_000_000_000+h%9_000_000_000, 10)
	}
	return legacyID(h) + legacyID(h>>32) + legacyID(h >> 16)[:4]
}

// isDevice reports whether a device has this id in either cloud.
func (p *Person) isDevice(id string) func(Device) bool {
	return func(d Device) bool { return slices.Contains([]string{d.ID, p.fitbitDeviceID(d)}, id) }
}
