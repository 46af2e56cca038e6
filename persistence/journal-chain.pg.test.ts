import { Client } from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../test/support/test-database.ts'
import { blockRows } from './journal-chain.ts'
import { type DigestedRow, proveChain } from './journal-chain-proof.ts'
import { ProofSnapshot } from './journal-chain-reading.ts'
import { sealDatabase } from './journal-chain-sealer.ts'
import { ReadingPools } from './reading-pools.ts'

const shard = 7
const later = 10_000

let database: TestDatabase
let admin: Client
let pools: ReadingPools

beforeEach(async () => {
  database = await createTestDatabase()
  admin = new Client({ connectionString: database.url })
  await admin.connect()
  pools = new ReadingPools([{ url: database.url, first: 0, last: 15 }], { node: 'test', incarnation: 'i1' }, 'seal')
})

afterEach(async () => {
  await pools.close()
  await admin.end()
  await database.drop()
})

async function write(first: number, last: number): Promise<void> {
  await admin.query(
    `INSERT INTO journal (shard, position, at, seq, epoch, entity, command, type, data, private)
    SELECT $1, p, 1000 + p, p, 1, decode('01c0' || repeat('00', 13) || '01', 'hex'), decode(md5(p::text), 'hex'),
      'payment.create_payment', decode('80' || md5(p::text), 'hex'), '\\x01' FROM generate_series($2::int, $3::int) AS p`,
    [shard, first, last],
  )
}

const seal = (olderThan: number): Promise<number> => {
  const [reading] = pools.all
  if (reading === undefined) throw new Error('one database is read')
  return sealDatabase(reading, olderThan)
}

async function prove(): Promise<{ readonly problems: readonly string[]; readonly sealed: number }> {
  const snapshot = await ProofSnapshot.open(database.url)
  try {
    const rows: DigestedRow[] = []
    await snapshot.rows(shard, (row) => void rows.push(row))
    return proveChain(await snapshot.chain(shard), rows)
  } finally {
    await snapshot.close()
  }
}

describe('sealing', () => {
  test('takes whole blocks at once, and what fills none when it is old enough', async () => {
    await write(1, 2 * blockRows + 5)
    expect(await seal(0)).toBe(2 * blockRows)
    expect(await prove()).toEqual({ problems: [], sealed: 2 * blockRows })
    expect(await seal(later)).toBe(5)
    expect(await seal(later)).toBe(0)
    await write(2 * blockRows + 6, 3 * blockRows)
    expect(await seal(later)).toBe(blockRows - 5)
    expect(await prove()).toEqual({ problems: [], sealed: 3 * blockRows })
  })

  test('by several at once seals every row once', async () => {
    await write(1, 500)
    const sealed = await Promise.all([seal(later), seal(later)])
    expect(sealed[0] + sealed[1]).toBe(500)
    expect(await prove()).toEqual({ problems: [], sealed: 500 })
  })

  test('stops before a gap, and goes on with the other shards', async () => {
    await write(1, 100)
    await admin.query(
      `INSERT INTO journal SELECT position, at, 8, seq, epoch, entity, command, type, data FROM journal`,
    )
    await admin.query('DELETE FROM journal WHERE shard = $1 AND position = 30', [shard])
    expect(await seal(later)).toBe(100)
  })
})

describe('what is done to sealed rows past all rights is found', () => {
  beforeEach(async () => {
    await write(1, 150)
    await seal(later)
  })

  const planted = async (...statements: readonly string[]) => {
    for (const statement of statements) await admin.query(statement)
    return (await prove()).problems
  }

  test('a flipped bit of a decision', async () => {
    expect(
      await planted(
        `UPDATE journal SET data = set_byte(data, 3, 255 - get_byte(data, 3)) WHERE shard = 7 AND position = 77`,
      ),
    ).toEqual(['the row at position 77 was changed'])
  })

  test.each([
    'seq = 900',
    'epoch = 2',
    'at = at + 1',
    `type = 'payment.other'`,
    `command = decode(repeat('ff', 16), 'hex')`,
  ])('another value of one column: %s', async (change) => {
    expect(await planted(`UPDATE journal SET ${change} WHERE shard = 7 AND position = 1`)).toEqual([
      'the row at position 1 was changed',
    ])
  })

  test('a removed row, with and without the others moved up', async () => {
    expect(await planted('DELETE FROM journal WHERE shard = 7 AND position = 60')).toEqual([
      'the row that was sealed at position 60 was removed',
    ])
    expect(
      await planted(
        'UPDATE journal SET position = -position WHERE false',
        'ALTER TABLE journal DROP CONSTRAINT journal_position_check',
        'UPDATE journal SET position = -position WHERE shard = 7 AND position > 60',
        'UPDATE journal SET position = -position - 1 WHERE shard = 7 AND position < 0',
      ),
    ).toEqual([
      'the row that was sealed at position 60 was removed',
      '90 rows stand at other positions than when they were sealed',
    ])
  })

  test('an inserted row', async () => {
    expect(
      await planted(
        'ALTER TABLE journal DROP CONSTRAINT journal_position_check',
        'UPDATE journal SET position = -position WHERE shard = 7 AND position > 60',
        'UPDATE journal SET position = 1 - position WHERE shard = 7 AND position < 0',
        `INSERT INTO journal SELECT 61, at, shard, 999, epoch, entity, command, type, data, private, key_id
          FROM journal WHERE shard = 7 AND position = 5`,
      ),
    ).toEqual([
      'the row at position 61 was inserted after it was sealed',
      '90 rows stand at other positions than when they were sealed',
    ])
  })

  test('the end cut off', async () => {
    expect(await planted('DELETE FROM journal WHERE shard = 7 AND position > 149')).toEqual([
      'the row that was sealed at position 150 was removed',
    ])
  })

  test('a digest that was changed with its row', async () => {
    expect(
      await planted(
        `UPDATE journal SET at = at + 1 WHERE shard = 7 AND position = 61`,
        `UPDATE journal_chain SET digests = (SELECT string_agg(CASE WHEN n = 0 THEN sha256('forged') ELSE substr(digests, n * 32 + 1, 32) END,
            ''::bytea ORDER BY n) FROM generate_series(0, octet_length(digests) / 32 - 1) n)
          WHERE shard = 7 AND first_position = 61`,
      ),
    ).toContain('the chain is broken at its block of positions 61 to 120')
  })
})

test('personal data may be deleted: nothing of it is in the chain', async () => {
  await write(1, 10)
  await seal(later)
  await admin.query(`UPDATE journal SET private = NULL, key_id = 'k' WHERE shard = 7`)
  expect(await prove()).toEqual({ problems: [], sealed: 10 })
})

describe('rights', () => {
  const refused = async (role: string, statement: string): Promise<string | undefined> => {
    await admin.query('BEGIN')
    try {
      await admin.query(`SET LOCAL ROLE ${role}`)
      await admin.query(statement)
      return undefined
    } catch (error) {
      return (error as { code?: string }).code
    } finally {
      await admin.query('ROLLBACK')
    }
  }

  test.each(['shardpay_sealer', 'shardpay_auditor'])('%s changes and removes nothing', async (role) => {
    for (const statement of [
      'UPDATE journal_chain SET hash = hash',
      'DELETE FROM journal_chain',
      'TRUNCATE journal_chain',
      `UPDATE journal SET type = 'x'`,
      'DELETE FROM journal',
      'SELECT private FROM journal',
    ]) {
      expect([statement, await refused(role, statement)]).toEqual([statement, '42501'])
    }
  })
})
