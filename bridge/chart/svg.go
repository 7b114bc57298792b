package chart

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"

	"github.com/wcharczuk/go-chart/v2/drawing"
)

// vector is the surface of an SVG document. It uses attributes only: a content
// security policy may forbid styles, never those.
type vector struct {
	b bytes.Buffer
}

func newVector(p *picture) *vector {
	v := &vector{}
	fmt.Fprintf(&v.b, `<svg xmlns="http://www.w3.org/2000/svg" role="img" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d"`+
		` font-family="system-ui, sans-serif" font-size="%[3]d">`, p.Width, p.Height, fontSize)
	if p.Title != "" {
		v.b.WriteString("<title>")
		v.escaped(p.Title)
		v.b.WriteString("</title>")
	}
	v.b.WriteByte('\n')
	return v
}

func (v *vector) line(path []spot, width int, color drawing.Color) {
	v.b.WriteString(`<path fill="none" stroke-linecap="round" stroke-linejoin="round" stroke="`)
	v.color(color)
	v.b.WriteString(`" stroke-width="`)
	v.length(width)
	v.b.WriteString(`" d="M`) // every pair after the first draws a line
	for i, at := range path {
		if i > 0 {
			v.b.WriteByte(' ')
		}
		v.length(at.x)
		v.b.WriteByte(' ')
		v.length(at.y)
	}
	v.b.WriteString("\"/>\n")
}

func (v *vector) dot(center spot, radius int, color drawing.Color) {
	v.b.WriteString(`<circle cx="`)
	v.length(center.x)
	v.b.WriteString(`" cy="`)
	v.length(center.y)
	v.b.WriteString(`" r="`)
	v.length(radius)
	v.b.WriteString(`" fill="`)
	v.color(color)
	v.b.WriteString("\"/>\n")
}

func (v *vector) text(text string, at spot, part anchor, color drawing.Color) {
	v.b.WriteString(`<text x="`)
	v.length(at.x)
	v.b.WriteString(`" y="`)
	v.length(at.y)
	switch part {
	case atStart: // as without one
	case atMiddle:
		v.b.WriteString(`" text-anchor="middle`)
	case atEnd:
		v.b.WriteString(`" text-anchor="end`)
	}
	v.b.WriteString(`" fill="`)
	v.color(color)
	v.b.WriteString(`">`)
	v.escaped(text)
	v.b.WriteString("</text>\n")
}

func (v *vector) save(w io.Writer) error {
	v.b.WriteString("</svg>\n")
	_, err := w.Write(v.b.Bytes())
	return err
}

// escaped writes text that may hold anything, even what XML has no way to say.
func (v *vector) escaped(text string) {
	_ = xml.EscapeText(&v.b, []byte(text)) // a buffer takes everything
}

func (v *vector) color(c drawing.Color) {
	fmt.Fprintf(&v.b, "#%02x%02x%02x", c.R, c.G, c.B)
}

// length writes tenths as pixels.
func (v *vector) length(n int) {
	v.b.Write(strconv.AppendFloat(v.b.AvailableBuffer(), float64(n)/tenths, 'f', -1, 64))
}
