package main

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
)

// What is printed where something is wrong, with the exit code; and with nobody there.
func TestPollInTrouble(t *testing.T) {
	t.Parallel()
	volatile := regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:]{8}(Z|[+-]\d\d:\d\d)|127\.0\.0\.1:\d+`)
	for name, c := range map[string]struct {
		args    string
		prepare func(w *world)
		nobody  bool // is connected
		away    bool // the broker
	}{
		"unknown_account":   {args: "nobody"},
		"two_accounts":      {args: "anna ben"},
		"wrong_format":      {args: "--format xml"},
		"nobody":            {nobody: true},
		"nobody_json":       {nobody: true, args: "--format json"},
		"nobody_and_broker": {nobody: true, away: true},
		"revoked":           {prepare: func(w *world) { w.cloud.Person("anna").Revoke() }},
		"cloud_away":        {prepare: func(w *world) { w.server.Close() }},
		"broker_away":       {away: true, prepare: func(w *world) { w.cloud.Person("anna").WeighIn(time.Now(), 79.5, 24.4) }},
		"both_away":         {away: true, prepare: func(w *world) { w.server.Close() }},
		"limited": {prepare: func(w *world) {
			w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.RateLimited, RetryAfter: time.Minute})
		}},
		"not_granted": {prepare: func(w *world) {
			w.cloud.Fail(fakecloud.Fault{Kind: fakecloud.Forbidden, Path: "heart-rate-variability", Reason: "ACCESS_TOKEN_SCOPE_INSUFFICIENT"})
		}},
		"not_linked": {prepare: func(w *world) { w.cloud.Person("anna").SetState(fakecloud.NotLinked) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "anna")
			broker := ownBroker(t)
			config := w.config(broker)
			if !c.nobody {
				if r := w.connect(config, "anna"); r.code != exitOK {
					t.Fatalf("%+v", r)
				}
				pollOnce(t, config)
			}
			if c.prepare != nil {
				c.prepare(w)
			}
			if c.away {
				config = w.config("mqtt://" + freeAddr(t))
			}
			r := invoke(t, append([]string{"poll", "--config", config}, strings.Fields(c.args)...)...)
			text := fmt.Sprintf("%s%sexit %d\n", r.out, r.err, r.code)
			golden(t, "testdata/poll/"+name+".txt", volatile.ReplaceAllString(text, "…"))
			w.secretless(r.out, r.err)
		})
	}
}

// The JSON is what scripts stand on.
func TestPollJSON(t *testing.T) {
	t.Parallel()
	until := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	known := bridge.PersonReport{Location: time.UTC, Account: bridge.Account{Name: "anna"}, Connection: bridge.ConnectionState{
		State: bridge.StateOK, Backend: "google", LastSuccess: new("2026-11-20T07:15:00+01:00"), Missing: []fitbit.Metric{},
	}}
	limited := bridge.PersonReport{Location: time.UTC, Account: bridge.Account{Name: "ben"}, Connection: bridge.ConnectionState{
		State: bridge.StateRateLimited, Detail: new("too much"), Hint: new("wait"), Backend: "fitbit", SignInExpiresAt: new("2026-11-27T07:15:00Z"),
		Missing: []fitbit.Metric{fitbit.HRV},
	}}
	p := polled{published: true, rounds: []bridge.Round{
		{PersonReport: known, Events: []bridge.Event{{
			EventType: bridge.NewWeighIn, ID: "w1", MeasuredAt: "2026-11-20T07:14:09+01:00", WeightKg: 78.42, BodyFatPct: new(24.4),
			DeltaKg: new(-0.48), PreviousWeightKg: new(78.9), PreviousMeasuredAt: new("2026-11-19T07:10:00+01:00"),
			Source: new("Aria Air"), Recorded: fitbit.RecordedByScale, Account: "anna",
		}}},
		{PersonReport: limited, Err: &fitbit.RateLimitError{Until: until}, FirstLook: true},
	}}
	var out bytes.Buffer
	a := &app{stdio: stdio{out: &out}}
	if err := a.printJSON(p.rows()); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/poll/rows.json", out.String())
}

// The exit code is that of whatever one would mend first.
func TestPollVerdict(t *testing.T) {
	t.Parallel()
	round := func(kind error) bridge.Round {
		return bridge.Round{Err: kind, PersonReport: bridge.PersonReport{
			Account: bridge.Account{Name: "anna"}, Connection: bridge.ConnectionState{State: bridge.StateOf(kind)},
		}}
	}
	for _, test := range []struct {
		rounds      []error
		undelivered error
		code        int
	}{
		{nil, nil, exitOK},
		{[]error{nil, nil}, nil, exitOK},
		{[]error{nil, nil}, bridge.ErrBrokerAway, exitBroker},
		{[]error{nil, fitbit.ErrUnavailable}, nil, exitAway},
		{[]error{&fitbit.RateLimitError{}, fitbit.ErrUnavailable}, nil, exitAway},
		{[]error{nil, fitbit.ErrUnavailable}, bridge.ErrBrokerAway, exitBroker},
		{[]error{fitbit.ErrUnavailable, fitbit.ErrReauthRequired}, bridge.ErrBrokerAway, exitCloud},
		{[]error{fitbit.ErrSetup}, bridge.ErrBrokerAway, exitCloud},
		{[]error{fitbit.ErrStorage, fitbit.ErrSetup}, nil, exitStorage},
		{[]error{fitbit.ErrReauthRequired, fitbit.ErrStorage}, nil, exitStorage},
		{[]error{fitbit.ErrRetired}, fitbit.ErrStorage, exitStorage},
		{[]error{nil}, fitbit.ErrStorage, exitStorage},
		{[]error{fitbit.ErrProtocol}, nil, exitUnexpected},
		{[]error{fitbit.ErrProtocol}, bridge.ErrBrokerAway, exitBroker},
		{[]error{nil}, context.Canceled, exitOK},
		{[]error{fitbit.ErrReauthRequired}, context.Canceled, exitOK},
	} {
		var p polled
		for _, err := range test.rounds {
			p.rounds = append(p.rounds, round(err))
		}
		var said bytes.Buffer
		if code := report(&said, p.verdict(test.undelivered)); code != test.code {
			t.Errorf("%v, %v: exit %d, want %d", test.rounds, test.undelivered, code, test.code)
		}
		if test.code != exitOK && (strings.Count(said.String(), "Error: ") != 1 || strings.Count(said.String(), "Try: ") != 1) {
			t.Errorf("%v, %v: %s", test.rounds, test.undelivered, said.String())
		}
	}
}
