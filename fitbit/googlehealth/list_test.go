package googlehealth_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/googlehealth"
)

// pageSize is how much is asked for at once.
const pageSize = 1440

// follow counts what a client gets that trusts page tokens.
func (l *lab) follow(t *testing.T, dataType string) int {
	t.Helper()
	n, token := 0, ""
	for {
		q := url.Values{"pageSize": {strconv.Itoa(pageSize)}, "pageToken": {token}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, l.url+"/v4/users/me/dataTypes/"+dataType+"/dataPoints?"+q.Encode(), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+l.tokens.grant.AccessToken)
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		var page struct {
			DataPoints    []json.RawMessage `json:"dataPoints"`
			NextPageToken string            `json:"nextPageToken"`
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || json.Unmarshal(b, &page) != nil {
			t.Fatalf("answer %d %s (%v)", res.StatusCode, b, err)
		}
		n += len(page.DataPoints)
		if token = page.NextPageToken; token == "" {
			return n
		}
	}
}

// TestTiesAtThePageEdge: the cloud loses readings whose time is that of the last
// one on a page, and nobody notices.
func TestTiesAtThePageEdge(t *testing.T) {
	l := newLab(t, fakecloud.PersonOptions{})
	edge := at(t, "2026-11-01T07:00:00.25Z")
	add := func(when time.Time) { l.anna.AddWeight(fakecloud.Point{At: when, Value: 78}) }
	for range 4 { // the first three of them are the last on the first page
		add(edge)
	}
	add(edge.Add(-100 * time.Millisecond)) // the same second
	add(edge.Add(-time.Hour))
	for i := range pageSize - 3 {
		add(edge.Add(time.Duration(i+1) * time.Minute))
	}
	const all = 4 + 2 + pageSize - 3
	if n := l.follow(t, "weight"); n != all-1 {
		t.Fatalf("the cloud loses %d readings, want 1: this test proves nothing", all-n)
	}
	l.asked()
	list, err := l.client.Weights(t.Context(), year())
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, w := range list {
		ids[w.ID] = true
	}
	if len(list) != all || len(ids) != all {
		t.Errorf("%d readings with %d ids, want %d", len(list), len(ids), all)
	}
	if n := l.asked(); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

func TestMoreInOneSecondThanAPageHolds(t *testing.T) {
	l := newLab(t, fakecloud.PersonOptions{})
	second := at(t, "2026-11-01T07:00:00Z")
	for range pageSize + 60 {
		l.anna.AddBodyFat(fakecloud.Point{At: second, Value: 24})
	}
	l.anna.AddBodyFat(fakecloud.Point{At: second.Add(-time.Hour), Value: 25})
	list, err := l.client.BodyFats(t.Context(), year())
	if err != nil || len(list) != pageSize+61 || list[0].Percent != 25 {
		t.Errorf("%d readings (%v), want %d", len(list), err, pageSize+61)
	}
}

// TestSamplesOfADay: a day of a heart is many pages, and the ties at their edges
// are not lost.
func TestSamplesOfADay(t *testing.T) {
	l := newLab(t, fakecloud.PersonOptions{HeartEvery: 7 * time.Second})
	d := day(t, "2026-11-18")
	l.anna.Generate(d, d)
	in := fitbit.Window{From: d.Start(berlin(t)), To: d.AddDays(1).Start(berlin(t))}
	var want []fitbit.HeartSample // piece by piece, none of them more than a page
	for from := in.From; from.Before(in.To); from = from.Add(3 * time.Hour) {
		want = append(want, l.samples(t, fitbit.Window{From: from, To: from.Add(3 * time.Hour)})...)
	}
	if n := l.asked(); n != 8 || len(want) <= 10_000 {
		t.Fatalf("%d samples in %d pieces, want more than 10,000 in 8", len(want), n)
	}
	for i := len(want) - pageSize; i >= 0; i -= pageSize { // from new to old
		tie := fitbit.HeartSample{Time: want[i].Time, BPM: want[i].BPM + 1}
		l.anna.AddHeartSample(tie.Time, tie.BPM)
		want = slices.Insert(want, i+1, tie)
	}
	got := l.samples(t, in)
	if !slices.EqualFunc(got, want, func(a, b fitbit.HeartSample) bool { return a.Time.Equal(b.Time) && a.BPM == b.BPM }) {
		t.Errorf("%d samples, want %d", len(got), len(want))
	}
	if n := l.asked(); n > len(want)/pageSize+2 {
		t.Errorf("%d samples took %d requests", len(got), n)
	}
}

func (l *lab) samples(t *testing.T, in fitbit.Window) []fitbit.HeartSample {
	t.Helper()
	list, err := l.again().HeartSamples(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range list {
		if !in.Contains(s.Time) || i > 0 && s.Time.Before(list[i-1].Time) {
			t.Fatalf("sample %d of %v is out of order or place", i, s.Time)
		}
	}
	return list
}

// TestEmptyPageThatIsNotTheLast: then only the token leads on.
func TestEmptyPageThatIsNotTheLast(t *testing.T) {
	var asked []url.Values
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query())
		body := `{"nextPageToken": "p2 &="}`
		if r.URL.Query().Get("pageToken") != "" {
			body = `{"dataPoints": [` + weightAt("2026-11-20T06:14:09Z", "78420") + `], "nextPageToken": ""}`
		}
		sayJSON(body)(w, r)
	})
	list, err := c.Weights(t.Context(), year())
	if err != nil || len(list) != 1 {
		t.Fatalf("weights are %v (%v), want one", list, err)
	}
	if len(asked) != 2 || asked[1].Get("pageToken") != "p2 &=" {
		t.Fatalf("asked for %v", asked)
	}
	asked[1].Del("pageToken")
	if asked[0].Encode() != asked[1].Encode() {
		t.Errorf("with a token the parameters were %v, without %v", asked[1], asked[0])
	}
}

func TestEndlessListing(t *testing.T) {
	asked := 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		sayJSON(`{"dataPoints": [`+weightAt("2026-11-20T06:14:09Z", "78420")+`], "nextPageToken": "more"}`)(w, r)
	})
	if _, err := c.Weights(t.Context(), year()); !errors.Is(err, fitbit.ErrProtocol) || asked > 5 {
		t.Errorf("error after %d requests is %v, want ErrProtocol soon", asked, err)
	}
}

// TestFilter: the form of a filter that has been measured to work.
func TestFilter(t *testing.T) {
	var raw, path string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		raw, path = r.URL.RawQuery, r.URL.Path
		sayJSON("{}")(w, r)
	})
	in := fitbit.Window{From: time.Date(2026, 11, 1, 0, 0, 0, 0, berlin(t)), To: time.Date(2026, 11, 21, 0, 0, 0, 5e8, berlin(t))}
	if _, err := c.BodyFats(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	want := `body_fat.sample_time.physical_time >= "2026-10-31T23:00:00Z" AND body_fat.sample_time.physical_time < "2026-11-20T23:00:00.5Z"`
	q, err := url.ParseQuery(raw)
	if err != nil || q.Get("filter") != want || strings.Contains(raw, "+") {
		t.Errorf("query %s (%v), want the filter %s without +", raw, err, want)
	}
	if path != "/v4/users/me/dataTypes/body-fat/dataPoints" {
		t.Errorf("path is %s", path)
	}
	if _, err := c.HeartDays(t.Context(), fitbit.RestingHeartRate, day(t, "2026-11-14"), day(t, "2026-11-20")); err != nil {
		t.Fatal(err)
	}
	want = `daily_resting_heart_rate.date >= "2026-11-14" AND daily_resting_heart_rate.date < "2026-11-21"`
	if q, err = url.ParseQuery(raw); err != nil || q.Get("filter") != want {
		t.Errorf("query %s (%v), want the filter %s", raw, err, want)
	}
	if _, err := c.LatestHeartSample(t.Context(), noon()); err != nil && !errors.Is(err, fitbit.ErrNoData) {
		t.Fatal(err)
	}
	want = `heart_rate.sample_time.physical_time >= "2026-11-20T12:00:00Z"` // without it the cloud walks the whole history
	if q, err = url.ParseQuery(raw); err != nil || q.Get("filter") != want {
		t.Errorf("query %s (%v), want the filter %s", raw, err, want)
	}
}

// TestCloudThatIgnoresTheFilter: the window is a promise of ours.
func TestCloudThatIgnoresTheFilter(t *testing.T) {
	c := serve(t, sayJSON(`{"dataPoints": [`+weightAt("2026-11-20T12:00:00Z", "78420")+`]}`))
	for in, want := range map[fitbit.Window]int{
		{From: noon()}: 1, {From: noon().Add(1)}: 0,
		{From: noon().Add(-time.Hour), To: noon()}: 0, {From: noon().Add(-time.Hour), To: noon().Add(1)}: 1,
	} {
		if list, err := c.Weights(t.Context(), in); err != nil || len(list) != want {
			t.Errorf("%v: weights are %v (%v), want %d", in, list, err, want)
		}
	}
}

// TestNothingBetween: a window that ends where or before it starts needs no request.
func TestNothingBetween(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	for _, to := range []time.Time{noon(), noon().Add(-time.Hour)} {
		in := fitbit.Window{From: noon(), To: to}
		weights, err := c.Weights(t.Context(), in)
		samples, err2 := c.HeartSamples(t.Context(), in)
		if err != nil || err2 != nil || len(weights)+len(samples) > 0 {
			t.Errorf("%v, %v (%v, %v), want nothing", weights, samples, err, err2)
		}
	}
	days, err := c.HeartDays(t.Context(), fitbit.HeartRange, day(t, "2026-11-20"), day(t, "2026-11-19"))
	if err != nil || len(days) > 0 {
		t.Errorf("%v (%v), want nothing", days, err)
	}
}

// weightAt is a data point in JSON.
func weightAt(when, grams string) string {
	return `{"name": "users/1/dataTypes/weight/dataPoints/7001", "weight": {"sampleTime": {"physicalTime": "` + when + `", "utcOffset": "3600s"}, "weightGrams": ` + grams + `}}`
}

// AIP-158 allows a token for a page that turns out empty.
func TestATokenBehindTheLastPage(t *testing.T) {
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Query().Get("pageToken") != "" {
			_, _ = w.Write([]byte(`{}`))
			return
		}
		_, _ = w.Write([]byte(`{"dataPoints":[{"name":"users/1/dataTypes/weight/dataPoints/7","weight":{"weightGrams":78420,
			"sampleTime":{"physicalTime":"2026-11-20T06:14:09Z","utcOffset":"3600s"}}}],"nextPageToken":"more"}`))
	}))
	t.Cleanup(server.Close)
	c := googlehealth.New(googlehealth.Options{Endpoint: server.URL, Tokens: fixed{}})
	list, err := c.Weights(t.Context(), fitbit.Window{From: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil || len(list) != 1 || requests > 5 {
		t.Errorf("%d requests, %v, %v", requests, list, err)
	}
}
