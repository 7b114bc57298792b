package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
)

func (a *app) newRun() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Run the bridge (the default)",
		Long: `Polls the cloud for everybody who is connected and publishes to the broker,
until it is stopped. People can be connected, renamed and removed while it runs.`,
		Example: `  fitbit2mqtt run --config /etc/fitbit2mqtt/config.yaml
  FITBIT2MQTT_MQTT_URL=mqtt://192.168.1.2 fitbit2mqtt run`,
		Args: usage(cobra.NoArgs),
		RunE: a.runBridge,
	}
}

func (a *app) runBridge(c *cobra.Command, _ []string) (err error) {
	config, err := a.loadConfig()
	if err != nil {
		return err
	}
	h, err := a.open(c.Context(), config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	release, err := lock(config.DataDir)
	if err != nil {
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
	err = h.serve(c.Context(), serveOptions{})
	h.log.Info("fitbit2mqtt stops")
	return err
}

// lockFile is what a bridge locks in its data folder.
const lockFile = "run.lock"

// errLocked says that another process holds the lock of a data folder.
var errLocked = errors.New("another fitbit2mqtt runs with the data folder")

// lock makes sure that a data folder has one bridge only: two would publish
// everything twice. The lock ends with the process, however that ends.
func lock(folder string) (release func() error, err error) {
	f, err := os.OpenFile(filepath.Join(folder, lockFile), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator's folder
	if err != nil {
		return nil, fail(exitStorage, "check the permissions of the data folder", "lock the data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fail(exitStorage, "stop the other one, or give this one its own data_dir", "%w %s", errLocked, folder), f.Close())
	}
	return f.Close, nil
}
