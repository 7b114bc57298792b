package chart

import (
	"cmp"
	"slices"
	"time"

	gochart "github.com/wcharczuk/go-chart/v2"
)

// The strokes, in tenths of a pixel.
const (
	thinLine  = 11
	plainLine = 18 // a measured line that has the chart for itself
	thickLine = 26
	dotRadius = 22
)

// longestGap is how long readings may stay away before a line stops. Who weighs
// in less often than daily gets a line that allows for it.
const longestGap = 7 * 24 * time.Hour

// series are the lines for go-chart, one for each stretch without a gap. Trends
// come last, over what was measured.
func (p *picture) series() []gochart.Series {
	var all []gochart.Series
	rows := slices.Clone(p.rows)
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.Role, b.Role) })
	for _, r := range rows {
		for _, piece := range pieces(r.Points, p.Gap) {
			style := gochart.Style{StrokeColor: r.color, DotColor: r.color, StrokeWidth: p.stroke(r)}
			if p.dotted(r) {
				style.DotWidth = dotRadius
			}
			if len(piece) == 1 {
				style.DotWidth = max(dotRadius, p.stroke(r)/2) // a line of one point would be invisible
			}
			s := gochart.ContinuousSeries{Style: style}
			for _, q := range piece {
				s.XValues = append(s.XValues, seconds(q.Time))
				s.YValues = append(s.YValues, q.Value)
			}
			all = append(all, s)
		}
	}
	return all
}

func (p *picture) stroke(r row) float64 {
	switch {
	case r.Role == Trend:
		return thickLine
	case slices.ContainsFunc(p.rows, func(o row) bool { return o.Role == Trend }):
		return thinLine
	default:
		return plainLine
	}
}

// dotted reports whether each reading of a row has room for its dot.
func (p *picture) dotted(r row) bool {
	return r.Role != Trend && len(r.Points)*dotSpacing*tenths <= p.plot.Width()
}

// pieces cuts points, which are in order, where so much or more is missing. Zero is a
// week, or three times what is usual between them if that is longer.
func pieces(points []Point, limit time.Duration) [][]Point {
	var gaps []time.Duration
	for i := 1; i < len(points); i++ {
		gaps = append(gaps, points[i].Time.Sub(points[i-1].Time))
	}
	if sorted := slices.Sorted(slices.Values(gaps)); limit == 0 {
		limit = longestGap
		if len(sorted) > 0 {
			limit = max(limit, 3*min(sorted[len(sorted)/2], 1<<60))
		}
	}
	var cut [][]Point
	begin := 0
	for i, gap := range gaps {
		if gap > limit {
			cut = append(cut, points[begin:i+1])
			begin = i + 1
		}
	}
	if begin < len(points) {
		cut = append(cut, points[begin:])
	}
	return cut
}
