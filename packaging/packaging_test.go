// Package packaging_test builds what people install, and holds it to what Debian and
// systemd say of it.
package packaging_test

import (
	"archive/tar"
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// need skips a test where a tool is missing, and fails it in CI.
func need(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err == nil {
			continue
		}
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not installed", tool)
		}
		t.Skipf("%s is not installed here", tool)
	}
}

// do runs a command in the repository and returns what it prints.
func do(t *testing.T, name string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir = ".."
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	if err := c.Run(); err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, &out, &said)
	}
	return out.String()
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// content is what an archive of a package holds, by name.
func content(t *testing.T, archive string) (headers map[string]*tar.Header, files map[string]string) {
	t.Helper()
	headers, files = make(map[string]*tar.Header), make(map[string]string)
	for r := tar.NewReader(strings.NewReader(archive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return headers, files
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(h.Name, "./")
		headers[name], files[name] = h, string(b)
	}
}

// One binary says its version at the command line and in the package's name, and the
// package holds all of it, under the right names and with the right rights.
func TestDebianPackage(t *testing.T) {
	t.Parallel()
	need(t, "dpkg-deb", "make", "git", "readelf")
	dir := t.TempDir()
	binary := filepath.Join(dir, "fitbit2mqtt")
	do(t, "make", "-s", "build", "BINARY="+binary)
	version := strings.Fields(do(t, binary, "version"))[1]
	run := []string{"packaging/deb.sh", binary, dir}
	if version == "dev" { // this is no clone of git
		version = "v1.2.3-rc.1"
		run = append([]string{"VERSION=" + version}, run...)
	}
	deb := strings.TrimSpace(do(t, "env", run...))
	// Whoever packs it need not have git.
	if strings.Contains(do(t, "go", "version", "-m", binary), "vcs.time=") {
		again := strings.TrimSpace(do(t, "env", "GIT_DIR=/nonexistent", "packaging/deb.sh", binary, t.TempDir()))
		if read(t, again) != read(t, deb) {
			t.Error("the same binary makes two packages")
		}
	}

	control := make(map[string]string)
	for line := range strings.Lines(do(t, "dpkg-deb", "--field", deb)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			control[key] = value
		}
	}
	if want := strings.ReplaceAll(strings.TrimPrefix(version, "v"), "-", "~"); control["Version"] != want ||
		filepath.Base(deb) != "fitbit2mqtt_"+want+"_"+control["Architecture"]+".deb" {
		t.Errorf("%s is in %s, with the version %s", version, deb, control["Version"])
	}
	if arch := map[string]string{"arm": "armhf"}[runtime.GOARCH]; control["Architecture"] != arch && control["Architecture"] != runtime.GOARCH {
		t.Errorf("it is for %s", control["Architecture"])
	}
	if depends := control["Depends"]; !regexp.MustCompile(`libc6 \(>= 2\.[0-9]+\), ca-certificates`).MatchString(depends) {
		t.Errorf("it depends on %q", depends)
	}

	scripts, controls := content(t, do(t, "dpkg-deb", "--ctrl-tarfile", deb))
	for _, name := range []string{"postinst", "prerm", "postrm"} {
		if h := scripts[name]; h == nil || h.Mode&0o111 != 0o111 {
			t.Errorf("%s: %+v", name, h)
		}
		do(t, "sh", "-n", "packaging/debian/"+name)
	}
	if controls["conffiles"] != "/etc/fitbit2mqtt/config.yaml\n" {
		t.Errorf("conffiles: %q", controls["conffiles"])
	}

	headers, files := content(t, do(t, "dpkg-deb", "--fsys-tarfile", deb))
	if files["usr/bin/fitbit2mqtt"] != read(t, binary) {
		t.Error("the binary has changed")
	}
	for name, mode := range map[string]int64{
		"usr/bin/fitbit2mqtt": 0o755, "etc/fitbit2mqtt/config.yaml": 0o640,
		"usr/lib/systemd/system/fitbit2mqtt.service": 0o644, "usr/lib/sysusers.d/fitbit2mqtt.conf": 0o644,
		"usr/share/man/man1/fitbit2mqtt.1.gz": 0o644, "usr/share/doc/fitbit2mqtt/copyright": 0o644,
		"usr/share/doc/fitbit2mqtt/changelog.gz": 0o644, "usr/share/doc/fitbit2mqtt/config.yaml.example": 0o644,
		"usr/share/bash-completion/completions/fitbit2mqtt": 0o644, "usr/share/zsh/vendor-completions/_fitbit2mqtt": 0o644,
		"usr/share/fish/vendor_completions.d/fitbit2mqtt.fish": 0o644,
	} {
		h := headers[name]
		if h == nil || h.Mode&0o777 != mode || h.Uname != "root" || len(files[name]) == 0 {
			t.Errorf("%s: %+v", name, h)
			continue
		}
		sum := md5.Sum([]byte(files[name]))
		if listed := strings.Contains(controls["md5sums"], hex.EncodeToString(sum[:])+"  "+name+"\n"); listed == strings.HasPrefix(name, "etc/") {
			t.Errorf("%s has another checksum, or should have none", name)
		}
	}
	if text := files["usr/share/doc/fitbit2mqtt/copyright"]; !strings.Contains(text, "Copyright: 20") || !strings.Contains(text, "\n Permission is hereby granted") {
		t.Errorf("copyright:\n%s", text)
	}
}

// Sign-ins go with a purge, and with nothing else.
func TestOnlyAPurgeDeletes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"postinst", "prerm", "postrm"} {
		script := read(t, "debian/"+name)
		_, purge, isThere := strings.Cut(script, "\npurge)\n")
		if n := strings.Count(script, "rm -rf"); isThere && (n != 1 || !strings.Contains(purge, "rm -rf /var/lib/fitbit2mqtt\n")) || !isThere && n > 0 {
			t.Errorf("%s deletes in %d places", name, n)
		}
	}
}

// systemd knows every setting of the unit, and does not think worse of it than before.
func TestUnitIsSound(t *testing.T) {
	t.Parallel()
	need(t, "systemd-analyze")
	// What it starts is not installed here.
	path := filepath.Join(t.TempDir(), "fitbit2mqtt.service")
	text := strings.Replace(read(t, "fitbit2mqtt.service"), "/usr/bin/fitbit2mqtt", "/bin/true", 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	do(t, "systemd-analyze", "verify", "--man=no", path)
	do(t, "systemd-analyze", "security", "--offline=true", "--threshold=12", path) // tenths
}

// release is the part of goreleaser's configuration that says how binaries are built.
type release struct {
	Version int `yaml:"version"`
	Builds  []struct {
		Main    string   `yaml:"main"`
		Targets []string `yaml:"targets"`
		Env     []string `yaml:"env"`
		Flags   []string `yaml:"flags"`
		Tags    []string `yaml:"tags"`
		Ldflags []string `yaml:"ldflags"`
		Hooks   struct {
			Post []struct {
				Cmd string `yaml:"cmd"`
			} `yaml:"post"`
		} `yaml:"hooks"`
	} `yaml:"builds"`
	Archives []struct {
		Files []string `yaml:"files"`
	} `yaml:"archives"`
}

// The binaries of a release are built as everybody builds them.
func TestReleasesAreBuiltAsEverythingElse(t *testing.T) {
	t.Parallel()
	var r release
	if err := yaml.Unmarshal([]byte(read(t, "../.goreleaser.yaml")), &r); err != nil {
		t.Fatal(err)
	}
	if r.Version != 2 || len(r.Builds) != 1 {
		t.Fatalf("%+v", r)
	}
	b := r.Builds[0]
	if want := []string{"linux_amd64", "linux_arm64", "linux_arm_7"}; !slices.Equal(b.Targets, want) {
		t.Errorf("it is built for %q", b.Targets)
	}
	house := strings.ReplaceAll(read(t, "../docker/build.sh"), "$vcs", "auto")
	flags := slices.Concat(b.Flags, []string{strings.Join(b.Tags, ","), `"` + strings.Join(b.Ldflags, " ") + `"`, b.Main})
	for _, e := range b.Env {
		if value, ok := strings.CutPrefix(e, "CGO_CFLAGS="); ok {
			flags = append(flags, `CGO_CFLAGS="`+value+`"`)
		}
	}
	if len(flags) != 6 {
		t.Errorf("built with %q", flags)
	}
	for _, f := range flags {
		if !strings.Contains(house, f) {
			t.Errorf("others build without %s", f)
		}
	}
	if len(b.Hooks.Post) != 1 || !strings.HasPrefix(b.Hooks.Post[0].Cmd, "packaging/deb.sh {{ .Path }} ") {
		t.Errorf("after each build: %+v", b.Hooks.Post)
	}
	for _, pattern := range r.Archives[0].Files {
		if list, err := filepath.Glob("../" + pattern); err != nil || len(list) == 0 {
			t.Errorf("%s: %q, %v", pattern, list, err)
		}
	}
}
