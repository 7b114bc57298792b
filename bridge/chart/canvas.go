package chart

import (
	"io"

	"github.com/golang/freetype/truetype"
	gochart "github.com/wcharczuk/go-chart/v2"
	"github.com/wcharczuk/go-chart/v2/drawing"
)

// spot is a place in the picture, in tenths of a pixel from its top left corner.
type spot struct{ x, y int }

// anchor says which part of a text is at its spot.
type anchor int

const (
	atStart anchor = iota
	atMiddle
	atEnd
)

// surface is what a chart is painted on. All lengths are in tenths of a pixel.
type surface interface {
	line(path []spot, width int, color drawing.Color) // with round ends
	dot(center spot, radius int, color drawing.Color)
	text(text string, at spot, part anchor, color drawing.Color) // at is on the baseline
	save(w io.Writer) error
}

// canvas takes what go-chart draws to a surface: strokes and dots. It ignores the
// rest: our charts have no curves and nothing filled, the background belongs to
// the surface, and text goes there directly because go-chart has no anchors.
type canvas struct {
	surface
	path                   []spot
	strokeColor, fillColor drawing.Color
	width                  float64
}

var _ gochart.Renderer = (*canvas)(nil)

func (c *canvas) MoveTo(x, y int) { c.path = append(c.path[:0], spot{x, y}) }

// LineTo leaves out what stays in one place.
func (c *canvas) LineTo(x, y int) {
	at := spot{x, y}
	if n := len(c.path); n == 0 || c.path[n-1] != at {
		c.path = append(c.path, at)
	}
}

func (c *canvas) Stroke() {
	if len(c.path) > 1 {
		c.line(c.path, int(c.width), c.strokeColor)
	}
	c.path = c.path[:0]
}

func (c *canvas) Circle(radius float64, x, y int) { c.dot(spot{x, y}, int(radius), c.fillColor) }

func (c *canvas) SetStrokeColor(color drawing.Color) { c.strokeColor = color }
func (c *canvas) SetFillColor(color drawing.Color)   { c.fillColor = color }
func (c *canvas) SetStrokeWidth(width float64)       { c.width = width }
func (c *canvas) Save(w io.Writer) error             { return c.save(w) }

func (c *canvas) Fill()       {}
func (c *canvas) FillStroke() {}
func (c *canvas) Close()      {}
func (c *canvas) ResetStyle() {}

func (c *canvas) QuadCurveTo(_, _, _, _ int)         {}
func (c *canvas) ArcTo(_, _ int, _, _, _, _ float64) {}
func (c *canvas) GetDPI() float64                    { return gochart.DefaultDPI }
func (c *canvas) SetDPI(float64)                     {}
func (c *canvas) SetClassName(string)                {}
func (c *canvas) SetStrokeDashArray([]float64)       {}
func (c *canvas) SetFont(*truetype.Font)             {}
func (c *canvas) SetFontColor(drawing.Color)         {}
func (c *canvas) SetFontSize(float64)                {}
func (c *canvas) Text(string, int, int)              {}
func (c *canvas) MeasureText(string) gochart.Box     { return gochart.Box{} }
func (c *canvas) SetTextRotation(float64)            {}
func (c *canvas) ClearTextRotation()                 {}
