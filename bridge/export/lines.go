package export

import (
	"iter"
	"slices"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/chart"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// WeightLines are the weight in kilograms, and its trend.
func WeightLines(weighIns []bridge.WeighIn) []chart.Line {
	measured := chart.Line{Name: "Weight"}
	for _, w := range weighIns {
		measured.Points = append(measured.Points, chart.Point{Time: w.Time, Value: w.Kilograms})
	}
	return WithTrend(measured)
}

// WithTrend adds the trend of a line whose points are in order: the one of weights, which
// smooths any number.
func WithTrend(measured chart.Line) []chart.Line {
	weighIns := make([]bridge.WeighIn, len(measured.Points))
	for i, p := range measured.Points {
		weighIns[i].Time, weighIns[i].Kilograms = p.Time, p.Value
	}
	trend := chart.Line{Name: "Trend", Role: chart.Trend}
	for _, p := range bridge.Trend(weighIns) {
		trend.Points = append(trend.Points, chart.Point{Time: p.At, Value: p.Kilograms})
	}
	return []chart.Line{measured, trend}
}

// FatLines are the body fat in percent.
func FatLines(fats []bridge.KnownFat) []chart.Line {
	line := chart.Line{Name: "Body fat"}
	for _, f := range fats {
		line.Points = append(line.Points, chart.Point{Time: f.Time, Value: f.Percent})
	}
	slices.SortStableFunc(line.Points, func(a, b chart.Point) int { return a.Time.Compare(b.Time) })
	return []chart.Line{line}
}

// RestingLines are the resting heart rate of each day in bpm.
func RestingLines(days []fitbit.HeartDay) []chart.Line {
	return []chart.Line{dayLine("Resting", days, func(d fitbit.HeartDay) *float64 { return float(d.RestingBPM) })}
}

// HRVLines are the variability of each day in milliseconds.
func HRVLines(days []fitbit.HeartDay) []chart.Line {
	return []chart.Line{dayLine("Variability", days, func(d fitbit.HeartDay) *float64 { return d.HRVMillis })}
}

// HeartRateLines are the highest, mean and lowest rate of each day that is over, and the
// one at rest, in bpm. What a morning's were until now would look like an illness.
func HeartRateLines(days []fitbit.HeartDay, today fitbit.Date) []chart.Line {
	over := slices.DeleteFunc(slices.Clone(days), func(d fitbit.HeartDay) bool { return !d.Date.Before(today) })
	return append([]chart.Line{
		dayLine("Highest", over, func(d fitbit.HeartDay) *float64 { return float(d.MaxBPM) }),
		dayLine("Mean", over, func(d fitbit.HeartDay) *float64 { return d.AvgBPM }),
		dayLine("Lowest", over, func(d fitbit.HeartDay) *float64 { return float(d.MinBPM) }),
	}, RestingLines(days)...)
}

func float(v *int) *float64 {
	if v == nil {
		return nil
	}
	return new(float64(*v))
}

// dayLine puts a value of a day at its noon, in UTC: a day is no moment.
func dayLine(called string, days []fitbit.HeartDay, value func(fitbit.HeartDay) *float64) chart.Line {
	line := chart.Line{Name: called}
	for _, d := range days {
		if v := value(d); v != nil {
			line.Points = append(line.Points, chart.Point{Time: d.Date.Start(time.UTC).Add(12 * time.Hour), Value: *v})
		}
	}
	return line
}

// SampleLines are the mean rates of each minute in bpm: what a picture has room for.
func SampleLines(samples iter.Seq2[fitbit.HeartSample, error]) ([]chart.Line, error) {
	line := chart.Line{Name: "Heart rate"}
	var minute time.Time
	sum, n := 0, 0
	flush := func() {
		if n > 0 {
			line.Points = append(line.Points, chart.Point{Time: minute.Add(30 * time.Second), Value: float64(sum) / float64(n)})
		}
		sum, n = 0, 0
	}
	for s, err := range samples {
		if err != nil {
			return nil, err
		}
		if m := s.Time.Truncate(time.Minute); !m.Equal(minute) {
			flush()
			minute = m
		}
		sum, n = sum+s.BPM, n+1
	}
	flush()
	return []chart.Line{line}, nil
}
