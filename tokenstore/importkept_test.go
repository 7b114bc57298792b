package tokenstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// A reply that nobody could use for long is renewed first, through the client that it
// was got with, and so is one whose access token the cloud refuses.
func TestAKeptReplyGrowsOld(t *testing.T) {
	now := time.Now().Truncate(time.Millisecond)
	s := open(t, tokenstore.Options{Now: func() time.Time { return now }})
	c := cloud{change: func(g *fitbit.Grant) { g.Scopes, g.SignInExpires = []string{"weight"}, now.Add(1000*time.Hour) }}
	takeOver(t, s, c.spend)
	now = now.Add(24 * time.Hour)
	c.change = func(g *fitbit.Grant) { g.Expiry = now.Add(8 * time.Hour) }
	in := importOfAnna()
	in.Client.ID = "another"
	got, err := s.TakeOver(t.Context(), in, "", func(ctx context.Context, client, refreshToken string) (fitbit.Grant, error) {
		if client != "23ABCD" {
			t.Errorf("spent through %s", client)
		}
		return c.refresh(ctx, refreshToken)
	})
	if err != nil || got.Grant.AccessToken != grant(3).AccessToken || len(got.Grant.Scopes) != 1 || got.Grant.SignInExpires.IsZero() {
		t.Errorf("got %+v (%v)", got.Grant.Scopes, err)
	}
	_, err = s.Client(t.Context(), "fitbit", "another")
	wantErr(t, err, tokenstore.ErrNoClient)
	in = importOfAnna()
	in.Client.Secret = secret + "unproven"
	for range 2 { // the second caller was refused as well, and finds it done
		got, err = s.TakeOver(t.Context(), in, grant(3).AccessToken, c.spend)
		if err != nil || got.Grant.AccessToken != grant(4).AccessToken {
			t.Errorf("got another token (%v)", err)
		}
	}
	if kept, err := s.Client(t.Context(), "fitbit", "23ABCD"); err != nil || kept != importOfAnna().Client {
		t.Errorf("the client that has proven good was replaced (%v)", err)
	}
	if a := settle(t, s, got); a.Client != "23ABCD" || storedRefreshToken(t, s) != grant(4).RefreshToken {
		t.Errorf("account is %+v", a)
	}
	if requests, _ := c.counts(); requests != 3 {
		t.Errorf("%d requests", requests)
	}
}

// A token that lives for less than a minute is no reason to spend the next one.
func TestAShortLivedReply(t *testing.T) {
	s := open(t, tokenstore.Options{})
	c := cloud{change: func(g *fitbit.Grant) { g.Expiry = time.Now().Add(time.Second) }}
	if got := takeOver(t, s, c.spend); got.Grant.AccessToken != grant(2).AccessToken {
		t.Error("another token")
	}
	if requests, _ := c.counts(); requests != 1 {
		t.Errorf("%d requests", requests)
	}
}

// A refresh token that may be used again stays that of the account.
func TestATokenThatIsNotReplaced(t *testing.T) {
	s := open(t, tokenstore.Options{})
	c := cloud{change: func(g *fitbit.Grant) { g.RefreshToken = "" }}
	settle(t, s, takeOver(t, s, c.spend))
	if got := storedRefreshToken(t, s); got != grant(1).RefreshToken {
		t.Errorf("refresh token is %q", got)
	}
}
