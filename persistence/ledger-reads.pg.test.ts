import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { shardCount } from '../domain/ids.ts'
import { bookedBefore } from '../domain/ledger/closes.ts'
import type { EntryFilter, LedgerEntry } from '../domain/ledger/report.ts'
import { trialBalances } from '../domain/ledger/trial-balance.ts'
import { day, merchantId, startedAt } from '../domain/payment/testing/fixtures.ts'
import { captured, refunded, storedLedger, type StoredLedger } from '../test/support/ledger-fixture.ts'
import { LedgerReads } from './ledger-reads.ts'

let ledger: StoredLedger
let shard: number
let reads: LedgerReads

beforeAll(async () => {
  ledger = await storedLedger(refunded)
  shard = ledger.shard
  reads = new LedgerReads([{ url: ledger.database.url, first: 0, last: shardCount - 1 }])
})

afterAll(() => ledger.drop())

const always = bookedBefore(startedAt + 9 * day, [])
const never = bookedBefore(0, [])

async function entries(filter: Partial<EntryFilter> = {}): Promise<readonly LedgerEntry[]> {
  const found: LedgerEntry[] = []
  for await (const page of reads.entries({ from: never, to: always, ...filter })) found.push(...page)
  return found
}

describe('sums', () => {
  const receivable = async (before: number) => {
    const [balance] = trialBalances(await reads.sums(bookedBefore(before, [])))
    return balance?.lines.find(({ account }) => account === 'psp_receivable')?.debit
  }

  test('are as of an instant: a transfer at it is not before it', async () => {
    expect(await receivable(startedAt + day)).toBeUndefined()
    expect(await receivable(startedAt + day + 1)).toBe(100n)
    expect(await receivable(startedAt + 2 * day)).toBe(100n)
    expect(await receivable(startedAt + 3 * day)).toBe(40n)
  })

  test('are of one merchant where one is named', async () => {
    expect(await reads.sums(always, 'mer_other')).toEqual([])
    expect(trialBalances(await reads.sums(always, merchantId))).toEqual(trialBalances(await reads.sums(always)))
  })

  test('of a closed month leave out what reached its shard behind the close', async () => {
    const positions = Array.from({ length: shardCount }, () => 0)
    const beforeRefund = captured.rows.length
    const close = { until: startedAt + 9 * day, positions: positions.with(shard, beforeRefund) }
    const [closed] = trialBalances(await reads.sums(bookedBefore(close.until, [close])))
    expect(closed?.debit).toBe(100n)
    const next = { from: bookedBefore(close.until, [close]), to: bookedBefore(close.until + day, [close]) }
    expect((await entries(next)).map(({ position }) => position)).toEqual([
      ...[beforeRefund + 1, beforeRefund + 2, beforeRefund + 2],
    ])
  })
})

describe('clearing accounts', () => {
  test('are listed with what stands in them, and since when', async () => {
    expect(await reads.open(['psp_receivable', 'dispute_receivable'])).toEqual([
      {
        ...{ live: false, currency: 'EUR', connection: 'first', account: 'psp_receivable', balance: 40n },
        since: Math.floor((startedAt + day) / day) * day,
      },
    ])
  })
})

describe('entries', () => {
  test('are all transfers in the order they were posted', async () => {
    const transfers = refunded.rows.flatMap((row) => row.transfers)
    expect((await entries()).map(({ debit, credit, amount }) => [debit, credit, amount])).toEqual(
      transfers.map(({ debit, credit, amountMinor }) => [debit, credit, amountMinor]),
    )
  })

  test('are of an account, a merchant and a range', async () => {
    expect((await entries({ account: 'auth_hold' })).map(({ n }) => n)).toHaveLength(2)
    expect(await entries({ merchant: 'mer_other' })).toEqual([])
    const fifth = { from: bookedBefore(startedAt + day, []), to: bookedBefore(startedAt + day + 1, []) }
    expect((await entries(fifth)).every(({ postedAt }) => postedAt === startedAt + day)).toBe(true)
  })

  test('whoever stops reading frees its connection', async () => {
    for (let round = 0; round < 9; round += 1) {
      for await (const page of reads.entries({ from: never, to: always })) if (page.length > 0) break
    }
    expect(
      (await ledger.admin.query(`SELECT FROM pg_stat_activity WHERE application_name = 'shardpay-proof'`)).rowCount,
    ).toBe(0)
  })

  test('more than a few reports at once are refused', async () => {
    const open = Array.from({ length: 4 }, () => reads.entries({ from: never, to: always }))
    await Promise.all(open.map((each) => each.next()))
    await expect(reads.sums(always)).rejects.toMatchObject({ code: 'ledger_busy' })
    await Promise.all(open.map((each) => each.return(undefined)))
    await expect(reads.sums(always)).resolves.not.toEqual([])
  })
})

test('the state says how far each shard was followed, and since when something is missing', async () => {
  const { positions, behindSince } = await reads.state()
  expect([positions.length, positions[shard], behindSince]).toEqual([shardCount, refunded.rows.length, undefined])
  await ledger.admin.query(
    `UPDATE shard_cursor SET position = position - 1 WHERE shard = ${shard} AND consumer = 'read'`,
  )
  expect((await reads.state()).behindSince).toBe(refunded.rows.at(-1)?.meta.at)
})
