package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/history"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// The history goes with the person. Beside a bridge, which may be writing yet, the
// removal stays on record until the bridge has taken it in.
func TestAccountsRemove(t *testing.T) {
	t.Parallel()
	for _, beside := range []bool{false, true} {
		t.Run(map[bool]string{false: "alone", true: "beside a bridge"}[beside], func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "anna")
			config := w.config("")
			if r := w.connect(config, "anna"); r.code != exitOK {
				t.Fatalf("%+v", r)
			}
			tokens, err := tokenstore.Open(t.Context(), tokenstore.Options{Path: filepath.Join(w.dir, "tokens.db")})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = tokens.Close() })
			past, err := history.Open(t.Context(), history.Options{Path: filepath.Join(w.dir, "history.db")})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = past.Close() })
			a, err := tokens.Account(t.Context(), "anna")
			if err == nil {
				err = past.Record(t.Context(), a.UID, bridge.Entry{Profile: &bridge.Profile{HeightMetres: 1.7}})
			}
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			if beside {
				release, err := lock(w.dir)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = release() })
				want = []string{a.UID}
			}
			if r := invoke(t, "accounts", "remove", "anna", "--yes", "--config", config); r.code != exitOK {
				t.Fatalf("%+v", r)
			}
			if p, err := past.Recall(t.Context(), a.UID); err != nil || p.Profile.HeightMetres != 0 {
				t.Errorf("still known: %+v (%v)", p, err)
			}
			if got, err := tokens.Removed(t.Context()); err != nil || !slices.Equal(got, want) {
				t.Errorf("on record: %v (%v), want %v", got, err, want)
			}
		})
	}
}

// Who cannot be asked has not said yes, whatever comes from where a terminal might be.
func TestNobodyIsRemovedUnasked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "anna")
	config := w.config("")
	if r := w.connect(config, "anna"); r.code != exitOK {
		t.Fatalf("%+v", r)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = null.Close() })
	file, err := os.Create(filepath.Join(t.TempDir(), "answers"))
	if err == nil {
		_, err = file.WriteString("y\n")
	}
	if _, serr := file.Seek(0, io.SeekStart); err != nil || serr != nil {
		t.Fatal(err, serr)
	}
	t.Cleanup(func() { _ = file.Close() })
	for _, in := range []io.Reader{null, file, strings.NewReader("y\n")} {
		var out, said bytes.Buffer
		code := run(t.Context(), []string{"accounts", "remove", "anna", "--config", config}, stdio{in: in, out: &out, err: &said})
		if code != exitUsage || out.Len() != 0 || said.String() != "Error: nothing was removed: there is no terminal to ask at\nTry: add --yes\n" {
			t.Errorf("%T: exit %d: %s%s", in, code, &out, &said)
		}
	}
	if r := invoke(t, "accounts", "--config", config); !strings.Contains(r.out, "anna") {
		t.Errorf("%+v", r)
	}
}

// At a terminal only a yes is one.
func TestAsked(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]bool{"y\n": true, "Y\n": true, "y": true, "n\n": false, "\n": false, "": false, "yo\n": false} {
		var said bytes.Buffer
		if got := asked(&said, strings.NewReader(answer), "Remove anna?"); got != want || said.String() != "Remove anna? [y/N] " {
			t.Errorf("%q: %t, want %t; it says %q", answer, got, want, said.String())
		}
	}
}
