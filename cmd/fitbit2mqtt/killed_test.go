package main

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
)

// A backup is killed again and again: under its name is a whole one, always.
func TestBackupKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	config := w.config("")
	if r := w.connect(config, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	remember(t, w.history(t), "0123456789ab", 3000)
	file := filepath.Join(t.TempDir(), "home.tar")
	random := rand.New(rand.NewPCG(3, 4))
	whole := 0
	for range 20 {
		c := child(t, "backup", file, "--config", config)
		pause(t, random, 150*time.Millisecond)
		kill(t, c)
		a, err := openArchive(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		folder := t.TempDir()
		if err := a.unpack(func(name string) string { return filepath.Join(folder, name) }, tokensFile, historyFile); err != nil {
			t.Error(err)
		}
		_ = a.close()
		whole++
	}
	left := len(names(t, filepath.Dir(file)))
	if r := invoke(t, "backup", file, "--config", config); r.code != exitOK {
		t.Errorf("%+v", r)
	}
	if all := names(t, filepath.Dir(file)); len(all) != 1 {
		t.Errorf("the killed ones have left %v", all)
	}
	t.Logf("a backup was there %d times of 20; besides it were %d names in the end", whole, left)
	if r := invoke(t, "accounts", "refresh", "anna", "--config", config); r.code != exitOK {
		t.Errorf("%+v", r)
	}
}

// A restore that was killed once it was decided is finished by whatever comes next.
func TestAnInterruptedRestoreIsFinished(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna", "ben")
	config := w.config("")
	file := saved(t, w, config)
	if r := w.connect(config, "ben"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	a, err := openArchive(file)
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	ready := filepath.Join(w.dir, "restore.ready")
	if err := os.Mkdir(ready, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := a.unpack(func(name string) string { return filepath.Join(ready, name) }, tokensFile, historyFile); err != nil {
		t.Fatal(err)
	}
	// Several come at once: one of them does it, once.
	var commands []*command
	for range 5 {
		commands = append(commands, begin(t, "accounts", "list", "--format", "json", "--config", config))
	}
	for _, c := range commands {
		r := c.wait()
		if r.code != exitOK || !strings.Contains(r.out, "anna") || strings.Contains(r.out, "ben") {
			t.Errorf("%+v", r)
		}
	}
	if sqlite.Unfinished(w.dir) {
		t.Error("it is not finished")
	}
	if _, err := os.Stat(filepath.Join(w.dir, tokensFile+sqlite.Kept)); err != nil {
		t.Error(err)
	}
}

// A restore is killed again and again: afterwards there is all of the old state or all of
// the new one, and whatever comes next works with it.
func TestRestoreKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna", "ben")
	config := w.config("")
	file := saved(t, w, config)
	if r := w.connect(config, "ben"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	past := w.history(t)
	remember(t, past, "0123456789ab", 100)
	if err := past.Close(); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(t.TempDir(), "old.tar")
	if r := invoke(t, "backup", old, "--config", config); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	random := rand.New(rand.NewPCG(5, 6))
	became := make(map[bool]int)
	for range 30 {
		w.dir = filepath.Join(t.TempDir(), "data")
		config = w.config("")
		if r := invoke(t, "restore", old, "--config", config); r.code != exitOK {
			t.Fatalf("%+v", r)
		}
		c := child(t, "restore", file, "--yes", "--config", config)
		pause(t, random, 250*time.Millisecond)
		kill(t, c)
		r := invoke(t, "accounts", "list", "--config", config)
		replaced := !strings.Contains(r.out, "ben")
		if r.code != exitOK || !strings.Contains(r.out, "anna") {
			t.Errorf("%+v", r)
		}
		got, err := w.history(t).Recall(t.Context(), "0123456789ab")
		if err != nil || len(got.Weights) == 0 != replaced {
			t.Errorf("of the sign-ins those of the backup: %t; of the readings, %d are older (%v)", replaced, len(got.Weights), err)
		}
		became[replaced]++
	}
	t.Logf("killed before it was decided %d times, after that %d times", became[false], became[true])
}
