package chart_test

import (
	"bytes"
	"image/color"
	"image/png"
	"io"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/chart"
)

func TestPNG(t *testing.T) {
	for theme, page := range map[chart.Theme]color.RGBA{
		"":         {0xff, 0xff, 0xff, 0xff},
		chart.Dark: {0x14, 0x17, 0x1c, 0xff},
	} {
		var b bytes.Buffer
		if err := chart.PNG(&b, chart.Options{Unit: "kg", Width: 340, Height: 220, Theme: theme}, weights(30)...); err != nil {
			t.Fatal(err)
		}
		picture, err := png.Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		if size := picture.Bounds().Size(); size.X != 340 || size.Y != 220 {
			t.Errorf("%v", size)
		}
		colors := map[color.Color]int{}
		for y := range 220 {
			for x := range 340 {
				colors[color.RGBAModel.Convert(picture.At(x, y))]++
			}
		}
		if n := colors[page]; n < 340*220/2 || n > 340*220*98/100 {
			t.Errorf("%d of %d pixels are the page's color", n, 340*220)
		}
	}
}

func BenchmarkPNGYear(b *testing.B) {
	lines := weights(365)
	for b.Loop() {
		if err := chart.PNG(io.Discard, chart.Options{Unit: "kg", Decimals: 1}, lines...); err != nil {
			b.Fatal(err)
		}
	}
}
