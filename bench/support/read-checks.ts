/** What the read side must hold after all that was written: as many of everything as were written, and the fold of the journal. */
import type { Client } from 'pg'
import { proveBalances, proveLedger } from '../../bin/ledger-proof.ts'
import { MerchantQueries } from '../../persistence/queries.ts'
import type { Key } from '../../persistence/queries-statement.ts'
import type { Life } from './read-lives.ts'

const statusOf = {
  captured: 'captured',
  capturedLater: 'captured',
  authorized: 'authorized',
  declined: 'failed',
} as const
/** Shards whose journal is folded anew and compared row by row. */
const sampledShards = [3, 341, 512, 700, 1_020]

/** What was written. */
export class Written {
  payments = 0
  transfers = 0
  refunds = 0
  disputes = 0
  readonly statuses = new Map<string, number>()
  readonly merchants = new Map<string, number>()

  add({ merchant, course, steps }: Life): void {
    this.payments += 1
    this.transfers += steps.reduce((sum, { heard }) => sum + heard.transfers.length, 0)
    if (course === 'refunded') this.refunds += 1
    if (course === 'disputed') this.disputes += 1
    const status = course === 'refunded' || course === 'disputed' ? 'captured' : statusOf[course]
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
    this.merchants.set(merchant, (this.merchants.get(merchant) ?? 0) + 1)
  }
}

/** What is wrong, in words. */
export async function wrongReadSide(client: Client, databaseUrl: string, written: Written): Promise<string[]> {
  const wrong: string[] = []
  const expectCount = (what: string, found: number, expected: number): void => {
    if (found !== expected) wrong.push(`${what}: ${found} are there, ${expected} were written`)
  }
  for (const part of ['refund', 'dispute', 'transfer'] as const) {
    const { rows } = await client.query<{ count: number }>(`SELECT count(*)::int AS count FROM read.${part}`)
    expectCount(`${part}s`, rows[0]?.count ?? 0, written[`${part}s`])
  }
  const counted = await client.query<{ status: string; merchant: string; count: number }>(
    'SELECT status, merchant, count(*)::int AS count FROM read.payment GROUP BY status, merchant',
  )
  const [statuses, merchants] = [new Map<string, number>(), new Map<string, number>()]
  for (const { status, merchant, count } of counted.rows) {
    statuses.set(status, (statuses.get(status) ?? 0) + count)
    merchants.set(merchant, (merchants.get(merchant) ?? 0) + count)
  }
  for (const status of new Set([...statuses.keys(), ...written.statuses.keys()])) {
    expectCount(`payments that are ${status}`, statuses.get(status) ?? 0, written.statuses.get(status) ?? 0)
  }
  for (const merchant of new Set([...merchants.keys(), ...written.merchants.keys()])) {
    expectCount(`payments of ${merchant}`, merchants.get(merchant) ?? 0, written.merchants.get(merchant) ?? 0)
  }
  wrong.push(...(await wrongWalk(databaseUrl, written)))
  const databases = [{ url: databaseUrl, first: 0, last: 1_023 }]
  wrong.push(...(await proveBalances(databases)))
  wrong.push(...(await proveLedger({ databases, shards: new Set(sampledShards) })).problems)
  return wrong
}

/** A merchant of the middle, page by page: each payment once, newest first. */
async function wrongWalk(databaseUrl: string, written: Written): Promise<readonly string[]> {
  const bySize = [...written.merchants].sort(([, a], [, b]) => b - a)
  const [merchant, count] = bySize[Math.floor(bySize.length / 2)] ?? ['', 0]
  const queries = new MerchantQueries([{ first: 0, last: 1_023, url: databaseUrl }], {
    monotonic: () => performance.now(),
  })
  const seen = new Set<string>()
  let walked = 0
  try {
    for (let from: Key | undefined; ; ) {
      const page = { limit: 100, direction: 'older', ...(from !== undefined && { from }) } as const
      const { rows, hasMore } = await queries.payments({ merchant, live: false }, {}, page)
      for (const { entity } of rows) seen.add(entity)
      walked += rows.length
      const last = rows.at(-1)
      if (!hasMore || last === undefined) break
      from = [last.at, last.entity]
    }
  } finally {
    await queries.close()
  }
  if (walked === count && seen.size === count) return []
  return [`the list of ${merchant} has ${walked} payments, ${seen.size} of them different; ${count} were written`]
}
