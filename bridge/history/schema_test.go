package history_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
)

var update = flag.Bool("update", false, "write the file of a new schema version")

// dump writes a database as the statements that make it again.
const dump = `SELECT coalesce(group_concat(sql || ';', char(10)), '') FROM
	(SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY name)`

// Every version that was ever released is kept as it came out, with data in it.
func TestEveryOldVersionIsBroughtUpToDate(t *testing.T) {
	t.Parallel()
	_, fresh := newStore(t)
	var version int
	var schema string
	if err := raw(t, fresh).QueryRow("SELECT user_version, ("+dump+") FROM pragma_user_version").Scan(&version, &schema); err != nil {
		t.Fatal(err)
	}
	newest := filepath.Join("testdata", fmt.Sprintf("v%d.db", version))
	if *update {
		keep(t, newest)
	}
	if _, err := os.Stat(newest); err != nil {
		t.Errorf("run with -update to keep a file of the newest version: %v", err)
	}
	old, err := filepath.Glob(filepath.Join("testdata", "v*.db"))
	if err != nil || len(old) != version {
		t.Fatalf("%d files of %d versions, %v", len(old), version, err)
	}
	for _, name := range old {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "history.db")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, path)
		wantPast(t, s, "u1", entry(full()).past())
		if owed, err := s.Owed(t.Context(), "u1", 9); err != nil || len(owed) != 1 || owed[0].Event.ID != "w1" {
			t.Errorf("%s: owed %v, %v", name, owed, err)
		}
		if buried, err := s.Buried(t.Context()); err != nil || len(buried) != 1 {
			t.Errorf("%s: buried %v, %v", name, buried, err)
		}
		var got string
		if err := raw(t, path).QueryRow(dump).Scan(&got); err != nil || got != schema {
			t.Errorf("%s became\n%s\nwant\n%s\n%v", name, got, schema, err)
		}
	}
}

// Until version 2 nobody could move, and all readings were of the cloud whose name the
// identity begins with.
func TestWhoseWordItWas(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join("testdata", "v1.db"))
	if err != nil {
		t.Fatal(err)
	}
	for identity, want := range map[string]string{"fitbit:0123:4": "fitbit", "": "", "nobody knows": ""} {
		path := filepath.Join(t.TempDir(), "history.db")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := raw(t, path).Exec(`UPDATE person SET identity = ?; UPDATE weight SET deleted_at = 'then' WHERE id = 'w2';
			INSERT INTO weight SELECT 'of nobody', id, weigh_in, measured_at, kg, device, recorded, deleted_at FROM weight WHERE id = 'w1'`, identity)
		if err != nil {
			t.Fatal(err)
		}
		p, err := open(t, path).Recall(t.Context(), "u1")
		if err != nil || len(p.Weights) != 1 || len(p.Fats) != 1 || len(p.Devices) != 2 {
			t.Fatalf("%q: %+v, %v", identity, p, err)
		}
		for _, got := range []string{p.Profile.Cloud, p.Profile.HeartCloud, p.Weights[0].Cloud, p.Fats[0].Cloud, p.Devices[0].Cloud} {
			if got != want {
				t.Errorf("%q: cloud %q, want %q", identity, got, want)
			}
		}
		if d := p.Devices[0]; d.ID != "s1" || d.CloudID != "s1" {
			t.Errorf("device %+v", d)
		}
		var deleted, others string
		err = raw(t, path).QueryRow(`SELECT (SELECT deleted_at FROM weight WHERE id = 'w2'), (SELECT cloud FROM weight WHERE uid = 'of nobody')`).Scan(&deleted, &others)
		if err != nil || deleted != "then" || others != "" {
			t.Errorf("%q: deleted %q, nobody's are of %q, %v", identity, deleted, others, err)
		}
	}
}

// keep writes a file as this version would leave it.
func keep(t *testing.T, path string) {
	t.Helper()
	s, from := newStore(t)
	record(t, s, "u1", full())
	shelve(t, s, "u1")
	if err := s.Bury(t.Context(), bridge.Message{Topic: "a", Payload: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(path)
	if _, err := raw(t, from).Exec("VACUUM INTO ?", path); err != nil {
		t.Fatal(err)
	}
}

// The file is meant to be copied and queried by anybody in the house.
func TestNoSecretsInTheFile(t *testing.T) {
	t.Parallel()
	_, path := newStore(t)
	rows, err := raw(t, path).Query(`SELECT m.name || '.' || c.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table'`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var columns []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		columns = append(columns, name)
	}
	secret := func(name string) bool {
		return slices.ContainsFunc([]string{"token", "secret", "code", "key", "password", "user"}, func(s string) bool { return strings.Contains(name, s) })
	}
	if rows.Err() != nil || len(columns) < 40 || slices.ContainsFunc(columns, secret) {
		t.Errorf("columns: %v, %v", columns, rows.Err())
	}
}

// Until version 4 single heart rates were packed in another way: exports fetch them again.
func TestSamplesOfBeforeAreFetchedAgain(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join("testdata", "v3.db"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "history.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := raw(t, path).Exec(`DELETE FROM fetched; INSERT INTO fetched VALUES
		('u9', 'heart_samples', '2026-11-20', '', 'google', '', x'00'), ('u9', 'hrv', '2026-11-20', '', 'google', '', x'00')`); err != nil {
		t.Fatal(err)
	}
	open(t, path)
	var left string
	if err := raw(t, path).QueryRow(`SELECT group_concat(metric) FROM fetched`).Scan(&left); err != nil || left != "hrv" {
		t.Errorf("left is %q, %v", left, err)
	}
}
