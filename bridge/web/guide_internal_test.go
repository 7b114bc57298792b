package web

import (
	"slices"
	"strings"
	"testing"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit/googlehealth"
)

// plainGuide is a guide for texts that are looked at one by one.
func plainGuide() guide {
	return guide{Redirect: "http://localhost/back", Scopes: []string{"weight", "heart"}}
}

func TestMarked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]segment{
		"":                    {{}},
		"plain":               {{Text: "plain"}},
		"choose *Go on* now":  {{Text: "choose "}, {Text: "Go on", Mark: labelMark}, {Text: " now"}},
		"type `yes`":          {{Text: "type "}, {Text: "yes", Mark: typedMark}, {}},
		"{redirect}: exactly": {{}, {Text: "http://localhost/back", Mark: redirectMark}, {Text: ": exactly"}},
		"tick {scopes}":       {{Text: "tick "}, {List: []string{"weight", "heart"}, Mark: scopesMark}, {}},
		"[it](https://a.b/c?d=e), then *x*": {
			{}, {Text: "it", URL: "https://a.b/c?d=e"}, {Text: ", then "}, {Text: "x", Mark: labelMark}, {},
		},
		"[it](javascript:alert(1)) [x](http://a)": {{Text: "[it](javascript:alert(1)) [x](http://a)"}},
		"2 * 3, a ` and {more}":                   {{Text: "2 * 3, a ` and {more}"}},
	} {
		if got := plainGuide().Marked(text); !slices.EqualFunc(got, want, sameSegment) {
			t.Errorf("%q became %+v", text, got)
		}
	}
	for text, want := range map[string][]segment{
		"Register. Open *it*.": {{Text: "Register.", Mark: titleMark}, {Text: " Open "}, {Text: "it", Mark: labelMark}, {Text: "."}},
		"*Open* it. Then go.":  {{}, {Text: "Open", Mark: labelMark}, {Text: " it. Then go."}},
		"All in one":           {{Text: "All in one"}},
	} {
		if got := plainGuide().Step(text); !slices.EqualFunc(got, want, sameSegment) {
			t.Errorf("step %q became %+v", text, got)
		}
	}
}

func sameSegment(a, b segment) bool {
	return a.Text == b.Text && a.URL == b.URL && a.Mark == b.Mark && slices.Equal(a.List, b.List)
}

// Nothing of a guide's text is lost but its marks, and only https is followed.
func FuzzMarked(f *testing.F) {
	for _, text := range googlehealth.Guide().Steps {
		f.Add(text)
	}
	for _, text := range []string{"**", "*a`b*c`", "[](https://)", "[a](https://b c)", "{redirect}{scopes}", "*\xff*", "[*a*](https://b)"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rest := text
		for _, seg := range plainGuide().Marked(text) {
			written := seg.Text
			switch seg.Mark {
			case labelMark:
				written = "*" + seg.Text + "*"
			case typedMark:
				written = "`" + seg.Text + "`"
			case redirectMark:
				written = "{redirect}"
			case scopesMark:
				written = "{scopes}"
			case titleMark:
				t.Errorf("%q has a title", text)
			}
			if seg.URL != "" {
				written = "[" + seg.Text + "](" + seg.URL + ")"
				if !strings.HasPrefix(seg.URL, "https://") || strings.ContainsAny(seg.URL, " )") {
					t.Errorf("leads to %q", seg.URL)
				}
			}
			var found bool
			if rest, found = strings.CutPrefix(rest, written); !found {
				t.Fatalf("%q: %q is not what follows", text, written)
			}
		}
		if rest != "" {
			t.Errorf("%q loses %q", text, rest)
		}
	})
}
