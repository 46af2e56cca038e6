import { afterEach, describe, expect, inject, test } from 'vitest'
import { addressOfPayment, operationIdOf, paymentIdOf } from '../domain/ids.ts'
import { createTestDatabase, type TestDatabase } from '../test/support/test-database.ts'
import type { JournalDatabase } from './journal-databases.ts'
import { type NoticeKey, type OperationKey, OperatorReads } from './operator-reads.ts'
import { withClient } from './with-client.ts'

const ended: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end()
})

interface Read {
  readonly reads: OperatorReads
  /** Runs a statement in the database of the shard. */
  write(shard: number, text: string, values: readonly unknown[]): Promise<void>
}

async function over(databaseCount: 1 | 2): Promise<Read> {
  const fresh: TestDatabase[] = []
  for (let n = 0; n < databaseCount; n += 1) fresh.push(await createTestDatabase(inject('postgresUrl')))
  const [low, high] = fresh.map(({ url }) => url)
  const databases: readonly JournalDatabase[] =
    low === undefined || high === undefined
      ? [{ first: 0, last: 1023, url: low ?? '' }]
      : [
          { first: 0, last: 511, url: low },
          { first: 512, last: 1023, url: high },
        ]
  const reads = new OperatorReads(databases, { node: 'reader', incarnation: 'i1' })
  ended.push(...fresh.map(({ drop }) => drop), () => reads.close())
  return {
    reads,
    async write(shard, text, values) {
      const url = databases.find(({ first, last }) => shard >= first && shard <= last)?.url ?? ''
      await withClient(url, (client) => client.query(text, [...values]))
    },
  }
}

/** Operations of payments, in order of their place. */
const operations = Array.from({ length: 12 }, (_, n): OperationKey => {
  const payment = paymentIdOf(Buffer.alloc(32, 1), 'mer_1', 'test', `k${n >> 1}`)
  const { shard = 0, entity = '' } = addressOfPayment(payment) ?? {}
  return { shard, entity, operation: operationIdOf('re', payment, 1 + (n % 2)) }
}).sort((a, b) => a.shard - b.shard || (`${a.entity}${a.operation}` < `${b.entity}${b.operation}` ? -1 : 1))

async function keepTimer({ write }: Read, { shard, entity, operation }: OperationKey, kind: string): Promise<void> {
  const text = `INSERT INTO timer (shard, entity, operation, kind, due) VALUES ($1, decode($2, 'hex'), $3, $4, 9)`
  await write(shard, text, [shard, entity, operation, kind])
}

const entityOf = (n: number): string => `${(n * 64).toString(16).padStart(4, '0')}${'0'.repeat(27)}1`

describe.each([1, 2] as const)('over %d databases', (databaseCount) => {
  test('operations in doubt are listed in order, page after page, and no others', async () => {
    const read = await over(databaseCount)
    for (const [n, key] of operations.entries())
      await keepTimer(read, key, n % 3 === 0 ? 'payment.manual' : 'payment.inquiry')
    await keepTimer(read, { ...(operations[0] as OperationKey), operation: '' }, 'payment.confirm_deadline')
    await keepTimer(read, operations[1] as OperationKey, 'payment.call_deadline')
    expect(await read.reads.inDoubt(undefined, 100)).toEqual(operations)
    const paged: OperationKey[] = []
    for (;;) {
      const page = await read.reads.inDoubt(paged.at(-1), 5)
      if (page.length === 0) break
      expect(page.length).toBeLessThanOrEqual(5)
      paged.push(...page)
    }
    expect(paged).toEqual(operations)
    expect(await read.reads.compensable(undefined, 100)).toEqual([])
  })

  test('captures that wait to be given back are listed in order, page after page, and no others', async () => {
    const read = await over(databaseCount)
    const [first, ...others] = operations
    for (const key of others) await keepTimer(read, key, 'payment.compensation')
    if (first !== undefined) await keepTimer(read, first, 'payment.manual')
    const begun = await read.reads.compensable(undefined, 4)
    expect(begun).toEqual(others.slice(0, 4))
    expect(await read.reads.compensable(begun.at(-1), 100)).toEqual(others.slice(4))
  })

  test('decisions come in order of sequence, from the first, no more than asked for, without what is private', async () => {
    const read = await over(databaseCount)
    const keys = [900, 3].map((shard) => ({ shard, entity: entityOf(shard) }))
    for (const { shard, entity } of keys) {
      await read.write(
        shard,
        `INSERT INTO journal (shard, position, entity, seq, epoch, command, type, at, data, private)
        SELECT $1, seq, decode($2, 'hex'), seq, 1, decode($2, 'hex'), 'payment.create', 7, '\\x80', '\\x81' FROM generate_series(1, 5) AS seq`,
        [shard, entity],
      )
    }
    const rows = await read.reads.decisions([...keys, { shard: 5, entity: entityOf(5) }], 3)
    expect(rows.map(({ shard, seq }) => `${shard} ${seq}`)).toEqual(['3 1', '3 2', '3 3', '900 1', '900 2', '900 3'])
    expect(rows.every((row) => !('private' in row))).toBe(true)
    expect(await read.reads.decisions([], 3)).toEqual([])
  })

  test('notices are found by standing or by payment, the oldest first, page after page', async () => {
    const read = await over(databaseCount)
    const payment = operations[0]?.entity ?? ''
    const statuses = ['received', 'orphaned', 'delivered', 'kept'] as const
    for (let n = 0; n < 12; n += 1) {
      const shard = (n * 97) % 1_024
      const status = statuses[n % 4] ?? 'kept'
      await read.write(
        shard,
        `INSERT INTO psp_notice (shard, entity, connection, notice, type, status, reason, payment, received_at)
        VALUES ($1, decode($2, 'hex'), 'stripe-test', $3, 'charge.refunded', $4, $5, decode($6, 'hex'), $7)`,
        [
          shard,
          entityOf(n),
          `evt_${n}`,
          status,
          status === 'orphaned' ? 'payment_unknown' : null,
          n % 4 === 3 ? null : payment,
          100 - (n >> 1),
        ],
      )
    }
    const names = async (...args: Parameters<OperatorReads['notices']>): Promise<readonly string[]> =>
      (await read.reads.notices(...args)).map(({ notice }) => notice)
    const open = { statuses: ['received', 'orphaned'] } as const
    const all = await names(open, undefined, 100)
    expect(all.toSorted()).toEqual(['evt_0', 'evt_1', 'evt_4', 'evt_5', 'evt_8', 'evt_9'])
    expect(all.slice(0, 2).toSorted()).toEqual(['evt_8', 'evt_9'])
    expect(await names({ statuses: ['orphaned'] }, undefined, 100)).toEqual(['evt_9', 'evt_5', 'evt_1'])
    expect(await names({ statuses: ['kept'] }, undefined, 100)).toEqual([])
    const ofPayment = { statuses: [...statuses], payment }
    expect((await names(ofPayment, undefined, 100)).toSorted()).toHaveLength(9)
    expect(await names({ statuses: ['delivered'], payment }, undefined, 100)).toEqual(['evt_10', 'evt_6', 'evt_2'])
    const paged: string[] = []
    let after: NoticeKey | undefined
    for (;;) {
      const page = await read.reads.notices(open, after, 2)
      if (page.length === 0) break
      paged.push(...page.map(({ notice }) => notice))
      after = page.at(-1)
    }
    expect(paged).toEqual(all)
    expect(await read.reads.notices({ statuses: ['orphaned'] }, undefined, 1)).toMatchObject([
      {
        connection: 'stripe-test',
        notice: 'evt_9',
        status: 'orphaned',
        reason: 'payment_unknown',
        payment,
        receivedAt: 96,
      },
    ])
  })
})

test('where a database is away there is no list', async () => {
  const { url, drop } = await createTestDatabase()
  const databases = [
    { first: 0, last: 511, url },
    { first: 512, last: 1023, url: 'postgres://postgres@127.0.0.1:9/none' },
  ]
  const reads = new OperatorReads(databases, { node: 'reader', incarnation: 'i1' })
  ended.push(drop, () => reads.close())
  await expect(reads.inDoubt(undefined, 10)).rejects.toMatchObject({ code: 'journal_unavailable' })
  await expect(reads.notices({ statuses: ['received'] }, undefined, 10)).rejects.toMatchObject({
    code: 'journal_unavailable',
  })
})
