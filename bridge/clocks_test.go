package bridge_test

import (
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
