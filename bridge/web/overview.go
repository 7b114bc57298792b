package web

import (
	"net/http"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
)

type overviewView struct {
	page
	People []personView
	Bridge bridgeView
}

// personView is a person as a card shows them. Empty fields are not known.
type personView struct {
	Name, Called, Root     string
	Status                 status
	Detail, Hint, SignIn   string
	Weight, BodyFat, BMI   string
	Delta, Source          string
	Trend                  string
	Change7, Change30      string
	Resting, HRV           string
	Weighed, Success, Next *when
	Ends                   *when
	Polled                 bool
	Devices                []deviceView
	Guide                  guide // of their cloud
	Retired                bool  // which has been turned off
}

type deviceView struct {
	Name, Battery string
	Low           bool
}

// bridgeView is the bridge's own state.
type bridgeView struct {
	Status             status
	Broker             string
	Detail, Hint       string
	Pending, Published int64
	Started            *when
	LastError          string
}

func (s *site) overview(w http.ResponseWriter, r *http.Request) {
	report, err := s.Bridge.Report(r.Context())
	if err == nil && len(report.People) == 0 {
		q := r.URL.Query()
		seeOther(w, r, "connect"+untold(!q.Has("untold"), q.Get("untold")))
		return
	}
	v := overviewView{page: s.page(r, "Overview", "overview"), Bridge: s.bridgeView(report, err)}
	v.Live, v.Refresh = true, "30; url="+v.Root // without the query: a notice is news once
	if asked := r.URL.Query().Get("asked"); asked != "" {
		if _, known := s.Bridge.Person(asked); known {
			v.Notice = "The cloud is being asked for " + called(asked) + "."
		}
	}
	v.Notice = or(s.untoldNotice(r), v.Notice)
	for _, p := range report.People {
		v.People = append(v.People, s.personView(p, v.Root))
	}
	render(s, w, r, http.StatusOK, "overview", v)
}

func (s *site) personView(p bridge.PersonReport, root string) personView {
	now, c := s.Now(), p.Connection
	v := personView{
		Name: p.Account.Name, Called: called(p.Account.Name), Root: root, Status: statusOf(c), Detail: detail(c), SignIn: signInLabel(c),
		Weight: number(p.Body.WeightKg, 1), BodyFat: number(p.Body.BodyFatPct, 1), BMI: number(p.Body.BMI, 1),
		Delta: signed(p.Delta, 1), Trend: number(p.Body.TrendKg, 1),
		Change7: signed(p.Body.Change7dKg, 1), Change30: signed(p.Body.Change30dKg, 1),
		Resting: whole(p.Heart.RestingBPM), HRV: number(p.Heart.HRVMillis, 0),
		Weighed: whenStamped(p.Body.MeasuredAt, now), Success: whenStamped(c.LastSuccess, now),
		Next: whenStamped(c.NextPoll, now), Ends: whenStamped(c.SignInExpiresAt, now), Polled: c.LastSuccess != nil,
		Guide: s.guide(p.Account.Backend), Retired: c.State == bridge.StateSourceRetired,
	}
	if c.Hint != nil {
		v.Hint = hint(*c.Hint)
	}
	if p.Body.Recorded != nil {
		source := ""
		if p.Body.Source != nil {
			source = *p.Body.Source
		}
		v.Source = sourceWords(source, *p.Body.Recorded)
	}
	for _, d := range p.Devices {
		words, low := battery(d, p.Location, now)
		v.Devices = append(v.Devices, deviceView{Name: or(d.Name, string(d.Type)), Battery: words, Low: low})
	}
	return v
}

func (s *site) bridgeView(report bridge.Report, trouble error) bridgeView {
	v := bridgeView{
		Status: status{"Working", "✓", "good"}, Broker: s.BrokerURL, Pending: int64(report.Pending), Published: report.Published,
		Started: whenOf(report.Started.In(time.Local), s.Now()), LastError: report.LastError, // the bridge lives in the machine's zone
	}
	if detail, hint := s.Broker.Trouble(); detail != "" {
		v.Status, v.Detail, v.Hint = status{"Broker away", "✗", "bad"}, detail, hint
	}
	if trouble != nil {
		v.Status, v.Detail, v.Hint = status{"Storage trouble", "✗", "bad"}, trouble.Error(), ""
	}
	return v
}
