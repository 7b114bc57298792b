package googlehealth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/rest"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/wire"
)

// once is a cloud without a network: it says body the first time and {} after that.
type once struct{ body string }

func (o *once) RoundTrip(*http.Request) (*http.Response, error) {
	body := o.body
	o.body = "{}"
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)),
	}, nil
}

type anyToken struct{}

func (anyToken) Token(context.Context) (string, error) { return "a-token", nil }

func (anyToken) Renew(context.Context, string) (string, error) { return "", errors.New("no other") }

// hearing returns a client that hears body, and paces nothing.
func hearing(body string) *Client {
	now := func() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }
	return &Client{now: now, rest: rest.Client{
		Base: "https://cloud.example", Tokens: anyToken{}, HTTP: &http.Client{Transport: &once{body}}, Now: now,
		Translate: func(f rest.Failure) error { return translate(f, now()) },
	}}
}

// FuzzDecode: whatever the cloud says, nothing panics, errors are fitbit's, and
// no value comes out that no body, heart or clock could have.
func FuzzDecode(f *testing.F) {
	const when = `"sampleTime": {"physicalTime": "2026-11-20T06:14:09Z", "utcOffset": "3600s", "civilTime": {"date": {"year": 2026, "month": 11, "day": 20}, "time": {"hours": 7}}}`
	const source = `"dataSource": {"recordingMethod": "MANUAL", "platform": "FITBIT", "device": {"displayName": "Aria Air", "formFactor": "SCALE"}}`
	for _, seed := range []string{
		`{}`, `null`, `[]`, `{"nextPageToken": "more"}`,
		`{"dataPoints": [{"name": "users/1/dataTypes/weight/dataPoints/7001", ` + source + `, "weight": {` + when + `, "weightGrams": 78420}}], "nextPageToken": "more"}`,
		`{"dataPoints": [{"weight": {` + when + `, "weightGrams": "NaN"}}, {"weight": {` + when + `, "weightGrams": -1}}]}`,
		`{"dataPoints": [{"bodyFat": {` + when + `, "percentage": 24.4}}, {"height": {"heightMillimeters": "1780"}}]}`,
		`{"dataPoints": [{"heartRate": {` + when + `, "beatsPerMinute": "64"}}]}`,
		`{"dataPoints": [{"dailyRestingHeartRate": {"date": {"year": 2026, "month": 11, "day": 20}, "beatsPerMinute": "58"}}]}`,
		`{"dataPoints": [{"dailyHeartRateVariability": {"date": {"year": 2026, "month": 11, "day": 20}, "averageHeartRateVariabilityMilliseconds": 41.2}}]}`,
		`{"rollupDataPoints": [{"civilStartTime": {"date": {"year": 2026, "month": 11, "day": 20}}, "heartRate": {"beatsPerMinuteAvg": 70, "beatsPerMinuteMin": 50, "beatsPerMinuteMax": 140}}]}`,
		`{"rollupDataPoints": [{"civilStartTime": {"date": {"year": 2026, "month": 11, "day": 20}}, "timeInHeartRateZone": {"timeInHeartRateZones": [{"heartRateZone": "PEAK", "duration": "1500s"}]}}]}`,
		`{"pairedDevices": [{"name": "users/1/pairedDevices/301", "deviceType": "SCALE", "deviceVersion": "Aria Air", "batteryLevel": 7, "batteryStatus": "Low", "lastSyncTime": "2026-11-20T06:14:09Z"}], "nextPageToken": "2"}`,
		`{"timeZone": "Europe/Berlin", "utcOffset": "3600s", "healthUserId": "111"}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		c := checker{t}
		c.body(body)
		c.heart(body)
		c.person(body)
	})
}

type checker struct{ *testing.T }

func (c checker) err(err error) {
	c.Helper()
	if err != nil && !errors.Is(err, fitbit.ErrProtocol) && !errors.Is(err, fitbit.ErrNoData) {
		c.Errorf("error is %v", err)
	}
}

func (c checker) reading(id string, at time.Time, o fitbit.Origin) {
	c.Helper()
	if id != wire.ID(id, func() string { return "" }) {
		c.Errorf("id is %q", id)
	}
	c.time(at)
	switch o.Recorded {
	case fitbit.RecordedByScale, fitbit.RecordedByHand, fitbit.RecordedOther:
	default:
		c.Errorf("recorded by %q", o.Recorded)
	}
	if o.Device != wire.Printable(o.Device) {
		c.Errorf("device is %q", o.Device)
	}
}

func (c checker) time(at time.Time) {
	c.Helper()
	_, east := at.Zone()
	offset := time.Duration(east) * time.Second
	if _, err := at.MarshalJSON(); err != nil || at.Year() < 1899 || at.Year() > 2200 || at.Location() == time.Local ||
		offset.Abs() > maxOffset {
		c.Errorf("time is %v (%v)", at, err)
	}
}

func (c checker) within(what string, v, low, high float64) {
	c.Helper()
	if !(v >= low && v <= high) { // NaN is neither
		c.Errorf("%s is %v", what, v)
	}
}

func (c checker) body(body string) {
	ctx, ever := c.Context(), fitbit.Window{}
	weights, err := hearing(body).Weights(ctx, ever)
	c.err(err)
	latest, err := hearing(body).LatestWeight(ctx)
	c.err(err)
	if err == nil {
		weights = append(weights, latest)
	}
	for _, w := range weights {
		c.reading(w.ID, w.Time, w.Origin)
		c.within("weight", w.Kilograms, 0.1, 1000)
	}
	fats, err := hearing(body).BodyFats(ctx, ever)
	c.err(err)
	for _, f := range fats {
		c.reading(f.ID, f.Time, f.Origin)
		c.within("body fat", f.Percent, 0.1, 100)
	}
	metres, err := hearing(body).Height(ctx)
	c.err(err)
	if err == nil {
		c.within("height", metres, 0.3, 3)
	}
}

func (c checker) heart(body string) {
	ctx, first, last := c.Context(), fitbit.Date{Year: 2026, Month: 11, Day: 18}, fitbit.Date{Year: 2026, Month: 11, Day: 20}
	samples, err := hearing(body).HeartSamples(ctx, fitbit.Window{})
	c.err(err)
	latest, err := hearing(body).LatestHeartSample(ctx, time.Time{})
	c.err(err)
	if err == nil {
		samples = append(samples, latest)
	}
	for _, s := range samples {
		c.time(s.Time)
		c.within("sample", float64(s.BPM), 1, 300)
	}
	for _, m := range []fitbit.Metric{fitbit.HeartRange, fitbit.HeartZones, fitbit.RestingHeartRate, fitbit.HRV} {
		days, err := hearing(body).HeartDays(ctx, m, first, last)
		c.err(err)
		for _, d := range days {
			if d.Date.Before(first) || last.Before(d.Date) || d == (fitbit.HeartDay{Date: d.Date}) {
				c.Errorf("%s: day is %+v", m, d)
			}
			for _, v := range []*int{d.MinBPM, d.MaxBPM, d.RestingBPM} {
				if v != nil {
					c.within(string(m), float64(*v), 1, 300)
				}
			}
			if d.AvgBPM != nil {
				c.within("mean", *d.AvgBPM, 1, 300)
			}
			if d.HRVMillis != nil {
				c.within("variability", *d.HRVMillis, 0.1, 1000)
			}
		}
	}
}

func (c checker) person(body string) {
	ctx := c.Context()
	devices, err := hearing(body).Devices(ctx)
	c.err(err)
	for i, d := range devices {
		c.reading(d.ID, d.LastSync, fitbit.Origin{Device: d.Name, Recorded: fitbit.RecordedOther})
		if i > 0 && devices[i-1].ID >= d.ID {
			c.Errorf("device %q comes after %q", d.ID, devices[i-1].ID)
		}
		if d.BatteryPercent != nil {
			c.within("battery", float64(*d.BatteryPercent), 0, 100)
		}
	}
	s, err := hearing(body).Settings(ctx)
	c.err(err)
	if err == nil && (s.Location == nil || s.Location == time.Local) {
		c.Errorf("the person's zone is %v", s.Location)
	}
	_, err = hearing(body).Identity(ctx)
	c.err(err)
}

// FuzzTranslate: whatever a refusal says, its error is one of fitbit's, in one
// line, and quotes nothing but constants.
func FuzzTranslate(f *testing.F) {
	f.Add(403, true, `{"error": {"code": 403, "message": "UberMint", "status": "PERMISSION_DENIED", "details": [{"reason": "SERVICE_DISABLED", "links": [{"url": "https://console.cloud.google.com/x"}]}]}}`)
	f.Add(400, true, `{"error": {"status": "FAILED_PRECONDITION", "details": [{"metadata": {"detailedReasons": "A_REASON"}}]}}`)
	f.Add(502, false, `<html>`)
	f.Fuzz(func(t *testing.T, status int, isJSON bool, body string) {
		err := translate(rest.Failure{Status: status, JSON: isJSON, Body: []byte(body)}, time.Unix(0, 0))
		kinds := 0
		for _, kind := range []error{
			fitbit.ErrReauthRequired, fitbit.ErrPermission, fitbit.ErrSetup, fitbit.ErrRetired, fitbit.ErrUnavailable, fitbit.ErrProtocol,
		} {
			if errors.Is(err, kind) {
				kinds++
			}
		}
		text := fmt.Sprint(err) + fitbit.Hint(err)
		if kinds != 1 || len(text) > 600 || strings.ContainsAny(text, "\n\r\x00<>") {
			t.Errorf("%d kinds of error: %q", kinds, text)
		}
	})
}
