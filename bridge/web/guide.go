package web

import (
	"regexp"
	"strings"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// guide is what pages tell of one cloud.
type guide struct {
	fitbit.Guide
	Backend   string
	Redirect  string   // where browsers come back
	Scopes    []string // to be ticked where apps are registered
	Successor *guide   // the cloud that people move on to; nil if there is none
}

// guide is what is known of a cloud: its name at least.
func (s *site) guide(backend string) guide {
	c := s.Desk.Clouds[backend]
	g := guide{Guide: c.Guide, Backend: backend, Redirect: c.RedirectURL, Scopes: c.Scopes}
	g.Cloud, g.Brand, g.Account = or(g.Cloud, backend), or(g.Brand, backend), or(g.Account, "account")
	if _, known := s.Desk.Clouds[c.Successor]; known {
		g.Successor = new(s.guide(c.Successor))
	}
	return g
}

// from is the cloud that somebody's readings come from, if it is another than that one.
func (s *site) from(p bridge.PersonReport, backend string) string {
	if p.Account.Backend == "" || p.Account.Backend == backend {
		return ""
	}
	return s.guide(p.Account.Backend).Cloud
}

// segment is a piece of a text: plain, marked, or an address to follow.
type segment struct {
	Text, URL string
	Mark      mark
	List      []string
}

// mark is what a piece of a text stands for.
type mark string

const (
	titleMark    mark = "title"
	labelMark    mark = "label"    // what a page is labelled with
	typedMark    mark = "typed"    // what is typed or copied
	redirectMark mark = "redirect" // the address to come back to
	scopesMark   mark = "scopes"   // the list of them
)

// Step is a step of the way to an app of one's own. It begins with what it is about,
// and a full stop.
func (g guide) Step(text string) []segment {
	title, rest, ok := strings.Cut(text, ". ")
	if !ok || strings.ContainsAny(title, "*`[{") {
		return g.Marked(text)
	}
	return append([]segment{{Text: title + ".", Mark: titleMark}}, g.Marked(" "+rest)...)
}

// Marked takes a text of the guide apart by its marks; see [fitbit.Guide].
func (g guide) Marked(text string) (list []segment) {
	marks := regexp.MustCompile("\\*([^*]+)\\*|`([^`]+)`|\\[([^]]+)\\]\\((https://[^ )]+)\\)|(\\{redirect\\})|(\\{scopes\\})")
	done := 0
	for _, at := range marks.FindAllStringSubmatchIndex(text, -1) {
		list = append(list, segment{Text: text[done:at[0]]})
		group := func(n int) string { return text[at[2*n]:at[2*n+1]] }
		switch {
		case at[2] >= 0:
			list = append(list, segment{Text: group(1), Mark: labelMark})
		case at[4] >= 0:
			list = append(list, segment{Text: group(2), Mark: typedMark})
		case at[6] >= 0:
			list = append(list, segment{Text: group(3), URL: group(4)})
		case at[10] >= 0:
			list = append(list, segment{Text: g.Redirect, Mark: redirectMark})
		default:
			list = append(list, segment{List: g.Scopes, Mark: scopesMark})
		}
		done = at[1]
	}
	return append(list, segment{Text: text[done:]})
}
