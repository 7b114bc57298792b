package contract

import (
	"regexp"
	"strings"
)

// guide: whoever signs in can be told everything, in the marks that a page knows.
func guide(l *lab) {
	g := l.cloud.Guide
	for what, text := range map[string]string{
		"cloud": g.Cloud, "brand": g.Brand, "account": g.Account, "app": g.App, "why": g.Why, "client id": g.ClientID,
	} {
		if text == "" || strings.ContainsAny(text, "*`{}[]\n<>") {
			l.Errorf("the guide's %s is %q", what, text)
		}
	}
	steps := strings.Join(g.Steps, "\n")
	for _, mark := range []string{"{redirect}", "{scopes}"} {
		if strings.Count(steps, mark) != 1 {
			l.Errorf("the steps mention %s %d times, want once", mark, strings.Count(steps, mark))
		}
	}
	texts := append([]string{g.Warning, g.Ends}, g.Steps...)
	for _, r := range g.Refusals {
		if r.Shown == "" || r.Means == "" {
			l.Errorf("a refusal is %+v", r)
		}
		texts = append(texts, r.Means)
	}
	known := regexp.MustCompile("\\*[^*]+\\*|`[^`]+`|\\[[^]]+\\]\\(https://[^ )]+\\)|\\{redirect\\}|\\{scopes\\}")
	for _, text := range texts {
		if rest := known.ReplaceAllString(text, ""); strings.ContainsAny(rest, "*`{}[]\n<>") {
			l.Errorf("a mark is left over in %q", text)
		}
	}
	if !strings.HasPrefix(g.Permits, "https://") {
		l.Errorf("permissions are taken back at %q", g.Permits)
	}
}
