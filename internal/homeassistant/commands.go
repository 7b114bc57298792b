package homeassistant

import (
	"fmt"
	"strings"
	"time"
)

// refusal is a command's error.
type refusal struct{ code, message string }

func refused(code, format string, args ...any) *refusal {
	return &refusal{code, fmt.Sprintf(format, args...)}
}

// command does what is asked; h.mu is held.
func (h *Hub) command(kind string, m object, admin bool) (any, *refusal) {
	if strings.HasPrefix(kind, "recorder/") && h.trouble.NoRecorder {
		return nil, refused("unknown_command", "Unknown command.")
	}
	switch kind {
	case "config/entity_registry/list":
		return h.registry(), only(m)
	case "recorder/info":
		return object{
			"backlog": len(h.jobs), "max_backlog": 65000, "migration_in_progress": h.trouble.Migrating, "migration_is_live": false,
			"recording": !h.trouble.Paused, "thread_running": !h.trouble.Dead,
		}, only(m)
	case "recorder/get_statistics_metadata":
		return h.describe(m)
	case "recorder/statistics_during_period":
		return h.period(m)
	case "recorder/import_statistics":
		if !admin {
			return nil, refused("unauthorized", "Unauthorized")
		}
		return nil, h.take(m)
	}
	return nil, refused("unknown_command", "Unknown command.")
}

func (h *Hub) registry() any {
	list := []object{}
	for _, e := range h.entities {
		entry := object{"entity_id": e.ID, "unique_id": e.UniqueID, "platform": e.Platform, "disabled_by": nil, "name": nil, "labels": []string{}}
		if e.DisabledBy != "" {
			entry["disabled_by"] = e.DisabledBy
		}
		list = append(list, entry)
	}
	return list
}

func (h *Hub) describe(m object) (any, *refusal) {
	if r := only(m, "?statistic_ids"); r != nil {
		return nil, r
	}
	list := []object{}
	for _, id := range texts(m["statistic_ids"]) {
		d, ok := h.metadata[id]
		if !ok {
			continue
		}
		entry := object{
			"statistic_id": id, "source": "recorder", "has_mean": d.MeanType == 1, "has_sum": d.HasSum, "name": null(d.Name),
			"statistics_unit_of_measurement": null(d.Unit), "display_unit_of_measurement": null(h.shown(id, d.Unit)), "unit_class": null(d.Class),
		}
		if h.since(2025, 4) {
			entry["mean_type"] = d.MeanType
		}
		list = append(list, entry)
	}
	return list, nil
}

func (h *Hub) shown(id, unit string) string {
	for _, e := range h.entities {
		if e.ID == id && e.Shown != "" {
			return e.Shown
		}
	}
	return unit
}

// period returns hours, in the unit that is asked for or that of the entity's state.
func (h *Hub) period(m object) (any, *refusal) {
	if r := only(m, "start_time", "?end_time", "statistic_ids", "period", "?units", "?types"); r != nil {
		return nil, r
	}
	if m["period"] != "hour" {
		return nil, refused("invalid_format", "this one knows hours only")
	}
	start, err := time.Parse(time.RFC3339, text(m["start_time"]))
	if err != nil {
		return nil, refused("invalid_start_time", "Invalid start_time")
	}
	end := time.Now().Add(24 * time.Hour)
	if s, ok := m["end_time"]; ok {
		if end, err = time.Parse(time.RFC3339, text(s)); err != nil {
			return nil, refused("invalid_end_time", "Invalid end_time")
		}
	}
	units, _ := m["units"].(object)
	for class, unit := range units {
		if !valid(class, text(unit)) {
			return nil, refused("invalid_format", "value must be one of the units of %s @ data['units']", class)
		}
	}
	result := object{}
	for _, id := range texts(m["statistic_ids"]) {
		d := h.metadata[id]
		shown := h.shown(id, d.Unit)
		if asked := text(units[d.Class]); asked != "" {
			shown = asked
		}
		factor := 1.0
		if per := perKilogram(); per[d.Unit] != 0 && per[shown] != 0 {
			factor = per[shown] / per[d.Unit]
		}
		var list []object
		for _, r := range h.sorted(id) {
			if r.Start.Before(start) || !r.Start.Before(end) {
				continue
			}
			list = append(list, object{
				"start": r.Start.UnixMilli(), "end": r.Start.Add(time.Hour).UnixMilli(),
				"mean": r.Mean * factor, "min": r.Min * factor, "max": r.Max * factor,
			})
		}
		if list != nil {
			result[id] = list
		}
	}
	return result, nil
}

// only wants exactly these keys; those with a "?" may be missing.
func only(m object, keys ...string) *refusal {
	known := make(map[string]bool, len(keys))
	for _, key := range keys {
		name, optional := strings.CutPrefix(key, "?")
		known[name] = true
		if _, there := m[name]; !there && !optional {
			return refused("invalid_format", "required key not provided @ data['%s']. Got None", name)
		}
	}
	for key := range m {
		if !known[key] {
			return refused("invalid_format", "extra keys not allowed @ data['%s']. Got %v", key, m[key])
		}
	}
	return nil
}

// perKilogram are the units of mass.
func perKilogram() map[string]float64 {
	return map[string]float64{"kg": 1, "g": 1000, "mg": 1e6, "µg": 1e9, "oz": 1 / 0.028349523125, "lb": 1 / 0.45359237, "st": 1 / 6.35029318}
}

func valid(class, unit string) bool {
	switch class {
	case "mass":
		return perKilogram()[unit] != 0
	case "unitless":
		return unit == "%" || unit == ""
	}
	return false
}

func classOf(unit string) string {
	switch {
	case perKilogram()[unit] != 0:
		return "mass"
	case unit == "%":
		return "unitless"
	}
	return ""
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func texts(v any) (list []string) {
	items, _ := v.([]any)
	for _, i := range items {
		list = append(list, text(i))
	}
	return list
}

func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}
