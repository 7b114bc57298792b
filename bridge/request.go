package bridge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How much somebody may say in a request.
const (
	requestLimit = 4 << 10 // bytes of payload
	wordLimit    = 64      // bytes of a word
	nameLimit    = 128     // bytes of a request's name
)

// pressed is what a button of Home Assistant says; no account's name has capitals.
const pressed = "PRESS"

// request is something asked of the bridge, at bridge/request/<name>. Its payload is
// empty, a word, or a JSON object with the word at "value" or at a key of its own.
type request struct {
	name        string
	value       string          // the word; empty if there is none
	transaction json.RawMessage // the caller's own, to be given back; nil if there is none
}

// response is the payload at bridge/response/<name>, but for the transaction.
type response struct {
	Data   json.RawMessage `json:"data"` // an object
	Status string          `json:"status"`
	Error  string          `json:"error,omitempty"`
}

// requestKeys are the requests there are, and the key that holds what each is about;
// empty if it is about nothing.
func requestKeys() map[string]string {
	return map[string]string{
		"health": "", "log_level": "log_level", "poll": "account", "poll_interval": "poll_interval", "republish": "",
	}
}

// readRequest understands a payload, which may be anything. What it returns beside an
// error is good enough to answer to.
func readRequest(name string, payload []byte) (request, error) {
	r := request{name: name}
	if len(payload) > requestLimit {
		return r, fmt.Errorf("the payload is too long: a request has at most %d bytes", requestLimit)
	}
	key, known := requestKeys()[name]
	payload = bytes.TrimSpace(payload)
	var err error
	switch {
	case !utf8.Valid(payload):
		err = errGarbage
	case len(payload) == 0:
	case payload[0] == '{':
		err = r.object(payload, key, known)
	case payload[0] == '"':
		err = r.word(payload)
	default:
		r.value = string(payload)
	}
	switch {
	case !known:
		err = fmt.Errorf("there is no request %.80q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(requestKeys())), ", "))
	case err == nil && !wordy(r.value):
		err = errGarbage
	}
	if r.value == pressed {
		r.value = ""
	}
	return r, err
}

// errGarbage says what a payload should have been.
var errGarbage = errors.New("the payload is neither empty nor a word nor a JSON object")

// object reads {"value": "debug", "transaction": 1}.
func (r *request) object(payload []byte, key string, known bool) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(payload, &fields); err != nil {
		return fmt.Errorf("the payload is no JSON object: %w", err)
	}
	r.transaction = fields["transaction"]
	delete(fields, "transaction")
	if !known {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		switch {
		case key == "":
			return fmt.Errorf("unknown key %.80q; %s takes none but transaction", name, r.name)
		case name != key && name != "value":
			return fmt.Errorf("unknown key %.80q; use %s", name, key)
		case r.value != "":
			return fmt.Errorf("say either value or %s, not both", key)
		}
		if err := r.word(fields[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// word takes a JSON text or number for the value; null is none.
func (r *request) word(raw json.RawMessage) error {
	switch _, err := strconv.ParseFloat(string(raw), 64); {
	case string(raw) == "null":
		return nil
	case err == nil:
		r.value = string(raw)
		return nil
	}
	if json.Unmarshal(raw, &r.value) != nil {
		return errors.New("must be a text or a number")
	}
	return nil
}

// wordy reports whether s is nothing but a word, if it is anything.
func wordy(s string) bool {
	return len(s) <= wordLimit && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsPrint(r) || unicode.IsSpace(r) || strings.ContainsRune(`{}[]"`, r)
	})
}

// answer is what to say to a request; data is an object, and may be nil. The transaction
// comes last and byte for byte as it was.
func (r *request) answer(topic string, data []byte, err error) Message {
	a := response{Data: data, Status: "ok"}
	if data == nil {
		a.Data = json.RawMessage("{}")
	}
	if err != nil {
		a.Status, a.Error = "error", err.Error()
	}
	payload := encode(a)
	if r.transaction != nil {
		payload = fmt.Appendf(payload[:len(payload)-1], `,"transaction":%s}`, r.transaction)
	}
	return Message{Topic: topic, Payload: payload}
}
