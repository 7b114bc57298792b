// Package chart draws a person's readings over time, as SVG for the web page and
// as PNG for whoever wants a picture. Pure functions: no clock, no files, and the
// same input gives the same bytes.
//
// It promises to show what was measured and no more. A line stops where readings
// are missing; a reading that is not a number, or lies outside the span, is left
// out; a span without readings says so instead of being an error. An SVG stands
// alone: no script, no style sheet, nothing fetched, every name escaped, so that it
// may be shown under any content security policy.
//
// It refuses what would make it a charting program: a second axis, other shapes
// than lines, interaction. go-chart scales the readings and draws the lines and
// dots; the frame around them is ours, because go-chart knows no civil days and
// would write names into SVG as they come.
//
// The one invariant: positions are whole tenths of a pixel from the layout to the
// file. Whole pixels, which is what go-chart counts in, turn a slow trend into
// stairs; more digits are bytes that nobody can see.
package chart

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Theme says for which page the colours are chosen. The zero value means Light.
type Theme string

// The themes. An SVG has a transparent background and relies on the page's being
// about white or about #14171c; a PNG brings that colour along.
const (
	Light Theme = "light"
	Dark  Theme = "dark"
)

// Role says how a line is drawn. The zero value means Measured.
type Role int

// The roles.
const (
	Measured Role = iota // readings: a thin line, with dots while they have room
	Trend                // something computed from them: a thick line
)

// Point is one reading.
type Point struct {
	Time  time.Time // the zero time is none: such a point is left out
	Value float64   // in Options.Unit
}

// Line is one row of readings, in any order.
type Line struct {
	Name   string // in the legend, which only a chart of several lines has
	Points []Point
	Role   Role
}

// Options are what a chart says about its lines. The zero value works.
type Options struct {
	Title    string         // what a screen reader says of an SVG; not drawn
	Heading  string         // drawn above the plot, for a picture that stands alone
	Unit     string         // above the vertical axis: "kg", "%", "bpm", "ms"
	Decimals int            // of the vertical axis, at most; as few as its steps need
	From, To time.Time      // the horizontal axis; where zero, it fits the points
	Location *time.Location // whose midnights begin the days; nil means UTC
	Theme    Theme
	Gap      time.Duration // a line stops where readings are missing for so long; zero means a week, or what the readings are apart
	Width    int           // pixels, 160 to 4000; zero means 720
	Height   int           // pixels, 100 to 4000; zero means 280
}

// SVG writes a chart as an SVG document. It fails for a size, theme or span that
// cannot be drawn, before writing anything, or with the error of w.
func SVG(w io.Writer, o Options, lines ...Line) error {
	p, err := layOut(o, lines)
	if err != nil {
		return err
	}
	return p.paint(newVector(p), w)
}

// PNG writes a chart as a PNG picture. It fails like SVG.
func PNG(w io.Writer, o Options, lines ...Line) error {
	p, err := layOut(o, lines)
	if err != nil {
		return err
	}
	return p.paint(newBitmap(p), w)
}

// completed is o with its defaults filled in, or why o cannot be drawn.
func (o Options) completed() (Options, error) {
	if o.Width == 0 {
		o.Width = 720
	}
	if o.Height == 0 {
		o.Height = 280
	}
	if o.Width < 160 || o.Width > 4000 || o.Height < 100 || o.Height > 4000 {
		return o, fmt.Errorf("chart: a size of %d×%d pixels; it must be 160×100 to 4000×4000", o.Width, o.Height)
	}
	if o.Theme == "" {
		o.Theme = Light
	}
	if o.Theme != Light && o.Theme != Dark {
		return o, fmt.Errorf("chart: unknown theme %q; there are %q and %q", o.Theme, Light, Dark)
	}
	if !drawable(o.From) || !drawable(o.To) {
		return o, errors.New("chart: the span reaches beyond the years 0 to 9999")
	}
	if !o.From.IsZero() && !o.To.IsZero() && o.To.Before(o.From) {
		return o, errors.New("chart: the span ends before it begins")
	}
	if o.Location == nil {
		o.Location = time.UTC
	}
	o.Decimals = min(max(o.Decimals, 0), 6)
	return o, nil
}

// drawable reports whether a time is one that a calendar has.
func drawable(t time.Time) bool { return t.Year() >= 0 && t.Year() <= 9999 }
