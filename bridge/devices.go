package bridge

import (
	"cmp"
	"context"
	"slices"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// fetchDevices asks for the paired scales and trackers, and withdraws those that
// are gone.
func (p *person) fetchDevices(ctx context.Context) error {
	var listed []fitbit.Device
	err := p.try(ctx, fitbit.DevicesMetric, func() (err error) {
		listed, err = p.source.Devices(ctx)
		return err
	})
	if err != nil {
		return err
	}
	devices := nameDevices(p.paired, listed, p.account.Backend)
	if slices.EqualFunc(devices, p.paired, sameDevice) {
		return nil
	}
	if err := p.record(ctx, p.ledger, Entry{Devices: &devices}); err != nil {
		return err
	}
	states, configs := p.states(), p.configs()
	p.pair(devices)
	p.showDevices()
	p.announce()
	p.tidy(ctx, states, configs)
	return nil
}

// tidy withdraws what has been shown and announced of the person and is not any more.
func (p *person) tidy(ctx context.Context, states []string, configs []hass.Message) {
	inUse := make(map[string]bool)
	for _, topic := range p.states() {
		inUse[topic] = true
	}
	for _, m := range p.configs() {
		inUse[m.Topic] = true
	}
	for _, m := range configs {
		if !inUse[m.Topic] {
			p.b.teller.bury(ctx, m)
		}
	}
	p.b.board.clear(slices.DeleteFunc(states, func(t string) bool { return inUse[t] })...)
}

// nameDevices gives each listed device the id it is known under. One that the cloud
// lists for the first time is taken for one that another cloud has listed if there is
// no doubt which: on both sides it is the only one of its type and name.
func nameDevices(known []KnownDevice, listed []fitbit.Device, cloud string) []KnownDevice {
	type kind struct {
		of   fitbit.DeviceType
		name string
	}
	inCloud := make(map[string]KnownDevice) // by their ids there
	before, now := make(map[kind]int), make(map[kind]int)
	foreign := make(map[kind]KnownDevice)
	taken := make(map[string]bool)
	for _, k := range known {
		before[kind{k.Type, k.Name}]++
		if k.Cloud == cloud {
			inCloud[k.CloudID], taken[k.ID] = k, true
		} else {
			foreign[kind{k.Type, k.Name}] = k
		}
	}
	for _, d := range listed {
		now[kind{d.Type, d.Name}]++
	}
	devices := make([]KnownDevice, len(listed))
	for i, d := range listed {
		devices[i] = KnownDevice{Device: d, Cloud: cloud, CloudID: d.ID}
		same := kind{d.Type, d.Name}
		k, again := inCloud[d.ID]
		if !again && before[same] == 1 && now[same] == 1 {
			k, again = foreign[same]
		}
		if devices[i].ID = ""; again {
			devices[i].ID = k.ID
			taken[k.ID] = true
		}
	}
	for i, d := range devices { // what is new takes no other's id
		if d.ID != "" {
			continue
		}
		id := d.CloudID
		for taken[id] {
			id += "_"
		}
		devices[i].ID, taken[id] = id, true
	}
	slices.SortStableFunc(devices, func(a, b KnownDevice) int { return cmp.Compare(a.ID, b.ID) })
	return devices
}

func sameDevice(a, b KnownDevice) bool {
	return a.ID == b.ID && a.Cloud == b.Cloud && a.CloudID == b.CloudID && a.Name == b.Name && a.Type == b.Type &&
		a.Battery == b.Battery && equal(a.BatteryPercent, b.BatteryPercent) && a.LastSync.Equal(b.LastSync)
}
