package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// signInTime is how long a sign-in may take; the cloud's code lives as long.
const signInTime = 10 * time.Minute

func (a *app) newConnect() *cobra.Command {
	var r signin.Request
	c := &cobra.Command{
		Use:   "connect ACCOUNT",
		Short: "Sign a person in, for the first time or again",
		Long: `Prints the address at which the person signs in and gives consent, and waits for
the browser to come back. If the browser runs on another machine, it ends up at an
address that cannot be reached: copy that address and paste it here.

ACCOUNT is what the person is called in topics: ` + fitbit.NameRule + `.
Signing in again under the same name keeps history, topics and entities, at
another cloud too.`,
		Example: `  fitbit2mqtt connect anna
  fitbit2mqtt connect anna --backend google   # anna moves there from another cloud
  fitbit2mqtt connect anna --move             # somebody else is called anna now`,
		Args: usage(cobra.ExactArgs(1)),
	}
	c.Flags().StringVar(&r.Backend, "backend", "", "cloud to sign in to: "+backendNames()+" (default: that of ACCOUNT, for new people "+backends()[0].name+")")
	c.Flags().BoolVar(&r.SamePerson, "same-person", false, "the account at the other cloud is the same person's, though the clouds do not say so; history stays")
	c.Flags().BoolVar(&r.Move, "move", false, "accept a different person's cloud account under this name; its history here starts anew")
	c.MarkFlagsMutuallyExclusive("same-person", "move")
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		r.Name = args[0]
		if err := fitbit.CheckName(r.Name); err != nil {
			return fail(exitUsage, "choose another name, such as anna", "%w", err)
		}
		if r.Backend != "" && !knownBackend(r.Backend) {
			return &usageError{command: c.CommandPath(), err: fmt.Errorf("--backend %q: use %s", r.Backend, backendNames())}
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
		return a.connect(c.Context(), h, r)
	}
	return c
}

// connect leads a person through a sign-in at the terminal. The code may come back
// to a page of ours instead, or to another terminal; then this one learns of it.
func (a *app) connect(ctx context.Context, h *house, r signin.Request) error {
	s, err := h.desk.Begin(ctx, r)
	if errors.Is(err, signin.ErrNoClient) {
		return h.noClient(ctx, r)
	}
	if err != nil {
		return err
	}
	if before, err := h.tokens.Account(ctx, s.Name); err == nil && before.Retired && before.Backend == s.Backend {
		if err := a.printf("That cloud is gone: %s. What helps: %s.\nIf it is there again after all:\n\n", before.LostDetail, strings.ReplaceAll(before.LostHint, "ACCOUNT", s.Name)); err != nil {
			return err
		}
	}
	catcher, err := listenForCallback(ctx, h.desk.Clouds[s.Backend].RedirectURL)
	if err != nil {
		h.log.Debug("callback cannot be caught", "error", err)
	}
	defer catcher.close()
	if err := a.printf("Open this address in a browser and sign in as %s:\n\n%s\n\n", s.Name, s.URL); err != nil {
		return err
	}
	next := "Then copy the address the browser ends up at, paste it here and press Enter:"
	caught := catcher != nil || errors.Is(err, syscall.EADDRINUSE) // by a page of ours, as a rule
	if caught {
		next = "Waiting for the browser to come back. If it shows a page that cannot be reached,\ncopy its address, paste it here and press Enter:"
	}
	if err := a.printf("%s\n", next); err != nil {
		return err
	}
	// The attempt ends by itself, unless its code is just being redeemed.
	ctx, cancel := context.WithTimeoutCause(ctx, signInTime+time.Minute, errSignInTooLate)
	defer cancel()
	outcome, err := a.awaitOutcome(ctx, h.desk, s, catcher, caught)
	if errors.Is(err, context.DeadlineExceeded) && errors.Is(context.Cause(ctx), errSignInTooLate) {
		return fail(exitCloud, "start again and finish the sign-in within ten minutes", "%w", errSignInTooLate)
	}
	if err != nil {
		return err
	}
	return a.welcome(outcome)
}

// noClient says what to configure before anybody can sign in.
func (h *house) noClient(ctx context.Context, r signin.Request) error {
	if account, err := h.tokens.Account(ctx, r.Name); err == nil {
		r.Backend = cmp.Or(r.Backend, account.Backend)
	}
	b := backendOf(cmp.Or(r.Backend, h.desk.Default))
	return &configError{problems: []string{b.name + ".client_id and " + b.name +
		".client_secret: must be set to sign in, or entered on the page; " + b.docs + " says how to get them"}}
}

var errSignInTooLate = errors.New("nobody signed in within ten minutes")

func (a *app) welcome(o signin.Outcome) error {
	text := o.Account + " is connected."
	if !o.SignInExpires.IsZero() {
		text += fmt.Sprintf("\nThe sign-in ends by itself on %s, because the Google Cloud project is in test mode:\n"+
			"publish the app (Google Auth Platform, Audience), then sign in again.", o.SignInExpires.Format("2 January 2006"))
	}
	if len(o.Missing) > 0 {
		text += "\nNot granted: " + fitbit.Words(o.Missing...) + ". To change that, sign in again and leave every box ticked."
	}
	return a.printf("%s\n", text)
}

// awaitOutcome waits for the browser, for an address pasted at the terminal, or for
// somebody else to finish the sign-in. caught says that the browser needs no help to
// come back.
func (a *app) awaitOutcome(ctx context.Context, desk *signin.Desk, s signin.Started, c *catcher, caught bool) (signin.Outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type ending struct {
		signin.Outcome
		err error
	}
	elsewhere := make(chan ending, 1)
	go func() {
		o, err := desk.Wait(ctx, s.ID)
		elsewhere <- ending{o, err}
	}()
	lines := a.lines(ctx)
	for {
		select {
		case <-ctx.Done():
			return signin.Outcome{}, ctx.Err()
		case e := <-elsewhere:
			return e.Outcome, e.err
		case back := <-c.arrivals():
			o, err := desk.Finish(ctx, back.Callback, "")
			back.answer <- verdict(o, err, back.State == s.State)
			if back.State == s.State {
				return o, err
			}
		case line, open := <-lines:
			if !open {
				if lines = nil; !caught {
					return signin.Outcome{}, fail(exitCloud, "run it in a terminal", "no address was pasted")
				}
				continue
			}
			if strings.TrimSpace(line) == "" {
				continue
			}
			callback, err := fitbit.ParseCallback(line)
			text := "There is no sign-in code in that. Copy the whole address from the browser's address bar:\n"
			switch {
			case err == nil && (callback.State == "" || callback.State == s.State):
				return desk.Finish(ctx, callback, s.State)
			case err == nil: // it stays good for whoever it belongs to
				text = "That address belongs to another sign-in. Paste the one that the browser ends up at from the address above:\n"
			}
			if err := a.printf("%s", text); err != nil {
				return signin.Outcome{}, err
			}
		}
	}
}

// lines are what is typed or pasted at the terminal.
func (a *app) lines(ctx context.Context) <-chan string {
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
	return lines
}
