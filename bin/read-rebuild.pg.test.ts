/**
 * Rebuilds of the read side over databases that owners write to: what is there afterwards is what the journal folds to, and
 * the owners go on.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { DecisionRecord, Journal } from '../actors/journal.ts'
import type { AccountSums } from '../actors/read-rows.ts'
import { addedUp, expectTables } from '../actors/read-side-conformance.ts'
import { decisions, foldOf, Follower, type ReadTables } from '../actors/read-side-testing.ts'
import { shardCount } from '../domain/ids.ts'
import { ProofSnapshot } from '../persistence/journal-chain-reading.ts'
import { LedgerReads } from '../persistence/ledger-reads.ts'
import { MerchantQueries } from '../persistence/queries.ts'
import { systemClock } from '../runtime/clock.ts'
import { seededRandom } from '../runtime/random.ts'
import { postgresHarness, type PostgresHarness } from '../test/support/journal-harness.ts'
import { runCli } from './cli/program.ts'
import { rebuildReadSide, type RebuildOptions } from './read-rebuild.ts'

const shards = [5, 6, 900]

let harness: PostgresHarness
let journal: Journal
let sources: Map<number, Iterator<DecisionRecord>>
let followers: Follower[]

beforeEach(async () => {
  harness = await postgresHarness()
  ;({ journal } = await harness.start('node-1', {
    statementTimeoutMs: 20_000,
    transactionTimeoutMs: 21_000,
    flushTimeoutMs: 22_000,
    lockTimeoutMs: 10_000,
  }))
  sources = new Map(shards.map((shard) => [shard, decisions(shard, seededRandom(shard))]))
  followers = []
  for (const shard of shards) followers.push(await Follower.start(journal, shard))
})

afterEach(() => harness.close())

const database = () => ({ url: harness.url, first: 0, last: shardCount - 1 })
const rebuild = (options: Partial<RebuildOptions> = {}) =>
  rebuildReadSide({ database: database(), isDryRun: false, keepsOld: false, ...options })

/** Every shard decides so often. */
async function decide(count: number): Promise<void> {
  for (const follower of followers) {
    const source = sources.get(follower.shard.number)
    await follower.append(Array.from({ length: count }, () => source?.next().value as DecisionRecord))
  }
}

async function flush(): Promise<void> {
  for (const { side } of followers) for (let round = 0; round < 3; round += 1) await side.flush()
}

/** What `work` comes to, while `other` is done over and over. */
async function beside<Result>(other: () => Promise<void>, work: () => Promise<Result>): Promise<Result> {
  const over = new AbortController()
  const others = (async () => {
    while (!over.signal.aborted) await other()
  })()
  try {
    return await work()
  } finally {
    over.abort()
    await others
  }
}

/** @param isWhole whether the tables know all that is in the journal. */
async function expectFold(isWhole = true): Promise<void> {
  const balances: AccountSums[] = []
  for (const { shard, troubles } of followers) {
    const [found, rows] = [await harness.readTables(shard.number), await harness.rows(shard.number)]
    if (isWhole) expect(found.cursor).toBe(rows.length)
    const expected = foldOf(rows.slice(0, found.cursor))
    expectTables(found, expected)
    balances.push(...expected.balances)
    expect(troubles).toEqual([])
  }
  expect(addedUp(await harness.balances())).toEqual(addedUp(balances))
}

async function leftovers(): Promise<unknown> {
  const { rows } = await harness.admin.query(
    `SELECT coalesce(to_regnamespace('read_next'), to_regnamespace('read_replaced')) AS schema, (SELECT count(*) FROM shard_cursor WHERE consumer = 'read_next') AS cursors`,
  )
  return rows[0]
}
const none = { schema: null, cursors: 0 }

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function shardpay(...args: readonly string[]): Promise<Ran> {
  let [out, err] = ['', '']
  const code = await runCli(args, {
    ...{ env: { DATABASE_URL: harness.url }, directory: '/', clock: systemClock, isTerminal: false },
    out: (text) => (out += text),
    err: (text) => (err += text),
  })
  return { code, out, err }
}

/** What somebody may have done to the live tables. */
const harms: readonly string[] = [
  'UPDATE read.transfer SET amount = amount + 1 WHERE shard = 5 AND n = 0',
  `INSERT INTO read.transfer (position, n, posted_at, amount, shard, live, entity, merchant, currency, debit, credit, phase, connection, operation)
  SELECT position, n, posted_at + 1, amount, shard, live, entity, merchant, currency, debit, credit, phase, connection, operation
  FROM read.transfer WHERE shard = 5 AND n = 0`,
  'DELETE FROM read.payment WHERE shard = 6',
  'UPDATE read.balance SET debits = debits + 1',
  'UPDATE read.refund SET amount = amount + 1',
]

describe('a rebuild', () => {
  test('under an owner that writes all the time leaves exactly what the journal folds to, and the owner goes on', async () => {
    await decide(60)
    await flush()
    for (const text of harms) await harness.admin.query(text)
    const report = await beside(() => decide(4).then(flush), rebuild)
    expect(report).toMatchObject({ parked: [], heldMs: expect.any(Number), hadLeftovers: false, leftBehind: null })
    expect(report.rows).toBeGreaterThan(180)
    await decide(5)
    await flush()
    await expectFold()
    expect(await leftovers()).toEqual(none)
  })

  test('brings cursors that were behind forward; their owners, who have heard of less, go on from there', async () => {
    await decide(20)
    await flush()
    await decide(20)
    const [first] = followers
    expect(first?.shard.read.stored).toBeLessThan(first?.shard.lastDurable ?? 0)
    await rebuild()
    await expectFold()
    await decide(5)
    await flush()
    await expectFold()
  })

  test('needs no owner', async () => {
    await decide(30)
    await journal.close()
    expect((await rebuild()).heldMs).not.toBeNull()
    await expectFold()
  })

  test('sets an owner free that stood still before a row that somebody had planted', async () => {
    await decide(10)
    await flush()
    const { rows } = await harness.admin.query<{ position: number }>(
      `SELECT max(position) + 1 AS position FROM journal WHERE shard = 5`,
    )
    const position = Number(rows[0]?.position)
    const columns =
      'posted_at, amount, shard, n, live, entity, merchant, currency, debit, credit, phase, connection, operation'
    for (let ahead = 0; ahead < 30; ahead += 1) {
      await harness.admin.query(
        `INSERT INTO read.transfer (position, ${columns}) SELECT ${position + ahead}, ${columns} FROM read.transfer
        WHERE shard = 5 AND n = 0 ORDER BY position LIMIT 1`,
      )
    }
    await harness.admin.query(`ALTER TABLE read.payment ADD CONSTRAINT spoilt CHECK (shard <> 5) NOT VALID`)
    const [first] = followers
    await decide(20)
    for (let round = 0; round < 6; round += 1) await flush()
    expect(first?.side.parked).toEqual([5])
    await harness.admin.query(`ALTER TABLE read.payment DROP CONSTRAINT spoilt`)
    await rebuild()
    first?.clock.advance(60_000)
    await decide(5)
    for (let round = 0; round < 6; round += 1) await flush()
    expect(first?.side.parked).toEqual([])
    expect((first as Follower).troubles.splice(0)).toEqual([`read_parked ${position}`])
    await expectFold()
  })

  test('that meets a decision which cannot be stored names it and swaps nothing', async () => {
    await decide(10)
    await flush()
    await harness.admin.query(`UPDATE journal SET data = '\\xc1' WHERE shard = 6 AND position = 4`)
    const before = await harness.readTables(6)
    const { code, out, err } = await shardpay('projections', 'rebuild')
    expect([code, err]).toEqual([
      1,
      expect.stringContaining('decisions of 1 shards cannot be stored: nothing was swapped'),
    ])
    expect(out).toMatch(/shard 6, position 4: the decision cannot be stored: .+\nnothing was swapped\n/)
    expectTables(await harness.readTables(6), before)
    expect(await leftovers()).toEqual(none)
  })

  test('meets a constraint as an owner does', async () => {
    await decide(10)
    await flush()
    // not valid for what is there, in force for what is folded once more
    await harness.admin.query(`ALTER TABLE read.payment ADD CONSTRAINT strict CHECK (shard <> 900) NOT VALID`)
    const { code, out } = await shardpay('projections', 'rebuild', '--json')
    const { databases } = JSON.parse(out) as { databases: { swapped: boolean; parked: { shard: number }[] }[] }
    expect([code, databases[0]?.swapped, databases[0]?.parked]).toMatchObject([
      ...[1, false],
      [{ shard: 900, position: expect.any(Number), reason: expect.stringContaining('23514 strict') }],
    ])
  })

  test('of a journal with a gap swaps nothing', async () => {
    await decide(10)
    await harness.admin.query(`DELETE FROM journal WHERE shard = 900 AND position = 3`)
    const { code, err } = await shardpay('projections', 'rebuild')
    expect([code, err]).toEqual([1, expect.stringContaining('positions of a shard are gapless')])
    expect(await leftovers()).toEqual(none)
  })

  test('while lists are read never shows less than before, and never fails one', async () => {
    await decide(60)
    await flush()
    const queries = new MerchantQueries([database()], systemClock)
    try {
      const owner = { merchant: foldOf(await harness.rows(5)).payments[0]?.merchant ?? '', live: false }
      const page = { limit: 100, direction: 'older' } as const
      let [most, reads] = [0, 0]
      const read = async (): Promise<void> => {
        const [listed, refunds, { rows }] = await Promise.all([
          queries.payments(owner, {}, page),
          queries.parts('refund', owner, {}, undefined, page),
          queries.balances(owner),
        ])
        const seen = listed.rows.length + refunds.rows.length + rows.length
        expect(seen).toBeGreaterThanOrEqual(most)
        most = seen
        reads += 1
      }
      await beside(read, async () => {
        for (let round = 0; round < 3; round += 1) await rebuild()
      })
      expect(most).toBeGreaterThan(10)
      expect(reads).toBeGreaterThan(3)
    } finally {
      await queries.close()
    }
  })

  test('waits for a proof that has begun, which finds the books as they were', async () => {
    await decide(20)
    await flush()
    const proof = await ProofSnapshot.open(harness.url)
    const waiting: (readonly string[])[] = []
    const rebuilding = rebuild({
      progress: ({ inUseBy }) => {
        if (inUseBy !== undefined) waiting.push(inUseBy)
      },
    })
    await expect.poll(() => waiting.length, { timeout: 20_000 }).toBeGreaterThan(0)
    expect(waiting[0]?.[0]).toMatch(/^shardpay-proof \(pid \d+/)
    const { rows } = await proof.client.query<{ sums: number }>('SELECT count(*)::int AS sums FROM read.transfer')
    expect(rows[0]?.sums).toBe((await harness.admin.query('SELECT FROM read.transfer')).rowCount)
    await proof.close()
    expect((await rebuilding).heldMs).not.toBeNull()
    await expectFold()
  })

  test('gives up in the end where somebody reads for ever', async () => {
    await decide(5)
    const proof = await ProofSnapshot.open(harness.url)
    const limits = { patienceMs: 300, againMs: 20 }
    await expect(rebuild({ limits })).rejects.toMatchObject({ code: 'rebuild_in_use' })
    await proof.close()
    expect(await leftovers()).toEqual(none)
  })

  test('changes nothing of a month that was closed: positions of the journal say what is in it', async () => {
    await decide(40)
    await flush()
    const reads = new LedgerReads([database()])
    const positions = Array.from({ length: shardCount }, (_, shard) => (shards.includes(shard) ? 20 : 0))
    const before = await reads.sums({ before: Number.MAX_SAFE_INTEGER, positions })
    expect(before.length).toBeGreaterThan(0)
    await rebuild()
    const sorted = (sums: typeof before) =>
      sums.map((sum) => `${sum.account} ${sum.currency} ${sum.debits} ${sum.credits}`).sort()
    expect(sorted(await reads.sums({ before: Number.MAX_SAFE_INTEGER, positions }))).toEqual(sorted(before))
  })
})

describe('a dry run', () => {
  test('finds nothing where nothing is wrong, while an owner writes', async () => {
    await decide(30)
    await flush()
    const dryRun = () => shardpay('projections', 'rebuild', '--dry-run')
    const { code, out, err } = await beside(() => decide(3).then(flush), dryRun)
    expect([code, err]).toEqual([0, ''])
    expect(out).toContain('the live tables are what the journal says\n')
    expect(await leftovers()).toEqual(none)
    await expectFold()
  })

  test('finds what was changed, removed and added, by shard and table, and changes nothing', async () => {
    await decide(40)
    await flush()
    for (const text of harms) await harness.admin.query(text)
    const before = new Map<number, ReadTables>()
    for (const shard of shards) before.set(shard, await harness.readTables(shard))
    const { code, out, err } = await shardpay('projections', 'rebuild', '--dry-run')
    expect([code, err]).toEqual([1, expect.stringMatching(/the live tables differ from the journal at \d+ places/)])
    expect(out).toMatch(/ {2}shard 5, transfer: \d+ surplus, \d+ changed \(\d+_0, /)
    expect(out).toMatch(/ {2}shard 6, payment: \d+ missing \([0-9a-f]{32}, /)
    expect(out).toMatch(/ {2}shard \d+, refund: \d+ changed \([0-9a-f]{32}_1[,)]/)
    expect(out).toMatch(/ {2}all shards, balance: \d+ changed \(mer_\S+ test [A-Z]{3} /)
    for (const [shard, tables] of before) expectTables(await harness.readTables(shard), tables)
    expect(await leftovers()).toEqual(none)
  })

  test('says where the live tables stand still', async () => {
    await decide(5)
    await flush()
    await decide(5)
    const { code, out } = await shardpay('projections', 'rebuild', '--dry-run')
    expect(code).toBe(1)
    expect(out).toContain('  shard 5: the live tables stand at position 6, the journal had 11\n')
  })
})

describe('a rebuild that is interrupted', () => {
  test('by kill -9 leaves the live tables as they were, and the next one succeeds', async () => {
    await decide(20)
    await flush()
    const before = await harness.readTables(5)
    const args = ['bin/shardpay.ts', 'projections', 'rebuild']
    const child = spawn(process.execPath, args, { env: { ...process.env, DATABASE_URL: harness.url }, stdio: 'ignore' })
    const ended = once(child, 'exit')
    // it is kept from filling the new tables until it is dead
    await held('read_next.balance', async () => {
      child.kill('SIGKILL')
      await ended
    })
    expectTables(await harness.readTables(5), before)
    await decide(3)
    await flush()
    const { code, out } = await shardpay('projections', 'rebuild')
    expect([code, out]).toEqual([
      0,
      expect.stringContaining('an interrupted rebuild had left tables behind: they were dropped\n'),
    ])
    await expectFold()
    expect(await leftovers()).toEqual(none)
  })

  test('by its database leaves them too, and says that nothing was swapped', async () => {
    await decide(20)
    await flush()
    const before = await harness.readTables(5)
    const running = shardpay('projections', 'rebuild')
    await held('read_next.balance', async () => {
      await harness.admin.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'shardpay-rebuild' AND datname = current_database()`,
      )
    })
    const { code, err } = await running
    expect([code, err]).toEqual([3, expect.stringContaining('nothing was swapped')])
    expectTables(await harness.readTables(5), before)
    expect((await shardpay('projections', 'rebuild')).code).toBe(0)
    await expectFold()
  })

  test('by another one says so', async () => {
    await decide(20)
    const running = shardpay('projections', 'rebuild')
    await held('read_next.balance', async () => {
      const { code, err } = await shardpay('projections', 'rebuild')
      expect([code, err]).toEqual([1, expect.stringContaining('another rebuild of this database is under way')])
    })
    expect((await running).code).toBe(0)
  })

  /** As soon as the table is there nobody writes to it, until the work is done. */
  async function held(table: string, work: () => Promise<void>): Promise<void> {
    const { admin } = harness
    for (;;) {
      const { rows } = await admin.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [table])
      if (rows[0]?.there === true) break
    }
    await admin.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`)
    try {
      await work()
    } finally {
      await admin.query('COMMIT')
    }
  }
})

test('what is kept is there afterwards, and is not overwritten', async () => {
  await decide(10)
  await flush()
  await harness.admin.query(harms[0] ?? '')
  expect((await shardpay('projections', 'rebuild', '--keep-old')).code).toBe(0)
  const { rows } = await harness.admin.query(
    `SELECT (SELECT sum(amount) FROM read_old.transfer) - (SELECT sum(amount) FROM read.transfer) AS more`,
  )
  expect(Number((rows[0] as { more: string }).more)).toBeGreaterThan(0)
  const again = await shardpay('projections', 'rebuild', '--keep-old')
  expect([again.code, again.err]).toEqual([1, expect.stringContaining('DROP SCHEMA read_old CASCADE')])
  expect((await shardpay('projections', 'rebuild', '--keep-old', '--dry-run')).code).toBe(2)
  await expectFold()
})
