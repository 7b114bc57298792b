package googlehealth_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/googlehealth"
)

// canned answers without a network, so that the client alone is measured.
type canned func(*http.Request) string

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json; charset=UTF-8"}},
		Body: io.NopCloser(strings.NewReader(c(r))),
	}, nil
}

func cannedClient(c canned) *googlehealth.Client {
	return googlehealth.New(googlehealth.Options{Tokens: fixed{}, HTTP: &http.Client{Transport: c}, Now: noon})
}

// BenchmarkWeightsIdle is the request of every minute: a few days, four weighings.
func BenchmarkWeightsIdle(b *testing.B) {
	var points []string
	for i := range 4 {
		points = append(points, fmt.Sprintf(`{"name":"users/1/dataTypes/weight/dataPoints/700%d","dataSource":{"recordingMethod":"ACTIVELY_MEASURED","platform":"FITBIT",`+
			`"device":{"displayName":"Aria Air","manufacturer":"Fitbit","formFactor":"SCALE"}},"weight":{"sampleTime":{"physicalTime":"2026-11-%dT06:14:09Z","utcOffset":"3600s",`+
			`"civilTime":{"date":{"year":2026,"month":11,"day":20},"time":{"hours":7,"minutes":14,"seconds":9}}},"weightGrams":78420}}`, i, 20-i))
	}
	body := `{"dataPoints":[` + strings.Join(points, ",") + `]}`
	b.ReportAllocs()
	for b.Loop() {
		c := cannedClient(func(*http.Request) string { return body }) // a new one, or its pace is measured
		list, err := c.Weights(b.Context(), fitbit.Window{From: noon().AddDate(0, 0, -4)})
		if err != nil || len(list) != 4 {
			b.Fatal(len(list), err)
		}
	}
}

// BenchmarkDecodeDay is a day with a sample every five seconds: 17,280 on twelve
// pages and a few more bytes than a real day.
func BenchmarkDecodeDay(b *testing.B) {
	const samples, pageSize = 17_280, 1440
	start := noon().Add(-24 * time.Hour)
	page := func(from int) string { // newest first
		var s strings.Builder
		s.WriteString(`{"dataPoints":[`)
		for i := from; i < min(from+pageSize, samples); i++ {
			if i > from {
				s.WriteByte(',')
			}
			fmt.Fprintf(&s, `{"dataSource":{"recordingMethod":"PASSIVELY_MEASURED","platform":"FITBIT","device":{"displayName":"Inspire 3","manufacturer":"Fitbit","formFactor":"FITNESS_BAND"}},`+
				`"heartRate":{"sampleTime":{"physicalTime":%q,"utcOffset":"3600s","civilTime":{"date":{"year":2026,"month":11,"day":20},"time":{"hours":7,"minutes":14,"seconds":9}}},"beatsPerMinute":"%d"}}`,
				start.Add(time.Duration(samples-i)*5*time.Second).Format(time.RFC3339), 60+i%40)
		}
		s.WriteString(`]`)
		if from+pageSize < samples {
			s.WriteString(`,"nextPageToken":"more"`)
		}
		return s.String() + `}`
	}
	var pages []string
	for from := 0; from < samples; from += pageSize - 1 { // each repeats the last second of the one before
		pages = append(pages, page(from))
	}
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		c := cannedClient(func(*http.Request) string {
			n++
			return pages[n-1]
		})
		list, err := c.HeartSamples(b.Context(), fitbit.Window{From: start, To: start.Add(25 * time.Hour)})
		if err != nil || len(list) != samples {
			b.Fatal(len(list), err)
		}
	}
}
