package web_test

import (
	"context"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// openFormer starts the cloud that people are to move away from. It is of Google's make,
// knows people by their former ids, and sends browsers back to an address of its own.
func (h *house) openFormer(p plan) signin.Cloud {
	redirect := h.url + "/former/callback"
	var c signin.Cloud
	h.former, c = h.newCloud(p.people, redirect, fakecloud.App{ClientID: formerID, ClientSecret: formerSecret, RedirectURLs: []string{redirect}})
	source := c.Source
	c.Source = func(t fitbit.Tokens) fitbit.Source { return former{source(t)} }
	c.Successor, c.Guide = "google", fitbit.Guide{
		Cloud: "Former Health", Brand: "Former", Account: "Former login", App: "Former app",
		Why:      "Former wants one for every house.",
		Steps:    []string{"Register. Open [its list](https://former.example/apps), type *Personal*, tick {scopes} and add {redirect} exactly.", "Type `yes`."},
		ClientID: "23ABCD", NoSecret: true,
		Warning:  "Former asks *twice*.",
		Refusals: []fitbit.Refusal{{Shown: "invalid_redirect", Means: "Add exactly {redirect}."}},
		Permits:  "https://former.example/permits",
	}
	return c
}

// former knows people by the ids that they had before.
type former struct{ fitbit.Source }

func (f former) Identity(ctx context.Context) (fitbit.Identity, error) {
	id, err := f.Source.Identity(ctx)
	return fitbit.Identity{User: id.Former}, err
}

// silent does not say who people were.
type silent struct{ fitbit.Source }

func (s silent) Identity(ctx context.Context) (fitbit.Identity, error) {
	id, err := s.Source.Identity(ctx)
	id.Former = ""
	return id, err
}
