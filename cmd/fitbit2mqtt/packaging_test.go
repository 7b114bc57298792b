package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// unit is a unit of systemd: its settings by section and name, in their order.
type unit map[string][]string

func readUnit(t *testing.T, path string) unit {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	u, section := unit{}, ""
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '[' {
			section = strings.Trim(line, "[]") + "."
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			t.Fatalf("%s: %q is no setting", path, line)
		}
		u[section+key] = append(u[section+key], value)
	}
	return u
}

// one returns a setting that is there once.
func (u unit) one(t *testing.T, key string) string {
	t.Helper()
	if len(u[key]) != 1 {
		t.Fatalf("%s is %q, want one value", key, u[key])
	}
	return u[key][0]
}

// installed is what "make install" puts on a machine.
func installed(t *testing.T, root, prefix string) {
	t.Helper()
	if _, err := exec.LookPath("make"); err != nil && os.Getenv("CI") == "" {
		t.Skip("no make is installed here")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "fitbit2mqtt, as built")
	if err := os.WriteFile(binary, []byte("a binary"), 0o600); err != nil {
		t.Fatal(err)
	}
	makes(t, "install", "DESTDIR="+root, "PREFIX="+prefix, "BINARY="+binary, "RUNS=env "+childEnv+"=1 "+exe)
}

func makes(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "make", append([]string{"-s", "-C", "../.."}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("make %q: %v\n%s", args, err, out)
	}
}

// The service as it is installed starts: its flags exist, its configuration is where it
// is looked for and can be read, and its data folder is the one that systemd makes.
func TestUnit(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"/usr", "/usr/local"} {
		root := t.TempDir()
		installed(t, root, prefix)
		u := readUnit(t, filepath.Join(root, prefix, "lib/systemd/system/fitbit2mqtt.service"))

		line := strings.Fields(u.one(t, "Service.ExecStart"))
		if line[0] != prefix+"/bin/fitbit2mqtt" {
			t.Errorf("%s: it starts %s", prefix, line[0])
		}
		command, args, err := newRoot(stdio{}).Find(line[1:])
		if err != nil || command.Name() != "run" {
			t.Fatalf("%s: %v: %v", line, command, err)
		}
		if err := command.ParseFlags(args); err != nil || command.Flags().NArg() != 0 {
			t.Errorf("%s: %v, arguments %q", line, err, command.Flags().Args())
		}
		flag := command.Flags().Lookup("config")
		path := flag.Value.String()
		if usual := strings.TrimSuffix(flag.Usage, ")"); !strings.HasSuffix(usual, ", "+path) {
			t.Errorf("the configuration of the service is %s, but others look for it so: %s", path, usual)
		}

		a := &app{}
		a.flags.register(newRoot(stdio{}).Flags())
		a.flags.file = filepath.Join(root, path)
		c, err := a.loadConfig()
		if err != nil {
			t.Fatalf("the installed configuration: %v", err)
		}
		if want := "/var/lib/" + u.one(t, "Service.StateDirectory"); c.DataDir != want {
			t.Errorf("data_dir is %s, and systemd makes %s", c.DataDir, want)
		}
		if info, err := os.Stat(a.flags.file); err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("the configuration may hold passwords: %v %v", info.Mode(), err)
		}
	}
}

// What systemd does about an end fits the exit codes, and the times of both.
func TestUnitFitsTheProgram(t *testing.T) {
	t.Parallel()
	u := readUnit(t, "../../packaging/fitbit2mqtt.service")
	for key, want := range map[string]string{"Service.Type": "notify", "Service.NotifyAccess": "main", "Service.Restart": "on-failure"} {
		if got := u.one(t, key); got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
	// A Go program that crashes ends with 2.
	if got := strings.Fields(u.one(t, "Service.RestartPreventExitStatus")); !slices.Equal(got, []string{strconv.Itoa(exitConfig)}) {
		t.Errorf("it is not restarted after %q", got)
	}
	span := func(key string) time.Duration {
		d, err := time.ParseDuration(strings.Replace(u.one(t, key), "min", "m", 1))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := span("Service.TimeoutStopSec"); d < orderly || d < 2*askEvery {
		t.Errorf("%v are not enough to stop in order, or to ask for more", d)
	}
	if d := span("Service.WatchdogSec"); d < 3*statusEvery {
		t.Errorf("a bridge that is looked at every %v is given up after %v", statusEvery, d)
	}
	if user, err := os.ReadFile("../../packaging/fitbit2mqtt.sysusers"); err != nil ||
		!strings.Contains(string(user), fmt.Sprintf("u %s - ", u.one(t, "Service.User"))) || !strings.Contains(string(user), " /var/lib/"+u.one(t, "Service.StateDirectory")+"\n") {
		t.Errorf("the user: %v\n%s", err, user)
	}
}

// A configuration that is there is left alone, and all but that and the data goes again:
// nothing beside it, whatever the folder is called.
func TestInstallAndUninstall(t *testing.T) {
	t.Parallel()
	beside := filepath.Join(t.TempDir(), "a")
	root := beside + " folder"
	if err := os.WriteFile(beside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	installed(t, root, "/usr/local")
	files := func() (list []string) {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				list = append(list, strings.TrimPrefix(path, root))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	want := []string{
		"/etc/fitbit2mqtt/config.yaml",
		"/usr/local/bin/fitbit2mqtt",
		"/usr/local/lib/systemd/system/fitbit2mqtt.service",
		"/usr/local/lib/sysusers.d/fitbit2mqtt.conf",
		"/usr/local/share/bash-completion/completions/fitbit2mqtt",
		"/usr/local/share/doc/fitbit2mqtt/LICENSE",
		"/usr/local/share/doc/fitbit2mqtt/config.yaml.example",
		"/usr/local/share/fish/vendor_completions.d/fitbit2mqtt.fish",
		"/usr/local/share/man/man1/fitbit2mqtt.1.gz",
		"/usr/local/share/zsh/site-functions/_fitbit2mqtt",
	}
	if got := files(); !slices.Equal(got, want) {
		t.Errorf("installed:\n%s", strings.Join(got, "\n"))
	}
	for _, path := range want {
		if info, err := os.Stat(filepath.Join(root, path)); err != nil || info.Size() == 0 {
			t.Errorf("%s is empty: %v", path, err)
		}
	}
	config := filepath.Join(root, want[0])
	if err := os.WriteFile(config, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	installed(t, root, "/usr/local")
	if b, err := os.ReadFile(config); string(b) != "mine" {
		t.Errorf("the second time the configuration has become %q, %v", b, err)
	}
	makes(t, "uninstall", "DESTDIR="+root)
	if got := files(); !slices.Equal(got, want[:1]) {
		t.Errorf("left behind: %q", got)
	}
	if _, err := os.Stat(beside); err != nil {
		t.Errorf("somebody else's file: %v", err)
	}
}

// The manual page names every command, every flag that all have, and every exit code.
func TestManualPage(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../packaging/fitbit2mqtt.1")
	if err != nil {
		t.Fatal(err)
	}
	page := strings.ReplaceAll(string(b), `\-`, "-")
	root := newRoot(stdio{})
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() && !strings.Contains(page, c.Name()) || c.Name() != "completion" && !strings.Contains(page, "\n"+c.Short+".\n") {
			t.Errorf("it says nothing of %s, or not %q", c.Name(), c.Short)
		}
	}
	for _, name := range []string{"config", "data-dir", "mqtt-url", "log-level", "log-format"} {
		if root.PersistentFlags().Lookup(name) == nil || !strings.Contains(page, "--"+name+" ") {
			t.Errorf("it says nothing of --%s", name)
		}
	}
	for code := range exitBroker + 1 {
		if !strings.Contains(page, fmt.Sprintf("\n.B %d\n", code)) {
			t.Errorf("it says nothing of the exit code %d", code)
		}
	}
}
