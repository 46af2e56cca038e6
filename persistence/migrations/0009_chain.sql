CREATE TABLE journal_chain (
  first_position bigint NOT NULL,
  last_position bigint NOT NULL,
  shard integer NOT NULL,
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  digests bytea NOT NULL,
  PRIMARY KEY (shard, first_position),
  CHECK (first_position > 0 AND octet_length(digests) = 32 * (last_position - first_position + 1))
) WITH (
  -- Rows are never updated, so pages are filled; vacuum has only to freeze, as in the journal.
  fillfactor = 100,
  autovacuum_vacuum_insert_threshold = 10000,
  autovacuum_vacuum_insert_scale_factor = 0.1,
  autovacuum_analyze_threshold = 5000,
  autovacuum_analyze_scale_factor = 0.1
);
-- Digests do not compress.
ALTER TABLE journal_chain ALTER COLUMN digests SET STORAGE EXTERNAL, ALTER COLUMN hash SET STORAGE PLAIN;
COMMENT ON TABLE journal_chain IS
  'Hash chain of each shard''s journal, insert-only; docs/journal-format.md describes the bytes. A block follows the one that ends right before it.';
COMMENT ON COLUMN journal_chain.hash IS 'SHA-256 of the hash of the block before (32 zero bytes for the first) and digests.';
COMMENT ON COLUMN journal_chain.digests IS 'SHA-256 of each row from first_position to last_position, one behind the other.';

-- Roles belong to the server: as in 0007.
DO $$
BEGIN
  BEGIN
    IF to_regrole('shardpay_sealer') IS NULL THEN
      CREATE ROLE shardpay_sealer NOLOGIN NOSUPERUSER NOBYPASSRLS NOINHERIT;
    END IF;
  EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
  END;
  IF NOT pg_has_role(current_user, 'shardpay_sealer', 'SET') THEN
    EXECUTE format('GRANT shardpay_sealer TO %I WITH SET TRUE, INHERIT FALSE', current_user);
  END IF;
END
$$;
REVOKE ALL ON journal_chain FROM PUBLIC, CURRENT_USER;
GRANT SELECT, INSERT ON journal_chain TO shardpay_sealer;
GRANT SELECT ON journal_chain TO shardpay_auditor;
-- What a digest covers and what a proof reads; personal data is neither's business.
GRANT SELECT (shard, position, entity, seq, epoch, command, at, type, data) ON journal TO shardpay_sealer, shardpay_auditor;
GRANT SELECT (shard, consumer, position) ON shard_cursor TO shardpay_auditor;
