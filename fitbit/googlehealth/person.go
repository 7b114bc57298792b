package googlehealth

import (
	"context"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/wire"
)

// Identity returns the person's healthUserId, and the id that the Fitbit Web API knew
// them by.
func (c *Client) Identity(ctx context.Context) (fitbit.Identity, error) {
	var r struct {
		HealthUserID string `json:"healthUserId"`
		LegacyUserID string `json:"legacyUserId"`
	}
	if err := c.rest.Get(ctx, "/v4/users/me/identity", "prettyPrint=false", &r); err != nil {
		return fitbit.Identity{}, err
	}
	if r.HealthUserID == "" || len(r.HealthUserID) > 128 {
		return fitbit.Identity{}, &fitbit.CloudError{Kind: fitbit.ErrProtocol, Detail: "the answer names nobody"}
	}
	if len(r.LegacyUserID) > 128 {
		r.LegacyUserID = ""
	}
	return fitbit.Identity{User: r.HealthUserID, Former: r.LegacyUserID}, nil
}

// Settings returns the person's time zone; a zone this machine does not know
// becomes the offset the cloud says with it. Without either there is no data:
// the machine's zone or UTC would be a guess.
func (c *Client) Settings(ctx context.Context) (fitbit.Settings, error) {
	var r struct {
		TimeZone  string  `json:"timeZone"`
		UTCOffset seconds `json:"utcOffset"`
	}
	if err := c.rest.Get(ctx, "/v4/users/me/settings", "prettyPrint=false", &r); err != nil {
		return fitbit.Settings{}, err
	}
	// "Local" would be the machine's zone and "" is UTC; neither is the person's.
	if loc, err := time.LoadLocation(r.TimeZone); err == nil && r.TimeZone != "" && r.TimeZone != "Local" {
		return fitbit.Settings{Location: loc}, nil
	}
	if !r.UTCOffset.known || r.UTCOffset.Abs() > maxOffset {
		return fitbit.Settings{}, fitbit.ErrNoData
	}
	return fitbit.Settings{Location: time.FixedZone("", int(r.UTCOffset.Seconds()))}, nil
}

type pairedDevice struct {
	Name          string      `json:"name"`
	DeviceType    string      `json:"deviceType"`
	DeviceVersion string      `json:"deviceVersion"`
	BatteryLevel  wire.Number `json:"batteryLevel"`
	BatteryStatus string      `json:"batteryStatus"`
	LastSyncTime  timestamp   `json:"lastSyncTime"`
}

// Devices lists paired scales and trackers. Their MAC addresses are never read.
func (c *Client) Devices(ctx context.Context) ([]fitbit.Device, error) {
	var devices []fitbit.Device
	token := ""
	for range maxPages {
		query := "pageSize=100&prettyPrint=false"
		if token != "" {
			query += "&pageToken=" + url.QueryEscape(token)
		}
		var r struct {
			PairedDevices []pairedDevice `json:"pairedDevices"`
			NextPageToken string         `json:"nextPageToken"`
		}
		if err := c.rest.Get(ctx, "/v4/users/me/pairedDevices", query, &r); err != nil {
			return nil, err
		}
		for _, d := range r.PairedDevices {
			devices = append(devices, d.device())
		}
		if token = r.NextPageToken; token == "" {
			break
		}
	}
	slices.SortStableFunc(devices, func(a, b fitbit.Device) int { return strings.Compare(a.ID, b.ID) })
	return slices.CompactFunc(devices, func(a, b fitbit.Device) bool { return a.ID == b.ID }), nil
}

func (d pairedDevice) device() fitbit.Device {
	v := fitbit.Device{
		ID:       wire.ID(path.Base(d.Name), func() string { return d.DeviceType + d.DeviceVersion }),
		Name:     wire.Printable(d.DeviceVersion),
		Type:     fitbit.Tracker,
		LastSync: d.LastSyncTime.Time,
	}
	if d.DeviceType == "SCALE" {
		v.Type = fitbit.Scale
	}
	switch s := strings.ToLower(d.BatteryStatus); s {
	case "high", "medium", "low", "empty":
		v.Battery = s
	}
	if level, ok := d.BatteryLevel.Within(0, 100); ok {
		v.BatteryPercent = new(int(level))
	} else if v.Battery == "empty" && !d.BatteryLevel.Known {
		v.BatteryPercent = new(0) // zeros are left out
	}
	return v
}
