CREATE TABLE psp_ref (
  connection text NOT NULL,
  reference text NOT NULL,
  shard integer NOT NULL,
  entity bytea NOT NULL CHECK (octet_length(entity) = 16),
  PRIMARY KEY (connection, reference)
) WITH (
  -- Rows are never updated, so pages are filled; vacuum has only to freeze, as in the journal.
  fillfactor = 100,
  autovacuum_vacuum_insert_threshold = 100000,
  autovacuum_vacuum_insert_scale_factor = 0.1,
  autovacuum_analyze_threshold = 5000,
  autovacuum_analyze_scale_factor = 0.1
);
COMMENT ON TABLE psp_ref IS
  'Which payment a PSP''s reference belongs to, as of the cursor ''actors'' of the payment''s shard. Insert-only; the first payment keeps it.';

CREATE TABLE psp_notice (
  received_at bigint NOT NULL CHECK (received_at >= 0),
  shard integer NOT NULL,
  entity bytea NOT NULL CHECK (octet_length(entity) = 16),
  connection text NOT NULL,
  notice text NOT NULL,
  type text NOT NULL,
  status text NOT NULL CHECK (status IN ('received', 'delivered', 'orphaned', 'kept')),
  reason text CHECK ((reason IS NOT NULL) = (status = 'orphaned')),
  payment bytea CHECK (octet_length(payment) = 16),
  CHECK (status <> 'delivered' OR payment IS NOT NULL),
  PRIMARY KEY (shard, entity)
) WITH (
  -- Most are stored once, when they have been delivered already; the few that wait are updated once or twice.
  fillfactor = 95,
  autovacuum_vacuum_threshold = 2000,
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_insert_threshold = 100000,
  autovacuum_vacuum_insert_scale_factor = 0.1,
  autovacuum_analyze_threshold = 5000,
  autovacuum_analyze_scale_factor = 0.1
);
COMMENT ON TABLE psp_notice IS
  'What PSPs pushed and what became of it, as of the cursor ''actors'' of the notice''s own shard; the inbox''s journal has the rest.';
COMMENT ON COLUMN psp_notice.received_at IS 'Unix milliseconds, by the clock of the node that stored it.';
COMMENT ON COLUMN psp_notice.reason IS 'Why no payment took it.';
COMMENT ON COLUMN psp_notice.payment IS 'Entity of the payment that took it, or whose operation it names.';
CREATE INDEX psp_notice_payment ON psp_notice (payment, received_at, shard, entity) WHERE payment IS NOT NULL;
CREATE INDEX psp_notice_undelivered ON psp_notice (status, received_at, shard, entity) WHERE status IN ('received', 'orphaned');

CREATE INDEX timer_in_doubt ON timer (shard, entity, operation) WHERE kind IN ('payment.inquiry', 'payment.manual');
COMMENT ON INDEX timer_in_doubt IS 'Operations whose outcome nobody knows, for operators.';
