package chart

import "github.com/wcharczuk/go-chart/v2/drawing"

// palette is the colours of a theme. Text has a contrast of at least 4.5 to 1
// against the page, lines of at least 3 to 1; the grid is meant to step back.
type palette struct {
	page, text, grid, axis drawing.Color
	lines                  [5]drawing.Color // the first is the accent, the second recedes behind it
}

func (t Theme) palette() palette {
	if t == Dark {
		return palette{
			page: rgb(0x14171c), text: rgb(0xa3adbb), grid: rgb(0x272d36), axis: rgb(0x4a5361),
			lines: [5]drawing.Color{rgb(0x5aa9ff), rgb(0x7d8a9c), rgb(0xf0883e), rgb(0xb794f6), rgb(0x4ac26b)},
		}
	}
	return palette{
		page: rgb(0xffffff), text: rgb(0x57606c), grid: rgb(0xe8ebef), axis: rgb(0xb4bcc7),
		lines: [5]drawing.Color{rgb(0x1668d6), rgb(0x8592a3), rgb(0xc2570c), rgb(0x7c4dcc), rgb(0x1a7f37)},
	}
}

func rgb(c uint32) drawing.Color {
	return drawing.Color{R: uint8(c >> 16 & 0xff), G: uint8(c >> 8 & 0xff), B: uint8(c & 0xff), A: 0xff}
}
