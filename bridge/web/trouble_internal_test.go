package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// full is an error that says what to do.
type full struct{ error }

func (full) Advice() string { return "Free some space." }

func (f full) Unwrap() error { return f.error }

// TestTrouble says whose fault it is, tells the log the rest, and tells nobody who has
// left.
func TestTrouble(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"storage":  {fmt.Errorf("recall: %w", fitbit.ErrStorage), "The bridge&#39;s own files cannot be read or written; the log says why."},
		"advised":  {fmt.Errorf("recall: %w", full{fitbit.ErrStorage}), "The bridge&#39;s own files cannot be read or written. Free some space."},
		"whatever": {errors.New("an inner secret"), "This did not work; the log says why."},
	} {
		var written strings.Builder
		s := &site{Options: Options{Log: slog.New(slog.NewTextHandler(&written, nil))}, pages: parsePages}
		w := httptest.NewRecorder()
		s.trouble(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/people/anna", nil), "recall", c.err)
		if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), c.want) || strings.Contains(w.Body.String(), "inner secret") {
			t.Errorf("%s: status %d\n%s", name, w.Code, w.Body)
		}
		if !strings.Contains(written.String(), c.err.Error()) {
			t.Errorf("%s: the log does not say why: %s", name, written.String())
		}
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	w := httptest.NewRecorder()
	(&site{}).trouble(w, httptest.NewRequestWithContext(gone, http.MethodGet, "/", nil), "recall", context.Canceled)
	if w.Body.Len() != 0 {
		t.Errorf("told somebody who has left: %s", w.Body)
	}
}

// A page that cannot be made is an error, and not half a page.
func TestPageThatCannotBeMade(t *testing.T) {
	t.Parallel()
	var written strings.Builder
	s := &site{Options: Options{Log: slog.New(slog.NewTextHandler(&written, nil))}, pages: parsePages}
	w := httptest.NewRecorder()
	render(s, w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), http.StatusOK, "overview", struct{ Title string }{"Overview"})
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "<") || !strings.Contains(written.String(), "page=overview") {
		t.Errorf("status %d: %s\n%s", w.Code, w.Body, written.String())
	}
}
