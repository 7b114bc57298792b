package export

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/fitbit2mqtt/fitbit2mqtt/bridge"
	"github.com/fitbit2mqtt/fitbit2mqtt/fitbit"
)

// settings are what the days of a person depend on. Who has a bridge finds them in its
// diary; for anybody else they are kept with the day on which they were asked for.
type settings struct {
	TimeZone     string  `json:"time_zone"`
	HeightMetres float64 `json:"height_m,omitempty"`
}

// recalledSettings is how many days old kept settings may be to be better than none.
const recalledSettings = 400

// recallSettings fills in what the diary does not know, or not any more.
func (p *Person) recallSettings(ctx context.Context) error {
	if p.bridged() {
		return nil
	}
	today := fitbit.DateOf(p.now().UTC())
	kept, err := p.shelf.Fetched(ctx, p.owner, fitbit.SettingsMetric, today.AddDays(-recalledSettings), today)
	if err != nil || len(kept) == 0 {
		return err
	}
	var s settings
	if err := json.Unmarshal(kept[len(kept)-1].Payload, &s); err != nil {
		return fmt.Errorf("%w: settings that were kept: %w", fitbit.ErrStorage, err)
	}
	p.take(s)
	return nil
}

// Introduce asks the cloud for time zone and height, once a day and only if there is no
// bridge that does. What was not granted stays unknown. Errors: the source's and the shelf's.
func (p *Person) Introduce(ctx context.Context, source fitbit.Source) error {
	today := fitbit.DateOf(p.now().UTC())
	asked, err := p.shelf.FetchedAt(ctx, p.owner, fitbit.SettingsMetric, today, today)
	if err != nil || len(asked) > 0 || p.bridged() {
		return err
	}
	var s settings
	told, err := source.Settings(ctx)
	switch {
	case err == nil:
		s.TimeZone = bridge.ZoneName(told.Location, p.now())
	case !errors.Is(err, fitbit.ErrPermission):
		return err
	}
	s.HeightMetres, err = source.Height(ctx)
	if err != nil && !errors.Is(err, fitbit.ErrNoData) && !errors.Is(err, fitbit.ErrPermission) {
		return err
	}
	payload, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode settings: %w", err)
	}
	p.take(s)
	day := Day{Date: today, Cloud: p.backend, FetchedAt: p.now(), Payload: payload}
	return p.shelf.Keep(ctx, p.owner, fitbit.SettingsMetric, []Day{day})
}

func (p *Person) take(s settings) {
	p.past.Profile.TimeZone = cmp.Or(s.TimeZone, p.past.Profile.TimeZone)
	p.past.Profile.HeightMetres = cmp.Or(s.HeightMetres, p.past.Profile.HeightMetres)
}

// bridged reports whether a bridge looks after this person, or has done so lately.
func (p *Person) bridged() bool {
	const lately = 7 * 24 * time.Hour
	return p.past.Profile.TimeZone != "" && p.opened.Sub(p.past.Profile.LastSuccess) < lately
}
