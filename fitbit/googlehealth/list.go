package googlehealth

import (
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
	maxPages       = 2000  // a listing longer than this is not worth believing
)

// The sampled types, as they stand in addresses.
const (
	weightType    = "weight"
	bodyFatType   = "body-fat"
	heightType    = "height"
	heartRateType = "heart-rate"
)

// page asks for one page of a listing, newest first. An empty filter means ever.
func (c *Client) page(ctx context.Context, path, filter string, size int) (listResponse, error) {
	query := "pageSize=" + strconv.Itoa(size) + "&prettyPrint=false"
	if filter != "" {
		query += "&filter=" + strings.ReplaceAll(url.QueryEscape(filter), "+", "%20")
	}
	var r listResponse
	err := c.rest.Get(ctx, "/v4/users/me/dataTypes/"+path+"/dataPoints", query, &r)
	return r, err
}

// list fetches all samples within the window, in no particular order. It does
// not use page tokens, because at the edge of a page the API loses points that
// share their time with the last one: instead each page asks again for what lies
// at or before the oldest second seen, and forgets what it has already got.
func (c *Client) list(ctx context.Context, path string, in fitbit.Window, size int) ([]dataPoint, error) {
	var points []dataPoint
	seen := make(map[string]bool)
	for range maxPages {
		r, err := c.page(ctx, path, sampleFilter(path, in), size)
		if err != nil {
			return nil, err
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
					points = append(points, p)
				}
			}
		}
		if r.NextPageToken == "" {
			return points, nil
		}
		if news == 0 { // more points within one second than a page holds
			if size == maxPageSize {
				break
			}
			size = maxPageSize
		}
		if !oldest.IsZero() {
			in.To = oldest.UTC().Truncate(time.Second).Add(time.Second)
		}
	}
	return nil, &fitbit.CloudError{Kind: fitbit.ErrProtocol, Detail: "the list of " + path + " readings does not end"}
}

// key tells points of one listing apart; not all types carry a name.
func (p dataPoint) key(at time.Time) string {
	if p.Name != "" {
		return p.Name
	}
	k := at.UTC().Format(time.RFC3339Nano) + "|" + p.DataSource.Device.DisplayName + "|" + p.DataSource.Platform
	switch {
	case p.Weight != nil:
		k += fmt.Sprint(p.Weight.WeightGrams.value)
	case p.BodyFat != nil:
		k += fmt.Sprint(p.BodyFat.Percentage.value)
	case p.HeartRate != nil:
		k += fmt.Sprint(p.HeartRate.BeatsPerMinute.value)
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
// days fits one page many times over.
func (c *Client) listDays(ctx context.Context, path string, first, last fitbit.Date) ([]dataPoint, error) {
	const chunk = 90
	member := filterName(path) + ".date"
	var points []dataPoint
	for ; !last.Before(first); first = first.AddDays(chunk) {
		end := first.AddDays(chunk)
		if last.Before(end) {
			end = last.AddDays(1)
		}
		r, err := c.page(ctx, path, fmt.Sprintf("%s >= %q AND %s < %q", member, first, member, end), maxPageSize)
		if err != nil {
			return nil, err
		}
		points = append(points, r.DataPoints...)
	}
	return points, nil
}

// rollUp fetches one row per day from first to last and hands each to visit.
// chunk is the number of days one request may span.
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
		for range maxPages {
			var r rollUpResponse
			if err := c.rest.Post(ctx, "/v4/users/me/dataTypes/"+path+"/dataPoints:dailyRollUp", req, &r); err != nil {
				return err
			}
			for _, p := range r.RollupDataPoints {
				// Some say that the end is inclusive: rows are taken by their own date.
				if d, ok := p.CivilStartTime.Date.civil(); ok && !d.Before(start) && d.Before(end) {
					visit(d, p)
				}
			}
			if req.PageToken = r.NextPageToken; req.PageToken == "" {
				break
			}
		}
	}
	return nil
}

// byTime sorts readings from old to new, and by ID where times are equal, so
// that a listing always reads the same.
func byTime[T any](s []T, at func(T) (time.Time, string)) []T {
	slices.SortFunc(s, func(a, b T) int {
		ta, ia := at(a)
		tb, ib := at(b)
		if c := ta.Compare(tb); c != 0 {
			return c
		}
		return strings.Compare(ia, ib)
	})
	return s
}
