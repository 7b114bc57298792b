package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/export"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// tables are the metrics that can be exported.
func tables() []choice {
	return []choice{
		{"weight", []fitbit.Metric{fitbit.WeightMetric, fitbit.BodyFatMetric}},
		{"heart-rate", []fitbit.Metric{fitbit.HeartRange, fitbit.RestingHeartRate, fitbit.HeartZones}},
		{"hrv", []fitbit.Metric{fitbit.HRV}},
		{intraday, []fitbit.Metric{export.Samples}},
	}
}

const intraday = "intraday"

// usualDays is how far back an export goes that does not say.
const usualDays = 30

func (a *app) newExport() *cobra.Command {
	var w wanted
	var s spanFlags
	format, unit, out := string(export.CSV), string(export.Kilograms), ""
	c := &cobra.Command{
		Use:   "export METRIC",
		Short: "Write a person's data as CSV or JSON",
		Long: `Writes one person's data to standard output or a file, oldest first. METRIC is

  weight      every weigh-in, with body fat and BMI
  heart-rate  resting, lowest, mean and highest rate of each day, and minutes in zones
  hrv         heart-rate variability of each night
  intraday    the heart rate within the day, sample by sample

What is missing is fetched from the cloud and kept in history.db. A run that is
stopped, or that the cloud's limits stop, keeps what came: the same command goes on
from there. Days that were fetched two days after they were over are not fetched
again. It works beside a running bridge, and takes no event from it.

Without a range it is the last 30 days, for intraday today. Days are those of the
person's time zone. A range may end in the future, but not begin there. Columns,
units and times are explained in docs/export.md.`,
		Example: `  fitbit2mqtt export weight > weight.csv
  fitbit2mqtt export heart-rate --account anna --from 2026-01-01 --out heart.csv
  fitbit2mqtt export intraday --date 2026-11-20 --format ndjson
  fitbit2mqtt export weight --from 2020-01-01 --unit st --format json --local`,
		Args:      usage(cobra.ExactArgs(1)),
		ValidArgs: words(tables()),
	}
	w.register(a, c)
	s.register(c)
	c.Flags().StringVar(&format, "format", format, "csv, json or ndjson")
	c.Flags().StringVar(&unit, "unit", unit, "of weight: kg, lb or st")
	c.Flags().StringVar(&out, "out", "", "file to write (default: standard output)")
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"csv", "json", "ndjson"}, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("unit", cobra.FixedCompletions([]string{"kg", "lb", "st"}, cobra.ShellCompDirectiveNoFileComp))
	c.RunE = func(c *cobra.Command, args []string) error {
		table, err := choose(c, args[0], tables())
		if err == nil {
			err = oneOf(c, "format", export.Format(format), export.Formats())
		}
		if err == nil {
			err = oneOf(c, "unit", export.Unit(unit), export.Units())
		}
		if err == nil {
			err = s.parse(c)
		}
		if err != nil {
			return err
		}
		days := usualDays
		if table.name == intraday {
			days = 1
		}
		return a.withData(func(ctx context.Context, h *house) error {
			return a.save(out, func(to io.Writer) error {
				d, err := a.bring(ctx, h, w, table.metrics, func(today fitbit.Date) (first, last fitbit.Date, err error) { return s.days(c, today, days) })
				if err != nil {
					return err
				}
				rows, err := d.rows(ctx, table, export.Unit(unit))
				if err != nil {
					return err
				}
				return export.Write(to, export.Format(format), rows)
			})
		})(c, args)
	}
	return c
}

func (d data) rows(ctx context.Context, table choice, unit export.Unit) (export.Rows, error) {
	switch table.name {
	case "weight":
		past, err := d.Body(ctx, d.first, d.last)
		return export.WeightRows(export.WeighIns(past, d.first, d.last), d.HeightMetres(), unit), err
	case "heart-rate":
		return export.HeartRateRows(d.HeartDays(ctx, table.metrics, d.first, d.last)), nil
	case "hrv":
		return export.HRVRows(d.HeartDays(ctx, table.metrics, d.first, d.last)), nil
	}
	return export.SampleRows(d.Samples(ctx, d.first, d.last)), nil
}

// spanFlags choose days.
type spanFlags struct {
	date, from, to string
	first, last    fitbit.Date // zero: not said
}

func (s *spanFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&s.from, "from", "", "first day, such as 2026-11-01")
	c.Flags().StringVar(&s.to, "to", "", "last day (default: today)")
	c.Flags().StringVar(&s.date, "date", "", "one day, instead of --from and --to")
}

// parse reads them before anything is opened. An empty one is a mistake, too: a script's
// variable that was not set.
func (s *spanFlags) parse(c *cobra.Command) error {
	mistake := func(err error) error { return &usageError{command: c.CommandPath(), err: err} }
	date, from, to := c.Flags().Changed("date"), c.Flags().Changed("from"), c.Flags().Changed("to")
	if date {
		if from || to {
			return mistake(errors.New("--date is one day: leave out --from and --to"))
		}
		s.from, from, s.to, to = s.date, true, s.date, true
	}
	for _, f := range []struct {
		said bool
		text string
		day  *fitbit.Date
	}{{from, s.from, &s.first}, {to, s.to, &s.last}} {
		if !f.said {
			continue
		}
		var err error
		if *f.day, err = fitbit.ParseDate(f.text); err != nil {
			return mistake(err)
		}
	}
	if !s.first.IsZero() && !s.last.IsZero() && s.last.Before(s.first) {
		return mistake(fmt.Errorf("the range ends on %s, before it begins on %s", s.last, s.first))
	}
	return nil
}

// days fills in what was not said: so many days, up to today.
func (s *spanFlags) days(c *cobra.Command, today fitbit.Date, usual int) (first, last fitbit.Date, err error) {
	first, last = s.first, s.last
	if last.IsZero() || today.Before(last) && !today.Before(first) {
		last = today
	}
	if first.IsZero() {
		first = last.AddDays(1 - usual)
	}
	if today.Before(first) {
		return first, last, &usageError{command: c.CommandPath(), err: fmt.Errorf("%s lies in the future: there it is %s", first, today)}
	}
	return first, last, nil
}
