package webapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// TestWeightInEveryForm: one entry each, and the one weight that it is.
func TestWeightInEveryForm(t *testing.T) {
	for name, c := range map[string]struct{ entry, want string }{
		"a scale's":       {`{"bmi":24.63,"date":"2026-11-20","fat":24.3700008392334,"logId":1795158849000,"source":"Aria","time":"07:14:09","weight":82.4}`, "2026-11-20T07:14:09+01:00 82.4 scale Aria 1795158849000"},
		"an Aria Air's":   {`{"date":"2026-11-20","logId":1795158849000,"source":"AriaAir","time":"07:14:09","weight":69}`, "2026-11-20T07:14:09+01:00 69 scale Aria Air 1795158849000"},
		"an Aria 2's":     {`{"date":"2026-11-20","logId":1795158849000,"source":"Aria2","time":"07:14:09","weight":69}`, "2026-11-20T07:14:09+01:00 69 scale Aria 2 1795158849000"},
		"edited":          {`{"date":"2026-11-20","logId":1795158849000,"source":"API","time":"07:14:09","weight":82.4}`, "2026-11-20T07:14:09+01:00 82.4 manual  1795158849000"},
		"typed in":        {`{"date":"2026-11-20","logId":1795219199000,"source":"API","time":"23:59:59","weight":82.4}`, "2026-11-20T00:00:00+01:00 82.4 manual  1795219199000"},
		"without a time":  {`{"date":"2026-11-20","logId":1795219199000,"source":"API","weight":82.4}`, "2026-11-20T00:00:00+01:00 82.4 manual  1795219199000"},
		"a late weighing": {`{"date":"2026-11-19","logId":1795132799000,"source":"Aria","time":"23:59:59","weight":82.4}`, "2026-11-19T23:59:59+01:00 82.4 scale Aria 1795132799000"},
		"another maker's": {`{"date":"2026-11-20","logId":1795158849000,"source":"Withings","time":"07:14:09","weight":82.4}`, "2026-11-20T07:14:09+01:00 82.4 other Withings 1795158849000"},
		"a loud source":   {`{"date":"2026-11-20","logId":1795158849000,"source":" My\n\u0007Scale ","time":"07:14:09","weight":82.4}`, "2026-11-20T07:14:09+01:00 82.4 other MyScale 1795158849000"},
		"no source":       {`{"date":"2026-11-20","logId":1795158849000,"time":"07:14:09","weight":82.4}`, "2026-11-20T07:14:09+01:00 82.4 other  1795158849000"},
		"summer time":     {`{"date":"2026-07-20","logId":1,"source":"API","time":"07:14:09","weight":82.4}`, ""}, // outside of the window
		"an id of its own": {
			`{"date":"2026-11-20","logId":18446744073709551615,"source":"API","time":"07:14:09","weight":82.4}`,
			"2026-11-20T07:14:09+01:00 82.4 manual  18446744073709551615-20261120-071409",
		},
		"an id in quotes":      {`{"date":"2026-11-20","logId":"1795158849000","source":"API","time":"07:14:09","weight":"82.4"}`, "2026-11-20T07:14:09+01:00 82.4 manual  1795158849000"},
		"no id":                {`{"date":"2026-11-20","source":"API","time":"07:14:09","weight":82.4}`, "2026-11-20T07:14:09+01:00 82.4 manual  20261120-071409"},
		"an id of no use":      {`{"date":"2026-11-20","logId":{},"source":[],"time":"07:14:09","weight":82.4}`, "2026-11-20T07:14:09+01:00 82.4 other  20261120-071409"},
		"members nobody knows": {`{"mood":[{}],"date":"2026-11-20","logId":1795158849000,"source":"API","time":"07:14:09","weight":82.4}`, "2026-11-20T07:14:09+01:00 82.4 manual  1795158849000"},
		"no date":              {`{"logId":1795158849000,"source":"API","time":"07:14:09","weight":82.4}`, ""},
		"a date of no use":     {`{"date":"2026-02-30","logId":1795158849000,"source":"API","time":"07:14:09","weight":82.4}`, ""},
		"a time of no use":     {`{"date":"2026-11-20","logId":1795158849000,"source":"API","time":"25:00:00","weight":82.4}`, ""},
		"null":                 {`{"date":"2026-11-20","logId":1795158849000,"source":"API","time":"07:14:09","weight":null}`, ""},
		"nothing":              {`{"date":"2026-11-20","logId":1795158849000,"source":"API","time":"07:14:09"}`, ""},
		"zero":                 {`{"date":"2026-11-20","logId":1795158849000,"source":"API","time":"07:14:09","weight":0}`, ""},
		"more than anybody":    {`{"date":"2026-11-20","logId":1795158849000,"source":"API","time":"07:14:09","weight":1e4}`, ""},
	} {
		body := `{"weight":[` + c.entry + `,null,{},` + c.entry + `]}`
		list, err := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.URL.Path, "/2026-10-31/2026-11-21") {
				t.Errorf("%s: asked for %s", name, r.URL.Path)
			}
			sayJSON(body)(w, r)
		}).Weights(t.Context(), fitbit.Window{From: noon().AddDate(0, 0, -20)})
		if err != nil || len(list) > 1 {
			t.Errorf("%s: %v (%v), want one at most: it is the same entry twice", name, list, err)
			continue
		}
		got := ""
		for _, w := range list {
			got = strings.TrimSpace(w.Time.Format(time.RFC3339) + " " + trim(w.Kilograms) + " " + string(w.Recorded) + " " + w.Device + " " + w.ID)
		}
		if got != c.want {
			t.Errorf("%s: weights are %q, want %q", name, got, c.want)
		}
	}
}

// TestNothingInEveryForm: no key, null, {} and [] are all the same, and anything that
// is neither is an answer that nobody understands.
func TestNothingInEveryForm(t *testing.T) {
	for _, body := range []string{
		`{}`, `[]`, `null`, ` { } `, `{"weight":[]}`, `{"weight":null,"fat":null}`, `{"weight":{},"fat":[ ]}`, `{"weight":[null],"fat":[{}]}`, `{"body":7}`, `[{}]`,
		`{"hrv":[],"activities-heart":null}`, `{"hrv":[{}],"activities-heart":[{"value":null}]}`, `{"activities-heart":[{"dateTime":"2026-11-20","value":{}}]}`,
	} {
		c := serve(t, sayJSON(body))
		weights, err := c.Weights(t.Context(), month())
		fats, err2 := c.BodyFats(t.Context(), month())
		if err != nil || err2 != nil || len(weights)+len(fats) > 0 {
			t.Errorf("%s: %v, %v (%v, %v), want nothing", body, weights, fats, err, err2)
		}
		for _, m := range []fitbit.Metric{fitbit.HRV, fitbit.HeartZones, fitbit.RestingHeartRate} {
			if days, err := c.HeartDays(t.Context(), m, day(t, "2026-11-19"), day(t, "2026-11-20")); err != nil || len(days) > 0 {
				t.Errorf("%s: %s is %v (%v), want nothing", body, m, days, err)
			}
		}
		if _, err := c.LatestWeight(t.Context()); !errors.Is(err, fitbit.ErrNoData) {
			t.Errorf("%s: the latest weight is %v", body, err)
		}
	}
	for _, body := range []string{
		"", "null x", `"text"`, "7", `{"weight":7}`, `{"weight":[7]}`, `{"weight":[{"weight":true}]}`, `{"weight":[`, strings.Repeat("[", 20_000), "{}\x00", `[1]`,
	} {
		if list, err := serve(t, sayJSON(body)).Weights(t.Context(), month()); !errors.Is(err, fitbit.ErrProtocol) {
			t.Errorf("%.40s: %v, %v, want ErrProtocol", body, list, err)
		}
	}
	for _, shape := range []fakecloud.Emptiness{fakecloud.EmptyArray, fakecloud.EmptyObject, fakecloud.EmptyNull, fakecloud.EmptyList} {
		l := newLab(t, fakecloud.FitbitOptions{Empty: shape})
		weights, err := l.client.Weights(t.Context(), month())
		_, err2 := l.client.LatestWeight(t.Context())
		if err != nil || len(weights) > 0 || !errors.Is(err2, fitbit.ErrNoData) {
			t.Errorf("%q: %v (%v), %v", shape, weights, err, err2)
		}
	}
}

// TestBodyFat: 32-bit floats with 16 digits become two, and what was not measured is absent.
func TestBodyFat(t *testing.T) {
	entry := func(clock, fat string) string {
		return `{"date":"2026-11-20","fat":` + fat + `,"logId":1795158849000,"source":"Aria","time":"` + clock + `"}`
	}
	list, err := serve(t, sayJSON(`{"fat":[`+strings.Join([]string{
		entry("07:14:09", "24.3700008392334"), entry("07:15:00", "20.882999420166016"), entry("07:16:00", `"22"`),
		entry("07:17:00", "0"), entry("07:18:00", "null"), entry("07:19:00", "100.5"), entry("07:20:00", `"NaN"`),
	}, ",")+`]}`)).BodyFats(t.Context(), month())
	var got []string
	for _, f := range list {
		got = append(got, trim(f.Percent))
	}
	if want := []string{"24.37", "20.88", "22"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("body fats are %q (%v), want %q", got, err, want)
	}
	l := newLab(t, fakecloud.FitbitOptions{})
	l.anna.WeighIn(at(t, "2026-11-20T07:14:09+01:00"), 78.4, 24.37)
	weights, err := l.client.Weights(t.Context(), month())
	fats, err2 := l.client.BodyFats(t.Context(), month())
	if err != nil || err2 != nil || len(weights) != 1 || len(fats) != 1 || weights[0].ID != fats[0].ID || fats[0].Percent != 24.37 ||
		!fats[0].Time.Equal(weights[0].Time) || fats[0].Device != "Aria Air" {
		t.Errorf("one weighing is %v and %v (%v, %v)", weights, fats, err, err2)
	}
}

// TestEntriesOfOneSecond: what is typed in without a time shares its id with all the
// rest of the day, and stays apart in spite of that, listing after listing.
func TestEntriesOfOneSecond(t *testing.T) {
	const entry = `{"date":"2026-11-20","logId":%d,"source":"API","time":"%s","weight":%v}`
	entries := []string{
		fmt.Sprintf(entry, 1795219199000, "23:59:59", 82.2), fmt.Sprintf(entry, 1795219199000, "23:59:59", 82.4),
		fmt.Sprintf(entry, 1795219199000, "23:59:59", 82.2), // the same once more
		fmt.Sprintf(entry, 1795219199000, "07:14:09", 82.3), fmt.Sprintf(entry, 1795219199000, "08:14:09", 82.3),
	}
	ids := func(entries []string) string {
		t.Helper()
		list, err := serve(t, sayJSON(`{"weight":[`+strings.Join(entries, ",")+`]}`)).Weights(t.Context(), month())
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, w := range list {
			ids = append(ids, w.ID)
		}
		return strings.Join(ids, " ")
	}
	const want = "1795219199000 1795219199000-2 1795219199000-20261120-071409 1795219199000-20261120-081409"
	if got := ids(entries); got != want {
		t.Errorf("ids are %s, want %s", got, want)
	}
	entries[0] = fmt.Sprintf(entry, 1795219199000, "23:59:59", 81.9) // edited
	entries = slices.Delete(entries, 2, 3)
	if got := ids(entries); got != want {
		t.Errorf("after an edit the ids are %s, want %s", got, want)
	}
}

// TestWindows: a request spans thirty days at most, from the person's day on which
// the window begins to one that has not ended anywhere.
func TestWindows(t *testing.T) {
	for _, c := range []struct {
		from, to string
		want     []string
	}{
		{"2026-11-18T00:30:00+01:00", "", []string{"2026-11-18/2026-11-21"}},
		{"2026-11-17T22:59:59Z", "", []string{"2026-11-17/2026-11-21"}},
		{"2026-10-23T12:00:00+02:00", "", []string{"2026-10-23/2026-11-21"}},
		{"2026-10-22T12:00:00+02:00", "", []string{"2026-10-22/2026-11-20", "2026-11-21/2026-11-21"}},
		{"2026-09-01T00:00:00+02:00", "2026-11-01T00:00:00+01:00", []string{"2026-09-01/2026-09-30", "2026-10-01/2026-10-30", "2026-10-31/2026-11-01"}},
		{"2026-11-18T00:00:00Z", "2099-01-01T00:00:00Z", []string{"2026-11-18/2026-11-21"}},
		{"2008-06-01T00:00:00Z", "2009-01-20T00:00:00Z", []string{"2009-01-01/2009-01-20"}},
		{"2026-11-25T00:00:00Z", "", nil},
		{"2026-11-18T00:00:00Z", "2026-11-18T00:00:00Z", nil},
	} {
		var got []string
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			_, span, _ := strings.Cut(strings.TrimSuffix(r.URL.Path, ".json"), "/date/")
			got = append(got, span)
			sayJSON("{}")(w, r)
		})
		in := fitbit.Window{From: at(t, c.from)}
		if c.to != "" {
			in.To = at(t, c.to)
		}
		if list, err := client.BodyFats(t.Context(), in); err != nil || len(list) > 0 {
			t.Errorf("%s: %v (%v)", c.from, list, err)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s to %s is asked for as %q, want %q", c.from, c.to, got, c.want)
		}
	}
}

// TestLatestWeight: however the daily values lead there, and if they do not.
func TestLatestWeight(t *testing.T) {
	for name, c := range map[string]struct {
		series   string // what the daily values say
		weighed  string // the day of the newest entry
		requests int    // for weights; 0: there is none
	}{
		"last week":                    {`[]`, "2026-11-13", 1},
		"a gap":                        {`[{"dateTime":"2024-01-01","value":"83"},{"dateTime":"2024-03-05","value":"82.4"}]`, "2024-03-05", 3},
		"a gap, filled":                {`[{"dateTime":"2024-01-01","value":"83"},{"dateTime":"2024-03-05","value":"82.4"},{"dateTime":"2025-01-01","value":82.4},{"dateTime":"2026-11-20","value":"82.4"}]`, "2024-03-05", 3},
		"values that lead nowhere":     {`[{"dateTime":"2020-03-05","value":"82.4"}]`, "2026-07-01", 7},
		"no such values":               {``, "2026-07-01", 6},
		"no such values, and too long": {``, "2022-07-01", 0},
		"never":                        {`[]`, "2026-07-01", 0},
		"values of no use":             {`[{"dateTime":"soon","value":"82.4"},{"dateTime":"2026-01-01","value":"0"},null]`, "2026-07-01", 0},
	} {
		requests := 0
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			requests++
			_, span, _ := strings.Cut(strings.TrimSuffix(r.URL.Path, ".json"), "/date/")
			first, last, _ := strings.Cut(span, "/")
			switch {
			case last == "max" && c.series == "":
				refusal(422, "validation")(w, r)
			case last == "max":
				sayJSON(`{"body-weight":`+c.series+`}`)(w, r)
			case first <= c.weighed && c.weighed <= last:
				sayJSON(`{"weight":[{"date":"`+c.weighed+`","logId":1,"source":"Aria","time":"07:14:09","weight":82.4},{"date":"`+c.weighed+`","logId":1,"source":"Aria","time":"06:14:09","weight":82.6}]}`)(w, r)
			default:
				sayJSON(`{}`)(w, r)
			}
		})
		w, err := client.LatestWeight(t.Context())
		if c.requests == 0 {
			if !errors.Is(err, fitbit.ErrNoData) || requests > 26 {
				t.Errorf("%s: %v (%v) after %d requests, want nothing", name, w, err, requests)
			}
			continue
		}
		if err != nil || w.Time.Format(time.RFC3339)[:19] != c.weighed+"T07:14:09" || requests != c.requests {
			t.Errorf("%s: %v (%v) after %d requests, want that of %s after %d", name, w, err, requests, c.weighed, c.requests)
		}
	}
	if _, err := serve(t, refusal(403, "insufficient_scope")).LatestWeight(t.Context()); !errors.Is(err, fitbit.ErrPermission) {
		t.Errorf("error is %v, want ErrPermission", err)
	}
}

// TestTypedInNeverOutranksTheScale: what is entered without a time counts from the
// beginning of its day.
func TestTypedInNeverOutranksTheScale(t *testing.T) {
	l := newLab(t, fakecloud.FitbitOptions{})
	l.anna.AddWeight(fakecloud.Point{At: at(t, "2026-11-19T23:59:59+01:00"), Value: 79.9})
	l.anna.WeighIn(at(t, "2026-11-19T21:00:00+01:00"), 78.4, 24.4)
	w, err := l.client.LatestWeight(t.Context())
	if err != nil || w.Kilograms != 78.4 {
		t.Errorf("the latest weight is %+v (%v), want the scale's", w, err)
	}
	in := fitbit.Window{From: at(t, "2026-11-19T12:00:00+01:00"), To: at(t, "2026-11-20T00:00:00+01:00")}
	list, err := l.client.Weights(t.Context(), in)
	if err != nil || len(list) != 1 {
		t.Errorf("in the second half of the day there are %v (%v), want one weight", list, err)
	}
}
