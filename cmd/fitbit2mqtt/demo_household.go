package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/fakecloud"
	"github.com/fitbit2mqtt/fitbit2mqtt/tokenstore/signin"
)

// startFakeCloud serves a household's cloud on a free loopback port and points
// the configuration at it: the backend that is played, and the one that has taken over
// from it, so that people can move there. The demo looks every second, which is more
// than clouds allow.
func startFakeCloud(ctx context.Context, c *config, played string) (*fakecloud.Cloud, func(), error) {
	own := cloudConfig{ClientID: "demo", ClientSecret: rand.Text(), RedirectURL: defaultRedirect}
	if _, port, err := net.SplitHostPort(c.Web.Listen); err == nil {
		own.RedirectURL = "http://localhost:" + port + "/oauth/callback"
	}
	cloud := fakecloud.New(fakecloud.Options{UserPerMinute: -1, Apps: []fakecloud.App{{
		ClientID: own.ClientID, ClientSecret: own.ClientSecret, RedirectURLs: []string{own.RedirectURL},
	}}})
	today := fitbit.DateOf(time.Now())
	for i, name := range residents() { // who is not of the household yet can be connected on the page
		person := cloud.AddPerson(fakecloud.PersonOptions{
			Name: name, Location: time.Local, HeightMetres: 1.62 + 0.07*float64(i%4), Seed: uint64(i + 1),
		})
		person.Generate(today.AddDays(-30*demoMonths), today)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, fmt.Errorf("fake cloud: %w", err)
	}
	server := &http.Server{Handler: cloud, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }() // ends with Close
	own.Endpoint = "http://" + l.Addr().String()
	for name := range c.Clouds { // nobody signs in at a real one from here
		c.Clouds[name] = cloudConfig{RedirectURL: own.RedirectURL}
	}
	for b := backendOf(played); b.name != ""; b = backendOf(b.successor) {
		c.Clouds[b.name] = own.beside(b)
	}
	return cloud, func() { _ = server.Close() }, nil
}

// scale is what a resident will weigh themselves with.
type scale struct {
	name    string
	kg, fat float64 // about
}

// signInDemo signs a resident in, the way a person with a browser would, and
// looks up what they weigh.
func signInDemo(ctx context.Context, h *house, cloud *fakecloud.Cloud, backend, name string) (scale, error) {
	s, err := h.desk.Begin(ctx, signin.Request{Name: name, Backend: backend, SamePerson: true})
	if err != nil {
		return scale{}, err
	}
	back, err := cloud.Consent(ctx, s.URL, fakecloud.Answer{Person: name})
	if err != nil {
		return scale{}, fmt.Errorf("sign in at the fake cloud: %w", err)
	}
	callback, err := fitbit.ParseCallback(back.String())
	if err != nil {
		return scale{}, err
	}
	if _, err := h.desk.Finish(ctx, callback, s.State); err != nil {
		return scale{}, err
	}
	account, err := h.tokens.Account(ctx, name)
	if err != nil {
		return scale{}, err
	}
	// The cloud of an earlier demo has gone, and with it what people weighed there.
	if err := h.history.Forget(ctx, account.UID); err != nil {
		return scale{}, err
	}
	source, err := h.desk.Source(account.UID, account.Backend)
	if err != nil {
		return scale{}, err
	}
	weight, err := source.LatestWeight(ctx)
	if err != nil {
		return scale{}, err
	}
	fats, err := source.BodyFats(ctx, fitbit.Window{From: weight.Time.AddDate(0, -1, 0)})
	if err != nil || len(fats) == 0 {
		return scale{}, errors.Join(errors.New("the fake cloud has no body fat"), err)
	}
	return scale{name: name, kg: weight.Kilograms, fat: fats[len(fats)-1].Percent}, nil
}

// weigh lets one resident after the other step on the scale.
func weigh(ctx context.Context, cloud *fakecloud.Cloud, scales []scale, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s := scales[n%len(scales)]
		wobble := math.Sin(float64(n) * 1.7)
		kg, fat := s.kg+0.4*wobble, s.fat+0.3*wobble
		cloud.Person(s.name).WeighIn(time.Now(), math.Round(kg*100)/100, math.Round(fat*10)/10)
	}
}
