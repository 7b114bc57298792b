package webapi

import (
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

// echo is a cloud without a network that says body to everything but the profile.
type echo struct{ body string }

func (e echo) RoundTrip(r *http.Request) (*http.Response, error) {
	body := e.body
	if strings.HasSuffix(r.URL.Path, "/profile.json") && !strings.Contains(body, `"user"`) {
		body = `{"user":{"timezone":"Europe/Berlin"}}`
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)),
	}, nil
}

func today() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }

// hearing returns a client that hears body.
func hearing(body string) *Client {
	return New(Options{Tokens: oneToken("a-token"), HTTP: &http.Client{Transport: echo{body}}, Now: today})
}

// FuzzDecode: whatever the cloud says, nothing panics, errors are fitbit's, and
// no value comes out that no body, heart or clock could have.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `[]`, `[null]`, `{"weight":{}}`, `{"user":{"timezone":"Mars","offsetFromUTCMillis":-3600000,"encodedId":"ZZ9PLU","height":178.1}}`,
		`{"weight":[{"bmi":24.63,"date":"2026-11-20","fat":24.3700008392334,"logId":1795158849000,"source":"Aria","time":"07:14:09","weight":82.4}]}`,
		`{"weight":[{"date":"2026-11-20","logId":1,"source":"API","time":"23:59:59","weight":82},{"date":"2026-11-20","logId":1,"source":"API","time":"23:59:59","weight":83}]}`,
		`{"weight":[{"date":"2026-11-20","time":"23:59:59","weight":82},{"date":"2026-11-20","time":"23:59:59.5","weight":82},{"date":"2026-11-20","weight":82}]}`,
		`{"fat":[{"date":"2026-11-20","fat":"24.37","logId":"18446744073709551615","time":"07:14:09"}],"body-weight":[{"dateTime":"2026-01-20","value":"82.4"}]}`,
		`{"activities-heart":[{"dateTime":"2026-11-20","value":{"restingHeartRate":57,"heartRateZones":[{"name":"Fat Burn","minutes":31},{"name":"Peak"}]}}]}`,
		`{"activities-heart":[],"activities-heart-intraday":{"dataset":[{"time":"00:00:05","value":61},{"time":"x","value":"61"}]}}`,
		`{"hrv":[{"value":{"dailyRmssd":41.2},"dateTime":"2026-11-20"}]}`,
		`[{"battery":"High","batteryLevel":95,"deviceVersion":"Aria","id":"Q7FAKE","lastSyncTime":"2026-11-20T07:12:50.000","type":"SCALE"}]`,
		`{"active":true,"scope":"{WEIGHT=READ}","user_id":"ZZ9PLU","exp":1927900000000}`,
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
	if err != nil && !errors.Is(err, fitbit.ErrProtocol) && !errors.Is(err, fitbit.ErrNoData) &&
		!errors.Is(err, fitbit.ErrPermission) && !errors.Is(err, fitbit.ErrReauthRequired) {
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
	if _, err := at.MarshalJSON(); err != nil || at.Year() != 1 && (at.Year() < 2008 || at.Year() > 2200) || at.Location() == time.Local || offset.Abs() > maxOffset {
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
	ctx, in := c.Context(), fitbit.Window{From: today().AddDate(0, 0, -60)}
	weights, err := hearing(body).Weights(ctx, in)
	c.err(err)
	seen := map[string]bool{}
	for _, w := range weights {
		c.reading(w.ID, w.Time, w.Origin)
		c.within("weight", w.Kilograms, leastKilograms, mostKilograms)
		if seen[w.ID] || !in.Contains(w.Time) {
			c.Errorf("%q of %v comes twice, or from outside", w.ID, w.Time)
		}
		seen[w.ID] = true
	}
	latest, err := hearing(body).LatestWeight(ctx)
	c.err(err)
	if err == nil {
		c.reading(latest.ID, latest.Time, latest.Origin)
	}
	fats, err := hearing(body).BodyFats(ctx, in)
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
	samples, err := hearing(body).HeartSamples(ctx, fitbit.Window{From: today().AddDate(0, 0, -2)})
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
				c.within("mean", *d.AvgBPM, float64(*d.MinBPM)-1e-6, float64(*d.MaxBPM)+1e-6)
			}
			if d.HRVMillis != nil {
				c.within("variability", *d.HRVMillis, 0.1, 1000)
			}
			if z := d.Zones; z != nil {
				c.within("minutes", float64(z.Moderate+z.Vigorous+z.Peak), 0, 3*longestDay)
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
	id, err := hearing(body).Identity(ctx)
	c.err(err)
	if err == nil && (id.User == "" || len(id.User) > wire.MaxID) {
		c.Errorf("the person is %q", id.User)
	}
}

// FuzzTranslate: whatever a refusal says, its error is one of fitbit's, in one
// line, and quotes nothing but words.
func FuzzTranslate(f *testing.F) {
	f.Add(403, `{"errors":[{"errorType":"insufficient_scope","message":"m"}],"success":false}`)
	f.Add(403, `{"error":{"code":403,"message":"The caller does not have permission","status":"PERMISSION_DENIED"}}`)
	f.Add(400, `{"errors":[{"errorType":"invalid_grant"}],"error":"invalid_grant"}`)
	f.Add(502, `<html>`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		refused := rest.Failure{Status: status, Body: []byte(body)}
		err := hearing("{}").translate(refused)
		kinds := 0
		for _, kind := range []error{
			fitbit.ErrReauthRequired, fitbit.ErrPermission, fitbit.ErrSetup, fitbit.ErrRetired, fitbit.ErrUnavailable, fitbit.ErrProtocol,
		} {
			if errors.Is(err, kind) {
				kinds++
			}
		}
		text := fmt.Sprint(err) + fitbit.Hint(err)
		if kinds != 1 || len(text) > 300 || strings.ContainsAny(text, "\n\r\x00<>") {
			t.Errorf("%d kinds of error: %q", kinds, text)
		}
	})
}
