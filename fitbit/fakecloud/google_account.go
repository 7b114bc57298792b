package fakecloud

import (
	"strings"
	"time"
)

func identity(op operation) (reply, error) {
	if err := op.onlyParams(); err != nil {
		return reply{}, err
	}
	return answerJSON(op, struct {
		Name         string `json:"name"`
		HealthUserID string `json:"healthUserId"`
		LegacyUserID string `json:"legacyUserId"`
	}{op.person.resource("identity"), op.person.user, op.person.legacyUser})
}

func settings(op operation) (reply, error) {
	if err := op.onlyParams(); err != nil {
		return reply{}, err
	}
	here := op.person.local(op.now)
	return answerJSON(op, struct {
		Name           string `json:"name"`
		TimeZone       string `json:"timeZone"`
		UTCOffset      string `json:"utcOffset"`
		WeightUnit     string `json:"weightUnit"`
		HeightUnit     string `json:"heightUnit"`
		LanguageLocale string `json:"languageLocale"`
	}{
		op.person.resource("settings"), here.Location().String(), utcOffset(here),
		"WEIGHT_UNIT_KILOGRAMS", "HEIGHT_UNIT_CENTIMETERS", "en_GB",
	})
}

// profile shows only the age: no other field has been seen live.
func profile(op operation) (reply, error) {
	if err := op.onlyParams(); err != nil {
		return reply{}, err
	}
	return answerJSON(op, struct {
		Name string `json:"name"`
		Age  int    `json:"age"`
	}{op.person.resource("profile"), 42})
}

type wireDevice struct {
	Name          string   `json:"name"`
	DeviceType    string   `json:"deviceType"`
	DeviceVersion string   `json:"deviceVersion,omitempty"`
	BatteryLevel  int      `json:"batteryLevel,omitempty"`
	BatteryStatus string   `json:"batteryStatus,omitempty"`
	LastSyncTime  string   `json:"lastSyncTime,omitempty"`
	MACAddress    string   `json:"macAddress,omitempty"`
	Features      []string `json:"features,omitempty"`
}

func pairedDevices(op operation) (reply, error) {
	if err := op.onlyParams("pageSize", "pageToken"); err != nil {
		return reply{}, err
	}
	size, err := op.pageSize(5, 100)
	if err != nil {
		return reply{}, err
	}
	devices := op.person.devices
	from, err := op.cursor()
	if err != nil {
		return reply{}, err
	}
	var body struct {
		PairedDevices []wireDevice `json:"pairedDevices,omitempty"`
		NextPageToken string       `json:"nextPageToken,omitempty"`
	}
	for i := int(from); i < len(devices); i++ {
		if len(body.PairedDevices) == size {
			body.NextPageToken = op.pageToken(int64(i))
			break
		}
		body.PairedDevices = append(body.PairedDevices, op.device(devices[i]))
	}
	return answerJSON(op, body)
}

func (op operation) device(d Device) wireDevice {
	w := wireDevice{
		Name: op.person.resource("pairedDevices/" + d.ID), DeviceType: d.Type, DeviceVersion: d.Version,
		BatteryLevel: d.BatteryLevel, BatteryStatus: d.BatteryStatus,
		MACAddress: strings.ToUpper(d.MAC), Features: d.Features,
	}
	if !d.LastSync.IsZero() {
		w.LastSyncTime = d.LastSync.UTC().Format(time.RFC3339Nano)
	}
	return w
}
