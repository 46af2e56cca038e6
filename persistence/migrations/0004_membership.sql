ALTER TABLE node_lease ADD COLUMN draining boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN node_lease.draining IS 'It gives its shards away and takes no new ones.';

CREATE TABLE node_policy (
  node text PRIMARY KEY CHECK (node ~ '^[a-z0-9][a-z0-9-]{0,23}$'),
  weight double precision CHECK (weight BETWEEN 0 AND 100),
  cordoned boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE node_policy IS 'What operators have said of nodes, whether they live or not. In the membership database alone.';
COMMENT ON COLUMN node_policy.weight IS 'Share of the shards relative to others; null: 1.';
COMMENT ON COLUMN node_policy.cordoned IS 'The node takes no new shards; what it has stays.';

CREATE TABLE shard_pin (
  shard integer PRIMARY KEY CHECK (shard BETWEEN 0 AND 1023),
  node text NOT NULL CHECK (node ~ '^[a-z0-9][a-z0-9-]{0,23}$')
);
COMMENT ON TABLE shard_pin IS 'The node a shard has to be on while that lives. In the membership database alone.';

CREATE TABLE cluster_policy (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  rebalancing boolean NOT NULL DEFAULT true
);
COMMENT ON TABLE cluster_policy IS 'What operators have said of the cluster as a whole. In the membership database alone.';
COMMENT ON COLUMN cluster_policy.rebalancing IS 'Whether load moves shards by itself.';
INSERT INTO cluster_policy DEFAULT VALUES;

ALTER TABLE cluster_meta
  ADD COLUMN first_shard integer,
  ADD COLUMN last_shard integer,
  ADD CHECK ((first_shard IS NULL) = (last_shard IS NULL)),
  ADD CHECK (first_shard BETWEEN 0 AND last_shard AND last_shard < num_shards);
COMMENT ON COLUMN cluster_meta.first_shard IS
  'First shard whose journal is in this database. Written by the first process that brings the configuration; another range is refused.';
COMMENT ON COLUMN cluster_meta.last_shard IS 'Last shard whose journal is in this database.';

-- Hints: that owners or members have changed. Equal payloads of a transaction are one message, so a statement that takes
-- hundreds of shards sends one; renewals and journal rows send none. Polling is the truth: a hint that is lost costs time.
CREATE FUNCTION hint() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('shardpay_hint', TG_ARGV[0]);
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION hint IS 'Notifies shardpay_hint of what its argument says: owners or members.';

CREATE TRIGGER shard_owner_hint AFTER UPDATE ON shard_owner FOR EACH STATEMENT EXECUTE FUNCTION hint('owners');
CREATE TRIGGER node_lease_inserted_hint AFTER INSERT ON node_lease FOR EACH STATEMENT EXECUTE FUNCTION hint('members');
CREATE TRIGGER node_lease_hint AFTER UPDATE ON node_lease FOR EACH ROW
  WHEN (old.state <> new.state OR old.draining <> new.draining) EXECUTE FUNCTION hint('members');
CREATE TRIGGER node_policy_hint AFTER INSERT OR UPDATE OR DELETE ON node_policy FOR EACH STATEMENT EXECUTE FUNCTION hint('members');
CREATE TRIGGER shard_pin_hint AFTER INSERT OR UPDATE OR DELETE ON shard_pin FOR EACH STATEMENT EXECUTE FUNCTION hint('members');
CREATE TRIGGER cluster_policy_hint AFTER UPDATE ON cluster_policy FOR EACH STATEMENT EXECUTE FUNCTION hint('members');
