package bridge

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

func TestStateOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want State
	}{
		{nil, StateOK},
		{fitbit.ErrPermission, StateOK}, // that metric only
		{fitbit.ErrNoData, StateOK},
		{fitbit.ErrReauthRequired, StateSignInRequired},
		{fitbit.ErrSetup, StateSetupRequired},
		{fitbit.ErrRetired, StateSourceRetired},
		{&fitbit.RateLimitError{}, StateRateLimited},
		{fitbit.ErrUnavailable, StateUnavailable},
		{fitbit.ErrStorage, StateStorageError},
		{fitbit.ErrProtocol, StateError},
		{errors.New("anything"), StateError},
		{fmt.Errorf("wrapped: %w", &fitbit.RateLimitError{}), StateRateLimited},
		{&fitbit.CloudError{Kind: fitbit.ErrSetup, Cause: fitbit.ErrUnavailable}, StateSetupRequired},
	} {
		if got := StateOf(c.err); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
}

func TestTheMostUrgentTroubleIsShown(t *testing.T) {
	t.Parallel()
	order := []error{
		fitbit.ErrPermission, fitbit.ErrProtocol, fitbit.ErrUnavailable, &fitbit.RateLimitError{},
		fitbit.ErrSetup, fitbit.ErrStorage, fitbit.ErrReauthRequired, fitbit.ErrRetired,
	}
	for i := range order[1:] {
		for _, list := range []troubles{{"a": order[i], "b": order[i+1]}, {"a": order[i+1], "b": order[i]}} {
			if _, cause := list.worst(); !errors.Is(cause, order[i+1]) && cause != order[i+1] { //nolint:errorlint // the very same
				t.Errorf("of %v it is %v", list, cause)
			}
		}
	}
	list := troubles{fitbit.HRV: fitbit.ErrPermission, fitbit.DevicesMetric: fitbit.ErrPermission, fitbit.WeightMetric: fitbit.ErrProtocol}
	if got := list.missing([]fitbit.Metric{fitbit.HeartZones, fitbit.DevicesMetric}); !slices.Equal(got, []fitbit.Metric{"devices", "heart_zones", "hrv"}) {
		t.Errorf("missing: %v", got)
	}
}

// Whoever has no terminal is told where the page is, if that is known.
func TestHintsNameThePage(t *testing.T) {
	t.Parallel()
	lost := &fitbit.CloudError{Kind: fitbit.ErrReauthRequired, Hint: "sign in again: fitbit2mqtt connect ACCOUNT"}
	for page, want := range map[string]string{
		"":                            "sign in again: fitbit2mqtt connect anna",
		"https://home.example/fitbit": "sign in again at https://home.example/fitbit/people/anna, or with: fitbit2mqtt connect anna",
	} {
		p := &person{b: New(Options{PanelURL: page}), account: Account{Name: "anna"}}
		if got := p.hint(lost); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if got := p.hint(&fitbit.CloudError{Kind: fitbit.ErrUnavailable, Hint: "wait"}); got != "wait" {
			t.Errorf("%q", got)
		}
	}
}

func TestTopics(t *testing.T) {
	t.Parallel()
	to := topics{prefix: "my/house"}
	if got := to.of("anna", "body"); got != "my/house/anna/body" {
		t.Error(got)
	}
	for topic, want := range map[string]string{
		"my/house/anna/command/poll": "anna", "my/house/anna/body": "", "other/anna/command/poll": "", "my/house/command/poll": "",
	} {
		if got, ok := to.pollCommand(topic); ok != (want != "") || ok && got != want {
			t.Errorf("%s is a poll of %q, %t", topic, got, ok)
		}
	}
	for topic, want := range map[string]string{
		"my/house/anna/body": "anna", "my/house/anna/heart": "anna", "my/house/anna/connection": "anna",
		"my/house/anna/availability": "anna", "my/house/anna/device/1": "anna", "my/house/anna/weigh_in": "",
		"my/house/bridge/state": "", "my/house/bridge/device/x": "", "other/anna/body": "", "my/house/anna": "",
		"my/house/anna/note": "",
	} {
		if got, ok := to.owner(topic); ok != (want != "") || got != want {
			t.Errorf("%s belongs to %q, %t", topic, got, ok)
		}
	}
}

func TestEarly(t *testing.T) {
	t.Parallel()
	for range 1000 {
		if d := early(time.Minute); d < 54*time.Second || d > time.Minute {
			t.Fatalf("a minute became %s", d)
		}
	}
}
