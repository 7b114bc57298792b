-- Times are RFC 3339 with the person's UTC offset; uid is the account's stable id.
CREATE TABLE person (
  uid          TEXT PRIMARY KEY,
  baseline_at  TEXT,              -- when the first complete look was stored
  height_m     REAL,
  time_zone    TEXT,
  heart_date   TEXT,              -- the day the published heart-rate range belongs to
  latest_bpm   INTEGER,
  latest_at    TEXT,
  last_success TEXT,
  swept_at     TEXT,              -- when the body was last looked at thoroughly
  identity     TEXT NOT NULL      -- a digest that tells one cloud account from another
) STRICT, WITHOUT ROWID;

CREATE TABLE weight (
  uid         TEXT NOT NULL,
  id          TEXT NOT NULL,      -- of the reading in its cloud
  weigh_in    TEXT NOT NULL,      -- the weigh-in it belongs to; several readings may tell of one
  measured_at TEXT NOT NULL,
  kg          REAL NOT NULL,
  device      TEXT NOT NULL,
  recorded    TEXT NOT NULL,      -- scale, manual, other
  deleted_at  TEXT,
  PRIMARY KEY (uid, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE body_fat (
  uid         TEXT NOT NULL,
  id          TEXT NOT NULL,
  measured_at TEXT NOT NULL,
  percent     REAL NOT NULL,
  device      TEXT NOT NULL,
  recorded    TEXT NOT NULL,
  deleted_at  TEXT,
  PRIMARY KEY (uid, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE heart_day (
  uid              TEXT NOT NULL,
  date             TEXT NOT NULL, -- of the person's calendar
  min_bpm          INTEGER,
  avg_bpm          REAL,
  max_bpm          INTEGER,
  resting_bpm      INTEGER,
  hrv_rmssd_ms     REAL,
  out_of_range_min INTEGER,
  light_min        INTEGER,       -- the zones are known if this is
  moderate_min     INTEGER,
  vigorous_min     INTEGER,
  peak_min         INTEGER,
  PRIMARY KEY (uid, date)
) STRICT, WITHOUT ROWID;

CREATE TABLE device (
  uid         TEXT NOT NULL,
  id          TEXT NOT NULL,
  name        TEXT NOT NULL,
  type        TEXT NOT NULL,      -- scale, tracker
  battery_pct INTEGER,
  battery     TEXT NOT NULL,
  last_sync   TEXT,
  PRIMARY KEY (uid, id)
) STRICT, WITHOUT ROWID;

-- Every event, in the order it became known. Without published_at it is still owed
-- to the broker.
CREATE TABLE event (
  seq          INTEGER PRIMARY KEY AUTOINCREMENT,
  uid          TEXT NOT NULL,
  payload      TEXT NOT NULL,
  published_at TEXT
) STRICT;
CREATE INDEX event_owed ON event (uid, seq) WHERE published_at IS NULL;

-- Discovery configs withdrawn while Home Assistant may not have been looking.
CREATE TABLE buried (
  topic   TEXT PRIMARY KEY,
  payload BLOB NOT NULL
) STRICT, WITHOUT ROWID;
