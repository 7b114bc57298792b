package googlehealth

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/wire"
)

// timestamp reads an RFC 3339 time of these centuries; anything else is the zero time.
type timestamp struct{ time.Time }

// UnmarshalJSON refuses nothing. No RFC 3339 time has anything to unescape.
func (t *timestamp) UnmarshalJSON(b []byte) error {
	v, err := time.Parse(time.RFC3339, string(bytes.Trim(b, `"`)))
	if err == nil && v.Year() >= 1900 && v.Year() < 2200 {
		t.Time = v
	}
	return nil
}

// seconds reads a duration such as "-14400s" or "3.5s"; anything else is unknown.
type seconds struct {
	time.Duration
	known bool
}

func (d *seconds) UnmarshalJSON(b []byte) error {
	const longest = 366 * 24 * 3600
	text, isDuration := strings.CutSuffix(strings.Trim(string(b), `"`), "s")
	v, err := strconv.ParseFloat(text, 64)
	if err == nil && isDuration && math.Abs(v) <= longest {
		d.Duration, d.known = time.Duration(v*float64(time.Second)), true
	}
	return nil
}

type date struct {
	Year  int `json:"year"`
	Month int `json:"month"`
	Day   int `json:"day"`
}

func (d date) civil() (fitbit.Date, bool) {
	v := fitbit.Date{Year: d.Year, Month: time.Month(d.Month), Day: d.Day}
	return v, v.Valid()
}

func wireDate(d fitbit.Date) date { return date{Year: d.Year, Month: int(d.Month), Day: d.Day} }

type civilTime struct {
	Date date `json:"date"`
	Time struct {
		Hours   int `json:"hours"`
		Minutes int `json:"minutes"`
		Seconds int `json:"seconds"`
	} `json:"time"`
}

type sampleTime struct {
	PhysicalTime timestamp `json:"physicalTime"`
	UTCOffset    seconds   `json:"utcOffset"`
	CivilTime    civilTime `json:"civilTime"`
}

// maxOffset is the widest difference to UTC any place has ever had, with a margin.
const maxOffset = 18 * time.Hour

// local returns the instant with the person's offset. A missing offset is read
// off the wall clock where there is one, and is UTC otherwise (zeros are left out).
func (s sampleTime) local() (time.Time, bool) {
	if s.PhysicalTime.IsZero() {
		return time.Time{}, false
	}
	offset := s.UTCOffset.Duration
	if d, ok := s.CivilTime.Date.civil(); ok && !s.UTCOffset.known {
		t := s.CivilTime.Time
		wall := time.Date(d.Year, d.Month, d.Day, t.Hours, t.Minutes, t.Seconds, 0, time.UTC)
		offset = wall.Sub(s.PhysicalTime.Truncate(time.Second))
	}
	if offset.Abs() > maxOffset {
		offset = 0
	}
	return s.PhysicalTime.In(time.FixedZone("", int(offset/time.Second))), true
}

type dataSource struct {
	RecordingMethod string `json:"recordingMethod"`
	Platform        string `json:"platform"`
	Device          struct {
		DisplayName  string `json:"displayName"`
		Manufacturer string `json:"manufacturer"`
		FormFactor   string `json:"formFactor"`
	} `json:"device"`
	Application struct {
		PackageName string `json:"packageName"`
	} `json:"application"`
}

type dataPoint struct {
	Name       string     `json:"name"`
	DataSource dataSource `json:"dataSource"`

	Weight *struct {
		SampleTime  sampleTime  `json:"sampleTime"`
		WeightGrams wire.Number `json:"weightGrams"`
	} `json:"weight"`
	BodyFat *struct {
		SampleTime sampleTime  `json:"sampleTime"`
		Percentage wire.Number `json:"percentage"`
	} `json:"bodyFat"`
	Height *struct {
		HeightMillimeters wire.Number `json:"heightMillimeters"`
	} `json:"height"`
	HeartRate *struct {
		SampleTime     sampleTime  `json:"sampleTime"`
		BeatsPerMinute wire.Number `json:"beatsPerMinute"`
	} `json:"heartRate"`
	DailyRestingHeartRate *struct {
		Date           date        `json:"date"`
		BeatsPerMinute wire.Number `json:"beatsPerMinute"`
	} `json:"dailyRestingHeartRate"`
	DailyHeartRateVariability *struct {
		Date    date        `json:"date"`
		Average wire.Number `json:"averageHeartRateVariabilityMilliseconds"`
	} `json:"dailyHeartRateVariability"`
}

// sampled returns when the point was measured, if it is of a sampled type.
func (p dataPoint) sampled() (time.Time, bool) {
	switch {
	case p.Weight != nil:
		return p.Weight.SampleTime.local()
	case p.BodyFat != nil:
		return p.BodyFat.SampleTime.local()
	case p.HeartRate != nil:
		return p.HeartRate.SampleTime.local()
	}
	return time.Time{}, false
}

type listResponse struct {
	DataPoints    []dataPoint `json:"dataPoints"`
	NextPageToken string      `json:"nextPageToken"`
}

type rollUpRequest struct {
	Range struct {
		Start civilDay `json:"start"`
		End   civilDay `json:"end"`
	} `json:"range"`
	WindowSizeDays int    `json:"windowSizeDays"`
	PageToken      string `json:"pageToken,omitempty"`
}

type civilDay struct {
	Date date `json:"date"`
}

type rollUpResponse struct {
	RollupDataPoints []rollUpPoint `json:"rollupDataPoints"`
	NextPageToken    string        `json:"nextPageToken"`
}

type rollUpPoint struct {
	CivilStartTime civilTime `json:"civilStartTime"`
	HeartRate      *struct {
		Avg wire.Number `json:"beatsPerMinuteAvg"`
		Min wire.Number `json:"beatsPerMinuteMin"`
		Max wire.Number `json:"beatsPerMinuteMax"`
	} `json:"heartRate"`
	TimeInHeartRateZone *struct {
		Zones []struct {
			Zone     string  `json:"heartRateZone"`
			Duration seconds `json:"duration"`
		} `json:"timeInHeartRateZones"`
	} `json:"timeInHeartRateZone"`
}
