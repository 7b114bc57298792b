package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/googlehealth"
)

// How far this machine's clock may be from a cloud's.
const (
	noticedSkew = 30 * time.Second
	harmfulSkew = 5 * time.Minute // weigh-ins come late, or look older than they are
)

// cloudsAndPeople looks at the clouds in use, and then at everybody who is there.
func (d *doctor) cloudsAndPeople(ctx context.Context) []finding {
	var found []finding
	away := make(map[string]string) // by backend: why it cannot be asked
	if !d.offline {
		found, away = d.clouds(ctx)
	}
	switch {
	case d.unknown != "":
		return append(found, skip("accounts", "nobody can be looked at: %s", d.unknown))
	case len(d.people) == 0:
		f := skip("accounts", "nobody is connected yet")
		f.Hint = new("sign in with: fitbit2mqtt connect NAME")
		return append(found, f)
	}
	sections := make([][]finding, len(d.people))
	var looking sync.WaitGroup
	for i, s := range d.people {
		if d.concerns(s) {
			looking.Go(func() { sections[i] = d.person(ctx, s, away[s.Backend]) })
		}
	}
	looking.Wait()
	return append(found, slices.Concat(sections...)...)
}

// inUse lists the clouds that somebody is signed in at, or could be first.
func (d *doctor) inUse() (list []backend) {
	for _, b := range backends() {
		if slices.ContainsFunc(d.people, func(s subject) bool {
			return s.Backend == b.name && s.SignedIn && !s.Retired && d.concerns(s)
		}) {
			list = append(list, b)
		}
	}
	if len(list) == 0 {
		list = backends()[:1]
	}
	return list
}

// clouds asks each cloud in use for any answer, and looks at its clock.
func (d *doctor) clouds(ctx context.Context) ([]finding, map[string]string) {
	list := d.inUse()
	answers, skews := make([]finding, len(list)), make([]*time.Duration, len(list))
	var asking sync.WaitGroup
	for i, b := range list {
		asking.Go(func() { answers[i], skews[i] = d.cloud(ctx, b) })
	}
	asking.Wait()
	away := make(map[string]string)
	var worst *time.Duration
	for i, b := range list {
		if answers[i].Status != well {
			away[b.name] = "its cloud comes first"
		}
		if s := skews[i]; s != nil && (worst == nil || s.Abs() > worst.Abs()) {
			worst = s
		}
	}
	return slices.Concat(answers, []finding{clock(worst)}), away
}

// clock compares this machine's clock with a cloud's. Brokers do not tell theirs.
func clock(skew *time.Duration) finding {
	const hint = "let this machine set its clock by the network (NTP)"
	switch {
	case skew == nil:
		return skip("clock", "no cloud tells the time")
	case skew.Abs() >= harmfulSkew:
		return bad("clock", exitConfig, hint, "this machine's clock is %s the cloud's", apart(*skew))
	case skew.Abs() >= noticedSkew:
		return warn("clock", hint, "this machine's clock is %s the cloud's", apart(*skew))
	}
	return fine("clock", "agrees with the cloud's")
}

// apart says how far this clock is from another one that is ahead of it by skew.
func apart(skew time.Duration) string {
	where := "behind"
	if skew < 0 {
		where = "ahead of"
	}
	return short(skew.Abs().Round(time.Minute)) + " " + where
}

// cloud asks one cloud, and its sign-in server, for an answer.
func (d *doctor) cloud(ctx context.Context, b backend) (finding, *time.Duration) {
	if why := d.mend(b.name); why != "" {
		return skip("cloud", "%s: %s", b.guide.Cloud, why), nil
	}
	own := d.config.Clouds[b.name]
	var status int
	var skew *time.Duration
	var failures [2]error
	var asking sync.WaitGroup
	asking.Go(func() { status, skew, failures[0] = d.knock(ctx, cmp.Or(own.Endpoint, b.endpoint)) })
	asking.Go(func() { _, _, failures[1] = d.knock(ctx, cmp.Or(own.TokenURL, b.tokenURL)) })
	asking.Wait()
	for i, who := range []string{b.guide.Cloud, b.guide.Brand + "'s sign-in server"} {
		if failures[i] != nil {
			return bad("cloud", exitAway, "check the internet connection; if it is fine, wait",
				"%s does not answer: %s", who, failures[i]), skew
		}
	}
	if status == http.StatusGone {
		hint := "look for a newer version of fitbit2mqtt"
		if b.successor != "" {
			hint = fmt.Sprintf("move everybody to %s: fitbit2mqtt connect NAME --backend %s", backendOf(b.successor).guide.Cloud, b.successor)
		}
		return bad("cloud", exitCloud, hint, "%s has been turned off", b.guide.Cloud), skew
	}
	return fine("cloud", "%s answers", b.guide.Cloud), skew
}

// knock asks a server for its root. Any answer will do; no token goes along.
func (d *doctor) knock(ctx context.Context, address string) (status int, skew *time.Duration, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return 0, nil, errors.New("its address is none")
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.Scheme+"://"+u.Host+"/", nil)
	if err != nil {
		return 0, nil, errors.New("its address is none")
	}
	began := d.now()
	r.Close = true
	res, err := googlehealth.NewHTTPClient().Do(r)
	if err != nil {
		return 0, nil, plainly(err)
	}
	defer func() { _ = res.Body.Close() }()
	if told, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		now := d.now()
		// It was told somewhere in between, and without its fraction of a second.
		skew = new(told.Add(time.Second / 2).Sub(began.Add(now.Sub(began) / 2)))
	}
	return res.StatusCode, skew, nil
}

// plainly says why there is no answer, without the address.
func plainly(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("nothing comes back")
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// warnedBefore is how long before its end a sign-in's end is worth a warning.
const warnedBefore = 48 * time.Hour

// person looks at one connected person. away says why their cloud cannot be asked.
func (d *doctor) person(ctx context.Context, s subject, away string) []finding {
	found := []finding{s.timeZone()}
	source, err := d.house.desk.Source(s.UID, s.Backend)
	signIn := trouble("sign_in", err)
	if err == nil {
		signIn = d.signIn(ctx, &s, source, away)
	}
	found = append(found, signIn, d.permissions(s))
	switch {
	case d.offline:
	case signIn.Status == well, signIn.Status == warning:
		found = append(found, d.metrics(ctx, s, source)...)
	default:
		found = append(found, skip("metrics", "%s", cmp.Or(away, "the sign-in comes first")))
	}
	for i, f := range found {
		found[i] = f.of(s.Name)
	}
	return found
}

// timeZone looks whether days can be told apart where the person lives.
func (s subject) timeZone() finding {
	const check = "time_zone"
	name := s.past.Profile.TimeZone
	if name == "" {
		return skip(check, "the bridge has not asked for it yet")
	}
	_, offset := time.Parse("-07:00", name)
	if _, err := time.LoadLocation(name); err != nil && offset != nil {
		return bad(check, exitConfig, "look for a newer version of fitbit2mqtt, or install this machine's time-zone data",
			"%q is not known here", name)
	}
	return fine(check, "it is known here")
}

// signIn looks whether the person's token works, and renews it if it is due.
func (d *doctor) signIn(ctx context.Context, s *subject, source fitbit.Source, away string) finding {
	const check = "sign_in"
	again := "sign in again: fitbit2mqtt connect " + s.Name
	switch {
	case s.Retired:
		return bad(check, exitCloud, cmp.Or(s.LostHint, "sign in at another cloud"), "%s", cmp.Or(s.LostDetail, "its cloud has been turned off"))
	case !s.SignedIn:
		return bad(check, exitCloud, cmp.Or(s.LostHint, again), "%s", cmp.Or(s.LostDetail, "the cloud no longer accepts it"))
	case away != "":
		return skip(check, "%s", away)
	}
	works := "it is there"
	if !d.offline {
		asking, cancel := context.WithTimeout(ctx, answerTime)
		defer cancel()
		identity, err := source.Identity(asking)
		if err != nil {
			return trouble(check, err)
		}
		works = "it works"
		if identity.User != s.User {
			return bad(check, exitCloud, again, "it belongs to somebody else than it did")
		}
		if a, err := d.house.tokens.AccountOf(ctx, s.UID); err == nil {
			if !a.Expiry.Equal(s.Expiry) {
				works = "it works, and was just renewed"
			}
			s.Account = a
		}
	}
	switch left := s.SignInExpires.Sub(d.now()); {
	case s.SignInExpires.IsZero():
		return fine(check, "%s", works)
	case left < warnedBefore:
		return warn(check, again, "%s, but ends by itself at %s", works, s.SignInExpires.Format(time.RFC3339))
	}
	return fine(check, "%s, and ends by itself at %s", works, s.SignInExpires.Format(time.RFC3339))
}

// permissions looks at what was granted at sign-in.
func (d *doctor) permissions(s subject) finding {
	const check = "permissions"
	missing := d.house.desk.Missing(s.Account)
	switch {
	case !knownBackend(s.Backend), s.Retired, !s.SignedIn:
		return skip(check, "the sign-in comes first")
	case len(s.Scopes) == 0:
		return skip(check, "the cloud has not said what was granted")
	case len(missing) > 0:
		return bad(check, exitCloud, "sign in again and leave every box ticked: fitbit2mqtt connect "+s.Name, "not granted: %s", fitbit.Words(missing...))
	}
	return fine(check, "all were granted")
}
