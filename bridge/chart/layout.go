package chart

import (
	"io"
	"math"
	"slices"
	"time"

	"github.com/golang/freetype/truetype"
	gochart "github.com/wcharczuk/go-chart/v2"
	"github.com/wcharczuk/go-chart/v2/drawing"
	"github.com/wcharczuk/go-chart/v2/roboto"
	"golang.org/x/image/math/fixed"
)

// tenths are the units of every position: a pixel has ten.
const tenths = 10

// The measures of the frame, in pixels.
const (
	fontSize     = 12
	topBand      = 28 // holds the unit and the legend
	bottomBand   = 26 // holds the dates
	rightBand    = 22 // holds half a date
	minLeftBand  = 32 // holds half a month and its year
	labelSpace   = 8  // between the numbers and the plot
	dateSpace    = 14 // between dates
	valueSpacing = 40 // between horizontal grid lines, at least
	dotSpacing   = 6  // of readings on average, or they are drawn without dots
)

// widestFont is how much wider than ours a reader's font may be.
const widestFont = 1.1

// largest is the biggest value that is drawn; what lies beyond is no reading.
const largest = 1e12

// picture is a chart laid out: what remains is to paint it.
type picture struct {
	Options
	palette
	font  *truetype.Font
	rows  []row
	start time.Time // of the axis of time; zero if nothing says where it is
	end   time.Time
	x, y  axis
	plot  gochart.Box // where the lines are, in tenths
}

type axis struct {
	min, max float64
	ticks    []tick
}

// row is a Line ready to be drawn: in order, and only what is in the chart.
type row struct {
	Line
	color drawing.Color
}

func layOut(o Options, lines []Line) (*picture, error) {
	o, err := o.completed()
	if err != nil {
		return nil, err
	}
	// Parsed for each chart (microseconds): go-chart's own way to its font is not safe
	// for two charts at once.
	font, err := truetype.Parse(roboto.Roboto)
	if err != nil {
		return nil, err
	}
	p := &picture{Options: o, palette: o.Theme.palette(), font: font}
	p.choose(lines)
	p.layOutSpan()
	p.layOutValues()
	p.layOutTimes()
	return p, nil
}

// choose takes over the points that can be shown, and gives each line its color:
// what somebody computed comes before what somebody measured.
func (p *picture) choose(lines []Line) {
	for _, l := range lines {
		l.Points = slices.DeleteFunc(slices.Clone(l.Points), func(q Point) bool {
			return math.IsNaN(q.Value) || math.Abs(q.Value) > largest || q.Time.IsZero() || !drawable(q.Time) ||
				!p.From.IsZero() && q.Time.Before(p.From) || !p.To.IsZero() && q.Time.After(p.To)
		})
		slices.SortStableFunc(l.Points, func(a, b Point) int { return a.Time.Compare(b.Time) })
		p.rows = append(p.rows, row{Line: l})
	}
	used := 0
	for _, role := range []Role{Trend, Measured} {
		for i := range p.rows {
			if p.rows[i].Role == role {
				p.rows[i].color = p.lines[used%len(p.lines)]
				used++
			}
		}
	}
}

func (p *picture) empty() bool {
	return !slices.ContainsFunc(p.rows, func(r row) bool { return len(r.Points) > 0 })
}

// layOutSpan sets the ends of the axis of time. What lasts less than a day is
// shown on its whole days, so that there are midnights to label.
func (p *picture) layOutSpan() {
	p.start, p.end = p.From, p.To
	for _, r := range p.rows {
		if n := len(r.Points); n > 0 {
			if p.From.IsZero() && (p.start.IsZero() || r.Points[0].Time.Before(p.start)) {
				p.start = r.Points[0].Time
			}
			if p.To.IsZero() && (p.end.IsZero() || r.Points[n-1].Time.After(p.end)) {
				p.end = r.Points[n-1].Time
			}
		}
	}
	if p.start.IsZero() {
		p.start = p.end
	}
	if p.end.IsZero() {
		p.end = p.start
	}
	if p.start.IsZero() {
		p.x = axis{min: 0, max: 1} // never seen, but go-chart wants one
		return
	}
	p.start, p.end = p.start.In(p.Location), p.end.In(p.Location)
	if p.end.Sub(p.start) < 24*time.Hour {
		year, month, day := p.start.Date()
		p.start = time.Date(year, month, day, 0, 0, 0, 0, p.Location)
		year, month, day = p.end.Date()
		p.end = time.Date(year, month, day+1, 0, 0, 0, 0, p.Location)
	}
	p.x = axis{min: seconds(p.start), max: seconds(p.end)}
}

// layOutValues sets the vertical axis, a little longer than the values need, and
// with it the plot, whose left edge leaves room for the numbers.
func (p *picture) layOutValues() {
	p.plot = gochart.NewBox(topBand*tenths, minLeftBand*tenths, (p.Width-rightBand)*tenths, (p.Height-bottomBand)*tenths)
	p.y = axis{min: 0, max: 1}
	if p.empty() {
		return
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, r := range p.rows {
		for _, q := range r.Points {
			low, high = min(low, q.Value), max(high, q.Value)
		}
	}
	// Values that hardly differ must look like it: no axis is shorter than a few of its
	// finest steps, or a percent of the value.
	shortest := max(4*math.Pow10(-p.Decimals), math.Abs(high)/100)
	pad := max((high-low)*0.08, (shortest-(high-low))/2)
	p.y.min, p.y.max = low-pad, high+pad
	if low >= 0 {
		p.y.min = max(p.y.min, 0)
	}
	p.y.ticks = valueTicks(p.y.min, p.y.max, max(p.plot.Height()/(valueSpacing*tenths), 2), p.Decimals)

	widest := p.width(p.unit())
	for _, t := range p.y.ticks {
		widest = max(widest, p.width(t.label))
	}
	p.plot.Left = max(minLeftBand, int(math.Ceil(widest))+labelSpace+2) * tenths
}

func (p *picture) layOutTimes() {
	if p.start.IsZero() {
		return // no readings and no span: there is no axis of time
	}
	p.x.ticks = timeTicks(p.start, p.end, func(ticks []tick) bool {
		end := -float64(p.Width)
		for _, t := range ticks {
			half := p.width(t.label) / 2
			at := float64(p.plot.Left+p.across(t.at)) / tenths
			if at-half < end+dateSpace {
				return false
			}
			end = at + half
		}
		return true
	})
	p.x.ticks = slices.DeleteFunc(p.x.ticks, func(t tick) bool {
		half := p.width(t.label) / 2
		at := float64(p.plot.Left+p.across(t.at)) / tenths
		return at-half < 0 || at+half > float64(p.Width)
	})
}

// across is how far from the left edge of the plot a time is, in tenths.
func (p *picture) across(at float64) int { return p.scale(p.x, p.plot.Width()).Translate(at) }

func (p *picture) scale(a axis, length int) *gochart.ContinuousRange {
	return &gochart.ContinuousRange{Min: a.min, Max: a.max, Domain: length}
}

// unit is the unit as there is room for it.
func (p *picture) unit() string { return p.shortened(p.Unit, 48) }

// width is how many pixels a text is long at most.
func (p *picture) width(text string) float64 { return textWidth(p.font, text) * widestFont }

// textWidth is how many pixels a text is long in font.
func textWidth(font *truetype.Font, text string) float64 {
	var sum fixed.Int26_6
	for _, c := range text {
		sum += font.HMetric(fontSize<<6, font.Index(c)).AdvanceWidth
	}
	return float64(sum) / 64
}

// shortened is as much of text as fits into a number of pixels.
func (p *picture) shortened(text string, room float64) string {
	const more = "…"
	used, end := 0.0, 0 // end is where text is cut if there must be room for more
	for i, c := range text {
		if used+p.width(more) <= room {
			end = i
		}
		if used += p.width(string(c)); used > room {
			if end == 0 {
				return ""
			}
			return text[:end] + more
		}
	}
	return text
}

// paint lets go-chart scale and draw onto s, and writes what came of it.
func (p *picture) paint(s surface, w io.Writer) error {
	c := &canvas{surface: s}
	none := gochart.Style{FillColor: drawing.ColorTransparent}
	background := none
	background.Padding = gochart.NewBox(p.plot.Top, p.plot.Left, p.Width*tenths-p.plot.Right, p.Height*tenths-p.plot.Bottom)
	chart := gochart.Chart{
		Width: p.Width * tenths, Height: p.Height * tenths, Font: p.font,
		Background: background, Canvas: none,
		XAxis:          gochart.XAxis{Style: gochart.Hidden(), Range: p.scale(p.x, p.plot.Width())},
		YAxis:          gochart.YAxis{Style: gochart.Hidden(), Range: p.scale(p.y, p.plot.Height())},
		YAxisSecondary: gochart.YAxis{Style: gochart.Hidden()},
		Series:         append([]gochart.Series{frame{p, s}}, p.series()...),
	}
	return chart.Render(func(int, int) (gochart.Renderer, error) { return c, nil }, w)
}
