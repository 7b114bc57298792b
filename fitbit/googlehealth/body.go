package googlehealth

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/wire"
)

// Weights lists the weight readings within the window, from all sources.
func (c *Client) Weights(ctx context.Context, in fitbit.Window) ([]fitbit.Weight, error) {
	var weights []fitbit.Weight
	err := c.list(ctx, weightType, in, func(p dataPoint) {
		if w, ok := p.asWeight(); ok && in.Contains(w.Time) {
			weights = append(weights, w)
		}
	})
	if err != nil {
		return nil, err
	}
	return byTime(weights, func(w fitbit.Weight) time.Time { return w.Time },
		func(a, b fitbit.Weight) int { return strings.Compare(a.ID, b.ID) }), nil
}

// LatestWeight returns the newest weight reading ever.
func (c *Client) LatestWeight(ctx context.Context) (fitbit.Weight, error) {
	r, err := c.page(ctx, weightType, query{size: newestFew})
	if err != nil {
		return fitbit.Weight{}, err
	}
	for _, p := range r.DataPoints {
		if w, ok := p.asWeight(); ok {
			return w, nil
		}
	}
	return fitbit.Weight{}, fitbit.ErrNoData
}

// BodyFats lists the body-fat readings within the window, from all sources.
func (c *Client) BodyFats(ctx context.Context, in fitbit.Window) ([]fitbit.BodyFat, error) {
	var fats []fitbit.BodyFat
	err := c.list(ctx, bodyFatType, in, func(p dataPoint) {
		if f, ok := p.asBodyFat(); ok && in.Contains(f.Time) {
			fats = append(fats, f)
		}
	})
	if err != nil {
		return nil, err
	}
	return byTime(fats, func(f fitbit.BodyFat) time.Time { return f.Time },
		func(a, b fitbit.BodyFat) int { return strings.Compare(a.ID, b.ID) }), nil
}

// Height returns the newest height on record, in metres.
func (c *Client) Height(ctx context.Context) (float64, error) {
	r, err := c.page(ctx, heightType, query{size: newestFew})
	if err != nil {
		return 0, err
	}
	for _, p := range r.DataPoints {
		if p.Height == nil {
			continue
		}
		if mm, ok := p.Height.HeightMillimeters.Within(300, 3000); ok {
			return mm / 1000, nil
		}
	}
	return 0, fitbit.ErrNoData
}

func (p dataPoint) asWeight() (fitbit.Weight, bool) {
	if p.Weight == nil {
		return fitbit.Weight{}, false
	}
	at, timed := p.Weight.SampleTime.local()
	grams, ok := p.Weight.WeightGrams.Within(100, 1e6) // the API's upper limit
	if !timed || !ok {
		return fitbit.Weight{}, false
	}
	from := p.DataSource.origin()
	return fitbit.Weight{ID: p.id(at), Time: fitbit.Measured(at, from.Recorded), Kilograms: grams / 1000, Origin: from}, true
}

func (p dataPoint) asBodyFat() (fitbit.BodyFat, bool) {
	if p.BodyFat == nil {
		return fitbit.BodyFat{}, false
	}
	at, timed := p.BodyFat.SampleTime.local()
	// Zeros are left out, so no percentage is 0 %, which nobody has.
	percent, ok := p.BodyFat.Percentage.Within(0.1, 100)
	if !timed || !ok {
		return fitbit.BodyFat{}, false
	}
	from := p.DataSource.origin()
	return fitbit.BodyFat{ID: p.id(at), Time: fitbit.Measured(at, from.Recorded), Percent: percent, Origin: from}, true
}

// id is the last part of the point's name. Points that carry none, or one that
// could not stand in a topic or a file, are named after what they say.
func (p dataPoint) id(at time.Time) string {
	return wire.ID(path.Base(p.Name), func() string { return fmt.Sprint(p.key(at)) })
}

func (s dataSource) origin() fitbit.Origin {
	o := fitbit.Origin{Recorded: fitbit.RecordedOther}
	measured := s.RecordingMethod == "ACTIVELY_MEASURED" || s.RecordingMethod == "PASSIVELY_MEASURED"
	switch {
	case s.RecordingMethod == "MANUAL":
		o.Recorded = fitbit.RecordedByHand
	case s.Device.FormFactor == "SCALE", measured && s.Platform == "FITBIT":
		// What an Aria calls itself is not documented: whatever Fitbit measured was a scale.
		o.Recorded = fitbit.RecordedByScale
	}
	for _, name := range []string{s.Device.DisplayName, s.Device.Manufacturer, s.Application.PackageName} {
		if o.Device = wire.Printable(name); o.Device != "" {
			break
		}
	}
	return o
}
