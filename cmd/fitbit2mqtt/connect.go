package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/oauth2"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore"
)

// signInTime is how long a sign-in may take; the cloud's code lives as long.
const signInTime = 10 * time.Minute

func (a *app) newConnect() *cobra.Command {
	move := false
	c := &cobra.Command{
		Use:   "connect ACCOUNT",
		Short: "Sign a person in, for the first time or again",
		Long: `Prints the address at which the person signs in and gives consent, and waits for
the browser to come back. If the browser runs on another machine, it ends up at an
address that cannot be reached: copy that address and paste it here.

ACCOUNT is what the person is called in topics: ` + fitbit.NameRule + `.
Signing in again under the same name keeps history, topics and entities.`,
		Example: `  fitbit2mqtt connect anna
  fitbit2mqtt connect anna --move      # anna has a new Google account`,
		Args: usage(cobra.ExactArgs(1)),
	}
	c.Flags().BoolVar(&move, "move", false, "accept a different cloud account under this name; its history here starts anew")
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		name := args[0]
		if err := fitbit.CheckName(name); err != nil {
			return fail(exitUsage, "choose another name, such as anna", "%w", err)
		}
		config, err := a.loadConfig()
		if err != nil {
			return err
		}
		h, err := a.open(c.Context(), config)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, h.close()) }()
		return a.connect(c.Context(), h, name, move)
	}
	return c
}

// connect leads a person through a sign-in at the terminal.
func (a *app) connect(ctx context.Context, h *house, name string, move bool) error {
	s, err := h.beginSignIn(ctx, name)
	if err != nil {
		return err
	}
	catcher, err := listenForCallback(ctx, s.attempt.RedirectURL)
	if err != nil {
		h.log.Debug("callback cannot be caught", "error", err)
	}
	defer catcher.close()
	if err := a.printf("Open this address in a browser and sign in as %s:\n\n%s\n\n", name, s.url); err != nil {
		return err
	}
	next := "Then copy the address the browser ends up at, paste it here and press Enter:"
	if catcher != nil {
		next = "Waiting for the browser to come back. If it shows a page that cannot be reached,\ncopy its address, paste it here and press Enter:"
	}
	if err := a.printf("%s\n", next); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, signInTime, errSignInTooLate)
	defer cancel()
	callback, err := a.awaitCallback(ctx, catcher)
	if err != nil {
		return err
	}
	account, missing, err := h.finishSignIn(ctx, s, callback, move)
	catcher.answer(account.Name, err)
	if err != nil {
		return err
	}
	return a.welcome(account, missing)
}

var errSignInTooLate = errors.New("nobody signed in within ten minutes")

func (a *app) welcome(account tokenstore.Account, missing []string) error {
	text := account.Name + " is connected."
	if !account.SignInExpires.IsZero() {
		text += fmt.Sprintf("\nThe sign-in ends by itself on %s, because the Google Cloud project is in test mode:\n"+
			"publish the app (Google Auth Platform, Audience), then sign in again.", account.SignInExpires.Format("2 January 2006"))
	}
	if len(missing) > 0 {
		text += "\nNot granted: " + strings.Join(missing, ", ") + ". To change that, sign in again and leave every box ticked."
	}
	return a.printf("%s\n", text)
}

// awaitCallback waits for the browser, or for an address pasted at the terminal.
// A pasted text that holds no code is refused and asked for again.
func (a *app) awaitCallback(ctx context.Context, c *catcher) (fitbit.Callback, error) {
	lines := make(chan string)
	go func() { // ends with the process: nothing can interrupt a read from a terminal
		defer close(lines)
		scanner := bufio.NewScanner(io.LimitReader(a.in, 1<<20))
		for scanner.Scan() {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), errSignInTooLate) {
				return fitbit.Callback{}, fail(exitCloud, "start again and finish the sign-in within ten minutes", "%w", errSignInTooLate)
			}
			return fitbit.Callback{}, ctx.Err()
		case callback := <-c.callbacks():
			return callback, nil
		case line, open := <-lines:
			if !open {
				if lines = nil; c == nil {
					return fitbit.Callback{}, fail(exitCloud, "run it in a terminal", "no address was pasted")
				}
				continue
			}
			if strings.TrimSpace(line) == "" {
				continue
			}
			callback, err := fitbit.ParseCallback(line)
			if err == nil {
				return callback, nil
			}
			if err := a.printf("There is no sign-in code in that. Copy the whole address from the browser's address bar:\n"); err != nil {
				return fitbit.Callback{}, err
			}
		}
	}
}

// signIn is a sign-in under way.
type signIn struct {
	attempt tokenstore.Attempt
	backend string
	url     string // where the person consents
}

// beginSignIn stores an attempt, so that the code can come back by any way.
func (h *house) beginSignIn(ctx context.Context, name string) (signIn, error) {
	s := signIn{backend: defaultBackend}
	if known, err := h.tokens.Account(ctx, name); err == nil {
		s.backend = known.Backend
	} else if !errors.Is(err, tokenstore.ErrNotFound) {
		return s, err
	}
	b, err := h.backend(s.backend)
	if err != nil {
		return s, err
	}
	if b.settings.ClientID == "" || b.settings.ClientSecret == "" {
		return s, &configError{problems: []string{s.backend + ".client_id and " + s.backend +
			".client_secret: must be set to sign in; create them in the Google Cloud console (see README)"}}
	}
	s.attempt = tokenstore.Attempt{
		Attempt: fitbit.Attempt{State: rand.Text(), Verifier: oauth2.GenerateVerifier(), RedirectURL: b.settings.RedirectURL},
		Name:    name, Backend: s.backend,
	}
	if err := h.tokens.BeginSignIn(ctx, s.attempt); err != nil {
		return s, err
	}
	s.url = b.authorizer.AuthCodeURL(s.attempt.Attempt)
	return s, nil
}

// finishSignIn spends the code and stores the account. missing names what the
// person did not grant.
func (h *house) finishSignIn(ctx context.Context, s signIn, callback fitbit.Callback, move bool) (
	account tokenstore.Account, missing []string, err error,
) {
	state := callback.State
	if state == "" {
		state = s.attempt.State // a bare code, pasted into this very terminal
	}
	if state != s.attempt.State { // it stays good for whoever it belongs to
		return account, nil, notOurs(s.attempt.Name)
	}
	attempt, err := h.tokens.TakeSignIn(ctx, state)
	switch {
	case errors.Is(err, tokenstore.ErrNoAttempt):
		return account, nil, notOurs(s.attempt.Name)
	case err != nil:
		return account, nil, err
	case callback.Err != "":
		return account, nil, denied(callback.Err, attempt.Name)
	}
	b := h.backends[attempt.Backend]
	grant, err := b.authorizer.Exchange(ctx, attempt.Attempt, callback.Code)
	if err != nil {
		return account, nil, err
	}
	identity, err := b.source(justThis(grant.AccessToken)).Identity(ctx)
	if err != nil {
		return account, nil, err
	}
	account, err = h.tokens.Connect(ctx, tokenstore.SignIn{
		Name: attempt.Name, Backend: attempt.Backend, User: identity.User, Grant: grant, Move: move,
	})
	switch {
	case errors.Is(err, tokenstore.ErrOtherIdentity):
		return account, nil, fail(exitCloud, "sign in with the account used before, choose another name, or add --move to hand the name over", "%w", err)
	case errors.Is(err, tokenstore.ErrIdentityTaken):
		return account, nil, fail(exitCloud, "sign out of the browser's current account first, or use the name that is connected", "%w", err)
	case err != nil:
		return account, nil, err
	}
	return account, notGranted(b.scopes, grant.Scopes), nil
}

// notOurs refuses an address that another sign-in has brought back.
func notOurs(name string) error {
	return fail(exitCloud, "start again with: fitbit2mqtt connect "+name, "this address belongs to another sign-in, or to one that is over")
}

// notGranted lists the scopes that were asked for and not given, by their last part.
func notGranted(asked, given []string) (missing []string) {
	for _, s := range asked {
		if given != nil && !slices.Contains(given, s) {
			missing = append(missing, strings.TrimSuffix(s[strings.LastIndex(s, "/")+1:], ".readonly"))
		}
	}
	return missing
}

// denied explains what the consent page sent back instead of a code.
func denied(code, name string) error {
	again := "start again with: fitbit2mqtt connect " + name
	switch code {
	case "access_denied":
		return fail(exitCloud, again+", and choose Continue; in test mode the person must be a listed test user", "consent was denied")
	case "server_error", "temporarily_unavailable":
		return fail(exitAway, "wait a moment, then "+again, "the cloud's sign-in page is out of order")
	}
	if len(code) > 40 || strings.ContainsFunc(code, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' }) {
		code = "error"
	}
	return fail(exitCloud, again, "the cloud's sign-in page answered %s", code)
}

// justThis is the token of a sign-in that is not stored yet.
type justThis string

func (t justThis) Token(context.Context) (string, error) { return string(t), nil }

func (justThis) Renew(context.Context, string) (string, error) {
	return "", &fitbit.CloudError{Kind: fitbit.ErrReauthRequired, Detail: "the cloud refuses the token it has just issued"}
}
