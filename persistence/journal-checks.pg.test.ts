/** The numbered checks of docs/journal-format.md as SQL, over a journal that two nodes have written and fought for. */
import { createHash } from 'node:crypto'
import { unpack } from 'msgpackr'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { appendAll, idOf, poisonOf, recordOf } from '../actors/journal-conformance.ts'
import { type PostgresHarness, postgresHarness } from '../test/support/journal-harness.ts'
import { checkClusterMeta } from './migrate.ts'

let harness: PostgresHarness

beforeAll(async () => {
  harness = await postgresHarness()
  const shards = [0, 1, 2, 3]
  let first = await harness.start('node-1')
  let second = await harness.start('node-2')
  let entity = 0
  for (let round = 0; round < 4; round += 1) {
    const owned = await first.journal.acquire(shards)
    const records = owned.flatMap(({ shard }) => {
      entity += 1
      return [recordOf(shard, entity, 1), recordOf(shard, entity, 2), poisonOf(shard, entity + 500, 1)]
    })
    await appendAll(first.journal, owned, records)
    const late = appendAll(
      first.journal,
      owned,
      owned.map(({ shard }) => recordOf(shard, entity + 1000, 1)),
    )
    await first.declareDead()
    await second.journal.acquire(shards)
    await late
    first = second
    second = await harness.start(`node-${round % 2 === 0 ? 1 : 2}`)
  }
})

afterAll(async () => {
  await harness.close()
})

async function violations(text: string): Promise<unknown[]> {
  return (await harness.admin.query<Record<string, unknown>>(text)).rows
}

test('positions are gapless and epochs never fall', async () => {
  expect(
    await violations(`SELECT * FROM (
      SELECT shard, position, epoch, row_number() OVER w AS expected, lag(epoch, 1, 0) OVER w AS before
      FROM journal WINDOW w AS (PARTITION BY shard ORDER BY position)) AS j
      WHERE position <> expected OR epoch < before`),
  ).toEqual([])
  expect(await violations('SELECT FROM journal WHERE epoch > 4')).not.toEqual([])
})

test('the first row of every epoch in a shard is its epoch record, and there is one', async () => {
  expect(
    await violations(`SELECT * FROM (
      SELECT shard, epoch, seq, type, row_number() OVER (PARTITION BY shard, epoch ORDER BY position) AS n FROM journal) AS j
      WHERE (n = 1) <> (type = 'epoch') OR (n = 1 AND seq <> epoch)`),
  ).toEqual([])
})

test('sequences of entities are gapless', async () => {
  expect(
    await violations(`SELECT * FROM (
      SELECT entity, seq, row_number() OVER (PARTITION BY shard, entity ORDER BY position) AS expected
      FROM journal WHERE type <> 'epoch') AS j WHERE seq <> expected`),
  ).toEqual([])
})

test('no command occurs twice within an entity', async () => {
  expect(
    await violations(
      `SELECT entity, command FROM journal WHERE type <> 'epoch' GROUP BY shard, entity, command HAVING count(*) > 1`,
    ),
  ).toEqual([])
})

test('epoch records say who took the shard', async () => {
  const [row] = await harness.rows(2)
  expect(row).toMatchObject({ entity: idOf(0), command: idOf(0), type: 'epoch', seq: 1 })
  expect(unpack(row?.data ?? Buffer.alloc(0))).toEqual({ v: 1, node: 'node-1', incarnation: 'i1' })
})

test('the fingerprint of the id key can be computed by anyone who has the key', async () => {
  const key = Buffer.alloc(32, 7)
  await checkClusterMeta(harness.url, key)
  const [row] = await violations('SELECT id_key_fingerprint AS fingerprint FROM cluster_meta')
  const expected = createHash('sha256').update('shardpay id_key\0').update(key).digest()
  expect(row).toEqual({ fingerprint: expected })
})
