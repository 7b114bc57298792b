package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
)

// names is a bridge that knows people by these, and takes in nothing new.
type names []string

func (names) Report(context.Context) (bridge.Report, error) { return bridge.Report{}, nil }
func (names) PollNow(string) bool                           { return false }
func (names) Sync(context.Context)                          {}

func (n names) Person(name string) (bridge.PersonReport, bool) {
	return bridge.PersonReport{}, slices.Contains(n, name)
}

// anyName lets everybody be called as they like.
type anyName struct{}

func (anyName) Rename(context.Context, string, string) error { return nil }

// Whoever is renamed while the bridge is busy is not led to a page that is not there.
func TestRenameThatTheBridgeHasNotSeen(t *testing.T) {
	t.Parallel()
	for want, known := range map[string]names{"../../": {"anna"}, "../../people/anne?renamed=yes": {"anna", "anne"}} {
		s := &site{Options: Options{Bridge: known, Accounts: anyName{}, Log: slog.New(slog.DiscardHandler)}}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/people/anna/rename", nil)
		r.SetPathValue("name", "anna")
		r.PostForm = url.Values{"to": {"anne"}}
		w := httptest.NewRecorder()
		s.rename(w, r)
		if got := w.Header().Get("Location"); w.Code != http.StatusSeeOther || got != want {
			t.Errorf("known are %v: status %d, to %q", known, w.Code, got)
		}
	}
}
