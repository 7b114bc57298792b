package chart

import (
	"image"
	"image/draw"
	"image/png"
	"io"
	"math"

	"github.com/golang/freetype/raster"
	"github.com/golang/freetype/truetype"
	"github.com/wcharczuk/go-chart/v2/drawing"
	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"
)

// bitmap is the surface of a PNG picture, on freetype's rasterizer, whose strokes have
// round ends and joints. go-chart's own brings along what it takes to scale photographs.
type bitmap struct {
	picture *image.RGBA
	font    *truetype.Font
	face    font.Face // of that font, in our size
	shape   *raster.Rasterizer
}

func newBitmap(p *picture) *bitmap {
	b := &bitmap{
		picture: image.NewRGBA(image.Rect(0, 0, p.Width, p.Height)),
		font:    p.font,
		face:    truetype.NewFace(p.font, &truetype.Options{Size: fontSize}),
		shape:   raster.NewRasterizer(p.Width, p.Height),
	}
	b.shape.UseNonZeroWinding = true // or a stroke has holes where it crosses itself
	draw.Draw(b.picture, b.picture.Bounds(), image.NewUniform(p.page), image.Point{}, draw.Src)
	return b
}

// line draws a long path in pieces: the more the rasterizer holds, the longer it searches
// at every pixel, and two round ends upon each other look like a joint.
func (b *bitmap) line(path []spot, width int, color drawing.Color) {
	const most = 32
	for len(path) > 1 {
		piece := path[:min(len(path), most)]
		var outline raster.Path
		outline.Start(point(piece[0]))
		for _, at := range piece[1:] {
			outline.Add1(point(at))
		}
		b.stroke(outline, width, color)
		path = path[len(piece)-1:]
	}
}

// dot draws the two round ends of the shortest line there is.
func (b *bitmap) dot(center spot, radius int, color drawing.Color) {
	var outline raster.Path
	at := point(center)
	outline.Start(at)
	outline.Add1(at.Add(fixed.Point26_6{X: 1}))
	b.stroke(outline, 2*radius, color)
}

func (b *bitmap) stroke(outline raster.Path, width int, color drawing.Color) {
	brush := raster.NewRGBAPainter(b.picture)
	brush.SetColor(color)
	b.shape.Clear()
	b.shape.AddStroke(outline, length(width), raster.RoundCapper, raster.RoundJoiner)
	b.shape.Rasterize(brush)
}

func (b *bitmap) text(text string, at spot, part anchor, color drawing.Color) {
	x := float64(at.x) / tenths
	switch part {
	case atStart:
	case atMiddle:
		x -= textWidth(b.font, text) / 2
	case atEnd:
		x -= textWidth(b.font, text)
	}
	pen := font.Drawer{Dst: b.picture, Src: image.NewUniform(color), Face: b.face}
	pen.Dot = fixed.Point26_6{X: fixed.Int26_6(x * 64), Y: fixed.I(int(math.Round(float64(at.y) / tenths)))}
	pen.DrawString(text)
}

func (b *bitmap) save(w io.Writer) error { return png.Encode(w, b.picture) }

// point and length are ours in freetype's units, of which a pixel has 64.
func point(at spot) fixed.Point26_6 { return fixed.Point26_6{X: length(at.x), Y: length(at.y)} }

func length(n int) fixed.Int26_6 {
	return fixed.Int26_6((n*64 + tenths/2) / tenths) //nolint:gosec // pictures have 4000 pixels at most
}
