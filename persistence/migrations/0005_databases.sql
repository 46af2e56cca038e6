ALTER TABLE cluster_meta
  ADD COLUMN database_id uuid,
  ADD COLUMN membership_id uuid;
COMMENT ON COLUMN cluster_meta.database_id IS
  'Names this database, wherever it is served or restored. Given by the first process that starts with it.';
COMMENT ON COLUMN cluster_meta.membership_id IS
  'database_id of the membership database of the cluster that this database belongs to.';

CREATE TABLE journal_database (
  first_shard integer PRIMARY KEY,
  last_shard integer NOT NULL CHECK (last_shard >= first_shard),
  database_id uuid NOT NULL UNIQUE
);
COMMENT ON TABLE journal_database IS
  'Which database keeps which shards, in the membership database alone. A process that brings another one for a range is refused: its shards would have two journals.';
