-- The read side: what lists, balances and the ledger are answered from. It follows the journal of this database shard by
-- shard, under the cursor `read`, and holds nothing that could not be folded from the journal once more.

-- Roles belong to the server, and databases of one server may be migrated at once: who comes second waits and finds them.
DO $$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['shardpay_reader', 'shardpay_projector', 'shardpay_auditor'] LOOP
    BEGIN
      IF to_regrole(wanted) IS NULL THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS NOINHERIT', wanted);
      END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;
    END;
    -- Superusers may set any role; who else migrates may set those it has made.
    IF NOT pg_has_role(current_user, wanted, 'SET') THEN
      EXECUTE format('GRANT %I TO %I WITH SET TRUE, INHERIT FALSE', wanted, current_user);
    END IF;
  END LOOP;
END
$$;

CREATE SCHEMA read;
COMMENT ON SCHEMA read IS
  'What queries are answered from, as of the cursor ''read'' of each shard. Written by shardpay_projector alone; '
  'shardpay_reader sees the rows of one merchant and mode, shardpay_auditor sees all. Instants are Unix milliseconds, '
  'amounts minor units of the row''s currency, partitions months of UTC.';
GRANT USAGE ON SCHEMA read TO shardpay_reader, shardpay_projector, shardpay_auditor;

INSERT INTO shard_cursor (shard, consumer) SELECT generate_series(0, 1023), 'read';

CREATE TABLE read.payment (
  created_at bigint NOT NULL CHECK (created_at >= 0),
  updated_at bigint NOT NULL CHECK (updated_at >= created_at),
  attempted_at bigint CHECK (attempted_at >= created_at),
  amount bigint NOT NULL CHECK (amount > 0),
  authorized bigint NOT NULL CHECK (authorized >= 0),
  captured bigint NOT NULL CHECK (captured >= 0),
  refunded bigint NOT NULL CHECK (refunded >= 0),
  disputed bigint NOT NULL CHECK (disputed >= 0),
  shard integer NOT NULL CHECK (shard BETWEEN 0 AND 1023),
  seq integer NOT NULL CHECK (seq > 0),
  live boolean NOT NULL,
  review boolean NOT NULL,
  entity bytea NOT NULL CHECK (octet_length(entity) = 16),
  merchant text NOT NULL CHECK (merchant <> ''),
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  status text NOT NULL CHECK (status IN (
    'created', 'pending', 'requires_action', 'authorized', 'partially_captured', 'captured', 'canceled', 'expired', 'failed'
  )),
  connection text,
  psp text,
  merchant_reference text,
  data bytea NOT NULL CHECK (octet_length(data) > 0),
  private bytea,
  key_id text,
  CONSTRAINT captured_within_authorized CHECK (captured <= authorized),
  CHECK ((connection IS NULL) = (psp IS NULL)),
  PRIMARY KEY (merchant, live, created_at, entity)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE read.payment IS 'One row per payment: what lists filter by, and the state they show it from.';
COMMENT ON COLUMN read.payment.entity IS 'The payment''s entity in the journal; its id is pay_ and the same bytes in base32.';
COMMENT ON COLUMN read.payment.seq IS 'The payment''s last decision that the row knows.';
COMMENT ON COLUMN read.payment.attempted_at IS
  'When its first attempt was planned, which is when it counts for its merchant''s limits; null before.';
COMMENT ON COLUMN read.payment.authorized IS 'This and the next three are of the attempt that carries the payment.';
COMMENT ON COLUMN read.payment.captured IS 'What the PSP has taken back is subtracted.';
COMMENT ON COLUMN read.payment.refunded IS
  'May exceed captured: refunds made in the PSP''s own pages are facts, as are captures taken back after a refund.';
COMMENT ON COLUMN read.payment.review IS 'A person should look.';
COMMENT ON COLUMN read.payment.connection IS 'PSP connection of the latest attempt; null before the first, as is psp.';
COMMENT ON COLUMN read.payment.data IS 'The state as of seq, encoded as in a snapshot: without personal data.';
COMMENT ON COLUMN read.payment.private IS 'Personal data of that state, encrypted by key_id where that is set; null where there is none.';
CREATE INDEX payment_entity ON read.payment (entity);
-- Payments of one millisecond are sorted when they are read: their entities are not in the next two.
CREATE INDEX payment_status ON read.payment (merchant, live, status, created_at);
CREATE INDEX payment_merchant_reference ON read.payment (merchant, live, merchant_reference, created_at)
  WHERE merchant_reference IS NOT NULL;

CREATE TABLE read.refund (
  created_at bigint NOT NULL CHECK (created_at >= 0),
  payment_created_at bigint NOT NULL CHECK (payment_created_at >= 0),
  amount bigint NOT NULL CHECK (amount > 0),
  shard integer NOT NULL CHECK (shard BETWEEN 0 AND 1023),
  ordinal integer NOT NULL CHECK (ordinal > 0),
  live boolean NOT NULL,
  reversed boolean NOT NULL,
  payment bytea NOT NULL CHECK (octet_length(payment) = 16),
  merchant text NOT NULL CHECK (merchant <> ''),
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  status text NOT NULL CHECK (status IN (
    'planned', 'requires_action', 'accepted', 'succeeded', 'declined', 'not_sent', 'unknown', 'inquiring', 'absent', 'manual'
  )),
  connection text NOT NULL,
  CHECK (NOT reversed OR status = 'succeeded'),
  PRIMARY KEY (merchant, live, created_at, payment, ordinal)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE read.refund IS 'One row per refund; what it looks like is in its payment''s state.';
COMMENT ON COLUMN read.refund.created_at IS 'When it was planned, or first heard of.';
COMMENT ON COLUMN read.refund.payment_created_at IS 'With merchant, live and payment the key of its payment''s row.';
COMMENT ON COLUMN read.refund.payment IS 'Entity of its payment.';
COMMENT ON COLUMN read.refund.ordinal IS 'Ends its id: re_<payment>_<ordinal>.';
COMMENT ON COLUMN read.refund.status IS 'Of the operation.';
CREATE INDEX refund_payment ON read.refund (payment);

CREATE TABLE read.dispute (
  created_at bigint NOT NULL CHECK (created_at >= 0),
  payment_created_at bigint NOT NULL CHECK (payment_created_at >= 0),
  evidence_by bigint,
  amount bigint NOT NULL CHECK (amount >= 0),
  fee bigint NOT NULL CHECK (fee >= 0),
  shard integer NOT NULL CHECK (shard BETWEEN 0 AND 1023),
  ordinal integer NOT NULL CHECK (ordinal > 0),
  live boolean NOT NULL,
  payment bytea NOT NULL CHECK (octet_length(payment) = 16),
  merchant text NOT NULL CHECK (merchant <> ''),
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  status text NOT NULL CHECK (status IN ('inquiry', 'open', 'won', 'lost')),
  PRIMARY KEY (merchant, live, created_at, payment, ordinal)
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE read.dispute IS 'One row per dispute; what it looks like is in its payment''s state.';
COMMENT ON COLUMN read.dispute.created_at IS 'When it was first heard of.';
COMMENT ON COLUMN read.dispute.payment_created_at IS 'With merchant, live and payment the key of its payment''s row.';
COMMENT ON COLUMN read.dispute.payment IS 'Entity of its payment.';
COMMENT ON COLUMN read.dispute.ordinal IS 'Ends its id: dp_<payment>_<ordinal>.';
CREATE INDEX dispute_payment ON read.dispute (payment);

CREATE TABLE read.transfer (
  posted_at bigint NOT NULL CHECK (posted_at >= 0),
  position bigint NOT NULL CHECK (position > 0),
  amount bigint NOT NULL CHECK (amount > 0),
  shard integer NOT NULL CHECK (shard BETWEEN 0 AND 1023),
  n smallint NOT NULL CHECK (n >= 0),
  live boolean NOT NULL,
  entity bytea NOT NULL CHECK (octet_length(entity) = 16),
  merchant text NOT NULL CHECK (merchant <> ''),
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  debit text NOT NULL CHECK (debit <> ''),
  credit text NOT NULL CHECK (credit <> ''),
  phase text NOT NULL CHECK (phase IN ('posted', 'pending', 'released')),
  connection text NOT NULL,
  operation text NOT NULL,
  CHECK (debit <> credit),
  PRIMARY KEY (shard, position, n, posted_at)
) PARTITION BY RANGE (posted_at);
COMMENT ON TABLE read.transfer IS
  'The ledger: one row per transfer of a decision. Insert-only; nobody has the right to update or delete, a correction is another transfer.';
COMMENT ON COLUMN read.transfer.posted_at IS 'When it was decided: at of the journal''s row. In the key because partitions are by it.';
COMMENT ON COLUMN read.transfer.position IS 'Of the decision in its shard''s journal; with shard and n the transfer''s id.';
COMMENT ON COLUMN read.transfer.n IS 'From 0 within its decision.';
COMMENT ON COLUMN read.transfer.entity IS 'The payment.';
COMMENT ON COLUMN read.transfer.phase IS
  'posted moves balances; pending reserves; released takes a reservation away, also when what was reserved is posted.';
COMMENT ON COLUMN read.transfer.connection IS 'PSP connection; empty where it is not known which one a fact belongs to.';
COMMENT ON COLUMN read.transfer.operation IS 'Id of the payment''s operation or dispute, or the settlement line''s key.';
CREATE INDEX transfer_entity ON read.transfer (entity);
-- By pairs, so that an account that is hardly ever booked on is found as fast as any: there are few pairs that it can be in.
CREATE INDEX transfer_pair ON read.transfer (merchant, live, connection, currency, debit, credit, posted_at);

CREATE TABLE read.balance (
  debits numeric NOT NULL CHECK (debits >= 0),
  credits numeric NOT NULL CHECK (credits >= 0),
  reserved_debits numeric NOT NULL,
  reserved_credits numeric NOT NULL,
  part integer NOT NULL CHECK (part BETWEEN 0 AND 1023),
  live boolean NOT NULL,
  merchant text NOT NULL CHECK (merchant <> ''),
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  connection text NOT NULL,
  account text NOT NULL CHECK (account <> ''),
  PRIMARY KEY (merchant, live, currency, connection, account, part)
) WITH (fillfactor = 70, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0.02);
COMMENT ON TABLE read.balance IS
  'Sums of read.transfer by account, in parts, written with them in one transaction: at every instant both add up. A balance is '
  'the sum over parts of debits less credits, or the other way round, by the account''s type.';
COMMENT ON COLUMN read.balance.debits IS 'Posted, as are credits.';
COMMENT ON COLUMN read.balance.reserved_debits IS
  'Pending less released, as are reserved_credits. Unchecked, though never below zero: a check would look at a change before it is added.';
COMMENT ON COLUMN read.balance.part IS
  'Lowest shard of whoever wrote it, so that two writers never wait for each other''s rows; it means nothing else.';

-- --- partitions -------------------------------------------------------------------------------------------------------

CREATE FUNCTION read.month_start(at bigint) RETURNS timestamp LANGUAGE sql IMMUTABLE
RETURN date_trunc('month', timestamp 'epoch' + at * interval '1 millisecond');
COMMENT ON FUNCTION read.month_start IS 'First instant of the month, in UTC, that holds this one.';

CREATE FUNCTION read.ensure_partitions(from_at bigint, to_at bigint, target name DEFAULT 'read') RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  parent text;
  part text;
  month timestamp;
  made integer := 0;
BEGIN
  IF from_at < 0 OR to_at < from_at OR to_at > 7258118400000 THEN
    RAISE EXCEPTION 'no months from % to %', from_at, to_at USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF target NOT IN ('read', 'read_next') THEN
    RAISE EXCEPTION 'no partitions are made in %', target USING ERRCODE = 'invalid_parameter_value';
  END IF;
  month := read.month_start(from_at);
  WHILE month <= read.month_start(to_at) LOOP
    FOREACH parent IN ARRAY ARRAY['payment', 'refund', 'dispute', 'transfer'] LOOP
      part := parent || to_char(month, '_YYYY_MM');
      CONTINUE WHEN to_regclass(format('%I.%I', target, part)) IS NOT NULL;
      -- One maker at a time; readers and writers do not wait, neither for this nor for the attaching.
      EXECUTE format('LOCK TABLE %I.%I IN SHARE UPDATE EXCLUSIVE MODE', target, parent);
      CONTINUE WHEN to_regclass(format('%I.%I', target, part)) IS NOT NULL;
      EXECUTE format(
        'CREATE TABLE %I.%I (LIKE %I.%I INCLUDING CONSTRAINTS INCLUDING DEFAULTS INCLUDING STORAGE) WITH (fillfactor = %s, '
        'autovacuum_vacuum_insert_threshold = 100000, autovacuum_vacuum_insert_scale_factor = 0.1, '
        'autovacuum_analyze_threshold = 5000, autovacuum_analyze_scale_factor = 0.1)',
        target, part, target, parent, CASE parent WHEN 'transfer' THEN 100 ELSE 85 END);
      -- Rights are judged by the table that a statement names: nobody has any on a partition.
      EXECUTE format('REVOKE ALL ON %I.%I FROM PUBLIC, CURRENT_USER', target, part);
      EXECUTE format('ALTER TABLE %I.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', target, part);
      EXECUTE format(
        'ALTER TABLE %I.%I ATTACH PARTITION %I.%I FOR VALUES FROM (%s) TO (%s)', target, parent, target, part,
        (extract(epoch FROM month) * 1000)::bigint,
        (extract(epoch FROM month + interval '1 month') * 1000)::bigint);
      made := made + 1;
    END LOOP;
    month := month + interval '1 month';
  END LOOP;
  RETURN made;
END
$$;
COMMENT ON FUNCTION read.ensure_partitions IS
  'Makes the partitions of all months between two instants that are not there yet; answers how many. There is no default '
  'partition, so a row that finds none is refused, and who writes it asks for its month first. target: read, or read_next while '
  'a second set of tables is built.';
REVOKE ALL ON FUNCTION read.ensure_partitions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read.ensure_partitions TO shardpay_projector;

-- --- rights -----------------------------------------------------------------------------------------------------------

GRANT SELECT, INSERT, UPDATE ON read.payment, read.refund, read.dispute, read.balance TO shardpay_projector;
GRANT SELECT, INSERT ON read.transfer TO shardpay_projector;
REVOKE UPDATE, DELETE, TRUNCATE ON read.transfer FROM PUBLIC, CURRENT_USER;
GRANT SELECT ON read.payment, read.refund, read.dispute, read.balance, read.transfer TO shardpay_reader, shardpay_auditor;

GRANT SELECT, UPDATE (position, epoch) ON shard_cursor TO shardpay_projector;
GRANT SELECT (consumer, position) ON shard_cursor TO shardpay_reader;
GRANT SELECT ON shard_owner TO shardpay_projector;
GRANT SELECT (shard, position) ON journal TO shardpay_projector;

DO $$
DECLARE
  each text;
BEGIN
  FOREACH each IN ARRAY ARRAY['payment', 'refund', 'dispute', 'transfer', 'balance'] LOOP
    EXECUTE format('ALTER TABLE read.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', each);
    -- Unset, and empty as a setting is once its transaction has ended: no rows.
    EXECUTE format(
      'CREATE POLICY of_merchant ON read.%I FOR SELECT TO shardpay_reader USING ('
      'merchant = NULLIF(current_setting(''shardpay.merchant'', true), '''') '
      'AND live = NULLIF(current_setting(''shardpay.live'', true), '''')::boolean)', each);
    EXECUTE format(
      'CREATE POLICY all_written ON read.%I TO shardpay_projector USING (true) WITH CHECK (true)', each);
    EXECUTE format('CREATE POLICY all_read ON read.%I FOR SELECT TO shardpay_auditor USING (true)', each);
  END LOOP;
END
$$;

CREATE FUNCTION read.behind_since() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT min(j.at) FROM public.shard_cursor c CROSS JOIN LATERAL (
    SELECT j.at FROM public.journal j WHERE j.shard = c.shard AND j.position > c.position ORDER BY j.position LIMIT 1
  ) j WHERE c.consumer = 'read'
$$;
COMMENT ON FUNCTION read.behind_since IS
  'When the oldest decision was made that the read side of this database does not know yet; null where it knows all.';
REVOKE ALL ON FUNCTION read.behind_since FROM PUBLIC;
GRANT EXECUTE ON FUNCTION read.behind_since TO shardpay_reader, shardpay_auditor;

-- This month and the three to come; nodes make them ahead from here on.
SELECT read.ensure_partitions(
  (extract(epoch FROM now()) * 1000)::bigint,
  (extract(epoch FROM now() + interval '3 months') * 1000)::bigint);
