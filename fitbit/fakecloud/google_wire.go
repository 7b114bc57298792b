package fakecloud

import (
	"math"
	"strconv"
	"time"
)

// The JSON of the API. Names and types are those of Google's discovery document
// (revision 20261030): int64 is quoted, and zero values are left out.

type wireDate struct {
	Year  int `json:"year,omitempty"`
	Month int `json:"month,omitempty"`
	Day   int `json:"day,omitempty"`
}

type timeOfDay struct {
	Hours   int `json:"hours,omitempty"`
	Minutes int `json:"minutes,omitempty"`
	Seconds int `json:"seconds,omitempty"`
	Nanos   int `json:"nanos,omitempty"`
}

type civilTime struct {
	Date wireDate  `json:"date"`
	Time timeOfDay `json:"time"`
}

type sampleTime struct {
	PhysicalTime string     `json:"physicalTime"`
	UTCOffset    string     `json:"utcOffset,omitempty"`
	CivilTime    *civilTime `json:"civilTime,omitempty"`
}

type interval struct {
	StartTime      string    `json:"startTime"`
	StartUTCOffset string    `json:"startUtcOffset"`
	EndTime        string    `json:"endTime"`
	EndUTCOffset   string    `json:"endUtcOffset"`
	CivilStartTime civilTime `json:"civilStartTime"`
	CivilEndTime   civilTime `json:"civilEndTime"`
}

// double is a number that arrives as the string "NaN" where it could not be computed.
type double float64

// MarshalJSON writes the number as Google does.
func (d double) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(d)) {
		return []byte(`"NaN"`), nil
	}
	return strconv.AppendFloat(nil, float64(d), 'f', -1, 64), nil
}

// value is what a data point or a rollup row says, whatever its type. Of its
// fields each type fills the first few that carry its name.
type value struct {
	SampleTime *sampleTime `json:"sampleTime,omitempty"`
	Date       *wireDate   `json:"date,omitempty"`
	Interval   *interval   `json:"interval,omitempty"`

	WeightGrams       double `json:"weightGrams,omitempty"`
	Percentage        double `json:"percentage,omitempty"`
	HeightMillimeters int64  `json:"heightMillimeters,string,omitempty"`
	BeatsPerMinute    int64  `json:"beatsPerMinute,string,omitempty"` // heart rate, resting heart rate

	RestingMetadata *restingMetadata `json:"dailyRestingHeartRateMetadata,omitempty"`
	AverageHRV      double           `json:"averageHeartRateVariabilityMilliseconds,omitempty"`
	DeepSleepHRV    double           `json:"deepSleepRootMeanSquareOfSuccessiveDifferencesMilliseconds,omitempty"`
	Entropy         double           `json:"entropy,omitempty"`
	NonREM          int64            `json:"nonRemHeartRateBeatsPerMinute,string,omitempty"`
	ZoneBounds      []zoneBounds     `json:"heartRateZones,omitempty"`
	Zone            string           `json:"heartRateZoneType,omitempty"`

	WeightGramsAvg       double     `json:"weightGramsAvg,omitempty"`
	BodyFatPercentageAvg double     `json:"bodyFatPercentageAvg,omitempty"`
	BeatsPerMinuteAvg    double     `json:"beatsPerMinuteAvg,omitempty"`
	BeatsPerMinuteMin    double     `json:"beatsPerMinuteMin,omitempty"`
	BeatsPerMinuteMax    double     `json:"beatsPerMinuteMax,omitempty"`
	ZoneTimes            []zoneTime `json:"timeInHeartRateZones,omitempty"`
}

type restingMetadata struct {
	CalculationMethod string `json:"calculationMethod"`
}

type zoneBounds struct {
	Zone string `json:"heartRateZoneType"`
	Min  int64  `json:"minBeatsPerMinute,string"`
	Max  int64  `json:"maxBeatsPerMinute,string"`
}

type zoneTime struct {
	Zone     string `json:"heartRateZone"` // a list says heartRateZoneType
	Duration string `json:"duration"`
}

// envelope is what surrounds a value: a data point has name and source, a row of a
// rollUp start and end, a row of a dailyRollUp civil ones. One of the values is set.
type envelope struct {
	Name           string      `json:"name,omitempty"`
	DataSource     *wireSource `json:"dataSource,omitempty"`
	StartTime      string      `json:"startTime,omitempty"`
	EndTime        string      `json:"endTime,omitempty"`
	CivilStartTime *civilTime  `json:"civilStartTime,omitempty"`
	CivilEndTime   *civilTime  `json:"civilEndTime,omitempty"`

	Weight       *value `json:"weight,omitempty"`
	BodyFat      *value `json:"bodyFat,omitempty"`
	Height       *value `json:"height,omitempty"`
	HeartRate    *value `json:"heartRate,omitempty"`
	DailyResting *value `json:"dailyRestingHeartRate,omitempty"`
	DailyHRV     *value `json:"dailyHeartRateVariability,omitempty"`
	DailyZones   *value `json:"dailyHeartRateZones,omitempty"`
	TimeInZone   *value `json:"timeInHeartRateZone,omitempty"`
}

type wireSource struct {
	RecordingMethod string           `json:"recordingMethod,omitempty"`
	Platform        string           `json:"platform,omitempty"`
	Device          *wireMaker       `json:"device,omitempty"`
	Application     *wireApplication `json:"application,omitempty"`
}

type wireMaker struct {
	DisplayName  string `json:"displayName,omitempty"`
	Manufacturer string `json:"manufacturer,omitempty"`
	FormFactor   string `json:"formFactor,omitempty"`
}

type wireApplication struct {
	PackageName string `json:"packageName"`
}

func sampleTimeOf(r reading) *sampleTime {
	s := sampleTime{PhysicalTime: utc(r.at)}
	if !r.bare {
		civil := civilOf(r.at)
		s.UTCOffset, s.CivilTime = utcOffset(r.at), &civil
	}
	return &s
}

func intervalOf(r reading) *interval {
	end := r.at.Add(r.length)
	return &interval{
		StartTime: utc(r.at), StartUTCOffset: utcOffset(r.at), CivilStartTime: civilOf(r.at),
		EndTime: utc(end), EndUTCOffset: utcOffset(end), CivilEndTime: civilOf(end),
	}
}

func dateOf(t time.Time) *wireDate {
	return &wireDate{t.Year(), int(t.Month()), t.Day()}
}

func civilOf(t time.Time) civilTime {
	return civilTime{*dateOf(t), timeOfDay{t.Hour(), t.Minute(), t.Second(), t.Nanosecond()}}
}

func utc(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// utcOffset returns the offset as a duration of the API, such as "-14400s".
func utcOffset(t time.Time) string {
	_, offset := t.Zone()
	return strconv.Itoa(offset) + "s"
}

// seconds writes a duration of the API, such as "3.5s".
func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "s"
}
