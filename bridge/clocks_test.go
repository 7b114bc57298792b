package bridge_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

func load(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// wantDate checks which day somebody's heart payload is about.
func (h *house) wantDate(name, want string) {
	h.Helper()
	if d := decode[heart](h.T, []byte(h.holds("fitbit2mqtt/"+name+"/heart"))).Date; d == nil || *d != want {
		h.Errorf("%s's heart is that of %v, want %s", name, *d, want)
	}
}

// Two people may live by different clocks, and travel.
func TestCivilDays(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.o.Poll.Body = time.Hour
		bens := newCloud()
		h.people.clouds["u2"] = bens
		h.people.set(anna(), ben())
		h.anna.zone, bens.zone = load(t, "Asia/Tokyo"), load(t, "Pacific/Honolulu")
		h.open() // at 0:00 UTC on 11 January 2000
		h.wantDate("anna", "2000-01-11")
		h.wantDate("ben", "2000-01-10")
		h.pass(15*time.Hour + 16*time.Minute)
		h.wantDate("anna", "2000-01-12")
		h.wantDate("ben", "2000-01-11")
		bens.set(func(c *cloud) { c.zone = load(t, "Pacific/Auckland") }) // he flies across the date line
		h.pass(25 * time.Hour)
		h.wantDate("ben", "2000-01-13")
		if a := decode[connection](h.T, []byte(h.holds("fitbit2mqtt/ben/connection"))); (*a.LastSuccess)[19:] != "+13:00" {
			h.Errorf("last success %s", *a.LastSuccess)
		}
	})
}

func TestTheDayTheClocksChange(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.o.Poll.Body = time.Hour
		h.anna.zone = load(t, "Europe/Berlin")
		h.pass(time.Until(time.Date(2000, 3, 25, 22, 50, 0, 0, time.UTC)))
		h.open()
		h.wantDate("anna", "2000-03-25") // ten to midnight
		h.pass(16 * time.Minute)
		h.wantDate("anna", "2000-03-26")
		h.pass(22*time.Hour + 50*time.Minute) // it has 23 hours
		h.wantDate("anna", "2000-03-26")
		h.weigh("a", 0, 78, hand)
		h.bridge.PollNow("anna")
		h.pass(20 * time.Minute)
		h.wantDate("anna", "2000-03-27")
		if b := retained[body](h, "body"); b.MeasuredAt != "2000-03-26T23:56:10+02:00" {
			h.Errorf("body: %+v", b)
		}
	})
}

func TestMidnight(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.o.Poll.Body = time.Hour
		today := fitbit.DateOf(time.Now().In(h.anna.zone))
		h.anna.days[fitbit.HeartRange] = []fitbit.HeartDay{{Date: today, MinBPM: new(51)}}
		h.anna.days[fitbit.RestingHeartRate] = []fitbit.HeartDay{{Date: today, RestingBPM: new(58)}}
		h.anna.latest = fitbit.HeartSample{Time: time.Now(), BPM: 64}
		h.open()
		if s := retained[heart](h, "heart"); *s.MinBPM != 51 || *s.RestingBPM != 58 || s.LatestAt == nil {
			h.Errorf("heart: %+v", s)
		}
		h.anna.fail(fitbit.ErrUnavailable, fitbit.HeartRange)
		h.pass(day)
		if s := retained[heart](h, "heart"); *s.Date != today.String() || *s.MinBPM != 51 {
			h.Errorf("trouble past midnight blanks the heart: %+v", s)
		}
		h.anna.fail(nil)
		h.pass(15 * time.Minute)
		if s := retained[heart](h, "heart"); *s.Date != today.AddDays(1).String() || s.MinBPM != nil || *s.RestingDate != today.String() {
			h.Errorf("the new day: %+v", s)
		}
		if first := h.anna.first[fitbit.RestingHeartRate]; first != today.AddDays(1-6) {
			h.Errorf("resting rates are looked for since %s", first)
		}
		if first, last := h.anna.first[fitbit.HeartRange], h.anna.last[fitbit.HeartRange]; first != today || last != today.AddDays(1) {
			h.Errorf("ranges are looked for from %s to %s", first, last)
		}
	})
}

// A cloud without offsets places all it knows in the zone of the day. Nobody has weighed
// in anew because somebody travels, or because the clocks are changed.
func TestTravellingWithoutOffsets(t *testing.T) {
	t.Parallel()
	inHouse(t, func(h *house) {
		h.pass(time.Until(time.Date(2000, 3, 24, 20, 0, 0, 0, time.UTC))) // two days before summer
		h.anna.zone = load(t, "Europe/Berlin")
		for i := range 40 {
			h.weigh(fmt.Sprint("w", i), time.Duration(i)*18*time.Hour, 80-float64(i)/10, aria)
		}
		h.open()
		place := func(zone *time.Location) {
			h.anna.set(func(c *cloud) {
				for i, w := range c.weights {
					c.weights[i].Time = time.Date(w.Time.Year(), w.Time.Month(), w.Time.Day(), w.Time.Hour(), w.Time.Minute(), w.Time.Second(), w.Time.Nanosecond(), zone)
				}
				c.zone = zone
			})
		}
		for _, zone := range []string{"Pacific/Honolulu", "Pacific/Kiritimati", "Europe/Berlin"} {
			place(load(t, zone))
			h.pass(20 * time.Hour)
			h.weigh("in "+zone, 0, 79, aria)
			h.pass(4 * time.Hour)
			h.expect(zone, slices.DeleteFunc(h.news(), func(line string) bool { return line == "anna/heart" }), "body in "+zone+" 79", "weigh_in in "+zone+" 79")
		}
		if b := retained[body](h, "body"); b.MeasuredAt[19:] != "+02:00" {
			h.Errorf("the last of them was %+v", b)
		}
		if p, _ := h.memory.Recall(h.Context(), "u1"); len(p.WeighIns()) != 43 || h.memory.seq != 3 {
			h.Errorf("%d weigh-ins, %d events", len(p.WeighIns()), h.memory.seq)
		}
	})
}
