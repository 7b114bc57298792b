package recorder

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Series is what is known of one entity.
type Series struct {
	Entity string
	Unit   string // of the values
	Hours  []Hour // oldest first
	// Gone are hours of readings that are no more.
	Gone []Gone
}

// Gone is an hour as it was when readings that are deleted now were still there, and what
// was known before it: what Home Assistant itself records for an hour without a reading.
type Gone struct {
	Hour

	Before float64
}

// Plan is what has to be done about a series.
type Plan struct {
	Entity string
	// New hours are not there yet, Changed ones say something else, Same ones do not.
	// Withdrawn ones, counted apart, hold a reading that is gone.
	New, Changed, Same, Withdrawn int

	statistic statistic
	rows      []row // to send, oldest first
}

// Rows counts what would be written.
func (p Plan) Rows() int { return len(p.rows) }

// Compare reads what Home Assistant has and says what has to be done. It changes nothing.
// Errors are a *[HubError], or the context's.
func (h *Hub) Compare(ctx context.Context, s Series) (Plan, error) {
	p := Plan{Entity: s.Entity}
	statistic, scale, err := h.statistic(ctx, s.Entity, s.Unit)
	if err != nil || len(s.Hours)+len(s.Gone) == 0 {
		return p, err
	}
	p.statistic = statistic
	first, last := s.span()
	kept, err := h.kept(ctx, statistic, first, last)
	if err != nil {
		return p, err
	}
	read := make(map[time.Time]bool, len(s.Hours))
	for _, hour := range s.Hours {
		r := rowOf(hour, scale)
		read[r.Start] = true
		k, known := kept[r.Start]
		switch {
		case !known:
			p.New++
		case k.same(r):
			p.Same++
			continue
		default:
			p.Changed++
		}
		p.rows = append(p.rows, r)
	}
	for _, g := range s.Gone {
		was, r := rowOf(g.Hour, scale), rowOf(Hour{g.Start, g.Before, g.Before, g.Before}, scale)
		k, known := kept[r.Start]
		if known && !read[r.Start] && k.within(was) && !k.same(r) { // it was we who wrote that
			p.Withdrawn++
			p.rows = append(p.rows, r)
		}
	}
	return p, nil
}

// span is from the first to the last hour that is spoken of.
func (s Series) span() (first, last time.Time) {
	stretch := func(t time.Time) {
		if first.IsZero() || t.Before(first) {
			first = t
		}
		if t.After(last) {
			last = t
		}
	}
	for _, hour := range s.Hours {
		stretch(hour.Start)
	}
	for _, g := range s.Gone {
		stretch(g.Start)
	}
	return first, last
}

// perMessage is how many hours one message holds: 60 kB of the 4 MiB that the hub takes.
const perMessage = 500

// Write sends what a plan found and waits until Home Assistant has it. Progress, which may
// be nil, is told how many hours have been taken on. Errors are a *[HubError], or the
// context's; what was sent before stays, and the next plan leaves it out.
func (h *Hub) Write(ctx context.Context, p Plan, progress func(done int)) error {
	if len(p.rows) == 0 {
		return nil
	}
	const kind = "recorder/import_statistics"
	metadata, err := h.metadata(p.statistic)
	if err != nil {
		return fmt.Errorf("encode %s: %w", p.Entity, err)
	}
	for done := 0; done < len(p.rows); {
		next := min(done+perMessage, len(p.rows))
		r := &struct {
			head

			Metadata json.RawMessage `json:"metadata"`
			Stats    []row           `json:"stats"`
		}{head{Type: kind}, metadata, p.rows[done:next]}
		if err := h.ask(ctx, kind, r, nil); err != nil {
			return err
		}
		if done = next; progress != nil {
			progress(done)
		}
	}
	return h.await(ctx, p)
}

// await returns when what was sent can be read, or fails when nothing more of it has come
// for a while: a database on an SD card takes its time.
func (h *Hub) await(ctx context.Context, p Plan) error {
	deadline := time.Now().Add(h.patience)
	first, last := p.rows[0].Start, p.rows[0].Start
	for _, r := range p.rows {
		if r.Start.Before(first) {
			first = r.Start
		}
		if r.Start.After(last) {
			last = r.Start
		}
	}
	least := len(p.rows) // that were missing
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		kept, err := h.kept(ctx, p.statistic, first, last)
		if err != nil {
			return err
		}
		missing := 0
		for _, r := range p.rows {
			if k, known := kept[r.Start]; !known || !k.same(r) {
				missing++
			}
		}
		if missing < least {
			least, deadline = missing, time.Now().Add(h.patience)
		}
		switch {
		case missing == 0:
			return nil
		case time.Now().After(deadline):
			return h.fail(ErrAway, fmt.Sprintf("it has taken %d hours of %s and not recorded them", missing, p.Entity),
				"look into its log for the recorder, then run the same command again: it goes on from there", nil)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
