package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/mqtt"
)

// demoFlags are what can be chosen of the demo.
type demoFlags struct {
	backend, broker, data string
	people                int
	every, length         time.Duration
	clear                 bool
}

const (
	demoMonths  = 3 // of readings there before anybody steps on the scale
	demoConnect = 10 * time.Second
)

func (a *app) newDemo() *cobra.Command {
	var f demoFlags
	c := &cobra.Command{
		Use:   "demo",
		Short: "See it work: a made-up household, a fake cloud, a real broker",
		Long: `Starts a fake cloud on this machine, signs a made-up household in with real OAuth,
and runs the bridge against it: somebody steps on the scale every few seconds. The
messages go to a broker inside the demo, or to the one given. What is retained there
stays when the demo ends, as with a real bridge: --clear takes it away.`,
		Example: `  fitbit2mqtt demo
  fitbit2mqtt demo --people 3 --every 2s --for 1m
  fitbit2mqtt demo --broker mqtt://127.0.0.1:1883
  fitbit2mqtt demo --broker mqtt://127.0.0.1:1883 --clear`,
		Args: usage(cobra.NoArgs),
	}
	c.Flags().StringVar(&f.backend, "backend", backends()[0].name, "cloud to play: "+backendNames())
	c.Flags().StringVar(&f.broker, "broker", "", "publish to this broker instead of one inside the demo")
	c.Flags().StringVar(&f.data, "data", "", "keep the databases in this folder")
	c.Flags().IntVar(&f.people, "people", 2, "how many people live there (1 to 8)")
	c.Flags().DurationVar(&f.every, "every", 5*time.Second, "time between weigh-ins")
	c.Flags().DurationVar(&f.length, "for", 0, "stop by itself after this time (0: never)")
	c.Flags().BoolVar(&f.clear, "clear", false, "only take away what a demo has left at --broker")
	c.RunE = func(c *cobra.Command, _ []string) error {
		names := residents()
		switch {
		case !knownBackend(f.backend):
			return &usageError{command: c.CommandPath(), err: fmt.Errorf("--backend %q: use %s", f.backend, backendNames())}
		case f.people < 1 || f.people > len(names):
			return &usageError{command: c.CommandPath(), err: fmt.Errorf("--people %d: use 1 to %d", f.people, len(names))}
		case f.every < 100*time.Millisecond || f.length < 0:
			return &usageError{command: c.CommandPath(), err: errors.New("--every and --for: use times such as 5s; --every is at least 100ms")}
		case f.clear && f.broker == "":
			return &usageError{command: c.CommandPath(), err: errors.New("--clear takes --broker: what was inside a demo is gone with it")}
		}
		err := a.demo(c.Context(), f, names[:f.people])
		if f.length > 0 && errors.Is(err, context.DeadlineExceeded) {
			return nil // its time was over before it had begun
		}
		return err
	}
	return c
}

func residents() []string {
	return []string{"anna", "ben", "carla", "david", "emma", "felix", "greta", "henry"}
}

func (a *app) demo(ctx context.Context, f demoFlags, names []string) (err error) {
	config, err := a.demoConfig(ctx, f)
	if err != nil {
		return err
	}
	if f.clear {
		return a.clearDemo(ctx, config)
	}
	if f.data == "" {
		folder, err := os.MkdirTemp("", "fitbit2mqtt-demo-")
		if err != nil {
			return fail(exitStorage, "set TMPDIR, or use --data FOLDER", "temporary folder: %w", err)
		}
		defer func() { _ = os.RemoveAll(folder) }()
		config.DataDir = folder
	}
	if f.length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, f.length, errStopped)
		defer cancel()
	}
	if f.broker != "" {
		if err := a.besides(ctx, &config); err != nil {
			return err
		}
	}
	cloud, stop, err := startFakeCloud(ctx, &config, f.backend)
	if err != nil {
		return err
	}
	defer stop()
	h, err := a.open(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	release, err := lock(config.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	scales := make([]scale, len(names))
	for i, name := range names {
		if scales[i], err = signInDemo(ctx, h, cloud, f.backend, name); err != nil {
			return err
		}
	}
	weighing, cancel := context.WithCancel(ctx)
	defer cancel()
	err = h.serve(ctx, serveOptions{
		onEvent: a.narrate,
		ready: func(b *broker, page *panel) error {
			reach, cancel := context.WithTimeout(ctx, demoConnect)
			defer cancel()
			if err := b.client.Connected(reach); err != nil {
				return err
			}
			go weigh(weighing, cloud, scales, f.every)
			return a.introduce(config, b, page, names, f)
		},
	})
	if ctx.Err() != nil && err == nil {
		err = a.printf("\nThe demo is over.\n")
	}
	return err
}

// demoConfig is the user's configuration with the demo's own world in it.
func (a *app) demoConfig(ctx context.Context, f demoFlags) (config, error) {
	c, err := a.loadConfig()
	if err != nil {
		return c, err
	}
	c.DataDir, c.StoreKey = f.data, ""
	c.MQTT.URL, c.MQTT.ClientID, c.MQTT.supervisor = f.broker, "", nil
	if u, err := url.Parse(f.broker); err == nil && u.User != nil {
		c.MQTT.Username, c.MQTT.Password = "", "" // the address brings its own
	}
	if !slices.Contains([]string{"mqtts", "ssl", "tls", "wss"}, strings.SplitN(f.broker, ":", 2)[0]) {
		c.MQTT.TLS = tlsConfig{}
	}
	if _, err := mqtt.New(c.MQTT.options()); err != nil {
		return c, &usageError{command: "fitbit2mqtt demo", err: fmt.Errorf("--broker: %s", strings.Join(lines("", err), "; "))}
	}
	if f.broker == "" {
		c.MQTT.Embedded.Listen = freeUnless(ctx, c.MQTT.Embedded.Listen)
	}
	if c.Web.Listen != off {
		c.Web.Listen = freeUnless(ctx, c.Web.Listen)
	}
	c.public["demo"] = true
	c.Poll = pollConfig{Body: time.Second, Heart: 10 * time.Second, Devices: time.Minute}
	if !a.flags.set.Lookup("log-level").Changed && os.Getenv(envPrefix+"LOG_LEVEL") == "" {
		c.Log.Level = "warn" // the demo tells its own story
	}
	return c, nil
}

// freeUnless returns the address if it is free, and a free port of this machine if
// something else has it.
func freeUnless(ctx context.Context, address string) string {
	for _, wanted := range []string{address, "127.0.0.1:0"} {
		if l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", wanted); err == nil {
			_ = l.Close() // it was only tried
			return l.Addr().String()
		}
	}
	return address
}

// introduce says what is going on and how to look at it.
func (a *app) introduce(c config, b *broker, page *panel, names []string, f demoFlags) error {
	text := fmt.Sprintf(`A household of %d lives in a fake cloud; somebody steps on the scale every %s.
Everything is published to %s. Watch it with:

  %s

`, len(names), f.every, b.name(), subscribeCommand(b.url, c))
	if page != nil && page.url != "" {
		text += fmt.Sprintf("The page, where more people can be connected: %s\n\n", page.url)
	}
	return a.printf("%s", text)
}

// subscribeCommand shows all that is published, on a terminal.
func subscribeCommand(address string, c config) string {
	command := "mosquitto_sub -v"
	if u, err := url.Parse(address); err == nil {
		command += " -h " + u.Hostname()
		if u.Port() != "" {
			command += " -p " + u.Port()
		}
	}
	if c.MQTT.options().Username != "" || strings.Contains(c.MQTT.URL, "@") {
		command += " -u USER -P PASSWORD"
	}
	return command + " -t '" + c.MQTT.TopicPrefix + "/#' -t '" + c.HomeAssistant.Prefix + "/#'"
}

// narrate tells of an event as it happens.
func (a *app) narrate(e bridge.Event) {
	_ = a.printf("%s\n", narration(e)) // a closed terminal does not stop the bridge
}

// narration is an event in words.
func narration(e bridge.Event) string {
	what := map[bridge.EventType]string{
		bridge.NewWeighIn: "weighed in", bridge.Backfill: "had weighed in", bridge.Correction: "is corrected", bridge.Deletion: "did not weigh in after all",
	}[e.EventType]
	text := fmt.Sprintf("%s  %s %s: %.2f kg", e.MeasuredAt, e.Account, what, e.WeightKg)
	if e.BodyFatPct != nil {
		text += fmt.Sprintf(", %.1f %% body fat", *e.BodyFatPct)
	}
	if e.DeltaKg != nil {
		text += fmt.Sprintf(" (%+.2f kg)", *e.DeltaKg)
	}
	return text
}
