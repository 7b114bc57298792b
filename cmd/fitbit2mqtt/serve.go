package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/history"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/mqtt"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/googlehealth"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// house is everything that is open while a command runs.
type house struct {
	config  config
	log     *slog.Logger
	level   *slog.LevelVar // of log
	tokens  *tokenstore.Store
	history *history.Store
	desk    *signin.Desk
	leave   func() error // the data folder
}

// The databases in the data folder.
const (
	tokensFile  = "tokens.db"
	historyFile = "history.db"
)

// open opens the databases. Close them with close.
func (a *app) open(ctx context.Context, c config) (_ *house, err error) {
	h := &house{config: c}
	h.log, h.level = a.logger(c.Log)
	h.leave, err = share(ctx, c.DataDir, h.log)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.leave())
		}
	}()
	err = filled(ctx, filepath.Join(c.DataDir, tokensFile), filepath.Join(c.DataDir, historyFile))
	if err != nil {
		return nil, err
	}
	h.tokens, err = tokenstore.Open(ctx, tokenstore.Options{
		Path: filepath.Join(c.DataDir, tokensFile), Key: []byte(c.StoreKey), Log: h.log,
	})
	if err != nil {
		return nil, err
	}
	h.desk = &signin.Desk{Store: h.tokens, Clouds: clouds(c, googlehealth.NewHTTPClient()), Default: backends()[0].name, Log: h.log}
	h.history, err = history.Open(ctx, history.Options{Path: filepath.Join(c.DataDir, historyFile), Log: h.log})
	if err != nil {
		return nil, errors.Join(err, h.tokens.Close())
	}
	return h, nil
}

// close lets sign-ins under way come to their end, then closes the databases.
func (h *house) close() error {
	h.desk.Close()
	return errors.Join(h.tokens.Close(), h.history.Close(), h.leave())
}

// people shows the token store to the bridge.
type people struct{ *house }

var _ bridge.People = people{}

func (p people) Version(ctx context.Context) (int64, error) { return p.tokens.Version(ctx) }

func (p people) Removed(ctx context.Context) ([]string, error) { return p.tokens.Removed(ctx) }

func (p people) Forgotten(ctx context.Context, uid string) error { return p.tokens.Forgotten(ctx, uid) }

func (p people) Source(a bridge.Account) (fitbit.Source, error) {
	return p.desk.Source(a.UID, a.Backend)
}

func (p people) Accounts(ctx context.Context) ([]bridge.Account, error) {
	stored, err := p.tokens.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]bridge.Account, len(stored))
	for i, s := range stored {
		list[i] = p.account(s)
	}
	return list, nil
}

func (p people) account(s tokenstore.Account) bridge.Account {
	return bridge.Account{
		Name: s.Name, UID: s.UID, Backend: s.Backend, Generation: s.Generation,
		Identity: identity(s.Person), Retired: s.Retired, SignedIn: s.SignedIn, SignInExpires: s.SignInExpires,
		Missing: p.desk.Missing(s), LostDetail: s.LostDetail, LostHint: s.LostHint,
	}
}

// identity tells one person from another without saying who they are: it is kept
// where others may look. person is "backend:user".
func identity(person string) string {
	backend, user, _ := strings.Cut(person, ":")
	digest := sha256.Sum256([]byte(user))
	return backend + ":" + hex.EncodeToString(digest[:8])
}

func (p people) Retired(ctx context.Context, a bridge.Account, why error) error {
	e := &fitbit.CloudError{Kind: fitbit.ErrRetired, Detail: why.Error(), Hint: fitbit.Hint(why)}
	if ce, ok := errors.AsType[*fitbit.CloudError](why); ok && ce.Detail != "" {
		e.Detail = ce.Detail
	}
	return p.tokens.NoteRetired(ctx, a.UID, a.Generation, e)
}

// broker is the connection to the house's broker, and the broker itself where
// the house has none.
type broker struct {
	client   *mqtt.Client
	embedded *mqtt.Embedded
	url      string
}

// options are the part of a connection that is configured.
func (c mqttConfig) options() mqtt.Options {
	o := mqtt.Options{
		URL: c.URL, Username: c.Username, Password: c.Password, ClientID: c.ClientID,
		TLS: mqtt.TLS{
			CAFile: c.TLS.CAFile, CertFile: c.TLS.CertFile, KeyFile: c.TLS.KeyFile,
			ServerName: c.TLS.ServerName, Insecure: c.TLS.Insecure,
		},
	}
	switch {
	case c.embeds():
		o.URL, o.Username, o.Password = "mqtt://"+c.Embedded.Listen, c.Embedded.Username, c.Embedded.Password
	case c.URL == "":
		o.Locate = c.locate
	}
	return o
}

// locate asks Home Assistant's Supervisor for the broker, each time anew: its password
// is another one once the broker has been installed again. Whoever has a user of their
// own there stays that user.
func (c mqttConfig) locate(ctx context.Context) (mqtt.Place, error) {
	place, err := c.supervisor.broker(ctx)
	if c.Username != "" {
		place.Username, place.Password = c.Username, c.Password
	}
	return place, err
}

// dial prepares the connection between a bridge and the broker.
func (h *house) dial(b *bridge.Bridge) (*broker, error) {
	c := h.config.MQTT
	o := c.options()
	o.Will, o.Subscribe, o.OnConnect, o.OnMessage, o.Log = b.Will(), b.Subscriptions(), b.Connected, b.Received, h.log
	var own *mqtt.Embedded
	if c.embeds() {
		var err error
		own, err = mqtt.StartEmbedded(mqtt.EmbeddedOptions{
			Listen: c.Embedded.Listen, Username: c.Embedded.Username, Password: c.Embedded.Password, Log: h.log,
		})
		if err != nil {
			return nil, fail(exitBroker, "stop what listens there, set mqtt.embedded.listen to another port, or mqtt.url to your broker", "%w", err)
		}
		o.URL = own.URL()
	}
	client, err := mqtt.New(o)
	if err != nil {
		if own != nil {
			err = errors.Join(err, own.Close())
		}
		return nil, err
	}
	return &broker{client: client, embedded: own, url: o.URL}, nil
}

// name is what the broker is called in front of people.
func (b *broker) name() string {
	if b.url == "" {
		return hubBroker
	}
	return redactURL(b.url)
}

func (b *broker) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	b.client.Close(ctx)
	if b.embedded != nil {
		return b.embedded.Close()
	}
	return nil
}

// serveOptions are what demo does differently from run.
type serveOptions struct {
	onEvent func(bridge.Event)
	ready   func(broker *broker, page *panel) error // before the bridge starts; may be nil
	daemon  *daemon                                 // tells a service manager how the bridge is; may be nil
}

// newBridge returns the bridge of this house. onEvent may be nil.
func (h *house) newBridge(onEvent func(bridge.Event)) (*bridge.Bridge, error) {
	public, err := json.Marshal(h.config.public)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return bridge.New(bridge.Options{
		People: people{h}, Memory: h.history,
		Prefix: h.config.MQTT.TopicPrefix, Discovery: h.config.HomeAssistant.Discovery,
		HassPrefix: h.config.HomeAssistant.Prefix, StatusTopic: h.config.HomeAssistant.StatusTopic,
		PanelURL: h.config.Web.BaseURL, Poll: bridge.Intervals(h.config.Poll),
		Version: buildVersion().Version, Config: public, Log: h.log, Level: h.level, OnEvent: onEvent,
	}), nil
}

// serve runs the bridge until ctx ends.
func (h *house) serve(ctx context.Context, o serveOptions) (err error) {
	b, err := h.newBridge(o.onEvent)
	if err != nil {
		return err
	}
	broker, err := h.dial(b)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, broker.close()) }()
	page, err := h.openPanel(ctx, b, broker)
	if err != nil {
		return err
	}
	defer page.close()
	broker.client.Start()
	if o.ready != nil {
		if err := o.ready(broker, page); err != nil {
			return err
		}
	}
	if o.daemon == nil {
		return b.Run(ctx, broker.client)
	}
	watching, end := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { o.daemon.watch(watching, b, broker) })
	defer watch.Wait()
	defer end()
	return b.Run(ctx, broker.client)
}

// lines turns joined errors into one problem each.
func lines(prefix string, err error) []string {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []string{prefix + err.Error()}
	}
	var list []string
	for _, e := range joined.Unwrap() {
		list = append(list, lines(prefix, e)...)
	}
	return list
}
