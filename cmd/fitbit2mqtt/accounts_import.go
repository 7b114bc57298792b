package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// foreignSignIn is what another program knows of a sign-in. ClientID may be empty.
type foreignSignIn struct{ ClientID, ClientSecret, RefreshToken string }

// largestImport is far beyond what such a file holds, bytes.
const largestImport = 1 << 20

// importFlags say whose sign-in it is, and through which app it was made.
type importFlags struct {
	name, client, secretFile string
	move, samePerson         bool
}

func (a *app) newAccountsImport() *cobra.Command {
	var f importFlags
	c := &cobra.Command{
		Use:   "import FILE... --name ACCOUNT",
		Short: "Take over a sign-in from another program",
		Long: `Takes over a sign-in at the legacy Fitbit Web API from the files that another
program keeps it in: fb_conf.json, client_details.json with user_details.json, or
the token as the cloud's token endpoint returned it.

Its refresh token can be used once, and is used here: the other program must stop.
What comes back is saved before anything else; if something goes wrong after that,
the same command goes on where it stopped.`,
		Example: `  fitbit2mqtt accounts import fb_conf.json --name anna
  fitbit2mqtt accounts import client_details.json user_details.json --name ben
  fitbit2mqtt accounts import token.json --name carla --client-id 23ABCD --client-secret-file secret.txt`,
		Args: usage(cobra.MinimumNArgs(1)),
	}
	c.Flags().StringVar(&f.name, "name", "", "what the person is called in topics")
	c.Flags().StringVar(&f.client, "client-id", "", "the app that the sign-in was made with, if the files do not say (default: the configured one)")
	c.Flags().StringVar(&f.secretFile, "client-secret-file", "", "file with the app's client secret, if it has one")
	c.Flags().BoolVar(&f.samePerson, "same-person", false, "the account is that of the person who is connected at another cloud, though the clouds do not say so; history stays")
	c.Flags().BoolVar(&f.move, "move", false, "accept a different person's cloud account under this name; its history here starts anew")
	c.MarkFlagsMutuallyExclusive("same-person", "move")
	c.RunE = a.withHouse(func(ctx context.Context, h *house, args []string) error {
		if err := fitbit.CheckName(f.name); err != nil {
			return fail(exitUsage, "say whose sign-in it is: --name anna", "%w", err)
		}
		if f.secretFile != "" && f.client == "" {
			return fail(exitUsage, "add --client-id, or leave the secret to the files and the configuration", "--client-secret-file does not say of which app")
		}
		return a.importSignIn(ctx, h, f, args)
	})
	return c
}

func (a *app) importSignIn(ctx context.Context, h *house, f importFlags, paths []string) error {
	files := make(map[string][]byte)
	for _, path := range paths {
		content, err := readSmall(path)
		if err != nil {
			return err
		}
		name := filepath.Base(path)
		if _, taken := files[name]; taken { // by a file in another folder
			name = path
		}
		files[name] = content
	}
	var refused []error
	for _, b := range backends() {
		if b.foreign == nil {
			continue
		}
		in, err := b.foreign(files)
		if err != nil {
			refused = append(refused, err)
			continue
		}
		return a.takeOver(ctx, h, f, b, in)
	}
	return notUnderstood(refused)
}

// notUnderstood says why no cloud can do anything with the files.
func notUnderstood(refused []error) error {
	err := errors.Join(refused...)
	if err == nil {
		err = errors.New("no cloud's sign-ins are kept by other programs in files that are understood here")
	}
	return fail(exitUsage, "name the file in which the other program keeps client and tokens; docs/fitbit.md lists those that are understood", "%w", err)
}

func (a *app) takeOver(ctx context.Context, h *house, f importFlags, b backend, in foreignSignIn) error {
	own := h.config.Clouds[b.name]
	if f.client != "" {
		in.ClientID, in.ClientSecret = f.client, ""
		if f.secretFile != "" {
			secret, err := readSmall(f.secretFile)
			if err != nil {
				return err
			}
			in.ClientSecret = strings.TrimSpace(string(secret))
		}
	}
	if in.ClientID = cmp.Or(in.ClientID, own.ClientID); in.ClientID == own.ClientID {
		in.ClientSecret = cmp.Or(in.ClientSecret, own.ClientSecret)
	}
	if in.ClientID == "" {
		return fail(exitUsage, "add --client-id and --client-secret-file, or set "+b.name+".client_id",
			"the file does not say which app the sign-in was made with")
	}
	o, err := h.desk.Import(ctx, signin.Import{
		Name: f.name, Backend: b.name, Client: in.ClientID, Secret: in.ClientSecret, RefreshToken: in.RefreshToken, Move: f.move, SamePerson: f.samePerson,
	})
	if err != nil {
		return err
	}
	if err := a.printf("The sign-in was taken over. It is used here from now on: stop the program that it comes from,\n" +
		"and do not start it again with these files, whose refresh token is spent.\n"); err != nil {
		return err
	}
	return a.welcome(o)
}

// readSmall reads a file that holds a few keys. Its content gets into no error.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator's choice
	if err != nil {
		return nil, fail(exitUsage, "check the name of the file, and who may read it", "%w", err)
	}
	defer func() { _ = f.Close() }() // only read
	b, err := io.ReadAll(io.LimitReader(f, largestImport+1))
	switch {
	case err != nil:
		return nil, fail(exitUsage, "name a file", "%w", err)
	case len(b) > largestImport:
		return nil, fail(exitUsage, "name the file in which the other program keeps its tokens", "%s is too large to be one", path)
	}
	return b, nil
}
