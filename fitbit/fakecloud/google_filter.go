package fakecloud

import (
	"regexp"
	"strings"
	"time"
)

// limits is the span of time a request is about. Civil bounds are what the clock
// on the person's wall shows, written as UTC. Zero bounds are open; the lower ones
// are included, the upper ones are not.
type limits struct {
	from, to           time.Time
	civilFrom, civilTo time.Time
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// earlier takes the zero time for "never".
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

func (l limits) contains(r reading) bool {
	if r.at.Before(l.from) || !l.to.IsZero() && !r.at.Before(l.to) {
		return false
	}
	if l.civilFrom.IsZero() && l.civilTo.IsZero() {
		return true
	}
	wall := wallClock(r.at)
	return !wall.Before(l.civilFrom) && (l.civilTo.IsZero() || wall.Before(l.civilTo))
}

// reach returns instants between which everything within the limits lies; civil
// bounds are widened by more than any zone's offset.
func (l limits) reach(now time.Time) (from, to time.Time) {
	from, to = l.from, earlier(l.to, now.Add(1))
	if !l.civilFrom.IsZero() {
		from = later(from, l.civilFrom.Add(-15*time.Hour))
	}
	if !l.civilTo.IsZero() {
		to = earlier(to, l.civilTo.Add(15*time.Hour))
	}
	return from, to
}

// wallClock returns what the wall clock shows at t, as if it were UTC.
func wallClock(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// badFilter returns a refusal; cause is what follows in Google's name for it.
func badFilter(cause string) error {
	return badRequest("INVALID_DATA_POINT_FILTER_"+cause, "The data point filter is invalid.")
}

// parseFilter reads restrictions such as
//
//	weight.sample_time.physical_time >= "2026-11-01T00:00:00Z"
//
// joined by AND. Only >= and < exist, the type is in snake_case and must be the
// collection's, and physical and civil time do not mix.
func parseFilter(dt dataType, s string) (limits, error) {
	var l limits
	var first timeScale
	tokens := regexp.MustCompile(`"[^"]*"|[<>=!:]+|[\w.-]+|\S`).FindAllString(s, -1)
	for i := 0; len(tokens) > 0; i++ {
		if i > 0 {
			if tokens[0] != "AND" {
				return l, badFilter("EXPRESSION_STRUCTURE")
			}
			tokens = tokens[1:]
		}
		if len(tokens) < 3 {
			return l, badFilter("UNEXPECTED_END_OF_INPUT")
		}
		scale, err := dt.scaleOf(tokens[0])
		if err != nil {
			return l, err
		}
		if i > 0 && scale != first {
			return l, badFilter("MIXED_TIME_RESTRICTIONS")
		}
		first = scale
		if err := restrict(&l, scale, tokens[1], tokens[2]); err != nil {
			return l, err
		}
		tokens = tokens[3:]
	}
	if !l.to.IsZero() && l.to.Before(l.from) || !l.civilTo.IsZero() && l.civilTo.Before(l.civilFrom) {
		return l, badRequest("INVALID_TIME_RANGE", "The range ends before it starts.")
	}
	return l, nil
}

// timeScale is how a filter member counts time.
type timeScale int

const (
	physical timeScale = iota
	civil
	dateOnly
)

// scaleOf returns what kind of time a filter's member is compared with.
func (dt dataType) scaleOf(member string) (timeScale, error) {
	name, rest, _ := strings.Cut(member, ".")
	if name != dt.filterName() {
		if _, known := lookUp(strings.ReplaceAll(name, "_", "-")); known && !strings.Contains(name, "-") {
			return 0, badFilter("COLLECTION_MISMATCH")
		}
		return 0, badFilter("DATA_TYPE_RESTRICTION")
	}
	switch {
	case dt.kind == sampleKind && rest == "sample_time.physical_time", dt.kind == intervalKind && rest == "interval.start_time":
		return physical, nil
	case dt.kind == sampleKind && rest == "sample_time.civil_time", dt.kind == intervalKind && rest == "interval.civil_start_time":
		return civil, nil
	case dt.kind == dailyKind && rest == "date":
		return dateOnly, nil
	}
	return 0, badFilter("DATA_TYPE_MEMBER")
}

// restrict narrows l by one comparison.
func restrict(l *limits, scale timeScale, operator, literal string) error {
	if operator != ">=" && operator != "<" {
		return badFilter("RESTRICTION_COMPARATOR")
	}
	if !strings.HasPrefix(literal, `"`) {
		return badFilter("RESTRICTION_ARGUMENT")
	}
	if len(literal) < 2 {
		return badFilter("SYNTAX") // a quote that never ends
	}
	literal = strings.Trim(literal, `"`)
	from, to, cause := &l.civilFrom, &l.civilTo, "CIVIL_DATE_TIME_FORMAT"
	layouts := []string{time.DateOnly}
	switch scale {
	case physical:
		from, to, cause, layouts = &l.from, &l.to, "TIMESTAMP_FORMAT", []string{time.RFC3339}
	case civil:
		layouts = append(layouts, "2006-01-02T15:04:05")
	case dateOnly:
	}
	for _, layout := range layouts {
		t, err := time.Parse(layout, literal)
		switch {
		case err != nil:
			continue
		case operator == "<":
			*to = earlier(*to, t)
		default:
			*from = later(*from, t)
		}
		return nil
	}
	return badFilter(cause)
}
