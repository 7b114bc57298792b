package main

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/mqtt"
)

// rareAfter is how long after the last poll people's values count as stale: the bridge
// says so of a person after the same time.
const rareAfter = 48 * time.Hour

// byCron says when the last poll was, where polls are what there is instead of a bridge
// that stays.
func (d *doctor) byCron(found []finding) {
	const check = "bridge"
	i := slices.IndexFunc(found, func(f finding) bool { return f.Check == check && f.Status == warning })
	if i < 0 || d.polled.IsZero() {
		return
	}
	at := d.polled.Local().Format(asClocksShow)
	if found[i] = fine(check, "none stays; the last poll was at %s", at); d.now().Sub(d.polled) > rareAfter {
		found[i] = warn(check, "look at what calls \"fitbit2mqtt poll\", or start a bridge that stays: fitbit2mqtt run", "none stays, and the last poll was at %s", at)
	}
}

// lastPoll is when the last poll was, as the broker has it; zero if a bridge that stays came
// after it, or none can be seen.
func (d *doctor) lastPoll(ctx context.Context, client *mqtt.Client) time.Time {
	ctx, cancel := context.WithTimeout(ctx, echoTime)
	defer cancel()
	list, err := client.Retained(ctx, d.config.MQTT.TopicPrefix+"/bridge/info")
	if err != nil || len(list) != 1 {
		return time.Time{} // the other findings say why
	}
	var told struct {
		Round     bool      `json:"round"`
		StartedAt time.Time `json:"started_at"`
	}
	if json.Unmarshal(list[0].Payload, &told) != nil || !told.Round { // it may be anybody's
		return time.Time{}
	}
	return told.StartedAt
}
