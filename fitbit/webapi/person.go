package webapi

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/oauth"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/wire"
)

// zoneLife is how long a person's zone is believed: somewhat longer than the hour
// after which the bridge asks for it anyway.
const zoneLife = 90 * time.Minute

// maxOffset is the widest difference to UTC any place has ever had, with a margin.
const maxOffset = 18 * time.Hour

// Identity returns the person's user id. Any token may ask for it; the profile, which
// names it as well, takes a permission.
func (c *Client) Identity(ctx context.Context) (fitbit.Identity, error) {
	in, err := c.introspect(ctx, introspectPath)
	switch {
	case err == nil && !in.Active:
		return fitbit.Identity{}, &fitbit.CloudError{
			Kind: fitbit.ErrReauthRequired, Detail: "Fitbit says that the sign-in has ended", Hint: oauth.SignInAgain,
		}
	case err == nil && in.User != "":
		return fitbit.Identity{User: in.User}, nil
	case err != nil && !errors.Is(err, fitbit.ErrProtocol) && !errors.Is(err, fitbit.ErrPermission): // there is no such address, or not for this app
		return fitbit.Identity{}, err
	}
	p, err := c.profile(ctx)
	if err != nil {
		return fitbit.Identity{}, err
	}
	if p.User == "" || len(p.User) > wire.MaxID {
		return fitbit.Identity{}, &fitbit.CloudError{Kind: fitbit.ErrProtocol, Detail: "the answer names nobody"}
	}
	return fitbit.Identity{User: string(p.User)}, nil
}

// Settings returns the person's time zone.
func (c *Client) Settings(ctx context.Context) (fitbit.Settings, error) {
	p, err := c.profile(ctx)
	if err != nil {
		return fitbit.Settings{}, err
	}
	loc := p.location()
	if loc == nil {
		return fitbit.Settings{}, fitbit.ErrNoData
	}
	return fitbit.Settings{Location: loc}, nil
}

// Height returns the height of the person's profile, in metres.
func (c *Client) Height(ctx context.Context) (float64, error) {
	p, err := c.profile(ctx)
	if err != nil {
		return 0, err
	}
	cm, ok := p.Height.Within(30, 300)
	if !ok {
		return 0, fitbit.ErrNoData
	}
	return cm / 100, nil
}

// profile fetches the person's profile, and keeps its zone.
func (c *Client) profile(ctx context.Context) (profile, error) {
	var r loose[profileAnswer]
	if err := c.rest.Get(ctx, "/1/user/-/profile.json", "", &r); err != nil {
		return profile{}, err
	}
	p := r.v.User.v
	c.mu.Lock()
	defer c.mu.Unlock()
	c.zone, c.zoneAt = p.location(), c.now()
	return p, nil
}

// location is the zone that the profile names. One that this machine does not know
// becomes the offset the cloud says with it; without either it is nil: the
// machine's zone or UTC would be a guess.
func (p profile) location() *time.Location {
	// "Local" would be the machine's zone and "" is UTC; neither is the person's.
	if loc, err := time.LoadLocation(string(p.TimeZone)); err == nil && p.TimeZone != "" && p.TimeZone != "Local" {
		return loc
	}
	limit := float64(maxOffset / time.Millisecond)
	if ms, ok := p.Offset.Within(-limit, limit); ok {
		return time.FixedZone("", int(ms/1000))
	}
	return nil
}

// location returns the zone in which the person's readings are to be read.
func (c *Client) location(ctx context.Context) (*time.Location, error) {
	c.mu.Lock()
	loc, age := c.zone, c.now().Sub(c.zoneAt)
	c.mu.Unlock()
	if loc != nil && age.Abs() < zoneLife {
		return loc, nil
	}
	p, err := c.profile(ctx)
	if errors.Is(err, fitbit.ErrPermission) {
		return nil, &fitbit.CloudError{
			Kind: fitbit.ErrPermission, Detail: "times cannot be told without the permission \"profile\"", Hint: tickAll,
		}
	}
	if err != nil {
		return nil, err
	}
	if loc = p.location(); loc == nil {
		return nil, &fitbit.CloudError{
			Kind: fitbit.ErrProtocol, Detail: "times cannot be told: the profile names no time zone",
			Hint: "set the time zone in the Fitbit app",
		}
	}
	return loc, nil
}

// phoneTracker is how a phone that counts steps stands among the devices: without a
// battery of its own, which is therefore always "Empty".
const phoneTracker = "MobileTrack"

// Devices lists paired scales and trackers. Their last contact stays unknown without
// the permission to read the zone; their MAC addresses are never read.
func (c *Client) Devices(ctx context.Context) ([]fitbit.Device, error) {
	loc, err := c.location(ctx)
	if err != nil && !errors.Is(err, fitbit.ErrPermission) {
		return nil, err
	}
	var r list[pairedDevice]
	if err := c.rest.Get(ctx, "/1/user/-/devices.json", "", &r); err != nil {
		return nil, err
	}
	devices := make([]fitbit.Device, 0, len(r.v))
	for _, d := range r.v {
		if d.Version != phoneTracker && d != (pairedDevice{}) {
			devices = append(devices, d.device(loc))
		}
	}
	slices.SortStableFunc(devices, func(a, b fitbit.Device) int { return strings.Compare(a.ID, b.ID) })
	return slices.CompactFunc(devices, func(a, b fitbit.Device) bool { return a.ID == b.ID }), nil
}

func (d pairedDevice) device(loc *time.Location) fitbit.Device {
	v := fitbit.Device{
		ID:   wire.ID(string(d.ID), func() string { return string(d.Type + d.Version) }),
		Name: wire.Printable(string(d.Version)),
		Type: fitbit.Tracker,
	}
	if d.Type == "SCALE" {
		v.Type = fitbit.Scale
	}
	switch s := strings.ToLower(string(d.Battery)); s {
	case "high", "medium", "low", "empty":
		v.Battery = s
	}
	if level, ok := d.BatteryLevel.Within(0, 100); ok {
		v.BatteryPercent = new(int(level))
	}
	if date, clock, ok := strings.Cut(string(d.LastSync), "T"); ok && loc != nil {
		_, valid := text(date).day()
		at, err := time.ParseInLocation(wallClock, date+" "+clock, loc)
		if valid && err == nil {
			v.LastSync = at
		}
	}
	return v
}
