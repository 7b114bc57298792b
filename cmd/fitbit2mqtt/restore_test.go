package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
)

// saved is a household with anna in it and a backup of it.
func saved(t *testing.T, w *world, config string) (file string) {
	t.Helper()
	if r := w.connect(config, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	file = filepath.Join(t.TempDir(), "home.tar")
	if r := invoke(t, "backup", file, "--config", config); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	return file
}

// swap puts other content into a backup, and says so in its list of contents.
func swap(name string, content []byte) func(*manifest, map[string][]byte) {
	return func(m *manifest, files map[string][]byte) {
		files[name] = content
		digest := sha256.Sum256(content)
		for i, d := range m.Databases {
			if d.Name == name {
				m.Databases[i] = archived{name, int64(len(content)), hex.EncodeToString(digest[:])}
			}
		}
	}
}

// database is one of some kind and version.
func database(t *testing.T, kind int32, version int) []byte {
	t.Helper()
	steps := fstest.MapFS{}
	for n := range version {
		steps[fmt.Sprintf("%04d_more.sql", n+1)] = &fstest.MapFile{Data: fmt.Appendf(nil, "CREATE TABLE t%d (id INTEGER) STRICT", n)}
	}
	path := filepath.Join(t.TempDir(), "made.db")
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Migrations: steps, ApplicationID: kind})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// contents are the databases in a folder, to the last byte.
func contents(t *testing.T, folder string) string {
	t.Helper()
	var all strings.Builder
	for _, name := range []string{tokensFile, historyFile} {
		b, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(name)
		all.Write(b)
	}
	return all.String()
}

// What cannot be restored: one Error line and one Try line, and everything is as it was.
func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	files := t.TempDir()
	r := &refusals{T: t, w: w, config: w.config(""), hide: []string{w.dir, "DATA", files, "FILES"}}
	file := saved(t, w, r.config)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	given := func(name string, content []byte) string {
		path := filepath.Join(files, strings.ReplaceAll(name, " ", "-")+".tar")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	changed := func(name string, change func(*manifest, map[string][]byte)) string {
		b, err := os.ReadFile(rewritten(t, file, change))
		if err != nil {
			t.Fatal(err)
		}
		return given(name, b)
	}
	pipe := filepath.Join(files, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	before := contents(t, w.dir)
	for _, c := range []struct {
		name string
		code int
		file string
	}{
		{"no such file", exitUsage, filepath.Join(files, "absent.tar")},
		{"a folder", exitUsage, files},
		{"no archive", exitUsage, given("letter", []byte("Dear Ben"))},
		{"an empty file", exitUsage, given("empty", nil)},
		{"a pipe that nobody writes to", exitUsage, pipe},
		{"a database", exitUsage, filepath.Join(w.dir, tokensFile)},
		{"cut in its list of contents", exitStorage, given("cut early", whole[:tarBlock+20])},
		{"cut in a database", exitStorage, given("cut", whole[:len(whole)/2])},
		{"cut between two", exitStorage, given("cut between", whole[:2*tarBlock])},
		{"a bit that has flipped", exitStorage, given("flipped", flipped(whole))},
		{"of a format to come", exitStorage, changed("format", func(m *manifest, _ map[string][]byte) { m.Format, m.Version = 2, "v9.0.0" })},
		{"of a format to come, by whoever", exitStorage, changed("strange", func(m *manifest, _ map[string][]byte) { m.Format, m.Version = 2, "\x1b[2J\nError: v9" })},
		{"of no format", exitStorage, changed("formless", func(m *manifest, _ map[string][]byte) { m.Format = 0 })},
		{"without a database", exitStorage, changed("half", func(_ *manifest, files map[string][]byte) { delete(files, historyFile) })},
		{"a list that does not fit", exitStorage, changed("list", func(m *manifest, _ map[string][]byte) { m.Databases[0].Bytes++ })},
		{"another program's database", exitStorage, changed("foreign", swap(tokensFile, database(t, 7, 1)))},
		{"a history for the sign-ins", exitStorage, changed("swapped", func(m *manifest, files map[string][]byte) { swap(tokensFile, files[historyFile])(m, files) })},
		{"no database", exitStorage, changed("text", swap(historyFile, bytes.Repeat([]byte("Dear Ben, "), 500)))},
		{"an empty database", exitStorage, changed("nothing", swap(historyFile, nil))},
		{"a version to come", exitStorage, changed("version", func(m *manifest, files map[string][]byte) {
			m.Version = "v9.0.0"
			swap(historyFile, database(t, 0x66326d68, 99))(m, files)
		})},
	} {
		r.try(c.name, c.code, "restore", c.file, "--yes")
	}
	r.note("a disk that is full half-way", exitStorage, hobbled(t, fullAt(40_000), "restore", given("whole", whole), "--yes", "--config", r.config))
	if after := contents(t, w.dir); after != before {
		t.Error("the data folder has changed")
	}

	r.try("without a yes", exitUsage, "restore", filepath.Join(files, "whole.tar"))
	held, err := share(t.Context(), w.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.try("beside another command", exitStorage, "restore", file)
	if err := held(); err != nil {
		t.Fatal(err)
	}
	held, err = lock(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	r.try("beside a bridge", exitStorage, "restore", file)
	if err := sayPolling(w.dir); err != nil {
		t.Fatal(err)
	}
	r.try("beside a poll", exitStorage, "restore", file)
	if err := held(); err != nil {
		t.Fatal(err)
	}
	held, err = occupy(t.Context(), w.dir)
	if err != nil {
		t.Fatal(err)
	}
	r.try("a command beside a restore", exitStorage, "accounts", "list")
	if err := held(); err != nil {
		t.Fatal(err)
	}
	if c := invoke(t, "restore", file, "--yes", "--config", r.config); c.code != exitOK {
		t.Fatalf("%+v", c)
	}
	r.try("a second time", exitStorage, "restore", file)
	if left, err := filepath.Glob(filepath.Join(w.dir, "restore*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
	golden(t, "testdata/restore.txt", r.said.String())
}

func flipped(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)-10_000] ^= 1
	return b
}

// Sign-ins stay sealed in a backup, and open with their key only; plain ones are sealed
// on arrival where there is a key.
func TestRestoreWithKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	plain := w.config("")
	keyed := func(key string) string {
		b, err := os.ReadFile(plain)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, append(b, []byte("store: {key: "+key+"}\n")...), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one, two := keyed("the-first-key-of-the-household"), keyed("another-key")
	unsealed := saved(t, w, plain)
	w.plain(t, unsealed, true)
	sealed := filepath.Join(t.TempDir(), "sealed.tar")
	if r := invoke(t, "backup", sealed, "--config", one); r.code != exitOK || !strings.Contains(r.out, "The key is not in it") {
		t.Fatalf("%+v", r)
	}
	w.plain(t, sealed, false)
	before := contents(t, w.dir)
	r := &refusals{T: t, w: w, hide: []string{sealed, "FILE"}}
	for name, config := range map[string]string{"another key": two, "no key": plain} {
		r.config, r.said = config, strings.Builder{}
		r.try(name, exitStorage, "restore", sealed, "--yes")
		if !strings.Contains(r.said.String(), "the key that was in use when the backup was made") {
			t.Errorf("it says %s", r.said.String())
		}
	}
	if contents(t, w.dir) != before {
		t.Error("the data folder has changed")
	}
	if c := invoke(t, "restore", sealed, "--yes", "--config", one); c.code != exitOK {
		t.Fatalf("%+v", c)
	}
	if c := invoke(t, "accounts", "refresh", "--config", one); c.code != exitOK {
		t.Errorf("%+v", c)
	}
	for _, config := range []string{two, plain} {
		folder := filepath.Join(t.TempDir(), "new")
		if c := invoke(t, "restore", unsealed, "--data-dir", folder, "--config", config); c.code != exitOK {
			t.Fatalf("%+v", c)
		}
		if c := invoke(t, "accounts", "refresh", "--data-dir", folder, "--config", config); c.code != exitOK {
			t.Errorf("%+v", c)
		}
		again := filepath.Join(t.TempDir(), "again.tar")
		if c := invoke(t, "backup", again, "--data-dir", folder, "--config", config); c.code != exitOK {
			t.Fatalf("%+v", c)
		}
		w.plain(t, again, config == plain)
	}
}

// plain checks whether tokens can be read off a file. The fake cloud's begin like Google's.
func (w *world) plain(t *testing.T, file string, want bool) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := bytes.Contains(b, []byte("ya29.")) || bytes.Contains(b, []byte("1//")); got != want {
		t.Errorf("%s: a token can be read off it: %t, want %t", filepath.Base(file), got, want)
	}
}
