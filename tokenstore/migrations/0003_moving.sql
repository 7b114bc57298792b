-- Whose history an account has: backend and cloud id of the identity that it began with, through
-- every move of that person to another cloud.
ALTER TABLE accounts ADD COLUMN person TEXT NOT NULL DEFAULT '';
UPDATE accounts SET person = backend || ':' || user;
-- The id by which the cloud before knew the person; '' where the cloud does not say.
ALTER TABLE accounts ADD COLUMN former TEXT NOT NULL DEFAULT '';
-- 1: the cloud has been turned off for good; lost_detail and lost_hint say how it said so.
ALTER TABLE accounts ADD COLUMN retired INTEGER NOT NULL DEFAULT 0;

ALTER TABLE attempts ADD COLUMN same_person INTEGER NOT NULL DEFAULT 0;  -- 1: an identity at another cloud is the same person's
ALTER TABLE attempts ADD COLUMN public INTEGER NOT NULL DEFAULT 0;       -- 1: the client was entered for this attempt, and has no secret

-- The journal of sign-ins that another program made. Its refresh tokens are spent here, once; what
-- came back is kept until an account has it.
CREATE TABLE imports (
    id         TEXT PRIMARY KEY,             -- digest of backend and refresh token
    backend    TEXT NOT NULL,
    client     TEXT NOT NULL,                -- id of the OAuth client that the token was spent through
    reply      BLOB NOT NULL DEFAULT x'',    -- empty before there is one, and once an account has it
    uid        TEXT NOT NULL DEFAULT '',     -- of the account that has it
    claimed_by TEXT NOT NULL DEFAULT '',     -- host/process/store that is spending the token
    claimed_at INTEGER NOT NULL DEFAULT 0,
    begun_at   INTEGER NOT NULL
) STRICT;
