package webapi_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/webapi"
)

// canned answers without a network, so that the client alone is measured.
type canned string

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	body := string(c)
	if strings.HasSuffix(r.URL.Path, "/profile.json") {
		body = berlinProfile
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json; charset=UTF-8"}},
		Body: io.NopCloser(strings.NewReader(body)),
	}, nil
}

func cannedClient(body string) *webapi.Client {
	return webapi.New(webapi.Options{Tokens: fixed{}, HTTP: &http.Client{Transport: canned(body)}, Now: noon})
}

// BenchmarkWeightsIdle is the request of every minute: a few days, four weighings.
func BenchmarkWeightsIdle(b *testing.B) {
	var entries []string
	for i := range 4 {
		d := fitbit.Date{Year: 2026, Month: 11, Day: 17 + i}
		entries = append(entries, fmt.Sprintf(`{"bmi":24.63,"date":"%s","fat":24.3700008392334,"logId":%d,"source":"Aria","time":"07:14:09","weight":82.4}`,
			d, d.Start(time.UTC).Add(26049*time.Second).UnixMilli()))
	}
	c := cannedClient(`{"weight":[` + strings.Join(entries, ",") + `]}`)
	b.ReportAllocs()
	for b.Loop() {
		if list, err := c.Weights(b.Context(), fitbit.Window{From: noon().AddDate(0, 0, -4)}); err != nil || len(list) != 4 {
			b.Fatal(len(list), err)
		}
	}
}

// BenchmarkDecodeDay is a day with a sample every five seconds, in one answer.
func BenchmarkDecodeDay(b *testing.B) {
	const samples = 17_280
	var points []string
	start := fitbit.DateOf(noon()).AddDays(-1).Start(time.UTC)
	for i := range samples {
		points = append(points, fmt.Sprintf(`{"time":%q,"value":%d}`, start.Add(time.Duration(i)*5*time.Second).Format(time.TimeOnly), 60+i%40))
	}
	c := cannedClient(intraday(points...))
	in := fitbit.Window{From: start.Add(-time.Hour), To: start.Add(23 * time.Hour)} // of Berlin
	b.ReportAllocs()
	for b.Loop() {
		if list, err := c.HeartSamples(b.Context(), in); err != nil || len(list) != samples {
			b.Fatal(len(list), err)
		}
	}
}
