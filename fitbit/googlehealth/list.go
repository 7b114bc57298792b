package googlehealth

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

const (
	maxPageSize    = 10000 // the API's own limit
	samplePageSize = 1440  // keeps an answer well below a megabyte
	newestFew      = 5     // of which one will be readable
	maxRepeats     = 2     // pages without anything new, before giving up
	maxPages       = 2000  // a listing longer than this is not worth believing
)

// The sampled types, as they stand in addresses.
const (
	weightType    = "weight"
	bodyFatType   = "body-fat"
	heightType    = "height"
	heartRateType = "heart-rate"
)

// query is one request for a page of a listing, newest first. An empty filter means ever.
type query struct {
	filter, token string
	size          int
}

func (c *Client) page(ctx context.Context, path string, q query) (listResponse, error) {
	raw := "pageSize=" + strconv.Itoa(q.size) + "&prettyPrint=false"
	if q.filter != "" {
		raw += "&filter=" + strings.ReplaceAll(url.QueryEscape(q.filter), "+", "%20")
	}
	if q.token != "" {
		raw += "&pageToken=" + url.QueryEscape(q.token)
	}
	var r listResponse
	err := c.rest.Get(ctx, "/v4/users/me/dataTypes/"+path+"/dataPoints", raw, &r)
	return r, err
}

// list hands each sample within the window to visit, in no particular order. It
// hardly uses page tokens, because at the edge of a page the API loses points that
// share their time with the last one: instead each page asks again for what lies at
// or before the oldest second seen, and forgets what it has already got.
func (c *Client) list(ctx context.Context, path string, in fitbit.Window, visit func(dataPoint)) error {
	if !in.To.IsZero() && !in.From.Before(in.To) {
		return nil // the API refuses a range that ends before it starts
	}
	seen := make(map[pointKey]bool)
	q := query{filter: sampleFilter(path, in), size: samplePageSize}
	repeats := 0
	for range maxPages {
		r, err := c.page(ctx, path, q)
		if err != nil {
			return err
		}
		oldest, news := time.Time{}, 0
		for _, p := range r.DataPoints {
			at, ok := p.sampled()
			if !ok {
				continue
			}
			if oldest.IsZero() || at.Before(oldest) {
				oldest = at
			}
			if k := p.key(at); !seen[k] {
				seen[k] = true
				news++
				if in.Contains(at) {
					visit(p)
				}
			}
		}
		switch {
		case r.NextPageToken == "":
			return nil
		case oldest.IsZero(): // nothing on it, and yet not the last: only the token leads on
			q.token = r.NextPageToken
			continue
		case news == 0 && q.size == maxPageSize:
			// All of it known, and yet a token: the last page may carry one. More within
			// one second than any page holds looks the same, but goes on.
			if repeats++; repeats > maxRepeats {
				return endless(path)
			}
			q.token = r.NextPageToken
			continue
		case news == 0:
			q.size = maxPageSize
		}
		in.To = oldest.UTC().Truncate(time.Second).Add(time.Second)
		q.filter, q.token = sampleFilter(path, in), ""
	}
	return endless(path)
}

func endless(path string) error {
	return &fitbit.CloudError{Kind: fitbit.ErrProtocol, Detail: "the list of " + path + " readings does not end"}
}

// pointKey tells points of one listing apart. Not all types carry a name, and it
// is enough where there is one.
type pointKey struct {
	name             string
	nanos            int64
	device, platform string
	value            float64
}

func (p dataPoint) key(at time.Time) pointKey {
	if p.Name != "" {
		return pointKey{name: p.Name}
	}
	k := pointKey{nanos: at.UnixNano(), device: p.DataSource.Device.DisplayName, platform: p.DataSource.Platform}
	switch {
	case p.Weight != nil:
		k.value = p.Weight.WeightGrams.Value
	case p.BodyFat != nil:
		k.value = p.BodyFat.Percentage.Value
	case p.HeartRate != nil:
		k.value = p.HeartRate.BeatsPerMinute.Value
	}
	return k
}

func sampleFilter(path string, in fitbit.Window) string {
	member := filterName(path) + ".sample_time.physical_time"
	f := fmt.Sprintf("%s >= %q", member, in.From.UTC().Format(time.RFC3339Nano))
	if !in.To.IsZero() {
		f += fmt.Sprintf(" AND %s < %q", member, in.To.UTC().Format(time.RFC3339Nano))
	}
	return f
}

// filterName is the spelling of a type inside filters.
func filterName(path string) string { return strings.ReplaceAll(path, "-", "_") }

// listDays fetches the points of a daily type from first to last. A chunk of 90
// days fits one page many times over; if the API thinks otherwise, its word counts.
func (c *Client) listDays(ctx context.Context, path string, first, last fitbit.Date) ([]dataPoint, error) {
	const chunk = 90
	member := filterName(path) + ".date"
	var points []dataPoint
	for ; !last.Before(first); first = first.AddDays(chunk) {
		end := first.AddDays(chunk)
		if last.Before(end) {
			end = last.AddDays(1)
		}
		q := query{filter: fmt.Sprintf("%s >= %q AND %s < %q", member, first, member, end), size: maxPageSize}
		for n := 0; n == 0 || q.token != ""; n++ {
			if n == maxPages {
				return nil, endless(path)
			}
			r, err := c.page(ctx, path, q)
			if err != nil {
				return nil, err
			}
			points = append(points, r.DataPoints...)
			q.token = r.NextPageToken
		}
	}
	return points, nil
}

// rollUp fetches one row per day from first to last and hands each to visit.
// chunk is the number of days one request may span. Some say that the end is
// inclusive: then days come twice, and one that nobody asked for.
func (c *Client) rollUp(ctx context.Context, path string, chunk int, first, last fitbit.Date,
	visit func(fitbit.Date, rollUpPoint),
) error {
	for start := first; !last.Before(start); start = start.AddDays(chunk) {
		end := start.AddDays(chunk)
		if last.Before(end) {
			end = last.AddDays(1) // the end is exclusive
		}
		var req rollUpRequest
		req.Range.Start.Date, req.Range.End.Date, req.WindowSizeDays = wireDate(start), wireDate(end), 1
		for n := 0; n == 0 || req.PageToken != ""; n++ {
			if n == maxPages {
				return endless(path)
			}
			var r rollUpResponse
			if err := c.rest.Post(ctx, "/v4/users/me/dataTypes/"+path+"/dataPoints:dailyRollUp", req, &r); err != nil {
				return err
			}
			for _, p := range r.RollupDataPoints {
				if d, ok := p.CivilStartTime.Date.civil(); ok {
					visit(d, p)
				}
			}
			req.PageToken = r.NextPageToken
		}
	}
	return nil
}

// byTime sorts readings from old to new, and by what else tells them apart where
// times are equal, so that a listing always reads the same.
func byTime[T any](s []T, at func(T) time.Time, tie func(a, b T) int) []T {
	slices.SortStableFunc(s, func(a, b T) int { return cmp.Or(at(a).Compare(at(b)), tie(a, b)) })
	return s
}
