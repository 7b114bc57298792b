package main

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/hass"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/mqtt"
)

const envPrefix = "FITBIT2MQTT_"

// config is the configuration, checked.
type config struct {
	DataDir       string
	MQTT          mqttConfig
	HomeAssistant hassConfig
	Clouds        map[string]cloudConfig // by the name of the backend
	Poll          pollConfig
	Web           webConfig
	StoreKey      string
	Log           logConfig

	public map[string]any // every key and its value, but for secrets
}

type mqttConfig struct {
	URL, Username, Password, ClientID, TopicPrefix string
	TLS                                            tlsConfig
	Embedded                                       embeddedConfig
	supervisor                                     *supervisor // knows the broker, where there is no URL; nil outside of an app
}

// embeds reports whether the broker is the embedded one.
func (c mqttConfig) embeds() bool { return c.URL == "" && c.supervisor == nil }

type tlsConfig struct {
	CAFile, CertFile, KeyFile, ServerName string
	Insecure                              bool
}

type embeddedConfig struct{ Listen, Username, Password string }

type hassConfig struct {
	Discovery           hass.Mode
	Prefix, StatusTopic string
	Hub                 hubConfig
}

type cloudConfig struct {
	ClientID, ClientSecret, RedirectURL    string
	Endpoint, AuthURL, TokenURL, RevokeURL string
}

type pollConfig struct{ Body, Heart, Devices time.Duration }

type webConfig struct {
	Listen, BaseURL, Password string
	TrustedProxies            []string
	Ingress                   netip.Addr // of Home Assistant, in an app of it
}

type logConfig struct{ Level, Format string }

func (c logConfig) level() slog.Level {
	var l slog.Level
	_ = l.UnmarshalText([]byte(c.Level)) // checked when it was read
	return l
}

// configFlags are the flags that stand above file and environment.
type configFlags struct {
	file string
	set  *pflag.FlagSet
}

func (f *configFlags) register(set *pflag.FlagSet) {
	f.set = set
	set.StringVarP(&f.file, "config", "c", "", "configuration file (default: ./config.yaml, ~/.config/fitbit2mqtt/config.yaml, /etc/fitbit2mqtt/config.yaml)")
	set.String("data-dir", "", "folder of the databases (data_dir)")
	set.String("mqtt-url", "", "broker, such as mqtt://192.168.1.2 (mqtt.url)")
	set.String("log-level", "", "debug, info, warn or error (log.level)")
	set.String("log-format", "", "text or json (log.format)")
}

// configError lists everything that is wrong with the configuration.
type configError struct {
	problems []string
	inApp    bool // they are with an app's options
}

func (e *configError) Error() string {
	if len(e.problems) == 1 {
		return "configuration: " + e.problems[0]
	}
	return fmt.Sprintf("configuration: %d problems\n  %s", len(e.problems), strings.Join(e.problems, "\n  "))
}

// Advice is for [fitbit.Hint].
func (e *configError) Advice() string {
	if e.inApp {
		return "mend this in the app's configuration in Home Assistant, then restart the app"
	}
	return "mend these keys in the file or the environment; config.yaml.example explains each"
}

// loadConfig reads flags, environment and file, the first that says something
// about a key counting; in an app of Home Assistant, its options are the file. The error
// is a *configError.
func (a *app) loadConfig() (config, error) {
	c, r, err := a.readConfig()
	if err != nil {
		return config{}, err
	}
	if len(r.problems) > 0 {
		return config{}, r.configError(r.problems...)
	}
	return c, nil
}

// readConfig does the same, and where there are problems returns them with what could
// be read all the same.
func (a *app) readConfig() (config, *reader, error) {
	r := &reader{v: viper.New(), used: make(map[string]bool), public: make(map[string]any)}
	r.v.SetEnvPrefix(strings.TrimSuffix(envPrefix, "_"))
	r.v.SetEnvKeyReplacer(strings.NewReplacer(".", "_"))
	r.v.AutomaticEnv()
	for key, flag := range map[string]string{
		"data_dir": "data-dir", "mqtt.url": "mqtt-url", "log.level": "log-level", "log.format": "log-format",
	} {
		if err := r.v.BindPFlag(key, a.flags.set.Lookup(flag)); err != nil {
			return config{}, nil, fmt.Errorf("flag --%s: %w", flag, err)
		}
	}
	if options := optionsFile(a.flags.file); options != "" {
		r.options(options)
	} else {
		r.file(a.flags.file)
	}
	c := r.read()
	if _, err := mqtt.New(c.MQTT.options()); err != nil { // only looks at them
		r.problems = append(r.problems, lines("mqtt.", err)...)
	}
	r.refuseUnknown()
	slices.Sort(r.problems)
	c.public = r.public
	return c, r, nil
}

// reader reads keys one by one. What it has not been asked for is unknown.
type reader struct {
	v          *viper.Viper
	used       map[string]bool
	public     map[string]any
	problems   []string
	path       string      // of the file; empty if there is none
	unread     bool        // there is one, and it could not be read
	supervisor *supervisor // of the app that this is; nil if it is none
}

// configError says problems in the words of whoever has to mend them.
func (r *reader) configError(problems ...string) *configError {
	e := &configError{inApp: r.supervisor != nil}
	for _, p := range problems {
		e.problems = append(e.problems, r.words(p))
	}
	return e
}

// options reads the options of an app.
func (r *reader) options(path string) {
	keys, problems := readOptions(path)
	r.path, r.supervisor, r.problems = path, newSupervisor(), problems
	if err := r.v.MergeConfigMap(keys); err != nil {
		r.problem(path, "%v", err)
	}
}

// file reads the named file, or the first of the usual ones that exists.
func (r *reader) file(name string) {
	candidates := []string{"config.yaml", expandHome("~/.config/fitbit2mqtt/config.yaml"), "/etc/fitbit2mqtt/config.yaml"}
	if name == "" {
		name = os.Getenv(envPrefix + "CONFIG")
	}
	named := name != ""
	if named {
		candidates = []string{name}
	}
	for _, path := range candidates {
		// Not there, or in a folder of somebody else's that this user may not look into.
		if _, err := os.Stat(path); err != nil && !named { //nolint:gosec // the operator's choice
			continue
		}
		f, err := os.Open(path) //nolint:gosec // the operator's choice
		r.path = path
		if err != nil {
			r.unread = true
			r.problem("--config", "%v", err)
			return
		}
		defer func() { _ = f.Close() }() // only read
		r.v.SetConfigType("yaml")
		if err := r.v.ReadConfig(f); err != nil {
			r.unread = true
			r.problem(path, "is not YAML: %s", strings.Join(strings.Fields(err.Error()), " "))
		}
		return
	}
}

func (r *reader) value(key string, otherwise any) any {
	r.used[key] = true
	for i := range len(key) {
		// "mqtt: broker" where keys should be hides all keys below it.
		if key[i] == '.' && r.v.InConfig(key[:i]) && len(r.v.GetStringMap(key[:i])) == 0 {
			return otherwise
		}
	}
	r.v.SetDefault(key, otherwise)
	return r.v.Get(key)
}

func expandHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return path
}
