package recorder_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/recorder"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/internal/homeassistant"
)

const weight = "sensor.anna_weight"

// house is a Home Assistant and an administrator's token for it.
type house struct {
	*homeassistant.Hub
	t     *testing.T
	url   string
	token string
}

func newHouse(t *testing.T, version string) *house {
	t.Helper()
	h := &house{Hub: homeassistant.New(version), t: t}
	h.token = h.Token(true)
	h.url = serve(t, h.Hub)
	h.Put(homeassistant.Entity{ID: weight, UniqueID: "fitbit2mqtt_1_weight"})
	return h
}

func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

func (h *house) options() recorder.Options {
	return recorder.Options{Address: address(h.t, h.url), Token: h.token, Patience: 5 * time.Second}
}

func address(t *testing.T, s string) recorder.Address {
	t.Helper()
	a, err := recorder.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (h *house) dial() *recorder.Hub {
	h.t.Helper()
	hub, err := recorder.Dial(h.t.Context(), h.options())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = hub.Close() })
	return hub
}

// push compares and writes.
func (h *house) push(s recorder.Series) (recorder.Plan, error) {
	h.t.Helper()
	return push(h.t.Context(), h.dial(), s, nil)
}

func push(ctx context.Context, hub *recorder.Hub, s recorder.Series, progress func(int)) (recorder.Plan, error) {
	p, err := hub.Compare(ctx, s)
	if err == nil {
		err = hub.Write(ctx, p, progress)
	}
	return p, err
}

// mornings are so many days of one weigh-in at seven each.
func mornings(days int) recorder.Series {
	s := recorder.Series{Entity: weight, Unit: recorder.Kilograms}
	for i := range days {
		v := 80 - float64(i%40)/10
		s.Hours = append(s.Hours, recorder.Hour{Start: day.AddDate(0, 0, i), Mean: v, Min: v, Max: v})
	}
	return s
}

var day = time.Date(2025, 1, 1, 6, 0, 0, 0, time.UTC)

// wantTrouble checks an error's kind, words and advice, and that it holds no secret.
func wantTrouble(t *testing.T, err, kind error, says, advises string, secrets ...string) {
	t.Helper()
	if _, ok := errors.AsType[*recorder.HubError](err); !ok || !errors.Is(err, kind) {
		t.Fatalf("got %v, want one of %v", err, kind)
	}
	text := err.Error() + "\n" + fitbit.Hint(err)
	if !strings.Contains(err.Error(), says) || !strings.Contains(fitbit.Hint(err), advises) || strings.Count(text, "\n") != 1 {
		t.Errorf("got\n%s\nwant %q and %q", text, says, advises)
	}
	for _, s := range secrets {
		if strings.Contains(text, s) {
			t.Errorf("%q shows in %s", s, text)
		}
	}
}
