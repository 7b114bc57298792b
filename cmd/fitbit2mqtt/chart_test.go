package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// lively is a household whose anna has had a life until today.
func lively(t *testing.T) (w *world, config string) {
	t.Helper()
	w, config = seasons(t, "google")
	today := fitbit.DateOf(time.Now().In(berlin(t)))
	w.cloud.Person("anna").Generate(today.AddDays(-130), today)
	return w, config
}

// Every metric as a picture of either kind, with and without the cloud, and twice the same.
func TestChart(t *testing.T) {
	t.Parallel()
	w, config := lively(t)
	folder := t.TempDir()
	if keep := os.Getenv("KEEP_CHARTS"); keep != "" { // to look at them
		folder = keep
	}
	today := fitbit.DateOf(time.Now().In(berlin(t)))
	day := today.AddDays(-4).String()
	from := func(first fitbit.Date) string {
		return first.Start(time.UTC).Format("2 Jan 2006") + " to " + today.Start(time.UTC).Format("2 Jan 2006")
	}
	for metric, c := range map[string]struct {
		flags []string
		says  []string
	}{
		"weight":     {nil, []string{"Weight of anna", "|Weight of anna, " + from(today.AddDays(-89)) + "|", "kg", "Trend"}},
		"body-fat":   {[]string{"--days", "30"}, []string{"Body fat of anna, " + from(today.AddDays(-29)), "%", "Trend"}},
		"heart-rate": {[]string{"--days", "14", "--theme", "dark"}, []string{"Heart rate of anna", "bpm", "Highest", "Mean", "Lowest", "Resting"}},
		"hrv":        {[]string{"--days", "60"}, []string{"Heart-rate variability of anna, " + from(today.AddDays(-59)), "ms", "Trend"}},
		"intraday":   {[]string{"--date", day}, []string{"Heart rate of anna, " + today.AddDays(-4).Start(time.UTC).Format("2 Jan 2006") + "|", "bpm", "12:00", "18:00"}},
	} {
		drawn := make(map[string][]byte)
		for _, ending := range []string{".svg", ".PNG"} {
			for _, from := range []string{"--local=false", "--local"} {
				out := filepath.Join(folder, metric+ending)
				args := append([]string{"chart", metric, "--account", "anna", "--out", out, "--config", config, from}, c.flags...)
				if r := invoke(t, args...); r.code != exitOK || r.out+r.err != "" {
					t.Fatalf("%v: %+v", args, r)
				}
				b, err := os.ReadFile(out)
				if err != nil {
					t.Fatal(err)
				}
				if was := drawn[ending]; was != nil && !bytes.Equal(was, b) {
					t.Errorf("%s%s is another one without the cloud", metric, ending)
				}
				drawn[ending] = b
			}
		}
		said := spoken(t, drawn[".svg"])
		for _, want := range c.says {
			if !strings.Contains(said, want) {
				t.Errorf("%s says %q, and not %q", metric, said, want)
			}
		}
		if picture, err := png.Decode(bytes.NewReader(drawn[".PNG"])); err != nil || picture.Bounds().Dx() != pictureWidth || picture.Bounds().Dy() != pictureHeight {
			t.Errorf("%s: %v, %v", metric, picture.Bounds(), err)
		}
	}
	w.cloud.ResetRequests()
	out := filepath.Join(folder, "ben.svg")
	if r := invoke(t, "chart", "weight", "--account", "ben", "--out", out, "--local", "--config", config); r.code != exitOK || len(w.cloud.Requests()) != 0 {
		t.Errorf("%+v", r)
	}
	if b, err := os.ReadFile(out); err != nil || !strings.Contains(spoken(t, b), "No readings in this time") {
		t.Errorf("%s, %v", b, err)
	}
}

// spoken is what an SVG says.
func spoken(t *testing.T, document []byte) string {
	t.Helper()
	var all []string
	for d := xml.NewDecoder(bytes.NewReader(document)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return strings.Join(all, "|")
		}
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := token.(xml.CharData); ok {
			all = append(all, string(text))
		}
	}
}
