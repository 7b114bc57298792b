package googlehealth_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// TestWeightInEveryForm: one data point each, and the one weight that it is.
func TestWeightInEveryForm(t *testing.T) {
	const when = `"sampleTime": {"physicalTime": "2026-11-20T06:14:09Z", "utcOffset": "3600s"}`
	for name, c := range map[string]struct{ point, want string }{
		"a scale's": {
			`{"name": "users/1/dataTypes/weight/dataPoints/7001002003004005006", "dataSource": {"recordingMethod": "ACTIVELY_MEASURED",
			  "platform": "FITBIT", "device": {"displayName": "Aria Air", "manufacturer": "Fitbit", "formFactor": "SCALE"}},
			  "weight": {` + when + `, "weightGrams": 78420, "notes": ""}}`,
			"2026-11-20T07:14:09+01:00 78.42 scale Aria Air 7001002003004005006",
		},
		"typed in":              {`{"name": "a/b-_9", "dataSource": {"recordingMethod": "MANUAL", "platform": "FITBIT"}, "weight": {` + when + `, "weightGrams": 78420}}`, "2026-11-20T07:14:09+01:00 78.42 manual  b-_9"},
		"another maker's scale": {`{"name": "a/1", "dataSource": {"recordingMethod": "PASSIVELY_MEASURED", "platform": "HEALTH_CONNECT", "device": {"formFactor": "SCALE"}, "application": {"packageName": "com.garmin.android"}}, "weight": {` + when + `, "weightGrams": 78420}}`, "2026-11-20T07:14:09+01:00 78.42 scale com.garmin.android 1"},
		"enums nobody knows":    {`{"name": "a/1", "dataSource": {"recordingMethod": "DREAMT", "platform": "MARS", "device": {"formFactor": "CARPET"}}, "weight": {` + when + `, "weightGrams": 78420}}`, "2026-11-20T07:14:09+01:00 78.42 other  1"},
		"members nobody knows":  {`{"name": "a/1", "mood": [{}], "weight": {` + when + `, "weightGrams": 78420, "mood": {"a": null}}}`, "2026-11-20T07:14:09+01:00 78.42 other  1"},
		"no source":             {`{"name": "a/1", "dataSource": null, "weight": {` + when + `, "weightGrams": 78420}}`, "2026-11-20T07:14:09+01:00 78.42 other  1"},
		"no name":               {`{"weight": {` + when + `, "weightGrams": 78420}}`, "2026-11-20T07:14:09+01:00 78.42 other  x"},
		"a name unfit for a topic": {
			`{"name": "users/1/#/+", "weight": {` + when + `, "weightGrams": 78420}}`,
			"2026-11-20T07:14:09+01:00 78.42 other  x",
		},
		"a long name":         {`{"name": "` + strings.Repeat("7", 129) + `", "weight": {` + when + `, "weightGrams": 78420}}`, "2026-11-20T07:14:09+01:00 78.42 other  x"},
		"a loud device":       {`{"name": "a/1", "dataSource": {"device": {"displayName": " Aria\n\u0007\u202e Air "}}, "weight": {` + when + `, "weightGrams": 78420}}`, "2026-11-20T07:14:09+01:00 78.42 other Aria Air 1"},
		"a number in quotes":  {`{"name": "a/1", "weight": {` + when + `, "weightGrams": "78420.5"}}`, "2026-11-20T07:14:09+01:00 78.4205 other  1"},
		"no offset":           {`{"name": "a/1", "weight": {"sampleTime": {"physicalTime": "2026-11-20T06:14:09Z"}, "weightGrams": 1e5}}`, "2026-11-20T06:14:09Z 100 other  1"},
		"the wall clock only": {`{"name": "a/1", "weight": {"sampleTime": {"physicalTime": "2026-11-19T23:00:00.123Z", "civilTime": {"date": {"year": 2026, "month": 11, "day": 20}, "time": {}}}, "weightGrams": 1e5}}`, "2026-11-20T00:00:00+01:00 100 other  1"},
		"a negative offset":   {`{"name": "a/1", "weight": {"sampleTime": {"physicalTime": "2026-11-20T06:14:09Z", "utcOffset": "-12600s"}, "weightGrams": 1e5}}`, "2026-11-20T02:44:09-03:30 100 other  1"},
		"an absurd offset":    {`{"name": "a/1", "weight": {"sampleTime": {"physicalTime": "2026-11-20T06:14:09Z", "utcOffset": "864000s"}, "weightGrams": 1e5}}`, "2026-11-20T06:14:09Z 100 other  1"},
		"NaN":                 {`{"name": "a/1", "weight": {` + when + `, "weightGrams": "NaN"}}`, ""},
		"infinity":            {`{"name": "a/1", "weight": {` + when + `, "weightGrams": "Infinity"}}`, ""},
		"null":                {`{"name": "a/1", "weight": {` + when + `, "weightGrams": null}}`, ""},
		"nothing":             {`{"name": "a/1", "weight": {` + when + `}}`, ""},
		"less than nothing":   {`{"name": "a/1", "weight": {` + when + `, "weightGrams": -78420}}`, ""},
		"more than a tonne":   {`{"name": "a/1", "weight": {` + when + `, "weightGrams": 1000001}}`, ""},
		"no time":             {`{"name": "a/1", "weight": {"weightGrams": 78420}}`, ""},
		"a time without zone": {`{"name": "a/1", "weight": {"sampleTime": {"physicalTime": "2026-11-20T06:14:09", "utcOffset": "3600s"}, "weightGrams": 78420}}`, ""},
		"a time of no use":    {`{"name": "a/1", "weight": {"sampleTime": {"physicalTime": "9999-12-31T23:59:59Z", "utcOffset": "3600s"}, "weightGrams": 78420}}`, ""},
		"another type":        {`{"name": "a/1", "bodyFat": {` + when + `, "percentage": 24}}`, ""},
		"a type nobody knows": {`{"name": "a/1", "mood": {` + when + `}}`, ""},
	} {
		list, err := serve(t, sayJSON(`{"dataPoints": [`+c.point+`, {}, `+c.point+`]}`)).Weights(t.Context(), fitbit.Window{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := ""
		for _, w := range list {
			id := w.ID
			if len(id) == 17 && id[0] == 'x' { // made up, and always the same
				id = "x"
			}
			if got != "" {
				t.Errorf("%s: the same point twice is %v", name, list)
			}
			got = strings.TrimSpace(w.Time.Format(time.RFC3339) + " " + trim(w.Kilograms) + " " + string(w.Recorded) + " " + w.Device + " " + id)
		}
		if got != c.want {
			t.Errorf("%s: weights are %q, want %q", name, got, c.want)
		}
	}
}

// TestNotTheJSONItShouldBe: one metric fails, with a clear word.
func TestNotTheJSONItShouldBe(t *testing.T) {
	for _, body := range []string{
		"", "null x", `"text"`, "[]", `{"dataPoints": {}}`, `{"dataPoints": [{"weight": 7}]}`,
		`{"dataPoints": [{"weight": {"weightGrams": {}}}]}`, `{"dataPoints": [{"weight": {"weightGrams": true}}]}`,
		`{"dataPoints": [`, strings.Repeat("[", 20_000), `{"nextPageToken": 7}`, "{}\x00",
	} {
		if list, err := serve(t, sayJSON(body)).Weights(t.Context(), year()); !errors.Is(err, fitbit.ErrProtocol) {
			t.Errorf("%.40s: %v, %v, want ErrProtocol", body, list, err)
		}
	}
	for _, body := range []string{"{}", `{"dataPoints": []}`, `{"dataPoints": null}`, `{"dataPoints": [null]}`, "null"} {
		if list, err := serve(t, sayJSON(body)).Weights(t.Context(), year()); err != nil || len(list) > 0 {
			t.Errorf("%s: %v, %v, want nothing", body, list, err)
		}
	}
}

// TestReadingsOfEveryKind: as the fake cloud shows them.
func TestReadingsOfEveryKind(t *testing.T) {
	l := newLab(t, fakecloud.PersonOptions{})
	when := at(t, "2026-11-20T07:14:09+01:00")
	l.anna.AddWeight(fakecloud.Point{At: when, Value: nan()})
	l.anna.AddBodyFat(fakecloud.Point{At: when, Value: nan()})
	l.anna.AddWeight(fakecloud.Point{At: when, Value: 78.4, Recorded: "DREAMT", Platform: "MARS", FormFactor: "CARPET", Bare: true, ID: "77"})
	weights, err := l.client.Weights(t.Context(), year())
	if err != nil || len(weights) != 1 || weights[0].ID != "77" || weights[0].Recorded != fitbit.RecordedOther || weights[0].Kilograms != 78.4 {
		t.Errorf("weights are %v (%v), want one", weights, err)
	}
	fats, err := l.client.BodyFats(t.Context(), year())
	if err != nil || len(fats) != 0 {
		t.Errorf("body fats are %v (%v), want none", fats, err)
	}
}

// TestLatestOfAll: years back, and behind one that cannot be read.
func TestLatestOfAll(t *testing.T) {
	l := newLab(t, fakecloud.PersonOptions{})
	l.anna.AddWeight(fakecloud.Point{At: at(t, "2018-02-02T07:00:00Z"), Value: 81.5})
	l.anna.AddWeight(fakecloud.Point{At: at(t, "2018-02-03T07:00:00Z"), Value: 81.4})
	l.anna.AddWeight(fakecloud.Point{At: at(t, "2018-02-04T07:00:00Z"), Value: nan()})
	if w, err := l.client.LatestWeight(t.Context()); err != nil || w.Kilograms != 81.4 {
		t.Errorf("the latest weight is %v (%v), want 81.4 kg", w, err)
	}
	if n := l.asked(); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

func TestMovedReadingKeepsItsID(t *testing.T) {
	l := newLab(t, fakecloud.PersonOptions{})
	id, _ := l.anna.WeighIn(noon(), 78.4, 0)
	l.anna.MoveWeight(id, noon().Add(-time.Hour))
	list, err := l.client.Weights(t.Context(), year())
	if err != nil || len(list) != 1 || list[0].ID != id || !list[0].Time.Equal(noon().Add(-time.Hour)) {
		t.Errorf("weights are %v (%v), want one with id %s", list, err, id)
	}
}

func TestHeightInEveryForm(t *testing.T) {
	for points, want := range map[string]float64{
		`{"height": {"heightMillimeters": "1780"}}`: 1.78,
		`{"height": {"heightMillimeters": 1780}}`:   1.78,
		`{"height": {}}, {"height": {"heightMillimeters": "1"}}, {"weight": {}}, {"height": {"heightMillimeters": "1690"}}`: 1.69,
		`{"height": {"heightMillimeters": "-1780"}}`: 0,
		`{}`: 0,
	} {
		metres, err := serve(t, sayJSON(`{"dataPoints": [`+points+`]}`)).Height(t.Context())
		if metres != want || want == 0 != errors.Is(err, fitbit.ErrNoData) {
			t.Errorf("%s: height is %v m (%v), want %v", points, metres, err, want)
		}
	}
}
