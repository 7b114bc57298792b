package export_test

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/export"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// seq yields a list.
func seq[T any](list ...T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range list {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// tables are rows of every kind, with all that may be unknown or strange.
func tables(t *testing.T) map[string]export.Rows {
	t.Helper()
	weighIns := []bridge.WeighIn{
		{
			ID: "5921136719028323801", Time: at(t, "2026-11-20T07:14:09+01:00"), Kilograms: 78.42,
			Fat: &fitbit.BodyFat{Percent: 24.44}, Origin: scale(),
		},
		{ID: "1795158849000-2", Time: at(t, "2026-11-20T21:00:00-05:00"), Kilograms: 78, Origin: fitbit.Origin{Recorded: fitbit.RecordedByHand}},
		{ID: "x", Time: at(t, "2026-11-21T07:00:00Z"), Kilograms: 77.999, Origin: fitbit.Origin{Device: `=HYPERLINK("x"),<b>`, Recorded: fitbit.RecordedOther}},
	}
	d := day(t, "2026-11-20")
	days := []fitbit.HeartDay{
		{
			Date: d, MinBPM: new(51), AvgBPM: new(69.84), MaxBPM: new(143), RestingBPM: new(58), HRVMillis: new(41.25),
			Zones: &fitbit.ZoneMinutes{Light: new(31), Moderate: 12, Peak: 1},
		},
		{Date: d.AddDays(1), HRVMillis: new(38.0)},
		{Date: d.AddDays(2), RestingBPM: new(57)},
		{Date: d.AddDays(3), Zones: &fitbit.ZoneMinutes{OutOfRange: new(1400)}},
	}
	samples := []fitbit.HeartSample{{Time: at(t, "2026-10-25T02:59:55+02:00"), BPM: 61}, {Time: at(t, "2026-10-25T02:00:00+01:00"), BPM: 62}}
	return map[string]export.Rows{
		"weight":     export.WeightRows(weighIns, 1.785, export.Kilograms),
		"weight_lb":  export.WeightRows(weighIns, 0, export.Pounds),
		"weight_st":  export.WeightRows(weighIns, 1.785, export.Stones),
		"heart-rate": export.HeartRateRows(seq(days...)),
		"hrv":        export.HRVRows(seq(days...)),
		"intraday":   export.SampleRows(seq(samples...)),
		"nothing":    export.SampleRows(seq[fitbit.HeartSample]()),
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, rows := range tables(t) {
		for _, f := range export.Formats() {
			golden(t, name+"."+string(f), written(t, f, rows))
		}
	}
}

// The day that runs has no highest, mean and lowest rate yet that a picture could compare.
func TestHeartRateLines(t *testing.T) {
	t.Parallel()
	d := day(t, "2026-11-20")
	var days []fitbit.HeartDay
	for i := range 3 {
		days = append(days, fitbit.HeartDay{Date: d.AddDays(i), MinBPM: new(50), AvgBPM: new(70.5), MaxBPM: new(120), RestingBPM: new(58)})
	}
	for _, l := range export.HeartRateLines(days, d.AddDays(2)) {
		if want := map[string]int{"Highest": 2, "Mean": 2, "Lowest": 2, "Resting": 3}[l.Name]; len(l.Points) != want {
			t.Errorf("%s: %d points, want %d", l.Name, len(l.Points), want)
		}
	}
	if *days[2].MaxBPM != 120 {
		t.Error("the caller's days are changed")
	}
}

// People build on the columns: the manual has them all, in their order.
func TestColumnsAreInTheManual(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile(filepath.Join("..", "..", "docs", "export.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(manual), "\n## Columns\n")
	section, _, _ = strings.Cut(section, "\n## ")
	remark, column := regexp.MustCompile(`\([^)]*\)`), regexp.MustCompile("`([a-z0-9_]+)`")
	told := make(map[string][]string)
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if len(cells) != 3 || !strings.HasPrefix(line, "| `") {
			continue
		}
		for _, m := range column.FindAllStringSubmatch(remark.ReplaceAllString(cells[2], ""), -1) {
			told[strings.Trim(cells[0], "`")] = append(told[strings.Trim(cells[0], "`")], m[1])
		}
	}
	for _, metric := range []string{"weight", "heart-rate", "hrv", "intraday"} {
		if rows := tables(t)[metric]; !slices.Equal(told[metric], rows.Columns) {
			t.Errorf("%s has %v, the manual says %v", metric, rows.Columns, told[metric])
		}
	}
}

// What is written can be read: as many cells in each line as there are columns, and the
// same keys in each object.
func TestWrittenRowsCanBeRead(t *testing.T) {
	t.Parallel()
	for name, rows := range tables(t) {
		lines, err := csv.NewReader(strings.NewReader(written(t, export.CSV, rows))).ReadAll()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var list []map[string]json.RawMessage
		if err := json.Unmarshal([]byte(written(t, export.JSON, rows)), &list); err != nil || len(list) != len(lines)-1 {
			t.Errorf("%s: %d objects of %d, %v", name, len(list), len(lines)-1, err)
		}
		objects := json.NewDecoder(strings.NewReader(written(t, export.NDJSON, rows)))
		for i := range list {
			var one map[string]json.RawMessage
			if err := objects.Decode(&one); err != nil || len(one) != len(rows.Columns) || len(list[i]) != len(rows.Columns) {
				t.Errorf("%s: %v, %v", name, one, err)
			}
		}
	}
}

// An error amid the rows is that of the writing, and nobody is told that the table ends.
func TestRowsThatFail(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	rows := export.SampleRows(func(yield func(fitbit.HeartSample, error) bool) {
		_ = yield(fitbit.HeartSample{Time: time.Unix(0, 0), BPM: 60}, nil) && yield(fitbit.HeartSample{}, broken)
	})
	for _, f := range export.Formats() {
		var b strings.Builder
		if err := export.Write(&b, f, rows); !errors.Is(err, broken) || strings.HasSuffix(b.String(), "]\n") {
			t.Errorf("%s: %v after %q", f, err, b.String())
		}
		if err := export.Write(full{}, f, tables(t)["weight"]); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("%s: %v", f, err)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// meter is whoever reads what is written, and looks now and then at the memory in use.
type meter struct {
	bytes, looked int
	most          uint64
}

func (m *meter) Write(b []byte) (int, error) {
	if m.bytes += len(b); m.bytes-m.looked > 1<<20 {
		m.looked = m.bytes
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		m.most = max(m.most, s.HeapAlloc)
	}
	return len(b), nil
}

// A year of samples, from the cloud to the reader, takes no more memory than a month.
func TestAYearStreams(t *testing.T) { // not in parallel: it measures the heap
	l := newLab(t)
	l.samples = func(in fitbit.Window) (list []fitbit.HeartSample, _ error) {
		for at := in.From; at.Before(in.To); at = at.Add(2 * time.Minute) {
			list = append(list, fitbit.HeartSample{Time: at, BPM: 60 + at.Minute()})
		}
		return list, nil
	}
	p, _, err := l.fetch(t.Context(), "2025-01-01", "2025-12-31", export.Samples)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []export.Format{export.CSV, export.JSON} {
		var month, year meter
		for last, m := range map[string]*meter{"2025-02-28": &month, "2025-12-31": &year} {
			if err := export.Write(m, f, export.SampleRows(p.Samples(t.Context(), day(t, "2025-01-01"), day(t, last)))); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("%s: %d MB written with %d KB in use, of two months with %d KB", f, year.bytes>>20, year.most>>10, month.most>>10)
		if year.bytes < 7<<20 || year.most > month.most+1<<20 {
			t.Errorf("%s: %d KB in use for %d bytes, for two months %d KB", f, year.most>>10, year.bytes, month.most>>10)
		}
	}
}
