package main

import (
	"cmp"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/web/door"
)

const (
	defaultDataDir  = "~/.local/share/fitbit2mqtt"
	defaultRedirect = "http://localhost:8099/oauth/callback"
	quickestPoll    = time.Second
	off             = "off"
)

// read asks for every key there is, in the order of config.yaml.example.
func (r *reader) read() config {
	c := config{DataDir: expandHome(r.str("data_dir", defaultDataDir))}
	switch {
	case c.DataDir == "":
		r.problem("data_dir", "must name a folder")
	case strings.HasPrefix(c.DataDir, "~/"):
		r.problem("data_dir", "%s needs HOME, which is not set; name the folder", c.DataDir)
	}
	c.MQTT = r.mqtt()
	c.HomeAssistant = hassConfig{
		Discovery: hass.Mode(r.choice("homeassistant.discovery", string(hass.ModeDevice), string(hass.ModeDevice), string(hass.ModeEntity), string(hass.ModeOff))),
		Prefix:    r.topic("homeassistant.prefix", "homeassistant"),
	}
	c.HomeAssistant.StatusTopic = r.topic("homeassistant.status_topic", "homeassistant/status")
	c.HomeAssistant.Hub = r.hub()
	c.Clouds = make(map[string]cloudConfig)
	for _, b := range backends() {
		own := r.cloud(b).beside(b)
		if b.registrable && own.AuthURL == "" {
			r.registrable(b.name+".redirect_url", b.guide.Brand, own.RedirectURL)
		}
		c.Clouds[b.name] = own
	}
	c.Poll = pollConfig{
		Body:    r.duration("poll.body", time.Minute, quickestPoll),
		Heart:   r.duration("poll.heart", 15*time.Minute, quickestPoll),
		Devices: r.duration("poll.devices", time.Hour, quickestPoll),
	}
	c.Web = r.panel()
	c.StoreKey = r.secret("store.key")
	c.Log = logConfig{
		Level:  r.choice("log.level", "info", "debug", "info", "warn", "error"),
		Format: r.choice("log.format", "text", "text", "json"),
	}
	return c
}

func (r *reader) mqtt() mqttConfig {
	c := mqttConfig{
		URL: r.text("mqtt.url", ""), Username: r.str("mqtt.username", ""), Password: r.secret("mqtt.password"),
		supervisor: r.supervisor, ClientID: r.str("mqtt.client_id", ""), TopicPrefix: r.topic("mqtt.topic_prefix", "fitbit2mqtt"),
		TLS: tlsConfig{
			CAFile: expandHome(r.str("mqtt.tls.ca_file", "")), CertFile: expandHome(r.str("mqtt.tls.cert_file", "")),
			KeyFile:    expandHome(r.str("mqtt.tls.key_file", "")),
			ServerName: r.str("mqtt.tls.server_name", ""), Insecure: r.flag("mqtt.tls.insecure"),
		},
	}
	r.public["mqtt.url"] = redactURL(c.URL)
	listen, private := r.listen("mqtt.embedded.listen", "127.0.0.1:1883")
	c.Embedded = embeddedConfig{Listen: listen, Username: r.str("mqtt.embedded.username", ""), Password: r.secret("mqtt.embedded.password")}
	if !private && c.embeds() && (c.Embedded.Username == "" || c.Embedded.Password == "") {
		r.problem("mqtt.embedded.listen", "%s can be reached by others; set mqtt.embedded.username and mqtt.embedded.password, or listen on 127.0.0.1", listen)
	}
	return c
}

// cloud reads one cloud's keys.
func (r *reader) cloud(b backend) cloudConfig {
	return cloudConfig{
		ClientID: r.str(b.name+".client_id", ""), ClientSecret: r.secret(b.name + ".client_secret"),
		RedirectURL: r.redirect(b.name+".redirect_url", defaultRedirect), Endpoint: r.web(b.name+".endpoint", ""),
		AuthURL: r.web(b.name+".auth_url", ""), TokenURL: r.web(b.name+".token_url", ""), RevokeURL: r.web(b.name+".revoke_url", ""),
	}
}

// beside completes the addresses: an endpoint of one's own brings its sign-in server
// along, under the paths of the cloud it stands for.
func (c cloudConfig) beside(b backend) cloudConfig {
	if c.Endpoint == "" {
		return c
	}
	c.AuthURL = cmp.Or(c.AuthURL, c.Endpoint+b.authPath)
	c.TokenURL = cmp.Or(c.TokenURL, c.Endpoint+b.tokenPath)
	c.RevokeURL = cmp.Or(c.RevokeURL, c.Endpoint+b.revokePath)
	return c
}

// redirect is compared letter by letter by the cloud: it is checked, never changed.
func (r *reader) redirect(key, otherwise string) string {
	s := r.text(key, otherwise)
	r.web(key, otherwise)
	return s
}

// registrable refuses a redirect address that a cloud's console would not take: it
// wants this machine, or a name under a public domain.
func (r *reader) registrable(key, brand, address string) {
	u, err := url.Parse(address)
	if err != nil || door.Loopback(u.Hostname()) || u.Hostname() == "" {
		return // fine, or reported already
	}
	host := u.Hostname()
	private := []string{".local", ".localdomain", ".lan", ".home", ".internal", ".arpa", ".localhost"}
	_, err = netip.ParseAddr(host)
	if err == nil || !strings.Contains(host, ".") || slices.ContainsFunc(private, func(s string) bool { return strings.HasSuffix(host, s) }) {
		r.problem(key, "%s takes no address at %s; use %s, or a name under a public domain", brand, host, defaultRedirect)
	}
}

func (r *reader) panel() webConfig {
	listen, private := off, true
	if r.text("web.listen", "127.0.0.1:8099") != off {
		listen, private = r.listen("web.listen", "127.0.0.1:8099")
	}
	r.public["web.listen"] = listen
	c := webConfig{
		Listen: listen, BaseURL: r.web("web.base_url", ""), Password: r.secret("web.password"), TrustedProxies: r.list("web.trusted_proxies"),
	}
	if r.supervisor != nil {
		c.Ingress = r.supervisor.address()
		c.TrustedProxies = append(c.TrustedProxies, c.Ingress.String())
	}
	for _, p := range c.TrustedProxies {
		if _, err := netip.ParsePrefix(p); err == nil {
			continue
		}
		if _, err := netip.ParseAddr(p); err != nil {
			r.problem("web.trusted_proxies", "%q is no IP address or network", p)
		}
	}
	// Whatever brings an address of its own to this page is a proxy, and brings others along.
	if base, err := url.Parse(c.BaseURL); err == nil && base.Host != "" && !door.Loopback(base.Hostname()) && listen != off &&
		c.Password == "" && len(c.TrustedProxies) == 0 {
		r.problem("web.base_url", "others reach the page there; set web.password, or web.trusted_proxies if the proxy asks for a sign-in itself")
	}
	if _, err := door.New(door.Options{Password: c.Password, BaseURL: c.BaseURL}); err != nil { // only looks at them
		r.problems = append(r.problems, lines("", err)...)
	}
	if !private && c.Password == "" && len(c.TrustedProxies) == 0 {
		r.problem("web.listen", "%s can be reached by others; set web.password, or listen on 127.0.0.1", listen)
	}
	return c
}

// redactURL is an address without its password.
func redactURL(s string) string {
	if u, err := url.Parse(s); err == nil {
		u.User, u.RawQuery = nil, "" // some brokers take a token there
		return u.String()
	}
	_, after, _ := strings.Cut(s, "@")
	return after
}
