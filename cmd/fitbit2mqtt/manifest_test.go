package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// repository is the root of it, and manifestDir the folder of the app.
const (
	repository  = "../.."
	manifestDir = repository + "/homeassistant-app"
)

// appManifest is homeassistant-app/config.yaml: the keys that the Supervisor knows, as far
// as this app uses them.
type appManifest struct {
	Name             string            `yaml:"name"`
	Slug             string            `yaml:"slug"`
	Description      string            `yaml:"description"`
	Version          string            `yaml:"version"`
	URL              string            `yaml:"url"`
	Image            string            `yaml:"image"`
	Arch             []string          `yaml:"arch"`
	Stage            string            `yaml:"stage"`
	HomeAssistant    string            `yaml:"homeassistant"`
	Startup          string            `yaml:"startup"`
	Boot             string            `yaml:"boot"`
	Init             bool              `yaml:"init"`
	Timeout          int               `yaml:"timeout"`
	Watchdog         string            `yaml:"watchdog"`
	Services         []string          `yaml:"services"`
	HomeAssistantAPI bool              `yaml:"homeassistant_api"`
	Backup           string            `yaml:"backup"`
	Ingress          bool              `yaml:"ingress"`
	IngressPort      int               `yaml:"ingress_port"`
	PanelIcon        string            `yaml:"panel_icon"`
	PanelTitle       string            `yaml:"panel_title"`
	PanelAdmin       bool              `yaml:"panel_admin"`
	Ports            map[string]*int   `yaml:"ports"`
	Options          map[string]any    `yaml:"options"`
	Schema           map[string]string `yaml:"schema"`
}

// translation is a file of texts for one language.
type translation struct {
	Configuration map[string]struct {
		Name        string `yaml:"name"`
		Description string `yaml:"description"`
	} `yaml:"configuration"`
	Network map[string]string `yaml:"network"`
}

// readYAML reads a YAML file in which nothing may be that is not expected.
func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func readManifest(t *testing.T) appManifest {
	t.Helper()
	var m appManifest
	readYAML(t, manifestDir+"/config.yaml", &m)
	return m
}

// What the Supervisor asks of a manifest, and what this program asks of its own.
func TestManifest(t *testing.T) {
	m := readManifest(t)
	for what, c := range map[string]struct{ text, pattern string }{
		"name":        {m.Name, `^\S`},
		"slug":        {m.Slug, `^[a-z0-9_]+$`},
		"description": {m.Description, `^.{10,80}$`},
		"version":     {m.Version, `^\d+\.\d+\.\d+$`},
		"url":         {m.URL, `^https://github\.com/fitbit2mqtt/fitbit2mqtt/`},
		"image":       {m.Image, `^ghcr\.io/fitbit2mqtt/[a-z0-9-]+$`}, // one name for all architectures, and the tag is the version
		"stage":       {m.Stage, `^(stable|experimental|deprecated)$`},
		"core":        {m.HomeAssistant, `^\d{4}\.\d{1,2}\.\d+$`},
		"startup":     {m.Startup, `^(initialize|system|services|application|once)$`},
		"boot":        {m.Boot, `^(auto|manual|manual_only)$`},
		"backup":      {m.Backup, `^cold$`},
		"watchdog":    {m.Watchdog, `^http://\[HOST\]:\[PORT:` + strconv.Itoa(m.IngressPort) + `\]/healthz$`},
		"icon":        {m.PanelIcon, `^mdi:[a-z-]+$`},
		"services":    {strings.Join(m.Services, " "), `^mqtt:want$`},
		"arch":        {strings.Join(slices.Sorted(slices.Values(m.Arch)), " "), `^aarch64 amd64$`},
	} {
		if !regexp.MustCompile(c.pattern).MatchString(c.text) {
			t.Errorf("%s: %q is not as %s", what, c.text, c.pattern)
		}
	}
	if !m.Ingress || !m.HomeAssistantAPI || m.Timeout < 10 || m.Timeout > 300 {
		t.Errorf("%+v", m)
	}
	_, port, _ := net.SplitHostPort(appListen)
	t.Chdir(t.TempDir())
	usual, err := loadFile(t)
	if err != nil {
		t.Fatal(err)
	}
	_, usually, _ := net.SplitHostPort(usual.Web.Listen)
	if want := strconv.Itoa(m.IngressPort); port != want || usually != want {
		t.Errorf("the manifest has the page at %s, the app at %s, and whoever runs it elsewhere at %s", want, port, usually)
	}
	for name, at := range m.Ports {
		if name != port+"/tcp" || at != nil {
			t.Errorf("port %s is open at %v", name, at)
		}
	}
}

// Manifest, table and translations have the same options, and an app that nobody has
// configured is configured like a bridge that nobody has configured.
func TestManifestOptions(t *testing.T) {
	m := readManifest(t)
	rows := make(map[string]option)
	for _, o := range appOptions() {
		rows[o.name] = o
	}
	names := slices.Sorted(maps.Keys(rows))
	for what, have := range map[string][]string{
		"options": slices.Sorted(maps.Keys(m.Options)), "schema": slices.Sorted(maps.Keys(m.Schema)),
	} {
		if !slices.Equal(have, names) {
			t.Errorf("%s: %v, and the program has %v", what, have, names)
		}
	}
	for name, kind := range m.Schema {
		if err := fits(kind, m.Options[name]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if secret := strings.Contains(name, "password") || strings.Contains(name, "secret") || strings.Contains(name, "key"); secret != strings.HasPrefix(kind, "password") {
			t.Errorf("%s is a %s", name, kind)
		}
	}
	files, err := filepath.Glob(manifestDir + "/translations/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("%v %v", files, err)
	}
	for _, file := range files {
		var texts translation
		readYAML(t, file, &texts)
		if have := slices.Sorted(maps.Keys(texts.Configuration)); !slices.Equal(have, names) {
			t.Errorf("%s: %v, want %v", file, have, names)
		}
		for name, text := range texts.Configuration {
			if text.Name == "" || text.Description == "" || strings.HasSuffix(file, "/en.yaml") && text.Name != rows[name].label {
				t.Errorf("%s: %s is called %q", file, name, text.Name)
			}
		}
		for port := range m.Ports {
			if texts.Network[port] == "" {
				t.Errorf("%s says nothing of port %s", file, port)
			}
		}
	}

	t.Chdir(t.TempDir())
	usual, err := loadFile(t)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(m.Options)
	if err != nil {
		t.Fatal(err)
	}
	beApp(t, string(b))
	inApp, err := loadFile(t)
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range inApp.public {
		if fmt.Sprint(value) != fmt.Sprint(usual.public[key]) && key != "data_dir" && key != "web.listen" {
			t.Errorf("%s is %v, and %v elsewhere", key, value, usual.public[key])
		}
	}
}

// fits checks a default against its type, as the Supervisor has them.
func fits(kind string, value any) error {
	parts := regexp.MustCompile(`^(str|password|int|match|list)(?:\((.*)\))?\??$`).FindStringSubmatch(kind)
	if parts == nil {
		return fmt.Errorf("%q is no type", kind)
	}
	var ok bool
	text := fmt.Sprint(value)
	switch parts[1] {
	case "int":
		var least, most, n int
		_, err := fmt.Sscanf(parts[2], "%d,%d", &least, &most)
		n, ok = value.(int)
		ok = ok && err == nil && least <= n && n <= most
	case "match":
		ok = regexp.MustCompile(parts[2]).MatchString(text)
	case "list":
		ok = slices.Contains(strings.Split(parts[2], "|"), text)
	default:
		_, ok = value.(string)
	}
	if !ok {
		return fmt.Errorf("%v is no %s", value, kind)
	}
	return nil
}

// The types of the manifest let in what the program takes, and not much else.
func TestManifestTypes(t *testing.T) {
	m := readManifest(t)
	for name, values := range map[string]map[any]bool{
		"mqtt_url":     {"": true, "mqtt://192.168.1.2": true, "mqtts://broker.example.org:8883": true, "wss://x/mqtt": true, "192.168.1.2": false, "http://x": false},
		"topic_prefix": {"fitbit2mqtt": true, "home/scales": true, "": false, "/a": false, "a/": false, "a/#": false, "a b": false},
		"discovery":    {"device": true, "entity": true, "off": true, "": false},
		"log_level":    {"debug": true, "warn": true, "trace": false},
	} {
		for value, good := range values {
			if err := fits(m.Schema[name], value); (err == nil) != good {
				t.Errorf("%s, %q: %v", name, value, err)
			}
		}
	}
}

// The version is the newest in the list of changes, and that of the commit where it has one.
func TestManifestVersion(t *testing.T) {
	m := readManifest(t)
	changes, err := os.ReadFile(manifestDir + "/CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	if newest := regexp.MustCompile(`(?m)^## (\S+)`).FindSubmatch(changes); newest == nil || string(newest[1]) != m.Version {
		t.Errorf("CHANGELOG.md begins with %q, the manifest has %s", newest, m.Version)
	}
	tags, err := exec.CommandContext(t.Context(), "git", "-C", repository, "tag", "--points-at", "HEAD", "--list", "v*").Output()
	if err != nil {
		t.Logf("no repository, so no tag that would say otherwise: %v", err)
	}
	for tag := range strings.FieldsSeq(string(tags)) { // what the binary calls itself
		if tag != "v"+m.Version {
			t.Errorf("this is %s, and the manifest has %s", tag, m.Version)
		}
	}
}
