package hass

import (
	"slices"
	"strings"
)

// row is one entity. Its key and its kind's platform are for ever; see the
// package comment.
type row struct {
	key  string
	name string // empty: Home Assistant names it by its class, in the user's language
	kind kind

	topic    string   // below the owner's topics
	command  string   // where to write what it is set to, likewise; a press has no other topic
	field    string   // of the JSON at topic, shown as it is; null shows as unknown
	template string   // instead of field
	attrs    []string // fields of the same JSON shown beside the state; these keys must always be there
	words    []string // all values it can take; for choice, event and pick

	icon   string
	aside  string // entity_category: diagnostic or config
	rare   bool   // disabled until somebody wants it
	speaks speaks
}

// speaks says when an entity is available.
type speaks int

const (
	whileKnown   speaks = iota // bridge running, account's values not stale
	whileRunning               // bridge running: what is past stays true, and a lost sign-in must show
	always                     // an event that came back from unavailable would seem to happen again
)

// kind is the sort of thing an entity shows: platform, class, unit and precision.
type kind int

const (
	kilograms kind = iota // also differences: Home Assistant converts to lb and st
	percent
	battery
	bodyMassIndex
	bpm
	millis // no class, or Home Assistant would offer hours
	minutes
	count
	total  // only grows
	moment // null is unknown; Home Assistant 2024.1 logs a complaint too, as for every form that is right
	choice // one of words
	text
	problem
	connectivity
	event
	press
	pick    // one of words, to be set
	seconds // to be set
)

const (
	diagnostic = "diagnostic"
	config     = "config"
)

// describe fills in what all entities of a kind have in common.
func (k kind) describe(c *Component) {
	c.Platform = "sensor"
	switch k {
	case kilograms:
		c.DeviceClass, c.Unit, c.Precision = "weight", "kg", new(1)
	case percent:
		c.Unit, c.Precision = "%", new(1)
	case battery:
		c.DeviceClass, c.Unit, c.Precision = "battery", "%", new(0)
	case bodyMassIndex:
		c.Precision = new(1)
	case bpm:
		c.Unit, c.Precision = "bpm", new(0)
	case millis:
		c.Unit, c.Precision = "ms", new(0)
	case minutes:
		c.DeviceClass, c.Unit, c.Precision = "duration", "min", new(0)
	case count:
		c.Precision = new(0)
	case total:
		c.StateClass, c.Precision = "total_increasing", new(0)
	case moment:
		c.DeviceClass = "timestamp"
	case choice:
		c.DeviceClass = "enum"
	case problem:
		c.Platform, c.DeviceClass = "binary_sensor", "problem"
	case connectivity:
		c.Platform, c.DeviceClass = "binary_sensor", "connectivity"
	case event:
		c.Platform = "event"
	case press:
		c.Platform, c.PayloadPress = "button", "PRESS"
	case pick:
		c.Platform = "select"
	case seconds: // up to a day; no class, which not every core knows for numbers
		c.Platform, c.Unit, c.Mode = "number", "s", "box"
		c.Min, c.Max, c.Step = new(1), new(24*60*60), new(1)
	case text:
	}
	if c.Precision != nil && c.StateClass == "" {
		c.StateClass = "measurement"
	}
}

// component returns the entity, but for its ids.
func (r row) component(bridgeState string, own owner) Component {
	c := Component{Name: r.name, Icon: r.icon, EntityCategory: r.aside, ValueTemplate: r.template}
	r.kind.describe(&c)
	topic := own.topics + "/" + r.topic
	if r.command != "" {
		c.CommandTopic = own.topics + "/" + r.command
	}
	switch r.kind {
	case press:
	case event:
		c.StateTopic, c.EventTypes = topic, r.words
	default:
		c.StateTopic, c.Options = topic, r.words
	}
	if r.field != "" {
		c.ValueTemplate = "{{ value_json." + r.field + " }}"
	}
	if len(r.attrs) > 0 {
		c.JSONAttributesTopic, c.JSONAttributesTemplate = topic, object(r.attrs)
	}
	if r.rare {
		c.EnabledByDefault = new(false)
	}
	if r.speaks != always {
		c.Availability = []Availability{{Topic: bridgeState}}
		c.AvailabilityMode = "all" // the default is whichever spoke last
	}
	if r.speaks == whileKnown && own.account {
		c.Availability = append(c.Availability, Availability{Topic: own.topics + "/availability"})
	}
	return c
}

// object is a template for a JSON object of the named fields.
func object(fields []string) string {
	pairs := make([]string, len(fields))
	for i, f := range fields {
		pairs[i] = "'" + f + "': value_json." + f
	}
	return "{{ {" + strings.Join(pairs, ", ") + "} | tojson }}"
}

func personRows() []row { return slices.Concat(bodyRows(), heartRows(), connectionRows()) }

func bodyRows() []row {
	rows := []row{
		{key: "weight", kind: kilograms, field: "weight_kg", attrs: []string{"measured_at", "source", "recorded", "id"}},
		{key: "body_fat", name: "Body fat", kind: percent, field: "body_fat_pct", icon: "mdi:percent", attrs: []string{"body_fat_measured_at"}},
		{key: "bmi", name: "BMI", kind: bodyMassIndex, field: "bmi", icon: "mdi:human-male-height"},
		{key: "weight_trend", name: "Weight trend", kind: kilograms, field: "trend_kg", icon: "mdi:chart-line"},
		{key: "change_7d", name: "7-day change", kind: kilograms, field: "change_7d_kg", icon: "mdi:swap-vertical"},
		{key: "change_30d", name: "30-day change", kind: kilograms, field: "change_30d_kg", icon: "mdi:swap-vertical", rare: true},
		{key: "fat_mass", name: "Fat mass", kind: kilograms, field: "fat_mass_kg", rare: true},
		{key: "lean_mass", name: "Lean mass", kind: kilograms, field: "lean_mass_kg", rare: true},
		{key: "last_weighed", name: "Last weighed", kind: moment, field: "measured_at", speaks: whileRunning},
	}
	for i := range rows {
		rows[i].topic = "body"
	}
	return append(rows, row{
		key: "weigh_in", name: "Weigh-in", kind: event, topic: "weigh_in", icon: "mdi:scale-bathroom", speaks: always,
		words: []string{"weigh_in", "backfill", "correction", "deletion"},
	})
}

func heartRows() []row {
	rows := []row{
		{key: "resting_heart_rate", name: "Resting heart rate", kind: bpm, field: "resting_bpm", icon: "mdi:heart", attrs: []string{"resting_date"}},
		{key: "heart_rate", name: "Heart rate", kind: bpm, field: "latest_bpm", icon: "mdi:heart-pulse", attrs: []string{"latest_at"}},
		{key: "heart_rate_min", name: "Lowest heart rate", kind: bpm, field: "min_bpm", icon: "mdi:heart-minus", attrs: []string{"date"}},
		{key: "heart_rate_avg", name: "Average heart rate", kind: bpm, field: "avg_bpm", icon: "mdi:heart-half-full", attrs: []string{"date"}},
		{key: "heart_rate_max", name: "Highest heart rate", kind: bpm, field: "max_bpm", icon: "mdi:heart-plus", attrs: []string{"date"}},
		{key: "hrv", name: "Heart rate variability", kind: millis, field: "hrv_rmssd_ms", icon: "mdi:heart-flash", attrs: []string{"hrv_date"}},
		// Counted anew each day, but the cloud corrects them downwards too: not totals.
		{key: "zone_out_of_range", name: "Out of zones", kind: minutes, field: "out_of_range_min", rare: true},
		{key: "zone_light", name: "Light zone", kind: minutes, field: "light_min", rare: true},
		{key: "zone_moderate", name: "Moderate zone", kind: minutes, field: "moderate_min"},
		{key: "zone_vigorous", name: "Vigorous zone", kind: minutes, field: "vigorous_min"},
		{key: "zone_peak", name: "Peak zone", kind: minutes, field: "peak_min"},
	}
	for i := range rows {
		rows[i].topic = "heart"
	}
	return rows
}

// connectionRows speak while the account is offline: that is when they are needed.
func connectionRows() []row {
	rows := []row{
		{
			key: "signin_required", name: "Sign-in required", kind: problem, topic: "connection", aside: diagnostic, attrs: []string{"detail", "hint"},
			template: "{{ 'ON' if value_json.state == 'signin_required' else 'OFF' }}",
		},
		{
			key: "connection", name: "Connection", kind: choice, topic: "connection", field: "state", icon: "mdi:cloud-check", aside: diagnostic,
			attrs: []string{"detail", "hint", "backend", "missing"}, // not next_poll: a new state every minute
			words: []string{
				"ok", "signin_required", "setup_required", "source_retired", "rate_limited", "cloud_unavailable", "storage_error", "error",
			},
		},
		{key: "signin_expires", name: "Sign-in expires", kind: moment, topic: "connection", field: "sign_in_expires_at", aside: diagnostic},
		{
			key: "signin_expiring", name: "Sign-in expires soon", kind: problem, topic: "connection", aside: diagnostic, attrs: []string{"sign_in_expires_at"},
			template: "{{ 'ON' if value_json.sign_in_expires_soon else 'OFF' }}",
		},
		{key: "last_poll", name: "Last poll", kind: moment, topic: "connection", field: "last_success", aside: diagnostic, rare: true},
		{key: "poll", name: "Poll now", kind: press, command: "command/poll", icon: "mdi:refresh", aside: config},
	}
	for i := range rows {
		rows[i].speaks = whileRunning
	}
	return rows
}

// pairedRows are a scale's or a tracker's.
func pairedRows(id string, hasBattery bool) []row {
	rows := []row{{key: "last_sync", name: "Last sync", kind: moment, field: "last_sync", aside: diagnostic, speaks: whileRunning}}
	if hasBattery {
		rows = append(rows,
			row{key: "battery", kind: battery, field: "battery_pct", aside: diagnostic},
			row{
				key: "battery_level", name: "Battery level", kind: choice, field: "battery", icon: "mdi:battery-50", aside: diagnostic, rare: true,
				words: []string{"high", "medium", "low", "empty"},
			},
		)
	}
	for i := range rows {
		rows[i].topic = "device/" + id
	}
	return rows
}

// rows are the bridge's own.
func (Bridge) rows() []row {
	rows := []row{
		{key: "connectivity", kind: connectivity, topic: "state", template: "{{ 'ON' if value == 'online' else 'OFF' }}", speaks: always},
		{key: "version", name: "Version", kind: text, topic: "info", field: "version", icon: "mdi:tag"},
		{key: "started", name: "Started", kind: moment, topic: "info", field: "started_at", rare: true},
		{key: "accounts", name: "Accounts", kind: count, topic: "info", template: "{{ value_json.accounts | length }}", icon: "mdi:account-multiple"},
		{key: "pending", name: "Messages waiting", kind: count, topic: "health", field: "pending", icon: "mdi:tray-full"},
		{key: "poll_errors", name: "Poll errors", kind: total, topic: "health", field: "poll_errors", icon: "mdi:alert-circle-outline", rare: true},
		{key: "last_error", name: "Last error", kind: text, topic: "health", icon: "mdi:alert-circle", // a state holds 255 characters
			template: "{{ value_json.last_error[:255] if value_json.last_error else none }}"},
	}
	for i := range rows {
		rows[i].aside = diagnostic
	}
	return append(rows, settingRows()...)
}

// settingRows are what can be set of a running bridge.
func settingRows() []row {
	return []row{
		{
			key: "log_level", name: "Log level", kind: pick, topic: "settings", field: "log_level", command: "request/log_level",
			icon: "mdi:text-box-search-outline", aside: config, attrs: []string{"log_level_configured", "holds"},
			words: []string{"debug", "info", "warn", "error"},
		},
		{
			key: "poll_interval", name: "Poll interval", kind: seconds, topic: "settings", field: "poll_interval_s", command: "request/poll_interval",
			icon: "mdi:timer-sync-outline", aside: config, attrs: []string{"poll_interval_configured_s", "holds"},
		},
		{key: "republish", name: "Republish", kind: press, command: "request/republish", icon: "mdi:publish", aside: config},
	}
}
