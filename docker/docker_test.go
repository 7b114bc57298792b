// Package docker_test holds what is said in this folder against the rest of the house,
// and starts what can be started without a container engine. docker/check.sh does so with
// the image itself.
package docker_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// find returns a program, without which the test is skipped on a laptop.
func find(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed", names[0])
	}
	t.Skipf("%s is not installed", names[0])
	return ""
}

// The image is built with the Go that the module asks for.
func TestGoVersion(t *testing.T) {
	module := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))
	image := regexp.MustCompile(`(?m)^ARG GO_IMAGE=golang:(\d+\.\d+)-`).FindStringSubmatch(read(t, "Dockerfile"))
	if module == nil || image == nil || module[1] != image[1] {
		t.Errorf("go.mod says %q, the Dockerfile %q", module, image)
	}
}

// Flags that shape the binary are in one place.
func TestFlagsAreInOnePlace(t *testing.T) {
	for _, path := range []string{"../Makefile", "Dockerfile", "check.sh", "../.ci/run"} {
		for _, flag := range []string{"CGO_CFLAGS", "-ldflags", "omithttp2"} {
			if strings.Contains(read(t, path), flag) {
				t.Errorf("%s has %s, which belongs to build.sh", path, flag)
			}
		}
	}
}

// Go asks git whether the source is as it was committed. A file that the image's build
// does not see would count as deleted.
func TestNothingThatGitKnowsIsIgnored(t *testing.T) {
	if _, err := os.Stat("../.git"); err != nil {
		t.Skip("this is no clone of git")
	}
	out, err := exec.Command(find(t, "git"), "-C", "..", "ls-files", "--cached", "--ignored", "--exclude-from=.dockerignore").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
	for _, secret := range []string{"/docker/.env\n", "/data\n", "/config.yaml\n"} {
		if !strings.Contains(read(t, "../.dockerignore"), secret) {
			t.Errorf(".dockerignore does not list %q", secret)
		}
	}
}

// What was built stays out of git: it would be in every clone for ever.
func TestNothingBuiltIsInGit(t *testing.T) {
	if _, err := os.Stat("../.git"); err != nil {
		t.Skip("this is no clone of git")
	}
	list, err := exec.Command(find(t, "git"), "-C", "..", "ls-files", "-z").Output()
	if err != nil || len(list) == 0 {
		t.Fatalf("%v: %q", err, list)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(list), "\x00"), "\x00") {
		if b, err := os.ReadFile(filepath.Join("..", name)); err == nil && strings.HasPrefix(string(b), "\x7fELF") {
			t.Errorf("%s is a program, of %d bytes", name, len(b))
		}
	}
}

// What has no shell inside is given no line for one, and nothing is root but where Home
// Assistant wants it.
func TestDockerfile(t *testing.T) {
	text := strings.ReplaceAll(read(t, "Dockerfile"), "\\\n", "")
	stages := regexp.MustCompile(`(?m)^FROM `).Split(text, -1)
	if len(stages) != 5 {
		t.Fatalf("%d stages", len(stages)-1)
	}
	build, image, app, last := stages[1], stages[2], stages[3], stages[4]
	if !strings.HasPrefix(build, "--platform=$BUILDPLATFORM ") || !strings.HasPrefix(image, "scratch AS image\n") {
		t.Error("the compiler is emulated, or something is below the image")
	}
	for _, line := range []string{
		`USER 65532:65532`, `VOLUME /data`, `STOPSIGNAL SIGTERM`, `ENTRYPOINT ["/usr/bin/fitbit2mqtt"]`,
		`CMD ["/usr/bin/fitbit2mqtt", "healthcheck"]`, `ENV FITBIT2MQTT_DATA_DIR=/data`, `ENV TMPDIR=/data`,
	} {
		if !strings.Contains(image, line+"\n") {
			t.Errorf("the image has no line %s", line)
		}
	}
	if regexp.MustCompile(`(?m)^(RUN|SHELL) `).MatchString(image + app + last) {
		t.Error("the image has no shell to run anything with")
	}
	if !strings.HasPrefix(app, "image AS home-assistant\nUSER 0:0\n") || strings.Contains(app, "COPY") {
		t.Error("the app of Home Assistant is another image")
	}
	if last != "image\n" {
		t.Errorf("without a target, it is not the plain image that is built, but %q", last)
	}
}
