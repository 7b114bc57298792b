package web_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// people shows the token store to the bridge.
type people struct{ *house }

func (p people) Version(ctx context.Context) (int64, error) { return p.tokens.Version(ctx) }

func (p people) Retired(context.Context, bridge.Account, error) error { return nil }

func (p people) Removed(ctx context.Context) ([]string, error) { return p.tokens.Removed(ctx) }

func (p people) Forgotten(ctx context.Context, uid string) error { return p.tokens.Forgotten(ctx, uid) }

func (p people) Source(a bridge.Account) (fitbit.Source, error) {
	return p.desk.Source(a.UID, a.Backend)
}

func (p people) Accounts(ctx context.Context) (list []bridge.Account, err error) {
	stored, err := p.tokens.Accounts(ctx)
	for _, s := range stored {
		digest := sha256.Sum256([]byte(s.Person))
		list = append(list, bridge.Account{
			Name: s.Name, UID: s.UID, Backend: s.Backend, Generation: s.Generation, Identity: hex.EncodeToString(digest[:8]),
			SignedIn: s.SignedIn, SignInExpires: s.SignInExpires, Missing: p.desk.Missing(s),
			LostDetail: s.LostDetail, LostHint: s.LostHint,
		})
	}
	return list, err
}

// broker is the house's broker: it takes everything, unless it is away.
type broker struct {
	mu           sync.Mutex
	detail, hint string // of its trouble
	messages     []bridge.Message
}

func (b *broker) Publish(_ context.Context, m bridge.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.detail != "" {
		return bridge.ErrBrokerAway
	}
	b.messages = append(b.messages, m)
	return nil
}

func (*broker) Retained(context.Context, ...string) ([]bridge.Message, error) { return nil, nil }

func (b *broker) Trouble() (detail, hint string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.detail, b.hint
}

// leave takes the broker away.
func (b *broker) leave(detail, hint string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.detail, b.hint = detail, hint
}

// logbook collects log lines.
type logbook struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// until waits for what some other goroutine is about to do.
func (h *house) until(what string, ok func() bool) {
	h.tb.Helper()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	late := time.NewTimer(patience)
	defer late.Stop()
	for !ok() {
		select {
		case <-look.C:
		case <-late.C:
			h.tb.Fatalf("%s: never happened; the log:\n%s", what, h.log)
		}
	}
}

// connect signs a person in at the desk, and waits for the first look.
func (h *house) connect(names ...string) {
	h.tb.Helper()
	for _, name := range names {
		h.signIn(signin.Request{Name: name}, fakecloud.Answer{Person: name})
		h.looked(name)
	}
}

// signIn does so without waiting.
func (h *house) signIn(r signin.Request, a fakecloud.Answer) {
	h.tb.Helper()
	started, err := h.desk.Begin(h.tb.Context(), r)
	if err != nil {
		h.tb.Fatal(err)
	}
	c, err := fitbit.ParseCallback(h.consent(started.URL, a))
	if err != nil {
		h.tb.Fatal(err)
	}
	if _, err := h.desk.Finish(h.tb.Context(), c, ""); err != nil {
		h.tb.Fatal(err)
	}
	h.bridge.Sync(h.tb.Context())
}

// consent answers the cloud's page, and returns the address that it leads back to.
func (h *house) consent(address string, a fakecloud.Answer) string {
	h.tb.Helper()
	return h.consentAt(h.cloud, address, a)
}

func (h *house) consentAt(cloud *fakecloud.Cloud, address string, a fakecloud.Answer) string {
	h.tb.Helper()
	back, err := cloud.Consent(h.tb.Context(), address, a)
	if err != nil {
		h.tb.Fatal(err)
	}
	h.secrets.add(strings.TrimPrefix(back.Query().Get("code"), "4/")) // in addresses the slash may be encoded
	return back.String()
}

// looked waits until all has been fetched once, or has failed.
func (h *house) looked(name string) {
	h.tb.Helper()
	h.until("first look at "+name, func() bool {
		p, ok := h.bridge.Person(name)
		return ok && (p.Connection.LastSuccess != nil || p.Connection.State != bridge.StateOK)
	})
}

// poll lets some time pass, asks the cloud anew, and waits for what comes of it.
func (h *house) poll(name, what string, seen func(bridge.PersonReport) bool) {
	h.tb.Helper()
	h.clock.Advance(2 * time.Minute)
	h.bridge.PollNow(name)
	h.until(what, func() bool {
		p, ok := h.bridge.Person(name)
		return ok && seen(p)
	})
}

// inState asks the cloud anew about anna, and waits for a state.
func (h *house) inState(s bridge.State) {
	h.tb.Helper()
	h.poll("anna", string(s), func(p bridge.PersonReport) bool { return p.Connection.State == s })
}
