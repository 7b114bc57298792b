-- Whose word it is: people move from one cloud to another, and an id means something
-- in its own cloud only. An identity begins with the name of the cloud it is of, and
-- so far nobody has moved: that is where all these readings come from. A reading whose
-- place another cloud's has taken is marked as deleted.
--
-- Of heart_day: the zones of a day are known if moderate_min is. Not every cloud has a
-- light zone, nor says what lies out of all of them.
ALTER TABLE person ADD COLUMN cloud TEXT NOT NULL DEFAULT '';       -- the body was last looked at there
ALTER TABLE person ADD COLUMN heart_cloud TEXT NOT NULL DEFAULT ''; -- and the last month of the heart
UPDATE person SET cloud = substr(identity, 1, max(instr(identity, ':') - 1, 0));
UPDATE person SET heart_cloud = cloud;

CREATE TABLE weight_of_cloud (
  uid         TEXT NOT NULL,
  cloud       TEXT NOT NULL,
  id          TEXT NOT NULL,      -- of the reading in its cloud
  weigh_in    TEXT NOT NULL,      -- the weigh-in it belongs to; several readings may tell of one
  measured_at TEXT NOT NULL,
  kg          REAL NOT NULL,
  device      TEXT NOT NULL,
  recorded    TEXT NOT NULL,      -- scale, manual, other
  deleted_at  TEXT,
  PRIMARY KEY (uid, cloud, id)
) STRICT, WITHOUT ROWID;
INSERT INTO weight_of_cloud (uid, cloud, id, weigh_in, measured_at, kg, device, recorded, deleted_at)
  SELECT w.uid, coalesce(p.cloud, ''), w.id, w.weigh_in, w.measured_at, w.kg, w.device, w.recorded, w.deleted_at
  FROM weight w LEFT JOIN person p ON p.uid = w.uid;
DROP TABLE weight;
ALTER TABLE weight_of_cloud RENAME TO weight;

CREATE TABLE body_fat_of_cloud (
  uid         TEXT NOT NULL,
  cloud       TEXT NOT NULL,
  id          TEXT NOT NULL,
  measured_at TEXT NOT NULL,
  percent     REAL NOT NULL,
  device      TEXT NOT NULL,
  recorded    TEXT NOT NULL,
  deleted_at  TEXT,
  PRIMARY KEY (uid, cloud, id)
) STRICT, WITHOUT ROWID;
INSERT INTO body_fat_of_cloud (uid, cloud, id, measured_at, percent, device, recorded, deleted_at)
  SELECT f.uid, coalesce(p.cloud, ''), f.id, f.measured_at, f.percent, f.device, f.recorded, f.deleted_at
  FROM body_fat f LEFT JOIN person p ON p.uid = f.uid;
DROP TABLE body_fat;
ALTER TABLE body_fat_of_cloud RENAME TO body_fat;

ALTER TABLE device ADD COLUMN cloud TEXT NOT NULL DEFAULT '';
ALTER TABLE device ADD COLUMN cloud_id TEXT NOT NULL DEFAULT '';    -- its id there; id is the one it is published under
UPDATE device SET cloud_id = id, cloud = coalesce((SELECT p.cloud FROM person p WHERE p.uid = device.uid), '');
