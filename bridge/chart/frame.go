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

// heading is the unit above the numbers, at the right the legend, and what there is to
// say of the whole between them.
func (f frame) heading() {
	unit := f.unit()
	if unit != "" && !f.empty() {
		f.surface.text(unit, spot{f.plot.Left - labelSpace*tenths, headBaseline}, atEnd, f.text)
	}
	room := float64(f.legend()-f.plot.Left) / tenths
	if heading := f.shortened(f.Heading, room); heading != "" {
		f.surface.text(heading, spot{f.plot.Left, headBaseline}, atStart, f.text)
	}
}

// headBaseline is that of what is above the plot.
const headBaseline = 15 * tenths

// legend names the lines, if there are several, and returns how far a text to the left of
// it may reach.
func (f frame) legend() int {
	const (
		middle  = 11 * tenths
		swatch  = 16 // pixels, like those below
		beside  = 6  // between a swatch and its name
		between = 16 // between names
	)
	if len(f.rows) < 2 || f.empty() {
		return f.plot.Right
	}
	room := float64((f.plot.Right-f.plot.Left)/tenths)/float64(len(f.rows)) - swatch - beside - between
	x := f.plot.Right
	for _, r := range slices.Backward(f.rows) {
		name := f.shortened(r.Name, room)
		if name == "" {
			continue
		}
		x -= int(f.width(name) * tenths)
		f.surface.text(name, spot{x, headBaseline}, atStart, f.text)
		x -= (beside + swatch) * tenths
		f.surface.line([]spot{{x, middle}, {x + swatch*tenths, middle}}, int(f.stroke(r)), r.color)
		if f.dotted(r) {
			f.surface.dot(spot{x + swatch*tenths/2, middle}, dotRadius, r.color)
		}
		x -= between * tenths
	}
	return x
}

// crisp moves a position to the middle of its pixel, where a line of one pixel
// does not smear over two.
func crisp(position int) int { return position/tenths*tenths + tenths/2 }
