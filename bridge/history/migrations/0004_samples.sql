-- Single heart rates are packed with their day since, so that none is lost between two
-- time zones. Those of before are fetched again by the export that wants them.
DELETE FROM fetched WHERE metric = 'heart_samples';
