package export

import (
	"bytes"
	"compress/flate"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// aDay is a day of samples five seconds apart, on which the clocks are put back.
func aDay(tb testing.TB) []fitbit.HeartSample {
	tb.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		tb.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	var list []fitbit.HeartSample
	bpm := 60
	start := fitbit.Date{Year: 2026, Month: time.October, Day: 25}
	for at := start.Start(berlin); at.Before(start.AddDays(1).Start(berlin)); at = at.Add(time.Duration(5+random.IntN(2)) * time.Second) {
		bpm = min(max(bpm+random.IntN(5)-2, 45), 180)
		list = append(list, fitbit.HeartSample{Time: at, BPM: bpm})
	}
	return list
}

func TestSamplesComeBack(t *testing.T) {
	t.Parallel()
	for name, list := range map[string][]fitbit.HeartSample{
		"none": nil,
		"one":  {{Time: time.UnixMilli(1795158849123).In(time.FixedZone("", -34200)), BPM: 64}},
		"two of a moment": {
			{Time: time.UnixMilli(1795158849123).In(time.FixedZone("", 3600)), BPM: 64}, {Time: time.UnixMilli(1795158849123).UTC(), BPM: 30},
		},
		"before 1970": {{Time: time.UnixMilli(-1500).UTC(), BPM: 64}, {Time: time.UnixMilli(1500).UTC(), BPM: 300}},
		"a day":       aDay(t),
	} {
		payload, err := packSamples(list)
		if err != nil {
			t.Fatal(err)
		}
		got, err := unpackSamples(payload)
		if err != nil || len(got) != len(list) {
			t.Fatalf("%s: %d of %d, %v", name, len(got), len(list), err)
		}
		for i, s := range list {
			if got[i].BPM != s.BPM || got[i].Time.Format(time.RFC3339Nano) != s.Time.Format(time.RFC3339Nano) {
				t.Errorf("%s: %v, want %v", name, got[i], s)
			}
		}
	}
}

// What is kept of a day says which moments it is of, even if the cloud had nothing.
func TestSampleDaysComeBack(t *testing.T) {
	t.Parallel()
	in := fitbit.Window{From: time.Unix(-3600, 0), To: time.Unix(1795158849, 0)}
	for _, list := range [][]fitbit.HeartSample{nil, aDay(t)} {
		payload, err := packSampleDay(in, list)
		if err != nil {
			t.Fatal(err)
		}
		got, samples, err := unpackSampleDay(payload)
		if err != nil || !got.From.Equal(in.From) || !got.To.Equal(in.To) || len(samples) != len(list) {
			t.Errorf("%v with %d samples, %v", got, len(samples), err)
		}
	}
	for _, b := range [][]byte{nil, {2}, {0x80}, {2, 0x80}} {
		if _, _, err := unpackSampleDay(b); err == nil {
			t.Errorf("%q is a day", b)
		}
	}
}

func TestADayIsSmall(t *testing.T) {
	t.Parallel()
	list := aDay(t)
	payload, err := packSamples(list)
	t.Logf("%d samples are %d bytes", len(list), len(payload))
	if err != nil || len(list) < 16_000 || len(payload) > 20_000 {
		t.Errorf("%d samples are %d bytes, %v", len(list), len(payload), err)
	}
}

func TestStrangePayloads(t *testing.T) {
	t.Parallel()
	payload, err := packSamples(aDay(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{payload[:len(payload)/2], []byte("not deflated"), deflated(t, []byte{0x80}), deflated(t, []byte{2})} {
		if list, err := unpackSamples(b); err == nil {
			t.Errorf("%q is %d samples", b[:min(len(b), 20)], len(list))
		}
	}
}

func deflated(t *testing.T, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func FuzzSamples(f *testing.F) {
	f.Add([]byte{0x80, 1, 2})
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 120})
	f.Fuzz(func(t *testing.T, plain []byte) {
		list, err := unpackSamples(deflated(t, plain))
		if err != nil {
			return
		}
		payload, err := packSamples(list)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := unpackSamples(payload); err != nil || len(again) != len(list) || len(list) > 0 && !reflect.DeepEqual(again[0].BPM, list[0].BPM) {
			t.Errorf("%v became %v, %v", list, again, err)
		}
	})
}
