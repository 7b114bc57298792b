package webapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/internal/wire"
)

// Import is a sign-in that another program has kept. It prints as "redacted".
type Import struct {
	// ClientID and ClientSecret are those of the app; empty if the files do not say.
	ClientID, ClientSecret string
	// User is the person's id at the cloud; empty if the files do not say.
	User string
	fitbit.Grant
}

// The limits of what is read.
const (
	maxImportFile = 64 << 10 // of a file, bytes
	maxSecret     = 4 << 10  // of a token, bytes
)

// expected is what people are told of files that are refused.
const expected = "expected are client_id and client_secret of the app, access_token and refresh_token; " +
	"as in fb_conf.json, in client_details.json and user_details.json together, or in what the token endpoint answers"

// importKeys lists the keys that files are read for, as people spell them: letter
// case, hyphens and underscores aside.
func importKeys() map[string][]string {
	return map[string][]string{
		"client_id":     {"clientid", "id", "consumerkey", "fitbitclientid", "oauthclientid"},
		"client_secret": {"clientsecret", "secret", "consumersecret", "fitbitclientsecret", "oauthclientsecret"},
		"access_token":  {"accesstoken", "access", "token", "fitbitaccesstoken"},
		"refresh_token": {"refreshtoken", "refresh", "fitbitrefreshtoken"},
		"user_id":       {"userid", "user", "encodedid"},
		"scope":         {"scope", "scopes"},
		"expires_at":    {"expiresat", "expires"},
	}
}

// ErrNoImport says that files hold no sign-in of another program.
var ErrNoImport = errors.New("no sign-in of another program in it")

// ReadImport reads the files, by name, in which another program keeps a sign-in at
// Fitbit: fb_conf.json with everything in it; client_details.json and
// user_details.json together; or a token as the token endpoint answers it, which does
// not say whose app it is for. Keys may stand one level down. What it returns has a
// refresh token. That can be used once: from now on, only one program may.
//
// Error: [ErrNoImport], which names files and keys and never quotes a value.
func ReadImport(files map[string][]byte) (Import, error) {
	found := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		values, err := readImportFile(files[name])
		if err != nil {
			return Import{}, fmt.Errorf("%w: %s %w (%s)", ErrNoImport, wire.Printable(name), err, expected)
		}
		for key, value := range values {
			if old, ok := found[key]; ok && old != value {
				return Import{}, fmt.Errorf("%w: the files have two different values of %s", ErrNoImport, key)
			}
			found[key] = value
		}
	}
	if found["refresh_token"] == "" {
		return Import{}, fmt.Errorf("%w: there is no refresh_token (%s)", ErrNoImport, expected)
	}
	in := Import{ClientID: found["client_id"], ClientSecret: found["client_secret"], User: found["user_id"]}
	in.AccessToken, in.RefreshToken = found["access_token"], found["refresh_token"]
	in.Scopes = scopesOf(found["scope"])
	// Without a date the access token is good until the cloud refuses it.
	var n wire.Number
	if at := found["expires_at"]; at != "" && n.UnmarshalJSON([]byte(`"`+at+`"`)) == nil {
		in.Expiry = expiryOf(n)
	}
	return in, nil
}

// readImportFile returns what is known of the keys in an object and in the objects
// within it. The outermost counts.
func readImportFile(data []byte) (map[string]string, error) {
	if len(data) > maxImportFile {
		return nil, fmt.Errorf("is larger than %d bytes", maxImportFile)
	}
	var outer map[string]json.RawMessage
	if json.Unmarshal(bytes.TrimPrefix(data, []byte("\ufeff")), &outer) != nil { // editors of Windows mark their files
		return nil, errors.New("is not an object in JSON")
	}
	values := make(map[string]string)
	err := takeValues(values, outer)
	for _, key := range slices.Sorted(maps.Keys(outer)) {
		var inner map[string]json.RawMessage
		if err == nil && json.Unmarshal(outer[key], &inner) == nil {
			err = takeValues(values, inner)
		}
	}
	if err == nil && len(values) == 0 {
		err = errors.New("has none of the keys")
	}
	return values, err
}

// takeValues adds what an object has under the known keys and values lacks.
func takeValues(values map[string]string, object map[string]json.RawMessage) error {
	plain := strings.NewReplacer("_", "", "-", "", " ", "")
	for key, spellings := range importKeys() {
		for _, spelling := range spellings {
			for _, have := range slices.Sorted(maps.Keys(object)) {
				value, ok := importValue(object[have])
				if !ok || values[key] != "" || plain.Replace(strings.ToLower(have)) != spelling {
					continue
				}
				if len(value) > maxSecret || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
					return fmt.Errorf("has something else than a value under %s", key)
				}
				values[key] = value
			}
		}
	}
	return nil
}

// importValue reads a text, a number, or a list of texts as some keep the scopes.
func importValue(raw json.RawMessage) (string, bool) {
	var one string
	var several []string
	var n json.Number
	switch {
	case json.Unmarshal(raw, &one) == nil:
	case json.Unmarshal(raw, &several) == nil:
		one = strings.Join(several, " ")
	case json.Unmarshal(raw, &n) == nil:
		one = n.String()
	}
	one = strings.TrimSpace(one)
	return one, one != ""
}
