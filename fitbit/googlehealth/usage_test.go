package googlehealth_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/googlehealth"
)

// TestUsage: what the cloud has seen of one person, against what it allows.
func TestUsage(t *testing.T) {
	l := newLab(t, fakecloud.PersonOptions{})
	l.anna.Generate(fitbit.DateOf(noon()).AddDays(-3), fitbit.DateOf(noon()))
	other := l.again()
	want := func(what string, requests int64, remaining int) {
		t.Helper()
		if got := l.client.Usage(); got != (fitbit.Usage{Requests: requests, Limit: 300, Remaining: remaining, Reset: l.clock.Now().Truncate(time.Minute).Add(time.Minute), Window: time.Minute}) {
			t.Errorf("%s: usage is %+v, want %d requests, %d left", what, got, requests, remaining)
		}
	}
	want("nothing asked", 0, 300)
	l.asked()
	if _, err := l.client.HeartSamples(t.Context(), fitbit.Window{From: noon().AddDate(0, 0, -1), To: noon()}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.client.Devices(t.Context()); err != nil {
		t.Fatal(err)
	}
	pages := l.asked()
	if pages < 2 {
		t.Fatalf("%d requests", pages)
	}
	want("each page counts", int64(pages), 300-pages)
	if got := other.Usage(); got.Requests != 0 || got.Remaining != 300 {
		t.Errorf("another person's usage is %+v", got)
	}
	l.clock.Advance(time.Minute)
	want("a minute later", int64(pages), 300)

	l.fake.Fail(fakecloud.Fault{Kind: fakecloud.RateLimited, Path: "/v4/", Times: 1})
	if _, err := l.client.Identity(t.Context()); err == nil {
		t.Fatal("not limited")
	}
	want("the cloud says that there is nothing left", int64(pages)+1, 0)
	l.clock.Advance(2 * time.Minute)
	want("when it may be asked again", int64(pages)+1, 300)
}

// TestMissing: each scope covers what the fake cloud refuses without it.
func TestMissing(t *testing.T) {
	body := []fitbit.Metric{
		fitbit.WeightMetric, fitbit.BodyFatMetric, fitbit.HeightMetric,
		fitbit.HeartRange, fitbit.RestingHeartRate, fitbit.HRV, fitbit.LatestHeartRate,
	}
	zones, settings := []fitbit.Metric{fitbit.HeartZones}, []fitbit.Metric{fitbit.DevicesMetric, fitbit.SettingsMetric}
	const extra = "https://www.googleapis.com/auth/googlehealth.sleep.readonly"
	all := googlehealth.Scopes()
	for _, c := range []struct {
		name    string
		granted []string
		want    []fitbit.Metric
	}{
		{"everything", all, nil},
		{"more than everything, in another order", []string{extra, all[2], all[1], all[0]}, nil},
		{"not known", nil, nil},
		{"not known either", []string{}, nil},
		{"without body", all[1:], body},
		{"without activity", []string{all[0], all[2]}, zones},
		{"without settings", all[:2], settings},
		{"only settings", all[2:], slices.Concat(body, zones)},
		{"something else", []string{extra}, slices.Concat(body, zones, settings)},
		{"nearly", []string{strings.ToUpper(all[0]), all[1] + ".readonly", strings.TrimSuffix(all[2], ".readonly")}, slices.Concat(body, zones, settings)},
	} {
		if got := googlehealth.Missing(c.granted); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v are missing, want %v", c.name, got, c.want)
		}
	}
}

// TestMissingIsWhatIsRefused: the table agrees with what the cloud lets people read.
func TestMissingIsWhatIsRefused(t *testing.T) {
	today := fitbit.DateOf(noon())
	for _, scope := range googlehealth.Scopes() {
		l := newLab(t, fakecloud.PersonOptions{})
		app := l.app(clientID)
		attempt, code := l.consent(t, app, scope[strings.LastIndex(scope, "googlehealth.")+len("googlehealth."):])
		g, err := app.Exchange(t.Context(), attempt, code)
		if err != nil {
			t.Fatal(err)
		}
		l.tokens = &granted{app, g}
		c, ctx := l.again(), t.Context()
		_, weights := c.Weights(ctx, year())
		_, fats := c.BodyFats(ctx, year())
		_, height := c.Height(ctx)
		_, latest := c.LatestHeartSample(ctx, noon().Add(-time.Hour))
		_, devices := c.Devices(ctx)
		_, settings := c.Settings(ctx)
		errs := map[fitbit.Metric]error{
			fitbit.WeightMetric: weights, fitbit.BodyFatMetric: fats, fitbit.HeightMetric: height,
			fitbit.LatestHeartRate: latest, fitbit.DevicesMetric: devices, fitbit.SettingsMetric: settings,
		}
		for _, m := range []fitbit.Metric{fitbit.HeartRange, fitbit.RestingHeartRate, fitbit.HRV, fitbit.HeartZones} {
			_, errs[m] = c.HeartDays(ctx, m, today, today)
		}
		missing := googlehealth.Missing(g.Scopes)
		for m, err := range errs {
			if got, want := errors.Is(err, fitbit.ErrPermission), slices.Contains(missing, m); got != want {
				t.Errorf("without %s: %s is refused: %t (%v), said to be missing: %t", scope, m, got, err, want)
			}
		}
	}
}
