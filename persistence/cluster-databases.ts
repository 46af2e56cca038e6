/**
 * That the databases of a process are those of its cluster. Shards whose rows are in one database must never be looked for in
 * another: there they would have no owner and no payments, and every retry would charge again. So each database has a name
 * of its own, the membership database keeps the names of all, and each of them keeps the membership database's. The first
 * process that starts with a database gives it its name; a copy or a promoted standby has the name of what it was made from.
 *
 * What nobody can notice here is one wrong database alone (DATABASE_URL): two clusters then have nothing in common.
 */
import { assert } from '../runtime/assert.ts'
import { ClusterMismatch } from './cluster-mismatch.ts'
import { type JournalDatabase, nameOfRange } from './journal-databases.ts'
import { withClient } from './with-client.ts'

interface Known {
  readonly first_shard: number
  readonly last_shard: number
  readonly database_id: string
}

/**
 * After the ranges and the key were found right (migrate.ts).
 * @param databases in order of shard; the first is the membership database.
 * @throws {ClusterMismatch}
 */
export async function checkDatabaseNames(databases: readonly JournalDatabase[]): Promise<void> {
  const named = await Promise.all(databases.map(async (database) => ({ ...database, id: await nameOf(database.url) })))
  const [membership] = named
  assert(membership !== undefined, 'a cluster has a database')
  const known = await withClient(membership.url, async (client) => {
    await client.query(
      `INSERT INTO journal_database (first_shard, last_shard, database_id)
      SELECT * FROM unnest($1::int[], $2::int[], $3::uuid[]) ON CONFLICT DO NOTHING`,
      [named.map(({ first }) => first), named.map(({ last }) => last), named.map(({ id }) => id)],
    )
    return (await client.query<Known>('SELECT * FROM journal_database ORDER BY first_shard')).rows
  })
  for (const { first, last, id } of named) {
    const right = known.find((each) => each.first_shard === first && each.last_shard === last)
    if (right?.database_id !== id) {
      throw new ClusterMismatch(`the database for shards ${nameOfRange({ first, last })} is not the cluster's`)
    }
  }
  for (const { first, last, url } of named) {
    if ((await membershipOf(url, membership.id)) !== membership.id) {
      const range = nameOfRange({ first, last })
      throw new ClusterMismatch(`the database for shards ${range} belongs to another membership database`)
    }
  }
}

function nameOf(databaseUrl: string): Promise<string> {
  return withClient(databaseUrl, async (client) => {
    await client.query('UPDATE cluster_meta SET database_id = gen_random_uuid() WHERE database_id IS NULL')
    const { rows } = await client.query<{ id: string }>('SELECT database_id AS id FROM cluster_meta')
    return rows[0]?.id ?? ''
  })
}

function membershipOf(databaseUrl: string, membership: string): Promise<string> {
  return withClient(databaseUrl, async (client) => {
    await client.query('UPDATE cluster_meta SET membership_id = $1 WHERE membership_id IS NULL', [membership])
    const { rows } = await client.query<{ id: string }>('SELECT membership_id AS id FROM cluster_meta')
    return rows[0]?.id ?? ''
  })
}
