package bridge

import (
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// devicesOf reads devices written as "id name", trackers with a star.
func devicesOf(text string) (list []fitbit.Device) {
	for _, d := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' }) {
		id, name, _ := strings.Cut(strings.TrimSpace(d), " ")
		device := fitbit.Device{ID: id, Name: strings.TrimSuffix(name, "*"), Type: fitbit.Scale}
		if strings.HasSuffix(name, "*") {
			device.Type = fitbit.Tracker
		}
		list = append(list, device)
	}
	return list
}

func TestNameDevices(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, before, after, want string }{
		{"the only ones of their name", "s Aria, t Sense*", "9 Sense*, A Aria", "s=A t=9"},
		{"the order of the ids before", "a Aria, b Air", "1 Air, 2 Aria", "a=2 b=1"},
		{"two of a name before", "s Aria, r Aria", "A Aria", "A=A"},
		{"two of a name there", "s Aria", "A Aria, B Aria", "A=A B=B"},
		{"a scale is no tracker", "s Aria", "A Aria*", "A=A"},
		{"another name", "s Aria", "A Aria Air", "A=A"},
		{"without names", "s ", "A ", "s=A"},
		{"a new one beside it", "s Aria", "A Aria, t Sense*", "s=A t=t"},
		{"an id that another keeps", "s Aria", "s Sense*, A Aria", "s=A s_=s"},
		{"nothing before", "", "A Aria", "A=A"},
		{"nothing there", "s Aria", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			show := func(list []KnownDevice) string {
				var words []string
				for _, d := range list {
					words = append(words, d.ID+"="+d.CloudID)
				}
				return strings.Join(words, " ")
			}
			known := nameDevices(nil, devicesOf(c.before), "fitbit")
			moved := nameDevices(known, devicesOf(c.after), "google")
			if got := show(moved); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if got := show(nameDevices(moved, devicesOf(c.after), "google")); got != c.want {
				t.Errorf("listed again: %q, want %q", got, c.want)
			}
			for _, d := range moved {
				if d.Cloud != "google" {
					t.Errorf("%+v", d)
				}
			}
		})
	}
	// Paired anew in the same cloud: that is another one, as ever.
	known := nameDevices(nil, devicesOf("s Aria"), "google")
	if got := nameDevices(known, devicesOf("A Aria"), "google")[0].ID; got != "A" {
		t.Errorf("got %s", got)
	}
}
