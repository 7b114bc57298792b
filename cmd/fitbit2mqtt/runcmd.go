package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) newRun() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Run the bridge (the default)",
		Long: `Polls the cloud for everybody who is connected and publishes to the broker,
until it is stopped. People can be connected, renamed and removed while it runs.

It answers requests over MQTT: what is asked at fitbit2mqtt/bridge/request/NAME is
answered at fitbit2mqtt/bridge/response/NAME, as JSON with data, status ("ok" or
"error"), error and the caller's own transaction. A payload is empty, a word, or JSON
with the word at "value" or at a key of its own:

  poll           ask the cloud now, for everybody or an "account"; answered when that
                 is done, within a minute, with what was new
  health         how the bridge is
  republish      publish states and discovery once more
  log_level      debug, info, warn or error
  poll_interval  seconds between two looks at weight and body fat, 1 to 86400

What the last two set is at fitbit2mqtt/bridge/settings and holds until the next
restart: the configuration has the last word.`,
		Example: `  fitbit2mqtt run --config /etc/fitbit2mqtt/config.yaml
  FITBIT2MQTT_MQTT_URL=mqtt://192.168.1.2 fitbit2mqtt run
  mosquitto_pub -t fitbit2mqtt/bridge/request/poll -m '{"account":"anna","transaction":1}'
  mosquitto_pub -t fitbit2mqtt/bridge/request/log_level -m debug`,
		Args: usage(cobra.NoArgs),
		RunE: a.runBridge,
	}
}

// How long a start and an end may take, before whoever waits for them need wait no longer:
// what migrates the databases, and what a cloud is given for a sign-in and then a renewal.
const (
	longestStart = 10 * time.Minute
	longestEnd   = 2 * time.Minute
)

func (a *app) runBridge(c *cobra.Command, _ []string) (err error) {
	config, err := a.loadConfig()
	if err != nil {
		return err
	}
	early, _ := a.logger(config.Log)
	d := newDaemon(early)
	var h *house
	if err := d.patiently("opens the databases", longestStart, func() (err error) {
		h, err = a.open(c.Context(), config)
		return err
	}); err != nil {
		return err
	}
	d.log = h.log // whose level can be changed
	defer func() {
		err = errors.Join(err, d.patiently("brings a sign-in or the renewal of a token to its end", longestEnd, h.close))
	}()
	var release func() error
	if err := d.patiently("waits for a poll to end", longestStart, func() (err error) {
		release, err = h.lockToStay(c.Context())
		return err
	}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	accounts, err := h.tokens.Accounts(c.Context())
	if err != nil {
		return err
	}
	v := buildVersion()
	h.log.Info("fitbit2mqtt starts", "version", v.Version, "accounts", len(accounts), "data_dir", config.DataDir)
	if len(accounts) == 0 {
		hint := "sign in with: fitbit2mqtt connect NAME"
		if config.Web.Listen != off {
			hint = "open the page to connect somebody"
		}
		h.log.Warn("nobody is connected yet", "hint", hint)
	}
	err = h.serve(c.Context(), serveOptions{daemon: d})
	h.log.Info("fitbit2mqtt stops")
	return err
}

// errLocked says that another process holds the lock of a data folder.
var errLocked = errors.New("another fitbit2mqtt runs with the data folder")

// lock makes sure that a data folder has one bridge only: two would publish
// everything twice. The lock ends with the process, however that ends.
func lock(folder string) (release func() error, err error) {
	f, err := os.OpenFile(lockFile(folder), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fail(exitStorage, "check the permissions of the data folder", "lock the data folder: %w", err)
	}
	if err := flock(context.Background(), f, syscall.LOCK_EX, patienceForALook); err != nil {
		return nil, errors.Join(fail(exitStorage, "stop the other one, or give this one its own data_dir", "%w %s", errLocked, folder), f.Close())
	}
	_ = f.Truncate(0) // a poll that was killed has left its word
	return f.Close, nil
}

// patienceForALook is how long it takes at most to see whether a lock is taken, which only
// a lock can tell. For that time the lock of somebody who looks is no bridge's.
const patienceForALook = 250 * time.Millisecond

// lockFile is what a bridge locks in its data folder.
func lockFile(folder string) string { return filepath.Join(folder, "run.lock") }

// pollWord is in the lock file while a poll has the lock.
const pollWord = "poll"

// sayPolling has the lock file say that the lock is a poll's, and free again soon.
func sayPolling(folder string) error {
	if err := os.WriteFile(lockFile(folder), []byte(pollWord), 0o600); err != nil {
		return fail(exitStorage, "check the data folder and the disk", "lock the data folder: %w", err)
	}
	return nil
}

// polling reports whether whoever has the lock is a poll.
func polling(folder string) bool {
	word, err := os.ReadFile(lockFile(folder))
	return err == nil && string(word) == pollWord
}

// lockToStay is lock for a bridge, which waits for a poll under way to end: whoever has
// both a bridge and cron should not have to start it again.
func (h *house) lockToStay(ctx context.Context) (release func() error, err error) {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for told := false; ; told = true {
		release, err = lock(h.config.DataDir)
		if !errors.Is(err, errLocked) || !polling(h.config.DataDir) {
			return release, err
		}
		if !told {
			h.log.Info("waiting for a poll to end", "data_dir", h.config.DataDir)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
