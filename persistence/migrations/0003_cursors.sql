CREATE TABLE shard_cursor (
  shard integer NOT NULL,
  consumer text NOT NULL,
  position bigint NOT NULL DEFAULT 0,
  epoch integer NOT NULL DEFAULT 0,
  PRIMARY KEY (shard, consumer)
) WITH (fillfactor = 20, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0);
COMMENT ON TABLE shard_cursor IS
  'How far a consumer has followed a shard''s journal. Moved by compare-and-set on the old position, in the transaction of what it guards.';
COMMENT ON COLUMN shard_cursor.epoch IS
  'Highest epoch that has opened or moved the cursor: an owner of an older one moves it no more, even with a statement begun before.';
INSERT INTO shard_cursor (shard, consumer) SELECT generate_series(0, 1023), 'actors';

CREATE TABLE timer (
  shard integer NOT NULL,
  entity bytea NOT NULL CHECK (octet_length(entity) = 16),
  operation text NOT NULL,
  kind text NOT NULL,
  due bigint NOT NULL,
  PRIMARY KEY (shard, entity, operation, kind)
) WITH (fillfactor = 80, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0.02);
COMMENT ON TABLE timer IS 'Open operations and timers of entities, as of the cursor ''actors'' of their shard.';
COMMENT ON COLUMN timer.due IS 'Unix milliseconds.';
CREATE INDEX timer_due ON timer (shard, due);

CREATE TABLE merchant (
  merchant text PRIMARY KEY,
  shard integer NOT NULL,
  entity bytea NOT NULL CHECK (octet_length(entity) = 16),
  version integer NOT NULL,
  data bytea NOT NULL
);
COMMENT ON TABLE merchant IS
  'Newest configuration of every merchant as gateways read it, as of the cursor ''actors'' of its shard; the journal decides.';
