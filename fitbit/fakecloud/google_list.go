package fakecloud

import (
	"encoding/base64"
	"maps"
	"strconv"
	"strings"
	"time"
)

// Sizes of a page of data points.
const (
	defaultPage = 1440
	largestPage = 10_000
)

// list answers GET dataPoints: newest first. A page token stands for the start
// time of the page's last record, and the next page begins strictly before it.
// So records that share that time are never shown, as has been measured at Google.
func list(op operation, dt dataType) (reply, error) {
	if err := op.onlyParams("filter", "pageSize", "pageToken", "dataSourceFamily"); err != nil {
		return reply{}, err
	}
	if f := op.query.Get("dataSourceFamily"); f != "" && f != allSources {
		return reply{}, badRequest("INVALID_DATA_POINT_DATA_SOURCE_FAMILY", "The data source family is unknown.")
	}
	size, err := op.pageSize(defaultPage, largestPage)
	if err != nil {
		return reply{}, err
	}
	in, err := parseFilter(dt, op.query.Get("filter"))
	if err != nil {
		return reply{}, err
	}
	if op.query.Get("pageToken") != "" {
		before, err := op.cursor()
		if err != nil {
			return reply{}, err
		}
		in.to = earlier(in.to, time.Unix(0, before))
	}
	var body struct {
		DataPoints    []envelope `json:"dataPoints,omitempty"`
		NextPageToken string     `json:"nextPageToken,omitempty"`
	}
	var last time.Time
	for r := range dt.measured(op.person, in, op.now) {
		if r.wornOnly() {
			continue
		}
		if len(body.DataPoints) == size {
			body.NextPageToken = op.pageToken(last.UnixNano())
			break
		}
		last = r.at
		p := dt.point(op.person, r)
		p.DataSource = r.source.wire()
		if dt.named {
			p.Name = op.person.resource("dataTypes/" + dt.id + "/dataPoints/" + r.id)
		}
		body.DataPoints = append(body.DataPoints, p)
	}
	return answerJSON(op, body)
}

const allSources = "users/me/dataSourceFamilies/all-sources"

// pageToken seals a position together with the parameters it belongs to.
func (op operation) pageToken(position int64) string {
	return base64.RawURLEncoding.EncodeToString([]byte(op.fingerprint() + strconv.FormatInt(position, 36)))
}

// cursor opens the page token of the request; 0 if there is none.
func (op operation) cursor() (int64, error) {
	s := op.query.Get("pageToken")
	if s == "" {
		return 0, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	rest, ours := strings.CutPrefix(string(b), op.fingerprint())
	position, err2 := strconv.ParseInt(rest, 36, 64)
	if err != nil || err2 != nil || !ours {
		return 0, badRequest("INVALID_PAGE_TOKEN", "The page token is unknown, or other parameters came with it than before.")
	}
	return position, nil
}

// fingerprint is the same for requests that differ in their page token only.
func (op operation) fingerprint() string {
	q := maps.Clone(op.query)
	q.Del("pageToken")
	return strconv.FormatUint(seed(0).hash(op.person.user+" "+op.r.URL.Path+"?"+q.Encode(), 0), 36) + "."
}
