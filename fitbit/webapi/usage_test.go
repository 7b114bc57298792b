package webapi_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/webapi"
)

// TestUsage: the budget is what the cloud says it is, in the hour of which it speaks.
func TestUsage(t *testing.T) {
	l := newLab(t, fakecloud.FitbitOptions{PerHour: 5})
	want := func(what string, requests int64, limit, remaining int, reset time.Time) {
		t.Helper()
		if got := l.client.Usage(); got != (fitbit.Usage{Requests: requests, Limit: limit, Remaining: remaining, Reset: reset, Window: time.Hour}) {
			t.Errorf("%s: usage is %+v, want %d requests, %d of %d left until %v", what, got, requests, remaining, limit, reset)
		}
	}
	ask := func() error {
		_, err := l.client.Settings(t.Context())
		return err
	}
	want("nothing asked", 0, 150, 150, time.Time{})
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	end := noon().Add(time.Hour)
	want("one request", 1, 5, 4, end)
	l.clock.Advance(20 * time.Minute)
	if _, err := l.client.Weights(t.Context(), month()); err != nil {
		t.Fatal(err)
	}
	want("two requests", 2, 5, 3, end)

	l.fake.Fail(fakecloud.Fault{Kind: fakecloud.HTML, Path: "/1/", Times: 2}) // says nothing of the budget
	_, _ = ask(), ask()
	want("requests that nobody counted aloud", 4, 5, 1, end)
	for range 10 {
		if err := ask(); errors.Is(err, fitbit.ErrUnavailable) {
			break
		}
	}
	want("the cloud says that there is nothing left", 8, 5, 0, end)
	l.clock.Advance(39 * time.Minute)
	if err := ask(); !errors.Is(err, fitbit.ErrUnavailable) {
		t.Errorf("before the hour is over: %v", err)
	}
	want("and nothing is sent", 8, 5, 0, end)
	l.clock.Advance(time.Minute)
	want("the hour is over", 8, 5, 5, time.Time{})
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	want("the next hour", 9, 5, 4, end.Add(time.Hour))
}

// TestUsageOfStrangeWords: what is no number, or none that can be, is not believed.
func TestUsageOfStrangeWords(t *testing.T) {
	const limit, remaining, reset = "Fitbit-Rate-Limit-Limit", "fitbit-rate-limit-remaining", "Fitbit-rate-limit-reset"
	nothing := fitbit.Usage{Requests: 1, Limit: 150, Remaining: 150, Window: time.Hour}
	for _, c := range []struct {
		headers []string
		want    fitbit.Usage
	}{
		{nil, nothing},
		{[]string{limit, "150", remaining, "149"}, nothing},
		{[]string{limit, "many", remaining, "149", reset, "60"}, nothing},
		{[]string{limit, "-150", remaining, "149", reset, "60"}, nothing},
		{[]string{limit, "0", remaining, "0", reset, "60"}, nothing},
		{[]string{limit, "150", remaining, "148", reset, "1201"}, fitbit.Usage{Requests: 1, Limit: 150, Remaining: 148, Reset: noon().Add(1201 * time.Second), Window: time.Hour}},
		{[]string{limit, "150", remaining, "900", reset, "9999999999"}, fitbit.Usage{Requests: 1, Limit: 150, Remaining: 150, Reset: noon().Add(65 * time.Minute), Window: time.Hour}},
		{[]string{limit, "150", remaining, "3", reset, "0"}, fitbit.Usage{Requests: 1, Limit: 150, Remaining: 150, Window: time.Hour}},
	} {
		client := serveAll(t, with(sayJSON(berlinProfile), c.headers...))
		if _, err := client.Settings(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := client.Usage(); got != c.want {
			t.Errorf("%q: usage is %+v, want %+v", c.headers, got, c.want)
		}
	}
}

// TestRound: what a round of all metrics asks for, and in which language.
func TestRound(t *testing.T) {
	l := newLab(t, fakecloud.FitbitOptions{})
	today := day(t, "2026-11-20")
	l.anna.Generate(today.AddDays(-40), today)
	l.asked()
	ctx, c := t.Context(), l.client
	must := func(n int, err error) {
		t.Helper()
		if err != nil || n == 0 {
			t.Errorf("%d readings (%v)", n, err)
		}
	}
	id, err := c.Identity(ctx)
	must(len(id.User), err)
	_, err = c.Settings(ctx)
	must(1, err)
	weights, err := c.Weights(ctx, fitbit.Window{From: noon().AddDate(0, 0, -3)})
	must(len(weights), err)
	fats, err := c.BodyFats(ctx, fitbit.Window{From: noon().AddDate(0, 0, -30)})
	must(len(fats), err)
	for _, m := range []fitbit.Metric{fitbit.HeartRange, fitbit.HeartZones, fitbit.RestingHeartRate, fitbit.HRV} {
		days, err := c.HeartDays(ctx, m, today.AddDays(-1), today)
		must(len(days), err)
	}
	_, err = c.LatestHeartSample(ctx, noon().AddDate(0, 0, -1))
	must(1, err)
	devices, err := c.Devices(ctx)
	must(len(devices), err)
	want := []string{
		"/1.1/oauth2/introspect", "/1/user/-/profile.json",
		"/1/user/-/body/log/weight/date/2026-11-17/2026-11-21.json",
		"/1/user/-/body/log/fat/date/2026-10-21/2026-11-19.json", "/1/user/-/body/log/fat/date/2026-11-20/2026-11-21.json",
		"/1/user/-/activities/heart/date/2026-11-19/1d/1sec.json", "/1/user/-/activities/heart/date/2026-11-20/1d/1sec.json",
		"/1/user/-/activities/heart/date/2026-11-19/2026-11-20.json", "/1/user/-/activities/heart/date/2026-11-19/2026-11-20.json",
		"/1/user/-/hrv/date/2026-11-19/2026-11-20.json",
		"/1/user/-/activities/heart/date/2026-11-20/1d/1sec.json",
		"/1/user/-/devices.json",
	}
	if got := l.asked(); !slices.Equal(got, want) {
		t.Errorf("requests are\n%q, want\n%q", got, want)
	}
	serveAll(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header["Accept-Language"]; !slices.Equal(got, []string{"metric"}) {
			t.Errorf("%s is asked for in %q", r.URL.Path, got)
		}
		sayJSON("{}")(w, r)
	}).Height(ctx)
}

// TestMissingIsWhatIsRefused: the table agrees with what the cloud lets people read.
func TestMissingIsWhatIsRefused(t *testing.T) {
	today := fitbit.DateOf(noon())
	for _, scope := range webapi.Scopes() {
		l := newLab(t, fakecloud.FitbitOptions{})
		g := l.signIn(t, l.tokens.app, scope)
		c, ctx := l.client, t.Context()
		_, weights := c.Weights(ctx, month())
		_, fats := c.BodyFats(ctx, month())
		_, height := c.Height(ctx)
		_, latest := c.LatestHeartSample(ctx, noon().Add(-time.Hour))
		devices, deviceErr := c.Devices(ctx)
		_, settings := c.Settings(ctx)
		errs := map[fitbit.Metric]error{
			fitbit.WeightMetric: weights, fitbit.BodyFatMetric: fats, fitbit.HeightMetric: height,
			fitbit.LatestHeartRate: latest, fitbit.DevicesMetric: deviceErr, fitbit.SettingsMetric: settings,
		}
		for _, m := range []fitbit.Metric{fitbit.HeartRange, fitbit.RestingHeartRate, fitbit.HRV, fitbit.HeartZones} {
			_, errs[m] = c.HeartDays(ctx, m, today, today)
		}
		missing := webapi.Missing(g.Scopes)
		for m, err := range errs {
			if got, want := errors.Is(err, fitbit.ErrPermission), slices.Contains(missing, m); got != want {
				t.Errorf("without %s: %s is refused: %t (%v), said to be missing: %t", scope, m, got, err, want)
			}
		}
		if scope == "profile" && (len(devices) != 2 || devices[0].Battery == "" && devices[1].Battery == "" || !devices[0].LastSync.IsZero()) {
			t.Errorf("without a zone the devices are %+v, want batteries without times", devices)
		}
	}
	if all := webapi.Missing(webapi.Scopes()); len(all) > 0 || len(webapi.Missing(nil)) > 0 || len(webapi.Missing([]string{"sleep"})) != 10 {
		t.Errorf("missing are %v of everything, %v of what nobody knows", all, webapi.Missing(nil))
	}
}
