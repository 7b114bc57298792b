package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/export"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/recorder"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// sensor is an entity whose past can be written, as discovery announces it.
type sensor struct {
	key    string // of the component
	unit   string
	metric fitbit.Metric
	id     string // at this Home Assistant
}

func sensors() []sensor {
	return []sensor{
		{key: "weight", unit: recorder.Kilograms, metric: fitbit.WeightMetric},
		{key: "body_fat", unit: recorder.Percent, metric: fitbit.BodyFatMetric},
		{key: "resting_heart_rate", unit: recorder.BPM, metric: fitbit.RestingHeartRate},
	}
}

func metricsOf(list []sensor) []fitbit.Metric {
	var metrics []fitbit.Metric
	for _, s := range list {
		metrics = append(metrics, s.metric)
	}
	return metrics
}

// meet finds out whether Home Assistant would take anything, and which of its entities
// are whose.
func (a *app) meet(ctx context.Context, o recorder.Options, h *house, accounts []bridge.Account, left *leftOut) (errands []errand, err error) {
	hub, err := recorder.Dial(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, hub.Close()) }()
	if err := hub.Ready(ctx); err != nil {
		return nil, err
	}
	entities, err := hub.Entities(ctx)
	if err != nil {
		return nil, err
	}
	for _, account := range accounts {
		e := errand{account: account}
		announced := hass.Bridge{Prefix: h.config.MQTT.TopicPrefix}.Person(hass.Person{UID: account.UID, Account: account.Name}).Components
		var missing []string
		disabled := ""
		for _, s := range sensors() {
			entity, known := entities[announced[s.key].UniqueID]
			switch {
			case !known:
				missing = append(missing, fmt.Sprintf("it has no entity for %s's %s", account.Name, s.metric.Words()))
			case entity.Disabled:
				disabled = entity.ID
				missing = append(missing, entity.ID+" is disabled there")
			default:
				s.id = entity.ID
				e.sensors = append(e.sensors, s)
			}
		}
		switch {
		case len(e.sensors) > 0:
			for _, m := range missing {
				_, _ = fmt.Fprintf(a.err, "Left out: %s.\n", m) // the rest is worth more than the note
			}
			errands = append(errands, e)
		case disabled != "":
			left.add(account.Name, fail(exitCloud, "enable it in Home Assistant: Settings, Devices & services, Entities", "%s is disabled in Home Assistant", disabled))
		default:
			left.add(account.Name, fail(exitCloud, "let the bridge run once, with homeassistant.discovery on and the broker that Home Assistant uses; then try again",
				"Home Assistant knows no entities of %s", account.Name))
		}
	}
	return errands, nil
}

// deliver writes what differs, or with dry only looks.
func (a *app) deliver(ctx context.Context, o recorder.Options, errands []errand, dry bool, left *leftOut) (rows []pushRow, err error) {
	hub, err := recorder.Dial(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, hub.Close()) }()
	type task struct {
		row  pushRow
		plan recorder.Plan
	}
	var tasks []task
	all := 0
	for _, e := range errands {
		for i, s := range e.series {
			plan, err := hub.Compare(ctx, s)
			if err != nil {
				if ctx.Err() != nil || errors.Is(err, recorder.ErrAway) {
					return rows, err
				}
				left.add(e.account.Name, err)
				continue
			}
			all += plan.Rows()
			tasks = append(tasks, task{pushed(e.account.Name, e.sensors[i], s, plan), plan})
		}
	}
	bar := newProgress(a.err)
	done := 0
	for _, t := range tasks {
		if !dry {
			if all > 0 {
				bar.show(done, all, 0)
			}
			err := hub.Write(ctx, t.plan, func(n int) { bar.show(done+n, all, 0) })
			bar.clear()
			switch {
			case err == nil:
				t.row.Written = true
			case ctx.Err() != nil:
				return nil, err
			default:
				return rows, err // it is no entity's fault
			}
			done += t.plan.Rows()
		}
		rows = append(rows, t.row)
	}
	return rows, nil
}

func pushed(account string, s sensor, series recorder.Series, p recorder.Plan) pushRow {
	r := pushRow{
		Account: account, Metric: s.key, EntityID: s.id, Hours: len(series.Hours),
		New: p.New, Changed: p.Changed, Withdrawn: p.Withdrawn, Unchanged: p.Same,
	}
	if n := len(series.Hours); n > 0 {
		r.First, r.Last = new(series.Hours[0].Start.Format(time.RFC3339)), new(series.Hours[n-1].Start.Format(time.RFC3339))
	}
	return r
}

// series are the hours of each sensor.
func (d data) series(ctx context.Context, list []sensor, now time.Time) ([]recorder.Series, error) {
	// A day of theirs may begin within an hour of UTC: whatever else is in it counts, too.
	first, last := d.first.AddDays(-1), d.last.AddDays(1)
	past, err := d.Body(ctx, first, last)
	if err != nil {
		return nil, err
	}
	goneWeights, goneFats, err := d.Gone(ctx, d.first, d.last)
	if err != nil {
		return nil, err
	}
	all := make([]recorder.Series, len(list))
	for i, s := range list {
		var there, gone []recorder.Reading
		switch s.metric {
		case fitbit.WeightMetric:
			for _, w := range export.WeighIns(past, fitbit.Date{}, last) {
				there = append(there, recorder.Reading{Time: w.Time, Value: w.Kilograms})
			}
			for _, w := range goneWeights {
				gone = append(gone, recorder.Reading{Time: w.Time, Value: w.Kilograms})
			}
		case fitbit.BodyFatMetric:
			for _, f := range export.BodyFats(past, fitbit.Date{}, last) {
				there = append(there, recorder.Reading{Time: f.Time, Value: f.Percent})
			}
			for _, f := range goneFats {
				gone = append(gone, recorder.Reading{Time: f.Time, Value: f.Percent})
			}
		default:
			for day, err := range d.HeartDays(ctx, []fitbit.Metric{s.metric}, d.first, d.last) {
				if err != nil {
					return nil, err
				}
				if day.RestingBPM != nil {
					there = append(there, recorder.Reading{Time: noon(day.Date, d.Location()), Value: float64(*day.RestingBPM)})
				}
			}
		}
		all[i] = recorder.Series{
			Entity: s.id, Unit: s.unit, Hours: d.asked(there, recorder.Hours(there, now)), Gone: withdrawn(there, recorder.Hours(gone, now)),
		}
	}
	return all, nil
}

// noon is in the middle of a day: its hour belongs to that day wherever somebody looks at
// it, and no change of clocks falls into it.
func noon(d fitbit.Date, loc *time.Location) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 12, 0, 0, 0, loc)
}

// asked are the hours in which there is a reading of the days that were asked for.
func (d data) asked(readings []recorder.Reading, hours []recorder.Hour) []recorder.Hour {
	in := make(map[time.Time]bool)
	for _, r := range readings {
		if day := fitbit.DateOf(r.Time); !day.Before(d.first) && !d.last.Before(day) {
			in[r.Time.UTC().Truncate(time.Hour)] = true
		}
	}
	var list []recorder.Hour
	for _, h := range hours {
		if in[h.Start] {
			list = append(list, h)
		}
	}
	return list
}

// withdrawn are hours of readings that are gone, with the last reading before each;
// without one there is nothing to put into their place.
func withdrawn(there []recorder.Reading, hours []recorder.Hour) []recorder.Gone {
	var list []recorder.Gone
	for _, h := range hours {
		var before recorder.Reading
		for _, r := range there {
			if r.Time.Before(h.Start) && !r.Time.Before(before.Time) {
				before = r
			}
		}
		if !before.Time.IsZero() {
			list = append(list, recorder.Gone{Hour: h, Before: before.Value})
		}
	}
	return list
}
