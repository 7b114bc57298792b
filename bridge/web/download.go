package web

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// weighIn is one line of a download: kilograms, percent, kg/m². Columns are only
// ever added.
type weighIn struct {
	MeasuredAt string           `json:"measured_at"` // RFC 3339
	WeightKg   float64          `json:"weight_kg"`
	BodyFatPct *float64         `json:"body_fat_pct"`
	BMI        *float64         `json:"bmi"`
	Source     *string          `json:"source"`
	Recorded   fitbit.Recording `json:"recorded"`
	ID         string           `json:"id"`
}

func columns() []string {
	return []string{"measured_at", "weight_kg", "body_fat_pct", "bmi", "source", "recorded", "id"}
}

// download finds the weigh-ins of the person, oldest first, or refuses.
func (s *site) download(w http.ResponseWriter, r *http.Request, extension, contentType string) ([]weighIn, bool) {
	p, ok := s.Bridge.Person(r.PathValue("name"))
	if !ok {
		s.refuse(w, r, http.StatusNotFound, "nobody of that name is connected")
		return nil, false
	}
	past, err := s.History.Recall(r.Context(), p.Account.UID)
	if err != nil {
		s.trouble(w, r, "recall for a download", err)
		return nil, false
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Disposition", `attachment; filename="fitbit2mqtt-`+p.Account.Name+`-weigh-ins.`+extension+`"`)
	list := []weighIn{}
	for _, known := range past.WeighIns() {
		list = append(list, lineOf(known, p.HeightMetres))
	}
	return list, true
}

func lineOf(w bridge.WeighIn, height float64) weighIn {
	l := weighIn{MeasuredAt: w.Time.Format(time.RFC3339), WeightKg: rounded(w.Kilograms, 2), Recorded: w.Recorded, ID: w.ID}
	if w.Fat != nil {
		l.BodyFatPct = new(rounded(w.Fat.Percent, 1))
	}
	if bmi, ok := fitbit.BMI(w.Kilograms, height); ok {
		l.BMI = new(rounded(bmi, 1))
	}
	if w.Device != "" {
		l.Source = &w.Device
	}
	return l
}

func rounded(v float64, decimals int) float64 {
	v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'f', decimals, 64), 64) // what was just written can be read
	return v
}

func (s *site) csv(w http.ResponseWriter, r *http.Request) {
	list, ok := s.download(w, r, "csv", "text/csv; charset=utf-8")
	if !ok {
		return
	}
	optional := func(v *float64) string {
		if v == nil {
			return ""
		}
		return strconv.FormatFloat(*v, 'f', -1, 64)
	}
	out := csv.NewWriter(w)
	_ = out.Write(columns()) // a browser that hangs up needs no answer; so below
	for _, l := range list {
		source := ""
		if l.Source != nil {
			source = harmless(*l.Source)
		}
		_ = out.Write([]string{l.MeasuredAt, optional(&l.WeightKg), optional(l.BodyFatPct), optional(l.BMI), source, string(l.Recorded), l.ID})
	}
	out.Flush()
}

// harmless keeps a spreadsheet from taking a device's name for a formula.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}

func (s *site) json(w http.ResponseWriter, r *http.Request) {
	if list, ok := s.download(w, r, "json", "application/json"); ok {
		_ = json.NewEncoder(w).Encode(list)
	}
}
