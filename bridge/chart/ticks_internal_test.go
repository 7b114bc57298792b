package chart

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestTimeTicks(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	beirut, err := time.LoadLocation("Asia/Beirut") // has no midnight on 2022-03-27
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from time.Time
		days int
		most int // labels that fit
		want string
	}{
		{time.Date(2026, 3, 28, 0, 0, 0, 0, berlin), 1, 13, "28 Mar, 02:00, 04:00, 06:00, 08:00, 10:00, 12:00, 14:00, 16:00, 18:00, 20:00, 22:00, 29 Mar"},
		{time.Date(2026, 3, 29, 0, 0, 0, 0, berlin), 1, 11, "29 Mar, 03:00, 06:00, 09:00, 12:00, 15:00, 18:00, 21:00, 30 Mar"},
		{time.Date(2026, 3, 29, 0, 0, 0, 0, berlin), 1, 13, "29 Mar, 04:00, 06:00, 08:00, 10:00, 12:00, 14:00, 16:00, 18:00, 20:00, 22:00, 30 Mar"}, // 02:00 is skipped
		{time.Date(2026, 10, 25, 0, 0, 0, 0, berlin), 1, 13, "25 Oct, 02:00, 04:00, 06:00, 08:00, 10:00, 12:00, 14:00, 16:00, 18:00, 20:00, 22:00, 26 Oct"},
		{time.Date(2026, 3, 27, 8, 0, 0, 0, berlin), 4, 9, "28 Mar, 29 Mar, 30 Mar, 31 Mar"},
		{time.Date(2022, 3, 26, 0, 0, 0, 0, beirut), 2, 9, "26 Mar, 27 Mar, 28 Mar"},
		{time.Date(2026, 10, 22, 0, 0, 0, 0, berlin), 30, 9, "26 Oct, 2 Nov, 9 Nov, 16 Nov"},
		{time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC), 150, 9, "Sep 2026, Oct, Nov, Dec, Jan 2027"},
		{time.Date(2025, 11, 21, 0, 0, 0, 0, time.UTC), 365, 4, "Jan 2026, Apr, Jul, Oct"},
		{time.Date(2016, 11, 21, 0, 0, 0, 0, time.UTC), 3650, 5, "2018, 2020, 2022, 2024, 2026"},
		{time.Date(-1, 12, 31, 0, 0, 0, 0, time.UTC), 366 * 9999, 4, "0000, 5000, 10000"},
		{time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC), 150, -1, ""},
	} {
		to := c.from.AddDate(0, 0, c.days)
		ticks := timeTicks(c.from, to, func(ticks []tick) bool { return len(ticks) <= c.most })
		var labels []string
		for _, tick := range ticks {
			labels = append(labels, tick.label)
			if tick.at < seconds(c.from) || tick.at > seconds(to) {
				t.Errorf("%s is outside", tick.label)
			}
		}
		if got := strings.Join(labels, ", "); got != c.want {
			t.Errorf("%d days from %v: %s, want %s", c.days, c.from, got, c.want)
		}
	}
}

func TestValueTicks(t *testing.T) {
	for _, c := range []struct {
		low, high      float64
		most, decimals int
		want           string
	}{
		{77.8, 80.3, 5, 1, "[78.0 78.5 79.0 79.5 80.0]"},
		{77.8, 80.3, 5, 0, "[78 79 80]"},
		{-6, 6, 5, 0, "[-5 0 5]"},
		{0, 0.04, 3, 6, "[0.00 0.02 0.04]"},
		{48, 151, 5, 0, "[60 80 100 120 140]"},
	} {
		var labels []string
		for _, tick := range valueTicks(c.low, c.high, c.most, c.decimals) {
			labels = append(labels, tick.label)
		}
		if got := fmt.Sprint(labels); got != c.want {
			t.Errorf("%v to %v: %s, want %s", c.low, c.high, got, c.want)
		}
	}
}
