CREATE TABLE cluster_meta (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  num_shards integer NOT NULL,
  hash_version integer NOT NULL,
  id_key_fingerprint bytea CHECK (octet_length(id_key_fingerprint) = 32)
);
COMMENT ON TABLE cluster_meta IS
  'What never changes in a cluster, checked at every start. id_key_fingerprint is set by the first process that brings the key.';
INSERT INTO cluster_meta (num_shards, hash_version) VALUES (1024, 1);

CREATE TABLE node_lease (
  node text NOT NULL CHECK (node ~ '^[a-z0-9][a-z0-9-]{0,23}$'),
  incarnation text NOT NULL CHECK (incarnation ~ '^[a-z0-9]{1,20}$'),
  renewals bigint NOT NULL DEFAULT 0,
  address text,
  build text,
  state text NOT NULL CHECK (state IN ('alive', 'dead')),
  PRIMARY KEY (node, incarnation)
) WITH (fillfactor = 50);
COMMENT ON TABLE node_lease IS
  'One row per start of a node. Dead is permanent. Liveness is judged by renewals standing still, never by a clock of this server.';
CREATE UNIQUE INDEX node_lease_alive ON node_lease (node) WHERE state = 'alive';
COMMENT ON INDEX node_lease_alive IS 'A node has one living incarnation.';

CREATE TABLE shard_owner (
  shard integer PRIMARY KEY CHECK (shard BETWEEN 0 AND 1023),
  node text,
  incarnation text,
  epoch integer NOT NULL DEFAULT 0 CHECK (epoch >= 0),
  released_at_position bigint,
  CHECK ((node IS NULL) = (incarnation IS NULL)),
  CHECK (node IS NOT NULL OR epoch = 0)
) WITH (fillfactor = 50);
COMMENT ON TABLE shard_owner IS
  'Who may append to a shard. Every append joins this table at its epoch; taking a shard raises the epoch, committed alone.';
COMMENT ON COLUMN shard_owner.released_at_position IS
  'Set when the owner gave the shard up: its last position. Null while it is owned.';
INSERT INTO shard_owner (shard) SELECT generate_series(0, 1023);
