package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/chart"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/export"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// pictures are the metrics that can be drawn.
func pictures() []choice {
	return []choice{
		{"weight", []fitbit.Metric{fitbit.WeightMetric}},
		{"body-fat", []fitbit.Metric{fitbit.BodyFatMetric}},
		{"heart-rate", []fitbit.Metric{fitbit.HeartRange, fitbit.RestingHeartRate}},
		{"hrv", []fitbit.Metric{fitbit.HRV}},
		{intraday, []fitbit.Metric{export.Samples}},
	}
}

const (
	pictureWidth, pictureHeight = 1000, 400
	mostDays                    = 36_525
	// runIn is how many days before a chart the trend begins, to be at its own at the left edge.
	runIn = 30
	// offWrist is how long a tracker is silent before its line stops.
	offWrist = 15 * time.Minute
)

type pictureFlags struct {
	wanted
	out, theme, date string
	days             int
	day              fitbit.Date // of date
}

func (a *app) newChart() *cobra.Command {
	f := pictureFlags{theme: string(chart.Light), days: 90}
	c := &cobra.Command{
		Use:   "chart METRIC --out FILE",
		Short: "Draw a person's data as SVG or PNG",
		Long: `Draws one person's data into a file that ends with .svg or .png. METRIC is

  weight      every weigh-in in kilograms, and the trend
  body-fat    in percent, and the trend
  heart-rate  highest, mean, lowest and resting rate of each day
  hrv         heart-rate variability of each night, and the trend
  intraday    the heart rate of one day

What is missing is fetched from the cloud and kept, as "fitbit2mqtt export" does.`,
		Example: `  fitbit2mqtt chart weight --out weight.svg
  fitbit2mqtt chart heart-rate --account anna --days 30 --theme dark --out heart.png
  fitbit2mqtt chart intraday --date 2026-11-20 --out day.png`,
		Args:      usage(cobra.ExactArgs(1)),
		ValidArgs: words(pictures()),
	}
	f.register(a, c)
	c.Flags().StringVar(&f.out, "out", "", "file to draw, .svg or .png (required)")
	c.Flags().StringVar(&f.theme, "theme", f.theme, "of the page it is for: light or dark")
	c.Flags().IntVar(&f.days, "days", f.days, "how many days, up to today; not for intraday")
	c.Flags().StringVar(&f.date, "date", "", "the day of intraday (default: today)")
	_ = c.RegisterFlagCompletionFunc("theme", cobra.FixedCompletions([]string{"light", "dark"}, cobra.ShellCompDirectiveNoFileComp))
	c.RunE = func(c *cobra.Command, args []string) error {
		picture, err := choose(c, args[0], pictures())
		if err == nil {
			err = oneOf(c, "theme", chart.Theme(f.theme), []chart.Theme{chart.Light, chart.Dark})
		}
		if err == nil {
			err = f.check(c, picture)
		}
		if err != nil {
			return err
		}
		return a.withData(func(ctx context.Context, h *house) error {
			return a.save(f.out, func(to io.Writer) error { return a.draw(ctx, h, c, f, picture, to) })
		})(c, args)
	}
	return c
}

// check refuses flags that say nothing together.
func (f *pictureFlags) check(c *cobra.Command, picture choice) (err error) {
	switch ending := strings.ToLower(filepath.Ext(f.out)); {
	case f.out == "":
		err = errors.New("--out is required: where to draw, such as weight.svg")
	case ending != ".svg" && ending != ".png":
		err = fmt.Errorf("--out %q: the name must end with .svg or .png", f.out)
	case f.days < 1 || f.days > mostDays:
		err = fmt.Errorf("--days %d: use 1 to %d", f.days, mostDays)
	case picture.name != intraday && c.Flags().Changed("date"):
		err = errors.New("--date is for intraday: for anything else use --days")
	case picture.name == intraday && c.Flags().Changed("days"):
		err = errors.New("intraday is one day: use --date")
	case c.Flags().Changed("date"):
		f.day, err = fitbit.ParseDate(f.date)
	}
	if err != nil {
		return &usageError{command: c.CommandPath(), err: err}
	}
	return nil
}

// draw writes the picture.
func (a *app) draw(ctx context.Context, h *house, c *cobra.Command, f pictureFlags, picture choice, to io.Writer) error {
	first := fitbit.Date{} // that is seen
	d, err := a.bring(ctx, h, f.wanted, picture.metrics, func(today fitbit.Date) (begin, last fitbit.Date, err error) {
		if picture.name == intraday {
			s := spanFlags{first: f.day, last: f.day}
			first, last, err = s.days(c, today, 1)
			return first, last, err
		}
		if first = today.AddDays(1 - f.days); picture.name == "heart-rate" {
			return first, today, nil // four lines, and no trend
		}
		return first.AddDays(-runIn), today, nil
	})
	if err != nil {
		return err
	}
	o := chart.Options{Theme: chart.Theme(f.theme), Width: pictureWidth, Height: pictureHeight, Location: d.Location()}
	lines, err := d.lines(ctx, picture, &o)
	if err != nil {
		return err
	}
	o.Title += " of " + d.account.Name
	o.Heading = o.Title + ", " + period(first, d.last)
	o.From, o.To = first.Start(o.Location), d.last.AddDays(1).Start(o.Location).Add(-1)
	if strings.EqualFold(filepath.Ext(f.out), ".png") {
		return chart.PNG(to, o, lines...)
	}
	return chart.SVG(to, o, lines...)
}

// period is from when to when a picture is.
func period(first, last fitbit.Date) string {
	const format = "2 Jan 2006"
	if first == last {
		return first.Start(time.UTC).Format(format)
	}
	return first.Start(time.UTC).Format(format) + " to " + last.Start(time.UTC).Format(format)
}

// lines are what to draw, and what the axes say.
func (d data) lines(ctx context.Context, picture choice, o *chart.Options) ([]chart.Line, error) {
	switch picture.name {
	case "weight", "body-fat":
		past, err := d.Body(ctx, d.first, d.last)
		o.Decimals = 1
		if picture.name == "weight" {
			o.Title, o.Unit = "Weight", "kg"
			return export.WeightLines(past.WeighIns()), err
		}
		o.Title, o.Unit = "Body fat", "%"
		return export.WithTrend(export.FatLines(past.Fats)[0]), err
	case intraday:
		o.Title, o.Unit, o.Gap = "Heart rate", "bpm", offWrist
		return export.SampleLines(d.Samples(ctx, d.first, d.last))
	}
	o.Location = time.UTC // days, not moments
	var days []fitbit.HeartDay
	for day, err := range d.HeartDays(ctx, picture.metrics, d.first, d.last) {
		if err != nil {
			return nil, err
		}
		days = append(days, day)
	}
	if picture.name == "hrv" {
		o.Title, o.Unit = "Heart-rate variability", "ms"
		return export.WithTrend(export.HRVLines(days)[0]), nil
	}
	o.Title, o.Unit = "Heart rate", "bpm"
	return export.HeartRateLines(days, d.Today()), nil
}
