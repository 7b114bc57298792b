package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// hobble makes this process one with less than it needs: files that end at so many bytes,
// as on a disk that gets full, or a user who may write nothing.
func hobble(how string) {
	limit, err := strconv.ParseUint(how, 10, 64)
	switch {
	case how == "nobody":
		err = syscall.Setuid(65534)
	case err == nil && limit > 1:
		signal.Ignore(syscall.SIGXFSZ)
		err = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit})
	}
	if err != nil {
		panic(err)
	}
}

// hobbled runs a command in such a process.
func hobbled(t *testing.T, how string, args ...string) result {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), exe, args...)
	c.Env = append(os.Environ(), childEnv+"="+how)
	var out, said strings.Builder
	c.Stdout, c.Stderr = &out, &said
	if err := c.Run(); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			t.Fatal(err)
		}
	}
	return result{c.ProcessState.ExitCode(), out.String(), said.String()}
}

// fullAt is a disk that is full when a file has grown to so many bytes.
func fullAt(size int) string { return strconv.Itoa(size) }

// theirs gives a data folder to somebody who may otherwise only look on.
func theirs(t *testing.T, data string, readable ...string) {
	t.Helper()
	err := filepath.WalkDir(data, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, 65534, 65534))
	})
	for _, path := range append(readable, data) {
		err = errors.Join(err, os.Chmod(path, 0o755), os.Chmod(filepath.Dir(path), 0o755), os.Chmod(filepath.Dir(filepath.Dir(path)), 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// refusals runs commands that fail and writes down what they say.
type refusals struct {
	*testing.T
	w      *world
	config string
	said   strings.Builder
	hide   []string // paths, pairs of what and by what
}

func (r *refusals) try(name string, code int, args ...string) {
	r.Helper()
	r.note(name, code, invoke(r.T, append(args, "--config", r.config)...))
}

func (r *refusals) note(name string, code int, got result) {
	r.Helper()
	if got.code != code || strings.Count(got.err, "Error: ") != 1 || strings.Count(got.err, "Try: ") != 1 || got.out != "" {
		r.Errorf("%s: exit %d, want %d: %s%s", name, got.code, code, got.out, got.err)
	}
	r.w.secretless(got.out, got.err)
	text := strings.NewReplacer(r.hide...).Replace(got.err)
	fmt.Fprintf(&r.said, "%s:\n%s\n", name, regexp.MustCompile(`this program knows \d+`).ReplaceAllString(text, "this program knows N"))
}
