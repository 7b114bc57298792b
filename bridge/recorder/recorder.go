// Package recorder writes readings of the past into Home Assistant's long-term
// statistics, over its WebSocket API. States that come by MQTT are stamped on arrival:
// this is the only door through which a reading gets to the hour it belongs to.
//
// Long-term statistics are hours of UTC: the mean, the lowest and the highest of what was
// read within each ([Hours]). They go into the statistics of the entities that Home
// Assistant already has, found by their unique ids, so that curves of the past and of
// today are one curve. What is there is read first, and only what differs is sent: a
// second run writes nothing, and one that was cut off is completed by the next. What was
// sent is read back before it counts as written, because Home Assistant answers an import
// before it does it.
//
// Home Assistant records hours itself, of the value that was known then. Where it has an
// hour in which something was measured, the measurement wins; every other hour of its own
// stays as it is. An hour is only written when Home Assistant has had the time to record
// it: one that gets in first makes it stumble.
//
// It speaks the unit in which Home Assistant keeps a statistic, and refuses one that a
// value cannot be converted to: an import relabels what is stored without converting it.
// It refuses to delete: the API could only delete all hours of an entity at once. An hour
// whose reading is gone can be given what was known before it ([Series.Gone]).
//
// It knows no other room, and HTTP only as far as a WebSocket begins with it. The one
// invariant: the token is in the first message to the hub and nowhere else, least of all
// in an error.
package recorder

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// usualPatience is how long one answer may take: a year of hours comes from a
	// database on an SD card.
	usualPatience = 30 * time.Second
	// largest is what one answer may weigh; a registry of ten thousand entities has 10 MB.
	largest = 64 << 20
)

// Options says which Home Assistant, and who we are there.
type Options struct {
	Address Address
	Token   string // long-lived access token of an administrator, or the supervisor's
	TLS     *tls.Config
	// Patience is how long each answer may take; 0 means 30 s.
	Patience time.Duration
}

// Hub is a connection to a Home Assistant, for one goroutine.
type Hub struct {
	address  Address
	token    string
	patience time.Duration
	conn     *websocket.Conn
	version  string
	lastID   int
}

// Dial connects and signs in. Errors are a *[HubError], or the context's.
func Dial(ctx context.Context, o Options) (*Hub, error) {
	h := &Hub{address: o.Address, token: o.Token, patience: cmp.Or(o.Patience, usualPatience)}
	if strings.ContainsFunc(o.Token, func(r rune) bool { return r <= ' ' || r > '~' }) || o.Token == "" {
		return nil, h.fail(ErrRefused, "what was given is no access token", makeToken, nil)
	}
	d := websocket.Dialer{HandshakeTimeout: h.patience, TLSClientConfig: o.TLS}
	conn, response, err := d.DialContext(ctx, o.Address.endpoint(), o.Address.header())
	if response != nil {
		_ = response.Body.Close() // gorilla has read what there is
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if errors.Is(err, websocket.ErrBadHandshake) {
		return nil, h.notAWebSocket(response.StatusCode, response.Header.Get("Location"))
	}
	if err != nil {
		return nil, h.unreachable(err)
	}
	conn.SetReadLimit(largest)
	h.conn = conn
	if err := h.signIn(ctx); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// Version is Home Assistant's, such as "2026.11.0".
func (h *Hub) Version() string { return h.version }

// Close ends the connection.
func (h *Hub) Close() error {
	_ = h.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	if err := h.conn.Close(); err != nil && !errors.Is(err, errClosed) {
		return fmt.Errorf("close the connection to Home Assistant: %w", err)
	}
	return nil
}

// signIn presents the token.
func (h *Hub) signIn(ctx context.Context) error {
	var m struct {
		Type    string `json:"type"`
		Version string `json:"ha_version"`
	}
	if err := h.receive(ctx, time.Now().Add(h.patience), &m); err != nil {
		return err
	}
	if m.Type != "auth_required" {
		return h.stranger("it begins with another message")
	}
	h.version = printable(m.Version)
	auth := struct {
		Type  string `json:"type"`
		Token string `json:"access_token"`
	}{"auth", h.token}
	if err := h.send(ctx, auth); err != nil {
		return err
	}
	if err := h.receive(ctx, time.Now().Add(h.patience), &m); err != nil {
		return err
	}
	switch m.Type {
	case "auth_ok":
		return nil
	case "auth_invalid": // its words are not passed on: whoever answers here has seen the token
		return h.fail(ErrRefused, "the access token is not accepted", makeToken, nil)
	}
	return h.stranger("it answers the sign-in with another message")
}

// newForm reports whether this version wants metadata to say mean_type and unit_class:
// since 2025.11 it takes them, and since 2026.11 nothing else.
func (h *Hub) newForm() bool {
	y, rest, _ := strings.Cut(h.version, ".")
	m, _, _ := strings.Cut(rest, ".")
	year, err := strconv.Atoi(y)
	month, merr := strconv.Atoi(m)
	if err != nil || merr != nil {
		return true // no form that a release ever had: a later one
	}
	return year > 2025 || year == 2025 && month >= 11
}

// request is a command; stamp numbers it.
type request interface{ stamp(id int) }

// head is what all commands begin with.
type head struct {
	ID   int    `json:"id"`
	Type string `json:"type"`
}

func (h *head) stamp(id int) { h.ID = id }

// ask sends a command and decodes its result; result may be nil.
func (h *Hub) ask(ctx context.Context, kind string, r request, result any) error {
	h.lastID++
	r.stamp(h.lastID)
	if err := h.send(ctx, r); err != nil {
		return err
	}
	deadline := time.Now().Add(h.patience) // of the answer, whatever comes before it
	for {
		var m struct {
			ID      int             `json:"id"`
			Type    string          `json:"type"`
			Success bool            `json:"success"`
			Result  json.RawMessage `json:"result"`
			Error   struct {
				Code    string `json:"code"`
				Message string `json:"message"`
			} `json:"error"`
		}
		if err := h.receive(ctx, deadline, &m); err != nil {
			return err
		}
		switch {
		case m.Type != "result" || m.ID != h.lastID: // an event, or somebody's pong
		case !m.Success:
			return h.refusal(kind, m.Error.Code, m.Error.Message)
		case result == nil:
			return nil
		default:
			if err := json.Unmarshal(m.Result, result); err != nil {
				return h.fail(ErrRefused, "its answer to "+kind+" is not as documented", otherVersion, err)
			}
			return nil
		}
	}
}

// send and receive one message each; the context's end closes the connection.
func (h *Hub) send(ctx context.Context, m any) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	defer context.AfterFunc(ctx, h.hangUp)()
	_ = h.conn.SetWriteDeadline(time.Now().Add(h.patience)) // never fails
	return h.ended(ctx, h.conn.WriteJSON(m))
}

func (h *Hub) receive(ctx context.Context, deadline time.Time, m any) error {
	defer context.AfterFunc(ctx, h.hangUp)()
	_ = h.conn.SetReadDeadline(deadline) // fails only on a closed connection, and then reading does
	_, b, err := h.conn.ReadMessage()
	if err != nil {
		return h.ended(ctx, err)
	}
	if err := json.Unmarshal(b, m); err != nil {
		return h.stranger("it sends something else")
	}
	return nil
}

func (h *Hub) hangUp() { _ = h.conn.Close() }

// ended says why the connection has.
func (h *Hub) ended(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return h.unreachable(err)
}
