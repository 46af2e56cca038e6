CREATE TABLE journal (
  position bigint NOT NULL CHECK (position > 0),
  at bigint NOT NULL CHECK (at >= 0),
  shard integer NOT NULL,
  seq integer NOT NULL CHECK (seq > 0),
  epoch integer NOT NULL CHECK (epoch > 0),
  entity bytea NOT NULL CHECK (octet_length(entity) = 16),
  command bytea NOT NULL CHECK (octet_length(command) = 16),
  type text NOT NULL CHECK (type ~ '^[a-z][a-z0-9_.-]{0,62}$'),
  data bytea NOT NULL CHECK (octet_length(data) > 0),
  private bytea,
  key_id text,
  PRIMARY KEY (shard, position),
  UNIQUE (shard, entity, seq)
) PARTITION BY RANGE (shard);
COMMENT ON TABLE journal IS
  'Append-only; one row is one decision. The primary key (shard, position) is part of the fence against deposed owners: a further '
  'column in it, such as time, would remove the fence. docs/journal-format.md describes the bytes.';
COMMENT ON COLUMN journal.position IS 'From 1, gapless within the shard.';
COMMENT ON COLUMN journal.at IS 'Unix milliseconds, by the clock of the node that decided.';
COMMENT ON COLUMN journal.seq IS 'From 1, contiguous within the entity; of an epoch record: its epoch.';
COMMENT ON COLUMN journal.command IS 'Id of the command that was decided: finds its caller after a commit of unknown outcome.';
COMMENT ON COLUMN journal.data IS 'msgpack with a schema version; no personal data, no payment-method tokens.';
COMMENT ON COLUMN journal.private IS 'msgpack of personal data and payment-method tokens, encrypted by key_id where that is set.';

DO $$
BEGIN
  FOR part IN 0..15 LOOP
    -- Rows are never updated, so pages are filled. Vacuum has only to freeze and to set the visibility map: by inserted
    -- rows, before an anti-wraparound vacuum would come at a bad moment. Statistics are kept fresh because a partition
    -- grows from nothing to millions of rows.
    EXECUTE format(
      'CREATE TABLE journal_p%s PARTITION OF journal FOR VALUES FROM (%s) TO (%s) WITH (fillfactor = 100, '
      'autovacuum_vacuum_insert_threshold = 100000, autovacuum_vacuum_insert_scale_factor = 0.1, '
      'autovacuum_analyze_threshold = 5000, autovacuum_analyze_scale_factor = 0.1)',
      lpad(part::text, 2, '0'), part * 64, (part + 1) * 64);
  END LOOP;
END
$$;

CREATE TABLE snapshot (
  shard integer NOT NULL,
  entity bytea NOT NULL CHECK (octet_length(entity) = 16),
  seq integer NOT NULL CHECK (seq > 0),
  epoch integer NOT NULL CHECK (epoch > 0),
  data bytea NOT NULL,
  private bytea,
  key_id text,
  PRIMARY KEY (shard, entity, seq, epoch)
);
COMMENT ON TABLE snapshot IS
  'State of an entity at (entity, seq), insert-only. Valid only if the journal''s row there has the same epoch; else ignored.';
