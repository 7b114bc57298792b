package history

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
)

// Owed returns up to limit unpublished events of a person, in the order they were recorded.
func (s *Store) Owed(ctx context.Context, uid string, limit int) ([]bridge.Owed, error) {
	list, err := collect(ctx, s.db, func(rows *sql.Rows) (bridge.Owed, error) {
		var o bridge.Owed
		var payload string
		if err := rows.Scan(&o.Seq, &payload); err != nil {
			return o, err
		}
		if err := json.Unmarshal([]byte(payload), &o.Event); err != nil {
			return o, fmt.Errorf("stored event %d: %w", o.Seq, err)
		}
		return o, nil
	}, `SELECT seq, payload FROM event WHERE published_at IS NULL AND uid = ? ORDER BY seq LIMIT ?`, uid, limit)
	return list, s.classify("read outbox", err)
}

// Settle marks an event as acknowledged by the broker.
func (s *Store) Settle(ctx context.Context, seq int64) error {
	_, err := s.db.ExecContext(ctx, `UPDATE event SET published_at = ? WHERE seq = ?`, stamp(s.now()), seq)
	return s.classify("settle event", err)
}

// Pending counts the unpublished events.
func (s *Store) Pending(ctx context.Context) (n int, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT count(*) FROM event WHERE published_at IS NULL`).Scan(&n)
	return n, s.classify("count outbox", err)
}

// Bury keeps a withdrawn discovery config.
func (s *Store) Bury(ctx context.Context, m bridge.Message) error {
	_, err := s.db.ExecContext(ctx, `INSERT OR REPLACE INTO buried (topic, payload) VALUES (?, ?)`, m.Topic, m.Payload)
	return s.classify("bury config", err)
}

// Buried returns the withdrawn configs as they last were.
func (s *Store) Buried(ctx context.Context) ([]bridge.Message, error) {
	list, err := collect(ctx, s.db, func(rows *sql.Rows) (bridge.Message, error) {
		m := bridge.Message{Retained: true}
		return m, rows.Scan(&m.Topic, &m.Payload)
	}, `SELECT topic, payload FROM buried ORDER BY topic`)
	return list, s.classify("read buried configs", err)
}

// Exhume forgets a withdrawn config.
func (s *Store) Exhume(ctx context.Context, topic string) error {
	_, err := s.db.ExecContext(ctx, `DELETE FROM buried WHERE topic = ?`, topic)
	return s.classify("exhume config", err)
}
