package chart_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

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

// A PNG shows what an SVG says: its dots, lines and texts where they are, in their colors.
func TestPNGIsLikeSVG(t *testing.T) {
	o := chart.Options{Unit: "bpm", Heading: "Resting heart rate of Anna", From: time.Date(2026, 9, 20, 0, 0, 0, 0, time.UTC)}
	lines := weights(60)[:1]
	var document struct {
		Paths []struct {
			Color  string `xml:"stroke,attr"`
			Points string `xml:"d,attr"`
		} `xml:"path"`
		Dots []struct {
			X     float64 `xml:"cx,attr"`
			Y     float64 `xml:"cy,attr"`
			Color string  `xml:"fill,attr"`
		} `xml:"circle"`
		Texts []struct {
			X      float64 `xml:"x,attr"`
			Y      float64 `xml:"y,attr"`
			Anchor string  `xml:"text-anchor,attr"`
			Color  string  `xml:"fill,attr"`
			Text   string  `xml:",chardata"`
		} `xml:"text"`
	}
	if err := xml.Unmarshal([]byte(svg(t, o, lines...)), &document); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := chart.PNG(&b, o, lines...); err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if len(document.Paths) < 5 || len(document.Dots) != 60 || len(document.Texts) < 8 {
		t.Fatalf("%+v", document)
	}
	for _, d := range document.Dots {
		if ink := inked(t, picture, d.X, d.Y, d.Color); ink != 1 {
			t.Errorf("the dot at %v, %v has %v of its color", d.X, d.Y, ink)
		}
	}
	for _, p := range document.Paths {
		var at []float64
		for number := range strings.FieldsSeq(strings.TrimPrefix(p.Points, "M")) {
			f, err := strconv.ParseFloat(number, 64)
			if err != nil {
				t.Fatal(err)
			}
			at = append(at, f)
		}
		for ; len(at) >= 4; at = at[2:] {
			if ink := inked(t, picture, (at[0]+at[2])/2, (at[1]+at[3])/2, p.Color); ink < 0.5 {
				t.Errorf("the line from %v to %v has %v of its color in the middle", at[:2], at[2:4], ink)
			}
		}
	}
	for _, s := range document.Texts {
		before, behind := 0.0, 0.0
		for x := 1.0; x < 7; x++ { // about a character
			for y := range 9 {
				before = max(before, inked(t, picture, s.X-x, s.Y-float64(y), s.Color))
				behind = max(behind, inked(t, picture, s.X+x, s.Y-float64(y), s.Color))
			}
		}
		if (before > 0.5) != (s.Anchor != "") || (behind > 0.5) != (s.Anchor != "end") {
			t.Errorf("%q at %v, %v, %q: before it %v of its color, behind it %v", s.Text, s.X, s.Y, s.Anchor, before, behind)
		}
	}
}

// inked is how much of a color, as SVG writes it, is in a pixel of a white page.
func inked(t *testing.T, picture image.Image, x, y float64, paint string) float64 {
	t.Helper()
	var red, green, blue int
	if _, err := fmt.Sscanf(paint, "#%02x%02x%02x", &red, &green, &blue); err != nil {
		t.Fatal(err)
	}
	is := color.RGBAModel.Convert(picture.At(int(x), int(y))).(color.RGBA) //nolint:forcetypeassert // what the model is for
	return float64(0xff-int(is.R)) / float64(0xff-red)
}

func BenchmarkPNGYear(b *testing.B) {
	lines := weights(365)
	for b.Loop() {
		if err := chart.PNG(io.Discard, chart.Options{Unit: "kg", Decimals: 1}, lines...); err != nil {
			b.Fatal(err)
		}
	}
}

// Single heart rates of three days, one every five seconds.
func BenchmarkPNGHeartRates(b *testing.B) {
	line := chart.Line{Name: "Heart rate"}
	at := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	for i := range 3 * 24 * 60 * 12 {
		line.Points = append(line.Points, chart.Point{Time: at, Value: 90 + 30*math.Sin(float64(i*i))})
		at = at.Add(5 * time.Second)
	}
	for b.Loop() {
		if err := chart.PNG(io.Discard, chart.Options{Unit: "bpm"}, line); err != nil {
			b.Fatal(err)
		}
	}
}
