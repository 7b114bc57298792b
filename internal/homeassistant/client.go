package homeassistant

import (
	"encoding/json"
	"time"

	"github.com/gorilla/websocket"
)

// object is JSON as it comes; nothing here is shared with whoever sends it.
type object = map[string]any

// client is one connection.
type client struct {
	hub    *Hub
	conn   *websocket.Conn
	admin  bool
	lastID float64
}

// signIn asks for a token and says what it thinks of it.
func (c *client) signIn() bool {
	if c.send(object{"type": "auth_required", "ha_version": c.hub.version}) != nil {
		return false
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	m, ok := c.receive()
	if !ok {
		return false
	}
	token, isText := m["access_token"].(string)
	if m["type"] != "auth" || !isText || len(m) != 2 {
		_ = c.send(object{"type": "auth_invalid", "message": "Auth message incorrectly formatted"})
		return false
	}
	c.hub.mu.Lock()
	admin, known := c.hub.tokens[token]
	c.hub.mu.Unlock()
	if !known {
		_ = c.send(object{"type": "auth_invalid", "message": "Invalid access token or password"})
		return false
	}
	c.admin = admin
	_ = c.conn.SetReadDeadline(time.Time{})
	return c.send(object{"type": "auth_ok", "ha_version": c.hub.version}) == nil
}

// serve answers commands until the client has gone.
func (c *client) serve() {
	for {
		m, ok := c.receive()
		if !ok {
			return
		}
		id, isNumber := m["id"].(float64)
		kind, isText := m["type"].(string)
		if !isNumber || !isText || id < 1 {
			if c.send(failure(0, "invalid_format", "Message incorrectly formatted.")) != nil {
				return
			}
			continue
		}
		if id <= c.lastID {
			if c.send(failure(id, "id_reuse", "Identifier values have to increase.")) != nil {
				return
			}
			continue
		}
		c.lastID = id
		if !c.answer(id, kind, m) {
			return
		}
	}
}

// answer deals with one command, and reports whether the connection goes on.
func (c *client) answer(id float64, kind string, m object) bool {
	h := c.hub
	h.mu.Lock()
	h.work()
	h.commands = append(h.commands, kind)
	trouble := h.trouble
	delete(m, "id")
	delete(m, "type")
	result, refusal := h.command(kind, m, c.admin)
	hangUp := kind == "recorder/import_statistics" && trouble.HangUpAfter > 0 && h.imports > trouble.HangUpAfter
	h.mu.Unlock()
	if hangUp {
		return false
	}
	if trouble.Chatty {
		for _, noise := range []object{
			{"id": id + 1000, "type": "pong"},
			{"id": id + 1000, "type": "event", "event": object{"event_type": "state_changed"}},
		} {
			if c.send(noise) != nil {
				return false
			}
		}
	}
	if kind == trouble.Silent {
		return true
	}
	if refusal != nil {
		return c.send(failure(id, refusal.code, refusal.message)) == nil
	}
	return c.send(object{"id": id, "type": "result", "success": true, "result": result}) == nil
}

func failure(id float64, code, message string) object {
	return object{"id": id, "type": "result", "success": false, "error": object{"code": code, "message": message}}
}

func (c *client) send(m object) error { return c.conn.WriteJSON(m) }

func (c *client) receive() (object, bool) {
	kind, b, err := c.conn.ReadMessage()
	if err != nil || kind != websocket.TextMessage {
		return nil, false
	}
	c.hub.mu.Lock()
	c.hub.largest = max(c.hub.largest, len(b))
	c.hub.mu.Unlock()
	var m object
	return m, json.Unmarshal(b, &m) == nil
}
