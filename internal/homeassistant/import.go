package homeassistant

import (
	"regexp"
	"strings"
	"time"
)

var entityID = regexp.MustCompile(`^[a-z0-9_]+\.[a-z0-9_]+$`)

// take checks an import from top to bottom as the real one does, and takes it on.
func (h *Hub) take(m object) *refusal {
	if r := only(m, "metadata", "stats"); r != nil {
		return r
	}
	metadata, isObject := m["metadata"].(object)
	stats, isList := m["stats"].([]any)
	if !isObject || !isList {
		return refused("invalid_format", "expected a dictionary and a list")
	}
	j, r := h.metadataOf(metadata)
	if r != nil {
		return r
	}
	for _, s := range stats {
		row, r := h.rowOf(s)
		if r != nil {
			return r
		}
		j.rows = append(j.rows, row)
	}
	h.imports++
	j.wait, j.imported = h.trouble.Lag, true
	h.jobs = append(h.jobs, j)
	return nil
}

func (h *Hub) metadataOf(m object) (job, *refusal) {
	keys := []string{"has_mean", "has_sum", "name", "source", "statistic_id", "unit_of_measurement"}
	switch {
	case h.since(2026, 11):
		keys = append(keys[1:], "?has_mean", "mean_type", "unit_class")
	case h.since(2025, 11):
		keys = append(keys[1:], "?has_mean", "?mean_type", "?unit_class")
	}
	if r := only(m, keys...); r != nil {
		return job{}, r
	}
	j := job{id: text(m["statistic_id"]), metadata: Metadata{Unit: text(m["unit_of_measurement"]), Class: text(m["unit_class"]), Name: text(m["name"])}}
	hasMean, meanIsTold := m["has_mean"].(bool)
	meanType, typeIsTold := m["mean_type"].(float64)
	sum, isSum := m["has_sum"].(bool)
	if j.id == "" || !isSum || !meanIsTold && m["has_mean"] != nil || m["mean_type"] != nil && (!typeIsTold || meanType != 0 && meanType != 1 && meanType != 2) {
		return j, refused("invalid_format", "expected another type @ data['metadata']")
	}
	for _, key := range []string{"name", "unit_of_measurement", "unit_class"} {
		if _, isText := m[key].(string); m[key] != nil && !isText {
			return j, refused("invalid_format", "expected str for dictionary value @ data['metadata']['%s']", key)
		}
	}
	j.metadata.HasSum, j.metadata.MeanType = sum, int(meanType)
	if !typeIsTold && hasMean {
		j.metadata.MeanType = 1
	}
	switch source := text(m["source"]); {
	case !entityID.MatchString(j.id):
		domain, _, external := strings.Cut(j.id, ":")
		if !external || source != domain {
			return j, refused("home_assistant_error", "Invalid source")
		}
	case source != "recorder":
		return j, refused("home_assistant_error", "Invalid source")
	}
	if j.metadata.Class != "" && !valid(j.metadata.Class, j.metadata.Unit) {
		return j, refused("home_assistant_error", "Unit %s is not of class %s", j.metadata.Unit, j.metadata.Class)
	}
	if _, told := m["unit_class"]; !told {
		j.metadata.Class = classOf(j.metadata.Unit)
	}
	return j, nil
}

func (h *Hub) rowOf(v any) (Row, *refusal) {
	m, isObject := v.(object)
	if !isObject {
		return Row{}, refused("invalid_format", "expected a dictionary @ data['stats'][0]")
	}
	if r := only(m, "start", "?mean", "?min", "?max", "?last_reset", "?state", "?sum"); r != nil {
		return Row{}, r
	}
	var numbers [3]float64
	for i, key := range []string{"mean", "min", "max"} {
		n, isNumber := m[key].(float64)
		if _, told := m[key]; told && !isNumber {
			return Row{}, refused("invalid_format", "expected float @ data['stats'][0]['%s']", key)
		}
		numbers[i] = n
	}
	start, err := time.Parse(time.RFC3339, text(m["start"]))
	if err != nil {
		if _, err := time.Parse("2006-01-02T15:04:05", text(m["start"])); err == nil {
			return Row{}, refused("home_assistant_error", "Naive timestamp")
		}
		return Row{}, refused("invalid_format", "Invalid datetime specified @ data['stats'][0]['start']")
	}
	if start.Minute() != 0 || start.Second() != 0 || start.Nanosecond() != 0 {
		return Row{}, refused("home_assistant_error", "Invalid timestamp")
	}
	return Row{Start: start.UTC(), Mean: numbers[0], Min: numbers[1], Max: numbers[2]}, nil
}
