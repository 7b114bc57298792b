package webapi_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/rest"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/webapi"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// household is one person's sign-in at a cloud with single-use refresh tokens, kept in
// a file that two programs have open, on a machine whose clock is wrong at times.
type household struct {
	*testing.T
	rng   *rand.Rand
	cloud *fakecloud.Clock // the true time
	house *fakecloud.Clock // what the household takes for it
	fake  *fakecloud.Cloud
	url   string
	http  *http.Client
	app   webapi.App

	path, uid string
	stores    [2]*tokenstore.Store
	people    [2]*webapi.Client

	underWay sync.WaitGroup // refreshes
	mu       sync.Mutex
	spent    map[string]bool // refresh tokens that were sent from this process
	tally    tally
}

func newHousehold(t *testing.T, seed uint64) *household {
	t.Helper()
	h := &household{
		T: t, rng: rand.New(rand.NewPCG(seed, 4)), cloud: fakecloud.NewClock(noon()), house: fakecloud.NewClock(noon()),
		http: rest.NewHTTPClient(), path: filepath.Join(t.TempDir(), "tokens.db"), spent: map[string]bool{},
		tally: tally{faults: map[fakecloud.FaultKind]int{}},
	}
	h.fake = fakecloud.New(fakecloud.Options{
		Now:    h.cloud.Now,
		Apps:   []fakecloud.App{{ClientID: clientID, ClientSecret: secret, RedirectURLs: []string{callbackURL}}},
		Fitbit: fakecloud.FitbitOptions{PerHour: -1},
	})
	anna := h.fake.AddPerson(fakecloud.PersonOptions{Name: "anna", Location: berlin(t)})
	server := httptest.NewServer(h.fake)
	h.url, h.app = server.URL, chaosApp(server.URL, h.http, h.house.Now)
	t.Cleanup(func() {
		for _, s := range h.stores {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		h.http.CloseIdleConnections()
		server.Close()
	})
	l := lab{fake: h.fake, clock: h.cloud, anna: anna, url: server.URL}
	attempt, code := l.consent(t, h.app)
	g, err := h.app.Exchange(t.Context(), attempt, code)
	if err != nil {
		t.Fatal(err)
	}
	h.open(0)
	a, err := h.stores[0].Connect(t.Context(), tokenstore.SignIn{Name: "anna", Backend: "fitbit", User: "ZZ9PLU", Grant: g, Client: clientID})
	if err != nil {
		t.Fatal(err)
	}
	h.uid = a.UID
	h.open(0)
	h.open(1)
	h.fake.ResetRequests()
	return h
}

func chaosApp(url string, client *http.Client, now func() time.Time) webapi.App {
	return webapi.App{
		ClientID: clientID, ClientSecret: secret, AuthURL: url + "/oauth2/authorize", TokenURL: url + "/oauth2/token", HTTP: client, Now: now,
	}
}

// open opens one of the two stores, and closes it first if it is open.
func (h *household) open(i int) {
	h.Helper()
	if s := h.stores[i]; s != nil {
		if err := s.Close(); err != nil {
			h.Error(err)
		}
		h.tally.reopened++
	}
	s, err := tokenstore.Open(h.Context(), tokenstore.Options{Path: h.path, Now: h.house.Now})
	if err != nil {
		h.Fatal(err)
	}
	h.stores[i] = s
	h.people[i] = webapi.New(webapi.Options{Endpoint: h.url, Tokens: s.Tokens(h.uid, "fitbit", h.refresh), HTTP: h.http, Now: h.house.Now})
}

func (h *household) refresh(ctx context.Context, refreshToken string) (fitbit.Grant, error) {
	h.underWay.Add(1)
	defer h.underWay.Done()
	h.mu.Lock()
	h.spent[refreshToken] = true
	h.mu.Unlock()
	return h.app.Refresh(ctx, refreshToken)
}

// ask fetches something through one of the stores. Whatever goes wrong, it must not be
// that somebody has to sign in again.
func (h *household) ask(ctx context.Context, i int) error {
	_, err := h.people[i].Settings(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tally.calls++
	switch {
	case err == nil:
	case errors.Is(err, fitbit.ErrReauthRequired):
		h.tally.lockedOut++
		h.Errorf("locked out at %v, after %d refreshes: %v", h.cloud.Now(), h.tally.rotations, err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		h.tally.givenUp++
	case errors.Is(err, fitbit.ErrUnavailable):
		h.tally.failed++
	default:
		h.Errorf("error is %v", err)
	}
	if leaks(err) {
		h.Errorf("a secret is in %v", err)
	}
	return err
}

// pass lets time go by, for the cloud and for the household.
func (h *household) pass(d time.Duration) {
	h.cloud.Advance(d)
	h.house.Advance(d)
}

// jump sets the household's clock to a time that is wrong by some hours, or right.
func (h *household) jump() {
	wrong := time.Duration(h.rng.IntN(13)-6) * time.Hour
	h.house.Set(h.cloud.Now().Add(wrong))
	h.tally.jumps++
}

// trouble is a fault of the token endpoint.
func (h *household) trouble() fakecloud.Fault {
	faults := []fakecloud.Fault{
		{Kind: fakecloud.DropReply},
		{Kind: fakecloud.DropReply},
		{Kind: fakecloud.Truncated},
		{Kind: fakecloud.Truncated},
		{Kind: fakecloud.Conflict},
		{Kind: fakecloud.ServerError},
		{Kind: fakecloud.ServerError, Status: http.StatusInternalServerError, Reason: "invalid_grant"},
		{Kind: fakecloud.HTML},
		{Kind: fakecloud.HTML, Status: http.StatusOK},
		{Kind: fakecloud.Garbage},
		{Kind: fakecloud.RateLimited},
		{Kind: fakecloud.RateLimited, RetryAfter: time.Minute},
		{Kind: fakecloud.Slow, Delay: time.Duration(1+h.rng.IntN(8)) * time.Millisecond},
		{Kind: fakecloud.SlowBody, Delay: time.Duration(1+h.rng.IntN(8)) * time.Millisecond},
	}
	f := faults[h.rng.IntN(len(faults))]
	f.Path, f.Times = "/oauth2/token", 1+h.rng.IntN(2)
	return f
}

// round spends one refresh token, in the middle of trouble. From the first request that
// the cloud may have acted on to the last, less than two minutes pass.
func (h *household) round() {
	h.Helper()
	h.pass(8 * time.Hour) // the access token's life
	if h.rng.IntN(4) == 0 {
		h.jump()
	}
	for range h.rng.IntN(4) {
		calm := h.fake.Fail(h.trouble())
		h.attempt()
		calm()
		h.pass(time.Duration(h.rng.IntN(30)) * time.Second)
		switch h.rng.IntN(20) {
		case 0:
			h.open(h.rng.IntN(2))
		case 1, 2:
			h.jump()
		}
	}
	h.settle()
}

// attempt asks in one of the ways in which a household asks.
func (h *household) attempt() {
	switch i := h.rng.IntN(2); h.rng.IntN(8) {
	case 0: // both programs, some callers each
		var wg sync.WaitGroup
		for caller := range 4 {
			wg.Go(func() { _ = h.ask(h.Context(), caller%2) }) // counted
		}
		wg.Wait()
	case 1, 2: // somebody in a hurry
		ctx, cancel := context.WithTimeout(h.Context(), time.Duration(1+h.rng.IntN(4))*time.Millisecond)
		defer cancel()
		_ = h.ask(ctx, i) // counted
	default:
		_ = h.ask(h.Context(), i) // counted
	}
}

// settle asks through both stores while the cloud is well, which has to work; but for a
// refresh that is under way still, because whoever wanted it has given up.
func (h *household) settle() {
	h.Helper()
	for i := range h.stores {
		err := h.ask(h.Context(), i)
		if errors.Is(err, fitbit.ErrUnavailable) {
			err = h.ask(h.Context(), i)
		}
		if err != nil {
			h.Fatalf("while all is well the error is %v", err)
		}
	}
	h.underWay.Wait() // no request is under way for hours
	for _, r := range h.fake.Requests() {
		if r.Grant != "refresh_token" {
			continue
		}
		h.tally.requests++
		h.tally.faults[r.Fault]++
		if r.Fault == "" || slices.Contains([]fakecloud.FaultKind{fakecloud.DropReply, fakecloud.Truncated, fakecloud.Slow, fakecloud.SlowBody}, r.Fault) {
			h.tally.acted++
		}
	}
	h.fake.ResetRequests()
	h.tally.rotations = len(h.spent) + h.tally.byChildren
}

// atTheEnd checks that what lies in the file is what the cloud takes.
func (h *household) atTheEnd() {
	h.house.Set(h.cloud.Now())
	s, err := tokenstore.Open(h.Context(), tokenstore.Options{Path: h.path, Now: h.house.Now})
	if err != nil {
		h.Fatal(err)
	}
	tokens := s.Tokens(h.uid, "fitbit", h.app.Refresh)
	stored, err := tokens.Token(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	app := h.app
	app.IntrospectURL = h.url + "/1.1/oauth2/introspect"
	if in, err := app.Introspect(h.Context(), stored); err != nil || !in.Active {
		h.Errorf("the stored token is in force: %v (%v)", in.Active, err)
	}
	renewed, err := tokens.Renew(h.Context(), stored)
	if err != nil || renewed == stored {
		h.Errorf("the stored refresh token is of no use (%v)", err)
	}
	if err := s.Close(); err != nil {
		h.Error(err)
	}
}
