package main

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge/web/door"
)

func (r *reader) problem(key, format string, args ...any) {
	r.problems = append(r.problems, key+": "+fmt.Sprintf(format, args...))
}

func (r *reader) str(key, otherwise string) string {
	s := r.text(key, otherwise)
	r.public[key] = s
	return s
}

// text refuses numbers: YAML has already changed them (0123 is 83, 1e3 is 1000).
func (r *reader) text(key, otherwise string) string {
	s, ok := r.value(key, otherwise).(string)
	if !ok {
		r.problem(key, "must be a text; put it in quotes")
		return otherwise
	}
	return s
}

// secret reads a key or the file named by its _file twin.
func (r *reader) secret(key string) string {
	direct, file := r.text(key, ""), r.text(key+"_file", "")
	r.public[key+"_file"] = file
	switch {
	case file == "":
		return direct
	case direct != "":
		r.problem(key, "set either this or %s_file, not both", key)
		return ""
	}
	b, err := os.ReadFile(expandHome(file))
	if err != nil {
		r.problem(key+"_file", "%v", err)
		return ""
	}
	s := strings.TrimRight(plainText(b), "\r\n")
	if s == "" {
		r.problem(key+"_file", "%s is empty", file)
	}
	return s
}

// plainText is what is in a file, without the mark that Windows' editors put in front of it.
func plainText(b []byte) string { return strings.TrimPrefix(string(b), "\ufeff") }

func (r *reader) duration(key string, otherwise, least time.Duration) time.Duration {
	s := fmt.Sprint(r.value(key, otherwise.String()))
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		r.problem(key, "%q is not a time span; write it as %s", s, short(otherwise))
		d = otherwise
	case d < least || d > 24*time.Hour:
		r.problem(key, "%s is out of range; use %s to 24h", s, short(least))
		d = otherwise
	}
	r.public[key] = short(d)
	return d
}

// short writes 1h0m0s as 1h.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func (r *reader) choice(key, otherwise string, choices ...string) string {
	s := r.str(key, otherwise)
	if !slices.Contains(choices, s) {
		r.problem(key, "%q is not known; use %s", s, strings.Join(choices, ", "))
	}
	return s
}

func (r *reader) flag(key string) bool {
	s := fmt.Sprint(r.value(key, "false"))
	r.public[key] = s == "true"
	if s != "true" && s != "false" {
		r.problem(key, "%q is neither true nor false", s)
	}
	return s == "true"
}

func (r *reader) list(key string) []string {
	list := []string{}
	switch v := r.value(key, []any{}).(type) {
	case string:
		for s := range strings.SplitSeq(v, ",") {
			if s = strings.TrimSpace(s); s != "" {
				list = append(list, s)
			}
		}
	case []any:
		for _, e := range v {
			list = append(list, fmt.Sprint(e))
		}
	default:
		r.problem(key, "must be a list")
	}
	r.public[key] = list
	return list
}

// topic checks a topic or a part of one.
func (r *reader) topic(key, otherwise string) string {
	s := r.str(key, otherwise)
	if s == "" || strings.ContainsAny(s, "+#\x00 ") || strings.HasPrefix(s, "/") || strings.HasSuffix(s, "/") || len(s) > 128 {
		r.problem(key, "%q cannot be part of a topic; use letters, digits, _ - and / within, such as %s", s, otherwise)
	}
	return s
}

// web checks an address; plain http is for this machine only, because tokens and
// codes travel along.
func (r *reader) web(key, otherwise string) string {
	s := r.str(key, otherwise)
	if s == "" {
		return ""
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		r.problem(key, "%q is not an address; write it as https://example.org", s)
	case u.User != nil || u.Fragment != "":
		r.problem(key, "must not contain a user name, password or fragment")
	case u.Scheme == "http" && !door.Loopback(u.Hostname()):
		r.problem(key, "%q is not encrypted; use https, or http on this machine only", s)
	}
	return strings.TrimSuffix(s, "/")
}

// listen checks host:port and reports whether it is reachable from this machine only.
func (r *reader) listen(key, otherwise string) (address string, private bool) {
	s := r.str(key, otherwise)
	host, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = net.LookupPort("tcp", port) //nolint:noctx // a number or a name from a local table
	}
	if err != nil {
		r.problem(key, "%q is not host:port; write it as %s", s, otherwise)
		return s, true
	}
	return s, door.Loopback(host)
}

// refuseUnknown names every key nobody asked for.
func (r *reader) refuseUnknown() {
	known := slices.Collect(maps.Keys(r.used))
	for _, key := range r.v.AllKeys() {
		if !r.used[key] {
			r.problem(key, "%s", suggestion(key, known))
		}
	}
	names := map[string]bool{"CONFIG": true, strings.TrimPrefix(optionsEnv, envPrefix): true, strings.TrimPrefix(supervisorEnv, envPrefix): true}
	for _, key := range known {
		names[strings.ToUpper(strings.ReplaceAll(key, ".", "_"))] = true
	}
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		key, ours := strings.CutPrefix(name, envPrefix)
		if strings.HasPrefix(key, "PORT") || strings.HasPrefix(key, "SERVICE_") {
			continue // what Docker and Kubernetes tell about a service of this name
		}
		if ours && !names[key] {
			r.problem(name, "unknown variable")
		}
	}
}

// suggestion says what may have been meant by an unknown key.
func suggestion(key string, known []string) string {
	slices.Sort(known)
	for _, k := range known {
		if strings.HasPrefix(k, key+".") {
			return "must hold keys, such as " + k
		}
	}
	last := key[strings.LastIndex(key, ".")+1:]
	meant, most := "", -1
	for _, k := range known {
		if k[strings.LastIndex(k, ".")+1:] != last {
			continue
		}
		alike := 0 // characters at the beginning
		for alike < min(len(k), len(key)) && k[alike] == key[alike] {
			alike++
		}
		if alike > most {
			meant, most = k, alike
		}
	}
	if meant == "" {
		return "unknown key"
	}
	return "unknown key; did you mean " + meant + "?"
}
