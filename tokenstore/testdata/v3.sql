-- A token store as version 3 left it.
PRAGMA application_id = 1714580852;
PRAGMA user_version = 3;
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

-- Whose history an account has: backend and cloud id of the identity that it began with, through
-- every move of that person to another cloud.
ALTER TABLE accounts ADD COLUMN person TEXT NOT NULL DEFAULT '';
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

UPDATE store SET version = 7;
INSERT INTO accounts VALUES ('0123456789ab', 'anna', 'google', 'user-anna', 'weight heart', x'5345435245542d6163636573732d7631',
    x'5345435245542d726566726573682d7631', 1795003600000, 1795600000000, 1, 3, 12, 1790000000000, '', 0, 0, 'client-v2', '', '',
    'google:user-anna', '', 0);
INSERT INTO accounts VALUES ('ba9876543210', 'ben', 'fitbit', 'user-ben', '', x'5345435245542d61', x'5345435245542d72',
    0, 0, 0, 1, 5, 1790000000000, '', 0, 1794990000000, '', 'disconnected', 'sign in', 'fitbit:user-ben', '', 0);
INSERT INTO accounts VALUES ('aaaaaaaaaaaa', 'carl', 'fitbit', 'user-carl', '', x'5345435245542d61', x'5345435245542d72',
    0, 0, 1, 2, 5, 1790000000000, '', 0, 0, 'client-v3', 'turned off', 'move on', 'google:user-carla', 'user-former', 1);
INSERT INTO attempts VALUES ('state-v1', x'5345435245542d76657269666965722d7631', 'http://127.0.0.1:8080/', 'anna', 'google', 1794999990000, '0011223344556677', '0123456789ab', 'client-v2', x'5345435245542d76657269666965722d7631', 0, 0, '', 1, 0);
INSERT INTO clients VALUES ('google', 'client-v2', x'5345435245542d76657269666965722d7631', 1790000000000);
INSERT INTO removed VALUES ('00ff00ff00ff');
INSERT INTO imports VALUES ('84140ddb96b73b5114e909412a36dfed', 'fitbit', 'client-v3', x'7b226163636573735f746f6b656e223a225345435245542d6163636573732d7633222c22726566726573685f746f6b656e223a225345435245542d726566726573682d7633222c22657870697279223a22323132362d31312d32305430373a30303a30305a222c2273636f706573223a5b22776569676874225d7d',
    '', '', 0, 1794999990000);
INSERT INTO imports VALUES ('00112233445566778899aabbccddeeff', 'fitbit', 'client-v3', x'', 'aaaaaaaaaaaa', '', 0, 1794999990000);
