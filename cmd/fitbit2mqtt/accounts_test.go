package main

import (
	"path/filepath"
	"slices"
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
