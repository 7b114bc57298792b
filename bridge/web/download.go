package web

import (
	"net/http"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/export"
)

// download sends the weigh-ins of the person, oldest first, as "fitbit2mqtt export" does.
func (s *site) download(w http.ResponseWriter, r *http.Request, format export.Format, contentType string) {
	p, ok := s.Bridge.Person(r.PathValue("name"))
	if !ok {
		s.refuse(w, r, http.StatusNotFound, "nobody of that name is connected")
		return
	}
	past, err := s.History.Recall(r.Context(), p.Account.UID)
	if err != nil {
		s.trouble(w, r, "recall for a download", err)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Disposition", `attachment; filename="fitbit2mqtt-`+p.Account.Name+`-weigh-ins.`+string(format)+`"`)
	_ = export.Write(w, format, export.WeightRows(past.WeighIns(), p.HeightMetres, export.Kilograms)) // a browser that hangs up needs no answer
}

func (s *site) csv(w http.ResponseWriter, r *http.Request) {
	s.download(w, r, export.CSV, "text/csv; charset=utf-8")
}

func (s *site) json(w http.ResponseWriter, r *http.Request) {
	s.download(w, r, export.JSON, "application/json")
}
