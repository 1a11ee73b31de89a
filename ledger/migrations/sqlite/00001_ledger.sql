-- +goose Up
-- A query uses a partial index only when it repeats the index's condition.
-- Times are nanoseconds since 1970 in UTC, 0 for none. Bodies are sealed (see crypt.go).

CREATE TABLE meta (
  name  TEXT PRIMARY KEY,
  value BLOB NOT NULL
);

CREATE TABLE counter (
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
);
INSERT INTO counter (name, value) VALUES ('message', 0), ('position', 0), ('projected', 0), ('generation', 0);

CREATE TABLE data_key (
  id      TEXT PRIMARY KEY,
  child   TEXT NOT NULL, -- '' for a message whose child is unknown
  main    INTEGER NOT NULL, -- 1: new rows of the child are sealed with it
  wrapped BLOB NOT NULL,
  created INTEGER NOT NULL
);
CREATE INDEX data_key_child ON data_key (child) WHERE child <> '';

CREATE TABLE child (
  id       TEXT PRIMARY KEY,
  epoch    INTEGER NOT NULL, -- raised by every change of a decision input
  created  INTEGER NOT NULL,
  expunged INTEGER NOT NULL
);

CREATE TABLE link (
  term    BLOB PRIMARY KEY, -- keyed hash
  child   TEXT NOT NULL,
  agree   BLOB,             -- keyed hash
  message TEXT NOT NULL,
  created INTEGER NOT NULL
);
CREATE INDEX link_child ON link (child);
CREATE INDEX link_message ON link (message);

CREATE TABLE message (
  id           TEXT PRIMARY KEY,
  seq          INTEGER NOT NULL UNIQUE, -- the order of the lanes
  position     INTEGER NOT NULL,        -- the order of projection, 0 when not accepted
  partner      TEXT NOT NULL,
  protocol     TEXT NOT NULL,
  content_type TEXT NOT NULL,
  interaction  TEXT NOT NULL,
  control_id   TEXT NOT NULL,
  event        TEXT NOT NULL,
  state        TEXT NOT NULL,
  code         TEXT NOT NULL,
  child        TEXT NOT NULL,
  received     INTEGER NOT NULL,
  stored       INTEGER NOT NULL,
  sha256       TEXT NOT NULL,
  reserved     INTEGER NOT NULL,
  supersedes   TEXT NOT NULL,
  flagged      INTEGER NOT NULL,
  key_id       TEXT NOT NULL,
  mac          BLOB NOT NULL, -- over the columns that only Reprocess and Relink change
  issues       BLOB,
  bundle       BLOB,
  raw          BLOB
);
CREATE INDEX message_control ON message (partner, control_id);
CREATE INDEX message_child ON message (child, seq) WHERE child <> '';
CREATE UNIQUE INDEX message_position ON message (position) WHERE position > 0;

CREATE TABLE reservation (
  partner    TEXT NOT NULL,
  control_id TEXT NOT NULL,
  sha256     TEXT NOT NULL,
  message    TEXT NOT NULL,
  code       TEXT NOT NULL,
  until      INTEGER NOT NULL,
  PRIMARY KEY (partner, control_id, sha256)
);

CREATE TABLE alias (
  kind    TEXT NOT NULL,
  value   TEXT NOT NULL,
  message TEXT NOT NULL,
  PRIMARY KEY (kind, value, message)
);

CREATE TABLE input (
  id       TEXT PRIMARY KEY,
  child    TEXT NOT NULL,
  kind     TEXT NOT NULL,
  key_hash BLOB NOT NULL,
  version  INTEGER NOT NULL,
  latest   INTEGER NOT NULL,
  ended    INTEGER NOT NULL,
  message  TEXT NOT NULL,
  at       INTEGER NOT NULL,
  key_id   TEXT NOT NULL,
  body     BLOB NOT NULL, -- key and body
  UNIQUE (child, kind, key_hash, version)
);
CREATE INDEX input_message ON input (message);
CREATE INDEX input_latest ON input (child) WHERE latest;

CREATE TABLE delivery (
  id          TEXT PRIMARY KEY,
  message     TEXT NOT NULL,
  ordinal     INTEGER NOT NULL,
  destination TEXT NOT NULL,
  route       TEXT NOT NULL,
  lane        TEXT NOT NULL,
  urgency     INTEGER NOT NULL,
  seq         INTEGER NOT NULL,
  subjects    TEXT NOT NULL, -- JSON array
  created     INTEGER NOT NULL,
  expires     INTEGER NOT NULL,
  mac         BLOB NOT NULL, -- over the columns above
  state       TEXT NOT NULL,
  due         INTEGER NOT NULL,
  attempts    INTEGER NOT NULL,
  release     INTEGER NOT NULL,
  token       INTEGER NOT NULL,
  key         TEXT NOT NULL,
  control_id  TEXT NOT NULL,
  sha256      TEXT NOT NULL,
  decision    TEXT NOT NULL,
  predecessor TEXT NOT NULL,
  reason      BLOB,
  reason_key  TEXT NOT NULL
);
CREATE INDEX delivery_message ON delivery (message, ordinal);
CREATE INDEX delivery_lane ON delivery (lane, urgency, seq, ordinal) WHERE state IN ('pending', 'intended');
CREATE INDEX delivery_state ON delivery (state, destination, seq);

CREATE TABLE attempt (
  id          TEXT PRIMARY KEY,
  delivery    TEXT NOT NULL,
  n           INTEGER NOT NULL,
  release     INTEGER NOT NULL,
  token       INTEGER NOT NULL,
  key         TEXT NOT NULL,
  control_id  TEXT NOT NULL,
  sha256      TEXT NOT NULL,
  decision    TEXT NOT NULL,
  state       TEXT NOT NULL,
  code        TEXT NOT NULL,
  intended    INTEGER NOT NULL,
  recorded    INTEGER NOT NULL,
  key_id      TEXT NOT NULL,
  answer      BLOB,
  body        BLOB,
  UNIQUE (delivery, n)
);
CREATE INDEX attempt_key ON attempt (key) WHERE key <> '';
CREATE INDEX attempt_control ON attempt (control_id) WHERE control_id <> '';

CREATE TABLE gate (
  attempt TEXT NOT NULL,
  child   TEXT NOT NULL,
  epoch   INTEGER NOT NULL,
  holder  TEXT NOT NULL,
  expiry  INTEGER NOT NULL,
  PRIMARY KEY (attempt, child)
);
CREATE INDEX gate_child ON gate (child, epoch);
CREATE INDEX gate_expiry ON gate (expiry);

CREATE TABLE work (
  id         TEXT PRIMARY KEY,
  kind       TEXT NOT NULL,
  owner      TEXT NOT NULL,
  partner    TEXT NOT NULL,
  message    TEXT NOT NULL,
  delivery   TEXT NOT NULL,
  state      TEXT NOT NULL,
  created    INTEGER NOT NULL,
  resolved   INTEGER NOT NULL,
  key_id     TEXT NOT NULL,
  remedy     BLOB,
  note       BLOB,
  resolution BLOB
);
CREATE INDEX work_state ON work (state, created);
CREATE INDEX work_message ON work (message, created);
CREATE INDEX work_delivery ON work (delivery) WHERE state = 'open';

CREATE TABLE resource (
  type    TEXT NOT NULL,
  id      TEXT NOT NULL,
  child   TEXT NOT NULL,
  message TEXT NOT NULL,
  deleted INTEGER NOT NULL,
  key_id  TEXT NOT NULL,
  body    BLOB,
  PRIMARY KEY (type, id)
);
CREATE INDEX resource_message ON resource (message);
CREATE INDEX resource_child ON resource (child, type) WHERE child <> '';

CREATE TABLE resource_term (
  type  TEXT NOT NULL,
  param TEXT NOT NULL,
  value BLOB NOT NULL, -- keyed hash
  id    TEXT NOT NULL,
  PRIMARY KEY (type, param, value, id)
);
CREATE INDEX resource_term_id ON resource_term (type, id);

CREATE TABLE audit (
  writer   TEXT NOT NULL,
  n        INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  kind     TEXT NOT NULL,
  partner  TEXT NOT NULL,
  message  TEXT NOT NULL,
  delivery TEXT NOT NULL,
  child    TEXT NOT NULL,
  outcome  TEXT NOT NULL,
  body     BLOB,
  hash     BLOB NOT NULL, -- keyed, over the previous hash and every column
  PRIMARY KEY (writer, n)
);
CREATE INDEX audit_message ON audit (message) WHERE message <> '';
CREATE INDEX audit_child ON audit (child) WHERE child <> '';

CREATE TABLE chain (
  writer  TEXT PRIMARY KEY,
  n       INTEGER NOT NULL, -- of its last row
  hash    BLOB NOT NULL,
  sealed  INTEGER NOT NULL, -- n at the last checkpoint
  mac     BLOB NOT NULL
);

CREATE TABLE checkpoint (
  n      INTEGER PRIMARY KEY,
  at     INTEGER NOT NULL,
  writer TEXT NOT NULL,
  heads  BLOB NOT NULL, -- JSON: the heads that moved since the previous checkpoint
  mac    BLOB NOT NULL  -- over the previous mac and every column
);

-- +goose Down
DROP TABLE checkpoint;
DROP TABLE chain;
DROP TABLE audit;
DROP TABLE resource_term;
DROP TABLE resource;
DROP TABLE work;
DROP TABLE gate;
DROP TABLE attempt;
DROP TABLE delivery;
DROP TABLE input;
DROP TABLE alias;
DROP TABLE reservation;
DROP TABLE message;
DROP TABLE link;
DROP TABLE child;
DROP TABLE data_key;
DROP TABLE counter;
DROP TABLE meta;
