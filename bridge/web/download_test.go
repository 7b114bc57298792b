package web_test

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares a text with testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s\nwant:\n%s", name, got, want)
	}
}

// measured is a house where anna's weigh-ins are of every kind that a file has to hold.
func measured(t *testing.T) *house {
	t.Helper()
	h := newHouse(t, plan{})
	anna := h.cloud.Person("anna")
	at := func(day int) time.Time { return time.Date(2031, time.March, day, 7, 15, 0, 0, berlin(t)) }
	anna.AddWeight(fakecloud.Point{At: at(2), Value: 71.345, ID: "1001", Recorded: "ACTIVELY_MEASURED", Device: `=HYPERLINK("https://evil.example/","x")`, FormFactor: "SCALE"})
	anna.AddWeight(fakecloud.Point{At: at(3), Value: 71, ID: "1002"})
	for i, device := range []string{"+1", "-1", "@SUM(A1)", `Say "hi", scale`, "<script>alert(1)</script>", "Waage Größe\tXL"} {
		anna.AddWeight(fakecloud.Point{At: at(4 + i), Value: 71.2, ID: "200" + string(rune('0'+i)), Recorded: "ACTIVELY_MEASURED", Device: device, FormFactor: "SCALE"})
	}
	anna.AddWeight(fakecloud.Point{At: at(11), Value: 70.9, ID: "3001", Recorded: "DERIVED", Platform: "HEALTH_CONNECT"})
	anna.AddWeight(fakecloud.Point{At: at(12), Value: 70.8, ID: "4001", Recorded: "ACTIVELY_MEASURED", Platform: "FITBIT", Device: "Aria Air", FormFactor: "SCALE"})
	anna.AddBodyFat(fakecloud.Point{At: at(12), Value: 29.86, ID: "5001", Recorded: "ACTIVELY_MEASURED", Platform: "FITBIT", Device: "Aria Air", FormFactor: "SCALE"})
	h.connect("anna", "ben")
	return h
}

func TestCSV(t *testing.T) {
	t.Parallel()
	h := measured(t)
	b := h.browser()
	a := b.get("/people/anna/weigh-ins.csv").wants(http.StatusOK)
	golden(t, "weigh-ins.csv", a.body)
	if got := a.header.Get("Content-Type"); got != "text/csv; charset=utf-8" {
		t.Errorf("content type %q", got)
	}
	if got := a.header.Get("Content-Disposition"); got != `attachment; filename="fitbit2mqtt-anna-weigh-ins.csv"` {
		t.Errorf("disposition %q", got)
	}
	rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
	if err != nil || len(rows) != 11 || strings.Join(rows[0], " ") != "measured_at weight_kg body_fat_pct bmi source recorded id" {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows[1:] {
		if _, err := time.Parse(time.RFC3339, row[0]); err != nil {
			t.Error(err)
		}
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
				t.Errorf("a spreadsheet may take %q for a formula", cell)
			}
		}
	}
	if nobody := b.get("/people/ben/weigh-ins.csv").wants(http.StatusOK); nobody.body != "measured_at,weight_kg,body_fat_pct,bmi,source,recorded,id\n" {
		t.Errorf("of nobody's weigh-ins: %q", nobody.body)
	}
	b.get("/people/nobody/weigh-ins.csv").wants(http.StatusNotFound, "Nobody of that name is connected.")
}

func TestJSON(t *testing.T) {
	t.Parallel()
	h := measured(t)
	b := h.browser()
	a := b.get("/people/anna/weigh-ins.json").wants(http.StatusOK)
	golden(t, "weigh-ins.json", strings.ReplaceAll(a.body, "},{", "},\n{"))
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("content type %q", got)
	}
	var list []map[string]json.RawMessage
	if err := json.Unmarshal([]byte(a.body), &list); err != nil || len(list) != 10 || len(list[0]) != 7 {
		t.Errorf("%d entries, %v", len(list), err)
	}
	if nobody := b.get("/people/ben/weigh-ins.json"); nobody.body != "[]\n" {
		t.Errorf("of nobody's weigh-ins: %q", nobody.body)
	}
}

func TestCharts(t *testing.T) {
	t.Parallel()
	h := measured(t)
	h.cloud.Person("ben").Generate(fitbit.DateOf(morning()).AddDays(-100), fitbit.DateOf(morning()))
	h.poll("ben", "a life", func(p bridge.PersonReport) bool { return p.Body.WeightKg != nil && p.Heart.RestingBPM != nil })
	b := h.browser()
	for _, name := range []string{"anna", "ben"} {
		for _, metric := range []string{"weight", "body-fat", "resting-heart-rate", "hrv"} {
			for _, query := range []string{"", "?days=7", "?days=30", "?days=90", "?days=0", "?theme=dark", "?size=small"} {
				a := b.get("/people/" + name + "/charts/" + metric + query).wants(http.StatusOK)
				if got := a.header.Get("Content-Type"); got != "image/svg+xml" {
					t.Errorf("content type %q", got)
				}
				wellFormed(t, a.body)
			}
		}
	}
	plain := b.get("/people/ben/charts/weight").body
	for _, query := range []string{"?days=90", "?days=91", "?days=-1", "?days=x", "?days=99999999999999999999", "?theme=%3Cscript%3E", "?theme=DARK", "?size=huge", "?days=7%00"} {
		if got := b.get("/people/ben/charts/weight" + query); got.body != plain || got.status != http.StatusOK {
			t.Errorf("%s does not fall back to the ordinary chart", query)
		}
	}
	for _, path := range []string{"/people/ben/charts/weights", "/people/ben/charts/WEIGHT", "/people/ben/charts/", "/people/ben/charts", "/people/nobody/charts/weight"} {
		b.get(path).wants(http.StatusNotFound)
	}
}

// Today's heart is in the charts from the morning on, and as many days as they say.
func TestHeartChartsHaveToday(t *testing.T) {
	t.Parallel()
	h := newHouse(t, plan{})
	anna, today := h.cloud.Person("anna"), fitbit.DateOf(morning())
	for ago := range 20 {
		anna.SetResting(today.AddDays(-ago), 60+ago)
		anna.SetHRV(today.AddDays(-ago), 40+float64(ago))
	}
	h.connect("anna")
	h.until("today's heart", func() bool {
		p, ok := h.bridge.Person("anna")
		return ok && p.Heart.RestingBPM != nil && *p.Heart.RestingBPM == 60
	})
	b := h.browser()
	b.get("/people/anna?days=7").holds(
		"Resting heart rate: from 66 bpm on 8 March 2031 to 60 bpm on 14 March 2031; lowest 60 bpm, highest 66 bpm",
		"Heart rate variability: from 46 ms on 8 March 2031 to 40 ms on 14 March 2031")
	for _, metric := range []string{"resting-heart-rate", "hrv"} {
		a := b.get("/people/anna/charts/" + metric + "?days=7")
		if dots := strings.Count(a.body, "<circle"); dots != 7 {
			t.Errorf("%s has %d dots:\n%s", metric, dots, a.body)
		}
		a.lacks("15 Mar") // has not begun
	}
}

// wellFormed reads an SVG as strictly as browsers do.
func wellFormed(t *testing.T, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	first := ""
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Errorf("SVG: %v", err)
			return
		}
		if e, ok := token.(xml.StartElement); ok && first == "" {
			first = e.Name.Space + " " + e.Name.Local
		} else if ok && e.Name.Local == "script" {
			t.Error("SVG with a script in it")
		}
	}
	if first != "http://www.w3.org/2000/svg svg" {
		t.Errorf("SVG begins with %q", first)
	}
}

// TestETags asks anew for what a browser has already.
func TestETags(t *testing.T) {
	t.Parallel()
	h := measured(t)
	b := h.browser()
	for _, path := range []string{"/connect", "/people/anna", "/people/anna/charts/weight", "/people/anna/charts/hrv?days=7", "/assets/style.css", "/assets/live.js", "/favicon.ico"} {
		a := b.get(path).wants(http.StatusOK)
		tag := a.header.Get("ETag")
		if len(tag) < 10 {
			t.Fatalf("%s: tag %q", path, tag)
		}
		for sent, want := range map[string]int{tag: http.StatusNotModified, `"other"`: http.StatusOK, "W/" + tag: http.StatusNotModified, `"x", ` + tag: http.StatusNotModified, "*": http.StatusNotModified} {
			r := b.request(http.MethodGet, path, "")
			r.Header.Set("If-None-Match", sent)
			again := b.do(r)
			if again.status != want || want == http.StatusNotModified && (again.body != "" || again.header.Get("ETag") != tag) {
				t.Errorf("%s, %s: status %d, want %d; %d bytes, tag %s", path, sent, again.status, want, len(again.body), again.header.Get("ETag"))
			}
		}
		head := b.do(b.request(http.MethodHead, path, ""))
		if head.status != http.StatusOK || head.body != "" || head.header.Get("ETag") != tag || head.header.Get("Content-Length") != a.header.Get("Content-Length") || head.header.Get("Content-Length") == "" {
			t.Errorf("HEAD %s: %d, %v, want as %v", path, head.status, head.header, a.header)
		}
	}
	if a := b.get("/people/nobody"); a.header.Get("ETag") != "" {
		t.Error("a refusal with a tag")
	}
}
