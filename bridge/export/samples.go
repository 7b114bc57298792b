package export

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// A day of samples is kept as the window that was asked for, two varints of seconds since
// 1970, and then the differences between the samples, deflated: for each one the
// milliseconds since the one before, doubled, plus one if the UTC offset has changed; if
// so, the offset in seconds; then by how much the rate has changed. The first one counts
// from 1970, offset 0 and rate 0. Numbers are varints. A day of 17,000 samples is some
// 10 kB.

// packSamples packs samples, which are in order. None are nothing.
func packSamples(list []fitbit.HeartSample) ([]byte, error) {
	if len(list) == 0 {
		return nil, nil
	}
	var plain []byte
	var last fitbit.HeartSample
	millis, offset := int64(0), 0
	for _, s := range list {
		_, o := s.Time.Zone()
		step := (s.Time.UnixMilli() - millis) << 1
		if o != offset {
			step |= 1
		}
		plain = binary.AppendVarint(plain, step)
		if o != offset {
			plain = binary.AppendVarint(plain, int64(o))
		}
		plain = binary.AppendVarint(plain, int64(s.BPM-last.BPM))
		millis, offset, last = s.Time.UnixMilli(), o, s
	}
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("pack samples: %w", err)
	}
	_, err = w.Write(plain)
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, fmt.Errorf("pack samples: %w", err)
	}
	return b.Bytes(), nil
}

// longestDay bounds what a day of samples may unfold to: three numbers a millisecond are
// in no day, a dozen bytes for each second may be.
const longestDay = 12 * 26 * 60 * 60

var errCut = errors.New("cut off")

func unpackSamples(payload []byte) ([]fitbit.HeartSample, error) {
	if len(payload) == 0 {
		return nil, nil
	}
	plain, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(payload)), longestDay))
	if err != nil {
		return nil, err
	}
	cut := false
	next := func() int64 {
		v, n := binary.Varint(plain)
		if n <= 0 {
			cut, n = true, len(plain)
		}
		plain = plain[n:]
		return v
	}
	var list []fitbit.HeartSample
	var millis, bpm int64
	zone := time.UTC
	for len(plain) > 0 {
		step := next()
		millis += step >> 1
		if step&1 != 0 {
			zone = time.FixedZone("", int(next()))
		}
		if bpm += next(); cut {
			return nil, errCut
		}
		list = append(list, fitbit.HeartSample{Time: time.UnixMilli(millis).In(zone), BPM: int(bpm)})
	}
	return list, nil
}

func packSampleDay(in fitbit.Window, list []fitbit.HeartSample) ([]byte, error) {
	packed, err := packSamples(list)
	return append(binary.AppendVarint(binary.AppendVarint(nil, in.From.Unix()), in.To.Unix()), packed...), err
}

func unpackSampleDay(payload []byte) (in fitbit.Window, list []fitbit.HeartSample, err error) {
	from, n := binary.Varint(payload)
	to, m := binary.Varint(payload[max(n, 0):])
	if n <= 0 || m <= 0 {
		return in, nil, errCut
	}
	list, err = unpackSamples(payload[n+m:])
	return fitbit.Window{From: time.Unix(from, 0), To: time.Unix(to, 0)}, list, err
}

// sampleWindow is the day as the person's clocks have it now, and what is between it and
// its neighbours if those were fetched while the person lived by other clocks.
func (p *Person) sampleWindow(ctx context.Context, d fitbit.Date) (in fitbit.Window, err error) {
	loc := p.Location()
	in = fitbit.Window{From: d.Start(loc), To: d.AddDays(1).Start(loc)}
	kept, err := p.shelf.Fetched(ctx, p.owner, Samples, d.AddDays(-1), d.AddDays(1))
	for _, k := range kept {
		near, _, err := unpackSampleDay(k.Payload)
		switch {
		case err != nil:
			return in, unreadable(Samples, k.Date, err)
		case k.Date.Before(d) && near.To.Before(in.From):
			in.From = near.To
		case d.Before(k.Date) && near.From.After(in.To):
			in.To = near.From
		}
	}
	return in, err
}

// Samples are the single heart rates of the days from first to last, oldest first, a day
// at a time. Errors: the shelf's.
func (p *Person) Samples(ctx context.Context, first, last fitbit.Date) iter.Seq2[fitbit.HeartSample, error] {
	return func(yield func(fitbit.HeartSample, error) bool) {
		var newest time.Time
		for d := first; !last.Before(d); d = d.AddDays(1) {
			kept, err := p.shelf.Fetched(ctx, p.owner, Samples, d, d)
			var list []fitbit.HeartSample
			if err == nil && len(kept) == 1 {
				if _, list, err = unpackSampleDay(kept[0].Payload); err != nil {
					err = unreadable(Samples, d, err)
				}
			}
			if err != nil {
				yield(fitbit.HeartSample{}, err)
				return
			}
			told := newest // of one day, several may be of the same moment
			for _, s := range list {
				if !told.IsZero() && !s.Time.After(told) {
					continue // two days fetched in different zones overlap
				}
				if newest = s.Time; !yield(s, nil) {
					return
				}
			}
		}
	}
}
