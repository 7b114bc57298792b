-- What exports have fetched, a metric and day of a person's calendar each, apart from what
-- the bridge itself has looked at: no event depends on it. identity says whose it is, as of
-- person: a name may be handed over to somebody else.
CREATE TABLE fetched (
  uid        TEXT NOT NULL,
  metric     TEXT NOT NULL,
  date       TEXT NOT NULL,       -- of the person's calendar
  identity   TEXT NOT NULL,
  cloud      TEXT NOT NULL,
  fetched_at TEXT NOT NULL,
  payload    BLOB NOT NULL,       -- as bridge/export packs it: JSON, or deflated samples; empty if there was nothing
  PRIMARY KEY (uid, metric, date)
) STRICT;
