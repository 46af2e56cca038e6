-- Payments whose rows were moved to files: what stands in for them, and a log of what was moved when and to where. One who may
-- delete rows of the journal is the archiver alone, and he is nobody's user: `shardpay journal archive` sets the role.

CREATE TABLE journal_archived (
  archived_at bigint NOT NULL CHECK (archived_at >= 0),
  closed_at bigint NOT NULL CHECK (closed_at >= 0),
  shard integer NOT NULL CHECK (shard BETWEEN 0 AND 1023),
  seq integer NOT NULL CHECK (seq > 0),
  epoch integer NOT NULL CHECK (epoch > 0),
  entity bytea NOT NULL CHECK (octet_length(entity) = 16),
  file text NOT NULL CHECK (file ~ '^[a-z0-9][a-z0-9.-]{0,99}$'),
  positions bytea NOT NULL CHECK (octet_length(positions) = 8 * seq),
  data bytea NOT NULL CHECK (octet_length(data) > 0),
  private bytea,
  key_id text,
  PRIMARY KEY (shard, entity)
) WITH (
  -- Rows are never updated, so pages are filled; vacuum has only to freeze, as in the journal.
  fillfactor = 100,
  autovacuum_vacuum_insert_threshold = 100000,
  autovacuum_vacuum_insert_scale_factor = 0.1,
  autovacuum_analyze_threshold = 5000,
  autovacuum_analyze_scale_factor = 0.1
);
-- Compressed by who writes it.
ALTER TABLE journal_archived ALTER COLUMN data SET STORAGE EXTERNAL, ALTER COLUMN private SET STORAGE EXTERNAL;
COMMENT ON TABLE journal_archived IS
  'What stands in for a payment''s rows that were moved to a file: inserted and the rows deleted in one transaction, and the other '
  'way round when they are restored. docs/journal-format.md describes the bytes.';
COMMENT ON COLUMN journal_archived.seq IS 'Rows up to and including this sequence are in the file.';
COMMENT ON COLUMN journal_archived.epoch IS 'Of the row at seq.';
COMMENT ON COLUMN journal_archived.closed_at IS 'When that row was decided, Unix milliseconds.';
COMMENT ON COLUMN journal_archived.archived_at IS 'Unix milliseconds.';
COMMENT ON COLUMN journal_archived.positions IS 'Of the rows in order of seq, 8 bytes each, most significant first.';
COMMENT ON COLUMN journal_archived.data IS 'State after seq, without personal data.';
COMMENT ON COLUMN journal_archived.private IS 'Personal data of that state, encrypted by key_id where that is set; null where there is none.';

CREATE TABLE journal_archive_log (
  n bigint NOT NULL CHECK (n > 0),
  at bigint NOT NULL CHECK (at >= 0),
  shard integer NOT NULL CHECK (shard BETWEEN 0 AND 1023),
  kind text NOT NULL CHECK (kind IN ('archived', 'restored')),
  file text NOT NULL CHECK (file ~ '^[a-z0-9][a-z0-9.-]{0,99}$'),
  file_digest bytea NOT NULL CHECK (octet_length(file_digest) = 32),
  digests bytea NOT NULL CHECK (octet_length(digests) > 0 AND octet_length(digests) % 32 = 0),
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  PRIMARY KEY (shard, n)
);
ALTER TABLE journal_archive_log ALTER COLUMN digests SET STORAGE EXTERNAL;
COMMENT ON TABLE journal_archive_log IS
  'What was archived and restored, per shard in order of n, insert-only; a hash chain of its own. What stands in journal_archived is '
  'what was archived here and not restored since.';
COMMENT ON COLUMN journal_archive_log.n IS 'From 1, gapless within the shard.';
COMMENT ON COLUMN journal_archive_log.file_digest IS 'SHA-256 of the file, as its trailer says it.';
COMMENT ON COLUMN journal_archive_log.digests IS 'SHA-256 of each row of journal_archived that came or went, one behind the other.';
COMMENT ON COLUMN journal_archive_log.hash IS 'SHA-256 of the hash of the entry before (32 zero bytes for the first) and this entry.';

-- Roles belong to the server: as in 0008.
DO $$
BEGIN
  BEGIN
    IF to_regrole('shardpay_archiver') IS NULL THEN
      CREATE ROLE shardpay_archiver NOLOGIN NOSUPERUSER NOBYPASSRLS NOINHERIT;
    END IF;
  EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
  END;
  IF NOT pg_has_role(current_user, 'shardpay_archiver', 'SET') THEN
    EXECUTE format('GRANT shardpay_archiver TO %I WITH SET TRUE, INHERIT FALSE', current_user);
  END IF;
END
$$;

-- Whoever connects as the owner reads and appends: removing and changing rows takes the archiver's role, or taking the right first.
-- Personal data may be deleted; no digest covers it.
DO $$
DECLARE
  each regclass;
BEGIN
  FOR each IN SELECT 'journal'::regclass UNION ALL SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'journal'::regclass LOOP
    EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %s FROM PUBLIC, CURRENT_USER', each);
  END LOOP;
END
$$;
REVOKE ALL ON journal_archived, journal_archive_log FROM PUBLIC, CURRENT_USER;
GRANT SELECT ON journal_archived TO CURRENT_USER;
GRANT UPDATE (private, key_id) ON journal, journal_archived TO CURRENT_USER;

GRANT SELECT, INSERT, DELETE ON journal TO shardpay_archiver;
GRANT SELECT, INSERT, DELETE ON journal_archived TO shardpay_archiver;
GRANT SELECT, INSERT ON journal_archive_log TO shardpay_archiver;
GRANT SELECT (shard, entity, seq), DELETE ON snapshot TO shardpay_archiver;
GRANT SELECT ON journal_chain, shard_cursor, timer, cluster_meta TO shardpay_archiver;
GRANT SELECT (archived_at, closed_at, shard, seq, epoch, entity, file, positions, data) ON journal_archived TO shardpay_auditor;
GRANT SELECT ON journal_archive_log TO shardpay_auditor;
GRANT SELECT (database_id) ON cluster_meta TO shardpay_auditor;
