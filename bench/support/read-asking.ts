/**
 * Merchants' queries at fixed rates, whether or not the ones before are answered: an open loop. Times are from the moment a query
 * was due. It is a thread of its own, so that who writes and who asks do not wait for each other's event loop.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { MerchantQueries, type QueryDatabase } from '../../persistence/queries.ts'
import { QueriesUnavailable, type RowOwner } from '../../persistence/queries-pool.ts'
import type { PageBounds } from '../../persistence/queries-statement.ts'
import { type Random, seededRandom } from '../../runtime/random.ts'
import { Samples } from './percentile.ts'

/** A payment that is there. */
export interface KnownPayment {
  readonly merchant: string
  readonly shard: number
  readonly entity: string
  /** Unix milliseconds. */
  readonly createdAt: number
  readonly reference: string
}

export interface Asking {
  readonly databaseUrl: string
  /** Chosen as merchants are: the larger, the more often. */
  readonly known: readonly KnownPayment[]
  readonly milliseconds: number
  /** All queries together are this many times {@link asked}. */
  readonly scale: number
}

export interface Asked {
  readonly name: string
  readonly perSecond: number
  readonly answered: number
  /** The database did not answer in time, or too many waited. */
  readonly unavailable: number
  readonly p50: number
  readonly p99: number
}

type Query = (
  queries: MerchantQueries,
  owner: RowOwner,
  known: KnownPayment,
) => Promise<{ readonly rows: readonly object[] }>

const bounds: PageBounds = { limit: 10, direction: 'older' }
const dayMs = 86_400_000
const accountOf = (account: string) => ({ currency: 'EUR', connection: 'stripe-test', account })

/** By name: how many a second beside 2,000 payments a second, and what is asked. */
const asked: Readonly<Record<string, readonly [perSecond: number, query: Query]>> = {
  'payments, first page': [100, (queries, owner) => queries.payments(owner, {}, bounds)],
  'payments, 100 of them': [10, (queries, owner) => queries.payments(owner, {}, { ...bounds, limit: 100 })],
  'payments, deep cursor': [
    50,
    (queries, owner, { createdAt, entity }) => queries.payments(owner, {}, { ...bounds, from: [createdAt, entity] }),
  ],
  'payments, status failed': [40, (queries, owner) => queries.payments(owner, { status: 'failed' }, bounds)],
  'payments, status pending': [10, (queries, owner) => queries.payments(owner, { status: 'pending' }, bounds)],
  'payments, currency and a day': [
    20,
    (queries, owner, { createdAt }) =>
      queries.payments(owner, { currency: 'USD', createdFrom: createdAt - dayMs, createdBefore: createdAt }, bounds),
  ],
  'payments, by reference': [
    50,
    (queries, owner, { reference }) => queries.payments(owner, { merchantReference: reference }, bounds),
  ],
  'search, status and amount': [
    20,
    (queries, owner) => queries.payments(owner, { status: 'captured', amountFrom: 15_000 }, bounds),
  ],
  'refunds, first page': [20, (queries, owner) => queries.parts('refund', owner, {}, undefined, bounds)],
  'balance and accounts': [50, (queries, owner) => queries.balances(owner)],
  'ledger, a usual account': [
    20,
    (queries, owner) => queries.entriesOfAccount(owner, accountOf('psp_receivable'), bounds),
  ],
  'ledger, a rare account': [
    20,
    (queries, owner) => queries.entriesOfAccount(owner, accountOf('dispute_fees'), bounds),
  ],
  'ledger, of one payment': [50, (queries, owner, known) => queries.entriesOfPayment(owner, known, bounds)],
}

interface Running {
  readonly name: string
  readonly everyMs: number
  readonly query: Query
  readonly latency: Samples
  nextAt: number
  unavailable: number
}

/** Runs in the thread. */
async function ask({ databaseUrl, known, milliseconds, scale }: Asking): Promise<readonly Asked[]> {
  const database: QueryDatabase = { first: 0, last: 1_023, url: databaseUrl }
  const queries = new MerchantQueries([database], { monotonic: () => performance.now() })
  const random: Random = seededRandom(3)
  const began = performance.now()
  const running = Object.entries(asked).map(([name, [perSecond, query]]): Running => {
    const everyMs = 1_000 / (perSecond * scale)
    return { name, everyMs, query, latency: new Samples(), nextAt: began + random.float() * everyMs, unavailable: 0 }
  })
  const underWay = new Set<Promise<void>>()
  const failures: unknown[] = []
  const send = (each: Running, due: number): void => {
    const chosen = known[Math.floor(random.float() * known.length)]
    if (chosen === undefined) throw new Error('there are payments to ask for')
    const answer = each.query(queries, { merchant: chosen.merchant, live: false }, chosen).then(
      () => each.latency.add(performance.now() - due),
      (error: unknown) => {
        if (error instanceof QueriesUnavailable) each.unavailable += 1
        else failures.push(error)
      },
    )
    underWay.add(answer)
    void answer.then(() => underWay.delete(answer))
  }
  try {
    while (performance.now() < began + milliseconds) {
      const now = performance.now()
      for (const each of running) {
        for (; each.nextAt <= now; each.nextAt += each.everyMs) send(each, each.nextAt)
      }
      await pause(2)
    }
    await Promise.all(underWay)
    if (failures.length > 0) throw failures[0]
  } finally {
    await queries.close()
  }
  const seconds = (performance.now() - began) / 1000
  return running.map(({ name, latency, unavailable }) => ({
    ...{ name, perSecond: latency.count / seconds, answered: latency.count, unavailable },
    ...{ p50: latency.percentile(0.5), p99: latency.percentile(0.99) },
  }))
}

/** Asks in a thread; resolves when all that was asked is answered. */
export function askInThread(asking: Asking): Promise<readonly Asked[]> {
  const worker = new Worker(new URL(import.meta.url), { workerData: asking })
  return new Promise((resolve, reject) => {
    worker.on('message', resolve)
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`the asking thread ended with ${code} and no answer`)))
  })
}

const port = parentPort
if (port !== null) port.postMessage(await ask(workerData as Asking))
