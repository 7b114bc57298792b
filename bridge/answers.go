package bridge

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	mostAnswers     = 100              // that wait for the broker
	answerLife      = time.Minute      // nobody waits for one for longer
	mostTries       = 2                // at an answer: some brokers hang up on what they do not allow
	republishLimit  = 30 * time.Second // from a request to its answer
	republishAtMost = configGap        // apart: those who come meanwhile wait for the next time
)

// errand is a request that is the announcer's to do.
type errand struct {
	request
	asked time.Time
}

// by is when it is answered.
func (e *errand) by() time.Time { return e.asked.Add(republishLimit) }

// answers are the responses on their way to the broker, and the requests that the
// announcer has to do itself.
type answers struct {
	ready signal

	mu      sync.Mutex
	list    []posted
	errands []errand
}

type posted struct {
	Message
	until time.Time
	tries int
}

// request does what is asked at bridge/request/<name>, or has it done. It does not wait
// for that.
func (b *Bridge) request(name string, payload []byte) {
	r, err := readRequest(name, payload)
	answer := func(data []byte, err error) {
		b.o.Log.Debug("request answered", "request", name, "ok", err == nil)
		b.teller.post(r.answer(b.topics.response(name), data, err), time.Now())
	}
	if err != nil {
		answer(nil, err)
		return
	}
	switch name {
	case "poll":
		b.inquire(r.value, answer)
	case "log_level":
		answer(b.setLogLevel(r.value))
	case "poll_interval":
		answer(b.setPollInterval(r.value))
	default:
		b.teller.send(r)
	}
}

// post has a response published to somebody who has waited for it since. Whoever asks faster
// than the broker takes answers gets none to some questions.
func (a *announcer) post(m Message, since time.Time) {
	a.answers.mu.Lock()
	if len(a.answers.list) < mostAnswers {
		a.answers.list = append(a.answers.list, posted{Message: m, until: since.Add(answerLife)})
	}
	a.answers.mu.Unlock()
	a.answers.ready.raise()
}

// send has the announcer do what is asked.
func (a *announcer) send(r request) {
	a.answers.mu.Lock()
	if len(a.answers.errands) < mostAnswers {
		a.answers.errands = append(a.answers.errands, errand{r, time.Now()})
	}
	a.answers.mu.Unlock()
	a.answers.ready.raise()
}

// respond publishes the responses that wait, in order.
func (a *announcer) respond(ctx context.Context) {
	for a.up {
		a.answers.mu.Lock()
		if len(a.answers.list) == 0 {
			a.answers.mu.Unlock()
			return
		}
		a.answers.list[0].tries++
		next := a.answers.list[0]
		a.answers.mu.Unlock()
		over := time.Now().After(next.until) || a.publish(ctx, next.Message)
		if over || next.tries == mostTries {
			a.answers.mu.Lock()
			a.answers.list = a.answers.list[1:]
			a.answers.mu.Unlock()
		}
		if !over {
			return
		}
	}
}

// beginErrands takes on the errands: what they want published is on the board afterwards.
// What was asked before a long outage is not done any more. It returns when there is more
// to begin.
func (a *announcer) beginErrands(ctx context.Context) (again time.Time) {
	a.answers.mu.Lock()
	errands := a.answers.errands
	a.answers.errands = nil
	a.answers.mu.Unlock()
	for _, e := range errands {
		switch {
		case time.Now().After(e.by()):
		case e.name == "health":
			a.post(e.answer(a.b.topics.response(e.name), a.health(ctx), nil), e.asked)
		default:
			a.waiting = append(a.waiting, e)
		}
	}
	if len(a.waiting) == 0 || len(a.republishing) > 0 {
		return time.Time{}
	}
	if next := a.republished.Add(republishAtMost); time.Now().Before(next) {
		return next
	}
	a.republishing, a.waiting, a.republished = a.waiting, nil, time.Now()
	a.b.board.repeat()
	return time.Time{}
}

// endErrands answers those for whom everything has been published again.
func (a *announcer) endErrands() (again time.Time) {
	if len(a.republishing) == 0 {
		return time.Time{}
	}
	states, configs, rest := a.b.board.census()
	var err error
	if rest > 0 {
		if by := a.republishing[0].by(); time.Now().Before(by) {
			return by
		}
		err = fmt.Errorf("%d of %d topics could not be published yet; it is tried again by itself", rest, states+configs)
		if a.trouble != nil {
			err = fmt.Errorf("%w: %w", err, a.trouble)
		}
	}
	for _, e := range a.republishing {
		data := encode(struct {
			States  int `json:"states"`
			Configs int `json:"configs"`
		}{states, configs})
		a.post(e.answer(a.b.topics.response(e.name), data, err), e.asked)
	}
	a.republishing = nil
	return time.Now() // for those who came meanwhile
}
