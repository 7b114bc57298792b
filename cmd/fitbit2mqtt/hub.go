package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/recorder"
)

// hubConfig is the Home Assistant whose recorder is written to.
type hubConfig struct {
	Address       recorder.Address // zero: none
	Token, CAFile string
}

// hub reads the keys that only "history push" needs.
func (r *reader) hub() hubConfig {
	const key = "homeassistant.url"
	address := r.text(key, "")
	r.public[key] = redactURL(address)
	c := hubConfig{Token: strings.TrimSpace(r.secret("homeassistant.token")), CAFile: expandHome(r.str("homeassistant.ca_file", ""))}
	if address != "" {
		var err error
		if c.Address, err = recorder.ParseAddress(address); err != nil {
			r.problem(key, "%v", err)
		}
	}
	return c
}

// hubFlags stand above the configuration.
type hubFlags struct {
	url, tokenFile string
	address        recorder.Address // of url
}

func (f *hubFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.url, "ha-url", "", "Home Assistant, such as http://homeassistant.local:8123 (homeassistant.url)")
	c.Flags().StringVar(&f.tokenFile, "ha-token-file", "", "file with an access token of an administrator (homeassistant.token_file)")
}

// parse reads them before anything is opened.
func (f *hubFlags) parse(c *cobra.Command) (err error) {
	if f.url == "" {
		return nil
	}
	if f.address, err = recorder.ParseAddress(f.url); err != nil {
		return &usageError{command: c.CommandPath(), err: fmt.Errorf("--ha-url %w", err)}
	}
	return nil
}

// advised is what to put where something is missing.
const advised = "a long-lived access token: docs/home-assistant.md says how to get one"

// options say where to go, and with which token. An app of Home Assistant's is given both
// by its supervisor; that token opens nothing else, and is sent nowhere else.
func (f *hubFlags) options(c hubConfig) (o recorder.Options, err error) {
	supervisor := os.Getenv(tokenEnv)
	switch {
	case !f.address.IsZero():
		o.Address = f.address
	case !c.Address.IsZero():
		o.Address = c.Address
	case supervisor != "":
		if o.Address, err = recorder.ParseAddress(recorder.Supervisor); err != nil {
			return o, err
		}
		o.Token = supervisor
	default:
		return o, fail(exitUsage, "add --ha-url http://homeassistant.local:8123, or set homeassistant.url", "no Home Assistant is named")
	}
	switch {
	case f.tokenFile != "":
		if o.Token, err = tokenFrom(f.tokenFile); err != nil {
			return o, err
		}
	default:
		o.Token = cmp.Or(o.Token, c.Token)
	}
	if o.Token == "" {
		return o, fail(exitUsage, "add --ha-token-file FILE, or set homeassistant.token_file, with "+advised, "there is no access token for Home Assistant")
	}
	if c.CAFile != "" {
		o.TLS, err = authority(c.CAFile)
	}
	return o, err
}

func tokenFrom(path string) (string, error) {
	b, err := os.ReadFile(expandHome(path))
	if err != nil {
		return "", fail(exitUsage, "name a file with "+advised, "--ha-token-file: %w", err)
	}
	token := strings.TrimSpace(plainText(b))
	if token == "" {
		return "", fail(exitUsage, "put into it "+advised, "--ha-token-file: %s is empty", path)
	}
	return token, nil
}

// authority makes TLS believe the certificates in that file, and no others.
func authority(path string) (*tls.Config, error) {
	b, err := os.ReadFile(path) //nolint:gosec // the operator's choice
	c := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}
	if err == nil && !c.RootCAs.AppendCertsFromPEM(b) {
		err = errors.New(path + " holds no PEM certificate")
	}
	if err != nil {
		return nil, &configError{problems: []string{"homeassistant.ca_file: " + err.Error()}}
	}
	return c, nil
}
