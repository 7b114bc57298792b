package bridge

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// samples are all payloads, with everything known and with nothing known.
func samples() map[string][]byte {
	oslo := time.FixedZone("", 3600)
	full := newLedger(readingsOf("google", []fitbit.Weight{
		kg("a", daysAgo(35), 80, aria), kg("b", daysAgo(1), 78.9, aria), kg("8f2c1", morning(), 78.424, aria),
	}, []fitbit.BodyFat{pct("f", morning(), 24.36, aria)}))
	bare := newLedger(readingsOf("google", []fitbit.Weight{kg("x", morning(), 80, fitbit.Origin{Recorded: fitbit.RecordedOther})}, nil))
	day := fitbit.DateOf(morning())
	heart := newHeartDays([]fitbit.HeartDay{
		{
			Date: day, MinBPM: new(51), AvgBPM: new(69.81), MaxBPM: new(143), HRVMillis: new(41.24),
			Zones: &fitbit.ZoneMinutes{OutOfRange: new(0), Light: new(31), Moderate: 12},
		},
		{Date: day.AddDays(-1), RestingBPM: new(58)},
	})
	// A cloud that knows what lies out of the zones, and no light one.
	unlit := newHeartDays([]fitbit.HeartDay{{Date: day, Zones: &fitbit.ZoneMinutes{OutOfRange: new(1303), Moderate: 12, Peak: 1}}})
	house := New(Options{Now: morning})
	p := &person{
		b:       house,
		account: Account{Name: "anna", SignedIn: true, Backend: "google", SignInExpires: morning().UTC().AddDate(0, 1, 0)},
		profile: Profile{TimeZone: "+01:00", LastSuccess: morning().UTC()},
		jobs:    []*job{{due: morning().Add(time.Minute)}},
		troubles: troubles{
			fitbit.HRV: fitbit.ErrPermission,
			fitbit.WeightMetric: &fitbit.CloudError{
				Kind: fitbit.ErrSetup, Reason: "SERVICE_DISABLED", Detail: "the API is off", Hint: "turn it on for ACCOUNT",
			},
		},
	}
	signedOut := &person{b: house, account: Account{Name: "anna", Backend: "fitbit"}, ledger: newLedger(nil, nil), troubles: troubles{fitbit.HRV: fitbit.ErrReauthRequired}}
	ending := &person{
		b: house, profile: p.profile, jobs: p.jobs,
		account: Account{
			Name: "anna", SignedIn: true, Backend: "google", SignInExpires: morning().Add(47 * time.Hour), Missing: []fitbit.Metric{fitbit.HeartZones},
		},
	}
	return map[string][]byte{
		"body":             encode(full.body(time.Time{}, 1.785, "anna")),
		"body_bare":        encode(bare.body(time.Time{}, 0, "anna")),
		"body_empty":       encode(newLedger(nil, nil).body(time.Time{}, 1.8, "anna")),
		"weigh_in":         encode(newEvent(finding{NewWeighIn, full.weighIns[2], &full.weighIns[1]}, 1.785, "anna")),
		"weigh_in_bare":    encode(newEvent(finding{Deletion, bare.weighIns[0], nil}, 0, "anna")),
		"heart":            encode(heart.state(day, fitbit.HeartSample{Time: morning(), BPM: 64}, "anna")),
		"heart_no_light":   encode(unlit.state(day, fitbit.HeartSample{}, "anna")),
		"heart_empty":      encode(newHeartDays(nil).state(fitbit.Date{}, fitbit.HeartSample{}, "anna")),
		"connection":       encode(p.connection()),
		"connection_empty": encode(signedOut.connection()),
		"connection_ends":  encode(ending.connection()),
		"device": encode(DeviceState{
			Name: new("Aria Air"), Type: fitbit.Scale, BatteryPct: new(62), Battery: new("medium"), LastSync: stamp(morning().In(oslo)),
		}),
		"device_empty": encode(DeviceState{Type: fitbit.Tracker}),
	}
}

func TestGoldenPayloads(t *testing.T) {
	t.Parallel()
	for name, got := range samples() {
		path := filepath.Join("testdata", "payload", name+".json")
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, got, "", "  "); err != nil {
			t.Fatal(err)
		}
		pretty.WriteByte('\n')
		if *update {
			if err := os.WriteFile(path, pretty.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(pretty.Bytes(), want) {
			t.Errorf("%s:\ngot  %s\nwant %s", name, pretty.Bytes(), want)
		}
	}
}

// Home Assistant's templates are tested against these examples: every key is there,
// in every state, under the same name.
func TestPayloadsHaveTheContractsKeys(t *testing.T) {
	t.Parallel()
	for name, payload := range samples() {
		topic, _, _ := strings.Cut(strings.Replace(name, "weigh_in", "weigh-in", 1), "_")
		example, err := os.ReadFile(filepath.Join("hass", "testdata", "contract", strings.Replace(topic, "-", "_", 1)+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := keys(t, payload), keys(t, example); !slices.Equal(got, want) {
			t.Errorf("%s:\ngot  %v\nwant %v", name, got, want)
		}
	}
}

// keys lists an object's keys in their order.
func keys(t *testing.T, object []byte) (list []string) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(object))
	for depth, isKey := 0, false; ; {
		token, err := d.Token()
		if err != nil {
			return list
		}
		switch v := token.(type) {
		case json.Delim:
			if depth += 1; v == '}' || v == ']' {
				depth -= 2
			}
			isKey = true
			continue
		case string:
			if depth == 1 && isKey {
				list = append(list, v)
				isKey = false
				continue
			}
		}
		isKey = true
	}
}

func TestBodyAsOf(t *testing.T) {
	t.Parallel()
	l := newLedger(readingsOf("google",
		[]fitbit.Weight{kg("a", at(-600), 80, aria), kg("b", at(0.5), 79, aria), kg("c", at(45), 78, aria)},
		[]fitbit.BodyFat{pct("f", at(-600), 25, aria), pct("g", at(2), 24, aria), pct("h", at(46), 23, aria), pct("z", daysAgo(9), 30, aria)}))
	for _, c := range []struct {
		asOf     time.Time
		id       string
		fat      float64
		measured time.Time
	}{
		{at(-600), "a", 25, at(-600)},
		{at(0), "b", 24, at(2)}, // the same second; the fat of that weighing comes a little later
		{at(10), "b", 24, at(2)},
		{time.Time{}, "c", 23, at(46)},
		{at(-9000), "", 30, daysAgo(9)},
	} {
		s := l.body(c.asOf, 0, "anna")
		if id := text(c.id); !equal(s.ID, id) || *s.BodyFatPct != c.fat || *s.BodyFatMeasuredAt != *stamp(c.measured) {
			t.Errorf("as of %s: %s", c.asOf, encode(s))
		}
	}
}

func TestNewestBodyFat(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fats []fitbit.BodyFat
		want float64
	}{
		"the weighing's own goes before its rounded copy": {[]fitbit.BodyFat{pct("f", at(1), 24.44, aria), pct("g", at(20), 24, app)}, 24.4},
		"a newer one of its own":                          {[]fitbit.BodyFat{pct("f", at(1), 24.44, aria), pct("g", at(3600), 23, hand)}, 23},
		"one older than the weighing":                     {[]fitbit.BodyFat{pct("g", daysAgo(3), 26, hand)}, 26},
	} {
		l := newLedger(readingsOf("google", []fitbit.Weight{kg("a", at(0), 80, aria)}, c.fats))
		if s := l.body(time.Time{}, 0, "anna"); *s.BodyFatPct != c.want {
			t.Errorf("%s: %v", name, *s.BodyFatPct)
		}
	}
}

func TestDelta(t *testing.T) {
	t.Parallel()
	e := newEvent(finding{NewWeighIn, WeighIn{Time: at(0), Kilograms: 78.424}, &WeighIn{Time: at(-9), Kilograms: 78.426}}, 0, "anna")
	if *e.PreviousWeightKg != 78.43 || *e.DeltaKg != -0.01 {
		t.Errorf("the difference must be that of the numbers shown: %s", encode(e))
	}
}
