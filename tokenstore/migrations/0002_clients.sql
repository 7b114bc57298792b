-- The OAuth client a sign-in was made with; '' is whichever is configured.
ALTER TABLE accounts ADD COLUMN client TEXT NOT NULL DEFAULT '';
-- Why a sign-in is gone and what to do, where more is known than that the cloud refuses it.
ALTER TABLE accounts ADD COLUMN lost_detail TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN lost_hint TEXT NOT NULL DEFAULT '';

-- OAuth clients that were entered by hand, beside the configured one.
CREATE TABLE clients (
    backend  TEXT NOT NULL,
    id       TEXT NOT NULL,
    secret   BLOB NOT NULL,
    added_at INTEGER NOT NULL,
    PRIMARY KEY (backend, id)
) STRICT;

-- Attempts stay for an hour, so that whoever waits for one learns what became of it.
ALTER TABLE attempts ADD COLUMN id TEXT NOT NULL DEFAULT '';          -- names it where its state must not show
ALTER TABLE attempts ADD COLUMN uid TEXT NOT NULL DEFAULT '';         -- of the account it is for; '' for a new one
ALTER TABLE attempts ADD COLUMN client TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN secret BLOB NOT NULL DEFAULT x'';      -- of the client, if it was entered for this attempt
ALTER TABLE attempts ADD COLUMN move INTEGER NOT NULL DEFAULT 0;      -- 1: another cloud identity may take over the name
ALTER TABLE attempts ADD COLUMN taken_at INTEGER NOT NULL DEFAULT 0;  -- the verifier is empty from then on
ALTER TABLE attempts ADD COLUMN outcome TEXT NOT NULL DEFAULT '';

-- Accounts that were removed on purpose, while their history may still be kept
-- elsewhere. An account that is merely missing has its history waiting for it.
CREATE TABLE removed (
    uid TEXT PRIMARY KEY
) STRICT;
