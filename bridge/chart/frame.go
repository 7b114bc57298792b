package chart

import (
	"slices"

	gochart "github.com/wcharczuk/go-chart/v2"
)

// nothingHere is what a chart without readings says.
const nothingHere = "No readings in this time"

// frame is everything in a chart but its lines. For go-chart it is the first
// series, so that it lies below the others.
type frame struct {
	*picture
	surface surface
}

var _ gochart.Series = frame{}

// The parts of gochart.Series that a frame has no use for.
func (frame) GetName() string             { return "" }
func (frame) GetStyle() gochart.Style     { return gochart.Style{} }
func (frame) GetYAxis() gochart.YAxisType { return gochart.YAxisPrimary }
func (frame) Validate() error             { return nil }

// Render is what go-chart calls to draw a series.
func (f frame) Render(_ gochart.Renderer, plot gochart.Box, xs, ys gochart.Range, _ gochart.Style) {
	const (
		tickLength = 4 * tenths
		baseline   = 18 * tenths // of the dates, below the axis
		middle     = 4 * tenths  // from the baseline of a number up to its middle
	)
	for _, t := range f.y.ticks {
		y := crisp(plot.Bottom - ys.Translate(t.at))
		f.surface.line([]spot{{plot.Left, y}, {plot.Right, y}}, tenths, f.grid)
		f.surface.text(t.label, spot{plot.Left - labelSpace*tenths, y + middle}, atEnd, f.text)
	}
	f.heading()
	if f.empty() {
		x, y := plot.Center()
		f.surface.text(nothingHere, spot{x, y + middle}, atMiddle, f.text)
	}
	if f.start.IsZero() {
		return
	}
	bottom := crisp(plot.Bottom)
	f.surface.line([]spot{{plot.Left, bottom}, {plot.Right, bottom}}, tenths, f.axis)
	for _, t := range f.x.ticks {
		x := crisp(plot.Left + xs.Translate(t.at))
		f.surface.line([]spot{{x, bottom}, {x, bottom + tickLength}}, tenths, f.axis)
		f.surface.text(t.label, spot{x, bottom + baseline}, atMiddle, f.text)
	}
}

// heading is the unit above the numbers and, at the right, the legend.
func (f frame) heading() {
	const (
		baseline = 15 * tenths
		middle   = 11 * tenths
		swatch   = 16 // pixels, like those below
		beside   = 6  // between a swatch and its name
		between  = 16 // between names
	)
	unit := f.unit()
	if unit != "" && !f.empty() {
		f.surface.text(unit, spot{f.plot.Left - labelSpace*tenths, baseline}, atEnd, f.text)
	}
	if len(f.rows) < 2 || f.empty() {
		return
	}
	room := float64((f.plot.Right-f.plot.Left)/tenths)/float64(len(f.rows)) - swatch - beside - between
	x := f.plot.Right
	for _, r := range slices.Backward(f.rows) {
		name := f.shortened(r.Name, room)
		if name == "" {
			continue
		}
		x -= int(f.width(name) * tenths)
		f.surface.text(name, spot{x, baseline}, atStart, f.text)
		x -= (beside + swatch) * tenths
		f.surface.line([]spot{{x, middle}, {x + swatch*tenths, middle}}, int(f.stroke(r)), r.color)
		if f.dotted(r) {
			f.surface.dot(spot{x + swatch*tenths/2, middle}, dotRadius, r.color)
		}
		x -= between * tenths
	}
}

// crisp moves a position to the middle of its pixel, where a line of one pixel
// does not smear over two.
func crisp(position int) int { return position/tenths*tenths + tenths/2 }
