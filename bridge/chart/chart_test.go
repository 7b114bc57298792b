package chart_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/chart"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// weights is a made-up person's weigh-ins, one each morning until 2026-11-20, and
// their trend.
func weights(days int) []chart.Line {
	last := time.Date(2026, 11, 20, 7, 14, 9, 0, time.UTC)
	measured, trend := chart.Line{Name: "Weight"}, chart.Line{Name: "Trend", Role: chart.Trend}
	smooth := 80.0
	for i := range days {
		at := last.AddDate(0, 0, i+1-days)
		kg := 80 + 2*math.Sin(float64(i)/60) + 0.5*math.Sin(float64(i*i))
		smooth += 0.1 * (kg - smooth)
		measured.Points = append(measured.Points, chart.Point{Time: at, Value: math.Round(kg*10) / 10})
		trend.Points = append(trend.Points, chart.Point{Time: at, Value: smooth})
	}
	return []chart.Line{measured, trend}
}

func svg(t *testing.T, o chart.Options, lines ...chart.Line) string {
	t.Helper()
	var b bytes.Buffer
	if err := chart.SVG(&b, o, lines...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// texts reads an SVG like a browser would, and returns what it says.
func texts(t *testing.T, document string) []string {
	t.Helper()
	var all []string
	d := xml.NewDecoder(strings.NewReader(document))
	for in := ""; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		switch token := token.(type) {
		case xml.StartElement:
			switch in = token.Name.Local; in {
			case "svg", "title", "path", "circle", "text":
			default:
				t.Errorf("an element <%s>", in)
			}
			for _, a := range token.Attr {
				if a.Name.Local != "xmlns" && strings.Contains(a.Value, ":") || strings.Contains(a.Value, "NaN") {
					t.Errorf("an attribute %s=%q", a.Name.Local, a.Value)
				}
			}
		case xml.CharData:
			if in == "text" || in == "title" {
				all = append(all, string(token))
			}
		case xml.EndElement:
			in = ""
		}
	}
}

func TestGolden(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	month := weights(30)
	for i := range month {
		month[i].Points = append(month[i].Points[:8:8], month[i].Points[17:]...) // a holiday
	}
	for name, c := range map[string]struct {
		options chart.Options
		lines   []chart.Line
	}{
		"week.svg":  {chart.Options{Title: "Anna's resting heart rate", Unit: "bpm"}, weights(7)[:1]},
		"month.svg": {chart.Options{Unit: "kg", Decimals: 1, Theme: chart.Dark, Location: berlin}, month},
		"phone.svg": {chart.Options{Unit: "kg", Decimals: 1, Width: 340, Height: 220}, weights(90)},
		"empty.svg": {chart.Options{From: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := svg(t, c.options, c.lines...)
			texts(t, got)
			file := filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s has changed; look at it in a browser, then run with -update. Now:\n%s", file, got)
			}
		})
	}
}

func TestNamesAreEscaped(t *testing.T) {
	lines := weights(7)
	lines[0].Name, lines[1].Name = `<b onload="x">&'`, "a\x00b\xff"
	o := chart.Options{Title: `</title><script>alert("&")</script>`, Unit: "<k&g>"}
	got := strings.Join(texts(t, svg(t, o, lines...)), "\n")
	for _, want := range []string{o.Title, o.Unit, lines[0].Name, "a\uFFFDb\uFFFD"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestAYearIsSmall(t *testing.T) {
	if n := len(svg(t, chart.Options{Unit: "kg", Decimals: 1}, weights(365)...)); n > 20_000 {
		t.Errorf("%d bytes", n)
	}
}

func TestLongNamesLeaveTheUnitAlone(t *testing.T) {
	lines := weights(7)
	lines[0].Name, lines[1].Name = strings.Repeat("long ", 1e6), ""
	got := strings.Join(texts(t, svg(t, chart.Options{Width: 340, Unit: "a unit that is none"}, lines...)), "\n")
	if strings.Contains(got, "long long long long long long") || strings.Count(got, "…") != 2 {
		t.Errorf("not shortened:\n%s", got)
	}
}

// A heading is drawn from the plot's left edge on, as far as the legend leaves room.
func TestHeading(t *testing.T) {
	o := chart.Options{Title: "spoken", Heading: "Weight of <anna>, 2 Nov to 8 Nov 2026", Unit: "kg", Width: 1000}
	for _, lines := range [][]chart.Line{weights(7), nil} {
		if got := texts(t, svg(t, o, lines...)); !slices.Contains(got, o.Heading) || got[0] != "spoken" {
			t.Errorf("it says %q", got)
		}
	}
	o.Width, o.Heading = 340, strings.Repeat("long ", 100)
	if got := strings.Join(texts(t, svg(t, o, weights(7)...)), "|"); !strings.Contains(got, "…|") || !strings.Contains(got, "Trend") || strings.Contains(got, strings.Repeat("long ", 10)) {
		t.Errorf("it says %q", got)
	}
	if err := chart.PNG(io.Discard, o, weights(7)...); err != nil {
		t.Error(err)
	}
}

// What people's readings can be like: each is drawn, and twice the same.
func TestUnusualReadings(t *testing.T) {
	day := time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)
	points := func(values ...float64) chart.Line {
		l := chart.Line{Name: "x"}
		for i, v := range values {
			l.Points = append(l.Points, chart.Point{Time: day.AddDate(0, 0, i), Value: v})
		}
		return l
	}
	backwards := points(1, 2, 3)
	backwards.Points[0], backwards.Points[2] = backwards.Points[2], backwards.Points[0]
	for name, c := range map[string]struct {
		line chart.Line
		want string // something it says
		dots int
	}{
		"none":           {points(), "No readings in this time", 0},
		"one":            {points(78.4), "29 Mar", 1},
		"equal":          {points(80, 80, 80), "80", 3},
		"zero":           {points(0, 0), "0", 2},
		"negative":       {points(-5, 5), "0", 2},
		"tiny":           {points(1e-9, 2e-9), "0", 2},
		"huge":           {points(1e11, 2e11), "100000000000", 2},
		"not numbers":    {points(math.NaN(), 70, math.Inf(1), 71, math.Inf(-1)), "71.0", 2},
		"only NaN":       {points(math.NaN()), "No readings in this time", 0},
		"absurd":         {points(math.MaxFloat64, -math.MaxFloat64, 60), "60.0", 1},
		"backwards":      {backwards, "30 Mar", 3},
		"the same time":  {chart.Line{Points: []chart.Point{{day, 1}, {day, 2}, {day, 3}}}, "29 Mar", 3},
		"no time at all": {chart.Line{Points: []chart.Point{{time.Time{}, 1}, {day, 2}}}, "29 Mar", 1},
		"beyond time":    {chart.Line{Points: []chart.Point{{time.Unix(1<<60, 0), 1}}}, "No readings in this time", 0},
		"ten years":      {weights(3650)[0], "2020", 0},
		"no such role":   {chart.Line{Role: 7, Points: []chart.Point{{day, 1}}}, "29 Mar", 1},
	} {
		t.Run(name, func(t *testing.T) {
			o := chart.Options{Unit: "kg", Decimals: 1}
			got := svg(t, o, c.line)
			if all := texts(t, got); !strings.Contains(strings.Join(all, " "), c.want) {
				t.Errorf("no %q in %q", c.want, all)
			}
			if n := strings.Count(got, "<circle"); n != c.dots {
				t.Errorf("%d dots, want %d", n, c.dots)
			}
			if got != svg(t, o, c.line) {
				t.Error("twice the same is not the same")
			}
			if err := chart.PNG(io.Discard, o, c.line); err != nil {
				t.Error(err)
			}
		})
	}
}

// Single heart rates come every few seconds: where an hour is missing, the line stops.
func TestGapOfAnHour(t *testing.T) {
	line := chart.Line{}
	for _, minute := range []int{0, 1, 2, 90, 91, 92} {
		line.Points = append(line.Points, chart.Point{Time: time.Date(2026, 11, 20, 7, minute, 0, 0, time.UTC), Value: 60})
	}
	drawn := func(o chart.Options) int { return strings.Count(svg(t, o, line), "M") }
	if with, without := drawn(chart.Options{Gap: 10 * time.Minute}), drawn(chart.Options{}); with != without+1 {
		t.Errorf("%d strokes with a gap, %d without", with, without)
	}
}

// Somewhere else than in UTC, a zero time is not a midnight.
func TestNeitherReadingsNorSpan(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	got := texts(t, svg(t, chart.Options{Location: berlin}, chart.Line{}, chart.Line{}))
	if len(got) != 1 || got[0] != "No readings in this time" {
		t.Errorf("it says %q", got)
	}
}

// The input is the caller's: lines are sorted and filtered in a copy.
func TestInputIsLeftAlone(t *testing.T) {
	lines := weights(5)
	lines[0].Points[0].Value = math.NaN()
	lines[0].Points[1], lines[0].Points[2] = lines[0].Points[2], lines[0].Points[1]
	second := lines[0].Points[1]
	svg(t, chart.Options{}, lines...)
	if len(lines[0].Points) != 5 || !math.IsNaN(lines[0].Points[0].Value) || lines[0].Points[1] != second {
		t.Error("the points have been changed")
	}
}

func TestWhatCannotBeDrawn(t *testing.T) {
	day := time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC)
	for want, o := range map[string]chart.Options{
		"chart: a size of 20×280 pixels; it must be 160×100 to 4000×4000":    {Width: 20},
		"chart: a size of 720×99999 pixels; it must be 160×100 to 4000×4000": {Height: 99999},
		`chart: unknown theme "sepia"; there are "light" and "dark"`:         {Theme: "sepia"},
		"chart: the span ends before it begins":                              {From: day, To: day.AddDate(0, 0, -1)},
		"chart: the span reaches beyond the years 0 to 9999":                 {To: time.Unix(1<<60, 0)},
	} {
		var b bytes.Buffer
		if err := chart.SVG(&b, o, weights(7)...); err == nil || err.Error() != want || b.Len() > 0 {
			t.Errorf("%v with %d bytes, want %s", err, b.Len(), want)
		}
		if err := chart.PNG(&b, o, weights(7)...); err == nil || err.Error() != want || b.Len() > 0 {
			t.Errorf("%v with %d bytes, want %s", err, b.Len(), want)
		}
	}
}

// The web server draws for several visitors at once; the race detector watches.
func TestSeveralAtOnce(t *testing.T) {
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if chart.SVG(io.Discard, chart.Options{}, weights(7)...) != nil || chart.PNG(io.Discard, chart.Options{}, weights(7)...) != nil {
				t.Error("not drawn")
			}
		})
	}
	all.Wait()
}

func FuzzSVG(f *testing.F) {
	f.Add("kg", "Weight & <trend>", int64(1795158849), int64(86400), 78.4, 0.3, uint8(30), 1, 720, 280)
	f.Add("", "\x00", int64(0), int64(0), 0.0, 0.0, uint8(1), -4, 160, 100)
	f.Add("%", "x", int64(-62135596800), int64(1<<40), 1e12, -1e300, uint8(200), 99, 340, 220)
	f.Fuzz(func(t *testing.T, unit, name string, start, step int64, value, slope float64, n uint8, decimals, width, height int) {
		lines := []chart.Line{{Name: name}, {Name: name, Role: chart.Trend}}
		for i := range int64(n) {
			p := chart.Point{Time: time.Unix(start+i*step, 0), Value: value + float64(i)*slope}
			lines[i%2].Points = append(lines[i%2].Points, p)
		}
		o := chart.Options{Title: name, Unit: unit, Decimals: decimals, Width: 160 + int(uint(width)%500), Height: 100 + int(uint(height)%300)}
		texts(t, svg(t, o, lines...))
	})
}

func BenchmarkSVGYear(b *testing.B) {
	lines := weights(365)
	for b.Loop() {
		if err := chart.SVG(io.Discard, chart.Options{Unit: "kg", Decimals: 1}, lines...); err != nil {
			b.Fatal(err)
		}
	}
}
