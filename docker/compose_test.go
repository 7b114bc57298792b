package docker_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// composeFile is what the house relies on in compose.yaml.
type composeFile struct {
	Name     string             `yaml:"name"`
	Services map[string]service `yaml:"services"`
	Volumes  map[string]any     `yaml:"volumes"`
}

type service struct {
	Image         string            `yaml:"image"`
	Build         map[string]string `yaml:"build"`
	PullPolicy    string            `yaml:"pull_policy"`
	Profiles      []string          `yaml:"profiles"`
	Command       []string          `yaml:"command"`
	EnvFile       string            `yaml:"env_file"`
	Environment   map[string]string `yaml:"environment"`
	Ports         []string          `yaml:"ports"`
	Volumes       []string          `yaml:"volumes"`
	DependsOn     yaml.Node         `yaml:"depends_on"`
	Healthcheck   map[string]any    `yaml:"healthcheck"`
	Restart       string            `yaml:"restart"`
	StopGrace     time.Duration     `yaml:"stop_grace_period"`
	ReadOnly      bool              `yaml:"read_only"`
	CapDrop       []string          `yaml:"cap_drop"`
	SecurityLimit []string          `yaml:"security_opt"`
}

// needs are the services that a service waits for, and what for.
func (s service) needs(t *testing.T) map[string]string {
	t.Helper()
	needs := make(map[string]string)
	var names []string
	if s.DependsOn.Decode(&names) == nil { // also if there are none
		for _, name := range names {
			needs[name] = "service_started"
		}
		return needs
	}
	var conditions map[string]struct {
		Condition string `yaml:"condition"`
	}
	if err := s.DependsOn.Decode(&conditions); err != nil {
		t.Fatal(err)
	}
	for name, c := range conditions {
		needs[name] = c.Condition
	}
	return needs
}

func compose(t *testing.T) composeFile {
	t.Helper()
	d := yaml.NewDecoder(strings.NewReader(read(t, "compose.yaml")))
	d.KnownFields(true)
	var c composeFile
	if err := d.Decode(&c); err != nil {
		t.Fatal(err)
	}
	return c
}

// What compose.yaml names is there, and what it declares is used.
func TestComposeHangsTogether(t *testing.T) {
	c := compose(t)
	if got := slices.Sorted(maps.Keys(c.Services)); !slices.Equal(got, []string{"fitbit2mqtt", "homeassistant", "mosquitto", "nodered"}) {
		t.Fatalf("services %v", got)
	}
	used := make(map[string]bool)
	for name, s := range c.Services {
		if s.Image == "" || s.Restart == "" {
			t.Errorf("%s has no image, or does not come back", name)
		}
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			used[source] = true
			if strings.HasPrefix(source, "./") {
				read(t, source)
				continue
			}
			if _, declared := c.Volumes[source]; !declared {
				t.Errorf("%s: volume %s is not declared", name, source)
			}
		}
		for needed, condition := range s.needs(t) {
			other, exists := c.Services[needed]
			if !exists || len(other.Profiles) > 0 && len(s.Profiles) == 0 {
				t.Errorf("%s waits for %s, which may not be there", name, needed)
			}
			if condition == "service_healthy" && other.Healthcheck == nil {
				t.Errorf("%s waits for %s to be well, which never says so", name, needed)
			}
		}
		if hub := name == "homeassistant" || name == "nodered"; hub != slices.Equal(s.Profiles, []string{"hubs"}) {
			t.Errorf("%s has the profiles %v", name, s.Profiles)
		}
	}
	for v := range c.Volumes {
		if !used[v] {
			t.Errorf("volume %s is not used", v)
		}
	}
	if b := c.Services["fitbit2mqtt"].Build; b["context"] != ".." || read(t, filepath.Join(b["context"], b["dockerfile"])) == "" {
		t.Errorf("built from %v", b)
	}
}

// Nobody gets in without a password; what has none is for this machine only.
func TestComposeIsClosed(t *testing.T) {
	c := compose(t)
	bridge, broker := c.Services["fitbit2mqtt"], c.Services["mosquitto"]
	for _, needed := range []string{bridge.Environment["FITBIT2MQTT_WEB_PASSWORD"], bridge.Environment["FITBIT2MQTT_MQTT_PASSWORD"], broker.Environment["MQTT_PASSWORD"]} {
		if !strings.Contains(needed, ":?") {
			t.Errorf("%q may be empty", needed)
		}
	}
	if bridge.Environment["FITBIT2MQTT_MQTT_PASSWORD"] != broker.Environment["MQTT_PASSWORD"] ||
		bridge.Environment["FITBIT2MQTT_MQTT_USERNAME"] != broker.Environment["MQTT_USERNAME"] {
		t.Error("the bridge and its broker have different logins")
	}
	for name, s := range c.Services {
		for _, p := range s.Ports {
			if local := strings.Contains(p, ":-127.0.0.1}:"); !local && name != "fitbit2mqtt" || !strings.HasPrefix(p, "${") {
				t.Errorf("%s is open to everybody: %s", name, p)
			}
		}
	}
	if !bridge.ReadOnly || !slices.Equal(bridge.CapDrop, []string{"ALL"}) || !slices.Equal(bridge.SecurityLimit, []string{"no-new-privileges:true"}) {
		t.Error("the bridge may do more than it needs")
	}
	if bridge.StopGrace <= time.Minute {
		t.Errorf("the bridge has %s to end a renewal that is under way", bridge.StopGrace)
	}
}

// Every variable of compose.yaml is explained in .env.example, and does something.
func TestComposeVariables(t *testing.T) {
	names := func(pattern, text string) []string {
		var list []string
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			list = append(list, m[1])
		}
		slices.Sort(list)
		return slices.Compact(list)
	}
	used := names(`\$\{(\w+)`, read(t, "compose.yaml"))
	explained := names(`(?m)^#?([A-Z_]+)=`, read(t, ".env.example"))
	if !slices.Equal(used, explained) {
		t.Errorf("compose.yaml has %v, .env.example %v", used, explained)
	}
	if required := names(`(?m)^([A-Z_]+)=$`, read(t, ".env.example")); !slices.Equal(required, []string{"MQTT_PASSWORD", "PAGE_PASSWORD"}) {
		t.Errorf("to be filled in are %v", required)
	}
}

// Compose itself takes the file once both passwords are chosen, and not before.
func TestComposeConfig(t *testing.T) {
	command := []string{find(t, "docker-compose")}
	dir := t.TempDir()
	// Debian's Compose is of before files had names.
	write(t, filepath.Join(dir, "compose.yaml"), strings.Replace(read(t, "compose.yaml"), "name: fitbit2mqtt\n", "", 1))
	for _, name := range []string{"mosquitto.conf", "mosquitto.sh"} {
		write(t, filepath.Join(dir, name), read(t, name))
	}
	config := func(env string, args ...string) (string, error) {
		write(t, filepath.Join(dir, ".env"), env)
		c := exec.CommandContext(t.Context(), command[0], append(args, "config")...)
		c.Dir = dir
		c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
		out, err := c.CombinedOutput()
		return string(out), err
	}
	example := read(t, ".env.example")
	if out, err := config(example); err == nil || !strings.Contains(out, "choose one in .env") {
		t.Errorf("without passwords: %v\n%s", err, out)
	}
	chosen := strings.NewReplacer("PAGE_PASSWORD=\n", "PAGE_PASSWORD='pa$$ge w'\n", "MQTT_PASSWORD=\n", "MQTT_PASSWORD=abc\n").Replace(example)
	out, err := config(chosen + "FITBIT2MQTT_POLL_BODY=2m\n")
	for _, want := range []string{"FITBIT2MQTT_POLL_BODY: 2m\n", "FITBIT2MQTT_MQTT_PASSWORD: abc\n", "FITBIT2MQTT_MQTT_USERNAME: home\n", "stop_grace_period: 90s\n", "$$SYS/broker/uptime\n"} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("no %q in %v\n%s", want, err, out)
		}
	}
	if out, err := config(chosen, "--profile", "hubs"); err != nil || !strings.Contains(out, "nodered") {
		t.Errorf("with the hubs: %v\n%s", err, out)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
