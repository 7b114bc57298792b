package export

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// body is a reading of weight or body fat as it is kept.
type body struct {
	ID       string           `json:"id"`
	Time     time.Time        `json:"measured_at"`
	Value    float64          `json:"value"` // kg or percent
	Device   string           `json:"device,omitempty"`
	Recorded fitbit.Recording `json:"recorded"`
}

func weightBody(w fitbit.Weight) body { return body{w.ID, w.Time, w.Kilograms, w.Device, w.Recorded} }
func fatBody(f fitbit.BodyFat) body   { return body{f.ID, f.Time, f.Percent, f.Device, f.Recorded} }

func (b body) origin() fitbit.Origin { return fitbit.Origin{Device: b.Device, Recorded: b.Recorded} }

func (b body) weight(cloud string) bridge.KnownWeight {
	return bridge.KnownWeight{Weight: fitbit.Weight{ID: b.ID, Time: b.Time, Kilograms: b.Value, Origin: b.origin()}, Cloud: cloud}
}

func (b body) fat(cloud string) bridge.KnownFat {
	return bridge.KnownFat{BodyFat: fitbit.BodyFat{ID: b.ID, Time: b.Time, Percent: b.Value, Origin: b.origin()}, Cloud: cloud}
}

// packBody puts readings into the days that their own clocks showed.
func packBody[T any](list []T, pack func(T) body) (map[fitbit.Date][]byte, error) {
	days := make(map[fitbit.Date][]body)
	for _, v := range list {
		b := pack(v)
		d := fitbit.DateOf(b.Time)
		days[d] = append(days[d], b)
	}
	return encoded(days)
}

// encoded are days as they are kept.
func encoded[T any](days map[fitbit.Date]T) (map[fitbit.Date][]byte, error) {
	payloads := make(map[fitbit.Date][]byte, len(days))
	for d, v := range days {
		payload, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", d, err)
		}
		payloads[d] = payload
	}
	return payloads, nil
}

// Body returns the past with all that was fetched of weight and body fat from first to
// last, and without what was deleted since. Errors: the shelf's and the diary's.
func (p *Person) Body(ctx context.Context, first, last fitbit.Date) (bridge.Past, error) {
	goneWeights, goneFats, err := p.deleted(ctx)
	if err != nil {
		return bridge.Past{}, err
	}
	weights, err := fetchedBody(ctx, p, fitbit.WeightMetric, first, last, goneWeights, body.weight)
	if err != nil {
		return bridge.Past{}, err
	}
	fats, err := fetchedBody(ctx, p, fitbit.BodyFatMetric, first, last, goneFats, body.fat)
	return p.past.With(weights, fats), err
}

// Gone lists the readings of the days from first to last of which the diary knows that they
// were deleted since, or that another cloud tells of them now. Errors: the diary's.
func (p *Person) Gone(ctx context.Context, first, last fitbit.Date) (weights []bridge.KnownWeight, fats []bridge.KnownFat, err error) {
	weights, fats, err = p.deleted(ctx)
	weights = slices.DeleteFunc(weights, func(w bridge.KnownWeight) bool { return !within(fitbit.DateOf(w.Time), first, last) })
	fats = slices.DeleteFunc(fats, func(f bridge.KnownFat) bool { return !within(fitbit.DateOf(f.Time), first, last) })
	return weights, fats, err
}

func (p *Person) deleted(ctx context.Context) ([]bridge.KnownWeight, []bridge.KnownFat, error) {
	if !p.mine {
		return nil, nil, nil
	}
	return p.diary.Deleted(ctx, p.owner.UID)
}

func fetchedBody[T interface{ Ref() bridge.Ref }](ctx context.Context, p *Person, m fitbit.Metric, first, last fitbit.Date, gone []T, unpack func(body, string) T) ([]T, error) {
	deleted := make(map[bridge.Ref]bool, len(gone))
	for _, v := range gone {
		deleted[v.Ref()] = true
	}
	days, err := p.shelf.Fetched(ctx, p.owner, m, first, last)
	if err != nil {
		return nil, err
	}
	var all []T
	for _, d := range days {
		if len(d.Payload) == 0 {
			continue
		}
		var list []body
		if err := json.Unmarshal(d.Payload, &list); err != nil {
			return nil, unreadable(m, d.Date, err)
		}
		for _, b := range list {
			if !deleted[bridge.Ref{Cloud: d.Cloud, ID: b.ID}] {
				all = append(all, unpack(b, d.Cloud))
			}
		}
	}
	return all, nil
}

// WeighIns are those of a past that were measured on the days from first to last.
func WeighIns(past bridge.Past, first, last fitbit.Date) []bridge.WeighIn {
	var list []bridge.WeighIn
	for _, w := range past.WeighIns() {
		if within(fitbit.DateOf(w.Time), first, last) {
			list = append(list, w)
		}
	}
	return list
}

// BodyFats are those of a past that were measured on the days from first to last, oldest
// first. Where several sources tell of one weighing, it is the one that the weigh-in took.
func BodyFats(past bridge.Past, first, last fitbit.Date) []fitbit.BodyFat {
	var all []fitbit.BodyFat
	add := func(f fitbit.BodyFat, own bool) {
		i, _ := slices.BinarySearchFunc(all, f, func(a, b fitbit.BodyFat) int { return a.Time.Compare(b.Time) })
		for _, near := range all[max(i-1, 0):min(i+1, len(all))] {
			if !own && near.Time.Sub(f.Time).Abs() <= time.Minute {
				return // of the same weighing
			}
		}
		all = slices.Insert(all, i, f)
	}
	for _, w := range past.WeighIns() {
		if w.Fat != nil {
			add(*w.Fat, true)
		}
	}
	for _, f := range past.Fats {
		add(f.BodyFat, false)
	}
	return slices.DeleteFunc(all, func(f fitbit.BodyFat) bool { return !within(fitbit.DateOf(f.Time), first, last) })
}

func within(d, first, last fitbit.Date) bool { return !d.Before(first) && !last.Before(d) }
