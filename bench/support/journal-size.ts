/** How many bytes of the journal one payment takes, indexes included: measured on payments as the machine decides them. */
import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import type { AppendOutcome, Ownership } from '../../actors/journal.ts'
import { shardCount } from '../../domain/ids.ts'
import type { CaptureMethod } from '../../domain/payment/state.ts'
import { startJournal } from '../../test/support/started-journal.ts'
import { closedLoop } from './closed-loop.ts'
import { hexId } from './host-rig.ts'
import { benchPayment, benchPaymentKind, paymentRows } from './payments.ts'

export interface JournalSize {
  readonly payments: number
  readonly rowsPerPayment: number
  /** Encoded decisions alone: `data` and `private`. */
  readonly payloadBytes: number
  readonly tableBytes: number
  readonly indexBytes: number
  readonly wrong: readonly string[]
}

const payments = 20_000

const sizeQuery = `
  SELECT sum(pg_table_size(relid))::float8 AS "table", sum(pg_indexes_size(relid))::float8 AS indexes
  FROM pg_partition_tree('journal') WHERE isleaf`

/** Writes payments into an empty journal and answers what one of them takes. */
export async function journalSize(databaseUrl: string, captureMethod: CaptureMethod): Promise<JournalSize> {
  const started = await startJournal({
    databaseUrl,
    node: 'bench',
    incarnation: randomBytes(8).toString('hex'),
  })
  const { journal } = started
  const client = new Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const owned = await journal.acquire(Array.from({ length: shardCount }, (_, shard) => shard))
    const ownerships = new Map(owned.map((ownership) => [ownership.shard, ownership]))
    const before = await sizes(client)
    const kind = benchPaymentKind()
    const wrong: string[] = []
    let rowsCount = 0
    let payloadBytes = 0
    await closedLoop({
      concurrency: 500,
      count: payments,
      async start(index) {
        const payment = benchPayment(index)
        for (const row of paymentRows(kind, payment, captureMethod)) {
          const command = hexId(`${payment.id} ${row.seq}`)
          const ownership = ownerships.get(payment.address.shard) as Ownership
          const { kind: outcome } = await new Promise<AppendOutcome>((settle) =>
            journal.append(ownership, { record: { ...payment.address, ...row, command, keyId: null }, settle }),
          )
          if (outcome !== 'durable') wrong.push(`a row of ${payment.id} is ${outcome}`)
          rowsCount += 1
          payloadBytes += row.data.length + (row.private?.length ?? 0)
        }
      },
    })
    const after = await sizes(client)
    const { rows } = await client.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM journal WHERE type <> 'epoch'`,
    )
    if (rows[0]?.count !== rowsCount) wrong.push(`${rows[0]?.count} rows of ${rowsCount}`)
    return {
      payments,
      rowsPerPayment: rowsCount / payments,
      payloadBytes: payloadBytes / payments,
      tableBytes: (after.table - before.table) / payments,
      indexBytes: (after.indexes - before.indexes) / payments,
      wrong,
    }
  } finally {
    await client.end()
    await started.close()
  }
}

async function sizes(client: Client): Promise<{ table: number; indexes: number }> {
  const { rows } = await client.query<{ table: number; indexes: number }>(sizeQuery)
  return rows[0] ?? { table: 0, indexes: 0 }
}
