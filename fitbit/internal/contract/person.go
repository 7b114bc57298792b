package contract

import (
	"strconv"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

func identityAndSettings(l *lab) {
	src, t := l.source()
	anna, err := src.Identity(l.Context())
	l.fine(err)
	again, err := l.cloud.Source(l.env, t).Identity(l.Context())
	l.fine(err)
	l.fake.AddPerson(fakecloud.PersonOptions{Name: "bo"})
	bo, err := l.cloud.Source(l.env, &tokens{lab: l, grant: l.grant("bo")}).Identity(l.Context())
	l.fine(err)
	if anna.User == "" || anna != again || anna == bo {
		l.Errorf("identities are %q, %q and, of somebody else, %q", anna.User, again.User, bo.User)
	}
	s, err := src.Settings(l.Context())
	l.fine(err)
	if s.Location == nil || s.Location.String() != "Europe/Berlin" {
		l.Errorf("the person's zone is %v, want Berlin's", s.Location)
	}
}

func devices(l *lab) {
	src, t := l.source()
	list, err := src.Devices(l.Context())
	l.fine(err)
	if len(list) != 2 {
		l.Fatalf("devices are %v, want a scale and a tracker", list)
	}
	scale, tracker := list[0], list[1]
	if scale.Type == fitbit.Tracker { // ids are the cloud's own
		scale, tracker = tracker, scale
	}
	if scale.Type != fitbit.Scale || scale.Name == "" || scale.BatteryPercent != nil || scale.Battery != "" {
		l.Errorf("the scale is %+v, want one that says nothing of its battery", scale)
	}
	if tracker.Type != fitbit.Tracker || tracker.Name == "" || tracker.BatteryPercent == nil || *tracker.BatteryPercent != 72 || tracker.Battery != "high" {
		l.Errorf("the tracker is %+v, want one with a battery of 72 %%, high", tracker)
	}
	if !tracker.LastSync.Equal(l.clock.Now()) {
		l.Errorf("the tracker's last contact was %v, want %v", tracker.LastSync, l.clock.Now())
	}
	for i := range 9 {
		l.anna.SetDevice(fakecloud.Device{ID: strconv.Itoa(409 - i), Type: "TRACKER", Version: "Inspire 3", LastSync: l.clock.Now().Add(-time.Hour)})
	}
	src = l.cloud.Source(l.env, t)
	list, err = src.Devices(l.Context())
	l.fine(err)
	if len(list) != 11 {
		l.Errorf("there are %d devices, want 11", len(list))
	}
	for i, d := range list {
		if i > 0 && list[i-1].ID >= d.ID {
			l.Errorf("device %s comes after %s", d.ID, list[i-1].ID)
		}
		l.anna.RemoveDevice(d.ID)
	}
	if list, err = src.Devices(l.Context()); err != nil || len(list) != 0 {
		l.Errorf("devices are %v (%v), want none", list, err)
	}
}
