package main

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// app is what all commands share: the world around them and the persistent flags.
type app struct {
	stdio
	flags configFlags
}

func newRoot(std stdio) *cobra.Command {
	a := &app{stdio: std}
	root := &cobra.Command{
		Use:   "fitbit2mqtt",
		Short: "Bring Fitbit weigh-ins and heart rates to MQTT",
		Long: `fitbit2mqtt polls the Google Health API, or the Fitbit Web API before it, for each
person's weigh-ins and heart rates and publishes them to an MQTT broker, with Home
Assistant discovery.

Without a command it runs the bridge ("fitbit2mqtt run").`,
		Example: `  fitbit2mqtt demo                 # see it work, without any account
  fitbit2mqtt connect anna         # sign in
  fitbit2mqtt run                  # the bridge`,
		Args:          usage(cobra.NoArgs),
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          a.runBridge,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &usageError{command: c.CommandPath(), err: err}
	})
	a.flags.register(root.PersistentFlags())
	root.AddCommand(a.newRun(), a.newDemo(), a.newConnect(), a.newAccounts(), a.newBackup(), a.newRestore(), a.newExport(), a.newChart(), a.newDoctor(), a.newHealthcheck(), a.newPoll(), a.newHistory(), a.newVersion())
	return root
}

// usage makes wrong arguments a usage error, and flags that exclude each other.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := cmp.Or(check(c, args), c.ValidateFlagGroups()); err != nil {
			return &usageError{command: c.CommandPath(), err: err}
		}
		return nil
	}
}

// usageError is a command line nobody can carry out.
type usageError struct {
	command string
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// formatFlag adds --format text|json.
func formatFlag(c *cobra.Command) *string {
	format := c.Flags().String("format", "text", "text or json")
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	previous := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		if *format != "text" && *format != "json" {
			return &usageError{command: c.CommandPath(), err: fmt.Errorf("--format %q: use text or json", *format)}
		}
		if previous != nil {
			return previous(c, args)
		}
		return nil
	}
	return format
}

// newVersion says which version this is.
func (a *app) newVersion() *cobra.Command {
	c := &cobra.Command{Use: "version", Short: "Say which version this is", Args: usage(cobra.NoArgs)}
	format := formatFlag(c)
	c.RunE = func(*cobra.Command, []string) error {
		v := buildVersion()
		if *format == "json" {
			return a.printJSON(v)
		}
		return a.printf("fitbit2mqtt %s (%s, %s)\n", v.Version, v.Go, v.Platform)
	}
	return c
}

// hinted is an error with its own advice and exit code.
type hinted struct {
	err  error
	hint string
	code int
}

func (e *hinted) Error() string { return e.err.Error() }
func (e *hinted) Unwrap() error { return e.err }

func fail(code int, hint, format string, args ...any) error {
	return &hinted{err: fmt.Errorf(format, args...), hint: hint, code: code}
}

var errStopped = errors.New("stopped")
