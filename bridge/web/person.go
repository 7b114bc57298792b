package web

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

type personPage struct {
	page
	Person       personView
	Spans        []spanView
	Charts       []chartView
	Rows         []rowView
	Newer, Older string
	Removing     bool
	Failed       bool // the notice is one of trouble
}

type spanView struct {
	Address, Words string
	Current        bool
}

// rowView is a line of the table of weigh-ins.
type rowView struct {
	When                            *when
	Weight, Change, BodyFat, Source string
	Remarks                         string
	Deleted                         bool
}

// rowsPerPage keeps a page well below 100 KB.
const rowsPerPage = 50

// spans are the days a chart can show; 0 is all there is.
func spans() []int { return []int{7, 30, 90, 0} }

// spanOf reads the wanted span from the query.
func spanOf(r *http.Request) int {
	days, err := strconv.Atoi(r.URL.Query().Get("days"))
	if err != nil || !slices.Contains(spans(), days) {
		return 90
	}
	return days
}

func (s *site) person(w http.ResponseWriter, r *http.Request) {
	s.personPage(w, r, http.StatusOK, "", false)
}

// personPage shows a person, perhaps with what is wrong with a form that was sent.
func (s *site) personPage(w http.ResponseWriter, r *http.Request, code int, problem string, removing bool) {
	p, ok := s.Bridge.Person(r.PathValue("name"))
	if !ok {
		s.refuse(w, r, http.StatusNotFound, "nobody of that name is connected")
		return
	}
	known, err := s.recall(r, p)
	if err != nil {
		s.trouble(w, r, "recall", err)
		return
	}
	v := personPage{page: s.page(r, called(p.Account.Name), "person"), Removing: removing}
	v.Live, v.Person = code == http.StatusOK, s.personView(p, v.Root)
	v.Notice = s.untoldNotice(r)
	switch {
	case problem != "":
		v.Notice, v.Failed = problem, true
	case r.URL.Query().Get("asked") == "yes":
		v.Notice = "The cloud is being asked."
	case r.URL.Query().Get("renamed") == "yes":
		v.Notice = "Renamed. Automations that name the old topics need the new ones; entities in Home Assistant stay."
	}
	days := spanOf(r)
	for _, d := range spans() {
		words := fmt.Sprintf("%d days", d)
		if d == 0 {
			words = "All"
		}
		v.Spans = append(v.Spans, spanView{Address: fmt.Sprintf("%speople/%s?days=%d", v.Root, p.Account.Name, d), Words: words, Current: d == days})
	}
	for _, m := range chartMetrics() {
		v.Charts = append(v.Charts, s.chartView(p, v.page, m.lines(known, known.hearts), m, days))
	}
	v.Rows, v.Newer, v.Older = s.rows(r, v.Root+"people/"+p.Account.Name, known, days)
	render(s, w, r, code, "person", v)
}

// rows is the table of weigh-ins, newest first, one page of it.
func (s *site) rows(r *http.Request, root string, known readings, days int) (rows []rowView, newer, older string) {
	all := known.table()
	nth, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil || nth < 1 || nth > len(all)/rowsPerPage+1 {
		nth = 1
	}
	link := func(n int) string { return fmt.Sprintf("%s?days=%d&page=%d#table-title", root, days, n) }
	if nth > 1 {
		newer = link(nth - 1)
	}
	all = all[min((nth-1)*rowsPerPage, len(all)):]
	if len(all) > rowsPerPage {
		all, older = all[:rowsPerPage], link(nth+1)
	}
	now := s.Now()
	for _, e := range all {
		rows = append(rows, rowView{
			When: whenOf(e.at, now), Weight: number(&e.kilograms, 2), Change: signed(e.change, 2),
			BodyFat: percent(e.fat), Source: e.source, Remarks: e.remarks, Deleted: e.deleted,
		})
	}
	return rows, newer, older
}

func percent(v *float64) string {
	if v == nil {
		return "–"
	}
	return number(v, 1) + " %"
}

// sourceWords says where a reading comes from.
func sourceWords(device string, recorded fitbit.Recording) string {
	switch {
	case recorded == fitbit.RecordedByHand:
		return "typed in"
	case device != "":
		return device
	case recorded == fitbit.RecordedByScale:
		return "scale"
	}
	return "another app"
}

// readings is all that is known of a person.
type readings struct {
	weighIns []bridge.WeighIn
	events   []bridge.Event
	past     bridge.Past
	hearts   []fitbit.HeartDay
}

func (s *site) recall(r *http.Request, p bridge.PersonReport) (readings, error) {
	past, err := s.History.Recall(r.Context(), p.Account.UID)
	if err != nil {
		return readings{}, err
	}
	events, err := s.History.Events(r.Context(), p.Account.UID)
	if err != nil {
		return readings{}, err
	}
	hearts, err := s.History.HeartDays(r.Context(), p.Account.UID, fitbit.Date{})
	return readings{weighIns: past.WeighIns(), events: events, past: past, hearts: hearts}, err
}

// entry is one weigh-in of the table, deleted ones included.
type entry struct {
	id              string
	at              time.Time
	kilograms       float64
	change          *float64 // to the one before in time; nil for the first and for deleted ones
	fat             *float64
	source, remarks string
	deleted         bool
}

// table lists the weigh-ins, newest first, with what became of them.
func (k readings) table() []entry {
	remarks, deleted := k.changes()
	var list []entry
	for i, w := range k.weighIns {
		e := entry{id: w.ID, at: w.Time, kilograms: w.Kilograms, source: sourceWords(w.Device, w.Recorded), remarks: remarks[w.ID]}
		if w.Fat != nil {
			e.fat = &w.Fat.Percent
		}
		if i > 0 {
			e.change = new(w.Kilograms - k.weighIns[i-1].Kilograms)
		}
		delete(deleted, w.ID) // it has come back
		list = append(list, e)
	}
	for id, event := range deleted {
		at, err := time.Parse(time.RFC3339, event.MeasuredAt)
		if err != nil {
			continue // not ours
		}
		source := ""
		if event.Source != nil {
			source = *event.Source
		}
		list = append(list, entry{
			id: id, at: at, kilograms: event.WeightKg, fat: event.BodyFatPct, source: sourceWords(source, event.Recorded),
			remarks: "deleted in the cloud", deleted: true,
		})
	}
	slices.SortStableFunc(list, func(a, b entry) int { return b.at.Compare(a.at) })
	return list
}

// changes reads from the events what was corrected, and what was deleted.
func (k readings) changes() (remarks map[string]string, deleted map[string]bridge.Event) {
	remarks, deleted = make(map[string]string), make(map[string]bridge.Event)
	last := make(map[string]bridge.Event)
	for _, e := range k.events {
		before, known := last[e.ID]
		switch e.EventType {
		case bridge.Correction:
			switch {
			case known && before.WeightKg != e.WeightKg:
				remarks[e.ID] = "corrected, was " + number(&before.WeightKg, 2) + " kg"
			case known && before.BodyFatPct == nil && e.BodyFatPct != nil:
				remarks[e.ID] = "body fat came later"
			default:
				remarks[e.ID] = "corrected"
			}
		case bridge.Deletion:
			deleted[e.ID] = e
		case bridge.Backfill:
			remarks[e.ID] = "arrived late"
		case bridge.NewWeighIn:
		}
		last[e.ID] = e
	}
	return remarks, deleted
}
