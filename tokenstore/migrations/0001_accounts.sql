-- Times are Unix milliseconds, 0 where there is none.
-- Blobs are text, or text sealed with the key whose check value is in store.key_check.

CREATE TABLE store (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    version   INTEGER NOT NULL,  -- +1 whenever the list of accounts or a sign-in changes
    key_check BLOB,              -- NULL: not encrypted
    scrub     INTEGER NOT NULL   -- 1: unencrypted text may still lie in unused space
) STRICT;
INSERT INTO store VALUES (1, 0, NULL, 0);

CREATE TABLE accounts (
    uid             TEXT PRIMARY KEY,
    name            TEXT NOT NULL UNIQUE,
    backend         TEXT NOT NULL,
    user            TEXT NOT NULL,     -- the cloud's own id of the person
    scopes          TEXT NOT NULL,     -- separated by spaces
    access_token    BLOB NOT NULL,
    refresh_token   BLOB NOT NULL,
    expiry          INTEGER NOT NULL,  -- of the access token
    sign_in_expires INTEGER NOT NULL,
    signed_in       INTEGER NOT NULL,  -- 0 once the cloud has refused the refresh token for good
    generation      INTEGER NOT NULL,  -- +1 at every sign-in
    revision        INTEGER NOT NULL,  -- +1 at every change of the tokens, from a random number
    created_at      INTEGER NOT NULL,
    -- The journal of the refresh.
    claimed_by      TEXT NOT NULL DEFAULT '',    -- host/process/store that is renewing the tokens
    claimed_at      INTEGER NOT NULL DEFAULT 0,
    unanswered_at   INTEGER NOT NULL DEFAULT 0,  -- when a refresh since the last saved one went unanswered
    UNIQUE (backend, user)
) STRICT;

CREATE TABLE attempts (
    state        TEXT PRIMARY KEY,
    verifier     BLOB NOT NULL,
    redirect_url TEXT NOT NULL,
    name         TEXT NOT NULL,
    backend      TEXT NOT NULL,
    begun_at     INTEGER NOT NULL
) STRICT;
