package main

import (
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/mosquitto"
)

// Requests and responses with real parts, as an automation sees them.
func TestRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	broker := mosquitto.Start(t, mosquitto.Options{})
	config := w.config(broker.URL())
	anna := w.cloud.Person("anna")
	anna.WeighIn(time.Now().Add(-3*time.Hour), 80, 25)
	if r := w.connect(config, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	o := observe(t, broker.URL())
	o.publish("fitbit2mqtt/bridge/request/log_level", `{"value":"error","transaction":"left behind"}`, true)
	bridge := begin(t, "run", "--config", config)
	o.heard("fitbit2mqtt/anna/connection", `"state":"ok"`)
	o.heard("fitbit2mqtt/anna/body", `"weight_kg":80`)
	o.heard("fitbit2mqtt/bridge/settings",
		`{"log_level":"info","log_level_configured":"info","poll_interval_s":1,"poll_interval_configured_s":1,"holds":"until the next restart"}`)
	ask := func(name, payload, want string) string {
		t.Helper()
		o.publish("fitbit2mqtt/bridge/request/"+name, payload, false)
		return o.heard("fitbit2mqtt/bridge/response/"+name, want)
	}

	ask("log_level", "debug", `{"data":{"log_level":"debug","holds":"until the next restart"},"status":"ok"}`)
	o.heard("fitbit2mqtt/bridge/settings", `"log_level":"debug"`)
	ask("poll_interval", "600", `{"data":{"poll_interval_s":600,"holds":"until the next restart"},"status":"ok"}`)
	o.heard("fitbit2mqtt/bridge/settings", `"poll_interval_s":600`)
	eventually(t, "the log says more", func() bool {
		return strings.Contains(bridge.err.String(), `level=DEBUG msg="request answered" request=poll_interval`)
	})
	w.waitForPoll(1) // the one that was due before

	weight, _ := anna.WeighIn(time.Now(), 79.5, 24.4)
	response := decode(t, ask("poll", `{"account":"anna","transaction":{"n":1}}`, `"transaction":{"n":1}`))
	if response["status"] != "ok" || len(response) != 3 {
		t.Errorf("poll: %v", response)
	}
	if said := o.events("fitbit2mqtt/bridge/response/poll")[0]; !strings.Contains(said, `"account":"anna","state":"ok","events":[{"event_type":"weigh_in","id":"`+weight+`"`) {
		t.Errorf("poll: %s", said)
	}
	o.heard("fitbit2mqtt/anna/weigh_in", weight)
	ask("poll", "carla", `{"data":{},"status":"error","error":"there is no account \"carla\"; there are: anna"}`)
	ask("poll", `{"account":`, `{"data":{},"status":"error","error":"the payload is no JSON object: unexpected end of JSON input"}`)
	ask("poll", strings.Repeat("x", 300<<10), `{"data":{},"status":"error","error":"the payload is too long: a request has at most 4096 bytes"}`)
	ask("permit_join", "true", `"error":"there is no request \"permit_join\"; there are health, log_level, poll, poll_interval, republish"`)
	if health := decode(t, ask("health", `{"transaction":2}`, `"transaction":2`))["data"].(map[string]any); health["uptime_s"] == nil || health["pending"] != 0.0 {
		t.Errorf("health: %v", health)
	}
	before := len(o.events("homeassistant/device/fitbit2mqtt_bridge/config"))
	ask("republish", `{"transaction":3}`, `"status":"ok","transaction":3`)
	if after := len(o.events("homeassistant/device/fitbit2mqtt_bridge/config")); after != before+1 {
		t.Errorf("the bridge's config came %d times, then %d times", before, after)
	}

	anna.Revoke()
	eventually(t, "the sign-in is lost", func() bool {
		said := ask("poll", "anna", `"status":`)
		return strings.Contains(said, `"error":"anna: sign-in required`) && strings.Contains(said, "fitbit2mqtt connect anna")
	})
	for topic, payload := range o.replayed() {
		if strings.Contains(topic, "/response/") {
			t.Errorf("a response is retained: %s", payload)
		}
	}
	for _, said := range o.events("fitbit2mqtt/bridge/response/log_level") {
		if strings.Contains(said, "left behind") {
			t.Errorf("a retained request was answered: %s", said)
		}
	}
	r := bridge.end()
	if r.code != exitOK {
		t.Errorf("%+v", r)
	}
	w.secretless(r.err, strings.Join(o.events("fitbit2mqtt/bridge/response/poll"), ""))

	again := begin(t, "run", "--config", config)
	o.heard("fitbit2mqtt/bridge/settings", `"log_level":"info","log_level_configured":"info","poll_interval_s":1,`)
	if r := again.end(); r.code != exitOK {
		t.Errorf("%+v", r)
	}
}
