package bridge

import "github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"

// Configs lists what announces the bridge itself to Home Assistant.
func (b *Bridge) Configs() []hass.Message {
	return b.hass().Device().Messages(b.o.Discovery, b.o.HassPrefix)
}

// PersonConfigs lists what announces a person, of whom that is known, and what they own:
// as a bridge does that begins with it.
func (b *Bridge) PersonConfigs(a Account, past Past) []hass.Message {
	if past.anothers(a) {
		past = Past{}
	}
	return newPerson(b, a, nil, past).configs()
}

// anothers reports whether a past is of whoever had the account's name before.
func (p Past) anothers(a Account) bool {
	return p.Profile.Identity != "" && p.Profile.Identity != a.Identity
}
