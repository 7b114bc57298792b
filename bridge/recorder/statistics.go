package recorder

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
)

// Entity is a sensor that Home Assistant knows.
type Entity struct {
	ID       string // "sensor.anna_weight", or whatever its owner has made of it
	Disabled bool
}

// Entities lists the sensors of Home Assistant's MQTT integration by their unique ids.
// Errors are a *[HubError], or the context's.
func (h *Hub) Entities(ctx context.Context) (map[string]Entity, error) {
	var list []struct {
		ID         string  `json:"entity_id"`
		UniqueID   string  `json:"unique_id"`
		Platform   string  `json:"platform"`
		DisabledBy *string `json:"disabled_by"`
	}
	const kind = "config/entity_registry/list"
	if err := h.ask(ctx, kind, &head{Type: kind}, &list); err != nil {
		return nil, err
	}
	found := make(map[string]Entity)
	for _, e := range list {
		if e.Platform == "mqtt" && sensorID(e.ID) {
			found[e.UniqueID] = Entity{ID: e.ID, Disabled: e.DisabledBy != nil}
		}
	}
	return found, nil
}

// sensorID reports whether an id is one of a sensor, as Home Assistant makes them: it will
// be shown at a terminal.
func sensorID(id string) bool {
	name, ok := strings.CutPrefix(id, "sensor.")
	return ok && name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	})
}

// Ready returns why the recorder cannot take anything now, or nil. Errors are a
// *[HubError], or the context's.
func (h *Hub) Ready(ctx context.Context) error {
	info, err := h.info(ctx)
	switch {
	case err != nil:
		return err
	case info.Migrating:
		return h.fail(ErrAway, "its recorder is migrating its database", "wait until that is done, then run the same command again", nil)
	case info.Running != nil && !*info.Running:
		return h.fail(ErrRefused, "its recorder has stopped", "look into Home Assistant's log, mend what it says and restart it", nil)
	case info.Recording != nil && !*info.Recording:
		return h.fail(ErrRefused, "its recorder is switched off", "call the action recorder.enable in Home Assistant", nil)
	}
	return nil
}

type recorderInfo struct {
	Backlog   int   `json:"backlog"`
	Migrating bool  `json:"migration_in_progress"`
	Recording *bool `json:"recording"`
	Running   *bool `json:"thread_running"`
}

func (h *Hub) info(ctx context.Context) (info recorderInfo, err error) {
	const kind = "recorder/info"
	return info, h.ask(ctx, kind, &head{Type: kind}, &info)
}

// statistic is what Home Assistant says of one.
type statistic struct {
	ID        string  `json:"statistic_id"`
	HasMean   bool    `json:"has_mean"`
	MeanType  *int    `json:"mean_type"`
	HasSum    bool    `json:"has_sum"`
	Name      *string `json:"name"`
	Unit      *string `json:"statistics_unit_of_measurement"`
	UnitClass *string `json:"unit_class"`
}

const arithmetic = 1 // mean_type

// statistic returns the metadata to write with, and how values get to its unit. Where
// there is none yet, it is as Home Assistant itself would begin it.
func (h *Hub) statistic(ctx context.Context, entity, unit string) (s statistic, scale float64, err error) {
	const kind = "recorder/get_statistics_metadata"
	var list []statistic
	r := &struct {
		head

		IDs []string `json:"statistic_ids"`
	}{head{Type: kind}, []string{entity}}
	if err := h.ask(ctx, kind, r, &list); err != nil {
		return s, 0, err
	}
	for _, s := range list {
		if s.ID != entity {
			continue
		}
		mend := "open Developer tools, Statistics in Home Assistant and mend " + entity
		if s.MeanType == nil && !s.HasMean || s.MeanType != nil && *s.MeanType != arithmetic {
			return s, 0, h.fail(ErrRefused, "it keeps no means of "+entity, mend, nil)
		}
		kept := ""
		if s.Unit != nil {
			kept = *s.Unit
		}
		scale, ok := factor(unit, kept)
		if !ok {
			in := fmt.Sprintf("in %q", printable(kept))
			if kept == "" {
				in = "without a unit"
			}
			return s, 0, h.fail(ErrRefused, fmt.Sprintf("it keeps %s %s, and %s cannot be converted to that", entity, in, unit), mend, nil)
		}
		return s, scale, nil
	}
	s = statistic{ID: entity, Unit: &unit}
	if class := classOf(unit); class != "" {
		s.UnitClass = &class
	}
	return s, 1, nil
}

// metadata is s as an import of this version carries it.
func (h *Hub) metadata(s statistic) (json.RawMessage, error) {
	type common struct {
		HasSum bool    `json:"has_sum"`
		Name   *string `json:"name"`
		Source string  `json:"source"`
		ID     string  `json:"statistic_id"`
		Unit   *string `json:"unit_of_measurement"`
	}
	c := common{s.HasSum, s.Name, "recorder", s.ID, s.Unit}
	if !h.newForm() {
		return json.Marshal(struct {
			common

			HasMean bool `json:"has_mean"`
		}{c, true})
	}
	return json.Marshal(struct {
		common

		MeanType  int     `json:"mean_type"`
		UnitClass *string `json:"unit_class"`
	}{c, arithmetic, s.UnitClass})
}

// row is an hour in a message; times are RFC 3339 in UTC.
type row struct {
	Start time.Time `json:"start"`
	Mean  float64   `json:"mean"`
	Min   float64   `json:"min"`
	Max   float64   `json:"max"`
}

func rowOf(h Hour, scale float64) row {
	return row{h.Start.UTC(), h.Mean * scale, h.Min * scale, h.Max * scale}
}

// near allows for what a conversion rounds.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b)) }

// same reports whether two rows say the same.
func (r row) same(o row) bool {
	return near(r.Mean, o.Mean) && near(r.Min, o.Min) && near(r.Max, o.Max)
}

// within reports whether r holds some or all of the readings of o, and no other.
func (r row) within(o row) bool {
	return (r.Min > o.Min || near(r.Min, o.Min)) && (r.Max < o.Max || near(r.Max, o.Max))
}

// yearly is how many hours are asked for at once: some 1 MB.
const yearly = 366 * 24 * time.Hour

// kept reads the hours that Home Assistant has from first to last, as it keeps them.
func (h *Hub) kept(ctx context.Context, s statistic, first, last time.Time) (map[time.Time]row, error) {
	const kind = "recorder/statistics_during_period"
	rows := make(map[time.Time]row)
	for from := first; !from.After(last); from = from.Add(yearly) {
		r := &struct {
			head

			Start  time.Time         `json:"start_time"`
			End    time.Time         `json:"end_time"`
			IDs    []string          `json:"statistic_ids"`
			Period string            `json:"period"`
			Types  []string          `json:"types"`
			Units  map[string]string `json:"units,omitempty"`
		}{head{Type: kind}, from, from.Add(yearly), []string{s.ID}, "hour", []string{"mean", "min", "max"}, nil}
		if r.End.After(last) {
			r.End = last.Add(time.Hour)
		}
		if s.UnitClass != nil && *s.UnitClass == mass && s.Unit != nil { // or they come in that of the entity's state
			r.Units = map[string]string{mass: *s.Unit}
		}
		var answer map[string][]struct {
			Start float64  `json:"start"` // ms
			Mean  *float64 `json:"mean"`
			Min   *float64 `json:"min"`
			Max   *float64 `json:"max"`
		}
		if err := h.ask(ctx, kind, r, &answer); err != nil {
			return nil, err
		}
		none := math.NaN() // equals nothing
		for _, a := range answer[s.ID] {
			start := time.UnixMilli(int64(a.Start)).UTC()
			rows[start] = row{start, *cmp.Or(a.Mean, &none), *cmp.Or(a.Min, &none), *cmp.Or(a.Max, &none)}
		}
	}
	return rows, nil
}
