package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// option is a row of the table of an app's options: what Home Assistant asks for on the
// app's page, and the key of the configuration that it stands for.
type option struct {
	name, key string
	label     string // what the page calls it, in English
	unit      string // of a whole number; empty for a text
	copied    bool   // from another page, often with a space beside it
}

// appOptions is the table. homeassistant-app/config.yaml and its translations have the
// same rows.
func appOptions() []option {
	return []option{
		{name: "google_client_id", key: "google.client_id", label: "Google client ID", copied: true},
		{name: "google_client_secret", key: "google.client_secret", label: "Google client secret", copied: true},
		{name: "poll_body_seconds", key: "poll.body", unit: "s", label: "Look for weigh-ins every … seconds"},
		{name: "poll_heart_minutes", key: "poll.heart", unit: "m", label: "Look at heart rates every … minutes"},
		{name: "poll_devices_minutes", key: "poll.devices", unit: "m", label: "Look at batteries every … minutes"},
		{name: "mqtt_url", key: "mqtt.url", label: "Address of another broker"},
		{name: "mqtt_username", key: "mqtt.username", label: "User at the broker"},
		{name: "mqtt_password", key: "mqtt.password", label: "Password at the broker"},
		{name: "topic_prefix", key: "mqtt.topic_prefix", label: "First part of all topics"},
		{name: "discovery", key: "homeassistant.discovery", label: "Discovery"},
		{name: "page_password", key: "web.password", label: "Password of the page outside Home Assistant"},
		{name: "store_key", key: "store.key", label: "Key for the saved sign-ins"},
		{name: "log_level", key: "log.level", label: "Log level"},
	}
}

const (
	defaultOptions = "/data/options.json"
	// appListen is where the page of an app listens: the manifest's ingress_port, at
	// the address that the Supervisor has given the app.
	appListen = ":8099"
)

// optionsFile is where the options of the app are that this process is; empty if it is
// none, or has been given a configuration file after all.
func optionsFile(config string) string {
	if config != "" || os.Getenv(envPrefix+"CONFIG") != "" || os.Getenv(tokenEnv) == "" {
		return ""
	}
	named := os.Getenv(optionsEnv)
	if _, err := os.Stat(defaultOptions); named == "" && errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return cmp.Or(named, defaultOptions)
}

// readOptions reads an app's options as keys of the configuration, in the shape of a
// configuration file. What is left empty is left out. Problems begin with a key, or with
// the name of an option that there is not.
func readOptions(path string) (keys map[string]any, problems []string) {
	keys = make(map[string]any)
	put(keys, "data_dir", filepath.Dir(path)) // the folder that backups take along
	put(keys, "web.listen", appListen)
	b, err := os.ReadFile(path) //nolint:gosec // the Supervisor's file
	if err != nil {
		return keys, []string{"options: " + err.Error()}
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(b, &values); err != nil {
		return keys, []string{path + ": is not a JSON object"} // and may hold secrets
	}
	for _, o := range appOptions() {
		value, err := o.read(values[o.name])
		delete(values, o.name)
		if err != nil {
			problems = append(problems, o.key+": "+err.Error())
		} else if value != "" {
			put(keys, o.key, value)
		}
	}
	for name := range values {
		problems = append(problems, fmt.Sprintf("%q: unknown option; name a configuration file with --config if this is not the app of fitbit2mqtt", name))
	}
	return keys, problems
}

// read returns an option as a value of its key; empty if there is none. Whether it can
// be used is said by whoever reads the key.
func (o option) read(raw json.RawMessage) (string, error) {
	text := string(raw)
	var s string
	switch {
	case text == "", text == "null":
		return "", nil
	case json.Unmarshal(raw, &s) == nil:
		text = s
	case strings.ContainsAny(text[:1], "{["), text == "true", text == "false":
		return "", errors.New("must be a text or a number")
	}
	if o.copied {
		text = strings.TrimSpace(text)
	}
	if o.unit == "" || text == "" {
		return text, nil
	}
	if n, err := strconv.ParseInt(text, 10, 32); err != nil || n < 0 {
		return "", errors.New("must be a whole number")
	}
	return text + o.unit, nil
}

// put puts a value where a configuration file would have it.
func put(keys map[string]any, key string, value string) {
	step, rest, nested := strings.Cut(key, ".")
	if !nested {
		keys[key] = value
		return
	}
	below, ok := keys[step].(map[string]any)
	if !ok {
		below = make(map[string]any)
		keys[step] = below
	}
	put(below, rest, value)
}

// words puts a problem into the words of whoever reads it: on an app's page there are
// options, and no keys.
func (r *reader) words(problem string) string {
	if r.supervisor == nil {
		return problem
	}
	var pairs []string
	for _, o := range appOptions() { // no key begins another one
		pairs = append(pairs, o.key, fmt.Sprintf("%q (%s)", o.label, o.name))
	}
	return strings.NewReplacer(pairs...).Replace(problem)
}
