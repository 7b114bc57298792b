package webapi

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/wire"
)

// loose reads a value in any of the forms that the API has for nothing as well:
// null, {} and [] leave v alone. A key that is missing leaves all of it alone.
type loose[T any] struct {
	v    T
	said bool // whether there was anything, nothing included
}

// list is a list that may come as nothing.
type list[T any] = loose[[]T]

// UnmarshalJSON refuses what is neither a T nor nothing.
func (l *loose[T]) UnmarshalJSON(b []byte) error {
	l.said = true
	switch inner := bytes.Trim(b, "{}[] \t\r\n"); {
	case len(inner) == 0, string(inner) == "null":
		return nil
	}
	return json.Unmarshal(b, &l.v)
}

// text reads a string, or a number as it is written, because ids of digits come as
// either; anything else is an empty one.
type text string

// UnmarshalJSON refuses nothing.
func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	var n json.Number
	switch {
	case json.Unmarshal(b, &s) == nil:
		*t = text(s)
	case json.Unmarshal(b, &n) == nil:
		*t = text(n)
	}
	return nil
}

// logID reads the id of a log entry, an unsigned number of 64 bits that no float
// holds; anything else is an empty one.
type logID string

// UnmarshalJSON refuses nothing.
func (id *logID) UnmarshalJSON(b []byte) error {
	if v, err := strconv.ParseUint(strings.Trim(string(b), `"`), 10, 64); err == nil {
		*id = logID(strconv.FormatUint(v, 10))
	}
	return nil
}

// day reads a date; anything else, the years before Fitbit included, is none.
func (t text) day() (fitbit.Date, bool) {
	d, err := fitbit.ParseDate(string(t))
	return d, err == nil && !d.Before(firstDay()) && d.Year < 2200
}

// firstDay is the first that the API answers for.
func firstDay() fitbit.Date { return fitbit.Date{Year: 2009, Month: time.January, Day: 1} }

// wallClock is a time of an entry without its zone.
const wallClock = "2006-01-02 15:04:05"

// logEntry is a row of the weight log or of the body-fat log. A row of the weight
// log carries the fat as well, if it was measured.
type logEntry struct {
	LogID  logID       `json:"logId"`
	Date   text        `json:"date"`
	Time   text        `json:"time"`
	Source text        `json:"source"`
	Weight wire.Number `json:"weight"`
	Fat    wire.Number `json:"fat"`
}

type logAnswer struct {
	Weight list[logEntry] `json:"weight"`
	Fat    list[logEntry] `json:"fat"`
}

type seriesAnswer struct {
	Weight list[struct {
		Date  text        `json:"dateTime"`
		Value wire.Number `json:"value"`
	}] `json:"body-weight"`
}

type heartDay struct {
	Date  text `json:"dateTime"`
	Value loose[struct {
		Resting wire.Number `json:"restingHeartRate"`
		Zones   list[struct {
			Name    text        `json:"name"`
			Minutes wire.Number `json:"minutes"`
		}] `json:"heartRateZones"`
	}] `json:"value"`
}

type heartAnswer struct {
	Days list[heartDay] `json:"activities-heart"`
}

type hrvAnswer struct {
	Days list[struct {
		Date  text `json:"dateTime"`
		Value loose[struct {
			Daily wire.Number `json:"dailyRmssd"`
		}] `json:"value"`
	}] `json:"hrv"`
}

// intradayPoint is a heart rate at a time of a day that the answer does not repeat.
type intradayPoint struct {
	Time text        `json:"time"`
	BPM  wire.Number `json:"value"`
}

type intradayAnswer struct {
	Days     loose[json.RawMessage] `json:"activities-heart"`
	Intraday loose[struct {
		Points list[intradayPoint] `json:"dataset"`
	}] `json:"activities-heart-intraday"`
}

type profile struct {
	User     text        `json:"encodedId"`
	TimeZone text        `json:"timezone"`
	Offset   wire.Number `json:"offsetFromUTCMillis"`
	Height   wire.Number `json:"height"` // centimetres, as the header asks for
}

type profileAnswer struct {
	User loose[profile] `json:"user"`
}

// pairedDevice leaves out the MAC address.
type pairedDevice struct {
	ID           text        `json:"id"`
	Type         text        `json:"type"`
	Version      text        `json:"deviceVersion"`
	Battery      text        `json:"battery"`
	BatteryLevel wire.Number `json:"batteryLevel"`
	LastSync     text        `json:"lastSyncTime"`
}
