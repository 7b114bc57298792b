package chart

import (
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"io"
	"math"

	"github.com/golang/freetype/truetype"
	"github.com/wcharczuk/go-chart/v2/drawing"
)

// raster is the surface of a PNG picture.
type raster struct {
	picture *image.RGBA
	font    *truetype.Font
	brush   *drawing.RasterGraphicContext
	err     error // the first one; reported when saving
}

func newRaster(p *picture) *raster {
	r := &raster{picture: image.NewRGBA(image.Rect(0, 0, p.Width, p.Height)), font: p.font}
	draw.Draw(r.picture, r.picture.Bounds(), image.NewUniform(p.page), image.Point{}, draw.Src)
	if r.brush, r.err = drawing.NewRasterGraphicContext(r.picture); r.err != nil {
		return r
	}
	r.brush.SetFillRule(drawing.FillRuleWinding)
	r.brush.SetFont(p.font)
	r.brush.SetDPI(64) // at which the drawing package takes sizes in pixels
	r.brush.SetFontSize(fontSize)
	return r
}

func (r *raster) line(path []spot, width int, color drawing.Color) {
	if r.err != nil {
		return
	}
	r.brush.SetStrokeColor(color)
	r.brush.SetLineWidth(pixels(width))
	r.brush.BeginPath()
	r.brush.MoveTo(pixels(path[0].x), pixels(path[0].y))
	for _, at := range path[1:] {
		r.brush.LineTo(pixels(at.x), pixels(at.y))
	}
	r.brush.Stroke()
	if width > tenths { // the drawing package leaves notches between thick strokes
		r.brush.SetFillColor(color)
		r.brush.BeginPath()
		for _, at := range path {
			r.circle(at, width/2)
		}
		r.brush.Fill()
	}
}

func (r *raster) dot(center spot, radius int, color drawing.Color) {
	if r.err != nil {
		return
	}
	r.brush.SetFillColor(color)
	r.brush.BeginPath()
	r.circle(center, radius)
	r.brush.Fill()
}

func (r *raster) circle(center spot, radius int) {
	x, y, size := pixels(center.x), pixels(center.y), pixels(radius)
	r.brush.MoveTo(x+size, y)
	r.brush.ArcTo(x, y, size, size, 0, 2*math.Pi)
}

func (r *raster) text(text string, at spot, part anchor, color drawing.Color) {
	if r.err != nil {
		return
	}
	x := pixels(at.x)
	switch part {
	case atStart:
	case atMiddle:
		x -= textWidth(r.font, text) / 2
	case atEnd:
		x -= textWidth(r.font, text)
	}
	r.brush.SetFillColor(color)
	r.brush.BeginPath()
	_, r.err = r.brush.FillStringAt(text, x, math.Round(pixels(at.y)))
}

func (r *raster) save(w io.Writer) error {
	if r.err != nil {
		return fmt.Errorf("chart: drawing the picture: %w", r.err)
	}
	return png.Encode(w, r.picture)
}

func pixels(n int) float64 { return float64(n) / tenths }
