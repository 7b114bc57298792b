package export

import (
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// Rows are a table: its columns, and then as many cells for each row. A row is only good
// until the next one. Columns are only ever added, at the end.
type Rows struct {
	Columns []string
	All     iter.Seq2[[]Cell, error]
}

// Cell is one value of a row; the zero value is an unknown one.
type Cell struct {
	text    string
	literal bool // a number, which JSON writes without quotes
	foreign bool // a name somebody else has chosen, which a spreadsheet must not compute
}

func text(s string) Cell { return Cell{text: s} }

func name(s string) Cell { return Cell{text: s, foreign: true} }

func number(v float64, decimals int) Cell {
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		s = "0"
	}
	return Cell{text: s, literal: true}
}

func optional(v *float64, decimals int) Cell {
	if v == nil {
		return Cell{}
	}
	return number(*v, decimals)
}

func whole(v *int) Cell {
	if v == nil {
		return Cell{}
	}
	return Cell{text: strconv.Itoa(*v), literal: true}
}

// Unit is one of weight. The zero value means Kilograms.
type Unit string

// The units.
const (
	Kilograms Unit = "kg"
	Pounds    Unit = "lb"
	Stones    Unit = "st" // of 14 pounds, with decimals
)

// Units lists them.
func Units() []Unit { return []Unit{Kilograms, Pounds, Stones} }

// of returns a weight in that unit, and how many decimals tell what a scale can.
func (u Unit) of(kilograms float64) (value float64, decimals int) {
	const pound = 0.45359237 // kg, exactly
	switch u {
	case Pounds:
		return kilograms / pound, 2
	case Stones:
		return kilograms / (14 * pound), 3
	case Kilograms:
	}
	return kilograms, 2
}

// WeightRows are weigh-ins in that unit; without a height there is no BMI.
func WeightRows(weighIns []bridge.WeighIn, heightMetres float64, unit Unit) Rows {
	if unit == "" {
		unit = Kilograms
	}
	return Rows{
		Columns: []string{"measured_at", "weight_" + string(unit), "body_fat_pct", "bmi", "source", "recorded", "id"},
		All: func(yield func([]Cell, error) bool) {
			for _, w := range weighIns {
				value, decimals := unit.of(w.Kilograms)
				row := []Cell{text(w.Time.Format(time.RFC3339)), number(value, decimals), {}, {}, name(w.Device), text(string(w.Recorded)), text(w.ID)}
				if w.Fat != nil {
					row[2] = number(w.Fat.Percent, 1)
				}
				if bmi, known := fitbit.BMI(w.Kilograms, heightMetres); known {
					row[3] = number(bmi, 1)
				}
				if !yield(row, nil) {
					return
				}
			}
		},
	}
}

// HeartRateRows are the days of which a rate or the zones are known: bpm and minutes.
func HeartRateRows(days iter.Seq2[fitbit.HeartDay, error]) Rows {
	return dayRows(days, []string{
		"resting_bpm", "min_bpm", "avg_bpm", "max_bpm", "out_of_range_min", "light_min", "moderate_min", "vigorous_min", "peak_min",
	}, func(d fitbit.HeartDay) []Cell {
		row := []Cell{whole(d.RestingBPM), whole(d.MinBPM), optional(d.AvgBPM, 1), whole(d.MaxBPM), {}, {}, {}, {}, {}}
		if z := d.Zones; z != nil {
			row = append(row[:4], whole(z.OutOfRange), whole(z.Light), whole(&z.Moderate), whole(&z.Vigorous), whole(&z.Peak))
		}
		return row
	})
}

// HRVRows are the days of which the variability is known: RMSSD in milliseconds.
func HRVRows(days iter.Seq2[fitbit.HeartDay, error]) Rows {
	return dayRows(days, []string{"hrv_rmssd_ms"}, func(d fitbit.HeartDay) []Cell { return []Cell{optional(d.HRVMillis, 1)} })
}

// dayRows leaves out days of which every cell is unknown.
func dayRows(days iter.Seq2[fitbit.HeartDay, error], columns []string, cells func(fitbit.HeartDay) []Cell) Rows {
	return Rows{
		Columns: append([]string{"date"}, columns...),
		All: func(yield func([]Cell, error) bool) {
			for d, err := range days {
				row := cells(d)
				if err == nil && !slices.ContainsFunc(row, func(c Cell) bool { return c != Cell{} }) {
					continue
				}
				if !yield(append([]Cell{text(d.Date.String())}, row...), err) || err != nil {
					return
				}
			}
		},
	}
}

// SampleRows are single heart rates: bpm.
func SampleRows(samples iter.Seq2[fitbit.HeartSample, error]) Rows {
	return Rows{
		Columns: []string{"time", "bpm"},
		All: func(yield func([]Cell, error) bool) {
			row := make([]Cell, 2)
			for s, err := range samples {
				row[0], row[1] = text(s.Time.Format(time.RFC3339)), whole(&s.BPM)
				if !yield(row, err) || err != nil {
					return
				}
			}
		},
	}
}
