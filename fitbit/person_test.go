package fitbit_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "anna", "anna-2_b", "0", "-", "bridges", strings.Repeat("a", 32)} {
		if err := fitbit.CheckName(name); err != nil {
			t.Errorf("%q is refused: %v", name, err)
		}
	}
	for _, name := range []string{"", "bridge", "Anna", "änna", "an na", "anna\n", "anna/body", "#", "+", "a.b", strings.Repeat("a", 33), "a\x00", "\xff"} {
		if err := fitbit.CheckName(name); err == nil || !strings.Contains(err.Error(), fitbit.NameRule) {
			t.Errorf("%q: error is %v, want one with the rule", name, err)
		}
	}
}

// FuzzCheckName: what is allowed can stand in a topic, a file name and a log line;
// what is not is refused in one short line.
func FuzzCheckName(f *testing.F) {
	for _, seed := range []string{"anna", "bridge", "", "a/b", "a\nb", "+", strings.Repeat("é", 40)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		err := fitbit.CheckName(name)
		plain := len(name) >= 1 && len(name) <= 32 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
		if (err == nil) != (plain && name != fitbit.ReservedName) {
			t.Errorf("%q: error is %v", name, err)
		}
		if err != nil && (len(err.Error()) > 600 || strings.ContainsAny(err.Error(), "\n\r\x00")) {
			t.Errorf("%q: the error is %q", name, err)
		}
	})
}

// TestGrantIsNeverShown: not by any verb, nor inside of something else, nor in a log.
func TestGrantIsNeverShown(t *testing.T) {
	g := fitbit.Grant{AccessToken: "SECRET-1", RefreshToken: "SECRET-2"}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("m", "grant", g, "pointer", &g)
	slog.New(slog.NewTextHandler(&logged, nil)).Info("m", "grant", g, "pointer", &g)
	in := struct{ G fitbit.Grant }{g}
	all := logged.String() + fmt.Sprintf("%v %+v %#v %s %q %v %+v %#v %v", g, g, g, g, g, in, in, in, &g)
	if strings.Contains(all, "SECRET") || !strings.Contains(all, "redacted") {
		t.Errorf("the grant shows as %s", all)
	}
}

func TestCloudError(t *testing.T) {
	err := fmt.Errorf("anna: %w", &fitbit.CloudError{
		Kind: fitbit.ErrSetup, Reason: "SERVICE_DISABLED", Detail: "it is off", Hint: "turn it on", Cause: io.EOF,
	})
	if want := "anna: set-up required: it is off (SERVICE_DISABLED): EOF"; err.Error() != want {
		t.Errorf("error is %q, want %q", err, want)
	}
	if !errors.Is(err, fitbit.ErrSetup) || !errors.Is(err, io.EOF) || errors.Is(err, fitbit.ErrPermission) {
		t.Errorf("%v is of the wrong kind", err)
	}
	if got := fitbit.Hint(err); got != "turn it on" {
		t.Errorf("hint is %q", got)
	}
	bare := &fitbit.CloudError{Kind: fitbit.ErrRetired}
	if bare.Error() != "source retired" || !errors.Is(bare, fitbit.ErrRetired) || fitbit.Hint(bare) != "" || fitbit.Hint(io.EOF) != "" || fitbit.Hint(nil) != "" {
		t.Errorf("the bare error is %q", bare)
	}
}

// advised is an error of a room that this package does not know.
type advised struct{ error }

func (advised) Advice() string { return "free some space" }

func TestHintsComeFromAnyRoom(t *testing.T) {
	if got := fitbit.Hint(fmt.Errorf("record: %w", errors.Join(io.EOF, advised{fitbit.ErrStorage}))); got != "free some space" {
		t.Errorf("hint is %q", got)
	}
}

func TestRateLimitError(t *testing.T) {
	err := fmt.Errorf("anna: %w", &fitbit.RateLimitError{Until: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)})
	if !errors.Is(err, fitbit.ErrUnavailable) || errors.Is(err, fitbit.ErrSetup) || !strings.HasSuffix(err.Error(), "2026-11-20T12:00:00Z") {
		t.Errorf("error is %v", err)
	}
}
