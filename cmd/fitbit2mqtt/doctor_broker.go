package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/mqtt"
)

// echoTime is how long a message may take from here to the broker and back.
const echoTime = 2 * time.Second

// broker looks at the broker, and at what Home Assistant finds there.
func (d *doctor) broker(ctx context.Context) []finding {
	rest := []string{"own_topics", "discovery_topics", "discovery", "home_assistant"}
	f, client, echo := d.dial(ctx)
	found := []finding{f}
	if client == nil {
		for _, check := range rest {
			found = append(found, skip(check, "the broker comes first"))
		}
		return found
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		client.Close(ctx)
	}()
	found = append(found, d.ownTopics(ctx, client))
	d.polled = d.lastPoll(ctx, client)
	if d.config.HomeAssistant.Discovery == hass.ModeOff {
		const off = "discovery is turned off"
		f := skip("discovery", off)
		held, _ := d.held(ctx, client) // whoever turns it off may forbid to read it, too
		if n := leftOver(held, nil, d.config.MQTT.TopicPrefix); n > 0 {
			f = warn("discovery", restart(d.running)+": it takes them away", "it is turned off, and %d configs of ours are there", n)
		}
		return append(found, skip("discovery_topics", off), f, skip("home_assistant", off))
	}
	if why := d.mend("homeassistant"); why != "" {
		for _, check := range rest[1:] {
			found = append(found, skip(check, "%s", why))
		}
		return found
	}
	topics := d.discoveryTopics(ctx, client, echo)
	found = append(found, topics)
	held, err := d.held(ctx, client)
	switch {
	case err != nil:
		f := bad("discovery", exitBroker, "let the broker's user read "+d.config.HomeAssistant.Prefix+"/#", "%s", err)
		return append(found, f, skip("home_assistant", "discovery comes first"))
	case topics.Status == failed:
		found = append(found, skip("discovery", "its topics come first"))
	default:
		found = append(found, d.discovery(held)...)
	}
	return append(found, d.homeAssistant(held))
}

// dial connects to the broker, beside a bridge that may be connected to it. echo gets
// what comes at the doctor's discovery topic.
func (d *doctor) dial(ctx context.Context) (f finding, client *mqtt.Client, echo <-chan struct{}) {
	const check = "broker"
	c := d.config.MQTT
	if why := d.mend("mqtt"); why != "" {
		return skip(check, "%s", why), nil, nil
	}
	if f, there := d.embedded(ctx); !there {
		return f, nil, nil
	}
	heard := make(chan struct{}, 1)
	o := c.options()
	if o.Log = d.log; o.ClientID != "" {
		o.ClientID += "_doctor" // the broker would throw out a bridge of the same name
	}
	o.Subscribe = []string{d.discoveryTopic()}
	o.OnMessage = func(bridge.Message) {
		select {
		case heard <- struct{}{}:
		default:
		}
	}
	client, err := mqtt.New(o)
	if err != nil {
		return trouble(check, &configError{problems: lines("mqtt.", err)}), nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if err := client.Dial(ctx); err != nil {
		client.Close(ctx)
		return trouble(check, err), nil, nil
	}
	if c.embeds() {
		return fine(check, "the embedded one answers at %s; it is for trying out: what it retains ends with the bridge", c.Embedded.Listen), client, heard
	}
	name := (&broker{url: c.URL}).name()
	return fine(check, "%s lets us in", name), client, heard
}

// embedded says how the embedded broker is, unless there is one to connect to, be it the
// embedded one or another.
func (d *doctor) embedded(ctx context.Context) (f finding, there bool) {
	const check = "broker"
	c := d.config.MQTT
	if !c.embeds() {
		return finding{}, true
	}
	if strings.HasSuffix(c.Embedded.Listen, ":0") {
		return skip(check, "the embedded one is at a port that only the bridge knows; it is for trying out"), false
	}
	if d.running {
		return finding{}, true
	}
	ctx, cancel := context.WithTimeout(ctx, echoTime)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.Embedded.Listen)
	if err == nil {
		_ = conn.Close() // it was only tried
		return bad(check, exitBroker, "stop what listens there, set mqtt.embedded.listen to another port, or mqtt.url to your broker",
			"something else listens at %s, where the embedded broker should", c.Embedded.Listen), false
	}
	return skip(check, "the embedded one comes with the bridge, which does not run; it is for trying out"), false
}

// ownTopics puts a message on the broker, reads it back and takes it away again.
func (d *doctor) ownTopics(ctx context.Context, client *mqtt.Client) finding {
	const check = "own_topics"
	prefix := d.config.MQTT.TopicPrefix
	m := bridge.Message{Topic: prefix + "/bridge/doctor", Payload: []byte(rand.Text()), Retained: true}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	err := client.Publish(ctx, m)
	var back []bridge.Message
	if err == nil {
		back, err = client.Retained(ctx, m.Topic)
	}
	clearing, cancel := context.WithTimeout(context.WithoutCancel(ctx), echoTime)
	defer cancel()
	cleared := client.Publish(clearing, bridge.Message{Topic: m.Topic, Retained: true})
	hint := "let the broker's user read and write " + prefix + "/#, and let the broker retain messages"
	switch {
	case errors.Is(err, bridge.ErrBrokerAway), errors.Is(err, context.DeadlineExceeded):
		return bad(check, exitBroker, hint, "the broker hangs up, or falls silent, over %s", m.Topic)
	case err != nil:
		return bad(check, exitBroker, hint, "%s", err)
	case len(back) != 1 || !bytes.Equal(back[0].Payload, m.Payload):
		return bad(check, exitBroker, hint, "what is published at %s does not come back", m.Topic)
	case cleared != nil:
		return bad(check, exitBroker, "run this again", "the message at %s could not be taken back", m.Topic)
	}
	return fine(check, "may be written and read, and are retained")
}

// discoveryTopic is a topic for configs where none ever is.
func (d *doctor) discoveryTopic() string {
	if d.config.HomeAssistant.Discovery == hass.ModeEntity {
		return d.config.HomeAssistant.Prefix + "/sensor/fitbit2mqtt_doctor/doctor/config"
	}
	return d.config.HomeAssistant.Prefix + "/device/fitbit2mqtt_doctor/config"
}

// discoveryTopics withdraws a config that does not exist: it means nothing to Home
// Assistant, is not retained, and takes the same permissions as a config.
func (d *doctor) discoveryTopics(ctx context.Context, client *mqtt.Client, echo <-chan struct{}) finding {
	const check = "discovery_topics"
	prefix := d.config.HomeAssistant.Prefix
	ctx, cancel := context.WithTimeout(ctx, echoTime)
	defer cancel()
	if err := client.Publish(ctx, bridge.Message{Topic: d.discoveryTopic()}); err == nil {
		select {
		case <-echo:
			return fine(check, "may be written and read")
		case <-ctx.Done():
		}
	}
	return bad(check, exitBroker, "let the broker's user read and write "+prefix+"/#", "what is published below %s does not come back", prefix)
}

// held collects what the broker retains of discovery, of Home Assistant and of us.
func (d *doctor) held(ctx context.Context, client *mqtt.Client) (map[string][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	c := d.config.HomeAssistant
	list, err := client.Retained(ctx, c.Prefix+"/device/+/config", c.Prefix+"/+/+/+/config", c.StatusTopic, d.config.MQTT.TopicPrefix+"/bridge/info")
	held := make(map[string][]byte, len(list))
	for _, m := range list {
		held[m.Topic] = m.Payload
	}
	return held, err
}

// discovery compares what the broker holds with what this version would publish of what
// is remembered.
func (d *doctor) discovery(held map[string][]byte) []finding {
	const check = "discovery"
	c := d.config
	b := bridge.New(bridge.Options{
		Prefix: c.MQTT.TopicPrefix, Discovery: c.HomeAssistant.Discovery, HassPrefix: c.HomeAssistant.Prefix,
		StatusTopic: c.HomeAssistant.StatusTopic, PanelURL: c.Web.BaseURL, Version: buildVersion().Version,
	})
	own := b.Configs()
	wanted := make(map[string]bool)
	for _, m := range own {
		wanted[m.Topic] = true
	}
	_, ran := held[c.MQTT.TopicPrefix+"/bridge/info"]
	strangers := false // people of whom a newer version knows what they need
	var found []finding
	for _, s := range d.people {
		if !knownBackend(s.Backend) {
			strangers = true
			continue
		}
		list := b.PersonConfigs(people{&d.house}.account(s.Account), s.past)
		for _, m := range list {
			wanted[m.Topic] = true
		}
		ran = ran || s.remembered
		switch {
		case !d.concerns(s):
		case !s.remembered:
			found = append(found, skip(check, "no bridge has looked at this person yet").of(s.Name))
		default:
			found = append(found, compared(list, held, d.running).of(s.Name))
		}
	}
	if !ran {
		return []finding{skip(check, "no bridge has run yet")}
	}
	f := compared(own, held, d.running)
	if n := leftOver(held, wanted, c.MQTT.TopicPrefix); n > 0 && f.Status == well && d.unknown == "" && !strangers {
		f = warn(check, restart(d.running)+": it takes them away", "%d configs of ours are there that nobody needs", n)
	}
	return append([]finding{f}, found...)
}

// compared says how many configs are on the broker as they should be.
func compared(list []hass.Message, held map[string][]byte, running bool) finding {
	const check = "discovery"
	n, missing, others := 0, 0, 0
	for _, m := range list {
		if len(m.Payload) == 0 {
			continue // a topic to be clear
		}
		payload, there := held[m.Topic]
		switch n++; {
		case !there:
			missing++
		case !bytes.Equal(payload, m.Payload):
			others++
		}
	}
	if missing+others > 0 {
		return bad(check, exitBroker, restart(running)+": it publishes all of them as it starts",
			"on the broker, byte for byte: %d of %d; missing: %d; different: %d", n-missing-others, n, missing, others)
	}
	return fine(check, "on the broker, byte for byte: %d of %d", n, n)
}

func restart(running bool) string {
	if running { // a config that has just changed rests for a moment
		return "run this again, and if it stays so restart the bridge"
	}
	return "start the bridge"
}

// leftOver counts configs of ours that are not wanted.
func leftOver(held map[string][]byte, wanted map[string]bool, prefix string) (n int) {
	for topic, payload := range held {
		if c, ours := hass.Parse(topic, payload); ours && c.Prefix == prefix && !wanted[topic] {
			n++
		}
	}
	return n
}

// homeAssistant looks for Home Assistant's birth message.
func (d *doctor) homeAssistant(held map[string][]byte) finding {
	const check = "home_assistant"
	topic := d.config.HomeAssistant.StatusTopic
	payload, there := held[topic]
	switch {
	case !there:
		return skip(check, "nothing is retained at %s, which is as usual: Home Assistant says there only when it starts and stops", topic)
	case string(payload) == "online":
		return fine(check, "it is there, says %s", topic)
	}
	return warn(check, "start Home Assistant, if there is one", "it is not there, says %s", topic)
}
