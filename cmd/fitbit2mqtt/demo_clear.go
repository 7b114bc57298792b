package main

import (
	"context"
	"strings"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/mqtt"
)

// demoMark is what tells a demo's bridge/info from a real one's.
const demoMark = `"demo":true`

// demoSuffix is what a demo's topics begin with beside a real bridge's.
const demoSuffix = "_demo"

// besides keeps the demo out of the way of a household's real bridge at the same
// broker: if somebody else's topics are there, the demo takes others.
func (a *app) besides(ctx context.Context, c *config) error {
	return atBroker(ctx, *c, func(client *mqtt.Client) error {
		info, err := infoAt(ctx, client, c.MQTT.TopicPrefix)
		if info != "" && !strings.Contains(info, demoMark) {
			c.MQTT.TopicPrefix += demoSuffix
		}
		return err
	})
}

// clearDemo takes away what demos have left at a broker: a bridge that stops never
// deletes, and nobody will start a demo's again for that.
func (a *app) clearDemo(ctx context.Context, c config) error {
	cleared := 0
	err := atBroker(ctx, c, func(client *mqtt.Client) error {
		for _, prefix := range []string{c.MQTT.TopicPrefix, c.MQTT.TopicPrefix + demoSuffix} {
			info, err := infoAt(ctx, client, prefix)
			if err != nil || !strings.Contains(info, demoMark) {
				if err != nil {
					return err
				}
				continue
			}
			left, err := client.Retained(ctx, prefix+"/#", c.HomeAssistant.Prefix+"/device/+/config", c.HomeAssistant.Prefix+"/+/+/+/config")
			if err != nil {
				return err
			}
			for _, m := range left {
				if m.Topic == prefix+"/bridge/state" && string(m.Payload) == "online" {
					return fail(exitUsage, "stop it first", "a demo is under way at %s", prefix)
				}
			}
			for _, m := range left {
				// Each config of ours names the bridge whose end makes its entities unavailable.
				if !strings.HasPrefix(m.Topic, prefix+"/") && !strings.Contains(string(m.Payload), `"`+prefix+`/bridge/state"`) {
					continue
				}
				if err := client.Publish(ctx, bridge.Message{Topic: m.Topic, Retained: true}); err != nil {
					return err
				}
				cleared++
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return a.printf("%d messages of a demo were there, and are gone.\n", cleared)
}

// infoAt is what a bridge with this prefix says of itself; empty if none ever did.
func infoAt(ctx context.Context, client *mqtt.Client, prefix string) (string, error) {
	topic := prefix + "/bridge/info"
	found, err := client.Retained(ctx, topic)
	for _, m := range found {
		if m.Topic == topic {
			return string(m.Payload), err
		}
	}
	return "", err
}

// atBroker does something at the broker, before or after the demo's bridge is there.
func atBroker(ctx context.Context, c config, do func(*mqtt.Client) error) error {
	client, err := mqtt.New(c.MQTT.options())
	if err != nil {
		return err
	}
	client.Start()
	defer client.Close(ctx)
	reach, cancel := context.WithTimeout(ctx, demoConnect)
	defer cancel()
	if err := client.Connected(reach); err != nil {
		return err
	}
	return do(client)
}
