package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/internal/sqlite"
)

// Of several that find an interrupted restore at once one finishes it, and all stay.
func TestSeveralShareAFolderAfterAnInterruptedRestore(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	ready := filepath.Join(folder, "restore.ready")
	if err := errors.Join(os.Mkdir(ready, 0o700), os.WriteFile(filepath.Join(ready, tokensFile), []byte("new"), 0o600)); err != nil {
		t.Fatal(err)
	}
	const several = 5
	type stay struct {
		leave func() error
		err   error
	}
	stays := make(chan stay, several)
	for range several {
		go func() {
			leave, err := share(t.Context(), folder, slog.New(slog.DiscardHandler))
			stays <- stay{leave, err}
		}()
	}
	var all []func() error
	for range several {
		s := <-stays
		if s.err != nil {
			t.Fatal(s.err)
		}
		all = append(all, s.leave)
	}
	if b, err := os.ReadFile(filepath.Join(folder, tokensFile)); err != nil || string(b) != "new" || sqlite.Unfinished(folder) {
		t.Errorf("there is %q (%v)", b, err)
	}
	if leave, err := occupy(t.Context(), folder); err == nil {
		t.Errorf("somebody is alone among others: %v", leave())
	}
	for _, leave := range all {
		if err := leave(); err != nil {
			t.Error(err)
		}
	}
	leave, err := occupy(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := leave(); err != nil {
		t.Error(err)
	}
}

// A restore that was killed before anything was decided leaves sign-ins behind until
// somebody comes.
func TestWhatAKilledRestoreLeavesIsCleared(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	left := filepath.Join(folder, "restore.tmp")
	if err := errors.Join(os.Mkdir(left, 0o700), os.WriteFile(filepath.Join(left, tokensFile), []byte("sign-ins"), 0o600)); err != nil {
		t.Fatal(err)
	}
	leave, err := share(t.Context(), folder, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there (%v)", left, err)
	}
	if err := leave(); err != nil {
		t.Error(err)
	}
}

// A doctor that looks whether a bridge runs keeps none from starting at that moment.
func TestALookIsNoBridge(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	release, err := lock(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	looks, err := os.Open(lockFile(folder))
	if err == nil {
		err = syscall.Flock(int(looks.Fd()), syscall.LOCK_SH)
	}
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(10*time.Millisecond, func() { _ = looks.Close() })
	if release, err = lock(folder); err != nil {
		t.Fatal(err)
	}
	if _, err := lock(folder); !errors.Is(err, errLocked) {
		t.Errorf("two at once: %v", err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}

// A doctor that finds a restore in the folder says so, and touches nothing.
func TestDoctorBesideARestore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	config := w.config("")
	if r := w.connect(config, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	leave, err := occupy(t.Context(), w.dir)
	if err != nil {
		t.Fatal(err)
	}
	r := invoke(t, "doctor", "--offline", "--config", config)
	if r.code != exitStorage || !strings.Contains(r.out, errRestoring.Error()) || !strings.Contains(r.out, "the restore comes first") {
		t.Errorf("%+v", r)
	}
	ready := filepath.Join(w.dir, "restore.ready")
	if err := errors.Join(leave(), os.Mkdir(ready, 0o700)); err != nil {
		t.Fatal(err)
	}
	r = invoke(t, "doctor", "--offline", "--config", config)
	if r.code != exitStorage || !strings.Contains(r.out, errInterrupted.Error()) || !sqlite.Unfinished(w.dir) {
		t.Errorf("%+v", r)
	}
}

// While another command makes the databases, one of them is there before the other. It is
// given its time; a file that stays empty is refused.
func TestDatabasesThatAreBeingMade(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		tokens, history := filepath.Join(folder, tokensFile), filepath.Join(folder, historyFile)
		if err := errors.Join(os.WriteFile(tokens, []byte("tokens"), 0o600), os.WriteFile(history, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := filled(t.Context(), tokens, history); err == nil || exitCode(err) != exitStorage || time.Since(began) < patienceForFolder {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		go func() {
			time.Sleep(patienceForFolder / 2)
			if err := os.WriteFile(history, []byte("history"), 0o600); err != nil {
				t.Error(err)
			}
		}()
		began = time.Now()
		if err := filled(t.Context(), tokens, history); err != nil || time.Since(began) >= patienceForFolder {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}
