package bridge_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// memory is a bridge.Memory that lasts as long as the test; refuse makes its
// writes fail.
type memory struct {
	mu       sync.Mutex
	past     map[string]bridge.Past
	owed     []bridge.Owed
	owner    map[int64]string
	buried   map[string]bridge.Message
	seq      int64
	records  int
	settles  int
	noRecord error
	noSettle error
	noRecall error
	noForget error
	left     *int // writes until the process dies; nil: it lives on
}

var _ bridge.Memory = (*memory)(nil)

func newMemory() *memory {
	return &memory{past: make(map[string]bridge.Past), owner: make(map[int64]string), buried: make(map[string]bridge.Message)}
}

func (m *memory) set(change func(*memory)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

// written returns how often something was recorded since the last call.
func (m *memory) written() (n int) {
	m.set(func(m *memory) { n, m.records = m.records, 0 })
	return n
}

func (m *memory) Recall(_ context.Context, uid string) (bridge.Past, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.past[uid], m.noRecall
}

// put replaces what has the same name and drops what is gone.
func put[K comparable, T any](old, changed []T, gone []K, name func(T) K) []T {
	all := make(map[K]T)
	for _, v := range slices.Concat(old, changed) {
		all[name(v)] = v
	}
	for _, k := range gone {
		delete(all, k)
	}
	return slices.Collect(maps.Values(all))
}

func (m *memory) Record(_ context.Context, uid string, e bridge.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.noRecord != nil {
		return m.noRecord
	}
	if m.left != nil {
		if *m.left--; *m.left < 0 {
			return errors.New("dead")
		}
	}
	m.records++
	p := m.past[uid]
	p.Weights = put(p.Weights, e.Weights, e.GoneWeights, bridge.KnownWeight.Ref)
	p.Fats = put(p.Fats, e.Fats, e.GoneFats, bridge.KnownFat.Ref)
	p.Days = put(p.Days, e.Days, nil, func(d fitbit.HeartDay) fitbit.Date { return d.Date })
	if e.Devices != nil {
		p.Devices = *e.Devices
	}
	if e.Profile != nil {
		p.Profile = *e.Profile
	}
	m.past[uid] = p
	for _, event := range e.Events {
		m.seq++
		m.owed, m.owner[m.seq] = append(m.owed, bridge.Owed{Seq: m.seq, Event: event}), uid
	}
	return nil
}

func (m *memory) Forget(_ context.Context, uid string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.noForget != nil {
		return m.noForget
	}
	delete(m.past, uid)
	m.owed = slices.DeleteFunc(m.owed, func(o bridge.Owed) bool { return m.owner[o.Seq] == uid })
	return nil
}

func (m *memory) Owed(_ context.Context, uid string, limit int) (list []bridge.Owed, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, o := range m.owed {
		if m.owner[o.Seq] == uid && len(list) < limit {
			list = append(list, o)
		}
	}
	return list, nil
}

func (m *memory) Settle(_ context.Context, seq int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.settles++
	if m.noSettle == nil {
		m.owed = slices.DeleteFunc(m.owed, func(o bridge.Owed) bool { return o.Seq == seq })
	}
	return m.noSettle
}

func (m *memory) Pending(context.Context) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.owed), nil
}

func (m *memory) Bury(_ context.Context, message bridge.Message) error {
	m.set(func(m *memory) { m.buried[message.Topic] = message })
	return nil
}

func (m *memory) Buried(context.Context) ([]bridge.Message, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.buried)), nil
}

func (m *memory) Exhume(_ context.Context, topic string) error {
	m.set(func(m *memory) { delete(m.buried, topic) })
	return nil
}
